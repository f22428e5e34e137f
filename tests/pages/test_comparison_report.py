"""The report of a comparison says what changed, whether it is real, and no more."""

from dataclasses import replace

import numpy as np
import pytest
from markdown_it import MarkdownIt

from latentscape.comparison_claims import find_changes
from latentscape.findings import Accounting, Skip
from latentscape.measures.score import Score
from latentscape.measures.tallies import Change
from latentscape.pages.comparison_report import describe_comparison
from latentscape.pages.report import Picture, render_report_html, render_report_markdown
from tests.comparison_values import build_comparison, make_change, make_score

FIGURES = ("comparison_maps.png", "comparison_scores.png", "comparison_changes.png", "comparison_drift.png",
           "comparison.html", "changes.csv")  # fmt: skip


def full(**options):
    findings = build_comparison(**options)
    return replace(findings, claims=find_changes(findings))


def tell(findings, figures=FIGURES):
    return render_report_markdown(describe_comparison(findings, figures))


def answer(findings, question):
    told = tell(findings)
    line = next(line for line in told.splitlines() if line.startswith(f"**{question}**"))
    return line.replace("\\", "").replace("&lt;", "<")


def with_lead(findings, value, *, adjusted, low=None, high=None, step=-1):
    """The deciding score differs by so much in one step."""
    name = findings.choice.score
    score = Score(name=f"{name}_delta", value=value, n=90, low=low, high=high, bounds=(-1, 1))
    change = Change(score=score, p_value=adjusted, test="McNemar, exact", adjusted=adjusted)
    steps = list(findings.steps)
    steps[step] = replace(steps[step], changes={**steps[step].changes, name: change})
    return replace(findings, steps=tuple(steps))


@pytest.mark.parametrize(("study", "judged"), [("latents", "Samples"), ("embeddings", "Queries")])
def test_answers_come_first_then_the_claims_then_the_evidence(study, judged):
    headings = [line[3:] for line in tell(full(study=study)).splitlines() if line.startswith("## ")]
    assert headings == [
        "Conclusion", "What changed", "Maps", "Scores", "Differences", judged, "Groups", "Movers", "Layers",
        "What was compared",
    ]  # fmt: skip


def test_the_title_is_the_finding():
    findings = full()
    before, after = (findings.answers[i].scores["accuracy"].value for i in (0, 2))
    title = tell(findings).splitlines()[0]
    assert title == f"# From epoch\\_1 to best\\_model accuracy rises from {before:.0%} to {after:.0%}".replace(
        "\\", ""
    )


@pytest.mark.parametrize("n_checkpoints", [2, 3])
def test_where_nothing_differs_that_is_the_sentence(n_checkpoints):
    findings = full(detected=False, n_checkpoints=n_checkpoints)
    last = findings.checkpoints[-1].name
    told = tell(findings)
    assert told.startswith("# No detectable difference in accuracy between epoch_1 (")
    assert f"No detectable difference between epoch_1 and {last}" in told.split("## What changed")[1].split("##")[0]
    assert "1. **" not in told
    assert "Detected" not in told
    answers = told.split('<a id="define-')[0]
    assert answers.count("detectably worse") == answers.count("none of the others is detectably worse")


def test_the_same_weights_are_said_where_nothing_differs():
    findings = replace(build_comparison(detected=False), same_models=((0, 1),))
    told = tell(replace(findings, claims=find_changes(findings)))
    assert "**epoch_1 and epoch_5 have the same weights**" in told
    assert "No detectable difference between epoch_1 and best_model, nor in any step between them" in told


def test_a_rise_and_fall_in_between_is_not_lost():
    findings = with_lead(full(detected=False), 0.2, adjusted=0.001, low=0.1, high=0.3, step=0)
    title = tell(findings).splitlines()[0]
    assert title.startswith("# No detectable difference in accuracy between epoch_1 (")
    assert title.endswith("%), though accuracy rises from epoch_1 to epoch_5")


def test_a_split_and_movers_without_a_difference_are_in_the_title():
    findings = full()
    quiet = {name: replace(each, adjusted=0.7) for name, each in findings.overall.changes.items()}
    findings = replace(findings, steps=tuple(replace(step, changes=quiet) for step in findings.steps))
    findings = replace(findings, claims=find_changes(findings))
    title = tell(findings).splitlines()[0]
    assert title.endswith("%), yet 1 class came apart and 3 samples left their neighbors")


def test_a_detected_difference_is_told_with_interval_p_and_test():
    findings = with_lead(full(), 0.31, adjusted=0.0004, low=0.27, high=0.35)
    told = answer(findings, "Is it real?")
    assert "Yes. Accuracy is detectably better: +31 points [+27, +35] (p < 0.001, McNemar, exact)." in told


def test_an_undetected_difference_is_told_with_what_the_data_allow():
    findings = with_lead(full(detected=False), 0.012, adjusted=0.31, low=-0.011, high=0.034)
    told = answer(findings, "Is it real?")
    assert "No detectable difference in accuracy: +1.2 points [−1.1, +3.4] (p = 0.310, McNemar, exact)." in told
    assert "Any difference inside of this interval agrees with the data." in told
    assert "Yes" not in told


def test_a_difference_that_can_not_be_measured_says_why():
    change = Change(score=make_score("accuracy_delta", None, reason="no sample is labeled"), p_value=None)
    findings = full(detected=False, n_checkpoints=2)
    findings = replace(findings, steps=(replace(findings.steps[0], changes={"accuracy": change}),))
    told = answer(findings, "Is it real?")
    assert "The difference in accuracy can't be told: no sample is labeled." in told


@pytest.mark.parametrize(
    ("rivals", "told"),
    [
        ((), "detectably better than every other."),
        ((1,), "not detectably better than epoch_5. Against it: epoch_5 −10 points [−14, −6]; the other is"),
        ((0, 1), "but none of the others is detectably worse. Against it: epoch_1 −20 points [−24, −16] and"),
    ],
)
def test_the_recommendation_names_what_can_not_be_told_from_it(rivals, told):
    findings = full()
    findings = replace(findings, choice=replace(findings.choice, rivals=rivals))
    assert told in answer(findings, "Which checkpoint to take?")


def test_of_equal_checkpoints_the_earliest_is_said_to_be_so():
    findings = full(detected=False)
    answers = (findings.answers[0],) * 3
    choice = replace(findings.choice, recommended=0, rivals=(1, 2))
    told = answer(replace(findings, answers=answers, choice=choice), "Which checkpoint to take?")
    assert "epoch_1 is the earliest of 3 with the best accuracy" in told


def test_probes_alone_are_no_headline():
    findings = full(detected=False)
    changes = {**findings.overall.changes, "linear_class_cnn": make_change("linear_class_cnn", -0.2, adjusted=0.001)}
    findings = replace(findings, steps=(*findings.steps[:-1], replace(findings.overall, changes=changes)))
    assert tell(findings).startswith("# No detectable difference in accuracy between epoch_1 (")
    assert "Detected as well: class read from cnn." in answer(findings, "Is it real?")
    assert "What differs is class read from cnn: see Differences." in tell(findings)


def test_of_two_checkpoints_that_can_not_be_told_apart_either_will_do():
    findings = full(detected=False, n_checkpoints=2)
    assert "not detectably better than epoch_1. Against it: epoch_1 −10 points [−14, −6]; either will do." in answer(
        findings, "Which checkpoint to take?"
    )


def test_overfitting_is_said_only_where_it_is_detected():
    findings = full()
    assert "No: the last checkpoint, best_model, has the best accuracy." in answer(findings, "Was it trained too long?")
    against = (*findings.choice.against_best[:2], make_change("accuracy", -0.021, adjusted=0.3))
    early = replace(findings.choice, recommended=1, against_best=against)
    told = answer(replace(findings, choice=early), "Was it trained too long?")
    assert "Not detectably: the last checkpoint, best_model, differs from epoch_5 in accuracy by −2.1 points" in told
    worse = replace(early, overfitting=make_change("accuracy", -0.12, adjusted=0.002))
    told = answer(replace(findings, choice=worse), "Was it trained too long?")
    assert "Yes: best_model is detectably worse than epoch_5 in accuracy (−12 points" in told


def test_different_models_are_not_asked_whether_they_were_trained_too_long():
    findings = full()
    other = replace(findings.checkpoints[1], model=replace(findings.checkpoints[1].model, name="another model"))
    findings = replace(findings, checkpoints=(findings.checkpoints[0], other, findings.checkpoints[2]))
    assert "Was it trained too long?" not in tell(findings)


def test_every_score_of_every_checkpoint_is_told_with_its_interval():
    findings = full(study="embeddings")
    told = tell(findings)
    for answers in findings.answers:
        for name in ("mrr", "margin"):
            score = answers.scores[name]
            assert f"{score.value:.3f} [{score.low:.3f}, {score.high:.3f}]" in told.replace("−", "-")
    assert "| epoch_1, epoch 1 |" in told


def test_what_chance_can_explain_is_faint_and_says_so():
    told = tell(full(detected=False))
    assert "*no detectable difference*, p = 0.610, McNemar, exact |" in told


def test_outcomes_are_counted_and_their_first_samples_listed():
    findings = full()
    told = tell(findings)
    first, last = findings.answers[0].right, findings.answers[2].right
    broken = np.flatnonzero(first & ~last)
    assert f"### Broken: {len(broken)}" in told
    assert f"{(~first & last).sum()} ({(~first & last).mean():.0%}) fixed" in told
    worst = broken[np.argmax(findings.answers[2].confidence[broken])]
    assert told.split("### Broken")[1].split("| --- | --- | --- | --- |\n| ")[1].startswith(findings.subject.ids[worst])


def test_types_of_hard_negatives_have_a_table_of_their_own():
    told = tell(full(study="embeddings"))
    types = told.split("### Hard negatives by type")[1].split("###")[0]
    assert "| price |" in types


def test_samples_left_out_are_accounted_and_grouped():
    skipped = (*(Skip(id=f"s{i}.wav", reason="labels differ") for i in range(8)), Skip(id="", reason="odd", count=40))
    accounting = Accounting(n_in=168, n_ok=120, skipped=skipped)
    told = tell(replace(full(), accounting=accounting))
    assert "168 in any run = 120 in all and compared + 48 skipped + 0 failed." in told
    assert "| s0.wav, s1.wav, s2.wav and 5 more | labels differ |" in told
    assert "| 40 | odd |" in told


def test_receipts_notes_and_stamps_are_told():
    findings = full(stamps=("2 tensors were missing",))
    told = tell(replace(findings, notes=("The order of classes differs between runs.",)))
    assert "> **Warning:** 2 tensors were missing" in told
    assert "- The order of classes differs between runs." in told
    assert "20 of 20 tensors match, bit for bit; 12,000 parameters |" in told


def test_a_picture_is_told_only_if_it_was_written_and_the_page_is_linked():
    sections = describe_comparison(full(), ("comparison_maps.png", "extra.png", "comparison.html")).sections
    shown = [block.file for section in sections for block in section.blocks if isinstance(block, Picture)]
    assert shown == ["comparison_maps.png", "extra.png"]
    assert "](comparison.html)" in tell(full())
    assert "Interactive maps" not in tell(full(), ())


def test_few_samples_are_said_to_be_few():
    assert "With only 12 samples none but large differences can be detected." in tell(full(n=12))


@pytest.mark.parametrize("study", ["latents", "embeddings"])
@pytest.mark.parametrize("n_checkpoints", [2, 12])
def test_hostile_text_is_only_text(study, n_checkpoints, hostile, read_page):
    names = [f"{hostile[i % len(hostile)]} {i}" for i in range(n_checkpoints)]
    n = 60
    texts = [f"{hostile[i % len(hostile)]} {i}" for i in range(n)]
    layers = (hostile[0],) if study == "latents" else ()
    findings = full(
        study=study, n=n, n_checkpoints=n_checkpoints, names=names, texts=texts, layers=layers, stamps=hostile
    )
    report = describe_comparison(findings, FIGURES)
    page = read_page(render_report_html(report))
    assert not page.scripts
    assert not {tag for tag, _ in page.elements} & {"b", "em", "iframe", "object"}
    assert not [name for _, values in page.elements for name in values if name.startswith("on")]
    assert not [link for link in page.attributes("href") if not link.startswith(("#", "https://", "comparison"))]
    html = MarkdownIt("commonmark", {"html": False}).enable("table").render(render_report_markdown(report))
    assert "<script" not in html and "<img src=x" not in html


@pytest.mark.parametrize("study", ["latents", "embeddings"])
def test_nothing_measured_is_no_crash_and_no_nan(study):
    findings = build_comparison(study=study, n=9, n_checkpoints=2, detected=False)
    name = findings.choice.score
    gone = make_score(name, None, reason="nothing is known")
    change = Change(score=replace(gone, name=f"{name}_delta"), p_value=None)
    layers = tuple(
        replace(layer, maps={}, drift=replace(layer.drift, similarity={}, overlap={}, geometry=({}, {})))
        for layer in findings.layers
    )
    findings = replace(
        findings,
        layers=layers,
        answers=tuple(replace(each, scores={name: gone}) for each in findings.answers),
        steps=(replace(findings.steps[0], changes={name: change}, group_changes={}, motion={}),),
        choice=replace(findings.choice, against_best=(change, change)),
    )
    findings = replace(findings, claims=find_changes(findings))
    told = tell(findings)
    assert "No checkpoint can be recommended: nothing is known." in told
    assert "nan" not in told.lower().replace("nano", "") and "None" not in told


def test_a_picture_of_no_samples_known_has_no_shares():
    findings = build_comparison(detected=False)
    subject = replace(findings.subject, kinds=np.full(120, -1))
    findings = replace(findings, subject=subject)
    findings = replace(findings, claims=find_changes(findings))
    told = tell(findings)
    assert "of 0 samples: 0 fixed, 0 broken" in told
    assert "Whether a class came apart could not be judged: no sample has a known class." in told
