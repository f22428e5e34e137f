"""Distributions of cosines too many to keep: bins, and the percentiles a box plot draws."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

N_BINS = 200
"""Bins of the histograms that are shown and whose shared area is measured, each 0.01 wide."""
PERCENTILES = (5, 25, 50, 75, 95)


@dataclass(frozen=True, kw_only=True)
class Box:
    """Five percentiles of a set of similarities: 5, 25, 50, 75 and 95, ready for a box plot."""

    low: float
    q1: float
    median: float
    q3: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Histogram:
    """The distribution of a set of similarities too large to keep: counts in bins of equal width on [-1, 1].

    `counts[i]` belongs to [edges[i], edges[i + 1]), the last bin includes 1. `mean` and `sd` come from the
    similarities themselves, not from the bins; both are None when there are none. `sd` divides by n.
    """

    counts: Int[np.ndarray, " bin"]
    edges: Float[np.ndarray, " edge"]
    n: int
    mean: float | None
    sd: float | None


def bin_cosines(values: Float[np.ndarray, " value"], *, n_bins: int) -> Int[np.ndarray, " value"]:
    """The bin of each cosine when [-1, 1] is cut into `n_bins` equal ones; the last one includes 1."""
    return np.clip(((values + 1.0) * (n_bins / 2)).astype(np.int64), 0, n_bins - 1)


def join_bins(counts: Int[np.ndarray, "*group fine"]) -> Int[np.ndarray, "*group bin"]:
    """Finer bins joined to the bins that are shown; there is a whole number of them in each."""
    return counts.reshape(*counts.shape[:-1], N_BINS, -1).sum(axis=-1)


def make_histogram(fine: Int[np.ndarray, " fine"], *, mean: float | None, sd: float | None) -> Histogram:
    """Join fine bins to the bins that are shown."""
    edges = np.linspace(-1.0, 1.0, N_BINS + 1)
    return Histogram(counts=join_bins(fine), edges=edges, n=int(fine.sum()), mean=mean, sd=sd)


def box_values(values: Float[np.ndarray, " value"]) -> Box | None:
    """The percentiles of the values; None without values."""
    if values.size == 0:
        return None
    low, q1, median, q3, high = np.percentile(values, PERCENTILES)
    return Box(low=float(low), q1=float(q1), median=float(median), q3=float(q3), high=float(high))


def box_bins(fine: Int[np.ndarray, " fine"]) -> Box | None:
    """The percentiles of binned cosines, taken as spread evenly within a bin: right to its width; None without any."""
    total = np.concatenate([[0], np.cumsum(fine)])
    if total[-1] == 0:
        return None
    edges = np.linspace(-1.0, 1.0, fine.size + 1)
    targets = np.array(PERCENTILES) / 100 * total[-1]
    after = np.searchsorted(total, targets)  # the first edge with at least that many cosines below it
    share = (targets - total[after - 1]) / fine[after - 1]
    low, q1, median, q3, high = edges[after - 1] + share * (edges[1] - edges[0])
    return Box(low=float(low), q1=float(q1), median=float(median), q3=float(q3), high=float(high))
