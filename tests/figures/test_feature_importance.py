"""What each kind of mistake costs."""

from dataclasses import replace

import pytest
from matplotlib.collections import PathCollection

from latentscape.figures.feature_importance import APART, MOST_TYPES, draw_feature_importance
from latentscape.figures.importance_words import say_agreement, say_importance
from latentscape.figures.render import render_png
from latentscape.figures.style import Style

from .pair_findings import NASTY, all_words, assert_readable, build_pairs
from .retrieval_values import make_effect, make_importance

UNDECLARED = make_importance([make_effect("price", 0.2), make_effect("area", 0.1), make_effect("floor", 0.02)])
UNMEASURED = make_importance(
    [make_effect("price", 0.2, declared=1.0, acts_like=1.0), make_effect("area", None, violations=None, declared=0.5)],
    agreement=None,
)


@pytest.fixture(scope="module")
def plain_findings():
    return build_pairs(n=20, n_hard=2)


@pytest.fixture
def make(plain_findings):
    return lambda importance: replace(plain_findings, importance=importance)


def dots_of(axes):
    """Offsets of the markers, row by row."""
    drawn = [c for c in axes.collections if isinstance(c, PathCollection)]
    return [collection.get_offsets().tolist() for collection in drawn]


@pytest.mark.parametrize(
    ("importance", "dark"),
    [
        (make_importance(), True),
        (UNDECLARED, False),
        (UNMEASURED, True),
        (make_importance([make_effect(name, 0.1, declared=0.5, acts_like=0.1) for name in NASTY]), False),
        (make_importance([make_effect(f"type {i}", 0.3 - 0.004 * i, n=i) for i in range(60)]), True),
        (make_importance([make_effect("giá", -0.2, violations=1.0, n=1, n_alone=1)]), False),
        (make_importance([make_effect("giá", 0.0, violations=0.0, half=0.0, declared=0.0, acts_like=0.0)]), True),
        (make_importance([make_effect("giá", None, violations=None)]), False),
    ],
)
@pytest.mark.slow
def test_every_text_is_on_the_paper_and_on_no_other(make, importance, dark):
    findings = make(importance)
    stamped = replace(findings, model=replace(findings.model, stamps=("weights were missing",)))
    assert_readable(draw_feature_importance(stamped, Style(dark=dark)))


def test_dots_lie_at_effects_differences_violations_and_weights(make):
    effects = make_importance().effects
    costs, violations, weights = draw_feature_importance(make(make_importance()), Style()).axes
    _, alone, hollow, filled = dots_of(costs)
    assert alone == [[pytest.approx(e.difference.value), pytest.approx(i + APART)] for i, e in enumerate(effects)]
    assert filled == [[pytest.approx(e.effect.value), pytest.approx(i - APART)] for i, e in enumerate(effects[:4])]
    assert hollow == [[pytest.approx(0.01), pytest.approx(4 - APART)]]
    assert dots_of(violations)[1] == [[pytest.approx(e.violations.value), i] for i, e in enumerate(effects)]
    agreeing, apart = dots_of(weights)
    assert apart == [[pytest.approx(0.3), 3]] and len(agreeing) == 4
    words = all_words(draw_feature_importance(make(make_importance()), Style()))
    assert "n = 120, alone 80" in words and "n = 22, alone 9" in words


def test_without_declared_weights_their_panel_is_left_out(make):
    figure = draw_feature_importance(make(UNDECLARED), Style())
    assert len(figure.axes) == 2 and "declared" not in all_words(figure).replace("as the data declare it", "")


def test_an_undeclared_type_shows_what_it_acts_like(make):
    effects = [
        make_effect("price", 0.2, declared=1.0, acts_like=1.0),
        make_effect("pets", 0.1, declared=0.5, acts_like=0.5),
    ]
    undeclared = replace(effects[1], declared=None)
    weights = draw_feature_importance(make(make_importance([effects[0], undeclared])), Style()).axes[2]
    assert dots_of(weights)[0] == [[1.0, 0.0], [0.5, 1.0]]


def test_what_was_not_measured_is_said(make):
    words = all_words(draw_feature_importance(make(UNMEASURED), Style()))
    assert "Effect of area not measured: too few pairs." in words
    assert "Violations of area not measured: too few pairs." in words


def test_of_many_types_the_most_frequent_are_shown_in_their_order(make):
    effects = [make_effect(f"type {i}", 0.3 - 0.004 * i, n=100 + i) for i in range(60)]
    figure = draw_feature_importance(make(make_importance(effects)), Style())
    words = all_words(figure)
    assert "type 40\n" in words and "type 59\n" in words and "type 39\n" not in words
    assert f"Of 60 types the {MOST_TYPES} most frequent are shown; the title counts all." in words
    assert dots_of(figure.axes[0])[3][0][0] == pytest.approx(0.3 - 0.004 * 40)


@pytest.mark.parametrize(
    ("importance", "title"),
    [
        (make_importance(), "amenity is declared 1.0 and acts like 0.3\nNot shown to cost anything: floor"),
        (UNDECLARED,
         "A wrong price costs most: 0.20 [0.17, 0.23] of cosine similarity\nNot shown to cost anything: floor"),
        (make_importance([make_effect("price", 0.04, half=0.01), make_effect("area", 0.035, half=0.01)]),
         "No type of mistake clearly costs most; highest: price, 0.040 [0.030, 0.050] of cosine similarity"),
        (make_importance([make_effect("price", 0.01), make_effect("area", -0.01)]),
         "No type of mistake is shown to cost any similarity"),
        (make_importance([make_effect("price", 0.2), make_effect("area", 0.0), make_effect("floor", -0.1)]),
         "A wrong price costs most: 0.20 [0.17, 0.23] of cosine similarity\n"
         "Closer with the mistake than without: floor; not shown to cost anything: area"),
        (make_importance([make_effect("price", -0.2)]),
         "No type of mistake is shown to cost any similarity\nCloser with the mistake than without: price"),
        (make_importance([make_effect("price", None)]), "What a wrong detail costs"),
        (make_importance([make_effect("price", 0.2, declared=1.0, acts_like=1.5),
                          make_effect("area", 0.1, declared=0.5, acts_like=0.05)]),
         "price is declared 1.0 and acts like 1.5; 1 more type disagrees"),
        (make_importance([make_effect("price", 0.2, declared=1.0, acts_like=1.1)]),
         "A wrong price costs most: 0.20 [0.17, 0.23] of cosine similarity"),
    ],
)  # fmt: skip
def test_the_title_names_only_what_the_intervals_carry(importance, title):
    assert say_importance(importance) == title


def test_agreement_is_said_where_weights_are_declared():
    assert say_agreement(UNDECLARED) == ""
    said = "Declared against measured order: ρ = 0.30 over 5 types, 95% interval [−0.10, 0.70]."
    assert say_agreement(make_importance()) == said
    assert say_agreement(UNMEASURED) == "Declared and measured order not compared: fewer than 3 declared types."


def test_none_without_types(make):
    assert draw_feature_importance(make(None), Style()) is None
    assert draw_feature_importance(make(replace(make_importance(), effects=())), Style()) is None


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.slow
def test_equal_findings_give_equal_bytes(make, dark):
    first, second = (render_png(draw_feature_importance(make(make_importance()), Style(dark=dark))) for _ in range(2))
    assert first == second
