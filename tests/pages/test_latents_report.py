"""The latents report says what was measured and claims no more."""

from dataclasses import replace

import numpy as np
import pytest

from latentscape.findings import Accounting, Skip
from latentscape.measures.score import Score
from latentscape.pages.latents_report import describe_latents
from latentscape.pages.report import Paragraph, Picture, render_report_html, render_report_markdown

FIGURES = ("latent_spaces_static.png", "confusion_vs_distance.png", "tsne_cnn_interactive.html")


def tell(findings, figures=FIGURES):
    return render_report_markdown(describe_latents(findings, figures))


def conclude(findings):
    return [block.text for block in describe_latents(findings, ()).sections[3].blocks if isinstance(block, Paragraph)]


def with_scores(findings, **scores):
    return replace(findings, scores={**findings.scores, **scores})


def test_sections_are_the_four_promised(latents):
    lines = tell(latents()).splitlines()
    assert lines[0].startswith("# ")
    assert [line[3:] for line in lines if line.startswith("## ")] == [
        "Model info",
        "Key metrics",
        "Visual analysis",
        "Conclusion",
    ]


def test_every_score_is_told_with_value_interval_and_n(latents):
    findings = latents()
    extra = Score(name="something_new", value=0.123, n=7, low=0.1, high=0.2)
    told = tell(with_scores(findings, something_new=extra))
    assert "| something new | 0.123 | [0.100, 0.200] | 7 |" in told
    assert "| encoder | −0.400 | [−0.700, −0.100] | 28 |" in told
    assert "| cnn by UMAP | 0.620 | [0.580, 0.660] | 60 |" in told
    for name in findings.class_names:
        assert f"| {name} | " in told


def test_weights_and_accounting(latents):
    skipped = tuple(Skip(id=f"s{i}.wav", reason="unknown code") for i in range(25))
    findings = latents(accounting=Accounting(n_in=87, n_ok=60, skipped=skipped, failed=(Skip(id="a", reason="b"),) * 2))
    told = tell(findings)
    assert "211 of 211 tensors match the checkpoint bit for bit |" in told
    assert "87 in = 60 studied + 25 skipped + 2 failed." in told
    assert "| s0.wav, s1.wav, s2.wav and 22 more | unknown code |" in told
    assert "2 inputs could not be used" in told


def test_left_out_samples_with_reasons_of_their_own_are_listed_up_to_twenty(latents):
    failed = tuple(Skip(id=f"s{i}.wav", reason=f"fault {i}") for i in range(25))
    told = tell(latents(accounting=Accounting(n_in=85, n_ok=60, failed=failed)))
    assert "| s19.wav | fault 19 |" in told
    assert "s20.wav" not in told
    assert "| and 5 more |" in told


def test_weights_that_do_not_match_are_counted(latents):
    findings = latents()
    told = tell(replace(findings, model=replace(findings.model, n_tensors_matched=209, stamps=("2 allowed missing",))))
    assert "209 of 211 tensors match the checkpoint bit for bit, 2 do not" in told
    assert "> **Warning:** 2 allowed missing" in told


def test_a_picture_is_told_only_if_it_was_written(latents):
    blocks = describe_latents(latents(), ("confusion_vs_distance.png", "extra.png")).sections[2].blocks
    assert [block.file for block in blocks if isinstance(block, Picture)] == ["confusion_vs_distance.png", "extra.png"]


def test_pages_are_linked(latents):
    assert "- [cnn by t-SNE](tsne_cnn_interactive.html)" in tell(latents())


@pytest.mark.parametrize(
    ("accuracy", "low", "high", "said"),
    [
        (0.70, 0.60, 0.80, "It tells classes apart"),
        (0.20, 0.10, 0.30, "Nothing detectable"),
        (0.05, 0.01, 0.10, "worse than a guess"),
    ],
)
def test_learning_is_claimed_only_above_chance(latents, accuracy, low, high, said):
    scores = {
        "accuracy": Score(name="accuracy", value=accuracy, n=60, low=low, high=high),
        "chance_accuracy": Score(name="chance_accuracy", value=0.25, n=60),
    }
    assert said in conclude(with_scores(latents(), **scores))[0]


def test_no_relation_is_claimed_when_the_interval_spans_zero(latents):
    told = tell(latents(layers=("cnn",)))
    assert "cnn: no detectable" in told
    assert "No layer shows that closer classes are confused more" in told


def test_weakest_class_is_hedged_unless_its_interval_is_clear(latents):
    findings = latents()
    sad = Score(name="recall_sad", value=0.05, n=7, low=0.0, high=0.9)
    assert "not detectably below" in conclude(with_scores(findings, recall_sad=sad))[2]
    clear = conclude(with_scores(findings, recall_sad=replace(sad, high=0.1)))[2]
    assert "The weakest class is Sad: recall 0.050 [0.000, 0.100] on 7 samples." in clear


def test_most_confused_pair_by_hand(latents):
    labels = np.repeat([0, 1, 2], 4)
    predictions = np.array([0, 0, 0, 0, 2, 2, 1, 1, 1, 2, 2, 2])
    told = tell(latents(12, n_classes=3, class_names=("a", "b", "c"), accuracy=1.0))
    assert "No two classes were mixed up." in told
    findings = latents(12, n_classes=3, class_names=("a", "b", "c"))
    confusion = replace(
        findings.layers[-1].confusion,
        pairs=np.array([[0, 1], [0, 2], [1, 2]]),
        rates=np.array([0.0, 0.0, 3 / 8]),
        distances=np.array([0.5, 0.6, 0.25]),
    )
    counts = np.zeros((3, 3), dtype=int)
    np.add.at(counts, (labels, predictions), 1)
    layers = (*findings.layers[:-1], replace(findings.layers[-1], confusion=confusion))
    told = tell(replace(findings, labels=labels, predictions=predictions, confusion_matrix=counts, layers=layers))
    assert "b and c, 38% of their 8 samples; in mlp their centroids are 0.25 apart" in told


@pytest.mark.parametrize("n", [1, 2, 3])
def test_few_samples_are_said_to_be_few(latents, n):
    told = tell(latents(n))
    assert "With only" in told
    assert "None" not in told
    assert "nan" not in told.lower().split()


def test_one_class_and_missing_scores(latents):
    findings = latents(10, n_classes=1)
    none = Score(name="accuracy", value=None, n=0, reason="no sample has a known class")
    told = tell(with_scores(findings, accuracy=none))
    assert "n/a (no sample has a known class)" in told
    assert "That can't be said: no sample has a known class." in told
    assert "no weakest one" in told
    assert "None" not in told


def test_user_text_is_escaped_in_both(latents, hostile, read_page):
    skipped = tuple(Skip(id=text, reason=text) for text in hostile)
    findings = latents(class_names=(*hostile, "x"), accounting=Accounting(n_in=67, n_ok=60, skipped=skipped))
    report = describe_latents(findings, FIGURES)
    assert "<script" not in render_report_markdown(report)
    parsed = read_page(render_report_html(report))
    assert not parsed.scripts
    assert "</script><script>alert(1)</script>" in parsed.text
