"""Are classes that lie close together in a layer the ones that the model confuses? One panel a layer."""

import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from latentscape.figures.headline import (
    MARGIN,
    fit_path,
    fit_text,
    line_height,
    text_font,
    write_headline,
    write_text,
)
from latentscape.figures.inches import place_axes
from latentscape.figures.labels import Tags, write_tags
from latentscape.figures.render import plain, plain_names
from latentscape.figures.style import DPI, Style, ThemedFigure, dress_axes, new_figure, say_nothing_here, themed
from latentscape.figures.words import say_certainty, say_relation, say_strongest_relation
from latentscape.findings import LatentsFindings, LayerFindings
from latentscape.measures.distance import ConfusionAgainstDistance
from latentscape.shapes import Rows

SUBTITLE = (
    "Each dot is a pair of classes: left means close together in that layer's own space, high means often taken for "
    "each other. Named: the pairs confused most (red) and the closest pair."
)
HEADER, X_LABEL, Y_LABEL = 0.62, 0.48, 0.6
COLUMN_GAP, ROW_GAP = 0.3, 0.25
DOT = 6.0
"""Diameter in points."""
STEPS = (1, 2, 2.5, 5, 10)
N_NAMED = 4
"""How many of the most confused pairs are named."""
MAX_NAME_WIDTH = 1.0
"""Inches; a longer class name is cut."""


def draw_confusion_distance(findings: LatentsFindings, style: Style) -> ThemedFigure | None:
    """Confusion rate of every pair of classes against their distance, layer by layer; None without layers."""
    n_layers = len(findings.layers)
    if not n_layers:
        return None
    columns = {1: 1, 2: 2, 4: 2}.get(n_layers, 3)
    width, height = (6.6, 4.2) if columns == 1 else (4.2, 3.3)
    row_height = HEADER + height + X_LABEL + ROW_GAP
    with themed(style):
        figure, top = _open_figure(
            findings,
            style,
            width=2 * MARGIN + Y_LABEL + columns * (width + COLUMN_GAP) - COLUMN_GAP,
            height=-(-n_layers // columns) * row_height - ROW_GAP,
        )
        for i, layer in enumerate(findings.layers):
            left = MARGIN + Y_LABEL + i % columns * (width + COLUMN_GAP)
            place = {"left": left, "top": top + i // columns * row_height + HEADER, "width": width}
            axes = place_axes(figure, **place, height=height)
            _write_header(figure, layer, **place)
            _draw_panel(axes, findings, layer.confusion, style=style)
            if i % columns:
                axes.tick_params(labelleft=False)
            elif len(layer.confusion.rates):
                axes.set_ylabel("confusion rate of the pair")
    return figure


def _open_figure(findings: LatentsFindings, style: Style, *, width: float, height: float) -> tuple[ThemedFigure, float]:
    """A figure just high enough, with its headline, and the inches from its top to the first row."""
    # The headline is as high as its words need at this width: a draft tells how high that is.
    top = _write_headline(new_figure(style, width=width, height=1.0), findings)
    figure = new_figure(style, width=width, height=top + height + MARGIN)
    return figure, _write_headline(figure, findings)


def _write_headline(figure: ThemedFigure, findings: LatentsFindings) -> float:
    title = say_strongest_relation(findings.layers) or "Distance of classes and their confusion can't be compared here"
    return write_headline(figure, title, subtitle=SUBTITLE, stamps=findings.model.stamps)


def _write_header(figure: ThemedFigure, layer: LayerFindings, *, left: float, top: float, width: float) -> None:
    """Three lines above the panel: the layer, its finding, how sure it is."""
    theme, spearman = figure.style.theme, layer.confusion.spearman
    bold, normal, small = text_font(10.0, bold=True), text_font(9.5), text_font(8.0)
    finding = say_relation(spearman)
    lines = (
        (fit_path(plain(layer.layer, limit=120), bold, width=width), bold, theme.ink),
        (fit_text(finding[0].upper() + finding[1:], normal, width=width), normal, theme.ink),
        (fit_text(say_certainty(spearman), small, width=width), small, theme.muted),
    )
    top -= sum(line_height(font) for _, font, _ in lines) + 0.06
    for text, font, color in lines:
        write_text(figure, text, left=left, top=top, font=font, color=color)
        top += line_height(font)


def _draw_panel(axes: Axes, findings: LatentsFindings, confusion: ConfusionAgainstDistance, *, style: Style) -> None:
    points = np.stack([confusion.distances, confusion.rates], axis=1)
    known = np.flatnonzero(np.isfinite(points).all(axis=1))
    if not len(known):
        say_nothing_here(axes, "no pair of classes to compare", style)
        return
    dress_axes(axes, style, grid="both")
    axes.set_xlabel(f"{confusion.metric} distance between class centroids")
    _set_limits(axes, findings, confusion.distances[known])
    most, closest = choose_named(confusion)
    others, theme = np.setdiff1d(known, [*most, *closest]), style.theme
    for rows, color, order in ((others, theme.muted, 3), (most, theme.wrong, 8), (closest, theme.ink, 8)):
        axes.scatter(*points[rows].T, s=DOT**2, color=color, edgecolors=theme.paper, linewidths=0.6, zorder=order)
    _name_pairs(axes, findings, confusion, rows=np.concatenate([most, closest]), style=style)


def choose_named(
    confusion: ConfusionAgainstDistance,
) -> tuple[Int[np.ndarray, " most"], Int[np.ndarray, " closest"]]:
    """The pairs to name: those confused most, if confused at all; and the closest one, if it is not among them."""
    known = np.flatnonzero(np.isfinite(confusion.distances) & np.isfinite(confusion.rates))
    most = known[np.argsort(-confusion.rates[known], kind="stable")][:N_NAMED]
    most = most[confusion.rates[most] > 0]
    closest = known[np.argsort(confusion.distances[known], kind="stable")][:1]
    return most, np.setdiff1d(closest, most)


def _name_pairs(
    axes: Axes, findings: LatentsFindings, confusion: ConfusionAgainstDistance, *, rows: Rows, style: Style
) -> None:
    font, points = text_font(8.0), np.stack([confusion.distances, confusion.rates], axis=1)
    names = [fit_text(name, font, width=MAX_NAME_WIDTH) for name in plain_names(findings.class_names)]
    tags = Tags(
        xy=points[rows],
        texts=[f"{names[a]}–{names[b]}" for a, b in confusion.pairs[rows]],
        colors=[style.theme.muted] * len(rows),
        font=font,
        outlined=False,
        clearance=DOT / 2 * DPI / 72 + 2,
        point_radius=DOT / 2 * DPI / 72,
        hiding_cost=90.0,
    )
    write_tags(axes, tags, points=points[np.isfinite(points).all(axis=1)], theme=style.theme)


def _set_limits(axes: Axes, findings: LatentsFindings, distances: Float[np.ndarray, " known"]) -> None:
    """The same rates in every panel; distances each in their own range, because each layer is a space of its own."""
    rates = np.concatenate([layer.confusion.rates for layer in findings.layers])
    top = max(float(np.nanmax(rates)), 0.01)
    low, high = float(distances.min()), float(distances.max())
    pad = 0.07 * (high - low) or 0.1 * max(high, 0.1)
    axes.set(xlim=(low - pad, high + pad), ylim=(-0.04 * top, 1.12 * top))
    axes.xaxis.set_major_locator(MaxNLocator(5, steps=STEPS))
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=STEPS))
    axes.yaxis.set_major_formatter(lambda rate, _: f"{round(100 * rate, 6):g}%")
