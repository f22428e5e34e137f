"""Features and their neighbor graph -> a place on a plane for each sample."""

from latentscape.maps.latent_map import LatentMap
from latentscape.maps.make import METHODS, make_map, neighbors_needed

__all__ = ["METHODS", "LatentMap", "make_map", "neighbors_needed"]
