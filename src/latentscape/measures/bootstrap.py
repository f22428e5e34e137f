"""How sure a number is: 95 % intervals by resampling, and Wilson's for shares."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from latentscape.measures.score import Better, Score

N_DRAWS = 1000
"""Resampled studies behind every bootstrap interval; the ends then rest on the 25 most extreme on either side."""
DRAWS_AT_ONCE = 100
"""Resampled studies held in memory at a time."""
MOST_UNITS, N_GROUPS = 5000, 1000
"""More units are resampled in groups: their sums vary alike, and drawing each would take longer than measuring it."""
AGREE = 1e-12
"""Draws that differ by less differ by rounding only."""
NORMAL_QUANTILE = 1.959963984540054
"""97.5 % quantile of the standard normal distribution, which cuts 2.5 % off on either side."""


@dataclass(frozen=True, kw_only=True)
class Interval:
    """The two ends of a 95 % interval, both None where none exists, and the method in words."""

    low: float | None = None
    high: float | None = None
    method: str = ""


def draw_counts(n: int, *, seed: int, n_draws: int = N_DRAWS) -> Iterator[Float[np.ndarray, "draw unit"]]:
    """How often each of `n` units is drawn when n are drawn with replacement, `n_draws` times over, in blocks.

    The draws do not depend on the block size: the same seed gives the same counts.
    """
    random = np.random.default_rng(seed)
    for start in range(0, n_draws, DRAWS_AT_ONCE):
        size = min(DRAWS_AT_ONCE, n_draws - start)
        places = random.integers(0, n, size=(size, n)) + np.arange(size)[:, None] * n
        yield np.bincount(places.ravel(), minlength=size * n).reshape(size, n).astype(np.float64)


def resample_sums(
    values: Float[np.ndarray, "unit column"], *, seed: int, n_draws: int = N_DRAWS
) -> Float[np.ndarray, "draw column"]:
    """The sum of each column over the units drawn, for each draw: all that means and deviations need.

    More than 5,000 units are first dealt at random into 1,000 groups of nearly equal size, which are drawn instead.
    """
    n = len(values)
    if n <= MOST_UNITS:
        return np.concatenate([counts @ values for counts in draw_counts(n, seed=seed, n_draws=n_draws)])
    dealt = values[np.random.default_rng([seed, n]).permutation(n)]
    starts = np.arange(N_GROUPS) * n // N_GROUPS
    sums, sizes = np.add.reduceat(dealt, starts), np.diff(starts, append=n)
    blocks = draw_counts(N_GROUPS, seed=seed, n_draws=n_draws)
    # Some groups hold one unit more: without the scaling, how many were drawn would vary as well.
    return np.concatenate([counts @ sums * (n / (counts @ sizes))[:, None] for counts in blocks])


def bootstrap_interval(draws: Float[np.ndarray, " draw"], *, unit: str, n_units: int) -> Interval:
    """The 2.5 and 97.5 percentiles of a statistic over 1,000 resampled studies: what other units would have given.

    Each draw takes as many units (samples, queries) as there are, with replacement, by the run's seed. The interval's
    own words name the unit; more than 5,000 are drawn as 1,000 random groups. Queries are drawn and documents kept, so
    that an interval says what other queries to the same documents would give.

    Draws in which the statistic does not exist (NaN) are left out. There is no interval when more than half of them
    are, or when there are fewer than two units: a single one can't say how much the next would differ. Where all
    units of a mean share have the same value, resampling finds no spread and would claim certainty: Wilson's interval
    is given instead.

    Source: Efron 1979, https://doi.org/10.1214/aos/1176344552; Efron and Tibshirani 1993, chapter 13 (percentile
    method).
    """
    defined = draws[np.isfinite(draws)]
    if n_units < 2 or 2 * defined.size < draws.size:
        return Interval()
    low, high = np.percentile(defined, [2.5, 97.5])
    return Interval(low=float(low), high=float(high), method=f"95 % bootstrap of {n_units} {unit}")


def wilson_interval(hits: float, n: int) -> tuple[float, float]:
    """The ends of Wilson's 95 % interval of the share hits / n, for n >= 1 independent yes-or-no answers.

    With p = hits / n and z = 1.96: (p + z²/2n ∓ z √(p(1−p)/n + z²/4n²)) / (1 + z²/n). It stays within [0, 1] and keeps
    a width at shares of 0 and 1.

    Source: Wilson 1927, https://doi.org/10.1080/01621459.1927.10502953; recommended by Brown, Cai and DasGupta 2001,
    https://doi.org/10.1214/ss/1009213286.

    >>> low, high = wilson_interval(50, 100)
    >>> round(low, 4), round(high, 4)
    (0.4038, 0.5962)
    """
    share, z2 = hits / n, NORMAL_QUANTILE**2
    center = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = NORMAL_QUANTILE / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    low, high = min(share, center - half), max(share, center + half)  # rounding must not cut the share itself off
    return max(0.0, low), min(1.0, high)


def wilson(share: float, n: int) -> Interval:
    """Wilson's interval with its method in words; none for n = 0."""
    if n == 0:
        return Interval()
    low, high = wilson_interval(share * n, n)
    return Interval(low=low, high=high, method=f"95 % Wilson, n = {n}")


def mean_share_interval(draws: Float[np.ndarray, " draw"], share: float, *, unit: str, n_units: int) -> Interval:
    """Bootstrap interval of a mean of values in [0, 1]; Wilson's where all draws agree.

    When every unit has the same value, resampling finds no spread at all and its interval would claim certainty.
    Values within [0, 1] spread no more than yes-or-no answers of the same mean, so Wilson's is the cautious answer.
    """
    if n_units >= 2 and np.ptp(draws) < AGREE:
        return wilson(share, n_units)
    return bootstrap_interval(draws, unit=unit, n_units=n_units)


def score_share(name: str, hits: int, n: int, *, reason: str) -> Score:
    """The share hits / n with Wilson's interval, or None with the reason when n is 0."""
    if n == 0:
        return Score(name=name, value=None, n=0, reason=reason)
    return score_with(name, hits / n, n=n, interval=wilson(hits / n, n))


def score_with(
    name: str,
    value: float,
    *,
    n: int,
    interval: Interval,
    better: Better = "higher",
    bounds: tuple[float, float] = (0.0, 1.0),
) -> Score:
    """A score that carries an interval."""
    return Score(
        name=name,
        value=value,
        n=n,
        low=interval.low,
        high=interval.high,
        interval=interval.method,
        better=better,
        bounds=bounds,
    )
