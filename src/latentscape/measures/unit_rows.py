"""Vectors at length 1 in double precision, a block at a time, so that no second copy of a large table is made."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, Float64, Int

from latentscape.measures.cosines import refuse_directionless

BLOCK_NUMBERS = 2**20
"""Numbers turned to double precision at once: 8 MB."""


def require_directions(vectors: Float[np.ndarray, "row feature"], *, what: str) -> None:
    """Raise DataError if a row has no direction: all zeros, or a value that is not finite."""
    blocks = (vectors[rows].astype(np.float64) for rows in cut_blocks(len(vectors), width=vectors.shape[1]))
    lengths = [np.linalg.norm(block, axis=1) for block in blocks]
    refuse_directionless(np.concatenate([np.empty(0), *lengths]), what=what)


def take_unit_rows(
    vectors: Float[np.ndarray, "row feature"], rows: Int[np.ndarray, " taken"] | slice
) -> Float64[np.ndarray, "taken feature"]:
    """Some rows, each divided by its length. A row's numbers don't depend on which others are taken."""
    taken = vectors[rows].astype(np.float64)
    return taken / np.linalg.norm(taken, axis=1, keepdims=True)


def stream_unit_rows(
    vectors: Float[np.ndarray, "row feature"],
) -> Iterator[tuple[slice, Float64[np.ndarray, "block feature"]]]:
    """All rows at length 1, block by block, and where each block lies."""
    for rows in cut_blocks(len(vectors), width=vectors.shape[1]):
        yield rows, take_unit_rows(vectors, rows)


def measure_pair_cosines(
    first: Float[np.ndarray, "left feature"],
    second: Float[np.ndarray, "right feature"],
    *,
    pairs: tuple[Int[np.ndarray, " pair"], Int[np.ndarray, " pair"]],
) -> Float64[np.ndarray, " pair"]:
    """The cosine of row `pairs[0][i]` of `first` with row `pairs[1][i]` of `second`, in [-1, 1].

    Every cosine is summed in the same order, so that pairs of equal vectors have equal cosines to the last bit.
    """
    left, right = pairs
    cosines = np.empty(len(left))
    for at in cut_blocks(len(left), width=2 * first.shape[1]):
        cosines[at] = (take_unit_rows(first, left[at]) * take_unit_rows(second, right[at])).sum(axis=1)
    return np.clip(cosines, -1.0, 1.0)


def cut_blocks(n: int, *, width: int) -> list[slice]:
    """Slices of rows that are turned to double precision at once."""
    step = max(1, BLOCK_NUMBERS // max(1, width))
    return [slice(at, min(at + step, n)) for at in range(0, n, step)]
