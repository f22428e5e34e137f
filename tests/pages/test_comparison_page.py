"""The page of a comparison as a file: self-contained, fenced in, compact, and true to the findings."""

import base64
import hashlib
import re
from dataclasses import replace

import numpy as np
import pytest

from latentscape.errors import UsageError
from latentscape.figures.style import Style
from latentscape.measures.outcomes import sort_outcomes
from latentscape.pages import comparison_payload, page_sample
from latentscape.pages.comparison_page import render_comparison_page
from latentscape.pages.comparison_page_words import (
    describe_study,
    list_changes,
    list_group_changes,
)
from latentscape.pages.comparison_payload import GRID, Strings, choose_rows, pack, pack_flags
from latentscape.pages.comparison_words import list_stamps, say_overfitting, say_step, say_title
from tests.comparison_values import build_comparison, make_change

from .conftest import HOSTILE

ARRAYS = {"u1": "<u1", "u2": "<u2", "u4": "<u4", "i2": "<i2"}


def unpack(packed) -> np.ndarray:
    data = base64.b64decode(packed["data"])
    if packed["type"] == "bits":
        return np.unpackbits(np.frombuffer(data, np.uint8), count=packed["n"], bitorder="little").astype(bool)
    return np.frombuffer(data, ARRAYS[packed["type"]])


def hostile_comparison(study="latents"):
    """Everything a user names, named to break out."""
    findings = build_comparison(study=study, n=90, names=HOSTILE[:3], stamps=HOSTILE[:1], layers=HOSTILE[:2])
    subject = findings.subject
    n, is_retriever = len(subject.ids), study == "embeddings"
    texts = tuple(HOSTILE[i % len(HOSTILE)] + str(i) for i in range(n))
    subject = replace(
        subject,
        ids=subject.ids if is_retriever else texts,
        texts=texts,
        kind_names=subject.kind_names if is_retriever else HOSTILE[:6],
        shape_names=subject.shape_names if is_retriever else HOSTILE[3:5],
        groups={HOSTILE[0]: tuple(HOSTILE[i % 7] for i in range(subject.n_judged))},
    )
    answers = tuple(replace(one, said=texts[: subject.n_judged]) for one in findings.answers)
    return replace(findings, subject=subject, answers=answers, main_layer=HOSTILE[1])


@pytest.mark.parametrize(
    "values", [[], [0], [255], [256, 3], [65_535], [65_536], [-1, 5], [-32_768, 1000]], ids=lambda values: str(values)
)
def test_packed_numbers_come_back(values):
    assert unpack(pack(np.array(values, dtype=np.int64))).tolist() == values


def test_packed_flags_come_back():
    flags = np.random.default_rng(0).random(21) < 0.5
    assert unpack(pack_flags(flags)).tolist() == flags.tolist()


def test_equal_texts_are_kept_once():
    strings = Strings()
    assert [strings.number(text) for text in ("a", "b", "a", "a\n")] == [0, 1, 0, 0]
    assert strings.number("x" * 1000) == 2
    assert len(strings.texts[2]) == comparison_payload.MOST_LETTERS


@pytest.mark.parametrize("study", ["latents", "embeddings"])
def test_no_text_becomes_markup_and_nothing_is_loaded(study, read_page):
    page = render_comparison_page(hostile_comparison(study), style=Style())
    parsed = read_page(page)
    assert len(parsed.scripts) == 5
    assert not [name for _, values in parsed.elements for name in values if name.startswith("on")]
    tags = {tag for tag, _ in parsed.elements}
    assert not tags & {"b", "i", "a", "link", "iframe", "object", "embed", "base", "form", "img"}
    assert not parsed.attributes("src")
    assert not parsed.attributes("href")
    assert not re.search("[\u2028\u2029\u202e]", page)


def test_policy_allows_exactly_the_scripts_on_the_page(read_page):
    parsed = read_page(render_comparison_page(build_comparison(), style=Style()))
    fence = next(values["content"] for tag, values in parsed.elements if tag == "meta" and "http-equiv" in values)
    run = [text for values, text in parsed.scripts if "type" not in values]
    hashes = {base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in run}
    rule = next(rule for rule in fence.split("; ") if rule.startswith("script-src "))
    assert set(re.findall(r"'sha256-([^']+)'", rule)) == hashes
    assert "unsafe" not in fence


@pytest.mark.parametrize("study", ["latents", "embeddings"])
def test_equal_findings_give_equal_bytes(study):
    pages = {render_comparison_page(build_comparison(study=study, n=40), style=Style()) for _ in range(2)}
    assert len(pages) == 1


def test_places_are_those_of_the_maps_in_one_frame(read_page):
    findings = build_comparison(n=50)
    data = read_page(render_comparison_page(findings, style=Style())).data("data")
    for layer, told in zip(findings.layers, data["layers"], strict=True):
        for drawn, one in zip(layer.maps.values(), told["maps"], strict=True):
            everything = np.concatenate([each.latent_map.xy for each in drawn])
            low, unit = everything.min(axis=0), np.ptp(everything, axis=0).max()
            for each, packed in zip(drawn, one["places"], strict=True):
                places = unpack(packed).reshape(-1, 2) / GRID * unit + low
                assert np.abs(places - each.latent_map.xy).max() <= unit / GRID
            assert max(one["size"]) == 1.0
    assert [layer["name"] for layer in data["layers"]][data["main"]] == findings.main_layer


@pytest.mark.parametrize("study", ["latents", "embeddings"])
def test_answers_and_lists_are_those_of_the_findings(study, read_page):
    findings = build_comparison(study=study, n=60)
    data = read_page(render_comparison_page(findings, style=Style())).data("data")
    for answers, told in zip(findings.answers, data["checkpoints"], strict=True):
        assert unpack(told["right"]).tolist() == answers.right.tolist()
        assert [data["strings"][i] for i in unpack(told["said"])] == list(answers.said)
        assert unpack(told["confidence"]) / 1000 == pytest.approx(answers.confidence, abs=0.0006)
        assert told["nRight"] == answers.right.sum()
        assert told["nRight"] + told["nWrong"] == findings.subject.n_judged
        if answers.ranks is not None:
            assert unpack(told["ranks"]).tolist() == answers.ranks.tolist()
    for step, told in zip(findings.steps, data["steps"], strict=True):
        outcomes = sort_outcomes(findings.answers[step.first].right, findings.answers[step.second].right)
        assert [one["name"] for one in told["lists"]] == ["fixed", "broken", "still wrong"]
        for one in told["lists"]:
            assert sorted(unpack(one["rows"]).tolist()) == outcomes[one["name"]].tolist()
            assert one["count"] == len(outcomes[one["name"]])
        for layer, motion in zip(findings.layers, told["motion"], strict=True):
            assert unpack(motion["rows"]).tolist() == step.motion[layer.name].movers.tolist()
            assert unpack(motion["kept"]) / 100 == pytest.approx(step.motion[layer.name].kept, abs=0.0051)


def test_samples_of_unknown_class_are_neither_right_nor_wrong(read_page):
    findings = build_comparison(n=60)
    kinds = findings.subject.kinds.copy()
    kinds[:10] = -1
    findings = replace(findings, subject=replace(findings.subject, kinds=kinds))
    data = read_page(render_comparison_page(findings, style=Style())).data("data")
    assert unpack(data["judged"]).sum() == 50
    listed = {int(row) for step in data["steps"] for one in step["lists"] for row in unpack(one["rows"])}
    assert listed
    assert not listed & set(range(10))
    assert {told["nRight"] + told["nWrong"] for told in data["checkpoints"]} == {50}
    assert data["kindTable"][-1]["name"] == "unknown"
    assert data["kindTable"][-1]["count"] == 10


def test_of_very_many_samples_a_choice_and_all_movers_are_shown(read_page, monkeypatch):
    monkeypatch.setattr(page_sample, "MOST_POINTS", 30)
    findings = build_comparison(n=300)
    shown = choose_rows(findings)
    assert {3, 7, 11} <= set(shown.tolist())
    assert 30 <= len(shown) <= 33
    parsed = read_page(render_comparison_page(findings, style=Style()))
    assert f"Shown are {len(shown)} of 300 points" in parsed.text
    data = parsed.data("data")
    names = [data["strings"][i] for i in unpack(data["ids"])]
    assert names == [findings.subject.ids[row] for row in shown]
    motion = data["steps"][0]["motion"][0]
    assert [names[i] for i in unpack(motion["rows"])] == [findings.subject.ids[row] for row in (3, 7, 11)]
    for one in data["steps"][0]["lists"]:
        assert len(unpack(one["rows"])) < one["count"]


def test_very_many_maps_leave_room_for_fewer_points(monkeypatch):
    monkeypatch.setattr(comparison_payload, "MOST_PLACES", 1000)
    monkeypatch.setattr(comparison_payload, "LEAST_POINTS", 10)
    findings = build_comparison(n=400, detected=False)
    assert len(choose_rows(findings)) == 1000 // (3 * 4 * 2)


@pytest.mark.slow
def test_ten_thousand_points_fit_in_a_page_of_one_and_a_half_megabytes():
    page = render_comparison_page(build_comparison(n=10_000, layers=("mlp",)), style=Style())
    assert len(page.encode()) <= 1_500_000
    page = render_comparison_page(build_comparison(study="embeddings", n=10_000), style=Style())
    assert len(page.encode()) <= 1_900_000


def test_the_smallest_comparison_has_a_page(read_page):
    for study in ("latents", "embeddings"):
        findings = build_comparison(study=study, n=3, n_checkpoints=2, methods=("tsne",), detected=False)
        assert read_page(render_comparison_page(findings, style=Style())).data("data")["n"] == 3


def test_without_any_map_there_is_no_page():
    with pytest.raises(UsageError, match="no layer has a map"):
        render_comparison_page(build_comparison(methods=()), style=Style())


def test_layers_without_maps_are_left_out(read_page):
    findings = build_comparison()
    layers = (replace(findings.layers[0], maps={}), *findings.layers[1:])
    data = read_page(render_comparison_page(replace(findings, layers=layers), style=Style())).data("data")
    assert [layer["name"] for layer in data["layers"]] == ["encoder", "mlp", "logits"]
    assert data["main"] == 1
    assert {len(step["motion"]) for step in data["steps"]} == {3}


def test_the_headline_says_what_changed_or_that_nothing_did():
    findings = build_comparison(n=60)
    before, after = (findings.answers[i].scores["accuracy"].value for i in (0, -1))
    assert say_title(findings) == f"From epoch_1 to best_model accuracy rises from {before:.0%} to {after:.0%}"
    assert say_title(build_comparison(detected=False)).startswith("No detectable difference in accuracy between")
    assert " MRR " in say_title(build_comparison(study="embeddings", n=60))


def test_the_step_says_whether_it_is_a_difference():
    findings = build_comparison(n=60)
    step = findings.overall
    told = say_step(findings, step)
    assert told.startswith("Accuracy is detectably better: +")
    assert told.endswith(" (p = 0.004, McNemar, exact).")
    worse = replace(step, changes={"accuracy": make_change("accuracy", -0.2, adjusted=0.01)})
    assert "detectably worse: −20 points [−24, −16]" in say_step(findings, worse)
    loss = make_change("log_loss", -0.2, adjusted=0.01)
    loss = replace(loss, score=replace(loss.score, better="lower"))
    assert "detectably better: −0.200" in say_step(findings, replace(step, changes={"log_loss": loss}))
    none = replace(step, changes={"accuracy": make_change("accuracy", 0.01, adjusted=0.4)})
    assert say_step(findings, none).startswith("No detectable difference in accuracy: +1.0 points")
    untested = replace(step, changes={"accuracy": make_change("accuracy", 0.01, adjusted=None)})
    assert "was not tested" in say_step(findings, untested)
    same = replace(findings, same_models=((step.first, step.second),))
    assert say_step(same, none).startswith("Both have the same weights, byte for byte. No detectable")
    assert "No score was measured" in say_step(findings, replace(step, changes={}))


def test_rivals_overfitting_and_stamps_are_named(read_page):
    findings = build_comparison(detected=False, n_checkpoints=5, stamps=("weights missing",))
    told = describe_study(findings)["best value"]
    assert told.endswith("but none of the others is detectably worse")
    assert list_stamps(findings) == ["weights missing"]
    one = replace(findings.checkpoints[1], model=replace(findings.checkpoints[1].model, stamps=("odd",)))
    findings = replace(findings, checkpoints=(findings.checkpoints[0], one, *findings.checkpoints[2:]))
    assert "epoch_5: odd" in list_stamps(findings)
    assert say_overfitting(findings) == ""
    choice = replace(findings.choice, recommended=1, overfitting=make_change("accuracy", -0.1, adjusted=0.01))
    findings = replace(findings, choice=choice)
    parsed = read_page(render_comparison_page(findings, style=Style()))
    assert (
        "Trained too long: epoch_40 is detectably worse than epoch_5 in accuracy (−10 points [−14, −6], p = 0.010)"
        in parsed.text
    )
    assert "Warning: epoch_5: odd" in parsed.text


def test_groups_are_told_the_surest_first():
    findings = build_comparison(n=60)
    step = findings.overall
    changes = {
        ("class", name): make_change("accuracy", 0.1, adjusted=p) for name, p in (("a", None), ("b", 0.3), ("c", 0.01))
    }
    told = list_group_changes(findings, replace(step, group_changes=changes))
    assert [(row[0], row[2], row[3]) for row in told] == [
        ("class: c", "p = 0.010", "better"), ("class: b", "p = 0.300", "none"), ("class: a", "no p", "untested"),
    ]  # fmt: skip


def test_the_score_that_decides_is_the_first_of_the_differences():
    findings = build_comparison(study="embeddings", n=60)
    assert next(iter(findings.overall.changes)) == "hit_at_1"
    assert list_changes(findings, findings.overall)[0][0] == "MRR"


def test_a_cosine_that_differs_is_neither_better_nor_worse():
    findings = build_comparison(study="embeddings", n=60)
    loud = make_change("positive_mean", 0.2, adjusted=0.01)
    loud = replace(loud, score=replace(loud.score, better="neither"))
    step = replace(findings.overall, changes={"positive_mean": loud})
    assert list_changes(findings, step)[0][3:] == ["other", "different"]
    assert say_step(findings, step).startswith("Cosine of right pairs is detectably different: +0.200 [")
