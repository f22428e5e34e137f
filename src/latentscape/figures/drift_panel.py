"""How far each class lies in one dataset from where it lies in another, layer by layer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from latentscape.figures.headline import fit_text, line_height, text_font, write_text
from latentscape.figures.inches import place_axes
from latentscape.figures.layer_axis import (
    LayerAxis,
    draw_intervals,
    dress_layer_axis,
    fit_names,
    plan_layer_axis,
    stack_labels,
)
from latentscape.figures.render import plain, plain_names
from latentscape.figures.style import Style, ThemedFigure, dress_axes, say_nothing_here
from latentscape.findings import LatentsFindings
from latentscape.measures.drift import ClassDrift

ALPHA = 0.05
HEADER, PANEL, LABELS, Y_LABEL, GAP = 0.44, 2.2, 1.25, 0.55, 0.3
DODGE, NARROWEST, PITCH = 0.07, 3.2, 0.3
"""Inches from one class's dot to the next; the least width of a panel, and of a layer in it."""
ALONE, PER_LAYER = 6.0, 1.5
"""Inches of the only panel, and of a layer in it."""
MOST_NAMES, MOST_PAIRS = 13, 10
"""As many names as have room beside the panel; as many panels as anybody looks at."""
CROWDED = 0.03
"""With fewer inches from dot to dot, intervals would be a thicket and are left out."""

Drifts = Mapping[int, Sequence[ClassDrift | None]]
"""By class, for each layer."""


@dataclass(frozen=True, kw_only=True)
class DriftPlan:
    """A panel for each pair of datasets, as many beside each other as fit."""

    pairs: Sequence[tuple[int, int]]
    axis: LayerAxis
    columns: int

    @property
    def panel_width(self) -> float:
        """Of a panel with all that is written beside it."""
        return Y_LABEL + self.axis.width + LABELS

    @property
    def row_height(self) -> float:
        """From one row of panels to the next."""
        return HEADER + PANEL + self.axis.height + GAP

    @property
    def width(self) -> float:
        """Of all."""
        return self.columns * (self.panel_width + GAP) - GAP

    @property
    def height(self) -> float:
        """Of all."""
        return -(-len(self.pairs) // self.columns) * self.row_height - GAP if self.pairs else 0.0


def plan_drifts(findings: LatentsFindings, *, room: float) -> DriftPlan:
    """Panels at most `room` inches wide together."""
    pairs = _choose_pairs(findings)
    n_classes = len({drift.label for layer in findings.layers for drift in layer.drifts})
    wanted = max(NARROWEST, len(findings.layers) * max(PITCH, DODGE * (n_classes + 1)))
    most = max(room - Y_LABEL - LABELS, NARROWEST)
    width = min(max(wanted, min(ALONE, PER_LAYER * len(findings.layers)) if len(pairs) == 1 else 0.0), most)
    columns = max(int((room + GAP) // (Y_LABEL + width + LABELS + GAP)), 1)
    axis = plan_layer_axis([layer.title for layer in findings.layers], width=width)
    return DriftPlan(pairs=pairs, axis=axis, columns=min(columns, max(len(pairs), 1)))


def draw_drifts(figure: ThemedFigure, findings: LatentsFindings, *, plan: DriftPlan, left: float, top: float) -> None:
    """One panel a pair of datasets, all with one scale."""
    highest = max(
        (drift.score.high or drift.score.value or 0.0 for layer in findings.layers for drift in layer.drifts),
        default=0.0,
    )
    for i, pair in enumerate(plan.pairs):
        x = left + Y_LABEL + i % plan.columns * (plan.panel_width + GAP)
        y = top + i // plan.columns * plan.row_height
        drifts = collect(findings, pair)
        width = plan.axis.width + LABELS
        title, finding = _say_pair(findings, pair, width=width), _say_displaced(findings, drifts)
        _write_header(figure, title, finding, left=x, top=y, width=width)
        axes = place_axes(figure, left=x, top=y + HEADER, width=plan.axis.width, height=PANEL)
        if not any(_value(drift) is not None for curve in drifts.values() for drift in curve):
            say_nothing_here(axes, "drift could not be measured", figure.style)
            continue
        _draw_panel(axes, findings, drifts, axis=plan.axis, style=figure.style)
        axes.set_ylim(-0.04 * (highest or 1.0), 1.06 * (highest or 1.0))
        if i % plan.columns == 0:
            axes.set_ylabel("drift, in class spreads")
        _name_classes(figure, findings, drifts, axes=axes, left=x + plan.axis.width + 0.08, top=y + HEADER)


def list_pairs(findings: LatentsFindings) -> list[tuple[int, int]]:
    """The pairs of datasets between which any drift was looked at."""
    return sorted({(drift.first, drift.second) for layer in findings.layers for drift in layer.drifts})


def _choose_pairs(findings: LatentsFindings) -> list[tuple[int, int]]:
    """Of very many pairs those with the largest drift in the last layer, in their own order."""

    def largest(pair: tuple[int, int]) -> float:
        drifts = [drift for drift in findings.layers[-1].drifts if (drift.first, drift.second) == pair]
        return max((drift.score.value for drift in drifts if drift.score.value is not None), default=-1.0)

    return sorted(sorted(list_pairs(findings), key=largest, reverse=True)[:MOST_PAIRS])


def collect(findings: LatentsFindings, pair: tuple[int, int]) -> Drifts:
    """One pair of datasets: the drift of each class in each layer, None where there is none."""
    by_layer = [{d.label: d for d in layer.drifts if (d.first, d.second) == pair} for layer in findings.layers]
    labels = sorted({label for drifts in by_layer for label in drifts})
    return {label: [drifts.get(label) for drifts in by_layer] for label in labels}


def is_displaced(drift: ClassDrift | None) -> bool:
    """Whether permuted dataset labels seldom give as large a drift."""
    return _value(drift) is not None and drift is not None and drift.p_value is not None and drift.p_value <= ALPHA


def _value(drift: ClassDrift | None) -> float | None:
    return None if drift is None else drift.score.value


def _write_header(figure: ThemedFigure, title: str, finding: str, *, left: float, top: float, width: float) -> None:
    theme, bold, small = figure.style.theme, text_font(10.0, bold=True), text_font(8.0)
    write_text(figure, fit_text(title, bold, width=width), left=left, top=top, font=bold, color=theme.ink)
    finding = fit_text(finding, small, width=width)
    write_text(figure, finding, left=left, top=top + line_height(bold), font=small, color=theme.muted)


def _say_pair(findings: LatentsFindings, pair: tuple[int, int], *, width: float) -> str:
    """Both datasets' names, each cut to half of the room."""
    names, font = plain_names(findings.dataset_names), text_font(10.0, bold=True)
    return " – ".join(fit_text(names[dataset], font, width=(width - 0.3) / 2) for dataset in pair)


def _say_displaced(findings: LatentsFindings, drifts: Drifts) -> str:
    """How many classes lie elsewhere in the last layer, held against how many would by chance alone."""
    last = [curve[-1] for curve in drifts.values() if _value(curve[-1]) is not None]
    tested = [drift for drift in last if drift is not None and drift.p_value is not None]
    if not tested:
        return "not tested against chance"
    n = sum(map(is_displaced, tested))
    layer = plain(findings.layers[-1].title, limit=30)
    return f"{n} of {len(tested)} classes displaced; {ALPHA * len(tested):.1g} by chance, in {layer}"


def _draw_panel(axes: Axes, findings: LatentsFindings, drifts: Drifts, *, axis: LayerAxis, style: Style) -> None:
    """Each class has its own place in every layer's stripe; hollow dots may be chance."""
    dress_axes(axes, style)
    n_layers, step = len(axis.names), _step(axis, len(drifts))
    for i in range(0, n_layers, 2):
        axes.axvspan(i - 0.5, i + 0.5, color=style.theme.panel, linewidth=0, zorder=0)
    size = float(np.clip(step * axis.width / n_layers * 72, 2.0, 5.0))
    for at, (label, curve) in enumerate(drifts.items()):
        x = np.arange(n_layers) + (at - (len(drifts) - 1) / 2) * step
        y = np.array([np.nan if (value := _value(drift)) is None else value for drift in curve])
        color = style.class_color(findings.class_names[label], label)
        axes.plot(x, y, color=color, linewidth=0.8, alpha=0.35, zorder=3)
        if step * axis.width / n_layers >= CROWDED:
            scores = [None if drift is None else drift.score for drift in curve]
            draw_intervals(axes, x, scores, color=color, linewidth=0.9)
        filled = np.array([is_displaced(drift) for drift in curve])
        for rows, fill in ((filled, color), (~filled, style.theme.paper)):
            if rows.any():
                axes.scatter(x[rows], y[rows], s=size**2, color=fill, edgecolors=color, linewidths=0.9, zorder=6)
    dress_layer_axis(axes, axis, style, named=True)
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=(1, 2, 5, 10)))


def _step(axis: LayerAxis, n: int) -> float:
    """From class to class, in layers."""
    return min(0.86 / max(n, 1), 2 * DODGE * len(axis.names) / axis.width)


def _name_classes(
    figure: ThemedFigure, findings: LatentsFindings, drifts: Drifts, *, axes: Axes, left: float, top: float
) -> None:
    """The classes that lie farthest apart where they were last measured, beside their dots."""
    font, style = text_font(8.0), figure.style
    last = {
        label: next((v for d in reversed(curve) if (v := _value(d)) is not None), None)
        for label, curve in drifts.items()
    }
    known = sorted(((value, label) for label, value in last.items() if value is not None), reverse=True)[:MOST_NAMES]
    names = fit_names(findings.class_names, font, width=LABELS - 0.3, fit=fit_text)
    low, high = axes.get_ylim()
    height = line_height(font)
    tops = [PANEL * (high - value) / (high - low) - height / 2 for value, _ in known]
    places = stack_labels(tops, height=height, lowest=PANEL - height / 2)
    for (_, label), place in zip(known, places, strict=True):
        color = style.class_color(findings.class_names[label], label)
        _draw_dot(figure, left=left + 0.05, top=top + place + height / 2, color=color)
        write_text(figure, names[label], left=left + 0.14, top=top + place, font=font, color=style.theme.ink)


def _draw_dot(figure: ThemedFigure, *, left: float, top: float, color: str) -> None:
    """Colors that a dot shows well can be hard to read as letters."""
    width, height = figure.get_size_inches()
    dot = Line2D([left / width], [1 - top / height], marker="o", linestyle="", transform=figure.transFigure)
    dot.set(markersize=4.5, markerfacecolor=color, markeredgecolor=color)
    figure.add_artist(dot)
