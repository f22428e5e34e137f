"""How surely does a score lie beyond a bound, when its interval is all there is to go by?"""

import math

from latentscape.measures.bootstrap import NORMAL_QUANTILE
from latentscape.measures.score import Score

LEAST_DEVIATION = 1e-12
"""An interval without width is certain of its value."""


def p_above(score: Score, bound: float) -> float | None:
    """One-sided p against the score being the bound or less, in [0, 1]; small says that it is more.

    The 95 % interval is taken for that of a normal distribution: its width is 3.92 standard deviations. None where
    the score has no value or no interval.

    Source: Altman and Bland 2011, How to obtain the P value from a confidence interval, BMJ 343.

    >>> round(p_above(Score(name="share", value=0.6, n=100, low=0.5, high=0.7), 0.5), 3)
    0.025
    """
    if score.value is None or score.low is None or score.high is None:
        return None
    deviation = max((score.high - score.low) / (2 * NORMAL_QUANTILE), LEAST_DEVIATION)
    return 0.5 * math.erfc((score.value - bound) / deviation / math.sqrt(2.0))


def p_below(score: Score, bound: float) -> float | None:
    """The same against the bound or more; small says that the score is less.

    Source: as `p_above`.
    """
    above = p_above(score, bound)
    return None if above is None else 1.0 - above


def p_apart(score: Score, value: float) -> float | None:
    """The same against the score being that value, two-sided.

    Source: as `p_above`.
    """
    above = p_above(score, value)
    return None if above is None else min(1.0, 2.0 * min(above, 1.0 - above))
