"""Where does the class appear, and is it the class or the corpus? What can be read from each layer, and its shape."""

from collections.abc import Sequence
from dataclasses import dataclass

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
    draw_readouts,
    has_hollow,
    list_notes,
    list_targets,
    name_lines,
    write_header,
)
from latentscape.figures.sample_words import words_of
from latentscape.figures.style import Style, ThemedFigure, themed
from latentscape.findings import LatentsFindings, LayerFindings
from latentscape.measures.readout import Target

READING = (
    "{where}: how often a reader that was trained on other samples is right, from the layer next to the input to the "
    "one next to the output. Solid with dots: a linear reader; dashed with squares: nearest neighbors; strokes: 95% "
    "intervals. Gray band: 95% of what shuffled answers give; dotted: always answering the most frequent one."
)
HOLLOW = "Hollow: {voices} {heard} in training are tested too."
SHAPE = "{where}: the shape of each layer."
COLUMNS = 3
Y_LABEL, COLUMN_GAP, ROW_GAP, NOTE_GAP = 0.5, 0.1, 0.22, 0.06


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """What is drawn where; sizes in inches."""

    layers: Sequence[LayerFindings]
    targets: Sequence[Target]
    geometry: Sequence[str]
    axis: LayerAxis
    group: str

    @property
    def is_beside(self) -> bool:
        """Whether the only readout stands beside the geometry: a row of its own would be two thirds empty."""
        return len(self.targets) == 1 and bool(self.geometry)

    @property
    def first(self) -> int:
        """The column in which the geometry begins."""
        return 1 if self.is_beside else 0

    @property
    def columns(self) -> int:
        """Columns of the geometry."""
        return COLUMNS - self.first

    @property
    def lower(self) -> float:
        """Height of the geometry."""
        n_rows = -(-len(self.geometry) // self.columns)
        return n_rows * (GEOMETRY_HEADER + GEOMETRY_PANEL + ROW_GAP) - ROW_GAP + self.axis.height if n_rows else 0.0

    @property
    def notes(self) -> float:
        """Height of the remarks below the readouts."""
        n = max((len(self.list_notes(target)) for target in self.targets), default=0)
        return NOTE_GAP + n * line_height(text_font(8.0)) if n else 0.0

    @property
    def panel(self) -> float:
        """Height of a readout's panel."""
        return max(PANEL, self.lower - HEADER - self.axis.height - self.notes) if self.is_beside else PANEL

    @property
    def upper(self) -> float:
        """Height of the readouts."""
        return HEADER + self.panel + self.axis.height + self.notes if self.targets else 0.0

    @property
    def gap(self) -> float:
        """From the readouts to the geometry below them."""
        return ROW_GAP if self.targets and self.geometry and not self.is_beside else 0.0

    @property
    def height(self) -> float:
        """Of everything below the headline."""
        return max(self.upper, self.lower) if self.is_beside else self.upper + self.gap + self.lower

    @property
    def text_width(self) -> float:
        """Of what is written above and below a panel."""
        return self.axis.width + LABELS - 0.1

    @property
    def column(self) -> float:
        """Width of a panel with its names."""
        return Y_LABEL + self.axis.width + LABELS + COLUMN_GAP

    def left(self, column: int) -> float:
        """Where a column's panel begins."""
        return MARGIN + Y_LABEL + column * self.column

    def list_notes(self, target: Target) -> list[str]:
        """The lines below a readout."""
        return list_notes(self.layers, target, width=self.text_width, group=self.group)


def draw_layer_profile(findings: LatentsFindings, style: Style) -> ThemedFigure | None:
    """Readouts of class, dataset and speaker over the layers, as far as there are any, and below them the geometry;
    None where neither is. A single readout stands beside it."""
    layers = findings.layers
    targets, geometry = list_targets(layers), list_geometry(layers)
    if not targets and not geometry:
        return None
    group = words_of(findings).group
    with themed(style):
        axis = plan_layer_axis([layer.title for layer in layers])
        plan = _Plan(layers=layers, targets=targets, geometry=geometry, axis=axis, group=group)
        figure, top = open_figure(
            style, say_profile(layers, group=group), subtitle=_subtitle(plan),
            stamps=findings.model.stamps, width=2 * MARGIN + COLUMNS * plan.column, below=plan.height,
        )  # fmt: skip
        for column, target in enumerate(targets):
            _draw_readout(figure, plan, target, left=plan.left(column), top=top)
        _draw_lower(figure, plan, top=top if plan.is_beside else top + plan.upper + plan.gap)
    return figure


def _subtitle(plan: _Plan) -> str:
    readouts, shape = ("Left", "Right") if plan.is_beside else ("Above", "Below")
    voices, heard = ("voices", "heard") if plan.group == "speaker" else (f"{plan.group}s", "seen")
    sentences = [
        READING.format(where=readouts) if plan.targets else "",
        HOLLOW.format(voices=voices, heard=heard) if has_hollow(plan.layers) else "",
        SHAPE.format(where=shape) if plan.geometry else "",
    ]
    return " ".join(filter(None, sentences))


def _draw_readout(figure: ThemedFigure, plan: _Plan, target: Target, *, left: float, top: float) -> None:
    layers, axis, group = plan.layers, plan.axis, plan.group
    write_header(figure, layers, target, spot=(left, top, plan.text_width), group=group)
    axes = place_axes(figure, left=left, top=top + HEADER, width=axis.width, height=plan.panel)
    draw_readouts(axes, layers, target, axis=axis, style=figure.style, group=group)
    name_lines(figure, layers, target, left=left + axis.width + 0.08, top=top + HEADER, height=plan.panel)
    below, font = top + HEADER + plan.panel + axis.height + NOTE_GAP, text_font(8.0)
    for i, line in enumerate(plan.list_notes(target)):
        height = below + i * line_height(font)
        write_text(figure, line, left=left, top=height, font=font, color=figure.style.theme.muted)


def _draw_lower(figure: ThemedFigure, plan: _Plan, *, top: float) -> None:
    layers, axis, names = plan.layers, plan.axis, plan.geometry
    for i, name in enumerate(names):
        row, column = divmod(i, plan.columns)
        left, above = plan.left(plan.first + column), top + row * (GEOMETRY_HEADER + GEOMETRY_PANEL + ROW_GAP)
        write_geometry_header(figure, layers, name, left=left, top=above, width=plan.text_width)
        below = above + GEOMETRY_HEADER
        axes = place_axes(figure, left=left, top=below, width=axis.width, height=GEOMETRY_PANEL)
        # The lowest panel of each column names the layers for those above it.
        draw_geometry(axes, layers, name, axis=axis, named=i + plan.columns >= len(names), style=figure.style)
        name_last(figure, axes, layers[-1].geometry.get(name), left=left + axis.width + 0.08, top=below)
