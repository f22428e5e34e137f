"""How likely is a count as large, or as small, as this one?"""

import numpy as np
from jaxtyping import Float

SAME = 1e-9
"""A variance that differs from the mean by a smaller part of it is the mean."""


def measure_tails(
    counts: Float[np.ndarray, " count"], means: Float[np.ndarray, " count"], variances: Float[np.ndarray, " count"]
) -> tuple[Float[np.ndarray, " count"], Float[np.ndarray, " count"]]:
    """P(K <= count) and P(K >= count) for a count K of this mean, above 0, and this variance.

    A variance below the mean is a binomial's, one above it a negative binomial's, one equal to it Poisson's: the family
    of counts in which mean and variance may be anything. The trials of the binomial, mean^2 / (mean - variance), need
    not be whole; where that is fewer than the count they are as many as the count, which makes the tail longer.

    Source: Panjer 1981, ASTIN Bulletin 12, 22; the tails as incomplete beta and gamma functions: Johnson, Kemp and
    Kotz 2005, Univariate Discrete Distributions.
    """
    excess = np.where(np.abs(variances - means) <= SAME * means, 0.0, variances - means)
    with np.errstate(divide="ignore"):
        size = np.square(means) / np.abs(excess)
    at_most, _ = _cumulate(counts, means, excess, size=np.maximum(size, counts))
    _, above = _cumulate(np.maximum(counts - 1.0, 0.0), means, excess, size=np.maximum(size, counts))
    return at_most, np.where(counts > 0, above, 1.0)


def _cumulate(
    counts: Float[np.ndarray, " count"],
    means: Float[np.ndarray, " count"],
    excess: Float[np.ndarray, " count"],
    *,
    size: Float[np.ndarray, " count"],
) -> tuple[Float[np.ndarray, " count"], Float[np.ndarray, " count"]]:
    """P(K <= count) and P(K > count), each exact where it is small."""
    from scipy.special import betainc, betaincc, gammainc, gammaincc  # noqa: PLC0415  light commands import this room

    at_most, above = gammaincc(counts + 1.0, means), gammainc(counts + 1.0, means)
    few, many = excess < 0, excess > 0
    left, chance = size[few] - counts[few], means[few] / size[few]
    at_most[few] = np.where(left > 0, betaincc(counts[few] + 1.0, np.maximum(left, SAME), chance), 1.0)
    above[few] = np.where(left > 0, betainc(counts[few] + 1.0, np.maximum(left, SAME), chance), 0.0)
    chance = means[many] / (means[many] + excess[many])
    size = np.square(means[many]) / excess[many]
    at_most[many] = betainc(size, counts[many] + 1.0, chance)
    above[many] = betaincc(size, counts[many] + 1.0, chance)
    return at_most, above
