"""Would the difference be as large if it were chance which of two models gave which answer?"""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float

from latentscape.measures.bootstrap import MOST_UNITS, N_GROUPS
from latentscape.measures.permutations import SAME, p_value_of

N_PATTERNS = 9999
"""Random exchanges; the smallest p is then 0.0001, which survives some hundred questions asked at once."""
MOST_LISTED = 12
"""Up to so many units every exchange is tried."""
MIN_UNITS = 6
"""The two-sided p of fewer is never below 0.06: then there is none."""
AT_ONCE = 500
"""Exchanges held in memory at a time."""


def exchange_p_values(
    differences: Float[np.ndarray, "unit question"], *, seed: int
) -> Float[np.ndarray, " question"] | None:
    """Two-sided p of each column's sum being other than 0, units changing sign at random; small speaks against chance.

    A unit's difference is what the second model has more than the first. Were the models equally good, each unit might
    as well have shown the opposite sign. p is the share of sign patterns whose sum lies at least as far from 0: of all
    patterns up to 12 units, else of 9,999 random ones and the real one. More than 5,000 units change sign in 1,000
    random groups. Every column meets the same patterns. None for fewer than six units, which could never give 0.05.

    Source: Fisher 1935, The Design of Experiments, section 21; Phipson and Smyth 2010,
    https://doi.org/10.2202/1544-6115.1585 (the p of random patterns).

    >>> exchange_p_values(np.ones((6, 1)), seed=0)
    array([0.03125])
    """
    n = len(differences)
    if n < MIN_UNITS:
        return None
    observed = np.abs(differences.sum(axis=0))
    units = _deal(differences, seed=seed) if n > MOST_UNITS else differences
    sums = np.concatenate([np.abs(signs @ units) for signs in _draw_signs(len(units), seed=seed)])
    if n <= MOST_LISTED:
        return np.mean(sums >= observed - SAME, axis=0)
    return np.array([p_value_of(sums[:, i], float(each)) for i, each in enumerate(observed)])


def _draw_signs(n: int, *, seed: int) -> Iterator[Float[np.ndarray, "draw unit"]]:
    """Patterns of -1 and 1 in blocks; all of them up to 12 units, but for each one's opposite, which is as far off."""
    if n <= MOST_LISTED:
        numbers = np.arange(2 ** (n - 1))
        yield 1.0 - 2.0 * (numbers[:, None] >> np.arange(n) & 1)
        return
    random = np.random.default_rng(seed)
    for start in range(0, N_PATTERNS, AT_ONCE):
        size = min(AT_ONCE, N_PATTERNS - start)
        yield 2.0 * random.integers(0, 2, size=(size, n), dtype=np.int8) - 1.0


def _deal(differences: Float[np.ndarray, "unit question"], *, seed: int) -> Float[np.ndarray, "group question"]:
    """The sums of 1,000 random groups of nearly equal size."""
    n = len(differences)
    dealt = differences[np.random.default_rng([seed, n]).permutation(n)]
    return np.add.reduceat(dealt, np.arange(N_GROUPS) * n // N_GROUPS)
