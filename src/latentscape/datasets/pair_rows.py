"""One raw row -> its query, its right documents and its hard negatives, or the reason why the row is no pair."""

import math
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from latentscape.datasets.pair_columns import Cells, no_cells, read_cells
from latentscape.datasets.pair_files import KeysTwice
from latentscape.datasets.pair_roles import Roles
from latentscape.datasets.text import describe_kind, explain_bad_text, normalize
from latentscape.datasets.weights import LARGEST_WEIGHT, is_weight
from latentscape.errors import nearest

_KEYS = ("query", "pos", "hard_neg")
_POSITIVE_KEYS = ("text",)
_NEGATIVE_KEYS = ("text", "type", "weight")


class BadRowError(ValueError):
    """A row that is no pair; the message is the reason shown to the user."""


@dataclass(frozen=True, kw_only=True)
class Positive:
    """A right document as its row gives it."""

    text: str
    cells: Cells = field(default_factory=no_cells)


@dataclass(frozen=True, kw_only=True)
class Negative:
    """A hard negative as its row declares it."""

    text: str
    types: tuple[str, ...] = ()
    """As listed, a name twice where it is listed twice."""
    weight: float | None = None
    is_plain: bool = False
    """Written as a bare string (the old format)."""
    is_typed: bool = True
    """Whether its format has room for types and weights; where it has none, none is missing."""
    cells: Cells = field(default_factory=no_cells)


@dataclass(frozen=True, kw_only=True)
class PairRow:
    """A row that makes sense by itself; texts are NFC without outer whitespace."""

    query: str
    positives: tuple[Positive, ...]
    negatives: tuple[Negative, ...]
    cells: Cells = field(default_factory=no_cells)
    """What else the row says; it belongs to the query."""
    score: float | None = None
    """How right the document is, where the format says."""


def parse_row(row: object) -> PairRow:
    """Check a raw row; raises BadRowError with the first thing wrong in it."""
    if not isinstance(row, dict):
        raise BadRowError(f"is {describe_kind(row)}, not an object")
    _refuse_repeated_keys(row, "the row")
    query = _read_text(_require(row, "query"), "`query`")
    positives = _require(row, "pos")
    several = positives if isinstance(positives, list) and positives else [positives]
    return PairRow(
        query=query,
        positives=tuple(map(_read_positive, several)),
        negatives=_read_negatives(row.get("hard_neg")),
        cells=read_cells(row, known=_KEYS),
    )


def parse_columns(row: object, roles: Roles) -> PairRow:
    """Check a row of a table whose columns have roles; raises BadRowError with the first thing wrong in it.

    A cell may hold a list of texts. A negative that is null or empty is none.
    """
    if not isinstance(row, dict):
        raise BadRowError(f"is {describe_kind(row)}, not an object")
    _refuse_repeated_keys(row, "the row")
    positives = row.get(roles.positive)
    several = positives if isinstance(positives, list) and positives else [positives]
    wrong = [(name, value) for name in roles.negatives for value in _list_given(row.get(name))]
    return PairRow(
        query=_read_text(row.get(roles.query), f"`{roles.query}`"),
        positives=tuple(Positive(text=_read_text(value, f"`{roles.positive}`")) for value in several),
        negatives=tuple(Negative(text=_read_text(value, f"`{name}`"), is_typed=False) for name, value in wrong),
        cells=read_cells(row, known=roles.known),
        score=None if roles.score is None else _read_score(row.get(roles.score), f"`{roles.score}`"),
    )


def _list_given(value: object) -> list[object]:
    return [each for each in (value if isinstance(value, list) else [value]) if each not in (None, "")]


def _read_score(value: object, where: str) -> float:
    if value is None or value == "":
        raise BadRowError(f"{where} is empty")
    if isinstance(value, str):  # a table of text, in which another cell of the column is no number
        try:
            value = float(value)
        except ValueError:
            raise BadRowError(f"{where} is text, not a number") from None
    if not isinstance(value, int | float):
        raise BadRowError(f"{where} is {describe_kind(value)}, not a number")
    if not math.isfinite(value):
        raise BadRowError(f"{where} is {value}, not a number")
    return float(value)


def _require(row: dict[str, Any], key: str, where: str = "", *, known: Collection[str] = _KEYS) -> Any:
    if key not in row:
        strangers = [name for name in row if name not in known]
        close = nearest(key, strangers) if strangers else ""
        raise BadRowError(f"{where}has no `{key}`" + (f"; {close}" if close.startswith("did") else ""))
    return row[key]


def _read_text(value: object, where: str) -> str:
    reason = explain_bad_text(value)
    if reason:
        raise BadRowError(f"{where} {reason}")
    return normalize(str(value)).strip()


def _read_positive(value: object) -> Positive:
    if not isinstance(value, dict):
        return Positive(text=_read_text(value, "`pos`"))
    _refuse_repeated_keys(value, "`pos`")
    text = _read_text(_require(value, "text", "`pos`: ", known=_POSITIVE_KEYS), "`pos`: `text`")
    return Positive(text=text, cells=read_cells(value, known=_POSITIVE_KEYS))


def _read_negatives(value: object) -> tuple[Negative, ...]:
    if value is None:
        return ()
    if not isinstance(value, list):
        raise BadRowError(f"`hard_neg` is {describe_kind(value)}, not a list")
    return tuple(_read_negative(negative, f"hard_neg {number}") for number, negative in enumerate(value, 1))


def _read_negative(value: object, where: str) -> Negative:
    if isinstance(value, str):
        return Negative(text=_read_text(value, where), is_plain=True)
    if not isinstance(value, dict):
        raise BadRowError(f"{where} is {describe_kind(value)}, neither text nor an object")
    _refuse_repeated_keys(value, where)
    text = _read_text(_require(value, "text", f"{where}: ", known=_NEGATIVE_KEYS), f"{where}: `text`")
    return Negative(
        text=text,
        types=tuple(_read_types(value.get("type"), where)),
        weight=_read_weight(value.get("weight"), where),
        cells=read_cells(value, known=_NEGATIVE_KEYS),
    )


def _read_types(value: object, where: str) -> list[str]:
    names = [] if value is None else [value] if isinstance(value, str) else value
    if not isinstance(names, list):
        raise BadRowError(f"{where}: `type` is {describe_kind(value)}, not a list of names")
    return [_read_text(name, f"{where}: `type`") for name in names]


def _read_weight(value: object, where: str) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadRowError(f"{where}: `weight` is {describe_kind(value)}, not a number")
    if not is_weight(value):
        raise BadRowError(f"{where}: `weight` is {value!r:.30}, not a number from 0 to {LARGEST_WEIGHT:,}")
    return float(value)


def _refuse_repeated_keys(row: dict[str, Any], where: str) -> None:
    if isinstance(row, KeysTwice):
        raise BadRowError(f"{where} gives a key twice")
