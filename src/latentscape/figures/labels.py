"""Names beside their points: never over each other, never outside the panel, over as few points as possible."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from latentscape.figures.headline import measure_descent, measure_text
from latentscape.figures.placement import Panel, line_ends, place_labels
from latentscape.figures.style import DPI, Theme

PADDING = np.array([4.0, 3.0])
"""Pixels between a text and the edge of its label."""
INSET = 3.0
"""Pixels that labels keep from the edge of the panel."""


@dataclass(frozen=True, kw_only=True)
class Tags:
    """Texts to write beside places of a panel, in data units."""

    xy: Float[np.ndarray, "label 2"]
    texts: Sequence[str]
    colors: Sequence[str]
    """Of the line to each place and of the outline, if there is one."""
    font: FontProperties
    avoid: Float[np.ndarray, "avoid 2"] = field(default_factory=lambda: np.zeros((0, 2)))
    """Other places that no label covers."""
    outlined: bool = True
    clearance: float = 13.0
    """Pixels around each place that no label covers."""
    point_radius: float = 3.0
    """Pixels from the middle of a point to its rim."""
    hiding_cost: float = 6.0
    """How far a label goes to hide no points: label heights for a label that would lie on points all over."""


def write_tags(axes: Axes, tags: Tags, *, points: Float[np.ndarray, "point 2"], theme: Theme) -> None:
    """Write each text beside its place with a thin line to it, hiding as few of the `points` (data units) as possible.

    The axes must have their final place and limits. A text for which the panel has no room is left out.
    """
    panel = _panel(axes, tags, points)
    # Shares of the panel instead of pixels: the picture is the same at any resolution.
    to_shares = axes.transAxes.inverted().transform
    for i, spot in enumerate(place_labels(panel)):
        if np.isfinite(spot).all():
            line = np.stack([panel.anchors[i], line_ends(panel, i, spot[None])[0]])
            corners = np.stack([spot, spot + panel.sizes[i]])
            _draw_line(axes, to_shares(line), color=tags.colors[i])
            _draw_label(axes, tags, i, corners=to_shares(corners), theme=theme)


def _panel(axes: Axes, tags: Tags, points: Float[np.ndarray, "point 2"]) -> Panel:
    box = axes.get_window_extent()
    widths = np.array([measure_text(text, tags.font)[0] * DPI for text in tags.texts])
    return Panel(
        area=(box.x0 + INSET, box.y0 + INSET, box.x1 - INSET, box.y1 - INSET),
        points=axes.transData.transform(points),
        anchors=axes.transData.transform(tags.xy),
        sizes=np.stack([widths, np.full(len(widths), letter_height(tags.font))], axis=1) + 2 * PADDING,
        avoid=axes.transData.transform(tags.avoid),
        clearance=tags.clearance,
        point_radius=tags.point_radius,
        hiding_cost=tags.hiding_cost,
    )


def letter_height(font: FontProperties) -> float:
    """Pixels from the foot of a low letter to the top of an accented capital: the same for every label."""
    return measure_text("Éy", font)[1] * DPI


def _draw_line(axes: Axes, ends: Float[np.ndarray, "2 2"], *, color: str) -> None:
    axes.add_artist(Line2D(ends[:, 0], ends[:, 1], color=color, linewidth=0.9, zorder=5.0, transform=axes.transAxes))


def _draw_label(axes: Axes, tags: Tags, i: int, *, corners: Float[np.ndarray, "2 2"], theme: Theme) -> None:
    (x, y), (width, height) = corners[0], corners[1] - corners[0]
    label = Rectangle((x, y), width, height, zorder=6.0, transform=axes.transAxes)
    label.set(facecolor=theme.paper, edgecolor=tags.colors[i] if tags.outlined else "none", linewidth=0.9)
    axes.add_artist(label)
    # All labels are equally high, so that letters stand on one line in each: the foot of "y" on the padding.
    baseline = (PADDING[1] + measure_descent(tags.font) * DPI) / (letter_height(tags.font) + 2 * PADDING[1])
    text = axes.text(x + width / 2, y + baseline * height, tags.texts[i], transform=axes.transAxes, zorder=7.0)
    text.set(fontproperties=tags.font, color=theme.ink, ha="center", va="baseline")
