"""What is known of each query and document besides its text: its district, its price, whether it has a balcony."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

from latentscape.datasets.attribute_patterns import (
    FLAGS,
    LONGEST_READ,
    AttributeReader,
    AttributeRule,
    Value,
    in_natural_order,
    plain_spelling,
)
from latentscape.datasets.text import fold

__all__ = ["Attribute", "AttributeRule", "attributes_from_columns", "extract_attributes", "find_attributes"]

MOST_VALUES = 50
"""A column of more different words names things instead of sorting them."""
LONGEST_VALUE = 80
"""Characters; a longer word in a column is a text, not a value."""
Columns = Mapping[str, Sequence[object]]
"""By name one cell a query or document; None where the file gives nothing."""


@dataclass(frozen=True, kw_only=True)
class Attribute:
    """One property of queries and documents."""

    name: str
    kind: Literal["category", "number"]
    queries: Float[np.ndarray, " query"]
    """The number, or the place of the value in `values`; NaN where it is not known."""
    documents: Float[np.ndarray, " document"]
    values: tuple[str, ...] = ()
    """Names of a category's values; a yes-or-no attribute has `no` and `yes`."""
    unit: str = ""
    source: Literal["column", "text"] = "column"
    types: tuple[str, ...] = ()
    """Types of hard negatives that are wrong in this attribute, as the attribute file says."""

    @property
    def query_coverage(self) -> float:
        """Share of the queries whose value is known, 0 to 1; 0 without queries."""
        return _share_known(self.queries)

    @property
    def document_coverage(self) -> float:
        """Share of the documents whose value is known, 0 to 1; 0 without documents."""
        return _share_known(self.documents)


def find_attributes(
    rules: Sequence[AttributeRule],
    *,
    queries: Sequence[str],
    documents: Sequence[str],
    query_columns: Columns,
    document_columns: Columns,
) -> tuple[Attribute, ...]:
    """All that is known of queries and documents: by the rules first, then of the columns that no rule reads.

    Raises:
        UsageError: a pattern is broken or could take too long.
    """
    described = extract_attributes(
        rules, queries=queries, documents=documents, query_columns=query_columns, document_columns=document_columns
    )
    taken = {rule.column for rule in rules} | {rule.name for rule in rules}
    others = attributes_from_columns(
        query_columns, document_columns, n_queries=len(queries), n_documents=len(documents), skip=taken
    )
    return (*described, *others)


def extract_attributes(
    rules: Sequence[AttributeRule],
    *,
    queries: Sequence[str],
    documents: Sequence[str],
    query_columns: Columns,
    document_columns: Columns,
) -> tuple[Attribute, ...]:
    """The attributes that the rules describe, in their order, read from columns or else from the texts.

    Where a rule names a column, a cell that holds something decides, and the text is read only where the cell is
    empty. A text says nothing of an attribute when no pattern is found in it, and also when two are found that
    contradict each other. An attribute that is known nowhere is still returned, with a coverage of 0.

    Raises:
        UsageError: a pattern is broken or could take too long.
    """
    readers = [AttributeReader(rule) for rule in rules]
    plain = tuple([plain_spelling(text[:LONGEST_READ]) for text in side] for side in (queries, documents))
    return tuple(_extract(reader, plain, (query_columns, document_columns)) for reader in readers)


def attributes_from_columns(
    query_columns: Columns, document_columns: Columns, *, n_queries: int, n_documents: int, skip: Collection[str] = ()
) -> tuple[Attribute, ...]:
    """An attribute for every column that nobody described, apart from those named in `skip`.

    A column is a number when every cell is one (text such as `5.5` counts, true and false do not), and a category when
    it has at most 50 different values of at most 80 characters each; words that differ by case or blanks alone are one
    value. Other columns, and those of fewer than two values, are passed over. Columns of queries and documents of one
    name are one attribute.
    """
    names = [name for name in dict.fromkeys([*query_columns, *document_columns]) if name not in skip]
    unknown = (None,) * n_queries, (None,) * n_documents
    found = (
        _sort_column(name, query_columns.get(name, unknown[0]), document_columns.get(name, unknown[1]))
        for name in names
    )
    return tuple(attribute for attribute in found if attribute is not None)


def _share_known(values: Float[np.ndarray, " item"]) -> float:
    return float(np.mean(~np.isnan(values))) if len(values) else 0.0


def _extract(reader: AttributeReader, texts: tuple[Sequence[str], ...], columns: tuple[Columns, ...]) -> Attribute:
    rule = reader.rule
    told = [_read_column(own.get(rule.column), reader, n=len(side)) for own, side in zip(columns, texts, strict=True)]
    sides = [
        [reader.read_plain(text) if cell is None else cell for text, cell in zip(side, cells, strict=True)]
        for side, cells in zip(texts, told, strict=True)
    ]
    values = () if rule.kind == "number" else _order_values(rule, sides)
    queries, documents = (_number_values(side, values) if values else _as_floats(side) for side in sides)
    return Attribute(
        name=rule.name,
        kind="number" if rule.kind == "number" else "category",
        queries=queries,
        documents=documents,
        values=values,
        unit=rule.unit,
        source="column" if any(cell is not None for cells in told for cell in cells) else "text",
        types=rule.types,
    )


def _read_column(cells: Sequence[object] | None, reader: AttributeReader, *, n: int) -> list[Value]:
    return [None] * n if cells is None else [_read_cell(cell, reader) for cell in cells]


def _as_floats(side: Sequence[Value]) -> Float[np.ndarray, " item"]:
    return np.array([math.nan if value is None else float(value) for value in side], dtype=np.float64)


def _order_values(rule: AttributeRule, sides: Sequence[Sequence[Value]]) -> tuple[str, ...]:
    """The values that occur, those with numbers in them by size."""
    if rule.kind == "flag":
        return FLAGS
    return tuple(sorted({str(value) for side in sides for value in side if value is not None}, key=in_natural_order))


def _number_values(side: Sequence[Value], values: Sequence[str]) -> Float[np.ndarray, " item"]:
    places = {value: place for place, value in enumerate(values)}
    return np.array([math.nan if value is None else places[str(value)] for value in side], dtype=np.float64)


def _read_cell(cell: object, reader: AttributeReader) -> Value:
    """What a cell of the user's says, in the words of the rule where it knows them."""
    if reader.rule.kind == "number":
        number = _as_number(cell)
        return reader.read(str(cell)) if number is None and isinstance(cell, str) else number
    word = _as_word(cell)
    if word is None:
        return None
    if reader.rule.kind == "flag":
        return _TRUTH.get(plain_spelling(word)) or reader.read(word)
    return reader.read(word) or reader.know(word) or word


_TRUE, _FALSE = ("yes", "true", "1", "1.0", "co", "x"), ("no", "false", "0", "0.0", "khong")
_TRUTH: Mapping[str, str] = {**dict.fromkeys(_TRUE, "yes"), **dict.fromkeys(_FALSE, "no")}


def _as_number(cell: object) -> float | None:
    """The finite number that a cell is or spells."""
    if isinstance(cell, bool | np.bool_) or not isinstance(cell, int | float | str | np.number):
        return None
    try:
        number = float(str(cell).strip().replace(",", ".")) if isinstance(cell, str) else float(cell)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _as_word(cell: object) -> str | None:
    """A cell as a short word; None where it is empty, a list, or a text."""
    if isinstance(cell, bool | np.bool_):
        return "yes" if cell else "no"
    if isinstance(cell, float | np.floating):
        cell = None if not math.isfinite(cell) else int(cell) if float(cell).is_integer() else float(cell)
    if isinstance(cell, int) and abs(cell) >= 10**LONGEST_VALUE:
        return None
    word = fold(str(cell)) if isinstance(cell, str | int | float | np.integer) else ""
    return word if 0 < len(word) <= LONGEST_VALUE else None


def _sort_column(name: str, queries: Sequence[object], documents: Sequence[object]) -> Attribute | None:
    sides = [[None if _is_empty(cell) else cell for cell in side] for side in (queries, documents)]
    cells = [cell for side in sides for cell in side if cell is not None]
    numbers = [[_as_number(cell) for cell in side] for side in sides]
    if all(_as_number(cell) is not None for cell in cells):
        if len({number for side in numbers for number in side if number is not None}) < 2:
            return None
        known = [_as_floats(side) for side in numbers]
        return Attribute(name=name, kind="number", queries=known[0], documents=known[1])
    words = [_as_word(cell) for cell in cells]
    spelled = {word.casefold(): word for word in reversed(words) if word is not None}
    if None in words or not 2 <= len(spelled) <= MOST_VALUES:
        return None
    values = tuple(sorted(spelled.values(), key=in_natural_order))
    placed = [_number_values([_respell(cell, spelled) for cell in side], values) for side in sides]
    return Attribute(name=name, kind="category", queries=placed[0], documents=placed[1], values=values)


def _respell(cell: object, spelled: Mapping[str, str]) -> str | None:
    """A cell as the first of its kind is spelled."""
    word = _as_word(cell)
    return None if word is None else spelled[word.casefold()]


def _is_empty(cell: object) -> bool:
    return cell is None or (isinstance(cell, str) and not cell.strip()) or (isinstance(cell, float) and cell != cell)
