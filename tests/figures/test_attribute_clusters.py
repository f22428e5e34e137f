"""Whether documents that share an attribute lie together."""

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.collections import PathCollection

from latentscape.figures.attribute_clusters import MOST_ATTRIBUTES, MOST_VALUES, RISE, draw_attribute_clusters
from latentscape.figures.place_words import choose_detail, say_places
from latentscape.figures.render import render_png
from latentscape.figures.style import Style

from .pair_findings import NASTY, all_words, assert_readable, build_pairs
from .retrieval_values import make_places

YES_NO = ("no", "yes")
CHANCE = make_places("balcony", purity=0.53, chance=0.51, p=0.4, values=YES_NO)
SURE = make_places("wc", purity=0.71, chance=0.55, p=0.003, values=YES_NO)
MANY = make_places("ward", values=[f"Phường {i}" for i in range(70)], n=4000)
UNMEASURED = replace(make_places("heating", purity=None, values=()), map_purity={})


@pytest.fixture(scope="module")
def plain_findings():
    return build_pairs(n=20, n_hard=2)


@pytest.fixture
def make(plain_findings):
    return lambda *places: replace(plain_findings, places=places)


def dots_of(axes):
    return [c.get_offsets().tolist() for c in axes.collections if isinstance(c, PathCollection)]


@pytest.mark.parametrize(
    ("places", "dark"),
    [
        ((make_places(geography=0.6), CHANCE, SURE), True),
        ((CHANCE,), False),
        ((MANY,), True),
        ((UNMEASURED,), False),
        ((make_places(NASTY[1], values=NASTY), UNMEASURED, make_places(NASTY[0], values=NASTY[:1])), True),
        (tuple(make_places(f"thing {i}", values=YES_NO, purity=0.5 + 0.01 * i) for i in range(30)), False),
        ((make_places(purity=1.0, chance=1.0, maps={}, values=("x",)),), True),
        ((make_places(maps=dict.fromkeys(("tsne", "umap", "pca"), 0.0)), replace(MANY, distances=None, order=None)),
         False),
    ],
)  # fmt: skip
@pytest.mark.slow
def test_every_text_is_on_the_paper_and_on_no_other(make, places, dark):
    findings = make(*places)
    stamped = replace(findings, model=replace(findings.model, stamps=("weights were missing",)))
    assert_readable(draw_attribute_clusters(stamped, Style(dark=dark)))


def test_attributes_are_sorted_by_how_far_they_are_above_chance(make):
    figure = draw_attribute_clusters(make(CHANCE, SURE, make_places()), Style())
    overview = figure.axes[0]
    *_, hollow, filled = dots_of(overview)
    assert filled == [[0.62, pytest.approx(RISE)], [0.71, pytest.approx(1 + RISE)]]
    assert hollow == [[0.53, pytest.approx(2 + RISE)]]
    tsne = dots_of(overview)[1]
    assert [x for x, _ in tsne] == pytest.approx([0.55] * 3)
    words = all_words(figure)
    assert "n = 450 · p ≤ 0.001 · silhouette 0.11" in words and "p = 0.400" in words
    chance = overview.collections[1].get_segments()
    assert [segment[0][0] for segment in chance] == pytest.approx([0.12, 0.55, 0.51])


def test_values_and_distances_stand_in_leaf_order_without_each_ones_own(make):
    places = make_places()
    figure = draw_attribute_clusters(make(places), Style())
    purity, matrix = figure.axes[1], figure.axes[2]
    expected = [places.values[i] for i in places.order]
    assert [x for x, _ in dots_of(purity)[1]] == pytest.approx([value.purity.value for value in expected])
    shown = np.ma.filled(matrix.images[0].get_array(), np.nan)
    assert np.isnan(np.diag(shown)).all()
    off = ~np.eye(len(shown), dtype=bool)
    np.testing.assert_allclose(shown[off], places.distances[np.ix_(places.order, places.order)][off])
    assert [label.get_text() for label in matrix.get_xticklabels()] == [value.value for value in expected]
    assert f"{expected[0].value} ({expected[0].n})" in all_words(figure)


def test_of_many_values_the_most_frequent_are_shown(make):
    figure = draw_attribute_clusters(make(MANY), Style())
    assert len(dots_of(figure.axes[1])[1]) == MOST_VALUES
    assert figure.axes[2].images[0].get_array().shape == (MOST_VALUES, MOST_VALUES)
    assert f"Of 70 values of ward the {MOST_VALUES} most frequent are shown." in all_words(figure)
    assert "Phường 29 (" in all_words(figure) and "Phường 30 (" not in all_words(figure)


def test_of_many_attributes_the_clearest_are_shown(make):
    places = [make_places(f"thing {i}", values=YES_NO, purity=0.5 + 0.01 * i) for i in range(30)]
    words = all_words(draw_attribute_clusters(make(*places), Style()))
    assert "thing 29" in words and f"thing {29 - MOST_ATTRIBUTES}\n" not in words
    assert f"Of 30 attributes the {MOST_ATTRIBUTES} farthest above chance are shown." in words


def test_two_values_have_no_matrix(make):
    figure = draw_attribute_clusters(make(SURE), Style())
    assert len(figure.axes) == 2 and "Between centers" not in all_words(figure)


def test_what_was_not_measured_is_said(make):
    words = all_words(draw_attribute_clusters(make(make_places(), UNMEASURED), Style()))
    assert "heating not measured: too few pairs." in words


def test_the_detail_is_of_the_attribute_with_several_values_that_shows_most():
    weak, strong = make_places("street", purity=0.2), make_places("district", purity=0.6)
    assert choose_detail([weak, SURE, strong]) is strong
    assert choose_detail([CHANCE, SURE]) is SURE
    assert choose_detail([UNMEASURED]) is None


@pytest.mark.parametrize(
    ("places", "title"),
    [
        ((make_places(),),
         "Documents of one district lie together: 62% [59%, 65%] of their neighbors share it, 12% by chance"),
        ((CHANCE,), "Documents of one balcony are not shown to lie together: "
                    "53% [50%, 56%] of their neighbors share it, 51% by chance"),
        ((CHANCE, replace(SURE, p_value=0.03)), "No attribute is shown to bring documents together"),
        ((make_places(), CHANCE, SURE), "2 of 3 attributes bring their documents together beyond chance"),
        ((make_places(geography=0.58),), "What is near on the ground is near in the embeddings (ρ = 0.58, p = 0.002)"),
        ((replace(make_places(geography=0.1), geography_p=0.3),),
         "No detectable link of center distances and those on the ground (ρ = 0.10, p = 0.300)"),
        ((make_places(geography=-0.6),),
         "No detectable link of center distances and those on the ground (ρ = −0.60, p = 0.002)"),
        ((UNMEASURED,), "Documents of one heating are not shown to lie together: too few pairs"),
        ((make_places(purity=0.05),), "Documents of one district are not shown to lie together: "
                                      "5% [2%, 8%] of their neighbors share it, 12% by chance"),
    ],
)  # fmt: skip
def test_the_title_says_what_the_tests_carry(places, title):
    assert title in say_places(places).splitlines()


def test_none_without_places(make):
    assert draw_attribute_clusters(make(), Style()) is None


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.slow
def test_equal_findings_give_equal_bytes(make, dark):
    first, second = (render_png(draw_attribute_clusters(make(make_places()), Style(dark=dark))) for _ in range(2))
    assert first == second
