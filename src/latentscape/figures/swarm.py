"""The points of a map in a panel: as markers while they can be told apart, as one picture beyond."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.colors import to_rgb, to_rgba_array
from matplotlib.markers import MarkerStyle
from matplotlib.transforms import IdentityTransform

from latentscape.figures.density import paint_density
from latentscape.figures.palette import fade
from latentscape.figures.style import Style
from latentscape.shapes import Flags, Labels, Points, Rows

MOST_MARKERS = 20_000
"""More points are drawn as one picture, without markers."""
TOO_MANY = f"Markers can't be shown for more than {MOST_MARKERS:,} points: each pixel mixes the colors of its own."
PORTIONS = 8
"""Points are drawn in so many mixed portions, so that no marker lies on top of all others."""
FAINT_ALPHA = 0.25
"""How much of its opacity a faint marker keeps inside its ring."""
RING, RING_ALPHA = 0.6, 0.55
"""Width in points and opacity of the ring."""
FADED = 0.7
"""How far the color of a faint point has gone towards the ground."""
CELL = 3
"""Pixels: how closely labels look where points are, once there are too many to look at each."""


@dataclass(frozen=True, kw_only=True)
class Swarm:
    """Points and how each one looks."""

    xy: Points
    colors: Sequence[str]
    """By class; the last one, which class -1 finds too, is that of samples of no known class."""
    classes: Labels
    faint: Flags
    """Points drawn fainter with a ring."""
    markers: Sequence[str] = ("o",)
    shapes: Labels | None = None
    """The number of each point's marker; None where all have the first."""

    @property
    def is_dense(self) -> bool:
        """Whether the points are drawn as one picture."""
        return len(self.xy) > MOST_MARKERS


def draw_swarm(axes: Axes, swarm: Swarm, style: Style) -> None:
    """Draw all points; the axes must have their final place and limits."""
    if swarm.is_dense:
        _draw_picture(axes, swarm, style)
        return
    # A fixed shuffle: it only decides which of two overlapping points is seen.
    shuffled = np.random.default_rng(0).permutation(len(swarm.xy))
    for is_faint in (True, False):
        rows = shuffled[swarm.faint[shuffled] == is_faint]
        if len(rows):
            _draw_markers(axes, swarm, style, rows=_mix_shapes(rows, swarm), is_faint=is_faint)


def _mix_shapes(rows: Rows, swarm: Swarm) -> Rows:
    """The rows in the order in which they are drawn: portion by portion, in each of them marker by marker."""
    if swarm.shapes is None:
        return rows
    parts = [portion[np.argsort(swarm.shapes[portion], kind="stable")] for portion in np.array_split(rows, PORTIONS)]
    return np.concatenate(parts)


def point_area(n: int) -> float:
    """Square points: fewer samples are drawn larger."""
    return float(np.clip(30 * (200 / max(n, 1)) ** 0.5, 4.5, 60))


def where_points_are(axes: Axes, swarm: Swarm) -> Float[np.ndarray, "place 2"]:
    """What labels should rather not hide, in data units: the points, or of very many the small cells they fill."""
    if not swarm.is_dense:
        return swarm.xy
    (left, right), (bottom, top), (width, height) = axes.get_xlim(), axes.get_ylim(), _pixels(axes)
    steps = np.array([right - left, top - bottom]) * CELL / (width, height)
    column, row = ((swarm.xy - (left, bottom)) / steps).astype(np.int64).T
    filled = np.flatnonzero(np.bincount(row * width + column))
    return np.stack([filled % width + 0.5, filled // width + 0.5], axis=1) * steps + (left, bottom)


def _draw_markers(axes: Axes, swarm: Swarm, style: Style, *, rows: Rows, is_faint: bool) -> None:
    """One collection for all markers, in this order: `scatter` takes one marker, and time for each call."""
    n = len(swarm.xy)
    colors = to_rgba_array(list(swarm.colors))[swarm.classes[rows]]
    colors[:, 3] = _opacity(n) * (FAINT_ALPHA if is_faint else 1.0)
    rims = colors * (1, 1, 1, 0) + (0, 0, 0, RING_ALPHA)
    looks = [MarkerStyle(marker) for marker in swarm.markers]
    paths = [look.get_path().transformed(look.get_transform()) for look in looks]
    points = PathCollection(
        paths[:1] if swarm.shapes is None else [paths[shape] for shape in swarm.shapes[rows]],
        sizes=[point_area(n)],
        offsets=swarm.xy[rows],
        offset_transform=axes.transData,
        facecolors=colors,
        edgecolors=rims if is_faint else style.theme.panel,
        linewidths=RING if is_faint else 0.4 if n <= 1000 else 0.15,
        zorder=2,
    )
    points.set_transform(IdentityTransform())
    axes.add_collection(points, autolim=False)


def _opacity(n: int) -> float:
    return float(np.clip(0.9 - 0.15 * np.log10(max(n, 1) / 200), 0.6, 0.9))


def _draw_picture(axes: Axes, swarm: Swarm, style: Style) -> None:
    (left, right), (bottom, top), size = axes.get_xlim(), axes.get_ylim(), _pixels(axes)
    places = (swarm.xy - (left, bottom)) / (right - left, top - bottom)
    colors = np.array([to_rgb(color) for color in swarm.colors])
    kinds = swarm.classes % len(colors) + len(colors) * swarm.faint
    faded = fade(colors, share=FADED, towards=style.theme.panel)
    picture = paint_density(places, kinds, colors=np.concatenate([colors, faded]), size=size)
    axes.imshow(
        picture, extent=(left, right, bottom, top), origin="lower", aspect="auto", interpolation="nearest", zorder=2
    )


def _pixels(axes: Axes) -> tuple[int, int]:
    box = axes.get_window_extent()
    return round(box.width), round(box.height)
