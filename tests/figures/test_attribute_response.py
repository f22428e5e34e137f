"""Similarity against the difference in a number."""

from dataclasses import replace

import numpy as np
import pytest

from latentscape.figures.attribute_response import MOST_CURVES, draw_attribute_response
from latentscape.figures.render import render_png
from latentscape.figures.response_words import ANSWERS, SILENT, WRONG_WAY, judge, say_responses
from latentscape.figures.style import Style

from .pair_findings import NASTY, all_words, assert_readable, build_pairs
from .retrieval_values import make_curve

PRICE = make_curve()
AREA = make_curve("area", unit="m²", falls=0.04, tau=-0.02)
UNSURE = replace(PRICE, monotonicity=replace(PRICE.monotonicity, value=None, low=None, high=None, reason="all tied"))


@pytest.fixture(scope="module")
def plain_findings():
    return build_pairs(n=20, n_hard=2)


@pytest.fixture
def make(plain_findings):
    return lambda *curves, **fields: replace(plain_findings, responses=curves, **fields)


def spread(curve, factor):
    """The same curve with its last bin so many times as far."""
    difference = curve.difference.copy()
    difference[-1] *= factor
    return replace(curve, difference=difference)


@pytest.mark.parametrize(
    ("curves", "dark"),
    [
        ((make_curve(breaks=(6,), flat_from=2.5), AREA), True),
        ((PRICE,), False),
        ((make_curve(bins=1), make_curve(bins=2, falls=0.0), AREA), True),
        ((make_curve(NASTY[1], unit=NASTY[2]), make_curve(NASTY[0], unit=NASTY[0], flat_from=1.0)), False),
        (tuple(make_curve(f"number {i}", flat_from=1.0) for i in range(9)), True),
        ((spread(PRICE, 300.0), UNSURE), False),
    ],
)
@pytest.mark.slow
def test_every_text_is_on_the_paper_and_on_no_other(make, curves, dark):
    findings = make(*curves, unmeasured={"response of floor": NASTY[1], "places of floor": "not shown"})
    stamped = replace(findings, model=replace(findings.model, stamps=("weights were missing",)))
    figure = draw_attribute_response(stamped, Style(dark=dark))
    assert_readable(figure)
    assert "not shown\n" not in all_words(figure)


def test_the_curve_its_band_its_breaks_and_its_counts_are_drawn(make):
    curve = make_curve(breaks=(6,), flat_from=2.5)
    upper, lower = draw_attribute_response(make(curve), Style()).axes
    line, flat = upper.get_lines()
    np.testing.assert_array_equal(line.get_xdata(), curve.difference)
    np.testing.assert_array_equal(line.get_ydata(), curve.similarity)
    assert flat.get_xdata() == [2.5, 2.5]
    band, strokes, breaks = upper.collections
    edge = band.get_paths()[0].vertices[:, 1]
    assert (edge.min(), edge.max()) == (curve.low.min(), curve.high.max())
    assert [segment[:, 1].tolist() for segment in strokes.get_segments()] == np.c_[curve.low, curve.high].tolist()
    assert breaks.get_offsets().tolist() == [[curve.difference[6], curve.similarity[6]]]
    assert [segment[1][1] for segment in lower.collections[0].get_segments()] == curve.n.tolist()
    assert upper.get_xlim() == lower.get_xlim()
    assert lower.get_xlabel() == "difference in price (million)"


def test_a_flat_curve_fills_no_panel(make):
    upper = draw_attribute_response(make(make_curve(falls=0.0)), Style()).axes[0]
    assert np.ptp(upper.get_ylim()) >= 0.099


def test_a_band_that_says_nothing_leaves_the_curve_its_height(make):
    low, high = PRICE.low.copy(), PRICE.high.copy()
    low[-1], high[-1] = -1.0, 1.0
    figure = draw_attribute_response(make(replace(PRICE, low=low, high=high)), Style())
    bottom, top = figure.axes[0].get_ylim()
    assert 0.5 < bottom < PRICE.low[:-1].min() and PRICE.high[0] < top < 1.0
    said = "Where a band is as high as its panel, too few documents tell how sure the bin is."
    assert said in all_words(figure)
    assert said not in all_words(draw_attribute_response(make(PRICE), Style()))


def test_crowded_bins_are_pulled_apart_and_the_axis_says_so(make):
    figure = draw_attribute_response(make(spread(PRICE, 300.0)), Style())
    upper, lower = figure.axes
    shown = upper.transData.transform(np.c_[spread(PRICE, 300.0).difference, np.zeros(8)])[:, 0]
    assert (np.diff(shown) > 0).all()
    assert lower.get_xlabel() == "difference in price (million, square-root scale)"


@pytest.mark.slow
def test_what_could_not_be_measured_or_shown_is_said(make):
    curves = [make_curve(f"number {i}") for i in range(9)]
    words = all_words(draw_attribute_response(make(*curves, unmeasured={"response of floor": "2 floors"}), Style()))
    assert "Response of floor not measured: 2 floors." in words
    assert f"Of 9 numbers the first {MOST_CURVES} are shown; the title counts all." in words
    assert "number 5\n" in words and "number 6\n" not in words


def test_each_panel_says_on_how_much_it_rests(make):
    words = all_words(draw_attribute_response(make(PRICE), Style()))
    assert f"τ = −0.42 [−0.47, −0.37]; {PRICE.n.sum():,} pairs of 310 documents" in words


@pytest.mark.parametrize(("tau", "verdict"), [(-0.4, ANSWERS), (-0.02, SILENT), (0.3, WRONG_WAY)])
def test_a_verdict_needs_an_interval_beside_zero(tau, verdict):
    assert judge(make_curve(tau=tau)) == verdict
    assert judge(UNSURE) == ""


@pytest.mark.parametrize(
    ("curves", "title"),
    [
        ((PRICE,), "Similarity falls with the difference in price"),
        ((PRICE, AREA), "Similarity falls with the difference in price, is not shown to answer to area"),
        ((make_curve("floor", tau=0.2),), "Similarity rises with the difference in floor"),
        ((UNSURE,), "How similarity answers to numbers"),
        ((make_curve(breaks=(6,)), AREA),
         "Similarity falls with the difference in price, is not shown to answer to area\n"
         "Farther apart, yet more alike: price at a difference of 3.53 million"),
        ((make_curve(flat_from=2.5),),
         "Similarity falls with the difference in price\nNo further fall in price beyond 2.5 million"),
        # Where nothing falls, an end of the fall says nothing.
        ((make_curve("area", tau=0.0, flat_from=0.0),), "Similarity is not shown to answer to area"),
        (tuple(make_curve(name) for name in "abcde"), "Similarity falls with the difference in a, b, c and 2 more"),
    ],
)  # fmt: skip
def test_the_title_says_what_the_intervals_carry(curves, title):
    assert say_responses(curves) == title


def test_none_without_curves(make):
    assert draw_attribute_response(make(), Style()) is None
    assert draw_attribute_response(make(make_curve(bins=0)), Style()) is None


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.slow
def test_equal_findings_give_equal_bytes(make, dark):
    curve = make_curve(breaks=(6,), flat_from=2.5)
    first, second = (render_png(draw_attribute_response(make(curve), Style(dark=dark))) for _ in range(2))
    assert first == second
