import numpy as np
import pytest
from matplotlib.colors import to_hex

from latentscape.figures.render import render_png
from latentscape.figures.style import Style, dress_map_axes, frame_map, new_figure, themed
from latentscape.figures.swarm import FAINT_ALPHA, MOST_MARKERS, Swarm, draw_swarm, where_points_are


def draw(swarm, style=None):
    style = style or Style()
    with themed(style):
        figure = new_figure(style, width=3, height=2)
        axes = figure.add_axes((0, 0, 1, 1))
        dress_map_axes(axes, style)
        frame_map(axes, swarm.xy)
        draw_swarm(axes, swarm, style)
    return figure, axes


def make(n, *, faint=0.0, seed=0, **changes):
    rng = np.random.default_rng(seed)
    values = {"xy": rng.normal(size=(n, 2)), "colors": ("#1f77b4", "#ff7f0e", "#60656e"), "classes": np.arange(n) % 2,
              "faint": np.arange(n) < faint * n}  # fmt: skip
    return Swarm(**{**values, **changes})


def test_faint_points_are_paler_with_a_ring_in_their_color_and_lie_below():
    swarm = make(40, faint=0.25)
    _, axes = draw(swarm)
    drawn = [
        (tuple(xy), color, edges[i if len(edges) > 1 else 0], order)
        for order, layer in enumerate(axes.collections)
        for edges in [layer.get_edgecolors()]
        for i, (xy, color) in enumerate(zip(layer.get_offsets(), layer.get_facecolors(), strict=True))
    ]
    assert len(drawn) == 40
    faint = {tuple(xy) for xy in swarm.xy[swarm.faint]}
    pale = [color[3] for xy, color, _, _ in drawn if xy in faint]
    firm = [color[3] for xy, color, _, _ in drawn if xy not in faint]
    assert max(pale) == pytest.approx(FAINT_ALPHA * max(firm))
    for xy, color, edge, _ in drawn:
        assert (to_hex(edge) == to_hex(color)) == (xy in faint)
    assert max(o for xy, *_, o in drawn if xy in faint) < min(o for xy, *_, o in drawn if xy not in faint)


def test_each_point_has_its_own_marker():
    swarm = make(40, faint=0.25, markers=("o", "^"), shapes=np.arange(40) // 7 % 2)
    _, axes = draw(swarm)
    corners = {}
    for layer in axes.collections:
        for path, xy in zip(layer.get_paths(), layer.get_offsets(), strict=True):
            corners[tuple(xy)] = len(path.vertices)
    triangles = {tuple(xy) for xy in swarm.xy[swarm.shapes == 1]}
    assert len(corners) == 40
    assert {xy for xy, n in corners.items() if n == 4} == triangles


def test_class_minus_one_has_the_last_color():
    _, axes = draw(make(3, classes=np.array([-1, -1, 0]), xy=np.array([[0, 0], [1, 1], [2, 0.0]])))
    colors = {tuple(xy): to_hex(c) for layer in axes.collections for xy, c in zip(
        layer.get_offsets(), layer.get_facecolors(), strict=True)}  # fmt: skip
    assert colors == {(0.0, 0.0): "#60656e", (1.0, 1.0): "#60656e", (2.0, 0.0): "#1f77b4"}


def test_beyond_the_limit_points_are_one_picture():
    assert not make(MOST_MARKERS).is_dense
    _, axes = draw(make(MOST_MARKERS + 1, faint=0.5))
    assert not axes.collections and len(axes.images) == 1
    picture = axes.images[0].get_array()
    assert picture.shape == (300, 450, 4)


def test_faint_points_of_a_picture_go_towards_the_ground():
    xy = np.repeat([[0.0, 0.0], [1.0, 0.0]], MOST_MARKERS, axis=0)
    half = np.arange(len(xy)) < MOST_MARKERS
    _, axes = draw(make(len(xy), xy=xy, classes=np.zeros(len(xy), dtype=int), faint=half))
    picture = np.asarray(axes.images[0].get_array()).astype(int)
    middle = picture[150]
    colors = [tuple(pixel[:3]) for pixel in middle[middle[:, 3] == 255]]
    assert to_hex(np.array(colors[-1]) / 255) == "#1f77b4"
    assert min(colors[0]) > 150


def test_every_point_is_where_labels_should_not_be():
    for n in (50, MOST_MARKERS + 500):
        swarm = make(n)
        _, axes = draw(swarm)
        places = axes.transData.transform(where_points_are(axes, swarm))
        pixels = axes.transData.transform(swarm.xy[:200])
        apart = np.abs(pixels[:, None] - places[None]).max(axis=2).min(axis=1)
        assert apart.max() <= 1.6
        assert len(places) <= n


@pytest.mark.parametrize("n", [1, 30, MOST_MARKERS + 1])
def test_equal_swarms_give_equal_bytes(n):
    first, second = (render_png(draw(make(n, faint=0.2))[0]) for _ in range(2))
    assert first == second
