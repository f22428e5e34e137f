import dataclasses

import numpy as np
import pytest
from matplotlib.colors import to_hex

from latentscape.figures.calibration import draw_calibration, say_calibration
from latentscape.figures.render import render_png
from latentscape.figures.style import Style
from latentscape.measures.calibration import Calibration
from latentscape.measures.score import Score

from .class_values import make_calibration


@pytest.fixture
def make_findings(make_latents):
    base = make_latents(n=20, layers=(), stamps=("weights were missing",))
    return lambda calibration: dataclasses.replace(base, calibration=calibration)


def gap(value, low=None, high=None, reason=""):
    return Score(
        name="overconfidence", value=value, n=10, low=low, high=high, better="neither", bounds=(-1, 1), reason=reason
    )


def one_bin(says, right, scores):
    return Calibration(
        edges=np.array([0.0, 0.5, 1.0]), counts=np.array([0, 10]), confidence=np.array([np.nan, says]),
        accuracy=np.array([np.nan, right]), low=np.array([np.nan, right - 0.1]), high=np.array([np.nan, right + 0.1]),
        scores=scores,
    )  # fmt: skip


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize(
    "choice",
    [{}, {"n": 1}, {"n": 2, "over": -0.2}, {"n": 3000, "over": 0.0}, {"n_bins": 1}, {"n": 500, "lowest": 0.01}],
    ids=["usual", "one sample", "two samples", "calibrated", "one bin", "many classes"],
)
@pytest.mark.slow
def test_every_text_is_on_the_paper_and_on_no_other(make_findings, assert_tidy, choice, dark):
    assert_tidy(draw_calibration(make_findings(make_calibration(**choice)), Style(dark=dark)))


@pytest.mark.parametrize(
    ("says", "right", "score", "sentence"),
    [
        (0.81, 0.62, (0.19, 0.14, 0.24), "Says 81%, is right 62%: overconfident by 19 points [14, 24]"),
        (0.61, 0.62, (-0.01, -0.02, -0.005), "Says 61.0%, is right 62.0%: underconfident by 1.0 points [0.5, 2.0]"),
        (0.5, 0.62, (-0.12, -0.15, -0.07), "Says 50%, is right 62%: underconfident by 12 points [7, 15]"),
        (
            0.64,
            0.62,
            (0.02, -0.01, 0.05),
            "Says 64%, is right 62%: not detectably over- or underconfident, gap [−1, 5] points",
        ),
        (0.9, 0.0, (0.9,), "Says 90%, is right 0%: no interval tells whether that is more than chance"),
        (0.814, 0.616, (0.198, 0.15, 0.25), "Says 81.4%, is right 61.6%: overconfident by 19.8 points [15.0, 25.0]"),
    ],
)
def test_the_title_says_what_the_interval_carries(says, right, score, sentence):
    assert say_calibration(one_bin(says, right, {"overconfidence": gap(*score)})) == sentence


def test_what_can_not_be_judged_says_why(make_findings, assert_tidy):
    calibration = one_bin(0.8, 0.6, {"overconfidence": gap(None, reason="too few samples")})
    assert say_calibration(calibration) == "Calibration can't be judged: too few samples"
    assert say_calibration(one_bin(0.8, 0.6, {})) == "Calibration can't be judged"
    assert_tidy(draw_calibration(make_findings(calibration), Style()))


def test_the_curve_is_accuracy_at_the_mean_confidence(make_findings):
    calibration = make_calibration()
    curve, bars = draw_calibration(make_findings(calibration), Style()).axes
    filled = calibration.counts > 0
    assert np.array_equal(curve.lines[1].get_xdata(), calibration.confidence[filled])
    assert np.array_equal(curve.lines[1].get_ydata(), calibration.accuracy[filled])
    ends = np.array([line[:, 1] for line in curve.collections[0].get_segments()])
    assert np.array_equal(ends, np.stack([calibration.low, calibration.high], axis=1)[filled])
    heights = np.array([bar.get_height() for bar in bars.patches]).reshape(2, -1)
    assert np.array_equal(heights.sum(axis=0), calibration.counts)
    assert np.allclose(heights[0][filled], (calibration.accuracy * calibration.counts)[filled])


def test_a_gap_is_pale_and_its_dot_hollow_where_chance_may_have_made_it(make_findings):
    sure, unsure = one_bin(0.9, 0.6, {"overconfidence": gap(0.3)}), one_bin(0.5, 0.58, {"overconfidence": gap(-0.08)})
    theme = Style().theme
    for calibration, color, face in ((sure, theme.wrong, theme.ink), (unsure, theme.right, theme.paper)):
        curve = draw_calibration(make_findings(calibration), Style()).axes[0]
        shade = curve.patches[0]
        assert to_hex(shade.get_facecolor()) == color
        assert (shade.get_alpha() > 0.2) == (calibration is sure)
        drawn = [c for c in curve.collections[1:] if len(c.get_offsets())]
        assert [to_hex(c.get_facecolor()[0]) for c in drawn] == [face]


def test_without_a_calibration_there_is_no_picture(make_findings):
    assert draw_calibration(make_findings(None), Style()) is None
    assert draw_calibration(make_findings(make_calibration(n=0)), Style()) is None


@pytest.mark.slow
def test_equal_findings_give_equal_bytes(make_findings):
    first, second = (render_png(draw_calibration(make_findings(make_calibration()), Style()), dpi=60) for _ in "ab")
    assert first == second


def test_wrong_ones_are_told_from_right_ones_without_color(make_findings):
    figure = draw_calibration(make_findings(make_calibration()), Style())
    right, wrong = figure.axes[1].containers
    assert {bar.get_hatch() for bar in right} == {None}
    assert {bool(bar.get_hatch()) for bar in wrong} == {True}
    assert "wrong (striped)" in {text.get_text() for text in figure.axes[1].texts}
