"""Small explorations made here, of any size, without a run folder behind them: what the explorer's page is tried on."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from latentscape.exploration import (
    N_PEAKS,
    Answer,
    Category,
    Exploration,
    Frame,
    Media,
    Metric,
    NeighborLists,
    Numbers,
    Probabilities,
    ProfilePoint,
    RankedDocuments,
    Texts,
)

EMOTIONS = ("Neutral", "Calm", "Happy", "Sad", "Angry", "Fearful", "Disgust", "Surprised")
DATASETS = ("RAVDESS", "CREMA-D", "TESS")
KINDS = ("query", "positive", "hard negative")
DISTRICTS = ("Quận 1", "Quận 10", "Quận 3", "Bình Thạnh", "Thủ Đức", "Gò Vấp")
LAYERS = ("mlp", "encoder", "cnn")


def build_exploration(study: str = "latents", *, n: int = 240, seed: int = 0, **changes: Any) -> Exploration:
    """`latents`, `embeddings`, `map` or `comparison`; any field can be given."""
    build = {
        "latents": _build_latents,
        "embeddings": _build_embeddings,
        "map": _build_map,
        "comparison": _build_comparison,
    }[study]
    values = build(n, np.random.default_rng(seed))
    return Exploration(**{**values, "study": study, "n": n, **changes})


def build_large(n: int, *, n_classes: int = 10, seed: int = 0) -> Exploration:
    """One map of many points with two columns: a category and numbers."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, n_classes, n)
    xy = _clusters(labels, rng, spread=0.6)
    return Exploration(
        study="map", title=f"map · n = {n:,}", headline=f"A map of {n:,} points", n=n, ids=None,
        columns=(
            Category(key="label", title="label", codes=labels, values=tuple(f"class {i}" for i in range(n_classes))),
            Numbers(key="price", title="price", values=rng.gamma(2.0, 3.0, n)),
        ),
        frames=(Frame(layer="features", method="tsne", xy=xy, trust=rng.binomial(15, 0.6, n) / 15),),
        color="label", facts={"Points": f"{n:,}"},
    )  # fmt: skip


def _clusters(labels: np.ndarray, rng: np.random.Generator, *, spread: float) -> np.ndarray:
    angles = 2.399963 * np.arange(labels.max(initial=0) + 1)
    centers = np.sqrt(np.arange(len(angles)) + 1.0)[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return centers[labels] + spread * rng.normal(size=(len(labels), 2))


def _nearest(xy: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """By brute force for few, and anybody for many."""
    n = len(xy)
    k = min(k, n - 1)
    if n > 4000:
        rows = (np.arange(n)[:, None] + np.arange(1, k + 1)) % n
        return rows, np.sort(np.linalg.norm(xy[rows] - xy[:, None], axis=2), axis=1)
    far = np.linalg.norm(xy[:, None] - xy[None], axis=2)
    np.fill_diagonal(far, np.inf)
    rows = np.argsort(far, axis=1, kind="stable")[:, :k]
    return rows, np.take_along_axis(far, rows, axis=1)


def _answer(labels: np.ndarray, n_classes: int, share: float, rng: np.random.Generator) -> np.ndarray:
    """Right as often as `share`; otherwise a neighbor in the list of classes, most of the time."""
    wrong = (labels + rng.choice([1, 2, n_classes - 1], len(labels), p=[0.7, 0.2, 0.1])) % n_classes
    return np.where(rng.random(len(labels)) < share, labels, wrong)


def _probabilities(said: np.ndarray, n_classes: int, rng: np.random.Generator, checkpoint: int = 0) -> Probabilities:
    top = np.sort(rng.dirichlet([4, 1.5, 0.7, 2], len(said))[:, :3], axis=1)[:, ::-1]
    codes = np.stack([said, (said + 1) % n_classes, (said + 2) % n_classes], axis=1)
    return Probabilities(codes=codes, shares=top, checkpoint=checkpoint)


def _correct(key: str, title: str, right: np.ndarray) -> Category:
    return Category(key=key, title=title, codes=right.astype(int), values=("wrong", "right"))


def _speech(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    labels, datasets = rng.integers(0, len(EMOTIONS), n), rng.integers(0, len(DATASETS), n)
    ids = tuple(f"{DATASETS[datasets[i]]}/Actor_{i % 24:02d}/clip_{i:05d}.wav" for i in range(n))
    return labels, datasets, ids


def _build_latents(n: int, rng: np.random.Generator) -> dict[str, Any]:
    labels, datasets, ids = _speech(n, rng)
    said = _answer(labels, len(EMOTIONS), 0.72, rng)
    frames, neighbors = [], []
    for depth, layer in enumerate(LAYERS):
        xy = _clusters(labels, rng, spread=0.5 + 0.5 * depth)
        rows, distances = _nearest(xy, 10)
        neighbors.append(NeighborLists(layer=layer, metric="cosine", rows=rows, distances=distances))
        for method in ("tsne", "umap"):
            placed = xy if method == "tsne" else xy[:, ::-1] * [1.0, 0.6]
            frames.append(
                Frame(layer=layer, method=method, xy=placed, trust=rng.binomial(15, 0.75 - 0.2 * depth, n) / 15,
                      together=method, score=f"neighbor recall 0.{62 - 9 * depth} [0.30, 0.70]",
                      warning="Low trust: neighbors on this map are often no others" if depth == 2 else "")
            )  # fmt: skip
    right = said == labels
    top = _probabilities(said, len(EMOTIONS), rng)
    return {
        "title": f"Emotion model · n = {n:,}",
        "headline": "It takes Sad for Fearful more often than anything else",
        "ids": ids,
        "columns": (
            Category(key="label", title="true class", codes=labels, values=EMOTIONS),
            Category(key="prediction", title="predicted class", codes=said, values=EMOTIONS),
            _correct("correct", "right or wrong", right),
            Numbers(key="probability", title="probability of the prediction", values=top.shares[:, 0]),
            Numbers(key="true_probability", title="probability of the true class",
                    values=np.where(right, top.shares[:, 0], top.shares[:, 1]), worst="low"),
            Category(key="dataset", title="data set", codes=datasets, values=DATASETS),
            Category(key="speaker", title="speaker", codes=np.arange(n) % 24 - (np.arange(n) % 50 == 0),
                     values=tuple(f"Actor_{i:02d}" for i in range(24))),
        ),
        "frames": tuple(frames),
        "answers": (Answer(truth="label", said="prediction", correct="correct", worst="true_probability"),),
        "color": "label",
        "shape": "dataset",
        "neighbors": tuple(neighbors),
        "probabilities": (top,),
        "profile": tuple(
            ProfilePoint(layer=layer, question=question, value=0.8 - 0.15 * i - 0.2 * j, low=0.75 - 0.15 * i - 0.2 * j,
                         high=0.85 - 0.15 * i - 0.2 * j, chance=(0.125, 0.333)[j])
            for i, layer in enumerate(LAYERS) for j, question in enumerate(("class", "dataset"))
        ),
        "metrics": (Metric(name="accuracy", value="72.3% [67%, 77%]", detail=f"n = {n:,}"),
                    Metric(name="balanced accuracy", value="71.9% [66%, 77%]")),
        "facts": {"Model": "planted", "Data": ", ".join(DATASETS), "Samples": f"{n:,}"},
        "captions": ("Each point is one sample; neighbors on the map are often neighbors in the model's space.",),
        "foot": ("Weights: planted.pt, 20 of 20 tensors (100 %) loaded bit for bit.",),
    }  # fmt: skip


def _build_embeddings(n: int, rng: np.random.Generator) -> dict[str, Any]:
    n_queries = max(n // 4, 1)
    kinds = np.concatenate([np.zeros(n_queries, int), rng.integers(1, 3, n - n_queries)])
    districts, price = rng.integers(0, len(DISTRICTS), n), np.round(rng.uniform(2, 12, n), 1)
    texts = tuple(
        f"Cho thuê phòng trọ {DISTRICTS[districts[i]]}, {10 + i % 40}m², giá {price[i]} triệu" for i in range(n)
    )
    xy = _clusters(districts, rng, spread=0.7)
    rows, distances = _nearest(xy, 10)
    similarities = np.sort(rng.uniform(0.2, 0.95, (n_queries, 10)), axis=1)[:, ::-1]
    marks = (rng.random((n_queries, 10)) < 0.3).astype(int)
    marks[rng.random(marks.shape) < 0.05] = 2
    first = np.where((marks == 1).any(axis=1), (marks == 1).argmax(axis=1) + 1.0, 40.0)
    hard_ends = 2 * np.arange(1, n_queries + 1)
    documents = np.arange(n_queries, n) if n > n_queries else np.array([0])
    return {
        "title": f"Rental retriever · n = {n:,}",
        "headline": f"{int((first == 1).sum())} of {n_queries} queries find a right document first",
        "ids": tuple(f"{KINDS[kinds[i]].replace(' ', '_')}_{i}" for i in range(n)),
        "columns": (
            Category(key="kind", title="kind", codes=kinds, values=KINDS),
            Texts(key="text", title="text", values=texts),
            Category(key="attribute_district", title="district", codes=districts, values=DISTRICTS),
            Numbers(key="attribute_price", title="price", values=np.where(rng.random(n) < 0.05, np.nan, price)),
            Numbers(key="best_rank", title="best rank",
                    values=np.concatenate([first, np.full(n - n_queries, np.nan)]), worst="high"),
            Numbers(key="right_similarity", title="similarity of the right document", worst="low",
                    values=np.concatenate([similarities[:, 1], np.full(n - n_queries, np.nan)])),
            Category(key="correct", title="right or wrong", values=("wrong", "right"),
                     codes=np.concatenate([(first == 1).astype(int), np.full(n - n_queries, -1)])),
        ),
        "frames": tuple(
            Frame(layer="embedding", method=method, xy=place, score="neighbor recall 0.61 [0.58, 0.63]",
                  trust=np.where(rng.random(n) < 0.01, np.nan, rng.binomial(15, 0.6, n) / 15))
            for method, place in (("tsne", xy), ("umap", xy @ np.array([[0.8, 0.6], [-0.6, 0.8]])))
        ),
        "answers": (Answer(correct="correct", worst="right_similarity"),),
        "color": "kind",
        "shape": "",
        "neighbors": (NeighborLists(layer="embedding", metric="cosine", rows=rows, distances=distances),),
        "ranked": RankedDocuments(
            queries=np.arange(n_queries), rows=rng.choice(documents, (n_queries, 10)), similarities=similarities,
            marks=marks, hard_ends=hard_ends, hard_rows=rng.choice(documents, 2 * n_queries),
            hard_similarities=rng.uniform(0.3, 0.9, 2 * n_queries),
            hard_types=tuple(("price", "area, price", "")[i % 3] for i in range(2 * n_queries)),
        ),
        "metrics": (Metric(name="MRR", value="0.52 [0.47, 0.57]", detail=f"n = {n_queries:,}"),),
        "facts": {"Model": "planted", "Texts": f"{n:,}"},
    }  # fmt: skip


def _build_map(n: int, rng: np.random.Generator) -> dict[str, Any]:
    labels = rng.integers(-1, 14, n)
    xy = _clusters(labels + 1, rng, spread=0.5)
    rows, distances = _nearest(xy, 10)
    return {
        "title": f"Features · n = {n:,}",
        "headline": f"A map of {n:,} rows",
        "ids": None,
        "columns": (
            Category(key="topic", title="topic", codes=labels, values=tuple(f"topic {i}" for i in range(14))),
            Numbers(key="length", title="length", values=rng.gamma(2.0, 40.0, n).round()),
        ),
        "frames": (Frame(layer="features", method="tsne", xy=xy, trust=rng.binomial(15, 0.6, n) / 15),),
        "color": "topic",
        "neighbors": (NeighborLists(layer="features", metric="cosine", rows=rows, distances=distances),),
        "facts": {"Rows": f"{n:,}"},
    }


def _build_comparison(n: int, rng: np.random.Generator) -> dict[str, Any]:
    labels, datasets, ids = _speech(n, rng)
    names = ("epoch_1", "epoch_5", "best_model")
    columns: list[Any] = [
        Category(key="label", title="true class", codes=labels, values=EMOTIONS),
        Category(key="dataset", title="data set", codes=datasets, values=DATASETS),
    ]
    frames, answers, neighbors, tops = [], [], [], []
    start = rng.normal(size=(n, 2))
    for i, name in enumerate(names):
        said = _answer(labels, len(EMOTIONS), 0.45 + 0.15 * i, rng)
        top = _probabilities(said, len(EMOTIONS), rng, checkpoint=i)
        columns += [
            Category(key=f"answer_{name}", title=f"answer of {name}", codes=said, values=EMOTIONS),
            _correct(f"correct_{name}", f"right or wrong in {name}", said == labels),
            Numbers(key=f"confidence_{name}", title=f"confidence of {name}", values=top.shares[:, 0], worst="low"),
        ]
        xy = (2 - i) / 2 * start + (1 + i) / 2 * _clusters(labels, rng, spread=0.3)
        rows, distances = _nearest(xy, 10)
        frames.append(Frame(layer="mlp", method="tsne", xy=xy, trust=rng.binomial(15, 0.6, n) / 15, checkpoint=i,
                            together="tsne"))  # fmt: skip
        neighbors.append(NeighborLists(layer="mlp", metric="cosine", rows=rows, distances=distances, checkpoint=i))
        answers.append(Answer(checkpoint=name, truth="label", said=f"answer_{name}", correct=f"correct_{name}",
                              worst=f"confidence_{name}"))  # fmt: skip
        tops.append(top)
    return {
        "title": f"epoch_1 to best_model · n = {n:,}",
        "headline": "best_model gets more right than epoch_1",
        "ids": ids,
        "columns": tuple(columns),
        "frames": tuple(frames),
        "answers": tuple(answers),
        "color": "label",
        "shape": "dataset",
        "neighbors": tuple(neighbors),
        "probabilities": tuple(tops),
        "facts": {"Checkpoints": ", ".join(names)},
    }


def with_sound(
    exploration: Exploration, clips: Sequence[bytes], *, links: Sequence[str | None] | None = None
) -> Exploration:
    """The first samples have these clips inside the page, the others a link."""
    n = exploration.n
    rng = np.random.default_rng(1)
    media = Media(
        kind="audio", mime="audio/wav", files=dict(enumerate(clips)),
        links=tuple(links or [f"../clips/{i}.wav" for i in range(n)]), seconds=rng.uniform(1, 4, n),
        peaks=rng.integers(1, 256, (n, N_PEAKS)).astype(np.uint8),
    )  # fmt: skip
    return replace(exploration, media=media)
