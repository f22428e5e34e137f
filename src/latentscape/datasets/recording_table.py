"""A CSV of recordings: `path,label[,dataset,speaker]`, one file a row."""

import csv
import io
from collections.abc import Iterator, Mapping
from pathlib import Path

from latentscape.datasets.files import open_regular
from latentscape.datasets.recordings import Listing, Recording
from latentscape.datasets.text import make_printable, normalize
from latentscape.errors import DataError, nearest

_COLUMNS = ("path", "label", "dataset", "speaker")
_LARGEST_BYTES = 2**28
Line = tuple[int, Mapping[str, str]]


def read_table(path: Path) -> Listing:
    """Recordings of a CSV; relative paths start at the CSV's own folder, columns may stand in any order.

    Rows without path or label, and rows whose file is missing, special or already listed, are skipped with the reason.
    Raises DataError if the table can't be read, lacks a column, or no row is usable.
    """
    good: dict[Path, Recording] = {}
    skipped: list[tuple[str, str]] = []
    for number, row in _read_rows(path):
        reason = _explain_unusable(path.parent, row, good)
        if reason:
            skipped.append((row.get("path") or f"line {number}", f"line {number}: {reason}"))
        else:
            recording = _make_recording(path.parent, row)
            good[recording.path.resolve()] = recording
    if not good:
        raise _nothing_usable(path, skipped)
    return Listing(recordings=tuple(good.values()), skipped=tuple(skipped))


def _read_rows(path: Path) -> Iterator[Line]:
    text = _read_text(path)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=_find_delimiter(text), strict=True)
    try:
        columns = _check_columns(path, next(lines, []))
        for cells in lines:
            if any(cells):
                yield lines.line_num, _name_cells(columns, cells)
    except csv.Error as error:
        raise _broken(path, f"line {lines.line_num}: {error}") from None


def _read_text(path: Path) -> str:
    with open_regular(path) as file:
        content = file.read(_LARGEST_BYTES + 1)
    if len(content) > _LARGEST_BYTES:
        raise _broken(path, f"it is larger than {_LARGEST_BYTES >> 20} MiB")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _broken(path, f"line {line} is not UTF-8 text") from None


def _find_delimiter(text: str) -> str:
    """Spreadsheets of some countries write semicolons or tabs for commas; the heading tells."""
    heading = text.partition("\n")[0]
    return max(",;\t", key=heading.count)


def _check_columns(path: Path, heading: list[str]) -> list[str]:
    columns = [normalize(name).strip().lower() for name in heading]
    missing = [name for name in _COLUMNS[:2] if name not in columns]
    if missing:
        raise DataError(
            f"{make_printable(str(path))} has no column `{missing[0]}`",
            got=", ".join(f"`{name}`" for name in columns) or "an empty file",
            expected="a first line `path,label` or `path,label,dataset,speaker`",
            hint=nearest(missing[0], columns) if columns else "write the heading into the first line",
            fault="data-columns",
        )
    return columns


def _name_cells(columns: list[str], cells: list[str]) -> dict[str, str]:
    if len(cells) != len(columns):
        return {"path": cells[0].strip(), "fault": f"{len(cells)} cells under {len(columns)} columns"}
    return {name: cell.strip() for name, cell in zip(columns, cells, strict=True) if name in _COLUMNS}


def _explain_unusable(folder: Path, row: Mapping[str, str], seen: Mapping[Path, Recording]) -> str:
    if "fault" in row:
        return row["fault"]
    if not row["path"] or not row["label"]:
        return "no path" if not row["path"] else "no label"
    try:
        path = folder / row["path"]
        with open_regular(path):
            twin = seen.get(path.resolve())
    except DataError as error:
        return error.what
    return f"the same file is listed before, with the label `{twin.label}`" if twin else ""


def _make_recording(folder: Path, row: Mapping[str, str]) -> Recording:
    path = folder / row["path"]
    name = path.relative_to(folder) if path.is_relative_to(folder) else Path(row["path"].lstrip("/\\"))
    return Recording(
        path=path,
        name=make_printable(name.as_posix()),
        label=normalize(row["label"]),
        speaker=normalize(row.get("speaker", "")),
        dataset=normalize(row.get("dataset", "")),
    )


def _broken(path: Path, reason: str) -> DataError:
    return DataError(
        f"can't read the table {make_printable(str(path))}: {reason}",
        expected="a CSV file in UTF-8: path,label[,dataset,speaker]",
        hint="save the table again as CSV (UTF-8)",
        fault="data-format",
    )


def _nothing_usable(path: Path, skipped: list[tuple[str, str]]) -> DataError:
    return DataError(
        f"no usable row in {make_printable(str(path))}",
        got="; ".join(reason for _, reason in skipped[:3]) or "a heading and nothing below it",
        hint="relative paths start at the folder the CSV lies in",
        fault="data-empty",
    )
