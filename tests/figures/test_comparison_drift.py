"""Which layers moved."""

from dataclasses import replace

import numpy as np
import pytest

from latentscape.figures.comparison_drift import draw_comparison_drift, say_drift
from latentscape.figures.render import render_png
from latentscape.figures.style import Style
from tests.comparison_values import build_comparison, make_score

from .comparison_findings import BLOCKS, HARD, without_values
from .layer_values import assert_ticks_apart
from .pair_findings import all_words, assert_readable


def set_cka(found, *values):
    """The same findings with these similarities of first and last checkpoint, a layer each."""
    ends = (0, len(found.checkpoints) - 1)
    layers = []
    for layer, value in zip(found.layers, values, strict=True):
        similarity = {**layer.drift.similarity, ends: make_score("cka", value)}
        layers.append(replace(layer, drift=replace(layer.drift, similarity=similarity)))
    return replace(found, layers=tuple(layers))


@pytest.mark.parametrize("case", HARD)
@pytest.mark.slow
def test_every_text_is_on_the_paper_and_on_no_other(case):
    figure = draw_comparison_drift(HARD[case](), Style(dark=len(case) % 2 == 0))
    assert_readable(figure)
    assert_ticks_apart(figure)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ((0.9, 0.8, 0.4, 0.7), "From epoch_1 to best_model mlp moved most (CKA 0.40 [0.35, 0.45])"),
        ((0.9, 0.45, 0.4, 0.7),
         "No layer stands out from epoch_1 to best_model: lowest CKA 0.40 [0.35, 0.45], mlp"),
        ((None, None, 0.4, None), "mlp of epoch_1 and best_model: CKA 0.40 [0.35, 0.45]"),
    ],
)  # fmt: skip
def test_the_title_names_a_layer_only_where_intervals_say_so(values, said):
    assert say_drift(set_cka(build_comparison(), *values)) == said


def test_without_values_the_title_claims_nothing():
    assert say_drift(without_values()) == "How far the layers moved from epoch_1 to best_model"
    assert "too few samples" in all_words(draw_comparison_drift(without_values(), Style()))


def test_lines_are_the_first_against_the_last_checkpoint():
    found = set_cka(build_comparison(), 0.9, None, 0.4, 0.7)
    axes = draw_comparison_drift(found, Style()).axes[0]
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), [0.9, np.nan, 0.4, 0.7])
    overlap = [layer.drift.overlap[0, 2].value for layer in found.layers]
    np.testing.assert_array_equal(axes.lines[1].get_ydata(), overlap)


def test_each_matrix_holds_all_pairs_on_one_scale():
    found = build_comparison()
    figure = draw_comparison_drift(found, Style())
    panels = [axes for axes in figure.axes if axes.images]
    assert len(panels) == 4 and {axes.images[0].get_clim() for axes in panels} == {(0.5, 1.0)}
    for axes, layer in zip(panels, found.layers, strict=True):
        matrix = np.ma.filled(axes.images[0].get_array(), np.nan)
        assert np.isnan(np.diag(matrix)).all()
        for (i, j), score in layer.drift.similarity.items():
            assert matrix[i, j] == matrix[j, i] == score.value


def test_two_checkpoints_need_no_matrix_and_of_many_layers_some_have_one():
    assert len(draw_comparison_drift(build_comparison(n_checkpoints=2), Style()).axes) == 1
    many = draw_comparison_drift(build_comparison(layers=(*BLOCKS, "logits")), Style())
    assert "Of 26 layers 8 have a matrix." in all_words(many)


def test_pairs_that_were_not_compared_are_said():
    words = all_words(draw_comparison_drift(set_cka(build_comparison(), 0.9, None, 0.4, 0.7), Style()))
    assert "1 of 12 comparisons not measured (too few)." in words and "–" in words


def test_stamps_are_on_it_and_without_layers_compared_there_is_none():
    found = build_comparison(stamps=("random weights",))
    assert "Warning: random weights" in all_words(draw_comparison_drift(found, Style()))
    empty = tuple(
        replace(layer, drift=replace(layer.drift, similarity={}, overlap={})) for layer in found.layers
    )  # fmt: skip
    assert draw_comparison_drift(replace(found, layers=empty), Style()) is None


@pytest.mark.slow
def test_equal_findings_give_equal_bytes():
    first, second = (render_png(draw_comparison_drift(build_comparison(), Style()), dpi=40) for _ in range(2))
    assert first == second
