"""Features and their neighbor graph -> a place on a plane for each sample."""

from latentscape.maps.align import align, make_aligned_maps
from latentscape.maps.latent_map import LatentMap
from latentscape.maps.make import METHODS, make_map, neighbors_needed
from latentscape.maps.new_samples import place_samples
from latentscape.maps.options import MapOptions

__all__ = [
    "METHODS",
    "LatentMap",
    "MapOptions",
    "align",
    "make_aligned_maps",
    "make_map",
    "neighbors_needed",
    "place_samples",
]
