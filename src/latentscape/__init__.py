"""latentscape: see what a trained model learned.

The stage verbs, in the order data walks through them, the studies that know the whole order, the watches of a
training, and `open_run` for what was finished. Each name is imported when it is first used, so that importing the
package costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from latentscape.checkpoint import load_checkpoint as load_checkpoint
    from latentscape.compare import study_comparison as study_comparison
    from latentscape.embeddings import study_embeddings as study_embeddings
    from latentscape.feature_maps import FeatureMaps as FeatureMaps
    from latentscape.feature_maps import map as map  # noqa: A004  `latentscape.map(...)` reads as it should
    from latentscape.features import extract_features as extract_features
    from latentscape.latents import study_latents as study_latents
    from latentscape.maps import MapOptions as MapOptions
    from latentscape.maps import make_aligned_maps as make_aligned_maps
    from latentscape.maps import make_map as make_map
    from latentscape.maps import neighbors_needed as neighbors_needed
    from latentscape.maps import place_samples as place_samples
    from latentscape.measures.faithfulness import measure_map_trust as measure_map_trust
    from latentscape.neighbors import find_neighbors as find_neighbors
    from latentscape.neighbors import find_neighbors_among as find_neighbors_among
    from latentscape.notebook import open_run as open_run
    from latentscape.settings import CompareSettings as CompareSettings
    from latentscape.settings import EmbeddingsSettings as EmbeddingsSettings
    from latentscape.settings import LatentsSettings as LatentsSettings
    from latentscape.watch import ClassifierWatch as ClassifierWatch
    from latentscape.watch import RetrieverWatch as RetrieverWatch

_HOMES = {
    "load_checkpoint": "checkpoint",
    "extract_features": "features",
    "find_neighbors": "neighbors",
    "find_neighbors_among": "neighbors",
    "neighbors_needed": "maps",
    "make_map": "maps",
    "make_aligned_maps": "maps",
    "place_samples": "maps",
    "measure_map_trust": "measures.faithfulness",
    "LatentsSettings": "settings",
    "EmbeddingsSettings": "settings",
    "MapOptions": "maps",
    "map": "feature_maps",
    "FeatureMaps": "feature_maps",
    "study_latents": "latents",
    "study_comparison": "compare",
    "CompareSettings": "settings",
    "ClassifierWatch": "watch",
    "RetrieverWatch": "watch",
    "study_embeddings": "embeddings",
    "open_run": "notebook",
}
"""Public name -> the room it lives in."""


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'latentscape' has no attribute {name!r}")
    return getattr(import_module(f"latentscape.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(_HOMES)
