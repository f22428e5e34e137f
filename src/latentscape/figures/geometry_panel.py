"""The shape of each layer: one small panel a measure, over the layers."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, NullLocator

from latentscape.figures.headline import fit_text, line_height, measure_text, text_font, wrap_text, write_text
from latentscape.figures.layer_axis import LayerAxis, Series, draw_series, dress_layer_axis
from latentscape.figures.render import plain
from latentscape.figures.style import Style, ThemedFigure, dress_axes, say_nothing_here
from latentscape.findings import LayerFindings
from latentscape.measures.score import Score

TITLES = {
    "silhouette": "Silhouette of the classes",
    "within_between": "Spread within / between (NC1)",
    "effective_rank": "Effective rank (RankMe)",
    "intrinsic_dimension": "Intrinsic dimension (TwoNN)",
    "mean_cosine": "Mean cosine of pairs",
    "hubness": "Hubness (skewness)",
}
DIRECTIONS = {"higher": "↑ better", "lower": "↓ better", "neither": ""}
HEADER, PANEL = 0.24, 0.95
WIDE, LEAST_SPAN = 50.0, 0.05
"""Values whose largest is so many times the smallest are drawn on a logarithmic axis; another axis spans at least such
a share of its largest value."""


def list_geometry(layers: Sequence[LayerFindings]) -> list[str]:
    """The names of the measures that any layer has, the usual ones first."""
    found = dict.fromkeys(name for layer in layers for name in layer.geometry)
    return [*(name for name in TITLES if name in found), *(name for name in found if name not in TITLES)]


def draw_geometry(
    axes: Axes, layers: Sequence[LayerFindings], name: str, *, axis: LayerAxis, named: bool, style: Style
) -> None:
    """One measure with its intervals over the layers."""
    scores = [layer.geometry.get(name) for layer in layers]
    series = Series(scores=scores, color=style.theme.ink)
    if not np.isfinite(series.values).any():
        reason = next((plain(score.reason, limit=120) for score in scores if score and score.reason), "not measured")
        say_nothing_here(axes, "\n".join(wrap_text(reason, text_font(8.0), width=axis.width - 0.2)), style)
        axes.texts[0].set_fontproperties(text_font(8.0))
        dress_layer_axis(axes, axis, style, named=named)
        return
    dress_axes(axes, style)
    draw_series(axes, series, style)
    dress_layer_axis(axes, axis, style, named=named)
    _scale(axes, series)


def write_geometry_header(
    figure: ThemedFigure, layers: Sequence[LayerFindings], name: str, *, left: float, top: float, width: float
) -> None:
    """What is measured, and which way is better."""
    font, small, theme = text_font(9.0, bold=True), text_font(8.0), figure.style.theme
    better = next((score.better for layer in layers if (score := layer.geometry.get(name))), "neither")
    direction = DIRECTIONS[better]
    room = width - measure_text(direction, small)[0] - 0.1
    title = fit_text(TITLES.get(name, plain(name.replace("_", " "))), font, width=room)
    write_text(figure, title, left=left, top=top, font=font, color=theme.ink)
    drop = (line_height(font) - line_height(small)) / 2
    write_text(figure, direction, left=left + width, top=top + drop, font=small, color=theme.muted, ha="right")


def name_last(figure: ThemedFigure, axes: Axes, score: Score | None, *, left: float, top: float) -> None:
    """The value of the last layer right of the panel, as high as its marker."""
    if score is None or score.value is None:
        return
    font = text_font(8.0)
    height = axes.transAxes.inverted().transform(axes.transData.transform((0.0, score.value)))[1]
    above = top + PANEL * (1 - float(height)) - line_height(font) / 2
    write_text(figure, say_tick(score.value), left=left, top=above, font=font, color=figure.style.theme.ink)


def _scale(axes: Axes, series: Series) -> None:
    """Few ticks; logarithmic where the values span orders of magnitude."""
    ends = _ends(series.scores)
    if ends.min() > 0 and ends.max() > WIDE * ends.min():
        axes.set_yscale("log")
        axes.margins(y=0.12)
        axes.yaxis.set_major_locator(LogLocator(numticks=4))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_minor_formatter(NullFormatter())
    else:
        middle, half = (ends.max() + ends.min()) / 2, (ends.max() - ends.min()) / 2
        # A measure that hardly changes must not look as if it did.
        half = 1.12 * max(half, LEAST_SPAN / 2 * np.abs(ends).max()) or 1.0
        axes.set_ylim(middle - half, middle + half)
        axes.yaxis.set_major_locator(MaxNLocator(3, steps=(1, 2, 5, 10)))
    axes.yaxis.set_major_formatter(lambda value, _: say_tick(value))


def say_tick(value: float) -> str:
    """At most three digits and a real minus sign.

    >>> say_tick(-0.25), say_tick(1500.0), say_tick(1e-17)
    ('−0.25', '1,500', '0')
    """
    near = 0.0 if abs(value) < 1e-12 else value
    text = f"{near:,.0f}" if 1000 <= abs(near) < 1e6 else f"{near:.3g}"
    return text.replace("-", "−")


def _ends(scores: Sequence[Score | None]) -> np.ndarray:
    known = [score for score in scores if score is not None and score.value is not None]
    ends = [end for score in known for end in (score.low, score.value, score.high) if end is not None]
    return np.array(ends, dtype=np.float64)
