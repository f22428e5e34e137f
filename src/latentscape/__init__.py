"""latentscape: see what a trained model learned.

Three questions to ask of what is in memory (`map` of features, `latents` of a classifier, `embeddings` of a retriever),
two estimators with scikit-learn's manners (`TSNE`, `UMAP`), the stage verbs in the order data walks through them, the
studies of files that know the whole order, the watches of a training, and `open_run` for what was finished. Each name
is imported when it is first used, so that importing the package costs nothing.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from latentscape.checkpoint import load_checkpoint as load_checkpoint
    from latentscape.compare import study_comparison as study_comparison
    from latentscape.embeddings_study import study_embeddings as study_embeddings
    from latentscape.estimators import TSNE as TSNE
    from latentscape.estimators import UMAP as UMAP
    from latentscape.feature_maps import FeatureMaps as FeatureMaps
    from latentscape.feature_maps import map as map  # noqa: A004  `latentscape.map(...)` reads as it should
    from latentscape.features import extract_features as extract_features
    from latentscape.from_python.embeddings import embeddings as embeddings
    from latentscape.from_python.latents import latents as latents
    from latentscape.latents_study import study_latents as study_latents
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
    "latents": "from_python.latents",
    "embeddings": "from_python.embeddings",
    "TSNE": "estimators",
    "UMAP": "estimators",
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
    "study_latents": "latents_study",
    "study_comparison": "compare",
    "CompareSettings": "settings",
    "ClassifierWatch": "watch",
    "RetrieverWatch": "watch",
    "study_embeddings": "embeddings_study",
    "open_run": "notebook",
}
"""Public name -> the room it lives in."""


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'latentscape' has no attribute {name!r}")
    from latentscape.extras import import_or_explain  # noqa: PLC0415  importing the package costs nothing

    return getattr(import_or_explain(f"latentscape.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(_HOMES)
