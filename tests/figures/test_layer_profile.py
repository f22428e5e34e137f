"""What can be read from each layer, and its shape."""

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.colors import to_rgba
from matplotlib.patches import StepPatch

from latentscape.figures.geometry_panel import TITLES
from latentscape.figures.headline import measure_text, text_font
from latentscape.figures.layer_axis import LONGEST_NAME, fit_layer_names, plan_layer_axis, stack_labels
from latentscape.figures.layer_profile import draw_layer_profile
from latentscape.figures.profile_words import FALLBACK, is_read, say_best, say_profile
from latentscape.figures.render import render_png
from latentscape.figures.style import LIGHT, Style

from .layer_values import (
    add_layer_values,
    all_texts,
    assert_ticks_apart,
    make_readout,
    make_score,
    set_everywhere,
    set_readouts,
)

MANY = ("cnn", *(f"wav2vec2.encoder.layers.{i}" for i in range(24)), "mlp")
HOSTILE = ("bộ mã hóa âm thanh.khối.1.tầng chú ý", "bộ mã hóa âm thanh.khối.2.tầng chú ý", "x" * 150, "$x_$ {")


@pytest.fixture
def make(make_latents):
    def make(**choice):
        return add_layer_values(make_latents(**({"n": 40, "methods": (), "layers": tuple("abcd")} | choice)))

    return make


def lose_layer(findings, i=1):
    """Nothing could be measured in layer i."""
    layers = list(findings.layers)
    reason = "only 3 samples have a speaker, and a sentence that goes on for long"
    readouts = {
        key: replace(make_readout(None, target=key[0], reader=key[1]), score=make_score("-", None, reason=reason))
        for key in layers[i].readouts
    }
    geometry = {name: make_score(name, None, reason=reason) for name in layers[i].geometry}
    layers[i] = replace(layers[i], readouts=readouts, geometry=geometry)
    return replace(findings, layers=tuple(layers))


def read_class(findings, *values, **rest):
    return set_readouts(findings, "class", [make_readout(value, **rest) for value in values])


def only(findings, target, *readouts):
    """Nothing but this target, read by the linear reader."""
    return set_readouts(set_everywhere(findings, readouts={}), target, readouts)


@pytest.mark.parametrize(
    ("choice", "dark"),
    [
        ({}, True), ({"layers": ("mlp",)}, False), ({"layers": MANY}, False), ({"layers": HOSTILE}, True),
        ({"dataset_names": ("ravdess",), "stamps": ("weights were missing " * 20,)}, False),
    ],
    ids=["four", "one", "26", "hostile", "one dataset"],
)  # fmt: skip
@pytest.mark.slow
def test_every_text_is_on_the_paper_and_on_no_other(make, assert_tidy, choice, dark):
    figure = draw_layer_profile(make(**choice), Style(dark=dark))
    assert_tidy(figure)
    assert_ticks_apart(figure)


def test_a_layer_that_could_not_be_measured_leaves_a_gap_and_its_reason(make, assert_tidy):
    figure = draw_layer_profile(lose_layer(make()), Style())
    assert_tidy(figure)
    line = figure.axes[0].lines[0].get_ydata()
    assert np.isnan(line).tolist() == [False, True, False, False]
    assert any(text.startswith("2 of 8 readings missing: only 3 samples") for text in all_texts(figure))


def test_nothing_measured_says_why_in_every_panel(make, assert_tidy):
    findings = make(layers=("mlp",))
    figure = draw_layer_profile(lose_layer(findings, 0), Style())
    assert_tidy(figure)
    assert all_texts(figure)[0] == FALLBACK
    assert [axes.texts[0].get_text().startswith("only 3 samples") for axes in figure.axes] == [True] * 9
    assert draw_layer_profile(set_everywhere(findings, readouts={}, geometry={}), Style()) is None


def test_without_one_half_the_other_is_drawn(make, assert_tidy):
    findings = make()
    for fields, n in (({"readouts": {}}, 6), ({"geometry": {}}, 3)):
        figure = draw_layer_profile(set_everywhere(findings, **fields), Style())
        assert_tidy(figure)
        assert len(figure.axes) == n


def test_values_intervals_chance_and_null_are_where_they_were_measured(make):
    axes = draw_layer_profile(read_class(make(layers=("cnn", "mlp")), 0.3, 0.5), Style()).axes[0]
    assert axes.lines[0].get_ydata() == pytest.approx([0.3, 0.5])
    ends = [segment[:, 1] for segment in axes.findobj(LineCollection)[0].get_segments()]
    assert np.allclose(ends, [[0.27, 0.33], [0.47, 0.53]])
    band, chance = axes.findobj(StepPatch)
    assert np.allclose(band.get_data().values, 0.19) and np.allclose(band.get_data().baseline, 0.11)
    assert np.allclose(chance.get_data().values, 0.15)
    assert axes.get_ylim() == pytest.approx((-0.03, 1.03))


def test_the_band_holds_the_null_of_both_readers(make):
    findings = read_class(make(layers=("mlp",)), 0.5, null=(0.1, 0.2))
    findings = set_readouts(findings, "class", [make_readout(0.5, reader="knn", null=(0.05, 0.15))], reader="knn")
    band = draw_layer_profile(findings, Style()).axes[0].findobj(StepPatch)[0].get_data()
    assert (band.baseline.item(), band.values.item()) == (0.05, 0.2)


def test_markers_are_hollow_where_folds_share_speakers(make):
    findings = make(layers=("cnn", "mlp"))
    shared = [make_readout(0.9, target="dataset", grouped=grouped) for grouped in (True, False)]
    figure = draw_layer_profile(set_readouts(findings, "dataset", shared), Style())
    dots = [dot for dot in figure.axes[1].findobj(PathCollection) if len(dot.get_offsets())]
    paper = to_rgba(LIGHT.paper)
    hollow = {round(float(x)) for dot in dots if tuple(dot.get_facecolor()[0]) == paper for x, _ in dot.get_offsets()}
    assert hollow == {1}
    texts = " ".join(all_texts(figure))
    assert "Hollow: folds share speakers." in texts and "Hollow: voices" in texts
    # The speaker can only be read from speakers that were heard before: nothing to warn of.
    assert "Hollow" not in " ".join(all_texts(draw_layer_profile(findings, Style())))


def test_a_note_stands_below_its_panel_once(make, assert_tidy):
    note = "a dataset has a single speaker: voice and dataset can't be told apart"
    shared = [make_readout(0.9, target="dataset", grouped=False, note=note) for _ in "abcd"]
    figure = draw_layer_profile(set_readouts(make(), "dataset", shared), Style())
    assert_tidy(figure)
    assert " ".join(all_texts(figure)).count("A dataset has a single speaker") == 1


def test_title_names_the_best_layer_and_the_leak(make):
    findings = read_class(make(layers=("cnn", "mlp")), 0.3, 0.52)
    values = [make_readout(value, target="dataset", chance=0.51) for value in (0.97, 0.81)]
    findings = set_readouts(findings, "dataset", values)
    assert say_profile(findings.layers) == (
        "The class is read best in mlp (52%, chance 15%); "
        "the dataset is readable in both layers, 97% in cnn, still 81% in mlp (chance 51%)"
    )


@pytest.mark.parametrize(
    ("readouts", "title"),
    [
        ([0.50, 0.52, 0.2], "The class is read best in b (52%, chance 15%), not clearly better than in a"),
        (
            [0.50, 0.52, 0.51],
            "The class is read best in b (52%, chance 15%), not clearly better than in any other layer",
        ),
        ([0.17, 0.16, 0.2], "The class is not reliably read beyond chance in any layer"),
        ([None, 0.5, None], "The class is read from b (50%, chance 15%)"),
        ([None, None, None], FALLBACK),
    ],
)  # fmt: skip
def test_title_claims_only_what_the_intervals_carry(make, readouts, title):
    findings = make(layers=tuple("abc"))
    assert say_profile(only(findings, "class", *map(make_readout, readouts)).layers) == title


@pytest.mark.parametrize(
    ("values", "title"),
    [
        ([0.9, 0.8, 0.7], "The dataset is readable in every layer, 90% in a, still 70% in c (chance 50%)"),
        ([0.7, 0.8, 0.9], "The dataset is readable in every layer, 70% in a, 90% in c (chance 50%)"),
        ([0.9, 0.5, 0.7], "The dataset is readable in 2 of 3 layers, most in a (90%, chance 50%)"),
        ([0.5, 0.5, 0.7], "The dataset is readable in c (70%, chance 50%)"),
        ([0.5, 0.5, 0.5], "The dataset is not reliably read beyond chance in any layer"),
    ],
)
def test_title_says_where_the_dataset_leaks(make, values, title):
    readouts = [make_readout(value, target="dataset", chance=0.5) for value in values]
    assert say_profile(only(make(layers=tuple("abc")), "dataset", *readouts).layers) == title
    voices = [replace(readout, grouped=False) for readout in readouts]
    told = say_profile(only(make(layers=tuple("abc")), "dataset", *voices).layers)
    assert told == title.replace("The dataset", "The dataset (or its voices)")


def test_with_one_dataset_the_speaker_is_the_leak(make):
    assert "the speaker is readable in every layer" in say_profile(make(dataset_names=("ravdess",)).layers)


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({}, True),
        ({"null": (0.1, 0.48)}, False),
        ({"chance": 0.48, "null": (0.1, 0.2)}, False),
        ({"p": 0.06}, False),
        ({"null": None, "p": None}, False),
        ({"p": None}, False),
        ({"half": 0.4}, False),
    ],
)
def test_a_target_is_read_when_the_whole_interval_beats_null_and_chance(changes, wanted):
    assert is_read(make_readout(0.5, **changes)) is wanted


def test_what_could_not_be_tested_is_not_denied(make):
    findings = only(make(layers=("mlp",)), "class", make_readout(0.9, null=None, p=None))
    assert say_profile(findings.layers) == "Whether the class can be read beyond chance could not be tested"
    assert say_best(findings.layers, "class")[0] == "Too few speakers to tell it from chance"
    figure = draw_layer_profile(findings, Style())
    assert figure.axes[0].findobj(StepPatch)[0].get_data().values.size == 1


def test_geometry_says_which_way_is_better(make):
    texts = all_texts(draw_layer_profile(make(), Style()))
    for name in TITLES.values():
        assert name in texts
    assert texts.count("↑ better") == 1 and texts.count("↓ better") == 2


def test_a_measure_that_hardly_changes_looks_flat_and_a_wide_one_is_logarithmic(make):
    findings = make(layers=("cnn", "mlp"))
    layers = [
        replace(
            layer,
            geometry={"hubness": make_score("h", flat, half=1e-4), "within_between": make_score("w", wide, half=0)},
        )
        for layer, flat, wide in zip(findings.layers, (2.000, 2.001), (0.5, 5e6), strict=True)
    ]
    wide, flat = draw_layer_profile(replace(findings, layers=tuple(layers)), Style()).axes[3:]
    assert np.ptp(flat.get_ylim()) > 0.1 and flat.get_yscale() == "linear"
    assert wide.get_yscale() == "log"


@pytest.mark.parametrize("value", [0.0, -3.0, 1e-300, 1e12])
def test_any_value_has_a_scale(make, assert_tidy, value):
    scores = {"hubness": make_score("hubness", value, half=0.0), "new_measure": make_score("n", value, half=abs(value))}
    figure = draw_layer_profile(set_everywhere(make(), geometry=scores), Style())
    assert_tidy(figure)
    assert_ticks_apart(figure)
    assert "new measure" in all_texts(figure)


def test_layer_names_are_cut_at_dots_alike_and_stay_different():
    font = text_font(7.5)
    names = fit_layer_names(MANY, font, width=LONGEST_NAME)
    assert names[0] == "cnn" and names[1] == "…layers.0" and names[24] == "…layers.23"
    alike = fit_layer_names(["x" * 100 + "a" * 60, "y" * 100 + "a" * 60], font, width=LONGEST_NAME)
    assert len(set(alike)) == 2
    assert all(measure_text(name, font)[0] <= LONGEST_NAME for name in [*names, *alike])


def test_more_layers_than_there_is_room_for_are_named_in_steps():
    assert plan_layer_axis(MANY).step == 1
    assert plan_layer_axis([f"layer {i}" for i in range(80)]).step == 3
    assert not plan_layer_axis(("cnn", "mlp")).upright


def test_labels_are_pushed_apart_within_their_panel():
    tops = [0.5, 0.52, 0.1, 1.98, 2.0]
    places = stack_labels(tops, height=0.15, lowest=2.0)
    assert np.diff(np.sort(places)).min() >= 0.15 - 1e-9
    assert max(places) <= 2.0 and places[2] == 0.1
    assert np.argsort(places).tolist() == np.argsort(tops).tolist()


@pytest.mark.slow
def test_equal_findings_give_equal_bytes(make):
    first, second = (render_png(draw_layer_profile(make(layers=("mlp",)), Style())) for _ in range(2))
    assert first == second
