"""The neighbor graph: who is near whom, and the plain arrays it is kept as."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int


@dataclass(frozen=True, kw_only=True)
class Neighbors:
    """For each sample its k nearest others, nearest first; equal distances are ordered by row number.

    The sample itself is never in its own row, not even when it has exact duplicates.
    """

    indices: Int[np.ndarray, "sample k"]
    distances: Float[np.ndarray, "sample k"]
    metric: str
    recall: float = 1.0
    """Share of the true neighbors that are in the graph, 0 to 1: 1 from exact search, else measured on a sample."""
    kinds: "Kinds | None" = None
    """Samples that share a place, and the graph among the places; None where all rows differ."""


@dataclass(frozen=True, kw_only=True)
class Kinds:
    """Samples with the same place are one kind: equal rows, or for cosine rows of one direction."""

    first: Int[np.ndarray, " kind"]
    """Row number of the first sample of each kind, in order of appearance."""
    group: Int[np.ndarray, " sample"]
    """The kind of each sample."""
    neighbors: Neighbors
    """The graph among kinds: its indices are kind numbers, its width is cut to the other kinds there are."""


def pack_neighbors(neighbors: Neighbors) -> dict[str, np.ndarray]:
    """The graph as plain arrays, for a file; those of the kinds only where samples share a place."""
    arrays = {"indices": neighbors.indices, "distances": neighbors.distances, "recall": np.array(neighbors.recall)}
    if neighbors.kinds:
        arrays |= {"kinds_first": neighbors.kinds.first, "kinds_group": neighbors.kinds.group}
        arrays |= {f"kinds_{name}": array for name, array in pack_neighbors(neighbors.kinds.neighbors).items()}
    return arrays


def unpack_neighbors(arrays: Mapping[str, np.ndarray], *, metric: str) -> Neighbors:
    """The graph that `pack_neighbors` took apart; a missing `recall` means exact search."""
    kinds = None
    if "kinds_first" in arrays:
        inner = {name: arrays[f"kinds_{name}"] for name in ("indices", "distances", "recall")}
        among = unpack_neighbors(inner, metric=metric)
        kinds = Kinds(first=arrays["kinds_first"], group=arrays["kinds_group"], neighbors=among)
    return Neighbors(
        indices=arrays["indices"],
        distances=arrays["distances"],
        metric=metric,
        recall=float(arrays["recall"]) if "recall" in arrays else 1.0,
        kinds=kinds,
    )
