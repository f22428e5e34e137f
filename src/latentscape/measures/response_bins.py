"""The bins of a response curve: where they end, how sure they are, where they rise and where they stop falling."""

from collections.abc import Sequence
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Float64, Int

from latentscape.measures.bootstrap import NORMAL_QUANTILE, bootstrap_interval, resample_sums
from latentscape.measures.equal_pairs import EqualPairs

MOST_BINS = 10
LEAST_IN_BIN = 10
LEAST_GROUPS = 20.0
"""Groups, weighed by their pairs, that make resampling them honest."""
LEAST_UNITS = 5
"""Units with pairs in a bin below which nothing is claimed of it."""
REST = 0.1
"""Part of the fall that a flat end may still lose."""
SPAN = 0.2
"""Part of the range that a flat end must cover."""
SLOPE = 0.5
"""A flat end falls clearly less than this part as steeply as before."""
NO_SPREAD = 1e-12


class Units(NamedTuple):
    """What is resampled: groups of documents with all else equal, or documents."""

    sides: Sequence[Int[np.ndarray, " pair"]]
    """The unit of each pair, or the two documents it is made of."""
    n: int
    word: str


def choose_edges(differences: Float[np.ndarray, " pair"]) -> Float64[np.ndarray, " edge"]:
    """Ends of at most 10 bins of nearly equal count, equal differences in one bin; zeros have a bin [0, 0] alone.

    >>> choose_edges(np.repeat([0.0, 1.0, 2.0], [5, 30, 40])).tolist()
    [0.0, 0.0, 1.0, 2.0]
    """
    apart = differences[differences > 0]
    n_bins = int(np.clip(len(apart) // LEAST_IN_BIN, 1, MOST_BINS))
    places = np.arange(1, n_bins + 1) / n_bins
    ends = np.unique(np.quantile(apart, places, method="inverted_cdf"))
    if len(ends) == 1 and apart.min() < ends[0] and len(apart) == len(differences):
        ends = np.concatenate([[apart[apart < ends[0]].max()], ends])  # one bin is no curve
    starts = [0.0, 0.0] if len(apart) < len(differences) else [float(apart.min())]
    if len(starts) == 1 and ends[0] == starts[0] and len(ends) > 1:
        starts = [0.0]  # a bin of one value, which no edge but a smaller one can begin
    return np.concatenate([starts, ends])


def mean_by_bin(values: Float[np.ndarray, " pair"], bins: Int[np.ndarray, " pair"]) -> Float64[np.ndarray, " bin"]:
    """The mean of the values in each bin."""
    return np.bincount(bins, weights=values) / np.bincount(bins)


def choose_units(pairs: EqualPairs) -> Units:
    """Groups where there are many of them, by the pairs they hold; else the documents."""
    _, group, sizes = np.unique(pairs.group, return_inverse=True, return_counts=True)
    if float(sizes.sum()) ** 2 >= LEAST_GROUPS * float(np.sum(sizes.astype(np.float64) ** 2)):
        return Units((group,), len(sizes), "groups of documents")
    documents, places = np.unique([pairs.first, pairs.second], return_inverse=True)
    return Units(tuple(places.reshape(2, -1)), len(documents), "documents")


def resample_bins(
    units: Units, bins: Int[np.ndarray, " pair"], cosines: Float[np.ndarray, " pair"], *, seed: int
) -> Float64[np.ndarray, "draw bin"]:
    """Mean cosine of each bin in 1,000 resamplings of the units; NaN for a bin of fewer than 5, or that a draw misses.

    A pair counts as often as its group is drawn. One of two documents counts as often as either is drawn, and the mean
    moves by both: to first order it is what drawing the pair as often as both, multiplied, gives, at a fraction of the
    cost.
    """
    n_bins, n_sides = int(bins.max()) + 1, len(units.sides)
    cells = np.concatenate([side * n_bins + bins for side in units.sides])
    sums = [
        np.bincount(cells, weights=np.tile(values, n_sides), minlength=units.n * n_bins).reshape(units.n, n_bins)
        for values in (np.ones(len(bins)), cosines)
    ]
    counts, totals = np.split(resample_sums(np.concatenate(sums, axis=1), seed=seed), 2, axis=1)
    means = np.where(counts > 0, totals, np.nan) / np.where(counts > 0, counts, 1.0)
    center = mean_by_bin(cosines, bins)
    draws = np.clip(center + n_sides * (means - center), -1.0, 1.0)
    draws[:, np.count_nonzero(sums[0], axis=0) < LEAST_UNITS] = np.nan
    return draws


def enclose_bins(
    draws: Float[np.ndarray, "draw bin"],
) -> tuple[Float64[np.ndarray, " bin"], Float64[np.ndarray, " bin"]]:
    """Both ends of the band; the whole range for a bin that most draws know nothing of."""
    low, high = np.full(draws.shape[1], -1.0), np.ones(draws.shape[1])
    for each, column in enumerate(draws.T):
        interval = bootstrap_interval(column, unit="", n_units=LEAST_UNITS)
        if interval.low is not None and interval.high is not None:
            low[each], high[each] = interval.low, interval.high
    return low, high


def find_breaks(similarity: Float[np.ndarray, " bin"], draws: Float[np.ndarray, "draw bin"]) -> tuple[int, ...]:
    """Bins that are above an earlier one by more than chance."""
    rises = _find_changes(similarity, draws)[0]
    return tuple(np.flatnonzero(rises.sum(axis=0)).tolist())


def find_flat(
    difference: Float[np.ndarray, " bin"],
    similarity: Float[np.ndarray, " bin"],
    *,
    counts: Int[np.ndarray, " bin"],
    draws: Float[np.ndarray, "draw bin"],
) -> float | None:
    """The difference from which on the curve falls no more: the first bin's where it never falls, None where always."""
    if not _find_changes(similarity, draws)[1].sum():
        return float(difference[0]) if np.isfinite(draws).sum() else None
    from scipy.optimize import isotonic_regression  # noqa: PLC0415  light commands import this module, not this

    risen = np.cumsum(_find_changes(similarity, draws)[0].sum(axis=0)) > 0
    held = np.where(risen, np.minimum.accumulate(similarity), similarity)  # what has risen again is no fall undone
    fit = isotonic_regression(held, weights=counts, increasing=False).x
    errors = _find_errors(draws)[:, -1]
    for start in range(1, len(fit) - 1):
        rest, span = fit[start] - fit[-1], difference[-1] - difference[start]
        steep = (fit[0] - fit[start]) / (difference[start] - difference[0])
        is_rest = rest <= REST * (fit[0] - fit[-1]) and span >= SPAN * (difference[-1] - difference[0])
        if is_rest and rest + NORMAL_QUANTILE * errors[start] < SLOPE * steep * span:
            return float(difference[start])
    return None


def _find_changes(
    similarity: Float[np.ndarray, " bin"], draws: Float[np.ndarray, "draw bin"]
) -> tuple[Bool[np.ndarray, "bin bin"], Bool[np.ndarray, "bin bin"]]:
    """Which bins (columns) are above, and below, earlier ones (rows) by more than chance in all pairs of bins."""
    n = len(similarity)
    quantile = NormalDist().inv_cdf(1 - 0.025 / max(1, n * (n - 1) // 2))
    limit = quantile * _find_errors(draws) + NO_SPREAD
    rise = similarity[None, :] - similarity[:, None]
    later = np.triu(np.ones((n, n), dtype=bool), k=1)
    return later & (rise > limit), later & (-rise > limit)


def _find_errors(draws: Float[np.ndarray, "draw bin"]) -> Float64[np.ndarray, "bin bin"]:
    """The standard error of the difference of two bins; infinite where more than half of the draws don't know."""
    n = draws.shape[1]
    errors = np.full((n, n), np.inf)
    for first in range(n):
        for second in range(n):
            changes = draws[:, second] - draws[:, first]
            known = changes[np.isfinite(changes)]
            if 2 * len(known) >= len(draws):
                errors[first, second] = known.std()
    return errors
