"""Distributions of cosines too many to keep: bins, and the percentiles a box plot draws."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from latentscape.measures.cosines import stream_cosines
from latentscape.progress import Progress

N_BINS = 200
"""Bins of the histogram of in-batch negatives, each 0.01 wide."""
FINE = 20
"""Finer bins in each of them, 0.0005 wide: percentiles are read off these."""
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


def count_cosines(
    query_vectors: Float[np.ndarray, "query feature"],
    document_vectors: Float[np.ndarray, "document feature"],
    right: Sequence[Int[np.ndarray, " _"]],
    *,
    progress: Progress,
) -> Int[np.ndarray, " fine"]:
    """How many cosines of queries with documents that are not right for them fall into each fine bin of [-1, 1]."""
    n_bins = N_BINS * FINE
    counts = np.zeros(n_bins, dtype=np.int64)
    for start, block in stream_cosines(query_vectors, document_vectors, progress=progress, label="Comparing pairs"):
        bins = np.minimum(((block + 1.0) * (n_bins / 2)).astype(np.int64), n_bins - 1)
        counts += np.bincount(bins.ravel(), minlength=n_bins)
        for row, numbers in zip(bins, right[start : start + len(bins)], strict=True):
            np.subtract.at(counts, row[numbers], 1)
    return counts


def make_histogram(fine: Int[np.ndarray, " fine"], *, mean: float | None, sd: float | None) -> Histogram:
    """Join fine bins to the bins that are shown."""
    counts, edges = fine.reshape(N_BINS, FINE).sum(axis=1), np.linspace(-1.0, 1.0, N_BINS + 1)
    return Histogram(counts=counts, edges=edges, n=int(fine.sum()), mean=mean, sd=sd)


def box_values(values: Float[np.ndarray, " value"]) -> Box | None:
    """The percentiles of the values; None without values."""
    if values.size == 0:
        return None
    low, q1, median, q3, high = np.percentile(values, PERCENTILES)
    return Box(low=float(low), q1=float(q1), median=float(median), q3=float(q3), high=float(high))


def box_bins(fine: Int[np.ndarray, " fine"]) -> Box | None:
    """The percentiles of binned cosines, taken as spread evenly within a bin: right to 0.0005; None without any."""
    total = np.concatenate([[0], np.cumsum(fine)])
    if total[-1] == 0:
        return None
    edges = np.linspace(-1.0, 1.0, fine.size + 1)
    targets = np.array(PERCENTILES) / 100 * total[-1]
    after = np.searchsorted(total, targets)  # the first edge with at least that many cosines below it
    share = (targets - total[after - 1]) / fine[after - 1]
    low, q1, median, q3, high = edges[after - 1] + share * (edges[1] - edges[0])
    return Box(low=float(low), q1=float(q1), median=float(median), q3=float(q3), high=float(high))
