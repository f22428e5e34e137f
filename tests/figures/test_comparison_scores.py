"""Scores over the checkpoints."""

from dataclasses import replace

import numpy as np
import pytest

from latentscape.figures.comparison_curves import Curve, Plot, shade
from latentscape.figures.comparison_scores import draw_comparison_scores
from latentscape.figures.render import render_png
from latentscape.figures.style import Style
from tests.comparison_values import build_comparison, make_score

from .comparison_findings import BLOCKS, HARD, without_values
from .layer_values import assert_ticks_apart
from .pair_findings import all_words, assert_readable, contrast


@pytest.mark.parametrize("case", HARD)
@pytest.mark.slow
def test_every_text_is_on_the_paper_and_on_no_other(case):
    figure = draw_comparison_scores(HARD[case](), Style(dark=len(case) % 2 == 0))
    assert_readable(figure)
    assert_ticks_apart(figure)


def test_lines_go_through_the_values_and_the_recommended_one_is_marked():
    found = build_comparison()
    axes = draw_comparison_scores(found, Style()).axes[0]
    values = [answers.scores["accuracy"].value for answers in found.answers]
    np.testing.assert_allclose(axes.lines[0].get_ydata(), values)
    (band,) = axes.patches
    assert band.get_x() < found.choice.recommended < band.get_x() + band.get_width()
    low, high = axes.get_ylim()
    assert low < min(values) - 0.05 and high > max(values) + 0.05


def test_layers_have_a_line_each_and_of_many_some_with_the_main_one():
    found = build_comparison()
    figure = draw_comparison_scores(found, Style())
    assert [len(axes.lines) for axes in figure.axes] == [1, 1, 1, 4, 4, 4]
    many = replace(build_comparison(layers=(*BLOCKS, "logits")), main_layer=BLOCKS[7])
    words = all_words(draw_comparison_scores(many, Style()))
    assert "Of 26 layers 6 have lines." in words
    assert all(name in words for name in ("…layers.0", "…layers.7", "logits"))


def test_a_score_that_hardly_changes_does_not_look_as_if_it_did():
    found = build_comparison()
    answers = tuple(
        replace(each, scores={"accuracy": make_score("accuracy", 0.5 + 0.001 * i, half=0.002)})
        for i, each in enumerate(found.answers)
    )
    low, high = draw_comparison_scores(replace(found, answers=answers), Style()).axes[0].get_ylim()
    assert high - low >= 0.1


def test_what_was_measured_for_some_is_drawn_and_the_rest_is_said():
    found = build_comparison()
    lost = replace(found.answers[1], scores={**found.answers[1].scores, "accuracy": make_score("accuracy", None)})
    figure = draw_comparison_scores(replace(found, answers=(found.answers[0], lost, found.answers[2])), Style())
    assert np.isnan(figure.axes[0].lines[0].get_ydata()).tolist() == [False, True, False]
    assert "Accuracy: 1 of 3 not measured (too few)." in all_words(figure)


def test_the_title_says_what_to_take_and_whether_training_went_on_too_long():
    words = all_words(draw_comparison_scores(HARD["over-fitting"](), Style()))
    assert "not detectably better than best_model" in words
    assert "Trained too long: epoch_30 is detectably worse than epoch_5 in accuracy" in words
    usual = all_words(draw_comparison_scores(build_comparison(), Style()))
    assert "best_model has the best accuracy (77%)" in usual and "too long" not in usual


def test_none_without_any_score():
    found = without_values()
    answers = tuple(replace(each, scores={}) for each in found.answers)
    layers = tuple(
        replace(layer, drift=replace(layer.drift, geometry=({},) * 3)) for layer in found.layers
    )  # fmt: skip
    assert draw_comparison_scores(replace(found, answers=answers, layers=layers), Style()) is None


@pytest.mark.parametrize("dark", [False, True])
def test_colors_of_layers_can_be_seen_on_the_paper(dark):
    style = Style(dark=dark)
    assert min(contrast(color, style.theme.paper) for color in shade(6, style)) > 1.9
    assert len(set(shade(6, style))) == 6 and len(shade(1, style)) == 1


def test_a_plot_knows_which_way_is_better():
    scores = [None, make_score("log_loss", 0.1, better="lower")]
    assert Plot(title="", curves=[Curve(scores=scores, color="#000000")]).better == "lower"
    assert Plot(title="", curves=[Curve(scores=[None], color="#000000")]).better == "neither"


@pytest.mark.slow
def test_equal_findings_give_equal_bytes():
    first, second = (render_png(draw_comparison_scores(build_comparison(), Style()), dpi=40) for _ in range(2))
    assert first == second
