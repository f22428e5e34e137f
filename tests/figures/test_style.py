from itertools import combinations

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.text import Text

from latentscape.errors import UsageError
from latentscape.figures.palette import color_distance
from latentscape.figures.render import render_png
from latentscape.figures.style import (
    CLASS_COLORS,
    DATASET_MARKERS,
    Style,
    font_chain,
    frame_map,
    new_figure,
    themed,
)


def test_first_ten_classes_have_tab10_in_label_order():
    first = [to_rgb(Style().class_color(str(i), i)) for i in range(10)]
    assert first == [to_rgb(color) for color in mpl.color_sequences["tab10"]]


@pytest.mark.parametrize("dark", [False, True])
def test_twenty_classes_have_twenty_colors_far_from_the_paper(dark):
    style = Style(dark=dark)
    colors = [np.array(to_rgb(style.class_color(str(i), i))) for i in range(20)]
    paper = np.array(to_rgb(style.theme.paper))
    assert min(np.abs(a - b).max() for a, b in combinations(colors, 2)) > 0.08
    assert min(np.abs(color - paper).max() for color in colors) > 0.2


def test_any_class_number_has_a_color():
    colors = {Style().class_color(str(i), i) for i in range(60)}
    assert len(colors) == 60
    assert all(len(to_rgb(color)) == 3 for color in colors)


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("n", [20, 50, 100])
@pytest.mark.slow
def test_more_classes_than_hand_picked_colors_stay_apart(n, dark):
    style = Style(dark=dark)
    colors = [style.class_color(str(i), i) for i in range(n)]
    assert len(set(colors)) == n
    new = [min(color_distance(colors[i], other) for other in colors[:i]) for i in range(20, n)]
    assert all(apart > 0.02 for apart in new)
    assert all(color_distance(color, style.theme.panel) > 0.1 for color in colors[20:])


def test_a_named_class_keeps_its_color_whatever_its_number():
    style = Style(class_colors={"Calm": "#123456"}, dataset_markers={"mine": "X"})
    assert style.class_color("Calm", 7) == "#123456"
    assert style.class_color("Sad", 0) == CLASS_COLORS[0]
    assert style.dataset_marker("mine", 0) == "X"
    assert style.dataset_marker("other", 9) == DATASET_MARKERS[1]


@pytest.mark.parametrize(
    "choice",
    [
        {"class_colors": {"Calm": "blurple"}},
        {"kind_colors": ("red", "green", "#12")},
        {"dataset_markers": {"x": "heart"}},
    ],
)
def test_unknown_color_or_marker_is_refused(choice):
    with pytest.raises(UsageError, match=r"unknown (color|marker)"):
        Style(**choice)


def test_theme_overrides_the_users_matplotlibrc_and_leaves_it_alone():
    with mpl.rc_context({"font.size": 30.0, "axes.facecolor": "pink"}):
        with themed(Style(dark=True)):
            assert mpl.rcParams["font.size"] == 9.0
            assert mpl.rcParams["axes.facecolor"] == Style(dark=True).theme.paper
        assert mpl.rcParams["font.size"] == 30.0


def test_ticks_made_while_drawing_have_the_theme_too():
    style = Style(dark=True)
    with themed(style):
        figure = new_figure(style, width=3, height=2)
        axes = figure.add_subplot()
        axes.plot([0, 1], [0, 1])
    render_png(figure)
    ticks = axes.get_xticklabels()
    assert {tick.get_color() for tick in ticks} == {style.theme.muted}
    assert not any(text.get_parse_math() for text in figure.findobj(Text))


def test_fonts_begin_with_one_that_has_every_vietnamese_letter():
    assert font_chain()[0] == "DejaVu Sans"


@pytest.mark.parametrize(
    "xy", [np.array([[3.0, 3.0]]), np.array([[0.0, 0.0], [10.0, 1.0]]), np.array([[0.0, -5.0], [0.0, 5.0]])]
)
def test_a_map_is_framed_whole_and_with_equal_units(xy):
    style = Style()
    with themed(style):
        axes = new_figure(style, width=4, height=3).add_axes((0.1, 0.1, 0.8, 0.8))
        frame_map(axes, xy)
    pixels = axes.transData.transform(xy)
    box = axes.get_window_extent()
    assert ((pixels >= box.min) & (pixels <= box.max)).all()
    unit = axes.transData.transform([[1.0, 1.0]]) - axes.transData.transform([[0.0, 0.0]])
    assert unit[0, 0] == pytest.approx(unit[0, 1])


def test_every_color_is_spelled_as_browsers_know_it():
    style = Style(class_colors={"a": "tab:blue", "b": "C1", "c": "0.5"}, kind_colors=("r", "#0072B2", "green"))
    assert dict(style.class_colors) == {"a": "#1f77b4", "b": "#ff7f0e", "c": "#808080"}
    assert style.kind_colors == ("#ff0000", "#0072b2", "#008000")
