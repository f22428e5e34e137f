"""A planted sequence through the whole comparison: exactly what was planted is claimed, and the rotation is not."""

from collections.abc import Sequence

import numpy as np
import pytest

from latentscape.comparison_diagnosis import answer, diagnose_comparison
from latentscape.comparison_findings import Checkpoint, ComparisonFindings, Subject
from latentscape.findings import Accounting, ModelCard
from latentscape.layer_maps import MapPlan, map_layers
from latentscape.measures.judgments import Judgments
from latentscape.snapshots import Matched
from latentscape.store import Unkept

from .planted_sequence import SPLIT_STEP, SWAP_STEP, PlantedSequence, plant_sequence, turn

pytestmark = pytest.mark.slow  # whole comparisons

NAMES = tuple("abcdef")


def make_card(name: str) -> ModelCard:
    return ModelCard(
        name="m", checkpoint=f"{name}.pt", sha256=name, n_parameters=1, n_tensors_matched=1, n_tensors_total=1
    )


def match(
    features: Sequence[np.ndarray], labels: np.ndarray, predictions: Sequence[np.ndarray] | None = None
) -> Matched:
    """Runs of a classifier that is right for nine of ten samples, always the same ones unless said."""
    n, n_classes = len(labels), len(NAMES)
    random = np.random.default_rng(5)
    usual = np.where(random.random(n) < 0.9, labels, (labels + 1) % n_classes)
    said = predictions or [usual] * len(features)
    ids = tuple(f"clip {number}" for number in range(n))
    return Matched(
        subject=Subject(
            study="latents", ids=ids, texts=ids, n_judged=n, kinds=labels, kind_names=NAMES,
            shapes=np.zeros(n, int), shape_names=("data",), clusters=np.arange(n), cluster_name="samples",
            groups={"class": tuple(NAMES[label] for label in labels)}, class_names=NAMES,
        ),
        checkpoints=tuple(
            Checkpoint(name=f"epoch {number}", folder="", model=make_card(str(number)), epoch=float(number))
            for number in range(len(features))
        ),
        accounting=Accounting(n_in=n, n_ok=n),
        features={"mlp": tuple(features)},
        own_names={"mlp": ("mlp",) * len(features)},
        main_layer="mlp",
        probabilities=tuple(0.7 * np.eye(n_classes)[each] + 0.3 / n_classes for each in said),
    )  # fmt: skip


def diagnose(matched: Matched) -> ComparisonFindings:
    plan = MapPlan(methods=("pca",), seed=0, aligned=True, redraw_up_to=0)
    maps = {}
    for layer, frames in matched.features.items():
        named = {str(number): frame for number, frame in enumerate(frames)}
        maps[layer] = list(map_layers(Unkept(), named, plan=plan, inputs={}).values())
    return diagnose_comparison(matched, answer(matched, seed=0), maps, seed=0)


def find_claims(findings: ComparisonFindings) -> list[tuple[str, int]]:
    """Kind and step of everything claimed."""
    return [(claim.kind, int(claim.subject[-1])) for claim in findings.claims.found]


@pytest.fixture(scope="module")
def planted() -> PlantedSequence:
    return plant_sequence(0)


@pytest.fixture(scope="module")
def found(planted) -> ComparisonFindings:
    return diagnose(match(planted.features, planted.labels))


def test_exactly_the_split_and_the_swap_are_reported(planted, found):
    kinds = {}
    for step in found.consecutive:
        kinds.update((("split", step.second), each) for each in step.splits)
        if len(step.motion["mlp"].movers):
            kinds["movers", step.second] = step.motion["mlp"].movers
    assert set(kinds) == {("split", SPLIT_STEP), ("movers", SWAP_STEP)}
    assert kinds["split", SPLIT_STEP].label == planted.split_class
    assert set(kinds["movers", SWAP_STEP].tolist()) == set(planted.swapped.tolist())


def test_nothing_is_claimed_of_scores_that_did_not_change(found):
    detected = {(name, step.second) for step in found.steps for name, each in step.changes.items() if each.is_detected}
    assert {name for name, _ in detected} <= {"linear_class_mlp"}  # a probe does read the swapped samples wrong
    assert all(step >= SWAP_STEP for _, step in detected)
    assert not any(change.is_detected for step in found.steps for change in step.group_changes.values())
    assert found.choice.overfitting is None
    assert set(found.choice.rivals) == set(range(1, len(found.checkpoints)))
    assert {claim.kind for claim in found.claims.found} == {"class_split", "movers"}


def test_turning_every_checkpoint_changes_nothing(planted):
    random = np.random.default_rng(3)
    frames = [turn(planted.features[0].astype(np.float64), random).astype(np.float32) for _ in range(4)]
    findings = diagnose(match(frames, planted.labels))
    assert not findings.claims.found
    assert all(step.motion["mlp"].overlap.value > 0.999 for step in findings.steps)
    assert all(score.value > 0.999 for score in findings.main.drift.similarity.values())


def test_broken_samples_are_a_worse_model_and_too_long_a_training(planted):
    labels = planted.labels
    usual = np.where(np.random.default_rng(5).random(len(labels)) < 0.9, labels, (labels + 1) % len(NAMES))
    swapped = usual.copy()
    swapped[:40] = (labels[:40] + 2) % len(NAMES)
    said = [usual] * SWAP_STEP + [swapped] * (len(planted.features) - SWAP_STEP)
    findings = diagnose(match(planted.features, labels, said))
    assert findings.overall.changes["accuracy"].is_detected
    assert findings.choice.overfitting is not None
    assert findings.choice.recommended == 0
    assert "worse" in {claim.kind for claim in findings.claims.found}


def test_a_retriever_whose_queries_swap_documents_is_told_apart():
    random = np.random.default_rng(0)
    documents = random.normal(size=(80, 16)).astype(np.float32)
    near = documents[:40] + 0.3 * random.normal(size=(40, 16)).astype(np.float32)
    worse = near.copy()
    worse[:15] = documents[40:55]
    n = 40
    matched = Matched(
        subject=Subject(
            study="embeddings",
            ids=(*(f"query {i}" for i in range(n)), *(f"document {i}" for i in range(80))),
            texts=tuple(f"text {i}" for i in range(120)), n_judged=n,
            kinds=np.concatenate([np.zeros(n, int), np.ones(40, int), np.full(40, 2)]),
            kind_names=("query", "positive", "hard negative", "other"), shapes=np.zeros(120, int), shape_names=("",),
            clusters=np.arange(n), cluster_name="queries", groups={"district": ("Quận 1", "Quận 3") * 20},
        ),
        checkpoints=tuple(
            Checkpoint(name=name, folder="", model=make_card(name)) for name in ("good", "bad")
        ),
        accounting=Accounting(n_in=n, n_ok=n),
        features={"embedding": (np.vstack([near, documents]), np.vstack([worse, documents]))},
        own_names={"embedding": ("embedding", "embedding")},
        main_layer="embedding",
        judgments=Judgments(
            relevant=tuple(np.array([i]) for i in range(n)), hard=tuple(np.array([40 + i]) for i in range(n)),
            ignored=tuple(np.zeros(0, int) for _ in range(n)), n_documents=80,
        ),
        hard_types=((("price",),),) * n,
    )  # fmt: skip
    findings = diagnose(matched)
    changes = findings.overall.changes
    first, second = (float(each.right.mean()) for each in findings.answers)
    assert changes["hit_at_1"].score.value == pytest.approx(second - first)
    assert changes["hit_at_1"].is_detected
    assert changes["violation_rate_price"].score.value > 0
    assert findings.choice.overfitting is not None
    margins = findings.answers[1].margins
    assert margins is not None
    assert (margins[:15] < 0).all()
