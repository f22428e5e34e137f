"""The rows of a table whose columns have a meaning -> samples; what can't be used is left out with the reason."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Any

import pyarrow as pa

from latentscape.datasets.content_kinds import HEAD_BYTES, WORDS, tell_by_name, tell_content
from latentscape.datasets.files import open_regular
from latentscape.datasets.labeled import Content, LabeledSamples
from latentscape.datasets.pair_parquet import refuse_extension
from latentscape.datasets.sample_found import Found, join_samples, nothing_usable
from latentscape.datasets.sample_labels import SampleLabels, number_labels
from latentscape.datasets.sample_roles import SPLIT_COLUMN, Columns, Roles, find_named, find_roles, is_stored
from latentscape.datasets.sample_splits import choose_split, refuse_split
from latentscape.datasets.sample_tables import SampleTable, reading
from latentscape.datasets.text import LONGEST_TEXT, explain_bad_text, fold, is_number, make_printable
from latentscape.errors import DataError, ResourceError
from latentscape.shapes import Kind

MOST_BYTES = 2**32
"""Of media inside a table: they are all held in memory."""
_NO_VALUE = frozenset({"nan", "NaN", "<NA>"})
"""How data frames and NumPy write into tables of text that there is no value."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Cell:
    """What the content column says of one row."""

    content: Content | None = None
    name: str = ""
    """Empty where only the row's number tells it from others."""
    kind: Kind | None = None
    """What its bytes, or the ending of its name, say that it is."""
    reason: str = ""
    """Why it can't be used."""


def take_rows(
    table: SampleTable,
    *,
    kind: Kind | None,
    columns: Columns,
    named: str,
    split: str | None = None,
    part: str = "",
) -> LabeledSamples:
    """The samples of a table, with the classes, groups and data sets its columns name.

    `part` is the split that the whole table is; without it, `split` chooses among those in its column `split`. Raises
    DataError for columns that are missing or of the wrong kind, and where no row can be used.
    """
    if not part:
        table, part = _keep_split(table, split)
    if not len(table):
        raise nothing_usable(named, table.skipped)
    roles = find_roles(table, columns, kind=kind)
    labels = _read_labels(table, roles.label)
    kind, cells = _settle_kind(table, _read_cells(table, roles, kind), wanted=kind)
    groups, datasets = (_spell_column(table, name) for name in (roles.group, roles.dataset))
    ids = _spell_column(table, _choose_ids(columns, roles, cells))
    found = [
        Found(
            content=cell.content,
            name=ids[row] or cell.name or f"row {row}",
            row=row,
            group=groups[row],
            dataset=datasets[row],
        )
        for row, cell in enumerate(cells)
        if cell.content is not None
    ]
    skipped = [
        (cell.name or table.name_row(row), _explain(table, row, cell))
        for row, cell in enumerate(cells)
        if cell.content is None
    ]
    skipped = (*table.skipped, *skipped)
    return join_samples(found, labels, kind=kind, named=named, skipped=skipped, root=table.folder, split=part)


def _keep_split(table: SampleTable, wanted: str | None) -> tuple[SampleTable, str]:
    """The rows of one split, where a column names them."""
    column = find_named(table, SPLIT_COLUMN)
    if column is None:
        refuse_split(wanted, shown=table.source)
        return table, ""
    values = _spell_column(table, column)
    split = choose_split(list(dict.fromkeys(filter(None, values))), wanted, shown=table.source)
    rows = [row for row, value in enumerate(values) if value == split]
    return replace(table, values=table.values.take(pa.array(rows)), places=list(map(table.name_row, rows))), split


def _read_column(table: SampleTable, name: str) -> list[Any]:
    """A column's values. Raises SafetyError for an extension type, ResourceError for more than memory should hold."""
    refuse_extension(table.values.schema.field(name), table.source)
    column = table.values.column(name)
    if column.nbytes > MOST_BYTES:
        raise ResourceError(
            f"`{name}` of {table.source} is too large to be held in memory",
            got=f"{column.nbytes / 2**30:.1f} GiB",
            expected=f"at most {MOST_BYTES >> 30} GiB",
            hint="choose a smaller `--split`, or write the samples as files beside a table of their names",
            fault="memory",
        )
    with reading(table.source):
        return column.to_pylist()


def _read_labels(table: SampleTable, name: str) -> SampleLabels:
    names, values = table.class_names.get(name), _read_column(table, name)
    if names is None:
        values = [None if isinstance(value, str) and value.strip() in _NO_VALUE else value for value in values]
    return number_labels(values, column=name, names=names)


def _spell_column(table: SampleTable, name: str | None) -> list[str]:
    """A column's values as words, empty where it says nothing; a whole number has no fraction."""
    if name is None:
        return [""] * len(table)
    names = table.class_names.get(name, ())
    return [_spell(value, names) for value in _read_column(table, name)]


def _spell(value: Any, names: Sequence[str]) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < len(names):
        return fold(names[value])
    if value is None or value != value:
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return make_printable(fold(str(value)))


def _choose_ids(columns: Columns, roles: Roles, cells: Sequence[_Cell]) -> str | None:
    """Samples with names of their own keep them, unless the user says otherwise."""
    return roles.ids if columns.ids is not None or not any(cell.name for cell in cells) else None


def _explain(table: SampleTable, row: int, cell: _Cell) -> str:
    return f"{table.name_row(row)}: {cell.reason}" if cell.name else cell.reason


def _read_cells(table: SampleTable, roles: Roles, kind: Kind | None) -> list[_Cell]:
    type_ = table.values.schema.field(roles.content).type
    values = _read_column(table, roles.content)
    if is_stored(type_) and kind != "text":
        return [_read_stored(value, table.folder) for value in values]
    if any(not isinstance(value, str) for value in values if value is not None):
        raise _wrong_kind(table, roles.content, f"values of type {type_}")
    if not roles.is_path:
        return _read_texts(values, table, roles.content)
    seen: dict[Path, str] = {}
    return [_read_file(value, table.folder, seen) for value in values]


def _read_texts(values: Sequence[str | None], table: SampleTable, column: str) -> list[_Cell]:
    if values and all(not value or is_number(value) for value in values):
        raise _wrong_kind(table, column, f"numbers, such as {next(filter(None, values), '')[:20]!r}")
    reasons = ["is empty" if value is None else explain_bad_text(value) for value in values]
    return [
        _Cell(reason=f"the text {reason}") if reason else _Cell(content=value, kind="text")
        for value, reason in zip(values, reasons, strict=True)
    ]


def _read_stored(value: Any, folder: Path | None) -> _Cell:
    """Bytes, or bytes beside the name of the file they come from, or that name alone."""
    data, name = (value.get("bytes"), value.get("path")) if isinstance(value, Mapping) else (value, None)
    shown = make_printable(PurePath(name).name) if isinstance(name, str) else ""
    if data:
        return _Cell(content=bytes(data), name=shown, kind=tell_content(bytes(data[:HEAD_BYTES])))
    if not isinstance(name, str) or not name:
        return _Cell(reason="no sound and no picture in it" if data is None else "it is empty")
    cell = _read_file(name, folder, {})
    return replace(cell, name=shown) if Path(name).is_absolute() else cell


def _read_file(value: str | None, folder: Path | None, seen: dict[Path, str]) -> _Cell:
    """The file that a row names; relative to the folder. Each file is a sample once."""
    if not value or not value.strip():
        return _Cell(reason="no path")
    if "://" in value:
        return _Cell(name=make_printable(value), reason="an address, not a file: download it first")
    folder = folder or Path()
    path = folder / value
    inside = path.is_relative_to(folder) and ".." not in path.parts
    name = make_printable(path.relative_to(folder).as_posix() if inside else value.lstrip("/\\"))
    try:
        with open_regular(path) as file:
            kind = tell_content(file.read(HEAD_BYTES)) or tell_by_name(value)
            real = path.resolve()
    except DataError as error:
        return _Cell(name=name, reason=error.what)
    if real in seen:
        return _Cell(name=name, reason=f"the same file is listed before, as {seen[real]}")
    seen[real] = name
    return _Cell(content=path, name=name, kind=kind)


def _settle_kind(table: SampleTable, cells: list[_Cell], *, wanted: Kind | None) -> tuple[Kind, list[_Cell]]:
    """What the samples are: as the user says, else what most of them are; the others are left out."""
    counts: Counter[Kind] = Counter(cell.kind for cell in cells if cell.kind is not None)
    usable = [cell for cell in cells if cell.content is not None]
    kind = wanted or (counts.most_common(1)[0][0] if counts else None)
    if not usable:
        reasons = tuple((cell.name or table.name_row(row), cell.reason) for row, cell in enumerate(cells))
        raise nothing_usable(table.source, (*table.skipped, *reasons))
    if kind is None:
        raise DataError(
            f"the samples of {table.source} are neither sound nor pictures nor text",
            got=usable[0].name or "bytes of an unknown kind",
            hint="say what they are with `--kind`",
            fault="data-format",
        )
    return kind, [_fit(cell, kind) for cell in cells]


def _fit(cell: _Cell, kind: Kind) -> _Cell:
    if cell.content is not None and cell.kind not in (kind, None):
        return replace(cell, content=None, reason=f"holds {WORDS[cell.kind]}, not {WORDS[kind]}")
    if kind == "text" and isinstance(cell.content, Path):
        text, reason = read_text_file(cell.content)
        return replace(cell, content=text, reason=reason)
    return cell


def read_text_file(path: Path) -> tuple[str | None, str]:
    """The text of a file; None and the reason where it can't be used."""
    with open_regular(path) as file:
        data = file.read(4 * LONGEST_TEXT + 1)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None, "it is not UTF-8 text"
    reason = explain_bad_text(text)
    return (None, f"the text {reason}") if reason else (text.strip(), "")


def _wrong_kind(table: SampleTable, column: str, got: str) -> DataError:
    return DataError(
        f"`{column}` of {table.source} holds no samples",
        got=got,
        expected="text, names of files, or files as bytes",
        hint="name the column of the samples with `--column`",
        fault="data-columns",
    )
