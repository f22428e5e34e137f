"""Small findings of maps made here, without a model, a graph or a layout behind them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from latentscape.findings import Accounting, DrawnMap, MapFindings, Skip
from latentscape.maps.latent_map import LatentMap
from latentscape.measures.faithfulness import MapTrust
from latentscape.measures.score import Score

PARAMETERS = {
    "tsne": {"seed": 3, "metric": "cosine", "iterations": 500, "perplexity": 30.0},
    "umap": {"seed": 3, "metric": "cosine", "n_neighbors": 15, "min_dist": 0.1},
    "pca": {"metric": "cosine", "explained_x": 0.291234},
}


def make_trust(
    n: int, *, recall: float | None = 0.48, rank: float = 0.9, weak: np.ndarray | None = None, k: int = 15
) -> MapTrust:
    """`rank` is trustworthiness and continuity; no point is weak unless said."""
    weak = np.zeros(n, dtype=bool) if weak is None else weak
    values = {"neighbor_recall": recall, **dict.fromkeys(("trustworthiness", "continuity"), recall and rank)}
    here = np.where(weak, 0.1, np.nan if recall is None else recall)
    return MapTrust(
        k=k, scores={name: _score(name, value, n) for name, value in values.items()}, per_point=here,
        per_point_trustworthiness=here, per_point_continuity=here, weak=weak,
    )  # fmt: skip


def _score(name: str, value: float | None, n: int) -> Score:
    if value is None:
        return Score(name=name, value=None, n=n, reason="too few samples to say")
    return Score(name=name, value=value, n=n, low=value - 0.01, high=value + 0.01)


def draw_trusted(xy: np.ndarray, method: str, trust: MapTrust, *, notice: str = "") -> DrawnMap:
    latent_map = LatentMap(xy=xy, method=method, parameters=PARAMETERS[method], notice=notice)
    return DrawnMap(latent_map=latent_map, trust=trust)


def make_blobs(n: int, n_classes: int, *, seed: int = 0, apart: float = 12.0) -> tuple[np.ndarray, np.ndarray]:
    """Places and classes: one round cloud a class."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % n_classes
    return apart * rng.normal(size=(n_classes, 2))[labels] + rng.normal(size=(n, 2)), labels


def make_maps(
    n: int = 120,
    *,
    n_classes: int = 3,
    names: Sequence[str] = (),
    recalls: Mapping[str, float | None] | None = None,
    weak: np.ndarray | None = None,
    xy: np.ndarray | None = None,
    **changes: Any,
) -> MapFindings:
    """Findings of `n` labeled samples; `recalls` says which maps there are and what they keep."""
    places, labels = make_blobs(n, n_classes)
    places = places if xy is None else xy
    recalls = {"tsne": 0.48, "umap": 0.34} if recalls is None else recalls
    values = {
        "source": "features.npy",
        "accounting": Accounting(n_in=n, n_ok=n),
        "rows": np.arange(n),
        "labels": labels,
        "label_names": tuple(names) or tuple(f"class {i}" for i in range(n_classes)),
        "label_column": "article",
        "maps": {
            method: draw_trusted(places, method, make_trust(n, recall=recall, weak=weak))
            for method, recall in recalls.items()
        },
        "metric": "cosine",
        "n_features": 50,
        "n_kinds": n,
        "k": 90,
        "graph_recall": 1.0,
        "scores": {},
    }
    return MapFindings(**{**values, **changes})


def lose_rows(n: int) -> Accounting:
    """An accounting with three rows that were not finite."""
    return Accounting(n_in=n + 3, n_ok=n, failed=tuple(Skip(id=str(i), reason="not finite") for i in range(3)))
