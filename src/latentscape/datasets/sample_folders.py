"""A folder of samples: a folder for each class, splits above them, or a table beside the files."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import pyarrow as pa

from latentscape.datasets.content_kinds import SUFFIXES, WORDS, tell_by_name
from latentscape.datasets.files import Skipped, list_files
from latentscape.datasets.labeled import Content, LabeledSamples
from latentscape.datasets.sample_found import Found, join_samples
from latentscape.datasets.sample_labels import SampleLabels, number_labels
from latentscape.datasets.sample_roles import Columns
from latentscape.datasets.sample_rows import read_text_file, take_rows
from latentscape.datasets.sample_splits import SPLITS, choose_split, name_split, refuse_split
from latentscape.datasets.sample_tables import TABLE_SUFFIXES, SampleTable, read_table_file, reading
from latentscape.datasets.table_parts import are_parts
from latentscape.datasets.text import make_printable, normalize
from latentscape.errors import DataError, UsageError
from latentscape.executor import IN_PROCESS, Executor
from latentscape.paths import is_file, is_folder
from latentscape.shapes import Kind

_METADATA = re.compile(r"metadata\.(csv|tsv|jsonl|parquet)", re.IGNORECASE)
_ALL_SUFFIXES = frozenset().union(*SUFFIXES.values())


def read_folder(
    root: Path,
    *,
    kind: Kind | None,
    columns: Columns,
    named: str,
    split: str | None,
    executor: Executor = IN_PROCESS,
) -> LabeledSamples:
    """The samples below a folder.

    In this order: `metadata.csv` (.tsv, .jsonl, .parquet) in it is a table of its files; folders called `train`,
    `test` and the like are splits; two or more folders with samples in them are classes; tables in it, or in its
    folder `data`, are the data, a split each where their names say so, and one table where their names differ in
    numbers only, its files read by the workers of `executor`. Raises DataError where it is none of these, UsageError
    for a split that is not there, and for columns where folders are the classes.
    """
    place, chosen = _enter_split(root, split)
    notes = [path for path in _list_tables(place) if _METADATA.fullmatch(path.name)]
    if notes:
        return take_rows(read_table_file(notes[0]), kind=kind, columns=columns, named=named, split=split, part=chosen)
    names, skipped = list_files(place, _ALL_SUFFIXES if kind is None else SUFFIXES[kind])
    inside = [name for name in names if "/" in name]
    classes = {name.partition("/")[0] for name in inside}
    tables = _list_shards(root) if place == root else {}
    if tables and len(classes) < 2:
        table, part = _read_shards(root, tables, split=split, executor=executor)
        return take_rows(table, kind=kind, columns=columns, named=named, split=split, part=part)
    if not chosen:
        refuse_split(split, shown=make_printable(str(root)))
    if not inside:
        raise _nothing_found(place, names, kind, skipped=skipped)
    _refuse_columns(columns, place)
    kind = kind or _settle_kind(place, inside)
    beside = [(make_printable(name), "lies beside the class folders, not in one") for name in names if "/" not in name]
    return _read_classes(root, place, inside, kind=kind, named=named, skipped=(*skipped, *beside), split=chosen)


def _enter_split(root: Path, wanted: str | None) -> tuple[Path, str]:
    """The folder of a split and its name, where all folders here are called like splits and hold something."""
    folders = [path for path in _list_entries(root) if is_folder(path) and not path.name.startswith("__")]
    names = {path.name: path for path in folders}
    if not names or not all(name.casefold() in SPLITS for name in names):
        return root, ""
    inside = [entry for path in folders for entry in _list_entries(path)]
    if not any(is_folder(entry) or _METADATA.fullmatch(entry.name) for entry in inside):
        return root, ""
    split = choose_split(names, wanted, shown=make_printable(str(root)))
    return names[split], split


def _list_entries(folder: Path) -> list[Path]:
    """What lies in a folder, in order; nothing where it can't be opened, which listing its files will say."""
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError:
        return []


def _list_tables(folder: Path) -> list[Path]:
    return [path for path in _list_entries(folder) if path.suffix.lower() in TABLE_SUFFIXES and is_file(path)]


def _list_shards(root: Path) -> dict[str, list[Path]]:
    """The tables of each split, by the splits that their names speak of; one name, empty, where none does."""
    tables = [path for path in _list_tables(root) or _list_tables(root / "data") if path.suffix.lower() != ".json"]
    found: dict[str, list[Path]] = {}
    for path in tables:
        found.setdefault(name_split(path.stem) or "", []).append(path)
    return {name: paths for name, paths in found.items() if name} or found


def _read_shards(
    root: Path, tables: Mapping[str, list[Path]], *, split: str | None, executor: Executor
) -> tuple[SampleTable, str]:
    """The table of a split, however many files it is in, and the split; empty where there are none."""
    shown = make_printable(str(root))
    chosen = choose_split(list(tables), split, shown=shown) if list(tables) != [""] else ""
    paths = tables[chosen]
    if not chosen and not are_parts(paths):
        raise DataError(
            f"{shown} holds several tables",
            got=", ".join(make_printable(path.name) for path in paths[:5]),
            expected="one; or names that speak of splits (`train.csv`, `test.csv`), or differ in numbers only",
            hint=f"name one: `--data {make_printable(str(paths[0]))}`",
            fault="data-format",
        )
    read = executor.read_files(partial(read_table_file, folder=root), paths)
    return _join_tables(read, source=shown), chosen


def _join_tables(tables: Sequence[SampleTable], *, source: str) -> SampleTable:
    """Tables of the same columns, one below the other."""
    if len(tables) == 1:
        return tables[0]
    with reading(source):
        values = pa.concat_tables([table.values for table in tables], promote_options="permissive")
    skipped = tuple(skip for table in tables for skip in table.skipped)
    return replace(tables[0], source=source, values=values, places=None, skipped=skipped)


def _refuse_columns(columns: Columns, place: Path) -> None:
    """Raise UsageError where a column is named, which class folders don't have."""
    options = {"": columns.content, "label-": columns.label, "group-": columns.group, "dataset-": columns.dataset}
    given = [f"`--{what}column {make_printable(name)}`" for what, name in options.items() if name is not None]
    if given:
        raise UsageError(
            "a folder of class folders has no columns",
            got=f"{', '.join(given)} beside `--data {make_printable(str(place))}`",
            expected="the classes are the folders' names",
            hint="leave it out, or write a table `metadata.csv` into it: `path,label` and whatever you know",
            fault="option-conflict",
        )


def _settle_kind(root: Path, names: Sequence[str]) -> Kind:
    counts: Counter[Kind] = Counter(kind for name in names if (kind := tell_by_name(name)))
    if len(counts) > 1:
        raise DataError(
            f"{make_printable(str(root))} holds samples of several kinds",
            got=", ".join(f"{count:,} files of {WORDS[kind]}" for kind, count in sorted(counts.items())),
            hint=f"choose one: `--kind {counts.most_common(1)[0][0]}`",
            fault="data-format",
        )
    return next(iter(counts))


def _read_classes(
    root: Path,
    place: Path,
    names: Sequence[str],
    *,
    kind: Kind,
    named: str,
    skipped: Sequence[tuple[str, str]],
    split: str,
) -> LabeledSamples:
    classes = [normalize(make_printable(name.partition("/")[0])) for name in names]
    labels: SampleLabels = number_labels(classes, column="folder")
    above = f"{place.name}/" if place != root else ""
    found: list[Found] = []
    bad = [(above + name, reason) for name, reason in skipped]
    for row, name in enumerate(names):
        content: Content | None = place / name
        if kind == "text":
            content, reason = read_text_file(place / name)
            bad += [(make_printable(above + name), reason)] if reason else []
        if content is not None:
            found.append(Found(content=content, name=make_printable(above + name), row=row))
    return join_samples(found, labels, kind=kind, named=named, skipped=tuple(bad), root=root, split=split)


def _nothing_found(root: Path, names: Sequence[str], kind: Kind | None, *, skipped: Skipped) -> DataError:
    endings = sorted(_ALL_SUFFIXES if kind is None else SUFFIXES[kind])
    lying = f"{len(names):,} files that lie beside class folders, not in one" if names else "no such file at all"
    lying += "".join(f"; {name}: {reason}" for name, reason in skipped[:3])
    if kind is not None and not names:
        others: list[Kind] = [it for name in list_files(root, _ALL_SUFFIXES)[0] if (it := tell_by_name(name))]
        counts = Counter(others)
        lying = ", ".join(f"{count:,} files of {WORDS[other]}" for other, count in counts.items()) or lying
    return DataError(
        f"no samples in {make_printable(str(root))}",
        got=lying,
        expected=f"a folder for each class, with files ending in {', '.join(endings)}",
        hint="put each class into a folder of its own, or write a table: `path,label`",
        fault="data-empty",
    )
