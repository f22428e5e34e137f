"""Samples that share a place: found by a hash of their rows, searched for once, and put back."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int, Int32, UInt32, UInt64

from latentscape.engine import Crew
from latentscape.neighbors.kernels import gather_members, hash_rows
from latentscape.neighbors.space import Space, cut_rows

DIRECTION_STEPS = 2.0**30
"""Unit rows are compared in steps of 2**-30: finer than single precision, coarser than rounding errors."""
Words = Callable[[slice | np.ndarray], UInt32[np.ndarray, "_ word"]]
"""Rows of a table as whole numbers that are equal where the rows are."""


def find_distinct(
    points: Float[np.ndarray, "row axis"],
) -> tuple[Int[np.ndarray, " distinct"], Int[np.ndarray, " row"]]:
    """The first row of each kind in order of appearance, and for every row the number of its kind.

    >>> first, kind = find_distinct(np.array([[1.0], [2.0], [1.0]]))
    >>> first.tolist(), kind.tolist()
    ([0, 1], [0, 1, 0])
    """
    table = points if points.dtype in (np.float32, np.float64) else points.astype(np.float64)

    def words(rows: slice | np.ndarray) -> UInt32[np.ndarray, "_ word"]:
        return (np.ascontiguousarray(table[rows]) + 0.0).view(np.uint32)  # -0.0 becomes 0.0: equal rows, equal bits

    return _group_rows(words, cut_rows(table))


def find_kinds(space: Space) -> tuple[Int[np.ndarray, " kind"], Int[np.ndarray, " row"]]:
    """The same for the points of a space: under cosine rows of one direction are one kind."""
    if space.metric != "cosine":
        return find_distinct(space.rows)

    def words(rows: slice | np.ndarray) -> UInt32[np.ndarray, "_ word"]:
        steps = np.rint(space.rows[rows] * (space.weights[rows] * DIRECTION_STEPS)[:, None])
        return steps.astype(np.int32).view(np.uint32)

    return _group_rows(words, cut_rows(space.rows))


def _group_rows(words: Words, blocks: list[slice]) -> tuple[Int[np.ndarray, " kind"], Int[np.ndarray, " row"]]:
    hashes = np.concatenate([_hash(words(at)) for at in blocks])
    ordered = np.sort(hashes)
    if not (ordered[1:] == ordered[:-1]).any():
        return np.arange(len(hashes)), np.arange(len(hashes))
    _, first, group = np.unique(hashes, return_index=True, return_inverse=True)
    if not all(np.array_equal(words(at), words(first[group[at]])) for at in blocks):
        whole = np.concatenate([words(at) for at in blocks])  # two rows with one hash: once in 2**64 pairs
        _, first, group = np.unique(whole, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first)
    return first[order], np.argsort(order)[group]


def _hash(words: UInt32[np.ndarray, "row word"]) -> UInt64[np.ndarray, " row"]:
    hashes = np.empty(len(words), np.uint64)
    hash_rows(0, len(words), np.ascontiguousarray(words), hashes)
    return hashes


def spread_kinds(
    kinds: Int32[np.ndarray, "line near"],
    distances: Float[np.ndarray, "line near"],
    group: Int[np.ndarray, " row"],
    *,
    k: int,
    crew: Crew,
) -> tuple[Int32[np.ndarray, "line k"], Float[np.ndarray, "line k"]]:
    """The k nearest rows of each line, when its nearest kinds are known, nearest first; ties by row number."""
    shape = len(kinds), k
    rows, sources = np.empty(shape, np.int32), np.empty(shape, np.int32)
    ranks = np.zeros(kinds.shape, np.int32)
    np.cumsum(distances[:, 1:] != distances[:, :-1], axis=1, out=ranks[:, 1:])
    offsets = np.concatenate([[0], np.cumsum(np.bincount(group))])
    members = np.argsort(group, kind="stable").astype(np.int32)
    crew.share(gather_members, len(kinds), np.ascontiguousarray(kinds), ranks, offsets, members, rows, sources)
    return rows, np.take_along_axis(distances, sources, axis=1)


def spread_graph(
    indices: Int32[np.ndarray, "kind near"],
    distances: Float[np.ndarray, "kind near"],
    group: Int[np.ndarray, " sample"],
    *,
    k: int,
) -> tuple[Int32[np.ndarray, "sample k"], Float[np.ndarray, "sample k"]]:
    """The k nearest others of each sample, from the graph among kinds: every kind is its own nearest."""
    itself = np.arange(len(indices), dtype=np.int32)[:, None]
    near = np.hstack([itself, indices]), np.hstack([np.zeros((len(indices), 1), distances.dtype), distances])
    with Crew() as crew:
        rows, gaps = spread_kinds(*near, group, k=k + 1, crew=crew)
    shape = len(group), k
    found, spread = np.empty(shape, np.int32), np.empty(shape, distances.dtype)
    for at in cut_rows(found):
        lines = group[at]
        others = rows[lines] != np.arange(at.start, at.stop)[:, None]
        others[others.all(axis=1), -1] = False  # the sample has so many duplicates that it was itself cut off
        found[at] = rows[lines][others].reshape(-1, k)
        spread[at] = gaps[lines][others].reshape(-1, k)
    return found, spread
