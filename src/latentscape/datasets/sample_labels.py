"""What a column calls the classes of its samples -> class numbers, and the names of the classes."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from latentscape.datasets.class_names import MOST_NUMBERED, quote_names
from latentscape.datasets.text import describe_kind, fold, is_number
from latentscape.errors import DataError

MOST_CLASSES = 1000
"""More different words than this are names of samples, not classes; more whole numbers are measured values."""
_UNKNOWN = -1


@dataclass(frozen=True, kw_only=True)
class SampleLabels:
    """The class of each row, -1 where it says none, and the classes' names in the order of their numbers."""

    numbers: Sequence[int]
    names: tuple[str, ...]
    numbered: bool
    """Whether the data itself numbers them."""


def number_labels(values: Sequence[Any], *, column: str, names: Sequence[str] | None = None) -> SampleLabels:
    """Classes out of the values of a column.

    `names` are those that the data set gives to its numbers. Without them whole numbers are the classes' own numbers
    (-1 means unknown); words are numbered in alphabetical order, blanks around them and their Unicode form aside.
    Empty values and NaN are no label. Raises DataError for fractions, lists, over 1,000 different words, and where no
    row has a label.
    """
    plain = [_read(value, column) for value in values]
    known = {value for value in plain if value is not None}
    if not known:
        hint = "name the column of the classes with `--label-column`, or choose another `--split`"
        raise DataError(f"no row of `{column}` has a label", hint=hint, fault="data-labels")
    if names is not None:
        return _take_named(plain, column, tuple(names))
    whole = {value: _read_whole(value) for value in known}
    if all(number is not None for number in whole.values()):
        found = {value: number for value, number in whole.items() if number is not None}
        if min(found.values()) >= _UNKNOWN and set(found.values()) not in ({-1, 1}, {-1}):
            return _take_numbers(plain, column, found)
    _refuse_fractions(known, column)
    return _take_words([None if value is None else str(value) for value in plain], column)


def _read(value: Any, column: str) -> str | int | float | None:
    """A label as text or number; None where there is none."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, str):
        return fold(value) or None
    if value is None or isinstance(value, int):
        return value
    if isinstance(value, float | Decimal):
        number = float(value)
        return None if math.isnan(number) else number
    if isinstance(value, list | tuple):
        raise DataError(
            f"`{column}` has several labels a sample",
            got=repr(value)[:60],
            expected="one class a sample",
            hint="a study needs one answer for each sample: name another column with `--label-column`",
            fault="data-labels",
        )
    hint = "name another column with `--label-column`"
    what = f"`{column}` holds no labels"
    raise DataError(what, got=describe_kind(value), expected="words or whole numbers", hint=hint, fault="data-labels")


def _read_whole(value: str | float) -> int | None:
    """A whole number, however it is spelled; `01` is a word."""
    if isinstance(value, str):
        digits = value.removesuffix(".0")
        return int(digits) if len(digits) < 9 and digits.isascii() and digits == _respell(digits) else None
    return int(value) if math.isfinite(value) and value == int(value) else None


def _respell(digits: str) -> str:
    return str(int(digits)) if digits.removeprefix("-").isdecimal() else ""


def _take_named(plain: Sequence[Any], column: str, names: tuple[str, ...]) -> SampleLabels:
    """Numbers into a list of names, or the names themselves."""
    places: dict[Any, int] = {**{fold(name): place for place, name in enumerate(names)}}
    places |= {place: place for place in range(len(names))}
    strange = sorted({str(value) for value in plain if value not in (None, _UNKNOWN) and value not in places})
    if strange:
        raise DataError(
            f"`{column}` holds labels that its own list of classes does not have",
            got=quote_names(strange),
            expected=f"0 to {len(names) - 1}",
            hint="write the data set again",
            fault="data-labels",
        )
    numbers = [places.get(value, _UNKNOWN) for value in plain]
    if set(numbers) == {_UNKNOWN}:
        hint = "choose another `--split`: the labels of this one were not published"
        raise DataError(f"every label in `{column}` is -1, unknown", hint=hint, fault="data-labels")
    return SampleLabels(numbers=numbers, names=tuple(map(fold, names)), numbered=True)


def _take_numbers(plain: Sequence[Any], column: str, found: dict[Any, int]) -> SampleLabels:
    highest = max(found.values())
    if highest >= MOST_NUMBERED:
        raise DataError(
            f"`{column}` holds numbers that are no classes",
            got=str(highest),
            expected=f"numbers below {MOST_NUMBERED:,}",
            hint="number the classes from 0, or write words",
            fault="data-labels",
        )
    numbers = [_UNKNOWN if value is None else found[value] for value in plain]
    return SampleLabels(numbers=numbers, names=tuple(map(str, range(highest + 1))), numbered=True)


def _refuse_fractions(known: set[str | int | float], column: str) -> None:
    """Numbers that are not whole, written as numbers or as text, are measured values."""
    if not any(_is_fraction(value) for value in known) or not all(map(is_number, known)):
        return
    raise DataError(
        f"`{column}` holds measured values, not classes",
        got=", ".join(sorted(str(value) for value in known if _is_fraction(value))[:3]),
        expected="words or whole numbers",
        hint="name the column of the classes with `--label-column`",
        fault="data-labels",
    )


def _is_fraction(value: str | float) -> bool:
    return is_number(value) and not float(value).is_integer()


def _take_words(plain: Sequence[str | None], column: str) -> SampleLabels:
    names = sorted({word for word in plain if word})
    if len(names) > MOST_CLASSES:
        raise DataError(
            f"`{column}` has too many different values to be classes",
            got=f"{len(names):,}, such as {quote_names(names[:2])}",
            expected=f"{MOST_CLASSES:,} or fewer",
            hint="name the column of the classes with `--label-column`",
            fault="data-labels",
        )
    places = {name: number for number, name in enumerate(names)}
    numbers = [_UNKNOWN if word is None else places[word] for word in plain]
    return SampleLabels(numbers=numbers, names=tuple(names), numbered=False)
