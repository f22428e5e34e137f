"""Tables written as text (CSV, TSV, JSON, JSON Lines) -> Arrow columns, line by line, with what could not be read."""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from latentscape.datasets.files import Skipped, open_regular
from latentscape.datasets.text import describe_kind, make_printable, normalize
from latentscape.errors import DataError

LARGEST_BYTES = 2**31
"""A larger file is refused rather than pulled into memory."""
_LONGEST_CELL = 2**24


@dataclass(frozen=True, kw_only=True)
class TextRows:
    """The rows of a text file that could be read."""

    values: pa.Table
    places: tuple[str, ...]
    """`line 7` for each row."""
    skipped: Skipped


class _KeysTwiceError(Exception):
    """A JSON object in which a key was given twice."""


def read_delimited(path: Path) -> TextRows:
    """CSV, semicolons or TSV; the first line holds the columns' names. Every cell is text, blanks around it dropped.

    A row of too many or too few cells is skipped with the reason. In a TSV quotes that make no sense are letters.
    Raises DataError for a file that is too large, not UTF-8, or has a broken quote.
    """
    text, shown = _read_text(path), make_printable(str(path))
    heading = text.partition("\n")[0]
    delimiter = max(",;\t", key=heading.count)
    with _long_cells():
        try:
            return _read_cells(text, shown, delimiter, quoting=csv.QUOTE_MINIMAL)
        except csv.Error as error:
            if delimiter != "\t":
                raise _broken(shown, str(error), hint="look at the quotes near that line") from None
            return _read_cells(text, shown, delimiter, quoting=csv.QUOTE_NONE)


def _read_cells(text: str, shown: str, delimiter: str, *, quoting: int) -> TextRows:
    source = io.StringIO(text, newline="")
    lines = csv.reader(source, delimiter=delimiter, strict=True, quoting=quoting)  # pyright: ignore[reportArgumentType]
    names = [normalize(name).strip() for name in next(lines, [])]
    _refuse_twins(names, shown)
    rows: list[list[str]] = []
    places: list[str] = []
    skipped: list[tuple[str, str]] = []
    try:
        for cells in lines:
            place = f"line {lines.line_num}"
            if len(cells) == len(names) and any(cells):
                rows.append([cell.strip() for cell in cells])
                places.append(place)
            elif any(cells):
                skipped.append((place, f"{len(cells)} cells under {len(names)} columns"))
    except csv.Error as error:
        raise csv.Error(f"line {lines.line_num}: {error}") from None
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(names)
    values = pa.table({name: pa.array(column, pa.string()) for name, column in zip(names, columns, strict=True)})
    return TextRows(values=values, places=tuple(places), skipped=tuple(skipped))


def _refuse_twins(names: Sequence[str], shown: str) -> None:
    twins = sorted({name for name in names if names.count(name) > 1})
    if twins:
        what = f"two columns of {shown} have one name"
        got = ", ".join(f"`{name}`" for name in twins[:5])
        raise DataError(what, got=got, hint="rename one of them", fault="data-columns")


@contextmanager
def _long_cells() -> Iterator[None]:
    """Python's own limit, 128 KiB a cell, is less than a long text."""
    before = csv.field_size_limit(_LONGEST_CELL)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def read_json(path: Path) -> TextRows:
    """An array of objects, one object a line, or one object of columns.

    In JSON Lines a broken line is skipped with its reason. Raises DataError for any other broken file.
    """
    text, shown = _read_text(path), make_printable(str(path))
    whole = _parse_whole(text, shown)
    found = _read_lines(text) if whole is None else [(f"row {row}", value, "") for row, value in enumerate(whole)]
    if "\\ud" in text.lower():
        found = [(place, row, reason or _explain_half(row)) for place, row, reason in found]
    skipped = [(place, reason) for place, _, reason in found if reason]
    rows = [(place, row) for place, row, reason in found if not reason and isinstance(row, Mapping)]
    skipped += [
        (place, f"is {describe_kind(row)}, not an object")
        for place, row, reason in found
        if not reason and not isinstance(row, Mapping)
    ]
    if not rows:
        reason = f"{skipped[0][0]}: {skipped[0][1]}" if skipped else "it holds no rows"
        raise _broken(shown, reason, hint='write one object a row: {"text": "...", "label": "..."}')
    values = _make_columns([row for _, row in rows])
    return TextRows(values=values, places=tuple(place for place, _ in rows), skipped=tuple(skipped))


def _explain_half(row: Any) -> str:
    """Why a row can't be written as UTF-8; empty if it can. JSON may spell half a character: `"\\ud800"`."""
    try:
        json.dumps(row, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return "contains half a character (a lone surrogate)"
    return ""


def _make_columns(rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Objects of any keys -> one column a key, null where a row does not have it."""
    names = dict.fromkeys(name for row in rows for name in row)
    return pa.table({name: _make_column([row.get(name) for row in rows]) for name in names})


def _make_column(values: Sequence[Any]) -> pa.Array:
    """Values as an Arrow array; what is of several types becomes text."""
    try:
        return pa.array(values, from_pandas=True)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        spelled = [None if value is None or value != value else _spell(value) for value in values]
        return pa.array(spelled, pa.string())


def _spell(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _parse_whole(text: str, shown: str) -> list[Any] | None:
    """The rows of a file that is one JSON value; None where it is one a line."""
    first = text.lstrip()[:1]
    try:
        value = _parse(text)
    except (ValueError, RecursionError, _KeysTwiceError) as error:
        if first == "[":
            raise _broken(shown, _explain(error), hint="look at that place in an editor") from None
        return None
    if isinstance(value, Mapping):
        columns = {name: cells for name, cells in value.items() if isinstance(cells, list)}
        if len(value) == len(columns) == 1 and all(isinstance(row, Mapping) for row in next(iter(columns.values()))):
            return next(iter(columns.values()))
        if len(columns) == len(value) and len({len(cells) for cells in columns.values()}) == 1:
            return [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]
        return [value]
    return value if isinstance(value, list) else []


def _read_lines(text: str) -> list[tuple[str, Any, str]]:
    found: list[tuple[str, Any, str]] = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            found.append((f"line {number}", _parse(line), ""))
        except (ValueError, RecursionError, _KeysTwiceError) as error:
            found.append((f"line {number}", None, _explain(error)))
    return found


def _parse(text: str) -> Any:
    return json.loads(text, object_pairs_hook=_make_object)


def _make_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _KeysTwiceError
    return found


def _explain(error: BaseException) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"broken JSON at line {error.lineno}, column {error.colno}: {error.msg}"
    if isinstance(error, _KeysTwiceError):
        return "a key is given twice"
    return "nested too deeply" if isinstance(error, RecursionError) else f"a value that can't be read: {error}"


def _read_text(path: Path) -> str:
    shown = make_printable(str(path))
    with open_regular(path) as file:
        content = file.read(LARGEST_BYTES + 1)
    if len(content) > LARGEST_BYTES:
        what = f"it is larger than {LARGEST_BYTES >> 30} GiB"
        raise _broken(shown, what, hint="write it as Parquet, or use a part of it")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _broken(shown, f"line {line} is not UTF-8 text", hint="save the table again as UTF-8") from None


def _broken(shown: str, reason: str, *, hint: str = "look at the file in an editor") -> DataError:
    return DataError(
        f"can't read the table {shown}: {reason}",
        expected="CSV, TSV, JSON or JSON Lines in UTF-8",
        hint=hint,
        fault="data-format",
    )
