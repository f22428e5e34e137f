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
    """For each sample the share of its `wanted` neighbors that are among those `found`, in any order; in [0, 1]."""
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
