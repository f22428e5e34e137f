"""Pairs of documents that may differ in one number and in nothing else that is known of them."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

MOST_PAIRS = 200_000
"""Pairs that are looked at; of more, a random choice."""
DIGITS = 9
"""Differences that agree to so many digits of the largest value are the same: 5.6 - 5.5 is 3.1 - 3.0."""


class EqualPairs(NamedTuple):
    """Documents `first[i]` and `second[i]` are equal in all but one number; pairs of one set share a group."""

    first: Int[np.ndarray, " pair"]
    second: Int[np.ndarray, " pair"]
    group: Int[np.ndarray, " pair"]
    difference: Float[np.ndarray, " pair"]
    """How far apart they are in that number, 0 or more."""


def find_equal_pairs(
    values: Float[np.ndarray, " document"],
    others: Sequence[Float[np.ndarray, " document"]],
    *,
    most: int = MOST_PAIRS,
    seed: int,
) -> EqualPairs:
    """All pairs of documents with a known value whose `others` are equal, or a random choice of `most` of them.

    Two unknown values count as equal. Documents are dealt into groups of equal others and paired inside these: the
    table of all documents with all is never made.

    >>> find_equal_pairs(np.array([1.0, 3.0, 4.0]), [np.array([0.0, 1.0, 0.0])], seed=0).difference.tolist()
    [3.0]
    """
    known = np.flatnonzero(np.isfinite(values))
    group = _group([each[known] for each in others], n=len(known))
    order = np.argsort(group, kind="stable")
    sizes = np.bincount(group) if len(group) else np.empty(0, dtype=np.int64)
    ends = np.cumsum(sizes * (sizes - 1) // 2)
    total = int(ends[-1]) if len(ends) else 0
    few = total <= most  # a list of all pairs of many documents would not fit into memory
    chosen = np.arange(total) if few else np.sort(np.random.default_rng(seed).choice(total, size=most, replace=False))
    owner = np.searchsorted(ends, chosen, side="right")
    starts, before = np.cumsum(sizes) - sizes, ends - sizes * (sizes - 1) // 2
    low, high = _number_pairs(chosen - before[owner])
    first, second = (known[order[starts[owner] + place]] for place in (low, high))
    return EqualPairs(first, second, owner, _subtract(values, first, second))


def _group(others: Sequence[Float[np.ndarray, " document"]], *, n: int) -> Int[np.ndarray, " document"]:
    """A number for each distinct combination of the others' values."""
    group = np.zeros(n, dtype=np.int64)
    for values in others:
        codes = np.unique(values, return_inverse=True)[1]  # all NaN are one value
        group = np.unique(group * (codes.max(initial=0) + 1) + codes, return_inverse=True)[1]
    return group


def _number_pairs(place: Int[np.ndarray, " pair"]) -> tuple[Int[np.ndarray, " pair"], Int[np.ndarray, " pair"]]:
    """The pair at each place of the list (0, 1), (0, 2), (1, 2), (0, 3), ...

    >>> _number_pairs(np.arange(4))
    (array([0, 0, 1, 0]), array([1, 2, 2, 3]))
    """
    high = ((1 + np.sqrt(1 + 8 * place.astype(np.float64))) // 2).astype(np.int64)
    high -= high * (high - 1) // 2 > place  # the root may be rounded across an integer
    high += high * (high + 1) // 2 <= place
    return place - high * (high - 1) // 2, high


def _subtract(
    values: Float[np.ndarray, " document"], first: Int[np.ndarray, " pair"], second: Int[np.ndarray, " pair"]
) -> Float[np.ndarray, " pair"]:
    """|difference| of each pair, rounded so that equal ones are equal."""
    largest = float(np.abs(values[np.concatenate([first, second])]).max(initial=0.0))
    if largest == 0:
        return np.zeros(len(first))
    decimals = DIGITS - int(np.ceil(np.log10(largest)))
    return np.round(np.abs(values[first] - values[second]), decimals)
