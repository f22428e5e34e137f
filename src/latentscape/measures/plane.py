"""The nearest samples on a map, exactly: a search tree in the plane, quick at any size."""

import numpy as np
from jaxtyping import Int

from latentscape.engine import Crew
from latentscape.measures.rank_kernels import grow_tree, search_tree
from latentscape.measures.spaces import open_space
from latentscape.neighbors import find_distinct
from latentscape.shapes import Points

LEAF = 8
"""Samples a leaf of the tree holds, or twice that."""


def find_nearest_on_map(xy: Points, *, k: int, crew: Crew) -> Int[np.ndarray, "sample k"]:
    """The k nearest other samples of each sample, nearest first, k < n; equal distances are ordered by row number.

    The same as `find_neighbors(xy, k=k, metric="euclidean").indices`, sooner. Where more than k + 1 samples share one
    place, the tree holds the first k + 1 of them only: no other can be among the k nearest of any sample.
    """
    points = open_space(xy, metric="euclidean").place(slice(None))
    early = _count_before(find_distinct(points)[1]) <= k
    order, spans, splits = _grow(points, np.flatnonzero(early))
    visits = np.concatenate([order, np.flatnonzero(~early)])
    found = np.full((len(points), k), len(points), dtype=np.int64)
    squares = np.full(found.shape, np.inf)
    crew.share(search_tree, len(points), points[visits], visits, spans, splits, found, squares)
    nearest = np.empty_like(found)
    nearest[visits] = found
    return nearest


def _grow(points: Points, rows: Int[np.ndarray, " row"]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows in the tree's order, the span of each node in it, and where each inner node is cut."""
    cuts = (1 << max(0, (len(rows) // LEAF).bit_length() - 1)) - 1
    order, spans, splits = rows.astype(np.int64), np.empty((2 * cuts + 1, 2), dtype=np.int64), np.empty((cuts, 2))
    grow_tree(points, order, spans, splits)
    return order, spans, splits


def _count_before(group: Int[np.ndarray, " sample"]) -> Int[np.ndarray, " sample"]:
    """How many earlier samples are of the same group."""
    order, sizes = np.argsort(group, kind="stable"), np.bincount(group)
    before = np.empty_like(group)
    before[order] = np.arange(len(group)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return before
