"""Directed weights of a neighbor graph -> one symmetric weighted graph, each row's edges side by side in memory."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int, UInt32

from latentscape.engine import Crew, kernel


@dataclass(frozen=True, kw_only=True)
class Edges:
    """A symmetric graph in compressed rows: the edges of row i lie at `starts[i] : starts[i + 1]`.

    Every edge is there twice, once in the row of either end, with the same weight.
    """

    starts: Int[np.ndarray, " start"]
    others: UInt32[np.ndarray, " edge"]
    weights: Float32[np.ndarray, " edge"]

    def __len__(self) -> int:
        return len(self.starts) - 1


def join_directions(
    indices: Int[np.ndarray, "row k"], weights: Float32[np.ndarray, "row k"], *, union: bool, crew: Crew
) -> Edges:
    """The symmetric graph of weights w_ij from each row i to its neighbors j, 0 where j is no neighbor of i.

    With `union` an edge weighs w + w' - w w', the probability that either of two independent edges exists (UMAP's
    fuzzy union, McInnes et al. 2018, section 3.1); else the mean (w + w') / 2 (t-SNE's joint probabilities but for
    the factor 1 / n, van der Maaten and Hinton 2008, section 3.1).
    """
    n = len(indices)
    indices = np.require(indices, np.int32, ["C", "W"])
    back = _reverse(indices, weights)
    starts = np.zeros(n + 1, np.int64)
    crew.share(_count_row, n, indices, *back[:2], starts)
    np.cumsum(starts, out=starts)
    others, joined = np.empty(starts[n], np.uint32), np.empty(starts[n], np.float32)
    crew.share(_fill_row, n, indices, weights, *back, union, starts, others, joined)
    return Edges(starts=starts, others=others, weights=joined)


def _reverse(
    indices: Int[np.ndarray, "row k"], weights: Float32[np.ndarray, "row k"]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Who points at each row, and how strongly: compressed rows again."""
    starts = np.zeros(len(indices) + 1, np.int64)
    np.cumsum(np.bincount(indices.ravel(), minlength=len(indices)), out=starts[1:])
    sources, reversed_weights = np.empty(indices.size, np.int32), np.empty(indices.size, np.float32)
    _scatter_back(indices, weights, starts[:-1].copy(), sources, reversed_weights)
    return starts, sources, reversed_weights


@kernel("void(i4[:, ::1], f4[:, ::1], i8[::1], i4[::1], f4[::1])")
def _scatter_back(indices, weights, places, sources, reversed_weights):
    for i in range(indices.shape[0]):
        for j in range(indices.shape[1]):
            target = indices[i, j]
            sources[places[target]] = i
            reversed_weights[places[target]] = weights[i, j]
            places[target] += 1


@kernel("void(i8, i8, i4[:, ::1], i8[::1], i4[::1], i8[::1])")
def _count_row(start, stop, indices, back_starts, sources, counts):
    """counts[i + 1]: how many rows point at row i or are pointed at by it."""
    seen_by = np.full(indices.shape[0], -1, np.int32)
    for i in range(start, stop):
        for j in range(indices.shape[1]):
            seen_by[indices[i, j]] = i
        count = indices.shape[1]
        for q in range(back_starts[i], back_starts[i + 1]):
            count += seen_by[sources[q]] != i
        counts[i + 1] = count


@kernel(
    "void(i8, i8, i4[:, ::1], f4[:, ::1], i8[::1], i4[::1], f4[::1], b1, i8[::1], u4[::1], f4[::1])",
)
def _fill_row(start, stop, indices, weights, back_starts, sources, back_weights, union, starts, others, joined):
    half = np.float32(1.0 if union else 0.5)
    place_of = np.full(indices.shape[0], -1, np.int64)
    for i in range(start, stop):
        at = starts[i]
        for j in range(indices.shape[1]):
            others[at] = indices[i, j]
            joined[at] = half * weights[i, j]
            place_of[indices[i, j]] = at
            at += 1
        for q in range(back_starts[i], back_starts[i + 1]):
            place, weight = place_of[sources[q]], back_weights[q]
            if starts[i] <= place < at and others[place] == sources[q]:
                own = joined[place]  # sums and products of two do not depend on which end asks
                joined[place] = (own + weight) - own * weight if union else own + half * weight
            else:
                others[at] = sources[q]
                joined[at] = half * weight
                at += 1
