"""The few lines that a terminal shows of a comparison."""

from dataclasses import replace

import pytest

from latentscape.comparison_claims import find_changes
from latentscape.findings import ModelCard
from latentscape.measures.tallies import Change
from latentscape.pages.comparison_terminal import summarize_comparison
from tests.comparison_values import build_comparison, make_change, make_score


def summarize(**options):
    findings = build_comparison(**options)
    return summarize_comparison(replace(findings, claims=find_changes(findings)))


def test_checkpoints_differences_outcomes_claims_and_the_one_to_take():
    lines = summarize().splitlines()
    assert lines[0].startswith("From epoch_1 to best_model accuracy rises from")
    assert [line.split()[0] for line in lines[1:4]] == ["epoch_1", "epoch_5", "best_model"]
    assert lines[4] == "From epoch_1 to best_model (p adjusted for all scores)"
    assert lines[5].startswith("  accuracy") and lines[5].endswith("(p = 0.004, McNemar, exact)")
    assert any(line.startswith("Of 120 samples: ") and "fixed" in line for line in lines)
    assert "  4. Happy comes apart into two groups from epoch_5 to best_model" in lines
    assert any(line.startswith("Take     best_model has the best accuracy") for line in lines)
    assert "Trained too long?  No: the last checkpoint, best_model, has the best accuracy." in lines
    assert "Samples  121 in any run = 120 in all + 1 skipped + 0 failed" in lines


@pytest.mark.parametrize("study", ["latents", "embeddings"])
def test_no_detectable_difference_is_a_sentence(study):
    lines = summarize(study=study, detected=False).splitlines()
    assert lines[0].startswith("No detectable difference in ") and " between epoch_1 (" in lines[0]
    assert "  No detectable difference" in lines
    assert "  No detectable difference: no claim survives its test" in lines


def test_what_differs_is_told_apart_from_what_does_not():
    findings = build_comparison(study="embeddings", n_checkpoints=2)
    changes = {"mrr": make_change("mrr", 0.2, adjusted=0.001), "hit_at_1": make_change("hit_at_1", 0.1, adjusted=0.2)}
    findings = replace(findings, steps=(replace(findings.steps[0], changes=changes),))
    lines = summarize_comparison(findings).splitlines()
    assert "  MRR  +0.200 [+0.160, +0.240] (p = 0.001, McNemar, exact)" in lines
    assert "  no detectable difference: Hit@1" in lines


def test_overfitting_is_said():
    findings = build_comparison()
    worse = make_change("accuracy", -0.12, adjusted=0.002)
    findings = replace(findings, choice=replace(findings.choice, recommended=1, overfitting=worse))
    told = summarize_comparison(replace(findings, claims=find_changes(findings)))
    assert "  1. Trained too long: best_model is detectably worse than epoch_5 in accuracy" in told
    assert "Trained too long?  Yes: best_model is detectably worse than epoch_5 in accuracy (−12 points" in told


def test_what_was_not_measured_says_why():
    findings = build_comparison(n_checkpoints=2)
    gone = make_score("accuracy", None, reason="no sample is labeled")
    change = Change(score=replace(gone, name="accuracy_delta"), p_value=None)
    answers = tuple(replace(each, scores={"accuracy": gone}) for each in findings.answers)
    steps = (replace(findings.steps[0], changes={"accuracy": change}),)
    told = summarize_comparison(replace(findings, answers=answers, steps=steps))
    assert "epoch_1  accuracy n/a (no sample is labeled)" in told
    assert "Take     No checkpoint can be recommended: no sample is labeled." in told


def test_the_same_weights_and_stamps_are_told():
    findings = replace(build_comparison(stamps=("2 tensors were missing",)), same_models=((0, 1),))
    lines = summarize_comparison(findings).splitlines()
    assert "NOTE     epoch_1 and epoch_5 have the same weights" in lines
    assert "WARNING  2 tensors were missing" in lines


def test_control_characters_never_reach_the_terminal():
    evil = "\x1b[31mred\n" + "x" * 300
    findings = build_comparison(names=[f"{evil}{i}" for i in range(3)], layers=(evil,), stamps=(evil,))
    card = ModelCard(**{**findings.checkpoints[0].model.__dict__, "name": evil})
    findings = replace(findings, checkpoints=tuple(replace(each, model=card) for each in findings.checkpoints))
    findings = replace(findings, claims=find_changes(findings), same_models=((0, 1),))
    text = summarize_comparison(findings)
    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) < 300
