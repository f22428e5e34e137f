"""Claims about checkpoints: each once, in the step where it belongs, and none where nothing was detected."""

from dataclasses import replace

import numpy as np
import pytest

from latentscape.comparison_claims import (
    MOST_AGAIN,
    direction_of,
    find_changes,
    find_judged,
    list_movers,
    order_worst,
    place_movers,
    sort_step,
)
from latentscape.measures.class_splits import ClassSplit
from latentscape.measures.score import Score
from latentscape.measures.tallies import Change

from .comparison_values import build_comparison, make_change, make_score

NOBODY = np.empty(0, dtype=np.int64)


def change(value, *, adjusted=0.001, better="higher", name="accuracy"):
    score = Score(name=f"{name}_delta", value=value, n=90, low=value - 0.1, high=value + 0.1, better=better)
    return Change(score=score, p_value=adjusted, adjusted=adjusted)


def quiet(**options):
    """A comparison in which nothing was detected and nobody moved."""
    return build_comparison(detected=False, **options)


def with_step(findings, number, **changes):
    steps = list(findings.steps)
    steps[number] = replace(steps[number], **changes)
    return replace(findings, steps=tuple(steps))


def with_movers(findings, number, rows):
    step = findings.steps[number]
    main = step.motion[findings.main_layer]
    moves = main.moves.copy()
    moves[rows] = 0.5
    motion = {**step.motion, findings.main_layer: replace(main, movers=np.array(rows), moves=moves)}
    return with_step(findings, number, motion=motion)


def kinds_of(findings):
    return [(claim.kind, claim.subject) for claim in find_changes(findings).found]


@pytest.mark.parametrize("study", ["latents", "embeddings"])
@pytest.mark.parametrize("n_checkpoints", [2, 3, 8])
def test_where_nothing_is_detected_nothing_is_claimed(study, n_checkpoints):
    assert find_changes(quiet(study=study, n_checkpoints=n_checkpoints)).found == ()


def test_equal_weights_are_a_fact_and_no_change():
    found = find_changes(replace(quiet(), same_models=((0, 2),))).found
    assert [(claim.kind, claim.subject, claim.p_value) for claim in found] == [("same_weights", ("0", "2"), None)]


@pytest.mark.parametrize(
    ("value", "better", "adjusted", "way"),
    [
        (0.1, "higher", 0.04, "better"),
        (-0.1, "higher", 0.04, "worse"),
        (0.1, "lower", 0.04, "worse"),
        (-0.1, "lower", 0.05, "better"),
        (-0.1, "lower", 0.051, None),
        (0.1, "neither", 0.001, None),
        (0.0, "higher", 0.001, None),
        (0.1, "higher", None, None),
    ],
)
def test_a_detected_difference_has_a_direction(value, better, adjusted, way):
    assert direction_of(change(value, better=better, adjusted=adjusted)) == way


def test_a_step_is_told_once_led_by_the_deciding_score_with_the_others_as_evidence():
    changes = {"balanced_accuracy": change(0.2), "linear_class_cnn": change(0.1), "accuracy": change(0.3)}
    findings = with_step(quiet(), 1, changes=changes)
    (claim,) = find_changes(findings).found
    assert (claim.kind, claim.subject, claim.p_value) == ("better", ("accuracy", "1", "2"), 0.001)
    assert list(claim.scores) == ["delta", "before", "after", "balanced_accuracy", "linear_class_cnn"]
    fixed = sort_step(findings, 1, 2)["fixed"]
    assert set(claim.samples) == {findings.subject.ids[row] for row in fixed}
    assert claim.stake == len(fixed) / 120


def test_a_layers_probe_alone_is_no_claim_about_the_model():
    assert find_changes(with_step(quiet(), 1, changes={"linear_class_cnn": change(-0.1)})).found == ()
    changes = {"accuracy": change(0.3), "linear_class_cnn": change(-0.1)}
    assert kinds_of(with_step(quiet(), 1, changes=changes)) == [("better", ("accuracy", "1", "2"))]


def test_scores_that_went_the_other_way_are_a_claim_of_their_own():
    changes = {"accuracy": change(0.3), "log_loss": change(0.4, better="lower")}
    findings = with_step(quiet(n_checkpoints=2), 0, changes=changes)
    assert kinds_of(findings) == [("better", ("accuracy", "0", "1")), ("worse", ("log_loss", "0", "1"))]
    assert find_changes(findings).found[1].samples == ()


def test_of_many_steps_the_same_way_those_with_the_largest_differences_are_told():
    findings = quiet(n_checkpoints=8)
    for number, size in enumerate([0.02, 0.07, 0.03, 0.06, 0.05, 0.01, 0.04]):
        findings = with_step(findings, number, changes={"accuracy": change(size)})
    findings = with_step(findings, 7, changes={"accuracy": change(0.28)})
    assert [subject[1:] for _, subject in kinds_of(findings)] == [("0", "7"), ("1", "2"), ("3", "4"), ("4", "5")]
    assert len(kinds_of(findings)) == 1 + MOST_AGAIN
    against = with_step(findings, 5, changes={"accuracy": change(-0.01)})
    assert ("worse", ("accuracy", "5", "6")) in kinds_of(against)


def test_overfitting_comes_first_and_is_not_said_again_as_a_worse_step():
    findings = with_step(quiet(), 1, changes={"accuracy": change(-0.2)})
    choice = replace(findings.choice, recommended=1, overfitting=change(-0.2))
    findings = replace(findings, choice=choice)
    (claim,) = find_changes(findings).found
    assert (claim.kind, claim.subject) == ("overfitting", ("accuracy", "1", "2"))
    broken = sort_step(findings, 1, 2)["broken"]
    assert set(claim.samples) == {findings.subject.ids[row] for row in broken}


def test_groups_of_one_grouping_and_way_are_one_claim_in_the_step_where_it_belongs():
    overall = {
        ("class", "Sad"): change(-0.2),
        ("class", "Fear"): change(-0.4, adjusted=0.03),
        ("class", "Calm"): change(0.3),
        ("dataset", "ravdess"): change(-0.1, adjusted=0.2),
    }
    findings = with_step(quiet(), 2, group_changes=overall)
    findings = with_step(findings, 0, group_changes={("class", "Sad"): change(-0.1), ("class", "Happy"): change(-0.3)})
    assert kinds_of(findings) == [
        ("group_worse", ("class", "0", "1", "Happy")),
        ("group_worse", ("class", "0", "2", "Fear", "Sad")),
        ("group_better", ("class", "0", "2", "Calm")),
    ]
    worse = find_changes(findings).found[1]
    assert worse.p_value == 0.03
    classes = dict(zip(findings.subject.ids, findings.subject.groups["class"], strict=True))
    assert {classes[name] for name in worse.samples} <= {"Fear", "Sad"}


def test_a_class_that_comes_apart_is_told_in_its_step_and_not_again_from_first_to_last():
    split = ClassSplit(
        label=2, kind="split", halves=(np.array([2, 8, 14]), np.array([20, 26])), before=make_score("silhouette", 0.0),
        after=make_score("silhouette", 0.6), p_value=0.003,
    )  # fmt: skip
    gradual = replace(split, label=4, kind="merged")
    findings = with_step(with_step(quiet(), 1, splits=(split,)), 2, splits=(split, gradual))
    assert kinds_of(findings) == [("class_split", ("Happy", "1", "2")), ("class_merged", ("Angry", "0", "2"))]
    claim = find_changes(findings).found[0]
    assert claim.samples == (findings.subject.ids[20], findings.subject.ids[26])
    assert (claim.scores["larger"].value, claim.scores["smaller"].value, claim.p_value) == (3.0, 2.0, 0.003)


def test_movers_are_told_in_their_steps_and_overall_only_those_of_no_step():
    findings = with_movers(with_movers(quiet(), 0, [5, 9, 12]), 2, [5, 9, 33, 34, 40])
    assert kinds_of(findings) == [("movers", ("mlp", "0", "1")), ("movers", ("mlp", "0", "2"))]
    first, whole = find_changes(findings).found
    ids = findings.subject.ids
    assert first.samples == (ids[5], ids[9], ids[12])
    assert whole.samples == (ids[33], ids[34], ids[40])
    assert first.scores["least"].value == 0.5


def test_one_or_two_movers_are_listed_and_not_claimed():
    findings = with_movers(quiet(), 0, [5, 9])
    assert kinds_of(findings) == []
    assert [rows.tolist() for _, _, rows in list_movers(findings)] == [[5, 9]]


def test_movers_are_placed_by_the_classes_of_their_neighbors():
    findings = quiet()
    n = len(findings.subject.ids)
    home = (np.arange(n)[:, None] + 6 * np.arange(1, 6)) % n  # six classes in turn: neighbors of one's own class
    away = home.copy()
    away[7] = [3, 9, 15, 1, 2]  # Sad three times, then others
    away[8] = [3, 9, 1, 2, 4]  # no majority
    layers = tuple(replace(layer, neighbors=(home, home, away)) for layer in findings.layers)
    findings = replace(findings, layers=layers)
    rows = np.array([7, 8, 12])
    assert place_movers(findings, findings.overall, rows) == [("Calm", "Sad"), ("Happy", ""), ("Neutral", "Neutral")]
    assert place_movers(quiet(), findings.overall, rows) == [("", "")] * 3
    assert place_movers(quiet(study="embeddings"), findings.overall, rows) == [("", "")] * 3


def test_samples_without_a_known_class_and_queries_without_a_right_document_are_not_judged():
    findings = quiet()
    kinds = findings.subject.kinds.copy()
    kinds[:10] = -1
    findings = replace(findings, subject=replace(findings.subject, kinds=kinds))
    assert find_judged(findings).sum() == 110
    assert sum(map(len, sort_step(findings, 0, 2).values())) == 110
    retriever = quiet(study="embeddings")
    ranks = retriever.answers[0].ranks.copy()
    ranks[3] = 0
    answers = (replace(retriever.answers[0], ranks=ranks), *retriever.answers[1:])
    assert not find_judged(replace(retriever, answers=answers))[3]


def test_the_surest_mistake_and_the_lowest_right_document_come_first():
    findings = quiet()
    answers = replace(
        findings.answers[0],
        right=np.array([False, False, True, True]), confidence=np.array([0.2, 0.9, 0.3, 0.8]), said=("a",) * 4,
    )  # fmt: skip
    one = replace(findings, answers=(answers,))
    assert order_worst(one, np.arange(4), checkpoint=0).tolist() == [1, 0, 2, 3]
    ranked = replace(answers, ranks=np.array([2, 9, 1, 1]))
    assert order_worst(replace(findings, answers=(ranked,)), np.array([0, 1]), checkpoint=0).tolist() == [1, 0]


def test_behind_a_better_retriever_are_the_queries_whose_document_rose_most():
    findings = build_comparison(study="embeddings", n=9, n_checkpoints=2, detected=False)
    ranks = (np.array([9, 2, 1]), np.array([1, 1, 5]))
    answers = tuple(replace(each, ranks=r) for each, r in zip(findings.answers, ranks, strict=True))
    findings = with_step(replace(findings, answers=answers), 0, changes={"mrr": change(0.3)})
    assert find_changes(findings).found[0].samples == ("query 0", "query 1")
    worse = with_step(findings, 0, changes={"mrr": change(-0.3)})
    assert find_changes(worse).found[0].samples == ("query 2",)


def test_what_could_not_be_judged_is_said_with_the_reason():
    untested = Change(score=make_score("mrr_delta", None, reason="a single query"), p_value=None)
    probe = Change(score=make_score("linear_class_cnn_delta", None, reason="one class"), p_value=None)
    findings = with_step(quiet(), 2, changes={"mrr": untested, "linear_class_cnn": probe}, group_changes={})
    withheld = {each.kind: each.reason for each in find_changes(findings).withheld}
    assert withheld == {
        "differences": "mrr: a single query",
        "probes": "one class",
        "groups": "nothing is known by which the samples could be parted",
    }
    few = with_step(quiet(), 2, group_changes={("class", "Sad"): make_change("accuracy", 0.1, adjusted=None)})
    assert [each.kind for each in find_changes(few).withheld] == ["groups"]


@pytest.mark.parametrize("study", ["latents", "embeddings"])
def test_one_and_two_samples_are_no_crash(study):
    n = 3 if study == "embeddings" else 1
    findings = build_comparison(study=study, n=n, n_checkpoints=2)
    assert {claim.kind for claim in find_changes(findings).found} <= {"better", "worse"}
