"""Small studies made by hand: the pages' input, without a model or a measure behind them."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest

from latentscape.findings import (
    Accounting,
    DrawnMap,
    EmbeddingsFindings,
    LatentsFindings,
    LayerFindings,
    MapFindings,
    ModelCard,
    Skip,
)
from latentscape.maps.latent_map import LatentMap
from latentscape.measures.distance import ConfusionAgainstDistance
from latentscape.measures.faithfulness import MapTrust
from latentscape.measures.ranking import Ranking
from latentscape.measures.score import Score
from latentscape.measures.similarity import Histogram, PairSimilarities

EMOTIONS = ("Neutral", "Calm", "Happy", "Sad", "Angry", "Fearful", "Disgust", "Surprised")
HOSTILE = (
    "</script><script>alert(1)</script>",
    "<b>bold</b>",
    "$\\href{javascript:alert(1)}{x}$",
    "line\u2028and\u2029paragraph",
    "Cho thuê phòng trọ Quận 10, 25m², giá 5.5 triệu",
    "a | b `c` [d](e) *f* & <img src=x onerror=alert(1)>",
    "\u202egnp.exe",
)


@dataclass
class Page(HTMLParser):
    """A page as a browser's parser sees it: elements with their attributes, scripts, text outside of them."""

    elements: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    scripts: list[tuple[dict[str, str | None], str]] = field(default_factory=list)
    text: str = ""

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append((dict(attrs), ""))

    def handle_data(self, data: str) -> None:
        if self.lasttag == "script" and self.cdata_elem:
            self.scripts[-1] = (self.scripts[-1][0], self.scripts[-1][1] + data)
        elif not self.cdata_elem:
            self.text += data

    def attributes(self, name: str) -> list[str]:
        """The values of one attribute wherever it occurs."""
        return [str(values[name]) for _, values in self.elements if name in values]

    def data(self, name: str) -> Any:
        """The JSON in the script block of that id."""
        return json.loads(next(text for values, text in self.scripts if values.get("id") == name))


def parse_page(page: str) -> Page:
    """What is on the page."""
    parser = Page()
    parser.feed(page)
    parser.close()
    return parser


@pytest.fixture
def read_page() -> Callable[[str], Page]:
    return parse_page


@pytest.fixture
def latents() -> Callable[..., LatentsFindings]:
    return make_latents


@pytest.fixture
def embeddings() -> Callable[..., EmbeddingsFindings]:
    return make_embeddings


@pytest.fixture
def maps() -> Callable[..., MapFindings]:
    return make_maps


@pytest.fixture
def hostile() -> tuple[str, ...]:
    return HOSTILE


def make_score(name: str, value: float | None, n: int, *, spread: float = 0.04, **others: Any) -> Score:
    if value is None:
        return Score(name=name, value=None, n=n, **{"reason": "not measurable here", **others})
    low, high = others.get("bounds", (0.0, 1.0))
    return Score(name=name, value=value, n=n, low=max(low, value - spread), high=min(high, value + spread), **others)


def make_card(**changes: Any) -> ModelCard:
    values = {
        "name": "hubert, 2-layer MLP",
        "checkpoint": "runs/demo/checkpoint.pt",
        "sha256": "0123456789abcdef" * 4,
        "n_parameters": 1_234_567,
        "n_tensors_matched": 211,
        "n_tensors_total": 211,
        "trained": {"epoch": 12, "val_loss": 0.61234},
    }
    return ModelCard(**{**values, **changes})


def draw_map(
    xy: np.ndarray, *, method: str, recall: float | None = 0.62, notice: str = "", weak: np.ndarray | None = None
) -> DrawnMap:
    n = len(xy)
    k = min(15, n - 1)
    score = make_score("neighbor_recall", recall if k else None, n)
    per_point = np.full(n, np.nan if score.value is None else score.value)
    latent_map = LatentMap(xy=xy, method=method, parameters={"seed": 0, "perplexity": 30.0}, notice=notice)
    weak = np.zeros(n, dtype=bool) if weak is None else weak
    others = {name: make_score(name, score.value and 0.9, n) for name in ("trustworthiness", "continuity")}
    trust = MapTrust(
        k=k,
        scores={"neighbor_recall": score, **others},
        per_point=np.where(weak, 0.1, per_point),
        per_point_trustworthiness=per_point,
        per_point_continuity=per_point,
        weak=weak,
    )
    return DrawnMap(latent_map=latent_map, trust=trust)


def relate_confusions(labels: np.ndarray, predictions: np.ndarray, *, spearman: Score) -> ConfusionAgainstDistance:
    classes = np.unique(labels)
    pairs = [(int(a), int(b)) for a in classes for b in classes if a < b]
    mixed = [np.sum((labels == a) & (predictions == b)) + np.sum((labels == b) & (predictions == a)) for a, b in pairs]
    sizes = [np.sum(labels == a) + np.sum(labels == b) for a, b in pairs]
    return ConfusionAgainstDistance(
        pairs=np.array(pairs, dtype=int).reshape(-1, 2),
        distances=np.linspace(0.1, 0.9, len(pairs)),
        rates=np.array([m / s for m, s in zip(mixed, sizes, strict=True)], dtype=float),
        spearman=spearman,
        centroids=np.zeros((8, 2)),
        metric="cosine",
    )


def make_latents(
    n: int = 60,
    *,
    n_classes: int = 8,
    accuracy: float = 0.7,
    names: Sequence[str] = (),
    class_names: Sequence[str] = EMOTIONS,
    layers: Sequence[str] = ("cnn", "encoder", "mlp"),
    **changes: Any,
) -> LatentsFindings:
    rng = np.random.default_rng(0)
    labels, dataset_ids = np.arange(n) % n_classes, (np.arange(n) // n_classes) % 2
    right = rng.random(n) < accuracy
    predictions = np.where(right, labels, (labels + rng.integers(1, 3, n)) % n_classes)
    centers = 6 * np.stack([np.cos(np.arange(8) * 0.9), np.sin(np.arange(8) * 0.9)], axis=1)
    found = [
        LayerFindings(
            layer=layer,
            n_features=64,
            maps={
                method: draw_map(0.5 * i * centers[labels] + rng.normal(size=(n, 2)), method=method)
                for method in ("tsne", "umap")
            },
            confusion=relate_confusions(
                labels,
                predictions,
                spearman=make_score("spearman", (-0.1, -0.4, -0.7)[i % 3], 28, spread=0.3, bounds=(-1.0, 1.0)),
            ),
        )
        for i, layer in enumerate(layers)
    ]
    hits = [float(np.mean(predictions[labels == c] == c)) for c in range(n_classes) if np.any(labels == c)]
    scores = [
        make_score("accuracy", float(np.mean(labels == predictions)), n),
        make_score("chance_accuracy", 1 / n_classes, n, spread=0.0),
        make_score("balanced_accuracy", float(np.mean(hits)), n),
        *(make_score(f"recall_{class_names[c].lower()}", hit, int(np.sum(labels == c))) for c, hit in enumerate(hits)),
    ]
    confusions = np.zeros((len(class_names), len(class_names)), dtype=int)
    np.add.at(confusions, (labels, predictions), 1)
    ids = tuple(names[i] if i < len(names) else f"ravdess/Actor_{i % 7:02d}/03-01-{i:04d}.wav" for i in range(n))
    values = {
        "model": make_card(),
        "accounting": Accounting(n_in=n + 1, n_ok=n, failed=(Skip(id="ravdess/broken.wav", reason="unreadable"),)),
        "ids": ids,
        "labels": labels,
        "predictions": predictions,
        "probabilities": np.full((n, len(class_names)), 1 / len(class_names)),
        "dataset_ids": dataset_ids,
        "speakers": tuple(f"ravdess/{i % 7:02d}" for i in range(n)),
        "class_names": tuple(class_names),
        "dataset_names": ("ravdess", "crema-d"),
        "confusion_matrix": confusions,
        "layers": tuple(found),
        "scores": {score.name: score for score in scores},
    }
    return LatentsFindings(**{"kind": "audio", **values, **changes})


def make_embeddings(n: int = 40, *, texts: Sequence[str] = (), **changes: Any) -> EmbeddingsFindings:
    rng = np.random.default_rng(1)
    n_documents = n + n // 2
    queries = tuple(texts[i] if i < len(texts) else f"phòng trọ quận {i} giá rẻ" for i in range(n))
    documents = tuple(texts[i] if i < len(texts) else f"Cho thuê phòng quận {i}, 25m²" for i in range(n_documents))
    best_rank = np.where(rng.random(n) < 0.8, 1, rng.integers(2, 9, n))
    top = np.stack([(np.arange(min(10, n_documents)) + i) % n_documents for i in range(n)])
    ranking = Ranking(
        best_rank=best_rank,
        best_rank_without_hard=np.maximum(1, best_rank - 1),
        average_precision=1 / best_rank,
        ndcg=1 / np.log2(1 + best_rank),
        top=top,
        top_similarity=np.sort(rng.random(top.shape))[:, ::-1],
        top_right=top == np.arange(n)[:, None],
        scores={},
    )
    values = {
        "positive_mean": 0.8234, "positive_sd": 0.0876, "negative_mean": 0.4521, "negative_sd": 0.1234,
        "margin": 0.3713, "negative_mean_hard": 0.74, "negative_sd_hard": 0.09, "margin_hard": 0.0834,
        "negative_mean_mined": 0.79, "negative_sd_mined": 0.07, "margin_mined": 0.0334,
        "auc": 0.98, "auc_hard": 0.71, "auc_mined": 0.62, "tpr_at_fpr_5_mined": 0.21, "threshold_fpr_5": 0.66,
        "mrr": 0.86, "hit_at_1": 0.8, "recall_at_1": 0.8, "recall_at_5": 0.93, "recall_at_10": 0.97,
        "ndcg_at_10": 0.89, "map": 0.86, "mrr_without_hard": 0.93, "hit_at_1_without_hard": 0.9,
    }  # fmt: skip
    scores = {name: make_score(name, value, n, bounds=(-1.0, 1.0)) for name, value in values.items()}
    scores["separation"] = make_score("separation", 2.4535, n, bounds=(-np.inf, np.inf))
    similarities = PairSimilarities(
        positives=rng.random(n),
        hard=rng.random(n // 2),
        mined=rng.random(n),
        in_batch=Histogram(counts=np.ones(4, dtype=int), edges=np.linspace(-1, 1, 5), n=4, mean=0.4521, sd=0.1234),
        boxes={},
        scores=scores,
    )
    places = rng.normal(size=(n, 2)) * 4
    extra = places[: n // 2] + 1
    xy = np.concatenate([places, places + rng.normal(size=(n, 2)) * 0.4, extra])
    values = {
        "model": make_card(name="bge-m3 with a 128-d head"),
        "accounting": Accounting(n_in=n, n_ok=n),
        "queries": queries,
        "documents": documents,
        "relevant": tuple(np.array([i]) for i in range(n)),
        "hard_negatives": tuple(np.array([n + i % (n // 2)]) if n > 1 else np.array([], dtype=int) for i in range(n)),
        "document_kinds": np.array([1] * n + [2] * (n // 2)),
        "similarities": similarities,
        "ranking": ranking,
        "heatmap_queries": np.arange(min(n, 20)),
        "heatmap": rng.random((min(n, 20), min(n, 20))),
        "maps": {method: draw_map(xy, method=method) for method in ("tsne", "umap")},
        "scores": scores,
    }
    return EmbeddingsFindings(**{**values, **changes})


def make_maps(
    n: int = 60,
    *,
    n_classes: int = 3,
    names: Sequence[str] = (),
    weak: np.ndarray | None = None,
    recall: float | None = 0.62,
    **changes: Any,
) -> MapFindings:
    rng = np.random.default_rng(2)
    labels = np.arange(n) % n_classes
    xy = 9 * rng.normal(size=(n_classes, 2))[labels] + rng.normal(size=(n, 2))
    values = {
        "source": "features.npy",
        "accounting": Accounting(n_in=n, n_ok=n),
        "rows": np.arange(n) + 5,
        "labels": labels,
        "label_names": tuple(names) or tuple(f"class {i}" for i in range(n_classes)),
        "label_column": "article",
        "maps": {method: draw_map(xy, method=method, recall=recall, weak=weak) for method in ("tsne", "umap")},
        "metric": "cosine",
        "n_features": 50,
        "n_kinds": n,
        "k": 90,
        "graph_recall": 1.0,
        "scores": {},
    }
    return MapFindings(**{**values, **changes})
