"""What a row says of its query and documents besides their texts, as columns of plain values."""

import math
from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType

from latentscape.datasets.text import explain_bad_text, normalize
from latentscape.errors import DataError

Cells = Mapping[str, object]
"""Column name -> text, number or true/false."""
Columns = Mapping[str, tuple[object | None, ...]]
"""Column name -> a value for each query or document, None where it is not known."""
NO_CELLS: Cells = MappingProxyType({})
MOST_COLUMNS = 200


def no_cells() -> Cells:
    """Nothing said; one mapping for all, for most texts come without."""
    return NO_CELLS


def read_cells(values: Mapping[str, object], *, known: Collection[str]) -> Cells:
    """The values of a JSON object that have no other meaning; lists, objects and what is empty or not finite are none.

    >>> dict(read_cells({"query": "q", "price": 5.5, "district": " Quận 10 ", "tags": []}, known=["query"]))
    {'price': 5.5, 'district': 'Quận 10'}
    """
    if len(values) <= len(known) and all(name in known for name in values):
        return NO_CELLS
    cells = {normalize(name).strip(): read_cell(value) for name, value in values.items() if name not in known}
    return {name: value for name, value in cells.items() if value is not None and not explain_bad_text(name)}


def read_cell(value: object) -> object | None:
    """A text without outer whitespace, a finite number or true/false; None for anything else."""
    if isinstance(value, str):
        return None if explain_bad_text(value) else normalize(value).strip()
    if isinstance(value, bool):
        return value
    if not isinstance(value, int | float):
        return None
    try:
        return value if math.isfinite(float(value)) else None
    except OverflowError:
        return None


def merge_cells(first: Cells, second: Cells) -> Cells:
    """What two places say of one query or document; where they disagree, the first."""
    return {**second, **first} if first and second else first or second


def stack_cells(cells: Sequence[Cells], *, shown: str) -> Columns:
    """One tuple a column, columns in order of first appearance. Raises DataError for more than 200 columns."""
    names = list(dict.fromkeys(name for row in cells for name in row))
    if len(names) > MOST_COLUMNS:
        raise DataError(
            f"{shown} have {len(names):,} columns besides their texts",
            expected=f"at most {MOST_COLUMNS}",
            hint="leave out what is no attribute: "
            + ", ".join(f"`{name[:40]}`" for name in names[MOST_COLUMNS : MOST_COLUMNS + 3]),
            fault="data-columns",
        )
    return {name: tuple(row.get(name) for row in cells) for name in names}
