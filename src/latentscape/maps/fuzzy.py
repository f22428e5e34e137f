"""Distances to neighbors -> UMAP's memberships: how surely a row belongs to each neighbor's surroundings."""

import numpy as np
from jaxtyping import Float, Float32

from latentscape.engine import Crew, kernel
from latentscape.maps.affinity import scale_rows
from latentscape.maps.edges import Edges, join_directions
from latentscape.neighbors import Neighbors


def find_memberships(neighbors: Neighbors, *, k: int, crew: Crew) -> Edges:
    """The fuzzy union of every row's memberships in its k nearest neighbors, the strongest edge scaled to 1.

    mu_j = exp(-max(0, d_ij - rho_i) / sigma_i) with rho_i the distance to the nearest neighbor apart from row i, and
    sigma_i such that the memberships of a row sum to log2(k) (McInnes et al. 2018, algorithm 3). Where no sigma does
    that because the distances are all but equal, it is a thousandth of their mean.
    """
    memberships = weigh_neighbors(neighbors.distances[:, :k], crew=crew)
    edges = join_directions(neighbors.indices[:, :k], memberships, union=True, crew=crew)
    np.divide(edges.weights, edges.weights.max(), out=edges.weights)
    return edges


def weigh_neighbors(distances: Float[np.ndarray, "row k"], *, crew: Crew) -> Float32[np.ndarray, "row k"]:
    """Each row's memberships mu_j in its neighbors, in [0, 1]; at least the nearest apart from the row has 1."""
    scaled = scale_rows(distances)
    memberships = np.empty_like(scaled)
    crew.share(_fit_rows, len(scaled), scaled, np.log2(scaled.shape[1]), memberships)
    return memberships


@kernel("void(i8, i8, f4[:, ::1], f8, f4[:, ::1])")
def _fit_rows(start, stop, distances, target, memberships):
    """Bisection for sigma. Rows come in units of their mean distance."""
    k = distances.shape[1]
    for i in range(start, stop):
        rho = 0.0
        for j in range(k):
            if distances[i, j] > 0:
                rho = np.float64(distances[i, j])
                break
        low, high, sigma = 0.0, np.inf, 1.0
        for _ in range(64):
            total = 0.0
            for j in range(k):
                total += np.exp(-max(np.float64(distances[i, j]) - rho, 0.0) / sigma)
            if abs(total - target) < 1e-5:
                break
            if total > target:
                high, sigma = sigma, (low + sigma) / 2
            else:
                low, sigma = sigma, (sigma * 2 if high == np.inf else (sigma + high) / 2)
        sigma = max(sigma, 1e-3)
        for j in range(k):
            memberships[i, j] = np.exp(-max(np.float64(distances[i, j]) - rho, 0.0) / sigma)
