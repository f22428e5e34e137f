"""Where labels go in a panel: pure geometry in pixels, nothing drawn."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

ROUNDS = 3
"""How often every label chooses: first in turn, then again knowing the others."""
CELL = 6.0
"""Pixels of the grid that remembers where points are."""
CROSSES = 12.0
"""What it costs when a line crosses another label or line, in label heights of distance."""
SHORTLIST = 120
"""How many of the cheapest spots are examined for crossings, the costly part."""
STEPS = 12
"""Places on a line that are looked at for what it runs through."""
GAP = 3.0
"""Free pixels between two labels."""
RINGS = np.array([0, 6, 14, 24, 36, 52, 72, 96, 128])
"""Pixels from an anchor's clearance to the spots tried around it."""

Spots = Float[np.ndarray, "label 2"]
Candidates = Float[np.ndarray, "candidate 2"]
Segments = Float[np.ndarray, "segment 2 2"]
Boxes = Float[np.ndarray, "box 4"]
"""Left, bottom, right, top."""


@dataclass(frozen=True, kw_only=True)
class Panel:
    """What labels are placed among."""

    area: tuple[float, float, float, float]
    """Left, bottom, right, top: no label leaves it."""
    points: Float[np.ndarray, "point 2"]
    """What a label should rather not hide."""
    anchors: Spots
    """What each label belongs to; no label hides any of them."""
    sizes: Spots
    """Width and height of each label."""
    clearance: float = 13.0
    """Free pixels around each anchor."""
    point_radius: float = 3.0
    hiding_cost: float = 6.0
    """What a label costs that lies on points all over, in label heights of distance from its anchor."""


def place_labels(panel: Panel) -> Spots:
    """The lower left corner of each label; NaN where no room is left.

    Greedy: labels in crowded places choose first among many spots near and far; then each may choose again, knowing
    the others. The same panel always gives the same places.
    """
    spots = np.full_like(panel.anchors, np.nan)
    occupied = _occupancy(panel)
    for label in np.tile(_crowded_first(panel.anchors), ROUNDS):
        spots[label] = np.nan
        spots[label] = _best_spot(panel, int(label), spots=spots, occupied=occupied)
    return spots


def line_ends(panel: Panel, label: int, candidates: Candidates) -> Candidates:
    """Where the line from the anchor meets the label at each candidate spot: the label's nearest point."""
    return np.clip(panel.anchors[label], candidates, candidates + panel.sizes[label])


def _crowded_first(anchors: Spots) -> np.ndarray:
    """Label numbers by distance to the nearest other anchor; ties by number."""
    if len(anchors) < 2:
        return np.arange(len(anchors))
    apart = np.linalg.norm(anchors[:, None] - anchors[None], axis=2)
    np.fill_diagonal(apart, np.inf)
    return np.argsort(apart.min(axis=1), kind="stable")


def _best_spot(panel: Panel, label: int, *, spots: Spots, occupied: Float[np.ndarray, "x y"]) -> np.ndarray:
    """The cheapest of many spots for one label, given where the others are."""
    candidates = _candidates(panel, label)
    candidates = candidates[_is_free(_boxes(candidates, panel.sizes[label]), panel, spots=spots)]
    if not len(candidates):
        return np.full(2, np.nan)
    ends = line_ends(panel, label, candidates)
    cost = np.linalg.norm(ends - panel.anchors[label], axis=1) / panel.sizes[label, 1]
    cost += panel.hiding_cost * _share_on_points(_boxes(candidates, panel.sizes[label]), panel, occupied)
    best = np.argsort(cost, kind="stable")[:SHORTLIST]
    boxes = _boxes(candidates[best], panel.sizes[label])
    lines = np.stack([np.broadcast_to(panel.anchors[label], boxes[:, :2].shape), ends[best]], axis=1)
    cost = cost[best] + CROSSES * _count_crossings(boxes, lines, _placed(panel, spots))
    cost += CROSSES * _meets(lines, np.delete(_anchor_boxes(panel), label, axis=0))
    return candidates[best[np.argmin(cost)]]


def _candidates(panel: Panel, label: int) -> Candidates:
    """Spots on rings around the anchor, then on a coarse grid all over the panel."""
    size, (left, bottom, right, top) = panel.sizes[label], panel.area
    angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    reach = (panel.clearance + 2.0 + RINGS)[:, None, None] + size / 2
    rings = panel.anchors[label] - size / 2 + reach * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    columns = np.arange(left, max(right - size[0], left) + 1, max(size[0] / 3, 4.0))
    rows = np.arange(bottom, max(top - size[1], bottom) + 1, max(size[1] / 2, 4.0))
    grid = np.stack(np.meshgrid(columns, rows), axis=-1)
    return np.concatenate([rings.reshape(-1, 2), grid.reshape(-1, 2)])


def _boxes(corners: Float[np.ndarray, "box 2"], sizes: Float[np.ndarray, "*box 2"]) -> Boxes:
    return np.concatenate([corners, corners + sizes], axis=1)


def _is_free(boxes: Boxes, panel: Panel, *, spots: Spots) -> Bool[np.ndarray, " box"]:
    """Inside the area, off every anchor and off every label already placed."""
    left, bottom, right, top = panel.area
    inside = (boxes >= [left, bottom, left, bottom]) & (boxes <= [right, top, right, top])
    placed = np.isfinite(spots).all(axis=1)
    labels = _boxes(spots[placed] - GAP, panel.sizes[placed] + 2 * GAP)
    taken = _overlap(boxes, np.concatenate([_anchor_boxes(panel), labels]))
    return np.logical_and(inside.all(axis=1), ~taken.any(axis=1))


def _anchor_boxes(panel: Panel) -> Boxes:
    return _boxes(panel.anchors - panel.clearance, np.full(2, 2 * panel.clearance))


def _overlap(boxes: Boxes, others: Float[np.ndarray, "other 4"]) -> Bool[np.ndarray, "box other"]:
    left, bottom, right, top = boxes.T[:, :, None]
    other_left, other_bottom, other_right, other_top = others.T[:, None, :]
    meets = left < other_right, right > other_left, bottom < other_top, top > other_bottom
    return np.logical_and.reduce(meets)


def _occupancy(panel: Panel) -> Float[np.ndarray, "x y"]:
    """Summed-area table of which cells of the panel hold a point."""
    left, bottom, right, top = panel.area
    edges = np.arange(left, right + CELL, CELL), np.arange(bottom, top + CELL, CELL)
    angles = np.linspace(0, 2 * np.pi, 8, endpoint=False)
    rim = panel.point_radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    x, y = np.concatenate([panel.points, *(panel.points + offset for offset in rim)]).T
    counts, _, _ = np.histogram2d(x, y, bins=edges)
    return np.pad((counts > 0).cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0))).astype(float)


def _share_on_points(boxes: Boxes, panel: Panel, occupied: Float[np.ndarray, "x y"]) -> Float[np.ndarray, " box"]:
    """The share of each label's cells that hold points."""
    limit = np.array(occupied.shape) - 1
    low = np.clip(np.floor((boxes[:, :2] - panel.area[:2]) / CELL).astype(int), 0, limit)
    high = np.clip(np.ceil((boxes[:, 2:] - panel.area[:2]) / CELL).astype(int), 0, limit)
    inside = occupied[high[:, 0], high[:, 1]] - occupied[low[:, 0], high[:, 1]]
    inside += occupied[low[:, 0], low[:, 1]] - occupied[high[:, 0], low[:, 1]]
    return inside / np.maximum((high - low).prod(axis=1), 1)


def _placed(panel: Panel, spots: Spots) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Box and line of every label that has its place."""
    for other in np.flatnonzero(np.isfinite(spots).all(axis=1)):
        end = line_ends(panel, int(other), spots[other][None])[0]
        yield np.concatenate([spots[other], spots[other] + panel.sizes[other]]), np.stack([panel.anchors[other], end])


def _count_crossings(
    boxes: Boxes, lines: Segments, placed: Iterator[tuple[np.ndarray, np.ndarray]]
) -> Float[np.ndarray, " box"]:
    """How many placed labels and lines each line crosses, and how many placed lines each label hides."""
    crossed = np.zeros(len(boxes))
    for other_box, other_line in placed:
        crossed += _meets(lines, other_box[None])
        crossed += _overlap(boxes, _along(other_line[None]).reshape(-1, 4)).any(axis=1)
        crossed += _cross(lines, other_line)
    return crossed


def _meets(lines: Segments, boxes: Boxes) -> Float[np.ndarray, " segment"]:
    """How many of the boxes each line runs through."""
    steps = _overlap(_along(lines).reshape(-1, 4), boxes).reshape(len(lines), STEPS, len(boxes))
    return steps.any(axis=1).sum(axis=1).astype(float)


def _along(lines: Segments) -> Float[np.ndarray, "segment step 4"]:
    """Each line as a row of places on it, as boxes without size."""
    steps = np.linspace(0, 1, STEPS)[:, None]
    places = lines[:, None, 0] + steps * (lines[:, None, 1] - lines[:, None, 0])
    return np.concatenate([places, places], axis=2)


def _cross(lines: Segments, other: Float[np.ndarray, "2 2"]) -> Bool[np.ndarray, " segment"]:
    """Whether each line properly crosses the other one."""
    start, end = lines[:, 0], lines[:, 1]
    apart = _side(start, end, other[0]) * _side(start, end, other[1]) < 0
    return apart & (_side(other[0], other[1], start) * _side(other[0], other[1], end) < 0)


def _side(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """On which side of the line from a to b each c lies: the sign of the cross product."""
    ab, ac = b - a, c - a
    return ab[..., 0] * ac[..., 1] - ab[..., 1] * ac[..., 0]
