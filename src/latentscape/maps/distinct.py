"""What a map method draws: each distinct row of features once."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int

from latentscape.errors import UsageError
from latentscape.neighbors import Neighbors
from latentscape.progress import Progress
from latentscape.shapes import Points


@dataclass(frozen=True, kw_only=True)
class Distinct:
    """Distinct rows with their neighbor graph; `counts` says how many samples each row stands for."""

    features: Float[np.ndarray, "distinct feature"]
    counts: Int[np.ndarray, " distinct"]
    neighbors: Neighbors


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """What the caller asked of a map; a method takes what concerns it and what the number of samples allows."""

    seed: int
    perplexity: float
    n_neighbors: int
    min_dist: float
    progress: Progress


@dataclass(frozen=True, kw_only=True)
class Layout:
    """A method's answer: a place for each distinct row, and the parameters really used."""

    xy: Points
    parameters: Mapping[str, float | int | str]


def cut_graph(neighbors: Neighbors, k: int) -> Neighbors:
    """The k nearest of each row, with each row's distances in units of their mean.

    t-SNE and UMAP fit a scale to each row anyway; in these units no magnitude of features can break that fit.
    Raises UsageError where the graph has fewer than k neighbors a row.
    """
    if neighbors.indices.shape[1] < k:
        raise UsageError(
            "the neighbor graph is too narrow for this map",
            got=f"{neighbors.indices.shape[1]} neighbors a sample",
            expected=f"{k} or more",
            hint="find_neighbors(..., k=neighbors_needed(n_samples, ...))",
        )
    distances = neighbors.distances[:, :k]
    distances = distances / distances.max(axis=1, keepdims=True).clip(min=np.finfo(np.float64).tiny)
    means = distances.mean(axis=1, keepdims=True)
    distances = distances / np.where(means == 0, 1.0, means)
    return replace(neighbors, indices=np.ascontiguousarray(neighbors.indices[:, :k]), distances=distances)
