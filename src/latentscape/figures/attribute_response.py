"""Similarity against how far apart documents are in one number: does it fall, where does it stop, does it break?"""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from latentscape.figures.geometry_panel import say_tick
from latentscape.figures.headline import MARGIN, fit_text, text_font
from latentscape.figures.inches import open_figure, place_axes
from latentscape.figures.layer_axis import LINEAR_COLORS
from latentscape.figures.legend_row import Mark, measure_legend_row, write_legend_row
from latentscape.figures.response_words import (
    list_unmeasured,
    name_curve,
    say_axis,
    say_flat,
    say_responses,
    say_size,
)
from latentscape.figures.score_rows import (
    Header,
    measure_header,
    measure_notes,
    wrap_notes,
    write_header,
    write_notes,
)
from latentscape.figures.style import Style, ThemedFigure, dress_axes, say_nothing_here, themed
from latentscape.findings import EmbeddingsFindings
from latentscape.measures.response import ResponseCurve

MOST_CURVES, COLUMNS = 6, 2
LEFT, PANEL, HEIGHT, STRIP, BETWEEN, BELOW, GAP = 0.72, 4.7, 2.6, 0.55, 0.1, 0.5, 0.35
"""Inches: left of each panel, its width and height, the strip of counts, the gap above it, below it, between panels."""
CROWDED = 8.0
"""The last bin is so many times as far as the middle one."""
UNTOLD = 2.0
"""The width of a band from -1 to 1: too few documents to tell."""
LEAST_SPAN = 0.05
"""Of cosine similarity: a curve that hardly moves must not look as if it did."""
SUBTITLE = (
    "Pairs of documents that agree in every other attribute (unknown agrees with unknown), in bins by how far apart "
    "they are in this one; below each curve the number of pairs in each bin. τ: −1 falls all the way, 0 no answer."
)


def draw_attribute_response(findings: EmbeddingsFindings, style: Style) -> Figure | None:
    """A panel a number; None where no response was measured."""
    curves = [curve for curve in findings.responses if len(curve.difference)][:MOST_CURVES]
    if not curves:
        return None
    with themed(style):
        columns = min(len(curves), COLUMNS)
        width = 2 * MARGIN + columns * (LEFT + PANEL) + (columns - 1) * GAP
        headers = [Header(heading=_heading(curve), reading=say_size(curve)) for curve in curves]
        header = measure_header([(each, PANEL) for each in headers])
        step = header + HEIGHT + BETWEEN + STRIP + BELOW + GAP
        marks, room = _list_marks(curves, style), width - 2 * MARGIN
        legend, notes = measure_legend_row(marks, width=room), wrap_notes(_list_notes(findings), width=room)
        below = -(-len(curves) // columns) * step - GAP
        figure, top = open_figure(
            style, say_responses(findings.responses), subtitle=SUBTITLE, stamps=findings.model.stamps, width=width,
            below=legend + below + measure_notes(notes),
        )  # fmt: skip
        write_legend_row(figure, marks, left=MARGIN, top=top, width=room)
        top += legend
        for i, (curve, each) in enumerate(zip(curves, headers, strict=True)):
            left, at = MARGIN + LEFT + i % columns * (LEFT + PANEL + GAP), top + i // columns * step
            write_header(figure, each, left=left, top=at, width=PANEL)
            _draw_curve(figure, curve, left=left, top=at + header)
        write_notes(figure, notes, top=top + below)
    return figure


def _heading(curve: ResponseCurve) -> str:
    flat = say_flat(curve)
    return f"{name_curve(curve)}: {flat}" if flat else name_curve(curve)


def _list_marks(curves: Sequence[ResponseCurve], style: Style) -> list[Mark]:
    blue, theme = LINEAR_COLORS[style.dark], style.theme
    marks = [Mark(text="mean cosine of a bin, shaded: 95% band", color=blue, edge=blue, line="-")]
    if any(curve.breaks for curve in curves):
        text = "break: above an earlier bin by more than chance"
        marks.append(Mark(text=text, color=theme.paper, edge=theme.wrong, size=9.0))
    if any(curve.flat_from is not None for curve in curves):
        text, ink = "no further fall from here on", theme.muted
        marks.append(Mark(text=text, color=ink, edge=ink, marker="|", size=11.0))
    return marks


def _draw_curve(figure: ThemedFigure, curve: ResponseCurve, *, left: float, top: float) -> None:
    """The curve over the strip of counts, on one horizontal axis."""
    style, span, squeezed = figure.style, _span(curve), _is_crowded(curve)
    upper = place_axes(figure, left=left, top=top, width=PANEL, height=HEIGHT)
    lower = place_axes(figure, left=left, top=top + HEIGHT + BETWEEN, width=PANEL, height=STRIP)
    if np.isfinite(curve.similarity).any():
        _draw_similarity(upper, curve, style)
    else:
        say_nothing_here(upper, "no bin has a mean cosine", style)
    _draw_counts(lower, curve, style)
    for axes in (upper, lower):
        if squeezed:
            axes.set_xscale("function", functions=(_root, _square))
        axes.set_xlim(*span)
        axes.xaxis.set_major_locator(MaxNLocator(6, steps=(1, 2, 2.5, 5, 10)))
    upper.tick_params(labelbottom=False)
    lower.xaxis.set_major_formatter(lambda at, _: say_tick(at))
    font = text_font(9.0)
    lower.set_xlabel(fit_text(say_axis(curve, squeezed=squeezed), font, width=PANEL), fontproperties=font)


def _is_crowded(curve: ResponseCurve) -> bool:
    """Whether most bins would lie on top of each other at the left end of an even axis."""
    return bool(np.median(curve.difference) * CROWDED < curve.difference.max())


def _root(x: np.ndarray) -> np.ndarray:
    return np.sign(x) * np.sqrt(np.abs(x))


def _square(x: np.ndarray) -> np.ndarray:
    return np.sign(x) * np.square(x)


def _span(curve: ResponseCurve) -> tuple[float, float]:
    """From before the first bin to behind the last."""
    last = float(curve.difference.max())
    before, behind = (0.001, 0.08) if _is_crowded(curve) else (0.04, 0.04)
    return (-before * last, last + behind * last) if last else (-1.0, 1.0)


def _draw_similarity(axes: Axes, curve: ResponseCurve, style: Style) -> None:
    dress_axes(axes, style, grid="both")
    x, y, blue, theme = curve.difference, curve.similarity, LINEAR_COLORS[style.dark], style.theme
    if len(x) > 1:
        axes.fill_between(x, curve.low, curve.high, color=blue, alpha=0.22, linewidth=0, zorder=2)
    axes.vlines(x, curve.low, curve.high, color=blue, linewidth=0.9, alpha=0.6, zorder=2.5)
    axes.plot(x, y, color=blue, linewidth=1.5, marker="o", markersize=4.6, zorder=4)
    broken = [i for i in curve.breaks if 0 <= i < len(x)]
    axes.scatter(x[broken], y[broken], s=110, facecolors="none", edgecolors=theme.wrong, linewidths=1.6, zorder=5)
    if curve.flat_from is not None:
        axes.axvline(curve.flat_from, color=theme.muted, linewidth=1.2, linestyle=(0, (4, 2)), zorder=1.5)
    axes.set_ylim(*_choose_height(curve))
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=(1, 2, 5, 10)))
    axes.yaxis.set_major_formatter(lambda at, _: say_tick(at))
    axes.set_ylabel("cosine similarity")


def _choose_height(curve: ResponseCurve) -> tuple[float, float]:
    """Limits around the curve and its band, without the bins whose band says nothing."""
    told = curve.high - curve.low < UNTOLD
    ends = np.concatenate([curve.similarity, curve.low[told], curve.high[told]])
    low, high = float(np.nanmin(ends)), float(np.nanmax(ends))
    middle, half = (low + high) / 2, max(0.56 * (high - low), LEAST_SPAN)
    return (middle - half, middle + half)


def _draw_counts(axes: Axes, curve: ResponseCurve, style: Style) -> None:
    """An upright stroke a bin: bars would need a width that bins of different width don't share."""
    dress_axes(axes, style)
    axes.vlines(curve.difference, 0, curve.n, color=style.theme.muted, linewidth=5.0, zorder=2)
    most = max(int(curve.n.max()), 1)
    axes.set_ylim(0, 1.1 * most)
    axes.set_yticks([0, most], ["0", f"{most:,}"])
    axes.set_ylabel("pairs")


def _list_notes(findings: EmbeddingsFindings) -> list[str]:
    """What is left out, and what could not be measured."""
    n, notes = len(findings.responses), []
    if n > MOST_CURVES:
        notes.append(f"Of {n:,} numbers the first {MOST_CURVES} are shown; the title counts all.")
    if any((curve.high - curve.low >= UNTOLD).any() for curve in findings.responses[:MOST_CURVES]):
        notes.append("Where a band is as high as its panel, too few documents tell how sure the bin is.")
    return [*notes, *list_unmeasured(findings.unmeasured)]
