"""Small findings of a comparison made here, without a model, a graph or a layout behind them."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from latentscape.comparison_findings import (
    Answers,
    Checkpoint,
    ComparisonFindings,
    Step,
    Study,
    Subject,
    TrackedLayer,
)
from latentscape.findings import Accounting, DrawnMap, Improvement, Improvements, ModelCard, Skip
from latentscape.maps.latent_map import LatentMap
from latentscape.measures.checkpoint_choice import CheckpointChoice
from latentscape.measures.class_splits import ClassSplit
from latentscape.measures.faithfulness import MapTrust
from latentscape.measures.layer_drift import LayerDrift
from latentscape.measures.neighbor_change import NeighborChange
from latentscape.measures.score import Better, Score
from latentscape.measures.tallies import Change, Tally

EMOTIONS = ("Neutral", "Calm", "Happy", "Sad", "Angry", "Fear")
KINDS = ("query", "positive", "hard negative", "other")
PARAMETERS = {
    "tsne": {"seed": 3, "metric": "cosine", "iterations": 500, "perplexity": 30.0},
    "umap": {"seed": 3, "metric": "cosine", "n_neighbors": 15, "min_dist": 0.1},
}


def build_comparison(
    *, study: Study = "latents", n: int = 120, n_checkpoints: int = 3, layers: Sequence[str] = (), seed: int = 0,
    methods: Sequence[Literal["tsne", "umap"]] = ("tsne", "umap"), detected: bool = True,
    names: Sequence[str] = (), stamps: Sequence[str] = (), texts: Sequence[str] = (),
) -> ComparisonFindings:  # fmt: skip
    """Checkpoints that get better from one to the next; with `detected` off no difference is more than chance."""
    rng = np.random.default_rng(seed)
    is_retriever = study == "embeddings"
    subject = _make_subject(study, n, rng, texts)
    layers = layers or (("embedding",) if is_retriever else ("cnn", "encoder", "mlp", "logits"))
    names = names or ("epoch_1", "epoch_5", "best_model", *(f"epoch_{10 * i}" for i in range(3, n_checkpoints)))
    checkpoints = tuple(
        Checkpoint(
            name=names[i],
            folder=f"runs/{names[i]}",
            model=ModelCard(name="a model", checkpoint=f"{names[i]}.pt", sha256=f"{i:064x}", n_parameters=12_000,
                            n_tensors_matched=20, n_tensors_total=20, stamps=tuple(stamps)),
            epoch=[1.0, 5.0, 12.0, *range(30, 30 + 10 * n_checkpoints, 10)][i],
        )
        for i in range(n_checkpoints)
    )  # fmt: skip
    shares = [0.45 + 0.3 * i / max(n_checkpoints - 1, 1) for i in range(n_checkpoints)]
    answers = tuple(_make_answers(subject, share, layers, rng) for share in shares)
    pairs = [(i, i + 1) for i in range(n_checkpoints - 1)]
    pairs += [(0, n_checkpoints - 1)] if n_checkpoints > 2 else []
    steps = tuple(_make_step(subject, answers, pair, layers, detected=detected, rng=rng) for pair in pairs)
    return ComparisonFindings(
        subject=subject,
        checkpoints=checkpoints,
        accounting=Accounting(
            n_in=subject.n_judged + 1,
            n_ok=subject.n_judged,
            skipped=(Skip(id="a/b.wav", reason="only in epoch_1"),),
        ),
        answers=answers,
        layers=tuple(_make_layer(name, subject, n_checkpoints, methods, rng) for name in layers),
        main_layer="embedding" if is_retriever else "mlp" if "mlp" in layers else layers[-1],
        steps=steps,
        choice=_make_choice(is_retriever, n_checkpoints, detected=detected),
        claims=_make_claims(subject, steps, detected=detected),
    )


def _make_subject(study: Study, n: int, rng: np.random.Generator, texts: Sequence[str]) -> Subject:
    if study == "embeddings":
        n_queries = n // 3
        n_documents = n - n_queries
        kinds = np.concatenate([np.zeros(n_queries, int), rng.choice([1, 2, 3], n_documents, p=[0.45, 0.45, 0.1])])
        said = [*(f"phòng trọ quận {i} giá {i % 9 + 1} triệu" for i in range(n_queries)),
                *(f"Cho thuê phòng Quận {i}, 20m², có ban công" for i in range(n_documents))]  # fmt: skip
        districts = tuple(f"Quận {i % 4 + 1}" for i in range(n_queries))
        ids = (*(f"query {i}" for i in range(n_queries)), *(f"document {i}" for i in range(n_documents)))
        return Subject(
            study=study, ids=ids,
            texts=tuple(texts) or tuple(said), n_judged=n_queries, kinds=kinds, kind_names=KINDS,
            shapes=np.zeros(n, int), shape_names=("",), clusters=np.arange(n_queries), cluster_name="queries",
            groups={"district": districts},
        )  # fmt: skip
    labels, datasets = np.arange(n) % len(EMOTIONS), np.arange(n) // 7 % 2
    ids = tuple(f"{'ravdess' if d == 0 else 'crema-d'}/clip_{i:04d}.wav" for i, d in enumerate(datasets))
    return Subject(
        study=study, ids=ids, texts=tuple(texts) or ids, n_judged=n, kinds=labels, kind_names=EMOTIONS,
        shapes=datasets, shape_names=("ravdess", "crema-d"), clusters=np.arange(n) % 12, cluster_name="speakers",
        groups={"class": tuple(EMOTIONS[i] for i in labels),
                "dataset": tuple(("ravdess", "crema-d")[i] for i in datasets)},
        class_names=EMOTIONS,
    )  # fmt: skip


def make_score(
    name: str, value: float | None, *, n: int = 120, half: float = 0.05, better: Better = "higher",
    bounds: tuple[float, float] = (0.0, 1.0), reason: str = "too few",
) -> Score:  # fmt: skip
    """A score with an interval of `half` on both sides."""
    if value is None:
        return Score(name=name, value=None, n=n, better=better, bounds=bounds, reason=reason)
    return Score(name=name, value=value, n=n, low=value - half, high=value + half, better=better, bounds=bounds,
                 interval="95 % bootstrap of 12 speakers")  # fmt: skip


def headline_names(study: Study) -> tuple[str, ...]:
    """The scores that such a study compares."""
    if study == "embeddings":
        return ("hit_at_1", "mrr", "recall_at_5", "margin", "margin_hard", "violation_rate_price")
    return ("accuracy", "balanced_accuracy", "true_probability")


def _make_answers(subject: Subject, share: float, layers: Sequence[str], rng: np.random.Generator) -> Answers:
    n = subject.n_judged
    right = rng.random(n) < share
    is_retriever = subject.study == "embeddings"
    others = subject.texts[n:] if is_retriever else subject.class_names
    drawn = [others[int(i)] for i in rng.integers(len(others), size=n)]
    true = drawn if is_retriever else [subject.class_names[kind] for kind in subject.kinds]
    said = tuple(true[i] if right[i] else drawn[i] for i in range(n))
    tally = Tally(name="accuracy", above=right[:, None].astype(float), below=np.ones((n, 1)), weights=np.ones(1))
    names = headline_names(subject.study)
    scores = {name: make_score(name, float(right.mean()) - 0.03 * i, n=n) for i, name in enumerate(names)}
    if not is_retriever:
        scores |= {
            f"linear_class_{layer}": make_score("linear_class", share - 0.02 * i) for i, layer in enumerate(layers)
        }
    ranks = np.where(right, 1, rng.integers(2, 60, n)) if is_retriever else None
    return Answers(
        right=right, said=said, confidence=rng.random(n), tallies={names[0]: tally}, scores=scores, ranks=ranks,
        margins=rng.normal(0.1, 0.1, n) if is_retriever else None,
    )  # fmt: skip


def make_change(name: str, value: float, *, adjusted: float | None, n: int = 120) -> Change:
    """A difference with its adjusted p."""
    score = make_score(f"{name}_delta", value, n=n, half=0.04, bounds=(-1.0, 1.0))
    return Change(
        score=score, p_value=None if adjusted is None else adjusted / 2, test="McNemar, exact", adjusted=adjusted
    )


def _make_step(
    subject: Subject, answers: Sequence[Answers], pair: tuple[int, int], layers: Sequence[str], *, detected: bool,
    rng: np.random.Generator,
) -> Step:  # fmt: skip
    first, second = pair
    n, p = len(subject.ids), 0.004 if detected else 0.61
    names = list(answers[0].scores)
    changes = {
        name: make_change(name, answers[second].scores[name].value - answers[first].scores[name].value, adjusted=p)  # pyright: ignore
        for name in names
    }
    groups = {(by, value) for by, values in subject.groups.items() for value in values if value}
    motion = {}
    for layer in layers:
        kept, moves = rng.random(n), rng.random(n) * 0.1
        movers = np.array([3, 7, 11]) if detected and n > 11 else np.zeros(0, int)
        moves[movers] = [0.61, 0.5, 0.4][: len(movers)]
        overlap = make_score("neighbor_overlap", float(kept.mean()), n=n, better="neither")
        motion[layer] = NeighborChange(k=15, overlap=overlap, kept=kept, moves=moves, movers=movers)
    members = np.flatnonzero(subject.kinds == 2)
    split = ClassSplit(
        label=2, kind="split", halves=(members[::2], members[1::2]), before=make_score("silhouette", 0.02),
        after=make_score("silhouette", 0.61), p_value=0.002,
    )  # fmt: skip
    is_classifier = subject.study == "latents"
    return Step(
        first=first,
        second=second,
        changes=changes,
        group_changes={
            key: make_change(names[0], float(rng.normal(0, 0.1)), adjusted=0.4, n=20) for key in sorted(groups)
        },
        motion=motion,
        splits=(split,) if detected and is_classifier and pair == (1, 2) else (),
    )


def _make_layer(
    name: str, subject: Subject, n_checkpoints: int, methods: Sequence[str], rng: np.random.Generator
) -> TrackedLayer:
    n, n_kinds = len(subject.ids), len(subject.kind_names)
    centers = 12 * rng.normal(size=(n_kinds, 2))
    noise = rng.normal(size=(n, 2))
    maps = {
        method: tuple(
            DrawnMap(
                latent_map=LatentMap(
                    xy=centers[subject.kinds] * (i + 1) / n_checkpoints + noise * 2.0 + rng.normal(size=(n, 2)) * 0.3,
                    method=method, parameters=PARAMETERS[method],
                ),
                trust=make_trust(n, rng),
            )
            for i in range(n_checkpoints)
        )
        for method in methods
    }  # fmt: skip
    pairs = [(i, j) for i in range(n_checkpoints) for j in range(i + 1, n_checkpoints)]
    drift = LayerDrift(
        similarity={(i, j): make_score("cka", 1 - 0.1 * (j - i), better="neither") for i, j in pairs},
        overlap={(i, j): make_score("neighbor_overlap", 0.8 - 0.1 * (j - i), better="neither") for i, j in pairs},
        geometry=tuple(
            {"effective_rank": make_score("effective_rank", 20.0 - i, half=1.0, bounds=(1.0, 64.0)),
             "silhouette": make_score("silhouette", 0.1 + 0.1 * i, bounds=(-1.0, 1.0))}
            for i in range(n_checkpoints)
        ),
    )  # fmt: skip
    return TrackedLayer(name=name, own_names=(name,) * n_checkpoints, maps=maps, drift=drift)


def make_trust(n: int, rng: np.random.Generator) -> MapTrust:
    """Fair trust; a few samples are weak."""
    here = rng.uniform(0.1, 0.9, n)
    scores = {"neighbor_recall": make_score("neighbor_recall", float(here.mean()), n=n)}
    scores |= {name: make_score(name, 0.91, n=n) for name in ("trustworthiness", "continuity")}
    return MapTrust(
        k=15, scores=scores, per_point=here, per_point_trustworthiness=here, per_point_continuity=here, weak=here < 0.2
    )


def _make_choice(is_retriever: bool, n: int, *, detected: bool) -> CheckpointChoice:
    name = "mrr" if is_retriever else "accuracy"
    against = tuple(make_change(name, -0.1 * (n - 1 - i), adjusted=0.01 if detected else 0.7) for i in range(n - 1))
    none = Change(score=make_score(f"{name}_delta", 0.0), p_value=None)
    return CheckpointChoice(
        score=name, recommended=n - 1, rivals=() if detected else tuple(range(n - 1)), against_best=(*against, none)
    )


def _make_claims(subject: Subject, steps: Sequence[Step], *, detected: bool) -> Improvements:
    if not detected:
        return Improvements()
    overall = steps[-1]
    name = next(iter(overall.changes))
    claims: list[Any] = [
        Improvement(
            kind="better", subject=(name, str(overall.first), str(overall.second)),
            scores={"delta": overall.changes[name].score}, p_value=overall.changes[name].adjusted,
        )
    ]  # fmt: skip
    return Improvements(found=tuple(claims))
