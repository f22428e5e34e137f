"""The containers of pairs (JSON array, JSON Lines, Parquet, CSV, TSV) -> raw rows, told apart by content."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Any

from latentscape.datasets.files import Skipped, open_regular
from latentscape.datasets.pair_csv import read_csv_rows, read_heading
from latentscape.datasets.pair_roles import find_roles, no_roles
from latentscape.datasets.text import make_printable
from latentscape.errors import DataError

TABLES = (".csv", ".tsv")
LARGEST_BYTES = 2**31
"""A larger file is refused rather than pulled into memory."""


@dataclass(frozen=True, kw_only=True)
class RawRows:
    """Rows as the file spells them, each with its name for messages, and rows too broken to be parsed."""

    rows: tuple[tuple[str, object], ...]
    skipped: Skipped = ()
    is_table: bool = False
    """Whether cells hold texts and numbers only, so that `hard_neg` is one text."""


class KeysTwice(dict[str, Any]):
    """A JSON object in which a key was given twice; which value was meant is not ours to guess."""


def read_rows(path: Path) -> RawRows:
    """Every row of a pair file.

    Raises DataError if the file is missing, empty, too large, not UTF-8, or not one of the containers; the message
    of broken JSON says line and column. In JSON Lines a broken line is skipped with its reason instead, and in a table
    a row of another width than the heading.
    """
    shown = make_printable(str(path))
    with open_regular(path) as file:
        start = file.read(4)
        file.seek(0)
        if start == b"PAR1":
            return _read_parquet(file, shown)
        content = file.read(LARGEST_BYTES + 1)
    text = decode(content, shown)
    return _read_table(text, path, shown) if _is_table(text, path, shown) else _read_json_text(text, shown)


def join_rows(paths: Sequence[Path], parts: Sequence[RawRows]) -> RawRows:
    """The rows of a pair file in parts, named by file and place."""
    named = [(make_printable(path.name), part) for path, part in zip(paths, parts, strict=True)]
    return RawRows(
        rows=tuple((f"{name}, {place}", row) for name, part in named for place, row in part.rows),
        skipped=tuple((f"{name}, {place}", reason) for name, part in named for place, reason in part.skipped),
        is_table=all(part.is_table for part in parts),
    )


def bad_file(shown: str, reason: str, hint: str = "check that this is the pair file") -> DataError:
    """The error for a file that holds no pairs."""
    return DataError(
        f"can't read pairs from {shown}: {reason}",
        expected='a JSON array, JSON Lines or Parquet of {"query": text, "pos": text, "hard_neg": [...]}, or a table '
        "(also CSV, TSV) with the columns of sentence-transformers",
        hint=hint,
        fault="pairs-format",
    )


def decode(content: bytes, shown: str) -> str:
    """The text of a file read up to `LARGEST_BYTES + 1`. Raises DataError if it is empty, too large or not UTF-8."""
    if len(content) > LARGEST_BYTES:
        hint = "write it as Parquet, or use a part of it"
        raise unreadable(shown, f"it is larger than {LARGEST_BYTES >> 30} GiB", hint=hint)
    if not content.strip():
        raise unreadable(shown, "the file is empty", hint="write it again: nothing is in it")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise unreadable(shown, f"line {line} is not UTF-8 text", hint="save the file again as UTF-8") from None


def unreadable(shown: str, reason: str, *, hint: str = "look at it in an editor") -> DataError:
    """The error for a file that can't be read at all, whatever it should hold."""
    return DataError(f"can't read {shown}: {reason}", expected="text in UTF-8", hint=hint, fault="pairs-format")


def _is_table(text: str, path: Path, shown: str) -> bool:
    """Whether the first line is a heading: by its names, or because the file says it is a table."""
    if text.lstrip()[0] in "[{":
        return False
    heading = read_heading(text)
    return path.suffix.lower() in TABLES or (len(heading) > 1 and find_roles(heading, shown) is not None)


def _read_table(text: str, path: Path, shown: str) -> RawRows:
    heading = read_heading(text)
    roles = find_roles(heading, shown)
    if roles is None:
        raise no_roles(heading, shown)
    rows, skipped = read_csv_rows(path, texts=(roles.query, roles.positive, *roles.negatives))
    return RawRows(rows=tuple(rows), skipped=skipped, is_table=True)


def _read_json_text(text: str, shown: str) -> RawRows:
    first = text.lstrip()[0]
    if first == "[":
        return _read_array(text, shown)
    if first != "{":
        raise bad_file(shown, f"it starts with {text.lstrip()[:12]!r}", "check that this is the pair file")
    return _read_one_object(text) or _read_lines(text, shown)


def _read_one_object(text: str) -> RawRows | None:
    """A file of one row, spread over many lines; None if its first line is a row by itself or the rest is broken."""
    if _parses(text.lstrip().partition("\n")[0]) or not _parses(text):
        return None
    return RawRows(rows=(("row 1", _parse(text)),))


def _parses(text: str) -> bool:
    try:
        _parse(text)
    except (ValueError, RecursionError):
        return False
    return True


def _read_array(text: str, shown: str) -> RawRows:
    try:
        rows = _parse(text)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise bad_file(shown, f"broken JSON at {place}: {error.msg}", "look at that place in an editor") from None
    except (ValueError, RecursionError) as error:
        raise bad_file(shown, _explain(error)) from None
    return RawRows(rows=tuple((f"row {number}", row) for number, row in enumerate(rows, 1)))


def _read_lines(text: str, shown: str) -> RawRows:
    good: list[tuple[str, object]] = []
    bad: list[tuple[str, str]] = []
    lines = text.split("\n")
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            good.append((f"line {number}", _parse(line)))
        except (ValueError, RecursionError) as error:
            bad.append((f"line {number}", _explain(error, last=number == len(lines))))
    if not good:
        raise bad_file(shown, f"no line of it is JSON; {bad[0][0]}: {bad[0][1]}")
    return RawRows(rows=tuple(good), skipped=tuple(bad))


def _parse(text: str) -> Any:
    return json.loads(text, object_pairs_hook=_make_object)


def _make_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    return found if len(found) == len(pairs) else KeysTwice(found)


def _explain(error: Exception, *, last: bool = False) -> str:
    if isinstance(error, RecursionError):
        return "lists or objects nested too deeply"
    if not isinstance(error, json.JSONDecodeError):
        return f"a value that can't be read: {error}"
    half = " (the file ends in the middle of a row)" if last else ""
    return f"broken JSON at column {error.colno}: {error.msg}{half}"


def _read_parquet(file: BufferedReader, shown: str) -> RawRows:
    from latentscape.datasets.pair_parquet import iterate_rows  # noqa: PLC0415  pyarrow costs 0.2 s, JSON needs none

    rows: Iterator[Mapping[str, object]] = iterate_rows(file, shown)
    return RawRows(rows=tuple((f"row {number}", row) for number, row in enumerate(rows, 1)))
