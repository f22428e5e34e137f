"""New samples on a map that is already drawn: each beside its nearest neighbors, and nothing else moves."""

import numpy as np
from jaxtyping import Float, Float32

from latentscape.engine import Crew
from latentscape.maps.fuzzy import weigh_neighbors
from latentscape.maps.latent_map import LatentMap
from latentscape.neighbors import Neighbors
from latentscape.shapes import Points

NEIGHBORS = 15
"""Nearest samples of the map that a new one is placed among."""
STEPS = 30
BLOCK_NUMBERS = 2**18
"""Largest temporary array, in numbers."""


def place_samples(latent_map: LatentMap, neighbors: Neighbors, *, width: float = 1.0) -> Points:
    """A place for each new sample on a drawn map, in row order; it depends on no other new sample.

    `neighbors` are the nearest old samples of each new one (`find_neighbors_among`), of which it may have any number
    from 1. The place is where sum_j w_j log(1 + |y - y_j|² / width²) is smallest near the best of the neighbors' own
    places, with UMAP's memberships as the weights w_j: the attraction of t-SNE toward points that hold still. It
    follows the majority where a mean would fall between two groups. A new sample that equals an old one gets its place.
    `width` is in map units, of the order of the distance between neighbors on the map.
    """
    indices = neighbors.indices
    step = max(1, BLOCK_NUMBERS // indices.shape[1] ** 2)
    placed = np.empty((len(indices), 2))

    def place_share(start: int, stop: int) -> None:
        for at in range(start, stop, step):
            block = slice(at, min(at + step, stop))
            placed[block] = _settle(latent_map.xy[indices[block]] / width, weights[block]) * width

    with Crew() as crew:
        weights = weigh_neighbors(neighbors.distances, crew=crew)
        crew.share(place_share, len(indices))
    equal = neighbors.distances[:, 0] == 0
    placed[equal] = latent_map.xy[indices[equal, 0]]
    return placed


def find_width(latent_map: LatentMap, neighbors: Neighbors) -> float:
    """How far neighbors lie from each other on the map: the median over all edges to the nearest few of each sample."""
    near = neighbors.indices[:, :NEIGHBORS]
    if not near.size:
        return 1.0
    steps = np.linalg.norm(latent_map.xy[:, None] - latent_map.xy[near], axis=2)
    return float(np.median(steps)) or 1.0


def _settle(anchors: Float[np.ndarray, "new k 2"], weights: Float32[np.ndarray, "new k"]) -> Float[np.ndarray, "new 2"]:
    """Reweighted means: each step lowers the sum (Cauchy's location, by iteratively reweighted least squares)."""
    squares = ((anchors[:, :, None] - anchors[:, None]) ** 2).sum(axis=3)
    best = (weights[:, None] * np.log1p(squares)).sum(axis=2).argmin(axis=1)
    y = np.take_along_axis(anchors, best[:, None, None], axis=1)[:, 0]
    for _ in range(STEPS):
        pull = weights / (1 + ((anchors - y[:, None]) ** 2).sum(axis=2))
        y = (pull[..., None] * anchors).sum(axis=1) / pull.sum(axis=1)[:, None]
    return y
