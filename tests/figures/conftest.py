"""Synthetic findings that look like real ones, for the pictures to draw."""

from collections.abc import Callable, Sequence
from itertools import combinations

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox
from scipy import stats

from latentscape.findings import Accounting, DrawnMap, LatentsFindings, LayerFindings, ModelCard
from latentscape.maps.latent_map import LatentMap
from latentscape.measures.distance import ConfusionAgainstDistance
from latentscape.measures.faithfulness import MapTrust
from latentscape.measures.score import Score

EMOTIONS = ("Neutral", "Calm", "Happy", "Sad", "Angry", "Fearful", "Disgust", "Surprised")


@pytest.fixture(scope="session")
def make_latents() -> Callable[..., LatentsFindings]:
    return build_latents


def build_latents(
    *,
    n: int = 480,
    class_names: Sequence[str] = EMOTIONS,
    dataset_names: Sequence[str] = ("ravdess", "crema-d"),
    layers: Sequence[str] = ("cnn", "encoder", "mlp"),
    methods: Sequence[str] = ("tsne", "umap"),
    stamps: Sequence[str] = (),
    notice: str = "",
    seed: int = 0,
) -> LatentsFindings:
    rng = np.random.default_rng(seed)
    n_classes = len(class_names)
    labels = np.sort(rng.integers(0, n_classes, size=n))
    centers = rng.normal(size=(n_classes, 6))
    apart = np.linalg.norm(centers[:, None] - centers[None], axis=2)
    odds = np.exp(-1.1 * apart)
    odds /= odds.sum(axis=1, keepdims=True)
    predictions = np.array([rng.choice(n_classes, p=odds[label]) for label in labels], dtype=int)
    confusions = np.zeros((n_classes, n_classes), dtype=int)
    np.add.at(confusions, (labels, predictions), 1)
    right = float((labels == predictions).mean())
    return LatentsFindings(
        kind="audio",
        model=ModelCard(
            name="hubert", checkpoint="checkpoint.pt", sha256="0" * 64, n_parameters=10, n_tensors_matched=4,
            n_tensors_total=4, stamps=tuple(stamps),
        ),
        accounting=Accounting(n_in=n, n_ok=n),
        ids=tuple(f"clip_{i:05d}.wav" for i in range(n)),
        labels=labels,
        predictions=predictions,
        probabilities=odds[labels],
        dataset_ids=rng.integers(0, len(dataset_names), size=n),
        speakers=tuple(str(i % 24) for i in range(n)),
        class_names=tuple(class_names),
        dataset_names=tuple(dataset_names),
        confusion_matrix=confusions,
        layers=tuple(
            _layer(name, depth, rng=rng, labels=labels, centers=centers, confusions=confusions, methods=methods,
                   n_layers=len(layers), notice=notice)
            for depth, name in enumerate(layers)
        ),
        scores={
            "accuracy": Score(name="accuracy", value=right, n=n, low=max(right - 0.05, 0), high=min(right + 0.05, 1)),
            "chance_accuracy": Score(name="chance_accuracy", value=float(np.bincount(labels).max() / n), n=n),
        },
    )  # fmt: skip


def _layer(name, depth, *, rng, labels, centers, confusions, methods, n_layers, notice) -> LayerFindings:
    order = (depth + 1) / n_layers
    maps = {}
    for method in methods:
        turn = rng.normal(size=(6, 2))
        spread = (2.4 if method == "tsne" else 1.6) * (1.35 - order)
        xy = (centers @ turn)[labels] * 3 * order + rng.standard_t(4, size=(len(labels), 2)) * spread
        maps[method] = _drawn(xy, method, recall=0.35 + 0.3 * order, notice=notice)
    return LayerFindings(
        layer=name, n_features=512, maps=maps, confusion=_confusion(rng, centers, confusions, noise=1.6 * (1.1 - order))
    )


def _drawn(xy, method, *, recall, notice) -> DrawnMap:
    n, k = len(xy), min(15, len(xy) - 1)
    if k < 1:
        score = Score(name="neighbor_recall", value=None, n=n, reason="a single sample has no neighbors")
    else:
        score = Score(name="neighbor_recall", value=recall, n=n, low=recall - 0.02, high=recall + 0.02)
    latent_map = LatentMap(xy=xy, method=method, parameters={"seed": 0, "metric": "cosine"}, notice=notice)
    return DrawnMap(latent_map=latent_map, trust=build_trust(n, score, k=max(k, 0)))


def build_trust(n: int, recall: Score, *, k: int = 15, weak: np.ndarray | None = None, rank: float = 0.9) -> MapTrust:
    """`rank` is both trustworthiness and continuity; `weak` none unless given."""
    weak = np.zeros(n, dtype=bool) if weak is None else weak
    value = None if recall.value is None else rank
    others = {name: Score(name=name, value=value, n=n, reason="-") for name in ("trustworthiness", "continuity")}
    here = np.where(weak, 0.1, np.nan if recall.value is None else recall.value)
    return MapTrust(
        k=k, scores={"neighbor_recall": recall, **others}, per_point=here, per_point_trustworthiness=here,
        per_point_continuity=here, weak=weak,
    )  # fmt: skip


def _confusion(rng, centers, confusions, *, noise) -> ConfusionAgainstDistance:
    present = np.flatnonzero(confusions.sum(axis=1))
    pairs = np.array(list(combinations(present, 2)), dtype=int).reshape(-1, 2)
    a, b = pairs.T
    seen = centers + rng.normal(size=centers.shape) * noise
    unit = seen / np.linalg.norm(seen, axis=1, keepdims=True)
    distances = 1 - (unit[a] * unit[b]).sum(axis=1)
    totals = confusions.sum(axis=1)
    rates = (confusions[a, b] + confusions[b, a]) / np.maximum(totals[a] + totals[b], 1)
    return ConfusionAgainstDistance(
        pairs=pairs, distances=distances, rates=rates, spearman=_spearman(distances, rates), centroids=seen,
        metric="cosine",
    )  # fmt: skip


def _spearman(distances, rates) -> Score:
    n = len(rates)
    bounds = (-1.0, 1.0)
    if n < 3 or np.ptp(rates) == 0:
        reason = f"a rank correlation needs three pairs of classes, there are {n}"
        return Score(
            name="confusion_distance_spearman", value=None, n=n, better="neither", bounds=bounds, reason=reason
        )
    rho = float(stats.spearmanr(distances, rates).statistic)
    low, high = (float(np.tanh(np.arctanh(min(max(rho, -0.99), 0.99)) + side * 1.96 / n**0.5)) for side in (-1, 1))
    return Score(
        name="confusion_distance_spearman", value=rho, n=n, low=low, high=high, better="neither", bounds=bounds,
    )  # fmt: skip


@pytest.fixture(scope="session")
def find_texts() -> Callable[[Figure], list[tuple[Text, Bbox]]]:
    """All texts of a figure but tick labels, with the boxes in which they are really drawn."""

    def find(figure: Figure) -> list[tuple[Text, Bbox]]:
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        texts = list(figure.texts)
        for axes in figure.axes:
            texts += [*axes.texts, axes.xaxis.label, axes.yaxis.label, axes.title]
        shown = [text for text in texts if text.get_text().strip() and text.get_visible()]
        return [(text, text.get_window_extent(canvas.get_renderer())) for text in shown]

    return find


@pytest.fixture(scope="session")
def assert_tidy(find_texts) -> Callable[[Figure], None]:
    """No text leaves the paper, none lies on another, and none is read as a formula."""

    def check(figure: Figure) -> None:
        found = find_texts(figure)
        for text, box in found:
            assert box.x0 >= 0 and box.y0 >= 0, text
            assert box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1, text
        for (text, box), (other, other_box) in combinations(found, 2):
            width = min(box.x1, other_box.x1) - max(box.x0, other_box.x0)
            height = min(box.y1, other_box.y1) - max(box.y0, other_box.y0)
            assert width <= 0 or height <= 0.5, (text.get_text(), other.get_text())
        assert not any(text.get_parse_math() for text in figure.findobj(Text))

    return check
