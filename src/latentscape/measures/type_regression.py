"""Least squares on yes-or-no columns, for a study and all its resamplings at once."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Float64, Int

SMALL = 1e-10
"""Axes with less than this part of the longest one's weight are rounding."""
TOLD = 1e-6
"""A column is told apart from the others if all of it but this part can be solved for."""


class TypeDraws(NamedTuple):
    """Sums by unit and combination, only where there are any: what every resampling needs of the pairs."""

    counts: Any
    sums: tuple[Any, ...]

    @classmethod
    def of(
        cls,
        unit: Int[np.ndarray, " pair"],
        combination: Int[np.ndarray, " pair"],
        *,
        values: Sequence[Float[np.ndarray, " pair"] | Bool[np.ndarray, " pair"]],
    ) -> "TypeDraws":
        """Tables of (combination, unit): how many pairs, and the sum of each of the values."""
        from scipy.sparse import csr_array  # noqa: PLC0415  light commands import this module and never come here

        shape = int(combination.max()) + 1, int(unit.max()) + 1
        ones = np.ones(len(unit))
        tables = [csr_array((each.astype(np.float64), (combination, unit)), shape=shape) for each in (ones, *values)]
        return cls(tables[0], tuple(tables[1:]))

    def add_up(self, draws: Float64[np.ndarray, "draw unit"]) -> list[Float64[np.ndarray, "draw combination"]]:
        """The number of pairs of each combination and the sums of the values, each unit counted as often as drawn."""
        times = np.ascontiguousarray(draws.T)
        return [(table @ times).T for table in (self.counts, *self.sums)]


def solve_types(
    carries: Bool[np.ndarray, "combination type"],
    *,
    counts: Float[np.ndarray, "draw combination"],
    totals: Float[np.ndarray, "draw combination"],
) -> Float64[np.ndarray, "draw type"]:
    """The effects b that make Σ b over the types of a pair fit its value best, for each draw.

    `counts` and `totals` are the number of pairs of each combination of types and the sum of their values. NaN for a
    type that the draw cannot tell apart from others, such as one that never comes without another.

    >>> solve_types(np.array([[True, False], [True, True]]), counts=np.array([[1, 1.0]]), totals=np.array([[2, 5.0]]))
    array([[2., 3.]])
    """
    columns = carries.astype(np.float64)
    squares = np.stack([(counts * column) @ columns for column in columns.T], axis=1)
    lengths, axes = np.linalg.eigh(squares)
    real = lengths > SMALL * np.maximum(lengths[:, -1:], 1.0)
    inverse = np.where(real, 1.0, 0.0) / np.where(real, lengths, 1.0)
    known = np.einsum("dta,da,dta->dt", axes, real.astype(np.float64), axes)
    found = np.einsum("dta,da,dua,du->dt", axes, inverse, axes, totals @ columns, optimize=True)
    return np.where(known > 1.0 - TOLD, found, np.nan)


def correlate_ranks(
    draws: Float[np.ndarray, "draw type"], declared: Float[np.ndarray, " type"]
) -> Float64[np.ndarray, " draw"]:
    """Spearman's correlation of each draw with the declared numbers; NaN where either does not vary or is missing."""
    from scipy.stats import rankdata  # noqa: PLC0415  half a second that maps without a model should not pay

    known = np.isfinite(draws).sum(axis=1) == draws.shape[1]
    ranks = rankdata(np.where(known[:, None], draws, 0.0), axis=1)
    first, second = (each - (len(declared) + 1) / 2 for each in (ranks, rankdata(declared)))
    lengths = np.sqrt((first**2).sum(axis=1) * (second @ second))
    exists = known & (lengths > 0)
    return np.where(exists, first @ second, np.nan) / np.where(exists, lengths, 1.0)
