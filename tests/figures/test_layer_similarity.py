"""How alike the layers are."""

from dataclasses import replace

import numpy as np
import pytest

from latentscape.figures.layer_similarity import draw_layer_similarity
from latentscape.figures.render import render_png
from latentscape.figures.similarity_words import FALLBACK, say_similarity
from latentscape.figures.style import Style
from latentscape.measures.layer_similarity import LayerSimilarity

from .layer_values import add_layer_values, all_texts, assert_ticks_apart, make_score, make_similarity
from .test_layer_profile import HOSTILE, MANY


@pytest.fixture
def make(make_latents):
    def make(similarity, **choice):
        return replace(make_latents(n=20, methods=(), layers=("mlp",), **choice), layer_similarity=similarity)

    return make


def make_chain(*cka, half=0.03):
    """Layers a, b, c, ... whose neighbors in the model have these values; nothing else was compared."""
    names = tuple("abcdefgh"[: len(cka) + 1])
    scores = {(i, i + 1): make_score("cka", value, half=half) for i, value in enumerate(cka)}
    return LayerSimilarity(layers=names, cka=scores, overlap={})


@pytest.mark.parametrize(
    ("names", "dark"),
    [(("a", "b"), True), (tuple("abcdefghij"), False), (MANY, True), (HOSTILE, False), (("l" * 30,) * 3, False)],
)
@pytest.mark.slow
def test_every_text_is_on_the_paper_and_on_no_other(make, assert_tidy, names, dark):
    figure = draw_layer_similarity(make(make_similarity(names), stamps=("weights were missing",)), Style(dark=dark))
    assert_tidy(figure)
    assert_ticks_apart(figure)


def test_both_halves_show_the_value_and_the_diagonal_is_empty(make):
    similarity = make_similarity(("cnn", "encoder", "mlp"))
    figure = draw_layer_similarity(make(similarity), Style())
    for axes, scores in zip((figure.axes[0], figure.axes[2]), (similarity.cka, similarity.overlap), strict=True):
        matrix = np.ma.filled(axes.images[0].get_array(), np.nan)
        assert np.isnan(np.diag(matrix)).all()
        for (i, j), score in scores.items():
            assert matrix[i, j] == matrix[j, i] == score.value
        low, high = axes.images[0].get_clim()
        assert low <= np.nanmin(matrix) < np.nanmax(matrix) <= high
        texts = [text.get_text() for text in axes.texts]
        assert len(texts) == 12
    assert "0.70" in all_texts(figure) and "[0.67, 0.73]" in all_texts(figure)
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["cnn", "encoder", "mlp"]


def test_small_cells_show_colors_only_and_middle_ones_the_value(make):
    n_texts = {
        n: len(draw_layer_similarity(make(make_similarity(tuple(f"l{i}" for i in range(n)))), Style()).axes[0].texts)
        for n in (6, 10, 26)
    }
    assert n_texts == {6: 60, 10: 90, 26: 0}


def test_what_was_not_compared_is_a_dash_with_its_reason(make, assert_tidy):
    similarity = make_similarity(("a", "b", "c", "d"), missing=[(0, 1), (1, 2)])
    figure = draw_layer_similarity(make(similarity), Style())
    assert_tidy(figure)
    assert all_texts(figure).count("–") == 8
    assert "Neighbors in common: 2 of 6 pairs not measured (too few samples)." in all_texts(figure)


def test_without_any_value_the_panel_says_why(make, assert_tidy):
    similarity = make_similarity(("a", "b"), missing=[(0, 1)])
    figure = draw_layer_similarity(make(similarity), Style())
    assert_tidy(figure)
    assert all_texts(figure)[0] == FALLBACK
    assert all_texts(figure).count("too few samples") == 2


def test_none_without_pairs(make, make_latents):
    assert draw_layer_similarity(make(None), Style()) is None
    assert draw_layer_similarity(make(LayerSimilarity(layers=("a",), cka={}, overlap={})), Style()) is None
    assert draw_layer_similarity(add_layer_values(make_latents(n=20, methods=(), layers=("a",))), Style()) is None


def test_negative_values_have_a_color(make):
    figure = draw_layer_similarity(make(make_chain(-0.04, 0.5)), Style())
    assert figure.axes[0].images[0].get_clim() == pytest.approx((-0.1, 0.5))
    assert "−0.04" in all_texts(figure)


@pytest.mark.parametrize(
    ("similarity", "title"),
    [
        (make_chain(0.9, 0.4, 0.8), "The geometry changes most from b to c (CKA 0.40 [0.37, 0.43])"),
        (make_chain(0.9, 0.42, 0.4), "No step between layers stands out: lowest CKA 0.40 [0.37, 0.43], from c to d"),
        (make_chain(0.9, 0.4, half=0.3),
         "No step between layers stands out: lowest CKA 0.40 [0.10, 0.70], from b to c"),
        (make_chain(0.8, None), FALLBACK),
        (make_chain(0.8), "a and b: CKA 0.80 [0.77, 0.83]"),
        (make_similarity("ab"), "a and b: CKA 0.55 [0.52, 0.58], 0.35 [0.32, 0.38] of neighbors in common"),
        (make_chain(None, None), FALLBACK),
    ],
)  # fmt: skip
def test_title_names_a_step_only_when_it_stands_out(similarity, title):
    assert say_similarity(similarity) == title


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.slow
def test_equal_findings_give_equal_bytes(make, dark):
    first, second = (
        render_png(draw_layer_similarity(make(make_similarity("abc")), Style(dark=dark))) for _ in range(2)
    )
    assert first == second
