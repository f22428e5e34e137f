"""How many of its nearest neighbors does a sample keep?"""

import numpy as np
from jaxtyping import Int

from latentscape.measures.bootstrap import N_DRAWS, mean_share_interval, score_with
from latentscape.measures.score import Score
from latentscape.shapes import PerSample

BLOCK_NUMBERS = 2**22
"""Largest temporary array, in numbers."""

Nearest = Int[np.ndarray, "sample k"]


def share_in_common(wanted: Nearest, found: Nearest) -> PerSample:
    """For each sample the share of its `wanted` neighbors that are among those `found`, in any order; in [0, 1].

    With N_k(i) the k nearest others of sample i in feature space (by the graph's metric) and M_k(i) those on the map
    (euclidean):

    * `neighbor_recall` = mean over i of |N_k(i) ∩ M_k(i)| / k: are a sample's neighbors its own?
    * `laid_out_recall`, `placed_recall` = the same mean over the samples that the method laid out, and
      over those that were placed beside them because there were too many: do places go astray?
    * `stability` = mean over i of |M_k(i) ∩ M′_k(i)| / k, M′ being the same map with another seed: what is chance?

    Both in [0, 1], higher is better; a map that places samples at random scores k / (n − 1). k = 15, cut to n − 1 and
    to the width of the graph; where k is n − 1 every map keeps all neighbors and there is no score. A sample is weak,
    drawn faint and ringed, if its recall is below 0.2. An approximate graph misses a neighbor now and then (its own
    recall is 0.99 or more), and neighbor recall inherits that.

    Source: Venna, Peltonen, Nybo, Aidos, Kaski 2010, https://jmlr.org/papers/v11/venna10a.html (section 2, equal
    neighborhood sizes).
    """
    n, k = wanted.shape
    kept, step = np.empty(n), max(1, BLOCK_NUMBERS // (k * k))
    for at in range(0, n, step):
        block = slice(at, at + step)
        kept[block] = (wanted[block, :, None] == found[block, None, :]).any(axis=2).sum(axis=1)
    return kept / k


def score_in_common(name: str, shares: PerSample, *, k: int, seed: int) -> Score:
    """The mean of shares of k neighbors, with a bootstrap interval over samples.

    Only how many samples kept 0, 1, ... k neighbors matters to a draw: it costs the same for any number of samples.
    """
    n, kept = len(shares), np.rint(shares * k).astype(np.int64)
    draws = np.random.default_rng(seed).multinomial(n, np.bincount(kept, minlength=k + 1) / n, size=N_DRAWS)
    value = float(kept.sum() / (n * k))
    interval = mean_share_interval(draws @ np.arange(k + 1) / (n * k), value, unit="samples", n_units=n)
    return score_with(name, value, n=n, interval=interval)
