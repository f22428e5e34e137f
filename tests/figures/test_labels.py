from itertools import combinations

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.patches import Rectangle

from latentscape.figures.headline import text_font
from latentscape.figures.labels import Tags, write_tags
from latentscape.figures.style import LIGHT, Style, frame_map, new_figure, themed

TEXTS = ["Neutral", "Ẩn danh", "$x_$", "{", "Surprised and a very long name", "gy", "Ế", "Happy"]


@pytest.fixture
def drawn():
    rng = np.random.default_rng(0)
    xy, points = rng.normal(size=(len(TEXTS), 2)) * 0.3, rng.normal(size=(300, 2))
    with themed(Style()):
        figure = new_figure(Style(), width=5, height=4)
        axes = figure.add_axes((0.1, 0.1, 0.8, 0.8))
        frame_map(axes, points)
        write_tags(
            axes, Tags(xy=xy, texts=TEXTS, colors=["red"] * len(TEXTS), font=text_font(8)), points=points, theme=LIGHT
        )
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    boxes = [text.get_window_extent(canvas.get_renderer()) for text in axes.texts]
    labels = [patch.get_window_extent() for patch in axes.findobj(Rectangle) if patch.get_zorder() == 6.0]
    return axes, boxes, labels


def test_every_text_is_written_inside_its_own_label(drawn):
    axes, boxes, labels = drawn
    assert [text.get_text() for text in axes.texts] == TEXTS
    for box, label in zip(boxes, labels, strict=True):
        assert label.x0 <= box.x0 and box.x1 <= label.x1
        assert label.y0 <= box.y0 and box.y1 <= label.y1


def test_drawn_labels_do_not_overlap_and_stay_in_the_panel(drawn):
    axes, _, labels = drawn
    panel = axes.get_window_extent()
    for a, b in combinations(labels, 2):
        assert not a.overlaps(b)
    for label in labels:
        assert panel.x0 <= label.x0 and label.x1 <= panel.x1 and panel.y0 <= label.y0 and label.y1 <= panel.y1


def test_without_texts_nothing_is_written():
    with themed(Style()):
        axes = new_figure(Style(), width=5, height=4).add_axes((0.1, 0.1, 0.8, 0.8))
        none = np.zeros((0, 2))
        write_tags(axes, Tags(xy=none, texts=[], colors=[], font=text_font(8)), points=none, theme=LIGHT)
    assert not axes.texts
