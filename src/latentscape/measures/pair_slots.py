"""Where right pairs lie among wrong ones: an ordered row of slots that holds both, so that they need not be sorted.

Two kinds of slots. Around points: the right pairs' own cosines, each a slot between the open ones on either side, so
that a wrong pair's place among the right ones is known without doubt. In bins: those a scan has counted, in which
wrong pairs count as spread evenly.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from latentscape.measures.histogram import bin_cosines
from latentscape.measures.pair_cosines import Pairs

SAME = 1e-12
"""Cosines that differ by less differ by rounding only: they tie."""
MOST_POINTS = 2500
"""Points by which groups of queries are kept apart; of more points as many quantiles are taken."""
STEPS_PER_POINT = 50
"""Steps of the table that finds most places without a search."""
DEAD = 1e-9
"""How close to a step's end a point makes its slot doubtful; far above rounding, far below a step."""


@dataclass(frozen=True, kw_only=True)
class Slots:
    """Right and wrong pairs in the same ordered slots."""

    group: Int[np.ndarray, " positive"]
    """The group of queries each right pair belongs to."""
    slot: Int[np.ndarray, " positive"]
    """The slot it lies in."""
    below: Float[np.ndarray, " positive"]
    """The share of the slot's wrong pairs that lie below it, ties counted half."""
    under: Float[np.ndarray, " positive"]
    """The same with ties not counted."""
    negative: Int[np.ndarray, "group slot"]
    """How many wrong pairs lie in each slot."""


@dataclass(frozen=True, kw_only=True)
class Points:
    """Cosines that others are compared with, and a table that finds most of their places at once."""

    values: Float[np.ndarray, " point"]
    """Ascending, further apart than rounding."""
    table: Int[np.ndarray, " step"]
    """The slot of each step; -1 where a point is near."""
    low: float
    per_step: float

    @property
    def n_slots(self) -> int:
        """A slot for each point, and the open ones around them."""
        return 2 * len(self.values) + 1


def choose_points(cosines: Float[np.ndarray, " value"]) -> Points:
    """The distinct values among cosines."""
    values = np.unique(cosines)
    return _index(values[np.diff(values, prepend=-np.inf) > 2 * SAME])


def thin_points(points: Points) -> Points:
    """As many quantiles of the points as groups of queries are kept apart by."""
    n = points.values.size
    if n <= MOST_POINTS:
        return points
    return _index(points.values[np.linspace(0, n - 1, MOST_POINTS).round().astype(np.int64)])


def _index(values: Float[np.ndarray, " point"]) -> Points:
    low, high = (values[0], values[-1]) if values.size else (0.0, 0.0)
    low, width, n_steps = low - 1e-6, high - low + 2e-6, STEPS_PER_POINT * max(1, values.size)
    edges = low + width * (np.arange(n_steps + 1) / n_steps)
    dead = min(DEAD, 0.01 * width / n_steps) + 2 * SAME
    before, after = np.searchsorted(values, edges[:-1] - dead), np.searchsorted(values, edges[1:] + dead)
    inner = np.where(before == after, 2 * before, -1)
    table = np.concatenate([[0], inner, [2 * values.size]])
    return Points(values=values, table=table, low=float(low), per_step=n_steps / width)


def find_slots(points: Points, cosines: Float[np.ndarray, "*shape"]) -> Int[np.ndarray, "*shape"]:
    """The slot of each cosine: 2 i + 1 on the i-th point, the even ones between."""
    step = np.clip((cosines - points.low) * points.per_step + 1.0, 0.0, points.table.size - 1.0)
    slots = points.table[step.astype(np.int32)]
    doubtful = slots < 0
    slots[doubtful] = _search(points.values, cosines[doubtful])
    return slots


def _search(points: Float[np.ndarray, " point"], cosines: Float[np.ndarray, " value"]) -> Int[np.ndarray, " value"]:
    place = np.searchsorted(points + SAME, cosines)
    nearest = points[np.minimum(place, points.size - 1)]
    return 2 * place + ((place < points.size) & (cosines >= nearest - SAME))


def place_around(points: Points, positives: Pairs, *, negative: Int[np.ndarray, "group slot"]) -> Slots:
    """Slots around points. A right pair that is no point counts as lying in the middle of its slot."""
    slot = find_slots(points, positives.values)
    under = np.where(slot % 2 == 1, 0.0, 0.5)
    return Slots(group=positives.group, slot=slot, below=np.full(slot.size, 0.5), under=under, negative=negative)


def place_in_bins(positives: Pairs, *, negative: Int[np.ndarray, "group bin"]) -> Slots:
    """The bins of a scan as slots. Wrong pairs count as spread evenly within a bin."""
    n_bins = negative.shape[1]
    slot = bin_cosines(positives.values, n_bins=n_bins)
    share = np.clip((positives.values + 1.0) * (n_bins / 2) - slot, 1e-9, 1.0 - 1e-9)
    return Slots(group=positives.group, slot=slot, below=share, under=share, negative=negative)
