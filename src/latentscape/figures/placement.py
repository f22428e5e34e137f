"""Where labels go in a panel: pure geometry in pixels, nothing drawn."""

from dataclasses import dataclass, field

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
    avoid: Float[np.ndarray, "avoid 2"] = field(default_factory=lambda: np.zeros((0, 2)))
    """Other places that no label hides."""
    clearance: float = 13.0
    """Free pixels around each anchor."""
    point_radius: float = 3.0
    hiding_cost: float = 6.0
    """What a label costs that lies on points all over, in label heights of distance from its anchor."""


@dataclass(frozen=True, kw_only=True)
class _Choices:
    """The spots that one label may take as far as no other label is asked, the cheapest first."""

    spots: Candidates
    ends: Candidates
    """Where the line to each spot ends."""
    cost: Float[np.ndarray, " candidate"]


def place_labels(panel: Panel) -> Spots:
    """The lower left corner of each label; NaN where no room is left.

    Greedy: labels in crowded places choose first among many spots near and far; then each may choose again, knowing
    the others. The same panel always gives the same places.
    """
    spots, occupied = np.full_like(panel.anchors, np.nan), _occupancy(panel)
    choices = [_list_choices(panel, label, occupied) for label in range(len(spots))]
    # Who knows what all others chose need not choose again until one of them has moved.
    settled: set[int] = set()
    for label in np.tile(_crowded_first(panel.anchors), ROUNDS).tolist():
        if label in settled:
            continue
        before = spots[label].copy()
        spots[label] = np.nan
        spots[label] = _best_spot(panel, label, choices[label], spots=spots)
        if not np.array_equal(spots[label], before, equal_nan=True):
            settled.clear()
        settled.add(label)
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


def _list_choices(panel: Panel, label: int, occupied: Float[np.ndarray, "x y"]) -> _Choices:
    """Spots inside the panel and off the anchors; each costs its distance and the points that it hides."""
    candidates = _candidates(panel, label)
    candidates = candidates[_is_free(_boxes(candidates, panel.sizes[label]), panel)]
    ends = line_ends(panel, label, candidates)
    cost = np.linalg.norm(ends - panel.anchors[label], axis=1) / panel.sizes[label, 1]
    cost += panel.hiding_cost * _share_on_points(_boxes(candidates, panel.sizes[label]), panel, occupied)
    order = np.argsort(cost, kind="stable")
    return _Choices(spots=candidates[order], ends=ends[order], cost=cost[order])


def _best_spot(panel: Panel, label: int, choices: _Choices, *, spots: Spots) -> np.ndarray:
    """The cheapest of many spots for one label, given where the others are."""
    placed = np.isfinite(spots).all(axis=1)
    taken = _boxes(spots[placed] - GAP, panel.sizes[placed] + 2 * GAP)
    free = ~_overlap(_boxes(choices.spots, panel.sizes[label]), taken).any(axis=1)
    best = np.flatnonzero(free)[:SHORTLIST]
    if not len(best):
        return np.full(2, np.nan)
    boxes = _boxes(choices.spots[best], panel.sizes[label])
    lines = np.stack([np.broadcast_to(panel.anchors[label], boxes[:, :2].shape), choices.ends[best]], axis=1)
    cost = choices.cost[best] + CROSSES * _count_crossings(boxes, lines, _placed(panel, spots))
    others = np.delete(_anchor_boxes(panel), label, axis=0)
    cost += CROSSES * _run_through(lines, others).sum(axis=1)
    return choices.spots[best[np.argmin(cost)]]


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


def _is_free(boxes: Boxes, panel: Panel) -> Bool[np.ndarray, " box"]:
    """Inside the area and off every anchor."""
    left, bottom, right, top = panel.area
    inside = (boxes >= [left, bottom, left, bottom]) & (boxes <= [right, top, right, top])
    return np.logical_and(inside.all(axis=1), ~_overlap(boxes, _anchor_boxes(panel)).any(axis=1))


def _anchor_boxes(panel: Panel) -> Boxes:
    places = np.concatenate([panel.anchors, panel.avoid])
    return _boxes(places - panel.clearance, np.full_like(places, 2 * panel.clearance))


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


def _placed(panel: Panel, spots: Spots) -> tuple[Boxes, Segments]:
    """Box and line of every label that has its place."""
    placed = np.isfinite(spots).all(axis=1)
    corners, sizes, anchors = spots[placed], panel.sizes[placed], panel.anchors[placed]
    ends = np.clip(anchors, corners, corners + sizes)
    return _boxes(corners, sizes), np.stack([anchors, ends], axis=1)


def _count_crossings(
    boxes: Boxes, lines: Segments, placed: tuple[Float[np.ndarray, "other 4"], Float[np.ndarray, "other 2 2"]]
) -> Float[np.ndarray, " box"]:
    """How many placed labels and lines each line crosses, and how many placed lines each label hides."""
    other_boxes, other_lines = placed
    crossed = _run_through(lines, other_boxes).sum(axis=1) + _run_through(other_lines, boxes).sum(axis=0)
    return (crossed + _cross(lines, other_lines).sum(axis=1)).astype(float)


def _run_through(lines: Segments, boxes: Boxes) -> Bool[np.ndarray, "segment box"]:
    """Whether each line has a part inside each box: inside it in x and in y at the same time."""
    (enter_x, leave_x), (enter_y, leave_y) = (_stay(lines[..., i], boxes[:, i], boxes[:, 2 + i]) for i in (0, 1))
    enter, leave = np.maximum(enter_x, enter_y), np.minimum(leave_x, leave_y)
    return np.maximum(enter, 0.0) < np.minimum(leave, 1.0)


def _stay(
    ends: Float[np.ndarray, "segment 2"], low: Float[np.ndarray, " box"], high: Float[np.ndarray, " box"]
) -> tuple[Float[np.ndarray, "segment box"], Float[np.ndarray, "segment box"]]:
    """From what share to what share of its way each line is between the low and the high side of each box."""
    start, along = ends[:, 0, None], (ends[:, 1] - ends[:, 0])[:, None]
    # A line that keeps its place is there all the time or never: with the smallest step both shares are huge.
    along = np.where(along == 0, np.finfo(float).tiny, along)
    with np.errstate(over="ignore"):
        one, other = (low - start) / along, (high - start) / along
    return np.minimum(one, other), np.maximum(one, other)


def _cross(lines: Segments, others: Float[np.ndarray, "other 2 2"]) -> Bool[np.ndarray, "segment other"]:
    """Whether each line properly crosses each of the others."""
    start, end, a, b = lines[:, None, 0], lines[:, None, 1], others[None, :, 0], others[None, :, 1]
    apart = _side(start, end, a) * _side(start, end, b) < 0
    return apart & (_side(a, b, start) * _side(a, b, end) < 0)


def _side(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """On which side of the line from a to b each c lies: the sign of the cross product."""
    (ax, ay), (bx, by), (cx, cy) = (np.moveaxis(place, -1, 0) for place in (a, b, c))
    return (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
