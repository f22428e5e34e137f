"""Every kind of claim about checkpoints is told in whole sentences, with its numbers."""

from dataclasses import replace

import numpy as np
import pytest

from latentscape.findings import Improvement, Improvements, Withheld
from latentscape.measures.score import Score
from latentscape.pages.comparison_claims_words import KINDS, SUBJECTS, list_changes, list_withheld
from tests.comparison_values import build_comparison, make_score


def delta(name, value, half=0.02):
    return Score(name=f"{name}_delta", value=value, n=120, low=value - half, high=value + half, bounds=(-1.0, 1.0))


def bare(name, value):
    return Score(name=name, value=value, n=120, better="neither")


ENDS = {"before": make_score("accuracy", 0.41), "after": make_score("accuracy", 0.72)}
FALL = {"delta": delta("accuracy", -0.052), "before": ENDS["after"], "after": make_score("accuracy", 0.668)}
IDS = ("ravdess/clip_0003.wav", "crema-d/clip_0007.wav")
CLAIMS = {
    "same_weights": {"subject": ("0", "2"), "p_value": None},
    "overfitting": {"subject": ("accuracy", "1", "2"), "scores": FALL, "samples": IDS},
    "better": {
        "subject": ("accuracy", "0", "2"),
        "scores": {"delta": delta("accuracy", 0.31), **ENDS, "true_probability": delta("true_probability", 0.12)}
        | {"linear_class_cnn": delta("linear_class_cnn", 0.05), "linear_class_mlp": delta("linear_class_mlp", 0.21)},
        "samples": IDS,
    },
    "worse": {"subject": ("log_loss", "1", "2"), "scores": {"delta": delta("log_loss", 0.4)}},
    "group_better": {"subject": ("dataset", "0", "2", "ravdess"), "scores": {"ravdess": delta("accuracy", 0.2)}},
    "group_worse": {
        "subject": ("class", "0", "2", "Fear", "Sad"),
        "scores": {"Fear": delta("accuracy", -0.4), "Sad": delta("accuracy", -0.2)},
        "samples": IDS[:1],
    },
    "class_split": {
        "subject": ("Happy", "1", "2"),
        "scores": {"before": make_score("silhouette", 0.02), "after": make_score("silhouette", 0.61)}
        | {"larger": bare("larger", 12.0), "smaller": bare("smaller", 8.0)},
    },
    "class_merged": {
        "subject": ("Happy", "1", "2"),
        "scores": {"before": make_score("silhouette", 0.61), "after": make_score("silhouette", 0.02)}
        | {"larger": bare("larger", 12.0), "smaller": bare("smaller", 8.0)},
    },
    "movers": {
        "subject": ("mlp", "0", "2"),
        "scores": {"least": bare("neighbor_move", 0.41), "typical": bare("neighbor_move", 0.03)},
        "samples": IDS,
        "p_value": None,
    },
}  # fmt: skip


def tell(kind, *, findings=None, **changes):
    claim = Improvement(kind=kind, **{"p_value": 0.004, **CLAIMS[kind], **changes})
    findings = findings or build_comparison(detected=False)
    return list_changes(replace(findings, claims=Improvements(found=(claim,))))[0]


def test_the_cases_are_all_there_are():
    assert CLAIMS.keys() == KINDS.keys()


@pytest.mark.parametrize("kind", CLAIMS)
def test_every_kind_is_told_in_sentences(kind):
    advice = tell(kind)
    words = f"{advice.claim}. {advice.evidence} {advice.action}"
    assert advice.evidence.endswith(".") and advice.action.endswith((".", "?"))
    assert not any(bad in words for bad in ("None", "nan", "n/a", "{", "  ", "..", " ,", "()"))
    assert advice.samples == CLAIMS[kind].get("samples", ())


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("same_weights", "epoch_1 and best_model have the same weights"),
        ("overfitting", "Trained too long: best_model is detectably worse than epoch_5 in accuracy"),
        ("overfitting", "Accuracy −5.2 points [−7.2, −3.2] (p = 0.004), n = 120."),
        ("overfitting", "Take epoch_5, and stop training there next time."),
        ("better", "Better from epoch_1 to best_model: accuracy rises from 41% to 72%"),
        ("better", "As well: probability of the true class +0.120 [+0.100, +0.140] and class read from 2 layers, "),
        ("better", "class read from mlp +21 points"),
        ("worse", "Worse from epoch_5 to best_model: log loss rises"),
        ("group_worse", "Class Fear and Sad: worse from epoch_1 to best_model"),
        ("group_worse", "Fear −40 points [−42, −38], n = 120; Sad −20 points [−22, −18], n = 120 (p = 0.004)."),
        ("group_worse", "Before taking best_model, look at what became of them. 1 sample of it was broken."),
        ("group_better", "Data set ravdess: better from epoch_1 to best_model"),
        ("class_split", "Happy comes apart into two groups from epoch_5 to best_model"),
        ("class_split", "In mlp the groups have 12 and 8 samples; their silhouette goes from 0.020 [−0.030, 0.070] to"),
        ("class_merged", "Happy grows together from two groups from epoch_5 to best_model"),
        ("movers", "2 samples left their neighbors from epoch_1 to best_model"),
        ("movers", "at least 41% of the others have come between each of them and most of its former neighbors"),
    ],
)  # fmt: skip
def test_the_numbers_are_in_the_words(kind, told):
    advice = tell(kind)
    assert told in f"{advice.claim}. {advice.evidence} {advice.action}"


def test_movers_say_from_among_which_class_to_among_which():
    findings = build_comparison(detected=False)
    n = len(findings.subject.ids)
    home = (np.arange(n)[:, None] + 6 * np.arange(1, 6)) % n
    away = home.copy()
    away[3] = away[7] = [4, 10, 16, 1, 2]
    layers = tuple(replace(layer, neighbors=(home, home, away)) for layer in findings.layers)
    advice = tell("movers", findings=replace(findings, layers=layers))
    assert "1 from among Sad to among Angry and 1 from among Calm to among Angry." in advice.evidence


def test_a_retriever_is_told_by_its_queries():
    findings = build_comparison(study="embeddings", detected=False)
    scores = {"delta": delta("mrr", 0.2), "before": make_score("mrr", 0.5), "after": make_score("mrr", 0.7)}
    advice = tell("better", findings=findings, subject=("mrr", "0", "1"), scores=scores, samples=("query 1", "query 4"))
    assert advice.claim == "Better from epoch_1 to epoch_5: MRR rises from 0.500 to 0.700"
    assert advice.action == "Look at the 2 queries whose right document rose, the most first."


@pytest.mark.parametrize("kind", SUBJECTS)
def test_what_could_not_be_judged_is_a_sentence(kind):
    withheld = (Withheld(kind=kind, reason="there is a single sample"),)
    findings = replace(build_comparison(detected=False), claims=Improvements(withheld=withheld))
    assert list_withheld(findings) == (f"{SUBJECTS[kind]}: there is a single sample.",)
