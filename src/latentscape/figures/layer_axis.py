"""Layers from left to right in model order: their names, and how a score is drawn over them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from matplotlib.axes import Axes
from matplotlib.font_manager import FontProperties

from latentscape.figures.headline import fit_path, line_height, measure_text, text_font
from latentscape.figures.render import ELLIPSIS, plain_names
from latentscape.figures.style import Style
from latentscape.measures.score import Score

LINEAR_COLORS, OTHER_COLORS = {False: "#0072b2", True: "#56b4e9"}, {False: "#c04f00", True: "#f0a53c"}
"""Of the linear reader and of the one beside it, on light and on dark (True) paper: Okabe and Ito's, tuned to both."""
NARROWEST, WIDEST, PITCH = 2.7, 4.6, 0.17
"""Inches: a panel's width, and what one layer needs where that makes it wider."""
LONGEST_NAME, SHIFT = 1.0, 0.05
NAME_SIZE = 7.5
MARKER = 4.6
"""Diameter in points."""
_PAD = 0.1

Fit = Callable[..., str]


@dataclass(frozen=True, kw_only=True)
class LayerAxis:
    """The horizontal axis that all panels over the layers share."""

    names: Sequence[str]
    width: float
    """Inches of the panel."""
    shift: float
    """How far left and right of a layer's middle two markers of it lie, so that neither hides the other."""
    upright: bool
    """Whether names stand on end, for want of room."""
    step: int
    """Every so manyth layer is named."""
    height: float
    """Inches that the names take below the panel."""


@dataclass(frozen=True, kw_only=True)
class Series:
    """One score over the layers; None where it was not measured."""

    scores: Sequence[Score | None]
    color: str
    marker: str = "o"
    dashed: bool = False
    hollow: Bool[np.ndarray, " layer"] | None = None
    """Which markers have no filling; None for none of them."""
    shift: float = 0.0
    """How far right of its layer's middle a marker lies."""

    @property
    def values(self) -> Float[np.ndarray, " layer"]:
        """NaN where nothing was measured."""
        return np.array([np.nan if s is None or s.value is None else s.value for s in self.scores], dtype=np.float64)


def plan_layer_axis(layers: Sequence[str], *, width: float | None = None) -> LayerAxis:
    """Names lie flat where they fit and stand on end elsewhere; where even that is too tight, some are left out."""
    width, font = width or min(max(NARROWEST, PITCH * len(layers)), WIDEST), text_font(NAME_SIZE)
    pitch = width / max(len(layers), 1)
    names = fit_layer_names(layers, font, width=LONGEST_NAME)
    longest = max((measure_text(name, font)[0] for name in names), default=0.0)
    upright = longest > pitch - 0.08
    step = int(np.ceil(0.9 * line_height(font) / pitch)) if upright else 1
    height = _PAD + (longest if upright else line_height(font))
    shift = min(0.1, SHIFT / pitch)
    return LayerAxis(names=names, width=width, shift=shift, upright=upright, step=step, height=height)


def fit_layer_names(layers: Sequence[str], font: FontProperties, *, width: float) -> list[str]:
    """`fit_names` for dotted paths, of which the end tells more."""
    return fit_names(layers, font, width=width, fit=_choose_fit(layers, font, width=width))


def fit_names(names: Sequence[str], font: FontProperties, *, width: float, fit: Fit) -> list[str]:
    """Drawable names that are not wider and still differ: those that cutting makes alike get their number, from 1."""
    safe = plain_names(names, limit=120)
    short = [fit(name, font, width=width) for name in safe]
    heads = [f"{i + 1} " for i in range(len(short))]
    return [
        name if short.count(name) == 1 else head + fit(full, font, width=width - measure_text(head, font)[0])
        for name, head, full in zip(short, heads, safe, strict=True)
    ]


def dress_layer_axis(axes: Axes, axis: LayerAxis, style: Style, *, named: bool) -> None:
    """One unit a layer, with its name below where `named`."""
    shown = range(0, len(axis.names), axis.step)
    axes.set_xlim(-0.5, len(axis.names) - 0.5)
    axes.set_xticks(list(shown), [axis.names[i] for i in shown] if named else [""] * len(shown))
    for label in axes.get_xticklabels():
        label.set(fontproperties=text_font(NAME_SIZE), color=style.theme.ink, rotation=90 if axis.upright else 0)


def draw_series(axes: Axes, series: Series, style: Style) -> None:
    """A line through the layers that were measured, broken at the others, with 95 % intervals."""
    values, color = series.values, series.color
    x = np.arange(len(values)) + series.shift
    axes.plot(x, values, color=color, linewidth=1.3, linestyle=(0, (4, 2)) if series.dashed else "-", zorder=4)
    draw_intervals(axes, x, series.scores, color=color)
    hollow = np.zeros(len(values), dtype=bool) if series.hollow is None else series.hollow
    for rows, fill in ((~hollow, color), (hollow, style.theme.paper)):
        known = rows & np.isfinite(values)
        if known.any():
            axes.scatter(
                x[known], values[known], s=MARKER**2, marker=series.marker, color=fill, edgecolors=color,
                linewidths=1.1, zorder=6,
            )  # fmt: skip


def draw_intervals(
    axes: Axes, x: Float[np.ndarray, " place"], scores: Sequence[Score | None], *, color: str, linewidth: float = 1.0
) -> None:
    """A thin upright stroke over each 95 % interval."""
    ends = np.array([_interval(score) for score in scores]).reshape(-1, 2)
    known = np.isfinite(ends).all(axis=1)
    axes.vlines(x[known], ends[known, 0], ends[known, 1], color=color, linewidth=linewidth, zorder=5)


def stack_labels(tops: Sequence[float], *, height: float, lowest: float) -> list[float]:
    """Places near the ones asked for, at least `height` apart and none beyond `lowest`, in the order given.

    >>> stack_labels([1.0, 0.75, 0.0], height=0.5, lowest=2.0)
    [1.25, 0.75, 0.0]
    """
    order = sorted(range(len(tops)), key=lambda i: tops[i])
    places = [0.0] * len(tops)
    for at, i in enumerate(order):
        places[i] = max(tops[i], places[order[at - 1]] + height) if at else tops[i]
    limit = lowest
    for i in reversed(order):
        places[i] = min(places[i], limit)
        limit = places[i] - height
    return places


def _choose_fit(layers: Sequence[str], font: FontProperties, *, width: float) -> Fit:
    """Too long dotted paths lose whole parts of their beginning, and paths of equal depth lose equally many."""
    paths = [name.split(".") for name in plain_names(layers, limit=120)]
    lost = {
        depth: next(
            (
                n
                for n in range(depth)
                if all(measure_text(_drop(path, n), font)[0] <= width for path in paths if len(path) == depth)
            ),
            0,
        )
        for depth in {len(path) for path in paths}
    }

    def fit(name: str, font: FontProperties, *, width: float) -> str:
        path = name.split(".")
        return fit_path(_drop(path, lost.get(len(path), 0)), font, width=width)

    return fit


def _drop(path: Sequence[str], n: int) -> str:
    return ELLIPSIS * (n > 0) + ".".join(path[n:])


def _interval(score: Score | None) -> tuple[float, float]:
    if score is None or score.value is None or score.low is None or score.high is None:
        return (np.nan, np.nan)
    return (score.low, score.high)
