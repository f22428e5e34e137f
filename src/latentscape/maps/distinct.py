"""What a map method draws: each distinct row of features once."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from latentscape.errors import UsageError
from latentscape.maps.options import MapOptions
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
    options: MapOptions
    progress: Progress
    anchors: Points | None = None
    """A place for each distinct row to begin at and to be tied to, in the stead of `options.start`."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """A method's answer: a place for each distinct row, the parameters really used, and what the reader must know."""

    xy: Points
    parameters: Mapping[str, float | int | str]
    notice: str = ""


def require_width(neighbors: Neighbors, k: int) -> None:
    """Raise UsageError where the graph has fewer than k neighbors a row."""
    if neighbors.indices.shape[1] < k:
        raise UsageError(
            "the neighbor graph is too narrow for this map",
            got=f"{neighbors.indices.shape[1]} neighbors a sample",
            expected=f"{k} or more",
            hint="find_neighbors(..., k=neighbors_needed(n_samples, ...))",
        )
