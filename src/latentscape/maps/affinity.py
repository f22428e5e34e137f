"""Distances to neighbors -> t-SNE's probabilities: every row looks at the same effective number of neighbors."""

import numpy as np
from jaxtyping import Float, Float32

from latentscape.engine import Crew, kernel
from latentscape.maps.edges import Edges, join_directions
from latentscape.neighbors import Neighbors

BLOCK_ROWS = 2**15


def find_affinities(neighbors: Neighbors, *, perplexity: float, k: int, crew: Crew) -> Edges:
    """The joint probabilities p_ij of t-SNE from the k nearest neighbors of each row; all together sum to 1.

    p_j|i = exp(-beta_i d_ij²) / sum_l exp(-beta_i d_il²) over the neighbors of i, with beta_i such that the entropy of
    the row is log(perplexity); p_ij = (p_j|i + p_i|j) / 2n (van der Maaten and Hinton 2008, equations 1 and 2).
    """
    distances = scale_rows(neighbors.distances[:, :k])
    nearness = np.empty_like(distances)
    crew.share(_spread_rows, len(distances), distances, np.log(perplexity), nearness)
    edges = join_directions(neighbors.indices[:, :k], nearness, union=False, crew=crew)
    np.divide(edges.weights, np.float32(len(edges)), out=edges.weights)
    return edges


def scale_rows(distances: Float[np.ndarray, "row k"]) -> Float32[np.ndarray, "row k"]:
    """Each row's distances in units of their mean: no magnitude of features can break what is fitted to them."""
    scaled = np.empty(distances.shape, np.float32)
    for at in range(0, len(distances), BLOCK_ROWS):
        block = distances[at : at + BLOCK_ROWS].astype(np.float64)
        block /= block.max(axis=1, keepdims=True).clip(min=np.finfo(np.float64).tiny)  # a mean could overflow
        scaled[at : at + BLOCK_ROWS] = block / block.mean(axis=1, keepdims=True).clip(min=np.finfo(np.float64).tiny)
    return scaled


@kernel("void(i8, i8, f4[:, ::1], f8, f4[:, ::1])")
def _spread_rows(start, stop, distances, entropy, nearness):
    """Bisection for beta; squares are taken less the smallest, which cancels and keeps the exponentials in range."""
    k = distances.shape[1]
    squares, weights = np.empty(k), np.empty(k)
    for i in range(start, stop):
        nearest = np.float64(distances[i, 0]) ** 2
        for j in range(k):
            squares[j] = np.float64(distances[i, j]) ** 2 - nearest
        low, high, beta, total = 0.0, np.inf, 1.0, 1.0
        for _ in range(64):
            total, moment = 0.0, 0.0
            for j in range(k):
                weights[j] = np.exp(-beta * squares[j])
                total += weights[j]
                moment += weights[j] * squares[j]
            excess = np.log(total) + beta * moment / total - entropy
            if abs(excess) < 1e-5:
                break
            if excess > 0:
                low, beta = beta, (beta * 2 if high == np.inf else (beta + high) / 2)
            else:
                high, beta = beta, (beta + low) / 2
        for j in range(k):
            nearness[i, j] = weights[j] / total
