"""Are a few samples the neighbors of everybody?"""

import numpy as np
from jaxtyping import Float64, Int

from latentscape.measures.bootstrap import Interval, score_with
from latentscape.measures.influence import influence_interval, weigh_left_out
from latentscape.measures.score import Score
from latentscape.neighbors import Neighbors

NAME, BOUNDS = "hubness", (float("-inf"), float("inf"))
K = 15

Counts = Float64[np.ndarray, " place"]


def measure_hubness(neighbors: Neighbors) -> Score:
    """How unevenly samples are chosen as neighbors: the skewness of how often each is among the k nearest of others.

    mean((N - mean N)^3) / sd(N)^3, N_i being the number of samples that have i among their k = 15 nearest (fewer where
    the graph is narrower). Lower is better: about 0 where hubs are no more frequent than samples that nobody chooses;
    the higher, the more a few hubs are near everything, whatever they are, and the less neighbors say. No ends.

    Samples in one place count once: their order among themselves is that of their rows and would make hubs of the
    first; `n` is the number of places. The interval leaves out each place in turn (jackknife), those that chose it
    turning to their next neighbor. Simulated, it is up to three times too wide where there are no hubs, and holds the
    mean of many data sets in eight or nine of ten where few hubs have it all (above 2); drawing the numbers N_i again
    does worse there. There is none where the graph has no next neighbor. None where all are chosen equally often, as
    they are where k is all others.

    Source: Radovanovic, Nanopoulos and Ivanovic 2010, https://www.jmlr.org/papers/v11/radovanovic10a.html.
    """
    graph = neighbors.kinds.neighbors if neighbors.kinds else neighbors
    n, k = len(graph.indices), min(K, graph.indices.shape[1])
    counts = np.bincount(graph.indices[:, :k].ravel(), minlength=n)
    if np.ptp(counts) == 0:
        reason = "all samples are chosen equally often" if 0 < k < n - 1 else "so few places are all neighbors"
        return Score(name=NAME, value=None, n=n, better="lower", bounds=BOUNDS, reason=reason)
    excess = counts - float(k)
    powers = _raise(excess).sum(axis=1, keepdims=True)
    value = float(_find_skewness(powers, n)[0])
    interval = Interval()
    if graph.indices.shape[1] > k:
        left = _leave_out(graph.indices[:, : k + 1].astype(np.int64), excess, powers=powers)
        interval = _enclose(value, left)
    return score_with(NAME, value, n=n, interval=interval, better="lower", bounds=BOUNDS)


def _raise(numbers: Float64[np.ndarray, " number"]) -> Float64[np.ndarray, "3 number"]:
    return np.array([numbers, numbers**2, numbers**3])


def _find_skewness(powers: Float64[np.ndarray, "3 draw"], n: int) -> Float64[np.ndarray, " draw"]:
    """Skewness from the sums of first, second and third powers of n numbers; NaN where they are equal."""
    m1, m2, m3 = powers / n
    variance = m2 - m1**2
    variance = np.where(variance > 1e-9, variance, np.nan)
    return (m3 - 3 * m1 * m2 + 2 * m1**3) / variance**1.5


def _leave_out(near: Int[np.ndarray, "place next"], excess: Counts, *, powers: Float64[np.ndarray, "3 1"]) -> Counts:
    """The skewness without each place: its k neighbors lose a vote, the next ones of those that chose it win one."""
    n, k = len(near), near.shape[1] - 1
    chosen = near[:, :k].ravel()
    keys = np.concatenate([np.arange(n).repeat(k) * n + chosen, chosen * n + near[:, k].repeat(k)])
    pairs, place = np.unique(keys, return_inverse=True)
    votes = np.bincount(place, weights=np.repeat([-1.0, 1.0], n * k))
    gone, other = np.divmod(pairs, n)
    moved = _raise(excess[other] + votes) - _raise(excess[other])
    changes = np.array([np.bincount(gone, weights=power, minlength=n) for power in moved])
    return _find_skewness(powers - _raise(excess) + changes, n - 1)


def _enclose(value: float, left: Counts) -> Interval:
    if not np.isfinite(left).all():
        return Interval()
    return influence_interval(value, weigh_left_out(left), method="jackknife over samples", bounds=BOUNDS)
