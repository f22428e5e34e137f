from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from latentscape.figures.placement import Panel, _run_through, place_labels

AREA = (10.0, 20.0, 650.0, 540.0)


def make_panel(n_labels, *, seed, spread=1.0, width=90.0, n_points=500):
    rng = np.random.default_rng(seed)
    center, reach = np.array([330.0, 280.0]), np.array([300.0, 240.0]) * spread
    return Panel(
        area=AREA,
        points=center + reach * rng.uniform(-1, 1, size=(n_points, 2)),
        anchors=center + reach * rng.uniform(-1, 1, size=(n_labels, 2)),
        sizes=np.stack([rng.uniform(20, width, n_labels), np.full(n_labels, 22.0)], axis=1),
    )


def overlap(a, a_size, b, b_size):
    return bool(np.all((a < b + b_size) & (b < a + a_size)))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("n_labels", "spread", "width"), [(1, 1.0, 90.0), (8, 0.05, 120.0), (20, 1.0, 220.0), (20, 0.2, 150.0)]
)
def test_labels_never_overlap_nor_leave_the_area_nor_hide_an_anchor(n_labels, spread, width, seed):
    panel = make_panel(n_labels, seed=seed, spread=spread, width=width)
    spots = place_labels(panel)
    assert np.isfinite(spots).all()
    assert (spots >= AREA[:2]).all() and (spots + panel.sizes <= AREA[2:]).all()
    for a, b in combinations(range(n_labels), 2):
        assert not overlap(spots[a], panel.sizes[a], spots[b], panel.sizes[b])
    for label in range(n_labels):
        for anchor in panel.anchors:
            assert not overlap(spots[label], panel.sizes[label], anchor, np.zeros(2))


def test_the_same_panel_gives_the_same_places():
    panel = make_panel(12, seed=1)
    assert np.array_equal(place_labels(panel), place_labels(panel))


def test_labels_on_one_and_the_same_place_still_spread():
    panel = make_panel(10, seed=2, spread=0.0)
    spots = place_labels(panel)
    assert len(np.unique(spots.round(3), axis=0)) == 10


def test_a_lone_label_lies_beside_its_anchor():
    panel = make_panel(1, seed=3, n_points=0)
    spot = place_labels(panel)[0]
    near = np.clip(panel.anchors[0], spot, spot + panel.sizes[0])
    assert np.linalg.norm(near - panel.anchors[0]) < 2 * panel.clearance


def test_a_label_goes_where_no_points_are():
    anchor = np.array([[330.0, 280.0]])
    rng = np.random.default_rng(0)
    # Points all over the panel but to the right of the anchor.
    points = rng.uniform([10, 20], [650, 540], size=(20000, 2))
    points = points[~((points[:, 0] > 340) & (abs(points[:, 1] - 280) < 40))]
    panel = Panel(area=AREA, points=points, anchors=anchor, sizes=np.array([[80.0, 22.0]]), hiding_cost=20.0)
    spot = place_labels(panel)[0]
    assert spot[0] > 340 and abs(spot[1] + 11 - 280) < 40


def test_places_to_avoid_are_never_hidden():
    rng = np.random.default_rng(4)
    panel = replace(make_panel(12, seed=5, spread=0.3), avoid=rng.uniform([200, 200], [460, 360], size=(30, 2)))
    spots = place_labels(panel)
    placed = np.flatnonzero(np.isfinite(spots).all(axis=1))
    assert len(placed) >= 10
    for label in placed:
        assert not any(overlap(spots[label], panel.sizes[label], place, np.zeros(2)) for place in panel.avoid)


@pytest.mark.parametrize(
    ("line", "through"),
    [
        ([[0, 0], [10, 10]], True),
        ([[5, -3], [5, 20]], True),
        ([[0, 5], [20, 5]], True),
        ([[5, 5], [6, 6]], True),
        ([[0, 9], [1, 10]], False),
        ([[0, 3], [20, 3]], False),
        ([[0, 0], [3, 3]], False),
        ([[5, -3], [5, 3]], False),
        ([[2, 2], [2, 2]], False),
    ],
)
def test_a_line_runs_through_a_box_or_not(line, through):
    box = np.array([[4.0, 4.0, 8.0, 8.0]])
    assert _run_through(np.array([line], dtype=float), box).tolist() == [[through]]
    assert _run_through(np.array([line[::-1]], dtype=float), box).tolist() == [[through]]


def test_no_room_is_said_not_forced():
    crowded = Panel(
        area=(0.0, 0.0, 100.0, 50.0),
        points=np.zeros((0, 2)),
        anchors=np.full((5, 2), 10.0),
        sizes=np.full((5, 2), [70.0, 22.0]),
        clearance=5.0,
    )
    spots = place_labels(crowded)
    placed = np.isfinite(spots).all(axis=1)
    assert 1 <= placed.sum() <= 2
    too_wide = Panel(
        area=(0, 0, 50.0, 50.0), points=np.zeros((0, 2)), anchors=np.full((1, 2), 25.0), sizes=np.array([[60.0, 10.0]])
    )
    assert np.isnan(place_labels(too_wide)).all()


def test_no_labels_is_fine():
    assert place_labels(make_panel(0, seed=0)).shape == (0, 2)
