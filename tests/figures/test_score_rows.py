"""Scores as dots in rows."""

import numpy as np
import pytest
from matplotlib.collections import LineCollection, PathCollection

from latentscape.figures.score_rows import (
    LONGEST_NAME,
    Dots,
    Header,
    draw_dots,
    dress_rows,
    fit_row_names,
    measure_header,
    measure_names,
    span_of,
    values_of,
)
from latentscape.figures.style import Style, new_figure, themed
from latentscape.measures.score import Score

from .pair_findings import NASTY
from .retrieval_values import make_score

MISSING = make_score("x", None)


def test_dots_without_a_value_or_an_interval_leave_their_place_empty():
    scores = [make_score("x", 0.5, half=0.1), None, MISSING, make_score("x", 0.2, half=None)]
    with themed(Style()):
        axes = new_figure(Style(), width=4, height=2).add_subplot()
        dress_rows(axes, 4, span=(0.0, 1.0), style=Style())
        draw_dots(axes, Dots(scores=scores, color="#000000", drop=0.25), Style())
    markers = [c.get_offsets().tolist() for c in axes.collections if isinstance(c, PathCollection)]
    assert markers == [[], [[0.5, 0.25], [0.2, 3.25]]]
    strokes = [c for c in axes.collections if isinstance(c, LineCollection)][-1]
    np.testing.assert_allclose(strokes.get_segments(), [[[0.4, 0.25], [0.6, 0.25]]])


def test_limits_hold_values_intervals_and_what_is_asked():
    low, high = span_of([make_score("x", 0.5, half=0.1), MISSING], also=[0.0])
    assert low < 0.0 < 0.6 < high < 0.7
    assert span_of([MISSING, None]) == (0.0, 1.0)
    low, high = span_of([make_score("x", 0.5, half=None)])
    assert low < 0.5 < high
    np.testing.assert_array_equal(values_of([None, MISSING, make_score("x", 0.5)]), [np.nan, np.nan, 0.5])


def test_an_infinite_end_does_not_stretch_the_axis():
    endless = Score(name="x", value=1.0, n=3, low=-np.inf, high=np.inf)
    low, high = span_of([endless, make_score("x", 2.0, half=0.5)])
    assert 0.5 < low < 1.0 and 2.5 < high < 3.0


def test_names_stay_different_and_narrow():
    names = fit_row_names([*NASTY, "", "x" * 9_999])
    assert len(set(names)) == len(names) and all(names)
    assert measure_names(names) <= LONGEST_NAME + 0.2
    assert measure_names([]) < measure_names(["a"]) < measure_names(["a"], ["a much longer line below it"])


@pytest.mark.parametrize(("width", "lines"), [(9.0, 1), (2.0, 3)])
def test_headers_are_as_high_as_their_longest_reading(width, lines):
    short, long = Header(heading="a", reading="b"), Header(heading="a", reading="many words that take some room " * 2)
    one = measure_header([(short, width)])
    assert measure_header([(short, width), (long, width)]) > one or lines == 1
