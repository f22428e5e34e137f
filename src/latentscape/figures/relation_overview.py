"""How strongly distance goes with confusion in every layer, where there are too many for a row each."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from latentscape.figures.distance_kinds import list_kinds, say_kind
from latentscape.figures.headline import fit_text, line_height, measure_text, text_font, write_text
from latentscape.figures.inches import place_axes
from latentscape.figures.layer_axis import (
    LINEAR_COLORS,
    OTHER_COLORS,
    LayerAxis,
    Series,
    draw_series,
    dress_layer_axis,
    plan_layer_axis,
    stack_labels,
)
from latentscape.figures.style import Style, ThemedFigure, dress_axes, say_nothing_here
from latentscape.figures.words import say_number, shows_relation
from latentscape.findings import LayerFindings

HEADER, PANEL, GAP = 0.46, 1.7, 0.35
LABEL_GAP = 0.1
HEADING = "In every layer"
READING = "Rank correlation ρ of distance and confusion, 95% interval; hollow: zero is within it; shaded: drawn below."
_LOW, _HIGH = -1.05, 1.05


def measure_overview(layers: Sequence[LayerFindings], *, width: float) -> float:
    """Inches that the overview takes from the top, a gap below it included."""
    return HEADER + PANEL + _plan(layers, width=width).height + GAP


def draw_overview(
    figure: ThemedFigure,
    layers: Sequence[LayerFindings],
    *,
    shown: Sequence[int],
    left: float,
    top: float,
    width: float,
) -> None:
    """The correlation in the layers' own space and by MMD over all layers; those of `shown` have a shaded stripe.

    `width` inches are those of the panel and of the names beside it.
    """
    style, axis = figure.style, _plan(layers, width=width)
    bold, small = text_font(10.0, bold=True), text_font(8.0)
    write_text(figure, HEADING, left=left, top=top, font=bold, color=style.theme.ink)
    reading = fit_text(READING, small, width=width)
    write_text(figure, reading, left=left, top=top + line_height(bold), font=small, color=style.theme.muted)
    axes = place_axes(figure, left=left, top=top + HEADER, width=axis.width, height=PANEL)
    curves = list_series(layers, style, shift=axis.shift).values()
    if not any(np.isfinite(curve.values).any() for curve in curves):
        say_nothing_here(axes, "no layer's correlation can be measured", style)
        dress_layer_axis(axes, axis, style, named=True)
        return
    dress_axes(axes, style)
    for i in shown:
        axes.axvspan(i - 0.5, i + 0.5, color=style.theme.grid, alpha=0.6, linewidth=0, zorder=0)
    axes.axhline(0, color=style.theme.muted, linewidth=0.9, zorder=1.5)
    for curve in curves:
        draw_series(axes, curve, style)
    dress_layer_axis(axes, axis, style, named=True)
    _dress_correlations(axes)
    _name_lines(figure, layers, left=left + axis.width + LABEL_GAP, top=top + HEADER, shift=axis.shift)


def list_series(layers: Sequence[LayerFindings], style: Style, *, shift: float) -> dict[str, Series]:
    """The layers' own distance and, where it was measured, MMD: by kind."""
    looks = ((LINEAR_COLORS, "o", False, -shift), (OTHER_COLORS, "D", True, shift))
    found = {}
    for kind, (colors, marker, dashed, side) in zip(_list_kinds(layers), looks, strict=False):
        measured = [list_kinds(layer).get(kind) for layer in layers]
        scores = [None if each is None else each.spearman for each in measured]
        hollow = np.array([score is None or not shows_relation(score) for score in scores], dtype=bool)
        found[kind] = Series(
            scores=scores, color=colors[style.dark], marker=marker, dashed=dashed, hollow=hollow, shift=side
        )
    return found


def _list_kinds(layers: Sequence[LayerFindings]) -> list[str]:
    own = layers[0].confusion.metric
    return [own, *(["mmd"] if any("mmd" in layer.other_confusions for layer in layers) else [])]


def _plan(layers: Sequence[LayerFindings], *, width: float) -> LayerAxis:
    names = [f"{say_kind(kind)} −0.00" for kind in _list_kinds(layers)]
    labels = max(measure_text(name, text_font(8.0))[0] for name in names) + LABEL_GAP
    return plan_layer_axis([layer.title for layer in layers], width=width - labels)


def _dress_correlations(axes: Axes) -> None:
    axes.set_ylim(_LOW, _HIGH)
    axes.set_yticks([-1, -0.5, 0, 0.5, 1], ["−1", "−0.5", "0", "0.5", "1"])
    axes.set_ylabel("ρ with confusion")


def _name_lines(
    figure: ThemedFigure, layers: Sequence[LayerFindings], *, left: float, top: float, shift: float
) -> None:
    """Right of the panel each distance with its last value, beside its line."""
    font, labels = text_font(8.0), []
    for kind, series in list_series(layers, figure.style, shift=shift).items():
        known = series.values[np.isfinite(series.values)]
        if len(known):
            labels.append((f"{say_kind(kind)} {say_number(known[-1])}", float(known[-1]), series.color))
    height = line_height(font)
    tops = [PANEL * (_HIGH - value) / (_HIGH - _LOW) - height / 2 for _, value, _ in labels]
    for (text, _, color), place in zip(
        labels, stack_labels(tops, height=height, lowest=PANEL - height / 2), strict=True
    ):
        write_text(figure, text, left=left, top=top + place, font=font, color=color)
