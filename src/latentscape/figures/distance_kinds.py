"""The distances that confusion is held against: their order and what pictures call them."""

from latentscape.figures.render import plain
from latentscape.figures.words import METHOD_NAMES, say_method
from latentscape.findings import LayerFindings
from latentscape.measures.distance import ConfusionAgainstDistance

MAPS = tuple(METHOD_NAMES)
"""Kinds of distance that a reader sees on a map; all others are measured in the layer's own space."""
SPACES = {"cosine": "cosine", "euclidean": "Euclidean", "mahalanobis": "Mahalanobis", "mmd": "MMD"}


def list_kinds(layer: LayerFindings) -> dict[str, ConfusionAgainstDistance]:
    """All distances of one layer by kind: that of the layer's own space first, the maps last."""
    kinds = {layer.confusion.metric: layer.confusion, **layer.other_confusions}
    first = [kind for kind in (layer.confusion.metric, *SPACES) if kind in kinds]
    last = [kind for kind in MAPS if kind in kinds]
    order = [*first, *(kind for kind in kinds if kind not in first and kind not in last), *last]
    return {kind: kinds[kind] for kind in dict.fromkeys(order)}


def say_kind(kind: str) -> str:
    """The name of a distance in a list.

    >>> say_kind("tsne"), say_kind("euclidean")
    ('t-SNE map', 'Euclidean')
    """
    return f"{say_method(kind)} map" if kind in MAPS else SPACES.get(kind, plain(kind))


def say_axis(kind: str) -> str:
    """What an axis of this distance says."""
    if kind in MAPS:
        return f"distance of class centroids on the {say_kind(kind)}"
    if kind == "mmd":
        return "MMD between the classes' samples"
    return f"{say_kind(kind)} distance between class centroids"
