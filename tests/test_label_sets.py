"""Fifteen sets of labels, and which scores they leave nothing to measure by: a reason then, never 0 and never NaN."""

from dataclasses import replace

import numpy as np
import pytest

from latentscape.diagnosis import score_everything

from .planted import Plant, plant, study

pytestmark = pytest.mark.slow  # fifteen studies

FEW_PAIRS = "a rank correlation needs three pairs of classes"
ALONE = "every class has a single sample"
SILHOUETTE, WITHIN, READ, SPEARMAN = (
    "silhouette_mlp",
    "within_between_mlp",
    "linear_class_mlp",
    "confusion_distance_spearman_mlp",
)
SETS = {
    "one class": (
        [0] * 24,
        {
            SILHOUETTE: "two classes",
            WITHIN: "two classes",
            READ: "of one class",
            SPEARMAN: FEW_PAIRS,
            "recall_c1": "no samples",
        },
    ),
    "a class of one": ([0] * 23 + [1], {SPEARMAN: FEW_PAIRS}),
    "two classes of one": ([0] * 22 + [1, 2], {}),
    "a class a sample": (list(range(24)), {SILHOUETTE: ALONE, WITHIN: ALONE, READ: ALONE}),
    "two samples a class": ([row // 2 for row in range(24)], {}),
    "two classes": ([row % 2 for row in range(24)], {SPEARMAN: FEW_PAIRS}),
    "three classes": ([row % 3 for row in range(24)], {}),
    "a class between without samples": ([0, 2, 3] * 8, {"recall_c1": "no samples"}),
    "the first class without samples": ([1, 2, 3] * 8, {"recall_c0": "no samples"}),
    "one sample": ([0], {SILHOUETTE: "", WITHIN: "", READ: "", SPEARMAN: FEW_PAIRS}),
    "two samples of one class": ([0, 0], {SILHOUETTE: "", WITHIN: "", READ: "", SPEARMAN: FEW_PAIRS}),
    "two samples of two classes": ([0, 1], {SILHOUETTE: ALONE, WITHIN: ALONE, READ: ALONE, SPEARMAN: FEW_PAIRS}),
    "three samples of two classes": ([0, 0, 1], {SPEARMAN: FEW_PAIRS}),
    "three samples of three classes": ([0, 1, 2], {SILHOUETTE: ALONE, WITHIN: ALONE, READ: ALONE}),
    "most of one class": ([0] * 20 + [1, 1, 2, 2], {}),
}
"""Labels, and of the scores that they leave without a value a part of the reason."""


def score(labels):
    """Every score of a study with these labels and a model that guesses."""
    planted = plant(Plant(n=len(labels), width=6))
    n_classes = max(2, max(labels) + 1)
    guesses = np.random.default_rng(0).random((len(labels), n_classes))
    shares = guesses / guesses.sum(axis=1, keepdims=True)
    names = tuple(f"c{number}" for number in range(n_classes))
    judged = replace(planted.judged, labels=np.array(labels), probabilities=shares, class_names=names)
    features = {**planted.features, "logits": np.log(shares).astype(np.float32)}
    found = study(replace(planted, judged=judged, features=features))
    return {**found.scores, **score_everything(found)}


@pytest.mark.parametrize("name", SETS)
def test_what_can_not_be_measured_says_why(name):
    labels, expected = SETS[name]
    scores = score(labels)
    for key, each in scores.items():
        assert (each.value is None) == bool(each.reason), key
        assert all(np.isfinite(number) for number in (each.value, each.low, each.high) if number is not None), key
    for key, reason in expected.items():
        assert scores[key].value is None, key
        assert reason in scores[key].reason
    if len(labels) > 3:
        missing = {key for key in (SILHOUETTE, WITHIN, READ, SPEARMAN) if scores[key].value is None}
        assert missing == {key for key in expected if key in (SILHOUETTE, WITHIN, READ, SPEARMAN)}
