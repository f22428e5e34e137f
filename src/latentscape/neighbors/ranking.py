"""Candidates in, neighbors out: distances in double precision, ties by row number, and a proof of completeness."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64, Int, Int32

from latentscape.neighbors.kernels import arrange, measure_double, measure_single
from latentscape.neighbors.space import Space

TIE = 2.0**-34
"""Squared distances this near to each other, relatively, may round to the same 36 bits."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """Find for rows of `queries` their k nearest rows of `space`; a row is not its own neighbor where both are one."""

    queries: Space
    space: Space
    k: int

    @property
    def within(self) -> bool:
        """Whether the queries are the rows themselves."""
        return self.queries is self.space


@dataclass(frozen=True, kw_only=True)
class Candidates:
    """Rows that may be the nearest of each line, `counts` of them a line; the rest of `rows` holds anything.

    `lines` are row numbers of the queries.
    """

    lines: Int[np.ndarray, " line"]
    rows: Int32[np.ndarray, "line candidate"]
    counts: Int[np.ndarray, " line"]


@dataclass(frozen=True, kw_only=True)
class Found:
    """The nearest rows of each line, nearest first, with distances of the metric; `recall` as in Neighbors."""

    rows: Int32[np.ndarray, "line k"]
    distances: Float[np.ndarray, "line k"]
    recall: float = 1.0


def rank_candidates(
    task: Task, candidates: Candidates
) -> tuple[Int32[np.ndarray, "line k"], Float64[np.ndarray, "line k"]]:
    """The k nearest of the candidates and their squared distances, inf where a line has fewer candidates."""
    rows, counts, n = candidates.rows, candidates.counts.copy(), len(candidates.lines)
    squares = np.empty(rows.shape)
    measure = measure_double if task.space.rows.dtype == np.float64 else measure_single
    lines = np.ascontiguousarray(candidates.lines, dtype=np.int64)
    own = lines if task.within else np.full(n, -1)
    space, queries = task.space, task.queries
    measure(0, n, space.rows, space.weights, queries.rows, queries.weights, lines, own, rows, counts, squares)
    arrange(0, n, rows, squares, counts, space.blur)
    squares[np.arange(rows.shape[1]) >= counts[:, None]] = np.inf
    return rows[:, : task.k], squares[:, : task.k]


def widen(squares: Float64[np.ndarray, " line"], space: Space) -> Float64[np.ndarray, " line"]:
    """The largest squared distances that may still count as equal to these."""
    return np.maximum(squares, space.blur) * (1 + TIE)
