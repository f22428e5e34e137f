"""Features of a metric as points whose squared euclidean distances order the rows as the metric does."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Float32, Float64, Int

from latentscape.errors import DataError

SAME_DIRECTION = 2.0**-49
"""Squared distances of unit rows below this are 0: the angle is smaller than single precision can write."""
BLOCK_NUMBERS = 2**20
"""Numbers converted at a time, so that a large input is never copied as a whole in double precision."""
LARGE_EXPONENT = 300
"""Beyond 2**±300 squares come near the ends of double precision and the input is scaled first."""


@dataclass(frozen=True, kw_only=True)
class Space:
    """Rows times their weights are the points; features are `points * 2**exponent`.

    Under cosine a weight is 1 / length, and 0 marks a row of zeros, which has an axis of its own. Under euclidean all
    weights are 1. Squared distances below `blur` count as 0.
    """

    rows: Float32[np.ndarray, "row axis"] | Float64[np.ndarray, "row axis"]
    weights: Float64[np.ndarray, " row"]
    metric: str
    exponent: int

    @property
    def blur(self) -> float:
        """Squared distances below it are rounding errors."""
        return SAME_DIRECTION if self.metric == "cosine" else 0.0

    def take(self, rows: Int[np.ndarray, " some"]) -> "Space":
        """The space of some of the rows."""
        return replace(self, rows=self.rows[rows], weights=self.weights[rows])

    @property
    def has_zeros(self) -> bool:
        """Whether some row has no direction."""
        return not self.weights.all()

    def weigh(self, rows: slice | Int[np.ndarray, " some"], *, zeros: bool) -> Float64[np.ndarray, "_ axis"]:
        """Some of the points, in double precision; `zeros` adds the axis of the rows of zeros."""
        points = self.rows[rows] * self.weights[rows][:, None]
        return np.hstack([points, (self.weights[rows] == 0)[:, None]]) if zeros else points

    def name_distances(self, squares: Float64[np.ndarray, "line k"]) -> Float64[np.ndarray, "line k"]:
        """Squared distances as the metric's own: |x - y|² / 2 = 1 - cos for unit rows."""
        return squares / 2 if self.metric == "cosine" else np.ldexp(np.sqrt(squares), self.exponent)


def require_finite(features: Float[np.ndarray, "sample feature"], *, purpose: str) -> None:
    """Raise DataError unless there is at least one row and one column and every value is finite."""
    if not features.size:
        raise DataError(
            f"{purpose} needs samples",
            got=f"a table of {features.shape[0]} x {features.shape[1]}",
            hint="look at what made the features: was everything filtered?",
            fault="data-empty",
        )
    bad = [at.start + np.flatnonzero(~np.isfinite(features[at]).all(axis=1)) for at in cut_rows(features)]
    rows = np.concatenate(bad)
    if len(rows):
        raise DataError(
            "the features have values that are not finite",
            got=f"{len(rows)} such rows, the first is row {rows[0]}",
            expected=f"finite values only, for {purpose}",
            hint="drop these samples first",
        )


def cut_rows(table: np.ndarray) -> list[slice]:
    """Slices of rows that are small enough to be converted at once."""
    step = max(1, BLOCK_NUMBERS // max(1, table.shape[1]))
    return [slice(at, min(at + step, len(table))) for at in range(0, len(table), step)]


def place(features: Float[np.ndarray, "sample feature"], *, metric: str, exponent: int = 0) -> Space:
    """The space of a metric; its points are the features times 2**-exponent, which changes no digit."""
    rows = _take_in(features)
    if metric == "cosine":
        rows = _tame_rows(rows)
        return Space(rows=rows, weights=_find_weights(rows), metric=metric, exponent=0)
    rows = np.ldexp(rows, -exponent) if exponent else rows
    return Space(rows=rows, weights=np.ones(len(rows)), metric=metric, exponent=exponent)


def choose_exponent(*tables: Float[np.ndarray, "_ feature"]) -> int:
    """0 where squared differences fit into double precision, as those of single precision do; else the largest one."""
    largest = max(float(np.abs(table[at]).max()) for table in tables for at in cut_rows(table))
    exponent = int(np.frexp(largest)[1])
    return exponent if abs(exponent) > LARGE_EXPONENT else 0


def _take_in(features: Float[np.ndarray, "sample feature"]) -> np.ndarray:
    """Rows one after the other in single or double precision, without a copy where they are so already."""
    kind = np.float32 if features.dtype.itemsize <= 4 else np.float64
    return np.require(np.asarray(features), dtype=kind, requirements=["C", "A"])


def _tame_rows(rows: Float[np.ndarray, "row axis"]) -> Float[np.ndarray, "row axis"]:
    """The same directions, with lengths whose squares fit into double precision."""
    if rows.dtype == np.float32:
        return rows
    exponents = np.concatenate([np.frexp(np.abs(rows[at]).max(axis=1))[1] for at in cut_rows(rows)])
    return np.ldexp(rows, -exponents[:, None]) if (np.abs(exponents) > LARGE_EXPONENT).any() else rows


def _find_weights(rows: Float[np.ndarray, "row axis"]) -> Float64[np.ndarray, " row"]:
    """1 / length of each row, 0 for a row of zeros."""
    lengths = np.empty(len(rows))
    for at in cut_rows(rows):
        lengths[at] = np.linalg.norm(rows[at].astype(np.float64), axis=1)
    return np.divide(1.0, lengths, out=np.zeros(len(rows)), where=lengths > 0)
