"""Kendall's correlation, and how much each item moves it."""

import numpy as np
from jaxtyping import Float, Float64, Int


def correlate_concordance(
    x: Float[np.ndarray, " item"], y: Float[np.ndarray, " item"]
) -> tuple[float | None, Float64[np.ndarray, " item"]]:
    """Kendall's tau-b of x and y, and its derivative by the weight of each item.

    With c_i = sum over j of sign(x_j - x_i) sign(y_j - y_i), and u_i and v_i the numbers of items whose x, or y, is not
    that of i: tau = sum c / sqrt(sum u * sum v). None where x or y is constant. Costs n log n.

    Source: Kendall 1945, Biometrika 33, 239-251 (tau-b).
    """
    n = len(x)
    concordant = _sum_signs(x, y).astype(np.float64)
    free = [n - _count_ties(values) for values in (x, y)]
    u, v = (float(each.sum()) for each in free)
    if not u or not v:
        return None, np.zeros(n)
    root = float(np.sqrt(u) * np.sqrt(v))
    tau = float(concordant.sum()) / root
    slopes = 2 * concordant / root - tau * (free[0] / u + free[1] / v)
    return tau, slopes


def _sum_signs(x: Float[np.ndarray, " item"], y: Float[np.ndarray, " item"]) -> Int[np.ndarray, " item"]:
    """For each item how many others lie in the same direction in x and y, less those in opposite directions."""
    both = count_below(x, y)
    left, below = _count_smaller(x), _count_smaller(y)
    left_beside, below_beside = _count_smaller_among_ties(x, y), _count_smaller_among_ties(y, x)
    not_above = _count_ties(x) + left, _count_ties(y) + below
    neither_above = both + left_beside + below_beside + _count_same(x, y)
    above = len(x) - not_above[0] - not_above[1] + neither_above
    return both + above - (left - both - left_beside) - (below - both - below_beside)


def count_below(x: Float[np.ndarray, " item"], y: Float[np.ndarray, " item"]) -> Int[np.ndarray, " item"]:
    """For each item how many others have both a smaller x and a smaller y.

    Items are numbered by x, ties by falling y, so that all that count have smaller numbers, and laid out by y. The list
    is then split into the smaller and the larger numbers, the order by y kept, each half again, and so on: at every
    split an item of the larger half has those of the smaller half below it that were laid out before it.

    >>> count_below(np.array([1.0, 2.0, 2.0, 3.0]), np.array([5.0, 6.0, 4.0, 7.0]))
    array([0, 1, 0, 3])
    """
    n = len(x)
    order = np.lexsort((-y, x))
    numbers = np.lexsort((-np.arange(n), y[order]))  # equal y: larger numbers first, they don't have each other below
    found, places = np.zeros(n, dtype=np.int64), np.arange(n)
    width = 1 << max(n - 1, 0).bit_length()
    while width > 1:
        half = width // 2
        run, smaller = numbers // width, (numbers & half) == 0
        before = np.cumsum(smaller) - run * half  # all runs before this one are full
        found[numbers] += np.where(smaller, 0, before)
        moved = np.empty_like(numbers)
        moved[np.where(smaller, run * width + before - 1, places - before + half)] = numbers
        numbers, width = moved, half
    counts = np.empty(n, dtype=np.int64)
    counts[order] = found
    return counts


def _count_ties(values: np.ndarray) -> Int[np.ndarray, " item"]:
    """For each item how many items have its value, itself among them."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    return counts[place]


def _count_smaller(values: np.ndarray) -> Int[np.ndarray, " item"]:
    return np.searchsorted(np.sort(values), values, side="left")


def _count_smaller_among_ties(
    values: Float[np.ndarray, " item"], ties: Float[np.ndarray, " item"]
) -> Int[np.ndarray, " item"]:
    """For each item how many of those with its number in `ties` have smaller values."""
    group, place = (np.unique(each, return_inverse=True)[1] for each in (ties, values))
    return _count_smaller(group * len(values) + place) - _count_smaller(group)


def _count_same(x: Float[np.ndarray, " item"], y: Float[np.ndarray, " item"]) -> Int[np.ndarray, " item"]:
    """For each item how many have its x and its y, itself among them."""
    first, second = (np.unique(each, return_inverse=True)[1] for each in (x, y))
    return _count_ties(first * len(x) + second)
