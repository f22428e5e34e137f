"""The lines a terminal shows."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import latentscape
from latentscape.findings import Accounting, Skip
from latentscape.measures.score import Score
from latentscape.pages.terminal import summarize_embeddings, summarize_latents, summarize_map
from latentscape.retrieval_improvements import find_retrieval_improvements
from tests.figures.pair_values import full_values


def without(findings, *names):
    """The findings with some scores that could not be measured."""
    gone = {name: replace(findings.scores[name], value=None, low=None, high=None, reason="no reason") for name in names}
    return replace(findings, scores={**findings.scores, **gone})


def test_what_is_not_measured_says_so_and_why(embeddings):
    text = summarize_embeddings(without(embeddings(), "negative_mean", "margin", "separation"))
    lines = text.splitlines()
    assert "  Negative    n/a" in lines
    assert "  Margin      n/a" in lines
    assert "  Separation  n/a" in lines
    assert "  Margin can't be told: no reason" in lines
    assert "σ" not in text


def test_a_full_study_tells_negatives_types_defects_and_advice(embeddings):
    findings = embeddings()
    values = full_values(findings.ranking, findings.relevant, findings.hard_negatives, documents=findings.documents)
    findings = replace(findings, **values)
    findings = replace(findings, improvements=find_retrieval_improvements(findings, seed=0))
    lines = summarize_embeddings(findings).splitlines()
    assert "  margin mined          0.0334  [-0.007, 0.073]  n = 40" in lines
    assert "  amenity               0.0090  [-0.018, 0.040]  n = 48" in lines
    assert "  negative is other positive      2" in lines
    assert "As the file's rows stand, defects and all" in lines
    first = lines.index("Improve next (evidence and actions are in the report)") + 1
    assert lines[first] == "  1. 2 queries of the test file were trained on"


def test_an_empty_block_has_no_heading(embeddings):
    lines = summarize_embeddings(replace(embeddings(), maps={})).splitlines()
    assert not {"Data defects", "What a wrong detail costs (cosine)", "Neighbors kept by the maps"} & set(lines)
    assert "  no claim survives" in lines


def test_control_characters_never_reach_the_terminal(embeddings):
    findings = embeddings()
    values = full_values(findings.ranking, findings.relevant, findings.hard_negatives, documents=findings.documents)
    importance = values["importance"]
    effects = tuple(replace(each, type="\x1b[31mred\n" + "x" * 300) for each in importance.effects)
    findings = replace(findings, **{**values, "importance": replace(importance, effects=effects)})
    text = summarize_embeddings(replace(findings, improvements=find_retrieval_improvements(findings, seed=0)))
    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) < 260


def test_vectors_without_a_model_claim_no_weights(embeddings):
    card = replace(embeddings().model, n_tensors_matched=0, n_tensors_total=0)
    assert "Weights" not in summarize_embeddings(replace(embeddings(), model=card))


def test_classes_are_called_by_their_names_and_long_ones_are_cut(latents):
    findings = latents()
    names = tuple("x" * 300 if n == 3 else f"<{name}>" for n, name in enumerate(findings.class_names))
    lines = summarize_latents(replace(findings, class_names=names)).splitlines()
    assert any(line.startswith(f"  recall {names[0]} ") for line in lines)
    assert max(map(len, lines)) < 160
    assert all("… " in line for line in lines if "xxx" in line)


def test_failures_are_listed_up_to_ten_and_counted(latents):
    failed = tuple(Skip(id=f"clip {n}", reason="empty") for n in range(13))
    findings = latents()
    n_ok = findings.accounting.n_ok
    text = summarize_latents(
        replace(findings, accounting=Accounting(n_in=n_ok + 13, n_ok=n_ok, skipped=(), failed=failed))
    )
    assert text.count("failed clip") == 10
    assert "and 3 more: see the report" in text
    assert f"{n_ok + 13} in = {n_ok} studied + 0 skipped + 13 failed" in text


def test_a_long_name_never_touches_its_value(latents):
    findings = latents()
    score = Score(name="recall_x", value=0.25, n=4)
    names = tuple(f"a class whose name is longer than the column {n}" for n in range(len(findings.class_names)))
    kept = {name: score for name in findings.scores if name.startswith("recall_")}
    lines = summarize_latents(replace(findings, class_names=names, scores={**findings.scores, **kept})).splitlines()
    assert all(" 0.2500  n = 4" in line for line in lines if "longer" in line)


def test_what_no_layer_can_be_asked_is_said_once(latents):
    nothing = Score(name="confusion_distance_spearman", value=None, n=1, reason="needs three pairs of classes")
    found = latents()
    layers = [replace(layer, confusion=replace(layer.confusion, spearman=nothing)) for layer in found.layers]
    assert summarize_latents(replace(found, layers=tuple(layers))).count("needs three pairs of classes") == 1


@pytest.fixture(scope="module")
def mapped():
    features = np.random.default_rng(0).normal(size=(40, 4))
    features[30:] = features[0]
    features[7] = np.nan
    return latentscape.map(features, method=("pca",), max_samples=38).findings


def test_a_map_is_told_by_its_worth_and_by_what_was_left_out(mapped):
    lines = summarize_map(mapped, Path("maps/x")).splitlines()
    recall = mapped.scores["neighbor_recall_pca"]
    assert lines[0] == "array: 38 samples x 4 features, cosine distance"
    assert "different rows: equal ones share a point" in lines[1]
    assert lines[2].startswith(f"PCA: {mapped.maps['pca'].trust.level} trust")
    expected = f"  neighbor recall       {recall.value:.4f}  [{recall.low:.3f}, {recall.high:.3f}]  n = 38"
    assert expected in lines
    assert "Samples  40 in = 38 studied + 1 skipped + 1 failed" in lines
    assert "  failed row 7: feature 0 is missing or not a number" in lines
    assert "Next     open maps/x/explorer.html" in lines
    assert not any("Files" in line for line in summarize_map(mapped).splitlines())


def test_an_approximate_graph_says_how_much_it_found(mapped):
    text = summarize_map(replace(mapped, graph_recall=0.9934, source="x.npy"))
    assert text.startswith("x.npy: 38 samples x 4 features, cosine distance, graph recall 0.993\n")


def test_failures_of_a_map_are_counted_however_they_are_listed(mapped):
    failed = (
        *(Skip(id=f"row {n}", reason="NaN") for n in range(12)),
        Skip(id="500 more rows", reason="NaN", count=500),
    )
    accounting = Accounting(n_in=550, n_ok=38, failed=failed)
    text = summarize_map(replace(mapped, accounting=accounting))
    assert "550 in = 38 studied + 0 skipped + 512 failed" in text
    assert "and 502 more: see manifest.json" in text


def test_what_can_not_be_measured_of_a_map_has_its_reason():
    text = summarize_map(latentscape.map(np.eye(3), method="pca").findings)
    assert "trust can't be measured" in text
    assert "neighbor recall       n/a (" in text
    assert "drawn at fixed places" in text
