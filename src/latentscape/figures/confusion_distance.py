"""Are classes that lie close together in a layer the ones that the model confuses, and would a map show it?"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from latentscape.figures.confusion_scatter import draw_scatter, list_legend
from latentscape.figures.distance_kinds import MAPS, list_kinds, say_axis, say_kind
from latentscape.figures.headline import MARGIN, fit_path, fit_text, line_height, text_font, write_text
from latentscape.figures.inches import open_figure, place_axes
from latentscape.figures.legend_row import Mark, measure_legend_row, write_legend_row
from latentscape.figures.relation_overview import draw_overview, measure_overview
from latentscape.figures.relation_strip import draw_strip, measure_names, measure_p
from latentscape.figures.relation_words import (
    say_interval_and_p,
    say_layers,
    say_map_verdict,
    say_misled,
    say_short_relation,
)
from latentscape.figures.render import plain
from latentscape.figures.shown_layers import choose_telling
from latentscape.figures.style import Style, ThemedFigure, say_nothing_here, themed
from latentscape.figures.words import say_certainty, say_count, say_relation
from latentscape.findings import LatentsFindings, LayerFindings
from latentscape.measures.distance import ConfusionAgainstDistance

SUBTITLE = "Left means close together, high means often taken for each other."
SURPRISES = (
    "Triangles: at least 2 standard deviations from the rate expected at their distance, as chance alone makes about "
    "1 pair in 20."
)
LEAST_CLASSES = 3
HEADER, ROW_NAME, X_LABEL, Y_LABEL = 0.62, 0.3, 0.48, 0.6
COLUMN_GAP, ROW_GAP, STRIP_GAP = 0.3, 0.25, 0.35
PANEL = (3.15, 2.6)
"""Width and height of a panel where a layer has several."""
STRIP = 1.8


@dataclass(frozen=True, kw_only=True)
class _Spot:
    """Where a panel goes, in inches."""

    left: float
    top: float
    width: float
    height: float


def draw_confusion_distance(findings: LatentsFindings, style: Style) -> ThemedFigure | None:
    """Confusion rate of every pair of classes against their distance, layer by layer; None without layers, and with
    two classes, whose only pair can't be held against another.

    One panel a layer where only one distance was measured. Else one row a layer: in the layer's own space, by MMD and
    on the map, and the correlation of each distance there is. Of many layers some are drawn so, and above them the
    correlation of all.
    """
    if not findings.layers or len(findings.class_names) < LEAST_CLASSES:
        return None
    shown = choose_telling([layer.layer for layer in findings.layers])
    with themed(style):
        if any(layer.other_confusions for layer in findings.layers):
            return _draw_rows(findings, style, shown=shown)
        return _draw_panels(findings, style, shown=shown)


def _draw_panels(findings: LatentsFindings, style: Style, *, shown: Sequence[int]) -> ThemedFigure:
    """One panel a layer, side by side."""
    layers = [findings.layers[i] for i in shown]
    n_layers = len(layers)
    columns = {1: 1, 2: 2, 4: 2}.get(n_layers, 3)
    width, height = (6.6, 4.2) if columns == 1 else (4.2, 3.3)
    row_height = HEADER + height + X_LABEL + ROW_GAP
    marks = list_legend([layer.confusion for layer in layers], style.theme)
    figure, top = _open_figure(
        findings,
        style,
        shown=shown,
        marks=marks,
        width=2 * MARGIN + Y_LABEL + columns * (width + COLUMN_GAP) - COLUMN_GAP,
        height=-(-n_layers // columns) * row_height - ROW_GAP,
    )
    for i, layer in enumerate(layers):
        spot = _Spot(
            left=MARGIN + Y_LABEL + i % columns * (width + COLUMN_GAP),
            top=top + i // columns * row_height + HEADER,
            width=width,
            height=height,
        )
        lines = (plain(layer.title, limit=120), say_relation(layer.confusion.spearman))
        _write_header(figure, (*lines, say_certainty(layer.confusion.spearman)), spot=spot, fit=fit_path)
        kind = layer.confusion.metric
        _place_scatter(figure, findings, layer.confusion, spot=spot, kind=kind, first=i % columns == 0)
    return figure


def _draw_rows(findings: LatentsFindings, style: Style, *, shown: Sequence[int]) -> ThemedFigure:
    """One row a layer: a panel for each of the distances that tell most, and a strip with all of them."""
    layers, others, (width, height) = [findings.layers[i] for i in shown], _choose_others(findings.layers), PANEL
    drawn = [
        kinds[kind]
        for layer in layers
        for kinds in [list_kinds(layer)]
        for kind in (layer.confusion.metric, *others)
        if kind in kinds
    ]
    row_height = ROW_NAME + HEADER + height + X_LABEL + ROW_GAP
    strip_left = MARGIN + Y_LABEL + (1 + len(others)) * (width + COLUMN_GAP)
    strip_left += STRIP_GAP - COLUMN_GAP + measure_names(layers)
    figure, top = _open_figure(
        findings,
        style,
        shown=shown,
        marks=list_legend(drawn, style.theme),
        width=strip_left + STRIP + measure_p() + MARGIN,
        height=len(layers) * row_height - ROW_GAP,
    )
    for i, layer in enumerate(layers):
        row_top = top + i * row_height
        _write_row_name(figure, layer, top=row_top)
        spot_top = row_top + ROW_NAME + HEADER
        for column, kind in enumerate((layer.confusion.metric, *others)):
            left = MARGIN + Y_LABEL + column * (width + COLUMN_GAP)
            spot = _Spot(left=left, top=spot_top, width=width, height=height)
            _draw_kind(figure, findings, layer, kind=kind, spot=spot)
        _place_strip(figure, layer, spot=_Spot(left=strip_left, top=spot_top, width=STRIP, height=height))
    return figure


def _choose_others(layers: Sequence[LayerFindings]) -> list[str]:
    """The kinds that get panels beside the layer's own space: MMD and the best-known map, where they were measured."""
    made = {kind for layer in layers for kind in layer.other_confusions}
    return [*(kind for kind in ("mmd",) if kind in made), *[kind for kind in MAPS if kind in made][:1]]


def _open_figure(
    findings: LatentsFindings, style: Style, *, shown: Sequence[int], marks: Sequence[Mark], width: float, height: float
) -> tuple[ThemedFigure, float]:
    """A figure just high enough, with headline and legend, and the inches from its top to the first row.

    Where not all layers are shown, the overview of all lies in between.
    """
    title = say_layers(findings.layers) or "Distance of classes and their confusion can't be compared here"
    misled = [say_misled(findings.layers, kind) for kind in _choose_others(findings.layers) if kind in MAPS]
    room = width - 2 * MARGIN
    legend = measure_legend_row(marks, width=room)
    span = room - Y_LABEL
    overview = measure_overview(findings.layers, width=span) if len(shown) < len(findings.layers) else 0.0
    figure, top = open_figure(
        style,
        "\n".join([title, *(sentence for sentence in misled if sentence)]),
        subtitle=_subtitle(findings.layers, shown, marks=marks),
        stamps=findings.model.stamps,
        width=width,
        below=overview + legend + height,
    )
    if overview:
        draw_overview(figure, findings.layers, shown=shown, left=MARGIN + Y_LABEL, top=top, width=span)
    write_legend_row(figure, marks, left=MARGIN, top=top + overview, width=room)
    return figure, top + overview + legend


def _subtitle(layers: Sequence[LayerFindings], shown: Sequence[int], *, marks: Sequence[Mark]) -> str:
    sentences = [SUBTITLE, SURPRISES if any(mark.marker in ("^", "v") for mark in marks) else ""]
    if len(shown) < len(layers):
        sentences.append(
            f"Of {len(layers)} layers {len(shown)} are drawn pair by pair, those shaded in the overview; of the others "
            "it shows the correlation alone."
        )
    return " ".join(filter(None, sentences))


def _write_row_name(figure: ThemedFigure, layer: LayerFindings, *, top: float) -> None:
    theme, bold, left = figure.style.theme, text_font(11.0, bold=True), MARGIN + Y_LABEL
    n = layer.confusion.spearman.n
    details = f" · {layer.n_features:,} features · {say_count(n, 'class pair')}"
    room = figure.get_figwidth() - left - MARGIN - 3.5
    text = fit_path(plain(layer.title, limit=120), bold, width=room) + details
    write_text(figure, text, left=left, top=top, font=bold, color=theme.ink)


def _draw_kind(
    figure: ThemedFigure, findings: LatentsFindings, layer: LayerFindings, *, kind: str, spot: _Spot
) -> None:
    own, confusion = layer.confusion, list_kinds(layer).get(kind)
    if confusion is None:
        axes = place_axes(figure, left=spot.left, top=spot.top, width=spot.width, height=spot.height)
        say_nothing_here(axes, f"no {say_kind(kind)} of this layer", figure.style)
        return
    headings = {own.metric: f"In the layer's own space ({say_kind(kind)})", "mmd": "By MMD, which sees whole classes"}
    heading = headings.get(kind, f"On the {say_kind(kind)}")
    verdict = say_map_verdict(confusion.spearman, own.spearman) if kind in MAPS else ""
    lines = (heading, verdict or say_short_relation(confusion.spearman), say_interval_and_p(confusion))
    _write_header(figure, lines, spot=spot, fit=fit_text)
    _place_scatter(figure, findings, confusion, spot=spot, kind=kind, first=kind == own.metric)


def _place_scatter(
    figure: ThemedFigure,
    findings: LatentsFindings,
    confusion: ConfusionAgainstDistance,
    *,
    spot: _Spot,
    kind: str,
    first: bool,
) -> None:
    axes = place_axes(figure, left=spot.left, top=spot.top, width=spot.width, height=spot.height)
    draw_scatter(axes, findings, confusion, x_label=say_axis(kind), style=figure.style)
    if not first:
        axes.tick_params(labelleft=False)
    elif len(confusion.rates):
        axes.set_ylabel("confusion rate of the pair")


def _place_strip(figure: ThemedFigure, layer: LayerFindings, *, spot: _Spot) -> None:
    axes = place_axes(figure, left=spot.left, top=spot.top, width=spot.width, height=spot.height)
    draw_strip(axes, layer, style=figure.style)
    lines = ("By every distance", "Correlation, 95% interval, Mantel's p", "hollow: zero is within the interval")
    _write_header(figure, lines, spot=replace(spot, width=spot.width + measure_p()), fit=fit_text)


def _write_header(figure: ThemedFigure, lines: tuple[str, str, str], *, spot: _Spot, fit: Callable[..., str]) -> None:
    """Three lines above the panel: what it shows, its finding, how sure it is."""
    theme = figure.style.theme
    bold, normal, small = text_font(10.0, bold=True), text_font(9.5), text_font(8.0)
    name, finding, certainty = lines
    written = (
        (fit(name, bold, width=spot.width), bold, theme.ink),
        (fit_text(finding[0].upper() + finding[1:], normal, width=spot.width), normal, theme.ink),
        (fit_text(certainty, small, width=spot.width), small, theme.muted),
    )
    top = spot.top - sum(line_height(font) for _, font, _ in written) - 0.06
    for text, font, color in written:
        write_text(figure, text, left=spot.left, top=top, font=font, color=color)
        top += line_height(font)
