"""A column of the user's -> the class of each sample: words and few numbers as they are, many numbers in quantiles."""

import re
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa
from jaxtyping import Float, Int

from latentscape.datasets.sample_columns import SampleColumn
from latentscape.datasets.sample_labels import MOST_CLASSES
from latentscape.datasets.text import fold
from latentscape.errors import DataError
from latentscape.shapes import Flags, Labels

MOST_LEVELS = 20
"""More different fractions than this are measured values."""
BINS = 5
UNKNOWN = -1


@dataclass(frozen=True, kw_only=True)
class SampleClasses:
    """The class of each sample, -1 where it has none, and the classes' names in the order of their numbers."""

    column: str
    numbers: Labels
    names: tuple[str, ...]
    remark: str = ""
    """One sentence where the classes are not the values themselves."""


def sort_into_classes(column: SampleColumn) -> SampleClasses:
    """The classes of a column, in order: numbers by size, words by letter with the numbers in them by size.

    Words are compared as people see them: composed (NFC), runs of blanks as one. Unknown is null, NaN, an empty word,
    and -1 where it is the only negative whole number, as clusterings write it. Numbers with more than 20 different
    fractions or 1,000 different whole values are measured values: they become five classes of equal size.
    Raises DataError for over 1,000 different words, for values that are neither words nor numbers, and where every
    value is unknown.
    """
    kind = column.values.type
    if pa.types.is_nested(kind):
        raise DataError(
            f"`{column.name}` has no classes",
            got=str(kind),
            expected="one word or number a sample",
            hint="name another column",
            fault="data-labels",
        )
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        classes = _sort_numbers(column)
    else:
        classes = _sort_words(column)
    if not classes.names:
        hint = "name another column, or leave the option out"
        what = f"`{column.name}` says nothing of any sample"
        raise DataError(what, got="empty values only", hint=hint, fault="data-labels")
    return classes


def name_samples(column: SampleColumn) -> tuple[str, ...]:
    """Each value as text, in its composed form; `row 7` where there is none."""
    words = column.values.cast(pa.string()).to_pylist()
    return tuple(f"row {row}" if word is None else fold(word) for row, word in enumerate(words))


def _sort_words(column: SampleColumn) -> SampleClasses:
    coded = column.values.cast(pa.string()).dictionary_encode()
    words = [fold(word) for word in coded.dictionary.to_pylist()]
    names = sorted({word for word in words if word}, key=_in_order)
    if len(names) > MOST_CLASSES:
        raise DataError(
            f"`{column.name}` has too many different values to be classes",
            got=f"{len(names):,}, such as `{names[0][:40]}`",
            expected=f"{MOST_CLASSES:,} or fewer",
            hint="names of samples go with `--ids`",
            fault="data-labels",
        )
    places = {name: number for number, name in enumerate(names)}
    numbers = np.array([*(places.get(word, UNKNOWN) for word in words), UNKNOWN])
    codes = coded.indices.fill_null(len(words)).to_numpy(zero_copy_only=False)
    return SampleClasses(column=column.name, numbers=numbers[codes], names=tuple(names))


def _in_order(word: str) -> list[tuple[int, int, str]]:
    """Sorts `class 10` after `class 2`."""
    parts = re.split(r"([0-9]{1,18})", word)
    return [(0, int(part), "") if number % 2 else (1, 0, part) for number, part in enumerate(parts)]


def _sort_numbers(column: SampleColumn) -> SampleClasses:
    whole = pa.types.is_integer(column.values.type)
    known = column.values.is_valid().to_numpy(zero_copy_only=False)
    values = (column.values.fill_null(0) if whole else column.values.cast(pa.float64())).to_numpy(zero_copy_only=False)
    known = known & np.isfinite(values)
    levels = np.unique(values[known])
    whole = whole or bool((levels == np.trunc(levels)).all() and (np.abs(levels) < 2**53).all())
    if whole and len(levels) and levels[0] == UNKNOWN:
        known, levels = known & (values != UNKNOWN), levels[1:]
    if len(levels) > (MOST_CLASSES if whole else MOST_LEVELS):
        return _divide(column.name, values, known)
    numbers = np.where(known, np.searchsorted(levels, values), UNKNOWN)
    names = [str(int(level)) for level in levels] if whole else _spell(levels, digits=6)
    return SampleClasses(column=column.name, numbers=numbers, names=tuple(names))


def _divide(
    name: str, values: Float[np.ndarray, " sample"] | Int[np.ndarray, " sample"], known: Flags
) -> SampleClasses:
    """Classes of equal size, named by the values at their ends."""
    edges = np.unique(np.quantile(values[known].astype(np.float64), np.linspace(0, 1, BINS + 1)))
    numbers = np.where(known, np.searchsorted(edges[1:-1], values, side="right"), UNKNOWN)
    names = tuple(f"{low}–{high}" for low, high in pairwise(_spell(edges, digits=3)))
    remark = f"`{name}` holds measured values: shown as {len(names)} classes of about equal size"
    return SampleClasses(column=name, numbers=numbers, names=names, remark=remark)


def _spell(values: Float[np.ndarray, " level"], *, digits: int) -> list[str]:
    """Different numbers as different words, as short as that allows."""
    for enough in range(digits, 18):
        words = [f"{value:.{enough}g}" for value in values]
        if len(set(words)) == len(words):
            return words
    return [repr(float(value)) for value in values]
