"""A CSV or TSV table of pairs -> raw rows."""

import csv
import io
import math
from collections.abc import Collection, Sequence
from pathlib import Path

from latentscape.datasets.files import Skipped
from latentscape.datasets.text import normalize

Cells = dict[str, object]


def read_heading(text: str) -> list[str]:
    """The names in the first line; empty where it is no heading of a table."""
    line = text.lstrip("\r\n").partition("\n")[0].rstrip("\r")
    delimiter = max(",;\t", key=line.count)
    try:
        return [normalize(name).strip() for name in next(csv.reader(io.StringIO(line), delimiter=delimiter), [])]
    except csv.Error:
        return []


def read_csv_rows(path: Path, *, texts: Collection[str]) -> tuple[list[tuple[str, Cells]], Skipped]:
    """(line, cells by the name of their column) of each row; rows of another width are skipped with the reason.

    A column that holds nothing but numbers is one of numbers unless it is named in `texts`; elsewhere empty cells are
    None.
    Raises DataError where quotes don't end, or a name stands twice in the heading.
    """
    from latentscape.datasets.sample_text_tables import read_delimited  # noqa: PLC0415  pyarrow costs 0.2 s

    found = read_delimited(path)
    columns = {
        name: _read_column(found.values.column(name).to_pylist(), is_text=name in texts)
        for name in found.values.column_names
    }
    cells = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return list(zip(found.places, cells, strict=True)), found.skipped


def _read_column(cells: Sequence[str], *, is_text: bool) -> list[object]:
    """Numbers where all that is given is one, else text; None where nothing is given."""
    if is_text:
        return list(cells)
    try:
        finite = all(math.isfinite(float(cell)) for cell in cells if cell)
    except ValueError:
        finite = False
    if not finite:
        return [cell or None for cell in cells]
    whole = all(cell.lstrip("+-").isdecimal() for cell in cells if cell)
    return [(int(cell) if whole else float(cell)) if cell else None for cell in cells]
