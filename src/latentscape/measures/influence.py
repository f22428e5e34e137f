"""How sure a number is, from how much each sample moves it: for measures that drawn duplicates would bias."""

import math
from typing import Literal

import numpy as np
from jaxtyping import Float

from latentscape.measures.bootstrap import NORMAL_QUANTILE, Interval
from latentscape.shapes import PerSample

Scale = Literal["plain", "log", "fisher"]
SPREAD = 1e-10
"""A relative standard error below this is made of rounding errors."""


def influence_interval(
    value: float, influences: PerSample, *, method: str, scale: Scale = "plain", bounds: tuple[float, float]
) -> Interval:
    """A 95 % interval from the `influences` g_i: the change of the value by one more sample like sample i.

    The standard error is s = sqrt(sum_i g_i^2) (infinitesimal jackknife: Jaeckel 1972, Efron 1982), and the ends are
    value -+ 1.96 s, cut to `bounds`; `log` does so with the logarithm of a value above 0, `fisher` with the inverse
    hyperbolic tangent of a correlation. No sample is drawn twice, which matters where a duplicate is not like another
    sample: it lies at distance 0. There is no interval where no sample moves the value: then the spread is not known.
    """
    error = math.sqrt(float(np.sum(np.square(influences))))
    if len(influences) < 3 or not error > SPREAD * max(abs(value), SPREAD):
        return Interval()
    ends = _find_ends(value, NORMAL_QUANTILE * error, scale)
    if ends is None:
        return Interval()
    low, high = (min(max(end, bounds[0]), bounds[1]) for end in ends)
    return Interval(low=min(low, value), high=max(high, value), method=f"95 % {method}, n = {len(influences)}")


def weigh_left_out(values: Float[np.ndarray, " sample"]) -> PerSample:
    """Influences from the values without each sample in turn, so that their squares sum to the jackknife's variance.

    (n - 1) / n times the sum of squared deviations of the values left. Source: Tukey 1958, Annals of Mathematical
    Statistics 29, p. 614.
    """
    return (values.mean() - values) * math.sqrt((len(values) - 1) / len(values))


def _find_ends(value: float, half: float, scale: Scale) -> tuple[float, float] | None:
    if scale == "log":
        return (value * math.exp(-half / value), value * math.exp(min(half / value, 700.0))) if value > 0 else None
    if scale == "fisher":
        if abs(value) >= 1.0 - SPREAD:
            return None
        middle, reach = math.atanh(value), half / (1.0 - value * value)
        return math.tanh(middle - reach), math.tanh(middle + reach)
    return value - half, value + half
