"""Where does the class appear, and is it the class or the corpus? What can be read from each layer, and its shape."""

from collections.abc import Sequence

from latentscape.figures.geometry_panel import HEADER as GEOMETRY_HEADER
from latentscape.figures.geometry_panel import PANEL as GEOMETRY_PANEL
from latentscape.figures.geometry_panel import draw_geometry, list_geometry, name_last, write_geometry_header
from latentscape.figures.headline import MARGIN, line_height, text_font, write_text
from latentscape.figures.inches import open_figure, place_axes
from latentscape.figures.layer_axis import LayerAxis, plan_layer_axis
from latentscape.figures.profile_words import say_profile
from latentscape.figures.readout_panel import (
    HEADER,
    LABELS,
    PANEL,
    TARGETS,
    draw_readouts,
    has_hollow,
    list_notes,
    name_lines,
    write_header,
)
from latentscape.figures.style import Style, ThemedFigure, themed
from latentscape.findings import LatentsFindings, LayerFindings

READING = (
    "Above: how often a reader that was trained on other samples is right, from the layer next to the input to the one "
    "next to the output. Solid with dots: a linear reader; dashed with squares: nearest neighbors; strokes: 95% "
    "intervals. Gray band: 95% of what shuffled answers give; dotted: always answering the most frequent one."
)
HOLLOW = "Hollow: voices heard in training are tested too."
SHAPE = "Below: the shape of each layer."
COLUMNS = 3
Y_LABEL, COLUMN_GAP, ROW_GAP, NOTE_GAP = 0.5, 0.1, 0.22, 0.06


def draw_layer_profile(findings: LatentsFindings, style: Style) -> ThemedFigure | None:
    """Readouts of class, dataset and speaker over the layers, and below them the geometry; None where neither is."""
    layers = findings.layers
    has_readouts, geometry = any(layer.readouts for layer in layers), list_geometry(layers)
    if not has_readouts and not geometry:
        return None
    with themed(style):
        axis = plan_layer_axis([layer.layer for layer in layers])
        column = Y_LABEL + axis.width + LABELS + COLUMN_GAP
        upper = _readouts_height(layers, axis) if has_readouts else 0.0
        lower = _geometry_height(len(geometry), axis)
        gap = ROW_GAP if has_readouts and geometry else 0.0
        figure, top = open_figure(
            style, say_profile(layers), subtitle=_subtitle(layers, has_readouts=has_readouts, geometry=geometry),
            stamps=findings.model.stamps, width=2 * MARGIN + COLUMNS * column, below=upper + gap + lower,
        )  # fmt: skip
        if has_readouts:
            _draw_upper(figure, layers, axis=axis, top=top)
        _draw_lower(figure, layers, geometry, axis=axis, top=top + upper + gap)
    return figure


def _subtitle(layers: Sequence[LayerFindings], *, has_readouts: bool, geometry: Sequence[str]) -> str:
    sentences = [READING if has_readouts else "", HOLLOW if has_hollow(layers) else ""]
    return " ".join([*filter(None, sentences), *([SHAPE] if geometry else [])])


def _readouts_height(layers: Sequence[LayerFindings], axis: LayerAxis) -> float:
    n_lines = max(len(list_notes(layers, target, width=_text_width(axis))) for target in TARGETS)
    return HEADER + PANEL + axis.height + (NOTE_GAP + n_lines * line_height(text_font(8.0)) if n_lines else 0.0)


def _geometry_height(n: int, axis: LayerAxis) -> float:
    n_rows = -(-n // COLUMNS)
    return n_rows * (GEOMETRY_HEADER + GEOMETRY_PANEL + ROW_GAP) - ROW_GAP + axis.height if n else 0.0


def _text_width(axis: LayerAxis) -> float:
    return axis.width + LABELS - 0.1


def _left(column: int, axis: LayerAxis) -> float:
    return MARGIN + Y_LABEL + column * (Y_LABEL + axis.width + LABELS + COLUMN_GAP)


def _draw_upper(figure: ThemedFigure, layers: Sequence[LayerFindings], *, axis: LayerAxis, top: float) -> None:
    for column, target in enumerate(TARGETS):
        left, width = _left(column, axis), _text_width(axis)
        write_header(figure, layers, target, left=left, top=top, width=width)
        axes = place_axes(figure, left=left, top=top + HEADER, width=axis.width, height=PANEL)
        draw_readouts(axes, layers, target, axis=axis, style=figure.style)
        name_lines(figure, layers, target, left=left + axis.width + 0.08, top=top + HEADER)
        below = top + HEADER + PANEL + axis.height + NOTE_GAP
        font = text_font(8.0)
        for i, line in enumerate(list_notes(layers, target, width=width)):
            height = below + i * line_height(font)
            write_text(figure, line, left=left, top=height, font=font, color=figure.style.theme.muted)


def _draw_lower(
    figure: ThemedFigure, layers: Sequence[LayerFindings], names: Sequence[str], *, axis: LayerAxis, top: float
) -> None:
    for i, name in enumerate(names):
        left, above = _left(i % COLUMNS, axis), top + i // COLUMNS * (GEOMETRY_HEADER + GEOMETRY_PANEL + ROW_GAP)
        write_geometry_header(figure, layers, name, left=left, top=above, width=_text_width(axis))
        below = above + GEOMETRY_HEADER
        axes = place_axes(figure, left=left, top=below, width=axis.width, height=GEOMETRY_PANEL)
        # The lowest panel of each column names the layers for those above it.
        draw_geometry(axes, layers, name, axis=axis, named=i + COLUMNS >= len(names), style=figure.style)
        name_last(figure, axes, layers[-1].geometry.get(name), left=left + axis.width + 0.08, top=below)
