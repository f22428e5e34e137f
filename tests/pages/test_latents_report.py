"""The latents report says what was measured and claims no more."""

import re
from dataclasses import replace

import numpy as np
import pytest
from markdown_it import MarkdownIt

from latentscape.diagnosis import score_everything
from latentscape.findings import Accounting, Skip
from latentscape.layer_maps import score_maps
from latentscape.measures.definitions import define
from latentscape.measures.score import Score
from latentscape.pages.latents_report import describe_latents
from latentscape.pages.report import (
    AdviceList,
    Notes,
    Paragraph,
    Picture,
    Table,
    render_report_html,
    render_report_markdown,
)

from .latents_values import make_calibration, measure_everything

FIGURES = ("latent_spaces_static.png", "confusion_vs_distance.png", "tsne_cnn_interactive.html")


def tell(findings, figures=FIGURES):
    return render_report_markdown(describe_latents(findings, figures))


def conclude(findings):
    return [block.text for block in find_section(findings, "Conclusion").blocks if isinstance(block, Paragraph)]


def find_section(findings, heading, figures=()):
    return next(section for section in describe_latents(findings, figures).sections if section.heading == heading)


def with_scores(findings, **scores):
    return replace(findings, scores={**findings.scores, **scores})


def list_headings(findings):
    return [line[3:] for line in tell(findings).splitlines() if line.startswith("## ")]


def test_answers_come_first_then_what_to_do_then_the_evidence(latents):
    assert tell(latents()).startswith("# ")
    assert list_headings(measure_everything(latents())) == [
        "Conclusion",
        "Improve next",
        "Key metrics",
        "Layers",
        "Confusion",
        "Generalization",
        "Calibration",
        "Most confident mistakes",
        "Suspects",
        "Visual analysis",
        "Model info",
    ]


def test_sections_without_anything_to_say_are_left_out_but_never_the_four_promised(latents):
    assert list_headings(latents()) == ["Conclusion", "Key metrics", "Confusion", "Visual analysis", "Model info"]


def test_every_score_is_told_with_value_interval_and_n(latents):
    findings = latents()
    extra = Score(name="something_new", value=0.123, n=7, low=0.1, high=0.2)
    told = tell(with_scores(findings, something_new=extra))
    assert "| something new | 0.123 | [0.100, 0.200] | 7 |" in told
    assert "| encoder | −0.40 [−0.70, −0.10] |" in told
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
    figures = ("confusion_vs_distance.png", "extra.png")
    sections = describe_latents(latents(), figures).sections
    shown = [block.file for section in sections for block in section.blocks if isinstance(block, Picture)]
    assert shown == ["confusion_vs_distance.png", "extra.png"]


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
        sizes=np.array([8, 8, 8]),
        expected=np.array([0.1, 0.1, 0.1]),
        surprise=np.array([-0.5, -0.4, 2.5]),
    )
    counts = np.zeros((3, 3), dtype=int)
    np.add.at(counts, (labels, predictions), 1)
    layers = (*findings.layers[:-1], replace(findings.layers[-1], confusion=confusion))
    changed = replace(findings, labels=labels, predictions=predictions, confusion_matrix=counts, layers=layers)
    assert "b and c, 38% of their 8 samples; in mlp their centroids are 0.25 apart" in tell(changed)
    assert "| b and c | 38% | 8 | 0.25 | no: farther apart than others so often confused |" in tell(changed)


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


def test_what_was_learned_names_the_layer_and_the_leak(latents):
    told = conclude(measure_everything(latents(layers=("cnn", "encoder", "mlp"))))[0]
    assert "A linear probe reads the class best from mlp: 44% [40%, 48%], least from cnn: 31% [27%, 35%]" in told
    assert "The dataset can be read from every layer: 97% in cnn, still 88% in mlp (chance 55%)" in told
    assert "with so few speakers it may be their voices that are read" in told


def test_a_target_that_only_some_layers_hold_is_said_of_these(latents):
    told = conclude(measure_everything(latents(layers=("cnn", "a", "b", "mlp", "logits"))))[0]
    assert "The speaker can be read from 3 of 5 layers: 41% in cnn, still 20% in b (chance 4%)." in told


@pytest.mark.parametrize("p_value", [0.4, 0.02])
def test_nothing_is_claimed_of_layers_that_permuted_labels_explain(latents, p_value):
    """0.02 is small for one layer, but three were tried."""
    told = conclude(measure_everything(latents(), p_value=p_value))[0]
    assert "In no layer is the class detectably readable" in told
    assert "The dataset is not detectably readable from any layer." in told
    assert "read best" not in told
    assert "reads the class best" not in told


def test_without_a_null_nothing_is_said_either_way(latents):
    told = conclude(measure_everything(latents(), p_value=None))[0]
    assert "Whether the class can be read better than by chance can't be judged." in told
    assert "Whether the dataset can be read better than by chance can't be judged: crema-d has a single speaker" in told
    assert "detectably readable" not in told


def test_transfer_is_claimed_only_if_it_survives(latents):
    lost = conclude(measure_everything(latents()))[1]
    assert "Between datasets it loses: a linear probe on mlp trained on crema-d is right for 31%" in lost
    assert "of ravdess, 24 points [17, 31] below one trained there." in lost
    kept = conclude(measure_everything(latents(), p_value=0.5, loss=0.03))[1]
    assert "No loss between datasets is detectable: at worst" in kept
    assert "and against one trained there it loses 5 points [−2, 12]." in kept
    assert "it loses:" not in kept


def test_a_remark_on_a_transfer_is_told_beside_it(latents):
    findings = measure_everything(latents())
    noted = [
        replace(layer, transfers=tuple(replace(each, notes={(1, 0): "one voice"}) for each in layer.transfers))
        for layer in findings.layers
    ]
    told = tell(replace(findings, layers=tuple(noted)))
    assert "24 points [17, 31] below one trained there (one voice)." in told
    assert told.count("- crema-d → ravdess: one voice.") == 1


def test_a_class_whose_drift_is_not_known_is_told_once_not_in_every_layer(latents):
    findings = measure_everything(latents())
    missing = Score(name="drift", value=None, n=3, reason="too few")
    layers = [
        replace(layer, drifts=tuple(replace(each, score=missing) if each.label == 1 else each for each in layer.drifts))
        for layer in findings.layers
    ]
    told = tell(replace(findings, layers=tuple(layers)))
    assert told.count("too few") == 1
    assert "- Drift of Calm: n/a, too few." in told


def test_a_single_dataset_says_nothing_of_others(latents):
    findings = replace(latents(), dataset_names=("ravdess",), dataset_ids=np.zeros(60, dtype=int))
    assert "With a single dataset nothing can be said of others." in conclude(findings)[1]


def test_held_out_speakers_are_said_to_be_held_out_and_shared_ones_named(latents):
    findings = measure_everything(latents())
    assert "None of these is among the speakers of the 5,120 training samples" in conclude(findings)[1]
    told = conclude(replace(findings, shared_speakers=("a", "b", "c", "d")))[1]
    assert "4 speakers are also on the training side of the split (a, b, c and 1 more)" in told
    assert "new speakers of the same datasets" not in told
    assert "if none of these was trained on" in conclude(latents())[1]


@pytest.mark.parametrize(
    ("over", "said"),
    [
        (0.19, "It is overconfident by 19 points [14, 24]."),
        (-0.19, "It is underconfident by 19 points [14, 24]."),
        (0.02, "It is not detectably over- or underconfident (2 points [−3, 7])."),
    ],
)
def test_confidence_is_judged_by_its_interval(latents, over, said):
    findings = replace(measure_everything(latents()), calibration=make_calibration(60, over=over))
    assert said in conclude(findings)[2]


def test_advice_comes_in_order_with_its_samples_and_what_was_withheld(latents):
    findings = measure_everything(latents())
    advice, withheld = find_section(findings, "Improve next").blocks
    assert isinstance(advice, AdviceList)
    assert isinstance(withheld, Notes)
    assert len(advice.entries) == 4
    told = tell(findings)
    assert told.index("1. **1 recording filed under two labels") < told.index("2. **60 samples may carry")
    assert "and 10 more" in told
    assert "Calm has only 7 samples" in told


def test_no_advice_survives_a_null_and_the_report_says_so(latents):
    told = tell(measure_everything(latents(), p_value=0.5))
    assert "No claim survives its test" in told
    assert "a dataset has only 12 samples" in told


def test_layers_are_told_with_interval_null_and_faint_where_chance_explains_them(latents):
    findings = measure_everything(latents(layers=("cnn", "a", "b", "mlp", "logits")))
    readouts, notes, *_ = find_section(findings, "Layers").blocks
    assert readouts.header[:3] == ("Layer", "Class, linear", "Class, k-NN")
    cnn, mlp = readouts.rows[0], readouts.rows[3]
    assert (cnn[1].text, cnn[1].notes, cnn[1].faint) == ("31%", ("[27%, 35%]", "null 11% to 18%"), False)
    assert cnn[3].text == "97% *"
    assert mlp[5].faint
    assert "crema-d has a single speaker" in notes.lines[0]
    told = tell(findings)
    assert "| cnn | 31% [27%, 35%], null 11% to 18% |" in told
    assert "*6%* [2%, 10%], null 0% to 6% |" in told


def test_suspects_say_what_was_trained_on_and_where_the_rest_is(latents):
    told = tell(measure_everything(latents()))
    assert "32 findings to look at before training again: copies with different labels 1, label in doubt 30" in told
    assert "1 of them touches samples that the model was trained on" in told
    assert "The first 20; 12 more are in suspects.csv." in told
    pair = "crema-d/1076_MTI_NEU_XX.wav, crema-d/1076_MTI_SAD_XX.wav"
    evidence = "the same bytes, filed under Neutral and Sad"
    assert f"| {pair}, {evidence} | Copies with different labels | trained on | Neutral, Sad |  |" in told


def test_mistakes_are_listed_with_what_the_model_says(latents):
    findings = measure_everything(latents())
    row = int(findings.mistakes[0])
    (table,) = find_section(findings, "Most confident mistakes").blocks
    assert isinstance(table, Table)
    names = findings.class_names
    assert table.rows[0][:3] == (findings.ids[row], names[findings.labels[row]], names[findings.predictions[row]])
    assert len(table.rows) == 15


def test_every_label_of_a_score_leads_to_a_definition_on_the_page(latents, read_page):
    parsed = read_page(render_report_html(describe_latents(measure_everything(latents()), FIGURES)))
    anchors = {values["id"] for _, values in parsed.elements if "id" in values}
    links = [address for address in parsed.attributes("href") if address.startswith("#")]
    assert {link[1:] for link in links} <= anchors
    for key in (
        "accuracy",
        "class_recall",
        "class_f1",
        "readout",
        "transfer",
        "drift",
        "calibration",
        "silhouette",
        "cka",
    ):
        assert f"#define-{key}" in links
    outside = [address for address in parsed.attributes("href") if ":" in address]
    assert outside
    assert all(address.startswith("https://") for address in outside)


def test_answers_link_only_to_what_they_tell(latents):
    bare = find_section(latents(), "Conclusion").blocks
    assert [block.measures for block in bare] == [("accuracy", "chance_accuracy"), (), ("recall_",)]


def test_markdown_links_lead_to_its_own_definitions(latents):
    told = tell(measure_everything(latents()))
    assert "# Definitions" in told.splitlines()
    keys = set(re.findall(r"\]\(#define-([a-z_0-9]+)\)", told))
    assert keys
    assert all(f'<a id="define-{key}"></a>' in told for key in keys)


def test_hostile_names_are_escaped_in_every_section(latents, hostile, read_page):
    findings = measure_everything(latents(class_names=(*hostile, "x"), names=hostile))
    findings = replace(findings, dataset_names=(hostile[0], hostile[5]), shared_speakers=hostile)
    report = describe_latents(findings, FIGURES)
    parsed = read_page(render_report_html(report))
    assert not parsed.scripts
    assert not {tag for tag, _ in parsed.elements} & {"b", "iframe", "script"}
    assert not [name for _, values in parsed.elements for name in values if name.startswith("on")]
    markdown = read_page(
        MarkdownIt("commonmark", {"html": True}).enable("table").render(render_report_markdown(report))
    )
    assert not markdown.scripts
    assert not {tag for tag, _ in markdown.elements} & {"b", "script", "iframe"}
    assert all(not str(address).startswith("javascript") for address in markdown.attributes("href"))


@pytest.mark.parametrize("n", [1, 2, 3, 9])
def test_tiny_studies_are_told(latents, n):
    told, _, _ = tell(measure_everything(latents(n))).partition("# Definitions")
    assert not re.search(r"\b(None|nan|inf)\b(?! of)", told)


def test_many_layers_classes_and_datasets_are_told(latents):
    layers = tuple(f"encoder.{i}" for i in range(26))
    findings = measure_everything(latents(120, layers=layers))
    assert "<details><summary>52 rows</summary>" in render_report_html(describe_latents(findings, ()))


def test_missing_readouts_and_losses_say_why(latents):
    findings = measure_everything(latents())
    layers = [replace(layer, readouts=dict(map(lose, layer.readouts.items()))) for layer in findings.layers]
    told = tell(replace(findings, layers=tuple(layers)))
    assert "- Class: a single class was found." in told
    assert "*n/a* |" in told


def lose(entry):
    key, readout = entry
    score = replace(readout.score, value=None, low=None, high=None, reason="a single class was found")
    return key, replace(readout, score=score, null=None, p_value=None, chance=float("nan"))


def test_every_number_of_scores_json_has_a_definition(latents):
    findings = measure_everything(latents())
    maps = [(f"{method}_{layer.layer}", drawn) for layer in findings.layers for method, drawn in layer.maps.items()]
    scores = {**findings.scores, **score_everything(findings), **score_maps(maps)}
    assert len(scores) > 100
    assert not [name for name in scores if define(name) is None]
