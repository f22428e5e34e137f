"""How many points are nearer than this one? Ranks of a few neighbors among all samples, without sorting."""

import numpy as np
from jaxtyping import Float64, Int

from latentscape.engine import Crew
from latentscape.measures.rank_kernels import count_nearer
from latentscape.measures.spaces import Space, measure_pairs
from latentscape.shapes import Rows

BLOCK_NUMBERS = 2**22
"""Largest temporary array, in numbers."""
LEAST_ROWS = 32
"""Rows of one block that are worth a thread."""
SINGLE = np.finfo(np.float32)

Others = Int[np.ndarray, "row k"]


def count_ranks(space: Space, rows: Rows, others: Others, *, crew: Crew) -> Others:
    """The rank of each of `others[r]` among all samples by distance from sample `rows[r]`: 1 is the nearest.

    `others[r]` are different samples and not `rows[r]`. Equal distances are ordered by row number. A matrix product
    estimates all distances in single precision; a bound on its error tells which points may lie on either side of a
    limit, and those few are measured again in double precision. The ranks are exact, whatever the number of threads;
    the samples are read once, block by block.
    """
    others = others.astype(np.int64, order="C")
    limits = _measure_limits(space, rows, others, crew=crew)
    ranks, points = 1 + _compare_limits(limits, others), space.place(rows)
    center = points.mean(axis=0)  # distances stay, rounding errors shrink
    step = max(1, BLOCK_NUMBERS // max(len(rows), points.shape[1]))
    for first in range(0, len(space), step):
        block, numbers = space.place(slice(first, first + step)), others - first
        estimates, errors = _estimate(points - center, block - center)
        _leave_out(estimates, np.column_stack([rows - first, numbers]))
        doubt = np.multiply.outer(errors + space.blur, [-1.0, 0.0, 1.0])[:, :, None]
        both = np.concatenate([points, block])
        judged = (estimates, both, limits[:, None, :] + doubt, numbers, space.blur, ranks)
        crew.share(count_nearer, len(rows), *judged, least=LEAST_ROWS)
    return ranks


def _measure_limits(space: Space, rows: Rows, others: Others, *, crew: Crew) -> Float64[np.ndarray, "row k"]:
    """How far each of the others is, squared and exactly."""
    step = max(1, BLOCK_NUMBERS // (space.features.shape[1] * (others.shape[1] + 1)))
    squares = np.empty(others.shape)
    for at in range(0, len(rows), step):
        block = slice(at, at + step)
        ends = np.stack(np.broadcast_arrays(rows[block, None], others[block]), axis=-1)
        used, pairs = np.unique(ends, return_inverse=True)
        squares[block] = measure_pairs(space, used, pairs.reshape(-1, 2), crew=crew).reshape(ends.shape[:2])
    return squares


def _compare_limits(limits: Float64[np.ndarray, "row k"], others: Others) -> Others:
    """For each of the others how many of the others are nearer."""
    order = np.lexsort((others, limits))
    places = np.broadcast_to(np.arange(others.shape[1]), others.shape)
    nearer = np.empty(others.shape, dtype=np.int64)
    np.put_along_axis(nearer, order, places, axis=1)
    return nearer


def _estimate(
    points: Float64[np.ndarray, "row axis"], block: Float64[np.ndarray, "column axis"]
) -> tuple[np.ndarray, Float64[np.ndarray, " row"]]:
    """Squared distances of all rows to all points of a block, and for each row how wrong the worst of them may be.

    |x|² + |y|² - 2xy as one matrix product. Its error in a precision of e is at most e (axes + 8) (|x|² + |y|²), which
    holds the rounding of the points too (Higham 2002, section 3.1).
    """
    row_lengths, lengths = np.einsum("ra,ra->r", points, points), np.einsum("ca,ca->c", block, block)
    left = np.column_stack([points, row_lengths, np.ones(len(points))]).astype(np.float32)
    right = np.column_stack([-2 * block, np.ones(len(block)), lengths]).astype(np.float32)
    errors = float(SINGLE.eps) * (points.shape[1] + 10) * (row_lengths + lengths.max())
    return left @ right.T, errors + float(SINGLE.tiny) * left.shape[1]


def _leave_out(estimates: np.ndarray, numbers: Int[np.ndarray, "row _"]) -> None:
    """Put the points with these numbers, where they are in the block, beyond everything."""
    row, column = np.nonzero((numbers >= 0) & (numbers < estimates.shape[1]))
    estimates[row, numbers[row, column]] = np.inf
