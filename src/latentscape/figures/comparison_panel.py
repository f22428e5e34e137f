"""One checkpoint's map in the frame that all share, with arrows from where samples that moved far were before."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch
from matplotlib.patheffects import Normal, Stroke

from latentscape.comparison_findings import ComparisonFindings
from latentscape.figures.class_tags import draw_place_dots, write_class_tags
from latentscape.figures.pair_maps import KIND_MARKERS, color_kinds
from latentscape.figures.render import plain_names
from latentscape.figures.shape_markers import ShapeKey, assign_markers
from latentscape.figures.style import Style, dress_map_axes, frame_map
from latentscape.figures.swarm import MOST_MARKERS, Swarm, draw_swarm, point_area, where_points_are
from latentscape.figures.trust_marks import choose_faint
from latentscape.findings import DrawnMap
from latentscape.measures.label_places import find_label_places
from latentscape.shapes import Points, Rows

MOST_ARROWS = 25
"""Movers with an arrow in one panel: the farthest."""
ROOM_FOR_NAME = 1.0
"""Square inches of a panel for each class that is named on it; where there are more classes, none is."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """What all panels share."""

    names: Sequence[str]
    colors: Sequence[str]
    """One more than names: the last is that of samples of no known class."""
    shapes: ShapeKey
    named: bool
    """Whether classes are named on the maps."""


def choose_look(findings: ComparisonFindings, style: Style, *, named: bool) -> Look:
    """Colors and markers as the study's own maps have them."""
    subject, n = findings.subject, len(findings.subject.ids)
    names = plain_names(subject.kind_names)
    if subject.study == "embeddings":
        counts = np.bincount(subject.kinds, minlength=len(names))
        shapes = ShapeKey(
            markers=KIND_MARKERS, texts=tuple(names), counts=tuple(counts.tolist()), shapes=subject.kinds, n_sharing=0,
            is_shown=False,
        )  # fmt: skip
        return Look(names=names, colors=[*color_kinds(style), style.theme.muted], shapes=shapes, named=named)
    colors = [*(style.class_color(name, i) for i, name in enumerate(subject.kind_names)), style.theme.muted]
    several = n <= MOST_MARKERS and len(np.unique(subject.shapes)) > 1
    shapes = assign_markers(subject.shapes if several else None, subject.shape_names, n=n, style=style)
    return Look(names=names, colors=colors, shapes=shapes, named=named)


def find_movers(findings: ComparisonFindings, *, first: int, second: int) -> Rows:
    """Samples that left their neighbors in any step from one checkpoint to the other, the farthest first."""
    steps = [step for step in findings.consecutive if first <= step.first and step.second <= second]
    found: dict[int, float] = {}
    for step in steps:
        motion = step.motion.get(findings.main_layer)
        for row in [] if motion is None else motion.movers.tolist():
            found[row] = max(found.get(row, 0.0), float(motion.moves[row]) if motion else 0.0)
    return np.array(sorted(found, key=lambda row: (-found[row], row)), dtype=np.int64)


def draw_checkpoint_map(
    axes: Axes, findings: ComparisonFindings, drawn: DrawnMap, *, frame: Float[np.ndarray, "place 2"], look: Look,
    style: Style, before: Points | None, movers: Rows,
) -> None:  # fmt: skip
    """The points in the limits of `frame`; arrows from the places `before` to those of the movers."""
    xy, subject = drawn.latent_map.xy, findings.subject
    dress_map_axes(axes, style)
    frame_map(axes, frame)
    has_markers = len(xy) <= MOST_MARKERS
    swarm = Swarm(
        xy=xy, colors=look.colors, classes=subject.kinds, faint=choose_faint(drawn.trust, style),
        markers=look.shapes.markers, shapes=look.shapes.shapes if has_markers else None,
    )  # fmt: skip
    draw_swarm(axes, swarm, style)
    if look.named:
        places = find_label_places(xy, subject.kinds)
        draw_place_dots(axes, places, colors=look.colors, style=style)
        # A name should lie neither on points nor on arrows.
        points = np.concatenate([where_points_are(axes, swarm), _follow(before, xy, rows=movers[:MOST_ARROWS])])
        write_class_tags(axes, places, names=look.names, colors=look.colors, points=points, style=style)
    if before is not None:
        _draw_arrows(axes, before, xy, rows=movers[:MOST_ARROWS], style=style)


def names_fit(findings: ComparisonFindings, *, width: float, height: float) -> bool:
    """Whether a panel of so many inches is large enough for the names of all classes."""
    kinds = findings.subject.kinds
    n_classes = len(np.unique(kinds[kinds >= 0]))
    return findings.subject.study == "latents" and ROOM_FOR_NAME * n_classes <= width * height


def _follow(before: Points | None, after: Points, *, rows: Rows) -> Float[np.ndarray, "place 2"]:
    """Places along the arrows."""
    if before is None:
        return after[:0]
    shares = np.linspace(0, 1, 30)[:, None, None]
    return (before[rows] + shares * (after[rows] - before[rows])).reshape(-1, 2)


def _draw_arrows(axes: Axes, before: Points, after: Points, *, rows: Rows, style: Style) -> None:
    """From an open ring where the sample was to where it is, light around, so that it is seen on any color."""
    theme, radius = style.theme, np.sqrt(point_area(len(after))) / 2 + 1
    around = [Stroke(linewidth=2.6, foreground=theme.panel), Normal()]
    for row in rows.tolist():
        arrow = FancyArrowPatch(
            tuple(before[row]), tuple(after[row]), arrowstyle="-|>", mutation_scale=8, shrinkA=2, shrinkB=radius,
            color=theme.ink, linewidth=1.0, zorder=4.5, path_effects=around,
        )  # fmt: skip
        axes.add_patch(arrow)
    if len(rows):
        axes.scatter(*before[rows].T, s=16, facecolors=theme.panel, edgecolors=theme.ink, linewidths=0.9, zorder=4.4)
        axes.scatter(
            *after[rows].T, s=(2 * radius + 1) ** 2, facecolors="none", edgecolors=theme.ink, linewidths=1.0, zorder=4.6
        )
