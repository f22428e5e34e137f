"""Tiles of products: each line's nearest among many columns, in single precision.

With |x|² the same for a whole line, its columns are ordered by |y|² - 2xy. A BLAS product gives a tile of -2xy and a
kernel collects what is near, while the tile is still in the core's cache.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int, Int32

from latentscape.neighbors.field import Field
from latentscape.neighbors.kernels import LANES, collect_nearest, keep_nearest
from latentscape.neighbors.ranking import Candidates

SPARE = 16
"""Candidates kept beyond those needed: they are farther by more than the rounding errors, nearly always."""
ROOM = 256
"""Further candidates a line may hold before the farthest are dropped."""
TILE_ROWS, TILE_COLUMNS = 1024, 16 * LANES
"""One tile of products fits into a core's cache."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The columns to look through, in this order, and how many candidates to keep.

    After `glance` columns the key of rank `glance_rank` becomes the limit: an estimate of what the last candidate's
    key will be. Too low an estimate costs candidates, never the proof, for the limit tells how far they reach.
    """

    columns: Int32[np.ndarray, " column"]
    wanted: int
    glance: int = 0
    glance_rank: int = 0


@dataclass(frozen=True, kw_only=True)
class _Held:
    """What the lines of a tile hold so far."""

    keys: Float32[np.ndarray, "line room"]
    rows: Int32[np.ndarray, "line room"]
    counts: Int[np.ndarray, " line"]
    limits: Float32[np.ndarray, " line"]


def propose(
    field: Field, queries: Field, choice: Choice, *, lines: Int[np.ndarray, " line"]
) -> tuple[Candidates, Float32[np.ndarray, " line"]]:
    """Candidates for each line, and for each line a key |y|² - 2xy that no column outside its candidates is below."""
    n, columns = len(lines), choice.columns
    held = _hold(n, choice.wanted)
    doubled = -2 * queries.points[lines]
    products = np.zeros((n, TILE_COLUMNS), np.float32)
    for at in range(0, len(columns), TILE_COLUMNS):
        some = columns[at : at + TILE_COLUMNS]
        glancing = at < choice.glance
        np.matmul(doubled, field.points[some].T, out=products[:, : len(some)])
        wanted = choice.glance_rank if glancing else choice.wanted
        _collect(held, products, field.lengths[some], columns=some, wanted=wanted)
        if glancing:
            keep_nearest(0, n, wanted, held.keys, held.rows, held.counts, held.limits)
    keep_nearest(0, n, choice.wanted, held.keys, held.rows, held.counts, held.limits)
    limits = held.limits if choice.wanted < len(columns) else np.full(n, np.inf, np.float32)
    kept = np.ascontiguousarray(held.rows[:, : choice.wanted])
    return Candidates(lines=lines, rows=kept, counts=held.counts), limits


def _hold(n: int, wanted: int) -> _Held:
    shape = n, wanted + ROOM
    return _Held(
        keys=np.empty(shape, np.float32),
        rows=np.empty(shape, np.int32),
        counts=np.zeros(n, np.int64),
        limits=np.full(n, np.inf, np.float32),
    )


def _collect(
    held: _Held,
    products: Float32[np.ndarray, "line tile"],
    lengths: np.ndarray,
    *,
    columns: Int32[np.ndarray, " some"],
    wanted: int,
) -> None:
    padded = np.full(TILE_COLUMNS, np.inf, np.float32)  # a column that is not there is never near
    padded[: len(lengths)] = lengths
    numbers = np.zeros(TILE_COLUMNS, np.int32)
    numbers[: len(columns)] = columns
    n = len(products)
    collect_nearest(0, n, products, padded, numbers, wanted, held.keys, held.rows, held.counts, held.limits)
