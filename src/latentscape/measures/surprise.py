"""Which pairs of classes are mixed up more, or less, than others at their distance?"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from latentscape.measures.count_tails import measure_tails

LEAST_PAIRS = 4
"""Fewer pairs make no expectation."""
MOST_FITS = 256
"""Pairs that are left out one by one; of more, several far apart are left out at once."""
HALF = 0.5
"""Half a confusion: what no count can tell from none."""
TINY = 1e-300
"""No tail is smaller: nothing is further than 37 standard deviations."""


class Surprise(NamedTuple):
    """What the other pairs make one expect of each pair, and how far it is from that."""

    expected: Float[np.ndarray, " _"]
    surprise: Float[np.ndarray, " _"]


class _Fit(NamedTuple):
    """A falling curve through some pairs."""

    places: Float[np.ndarray, " place"]
    """Distances, ascending, all different."""
    rates: Float[np.ndarray, " place"]
    samples: Float[np.ndarray, " place"]
    """How many samples each step of the curve rests on."""
    mean: float
    steps: int
    """Levels the curve has."""


def measure_surprise(
    distances: Float[np.ndarray, " pair"], rates: Float[np.ndarray, " pair"], sizes: Int[np.ndarray, " pair"]
) -> Surprise:
    """How far each pair's confusion is from what the other pairs make one expect at its distance.

    The expectation e is the falling curve closest to the other pairs' rates (isotonic regression, weighted by the
    pairs' samples, straight between neighboring distances), drawn by half a confusion towards their mean rate, so that
    it is never 0. With n the pair's samples, m those behind that step of the curve, and v the part of the variance
    between the others that counting does not explain (in units of e (1 - e), from their squared residuals), the rate
    has the variance e (1 - e) (1/n + 1/m + v) + s^2 / 4, s being how far the curve falls between the two neighboring
    distances: it may fall anywhere there. Small counts are lopsided and few pairs say little about v, so the surprise
    is not simply (rate - e) over the root of that: it is the number of standard deviations at which a normal
    distribution has the tail that the count has (binomial or negative binomial of this mean and variance, half of the
    count's own probability on either side), as Student's t of as many degrees of freedom as the curve leaves.

    Above 2: more confused than its distance predicts; below -2: close, yet kept apart. Neither is better. A pair that
    is far apart and never mixed up surprises nobody. Of more than 256 pairs several are left out at once, which lie
    far apart in distance. Both empty with fewer than four pairs.

    Source: Barlow, Bartholomew, Bremner and Brunk 1972, Statistical Inference under Order Restrictions; the variance
    between pairs by moments as in Williams 1982, Applied Statistics 31, 144.
    """
    if len(distances) < LEAST_PAIRS:
        return Surprise(np.empty(0), np.empty(0))
    scale = float(distances.max()) or 1.0
    apart = np.round(distances / scale, 12)  # what differs by rounding only is one place
    n = sizes.astype(np.float64)
    turns = np.empty(len(n), dtype=np.int64)
    turns[np.argsort(apart, kind="stable")] = np.arange(len(n)) % MOST_FITS
    expected, variance, free = np.empty((3, len(n)))
    for turn in range(int(turns.max()) + 1):
        out = turns == turn
        expected[out], variance[out], free[out] = _expect(apart, rates, n, out=out)
    return Surprise(expected, _count_deviations(rates * n, expected * n, variances=variance * n * n, free=free))


def _count_deviations(
    counts: Float[np.ndarray, " pair"],
    means: Float[np.ndarray, " pair"],
    *,
    variances: Float[np.ndarray, " pair"],
    free: Float[np.ndarray, " pair"],
) -> Float[np.ndarray, " pair"]:
    """How many standard deviations of a normal distribution each count is from its mean, as unlikely as it is."""
    from scipy.special import ndtri, stdtr  # noqa: PLC0415  maps without a model should not pay for it

    at_most, at_least = measure_tails(np.round(counts), means, variances)
    own = at_most + at_least - 1.0
    low, high = np.maximum(at_most - own / 2.0, TINY), np.maximum(at_least - own / 2.0, TINY)
    deviations = np.where(low < high, ndtri(low), -ndtri(high))
    return np.sign(deviations) * -ndtri(np.maximum(stdtr(free, -np.abs(deviations)), TINY))


def _expect(
    apart: Float[np.ndarray, " pair"],
    rates: Float[np.ndarray, " pair"],
    n: Float[np.ndarray, " pair"],
    *,
    out: Bool[np.ndarray, " pair"],
) -> tuple[Float[np.ndarray, " out"], Float[np.ndarray, " out"], int]:
    """The rate expected of the pairs left out, the variance of their rates around it, and on how much that rests."""
    fit = _fit_falling(apart[~out], rates[~out], n[~out])
    own, samples = _read_curve(fit, apart[~out])
    residuals = np.square(rates[~out] - own) / (own * (1.0 - own))
    free = max(1, len(own) - fit.steps)
    excess = residuals.sum() / free - np.mean(1.0 / n[~out])
    between = np.clip(excess / np.mean(1.0 - 1.0 / n[~out]), 0.0, 1.0)
    expected, samples = _read_curve(fit, apart[out])
    doubt = expected * (1.0 - expected) * (1.0 / n[out] + 1.0 / samples + between)
    return expected, doubt + np.square(_measure_steps(fit, apart[out])) / 4.0, free


def _measure_steps(fit: _Fit, apart: Float[np.ndarray, " some"]) -> Float[np.ndarray, " some"]:
    """How far the curve falls between the neighboring distances."""
    last = len(fit.places) - 1
    before = np.clip(np.searchsorted(fit.places, apart, side="right") - 1, 0, last)
    after = np.clip(np.searchsorted(fit.places, apart, side="left"), 0, last)
    return fit.rates[before] - fit.rates[after]


def _fit_falling(
    apart: Float[np.ndarray, " pair"], rates: Float[np.ndarray, " pair"], n: Float[np.ndarray, " pair"]
) -> _Fit:
    """The falling step curve closest to the rates; pairs of one distance count as one."""
    from scipy.optimize import isotonic_regression  # noqa: PLC0415  maps without a model should not pay for it

    places, owner = np.unique(apart, return_inverse=True)
    samples = np.bincount(owner, weights=n)
    hits = np.bincount(owner, weights=n * rates)
    steps = isotonic_regression(hits / samples, weights=samples, increasing=False)
    return _Fit(
        places=places,
        rates=np.clip(steps.x, 0.0, 1.0),
        samples=np.repeat(steps.weights, np.diff(steps.blocks)),
        mean=float((hits.sum() + HALF) / (samples.sum() + 1.0)),
        steps=len(steps.weights),
    )


def _read_curve(
    fit: _Fit, apart: Float[np.ndarray, " some"]
) -> tuple[Float[np.ndarray, " some"], Float[np.ndarray, " some"]]:
    """The rate at these distances, half a confusion closer to the mean, and the samples it rests on."""
    samples = np.interp(apart, fit.places, fit.samples)
    hits = np.interp(apart, fit.places, fit.rates) * samples
    return (hits + HALF) / (samples + HALF / fit.mean), samples
