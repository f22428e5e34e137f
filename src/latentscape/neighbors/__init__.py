"""Features -> who is whose neighbor: the one graph everything below reads."""

from latentscape.neighbors.find import METRICS, find_neighbors, find_neighbors_among
from latentscape.neighbors.graph import Kinds, Neighbors, pack_neighbors, unpack_neighbors
from latentscape.neighbors.kinds import find_distinct
from latentscape.neighbors.space import require_finite

__all__ = [
    "METRICS",
    "Kinds",
    "Neighbors",
    "find_distinct",
    "find_neighbors",
    "find_neighbors_among",
    "pack_neighbors",
    "require_finite",
    "unpack_neighbors",
]
