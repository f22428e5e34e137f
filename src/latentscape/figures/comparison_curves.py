"""Scores over the checkpoints: one small panel a score, one line in it or one a layer, named at their right ends."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from latentscape.figures.comparison_axis import spread
from latentscape.figures.comparison_words import DIGITS
from latentscape.figures.geometry_panel import DIRECTIONS, say_tick
from latentscape.figures.headline import fit_text, line_height, measure_text, text_font, wrap_text, write_text
from latentscape.figures.layer_axis import (
    LayerAxis,
    Series,
    draw_series,
    dress_layer_axis,
    fit_layer_names,
    stack_labels,
)
from latentscape.figures.render import plain
from latentscape.figures.style import Style, ThemedFigure, dress_axes, say_nothing_here
from latentscape.figures.words import say_number, say_share
from latentscape.measures.score import Better, Score

PANEL, HEADER = 1.55, 0.24
LABELS = 1.35
"""Inches right of a panel, where its lines are named."""
MOST_LINES = 6
MARKERS = "osD^vP"
SPREAD, APART = 0.4, 0.07
"""The lines' markers are spread so that none hides another: over such a share of the way between two checkpoints at
most, and so many inches apart at most."""
LEAST_SPAN = {True: 0.1, False: 0.02}
"""What an axis of shares (True) and any other spans at least, the latter times its largest value: a score that hardly
changes must not look as if it did."""
SHADES = {False: (0.02, 0.74), True: (0.32, 0.97)}
"""Of viridis, on light and on dark (True) paper: what can be seen on it."""


@dataclass(frozen=True, kw_only=True)
class Curve:
    """One score at every checkpoint; None where there is none."""

    scores: Sequence[Score | None]
    color: str
    name: str = ""
    marker: str = "o"

    @property
    def last(self) -> float | None:
        """The last value measured."""
        return next((s.value for s in reversed(self.scores) if s is not None and s.value is not None), None)


@dataclass(frozen=True, kw_only=True)
class Plot:
    """One panel."""

    title: str
    curves: Sequence[Curve]
    shares: bool = False
    """Whether values are percentages."""

    @property
    def better(self) -> Better:
        """Which way is better."""
        scores = [score for curve in self.curves for score in curve.scores if score is not None]
        return scores[0].better if scores else "neither"


def shade(n: int, style: Style) -> list[str]:
    """A color for each of `n` layers, from the input to the output."""
    low, high = SHADES[style.dark]
    return [to_hex(colormaps["viridis"](value)) for value in np.linspace(low, high, max(n, 1))[:n]]


def draw_plot(axes: Axes, plot: Plot, *, axis: LayerAxis, recommended: int, named: bool, style: Style) -> None:
    """The curves with their 95 % intervals over a band that marks the recommended checkpoint."""
    ends = _ends(plot)
    if not len(ends):
        reasons = [s.reason for curve in plot.curves for s in curve.scores if s is not None and s.reason]
        reason = plain(next(iter(reasons), "not measured"), limit=140)
        say_nothing_here(axes, "\n".join(wrap_text(reason, text_font(8.0), width=axis.width - 0.2)), style)
        axes.texts[0].set_fontproperties(text_font(8.0))
    else:
        dress_axes(axes, style)
        n = len(plot.curves)
        shifts = spread(n, width=min(SPREAD, n * APART * len(axis.names) / axis.width))
        for curve, shift in zip(plot.curves, shifts, strict=True):
            draw_series(axes, Series(scores=curve.scores, color=curve.color, marker=curve.marker, shift=shift), style)
        axes.axvspan(recommended - 0.3, recommended + 0.3, color=style.theme.right, alpha=0.14, linewidth=0, zorder=1)
        axes.set_ylim(_limits(ends, shares=plot.shares))
        axes.yaxis.set_major_locator(MaxNLocator(4, steps=(1, 2, 2.5, 5, 10), min_n_ticks=3))
        axes.yaxis.set_major_formatter(lambda at, _: f"{say_tick(100 * at)}%" if plot.shares else say_tick(at))
    dress_layer_axis(axes, axis, style, named=named)


def write_plot_header(figure: ThemedFigure, plot: Plot, *, left: float, top: float, width: float) -> None:
    """What is measured, and which way is better."""
    font, small, theme = text_font(9.0, bold=True), text_font(8.0), figure.style.theme
    direction = DIRECTIONS[plot.better]
    title = fit_text(plot.title, font, width=width - measure_text(direction, small)[0] - 0.1)
    write_text(figure, title, left=left, top=top, font=font, color=theme.ink)
    drop = (line_height(font) - line_height(small)) / 2
    write_text(figure, direction, left=left + width, top=top + drop, font=small, color=theme.muted, ha="right")


def name_curves(figure: ThemedFigure, axes: Axes, plot: Plot, *, left: float, top: float) -> None:
    """Right of the panel each curve's mark, name and last value, as high as its end and none on another."""
    known = [(curve, curve.last) for curve in plot.curves]
    known = [(curve, value) for curve, value in known if value is not None]
    if not known:
        return
    font, (low, high) = text_font(8.0), axes.get_ylim()
    height = line_height(font)
    tops = [PANEL * (high - value) / (high - low) - height / 2 for _, value in known]
    places = stack_labels(tops, height=height, lowest=PANEL - height / 2)
    values = [say_share(value) if plot.shares else _say_last(value) for _, value in known]
    room = LABELS - 0.3 - max(measure_text(f" {value}", font)[0] for value in values)
    names = fit_layer_names([curve.name for curve, _ in known], font, width=room) if len(known) > 1 else [""]
    for (curve, _), value, name, place in zip(known, values, names, places, strict=True):
        at = left
        if len(plot.curves) > 1:
            _draw_mark(figure, curve, left=left + 0.06, top=top + place + height / 2)
            at += 0.16
        write_text(figure, f"{name} {value}".strip(), left=at, top=top + place, font=font, color=figure.style.theme.ink)


def _say_last(value: float) -> str:
    return say_number(value, digits=DIGITS) if abs(value) < 10 else say_tick(value)


def _draw_mark(figure: ThemedFigure, curve: Curve, *, left: float, top: float) -> None:
    """Colors that a mark shows well can be hard to read as letters."""
    width, height = figure.get_size_inches()
    mark = Line2D([left / width], [1 - top / height], marker=curve.marker, linestyle="", transform=figure.transFigure)
    mark.set(markersize=4.6, markerfacecolor=curve.color, markeredgecolor=curve.color)
    figure.add_artist(mark)


def _ends(plot: Plot) -> np.ndarray:
    known = [s for curve in plot.curves for s in curve.scores if s is not None and s.value is not None]
    ends = [end for s in known for end in (s.low, s.value, s.high) if end is not None and np.isfinite(end)]
    return np.array(ends, dtype=np.float64)


def _limits(ends: np.ndarray, *, shares: bool) -> tuple[float, float]:
    middle, half = (ends.max() + ends.min()) / 2, (ends.max() - ends.min()) / 2
    least = LEAST_SPAN[shares] * (1.0 if shares else float(np.abs(ends).max())) / 2
    half = 1.12 * max(float(half), least) or 1.0
    return float(middle - half), float(middle + half)
