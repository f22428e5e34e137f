"""Which layers moved: every pair of checkpoints compared in each layer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.image import AxesImage

from latentscape.comparison_findings import ComparisonFindings, TrackedLayer
from latentscape.figures.comparison_axis import LONGEST
from latentscape.figures.comparison_words import list_stamps, name_checkpoints
from latentscape.figures.headline import (
    MARGIN,
    fit_path,
    fit_text,
    line_height,
    measure_text,
    text_font,
    wrap_text,
    write_text,
)
from latentscape.figures.inches import open_figure, place_axes
from latentscape.figures.layer_axis import (
    LINEAR_COLORS,
    OTHER_COLORS,
    LayerAxis,
    Series,
    draw_series,
    dress_layer_axis,
    fit_names,
    plan_layer_axis,
)
from latentscape.figures.legend_row import Mark, measure_legend_row, write_legend_row
from latentscape.figures.profile_words import is_below
from latentscape.figures.render import plain
from latentscape.figures.score_rows import Header, measure_header, measure_notes, wrap_notes, write_header, write_notes
from latentscape.figures.shown_layers import choose_evenly
from latentscape.figures.style import Style, ThemedFigure, dress_axes, say_nothing_here, themed
from latentscape.figures.value_matrix import Line, draw_cells, ink_on, name_cells, small_fonts, write_cell
from latentscape.figures.words import say_interval, say_number
from latentscape.measures.score import Score

PROFILE, Y_LABEL, NARROWEST, WIDEST, PITCH = 2.2, 0.5, 6.4, 12.0, 0.34
SMALLEST, LARGEST, SIDE = 0.2, 0.95, 2.9
"""Inches of a cell, and of the side that a matrix aims at."""
WITH_INTERVAL, WITH_VALUE = 0.74, 0.32
BAR_GAP, BAR, BAR_TEXT = 0.14, 0.14, 0.55
COLUMN_GAP, ROW_GAP, PART_GAP = 0.3, 0.2, 0.25
MOST_ACROSS = 14.0
"""Inches of matrices beside each other."""
COLORMAP = "viridis"
LEAST_LOW = 0.5
"""The colors span at least from here to 1."""
READING = "debiased CKA of every pair of checkpoints: 1 the same up to turning and scaling, 0 unrelated"

Pairs = Mapping[tuple[int, int], Score]


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """What is drawn, and sizes in inches."""

    axis: LayerAxis
    matrices: Sequence[TrackedLayer]
    names: Sequence[str]
    """Of the checkpoints, beside and below the matrices."""
    cell: float
    room: float
    """For names left of a matrix."""
    upright: bool
    below: float
    """For names below a matrix."""
    span: tuple[float, float]

    @property
    def side(self) -> float:
        return self.cell * len(self.names)

    @property
    def n_columns(self) -> int:
        fitting = int((MOST_ACROSS - self.room + COLUMN_GAP) // (self.side + COLUMN_GAP))
        return max(min(fitting, len(self.matrices)), 1)

    @property
    def row(self) -> float:
        return line_height(text_font(9.0, bold=True)) + 0.04 + self.side + self.below

    @property
    def width(self) -> float:
        across = self.room + self.n_columns * (self.side + COLUMN_GAP) + BAR_GAP + BAR + BAR_TEXT
        return max(Y_LABEL + self.axis.width, across if self.matrices else 0.0, 7.0)

    @property
    def height(self) -> float:
        n_rows = -(-len(self.matrices) // self.n_columns)
        return n_rows * (self.row + ROW_GAP) - ROW_GAP if self.matrices else 0.0


def draw_comparison_drift(findings: ComparisonFindings, style: Style) -> ThemedFigure | None:
    """How alike each layer is in the first and last checkpoint, then a matrix of all checkpoints for each layer.

    Two checkpoints have one number a layer and need no matrices; of many layers some have one. None where nothing was
    compared.
    """
    if not any(layer.drift.similarity or layer.drift.overlap for layer in findings.layers):
        return None
    with themed(style):
        plan, marks = _plan(findings), _list_marks(style)
        room, header = plan.width, Header(heading="Checkpoint by checkpoint", reading=READING)
        notes = wrap_notes(_list_notes(findings, plan), width=room)
        legend = measure_legend_row(marks, width=room)
        upper = legend + 0.08 + PROFILE + plan.axis.height
        lower = PART_GAP + measure_header([(header, room)]) if plan.matrices else 0.0
        figure, top = open_figure(
            style, say_drift(findings), subtitle=_subtitle(findings), stamps=list_stamps(findings),
            width=2 * MARGIN + room, below=upper + lower + plan.height + measure_notes(notes),
        )  # fmt: skip
        write_legend_row(figure, marks, left=MARGIN, top=top, width=room)
        axes = place_axes(figure, left=MARGIN + Y_LABEL, top=top + legend + 0.08, width=plan.axis.width, height=PROFILE)
        _draw_profile(axes, findings, axis=plan.axis, style=style)
        if plan.matrices:
            write_header(figure, header, left=MARGIN, top=top + upper + PART_GAP, width=room)
            _draw_matrices(figure, plan, top=top + upper + lower)
        write_notes(figure, notes, top=top + upper + lower + plan.height)
    return figure


def say_drift(findings: ComparisonFindings) -> str:
    """The layer that changed most between the first and the last checkpoint, where its interval says so."""
    (first, last), ends = _name_ends(findings), _ends(findings)
    known = [
        (plain(layer.name, limit=60), score, score.value)
        for layer in findings.layers
        if (score := layer.drift.similarity.get(ends)) is not None and score.value is not None
    ]
    if not known:
        return f"How far the layers moved from {first} to {last}"
    name, least, value = min(known, key=lambda each: each[2])
    said = f"CKA {say_number(value)} {say_interval(least)}".rstrip()
    if len(known) == 1:
        return f"{name} of {first} and {last}: {said}"
    if all(is_below(least, other) for _, other, _ in known if other is not least):
        return f"From {first} to {last} {name} moved most ({said})"
    return f"No layer stands out from {first} to {last}: lowest {said}, {name}"


def _plan(findings: ComparisonFindings) -> _Plan:
    n, font, layers = len(findings.checkpoints), text_font(8.0), findings.layers
    compared = [layer for layer in layers if any(s.value is not None for s in layer.drift.similarity.values())]
    matrices = [compared[i] for i in choose_evenly(len(compared))] if n > 2 and compared else []
    axis = plan_layer_axis([layer.name for layer in layers], width=min(max(NARROWEST, PITCH * len(layers)), WIDEST))
    cell = min(max(SIDE / n, SMALLEST), LARGEST)
    names = fit_names([checkpoint.name for checkpoint in findings.checkpoints], font, width=LONGEST, fit=fit_text)
    longest = max(measure_text(name, font)[0] for name in names)
    upright = longest > cell - 0.08
    values = [s.value for layer in compared for s in layer.drift.similarity.values() if s.value is not None]
    return _Plan(
        axis=axis, matrices=matrices, names=names, cell=cell, room=longest + 0.1, upright=upright, span=_span(values),
        below=0.1 + (longest if upright else line_height(font)),
    )  # fmt: skip


def _span(values: Sequence[float]) -> tuple[float, float]:
    """Up to 1, and far enough down that layers which hardly moved do not look as if they did."""
    return min(float(np.floor(min(values, default=0.0) * 10) / 10), LEAST_LOW), 1.0


def _ends(findings: ComparisonFindings) -> tuple[int, int]:
    return (0, len(findings.checkpoints) - 1)


def _name_ends(findings: ComparisonFindings) -> tuple[str, str]:
    names = name_checkpoints(findings)
    return names[0], names[-1]


def _subtitle(findings: ComparisonFindings) -> str:
    first, last = _name_ends(findings)
    ends = _ends(findings)
    scores = [s for layer in findings.layers if (s := layer.drift.similarity.get(ends)) is not None]
    n = max((score.n for score in scores), default=len(findings.subject.ids))
    return (
        f"{first} against {last}, layer by layer from the input to the output, n = {n:,}; strokes are 95% intervals. "
        "A layer that is only turned or scaled counts as the same. CKA weighs the large distances, neighbors the small "
        "ones, so they may disagree."
    )


def _list_marks(style: Style) -> list[Mark]:
    blue, orange = LINEAR_COLORS[style.dark], OTHER_COLORS[style.dark]
    return [
        Mark(text="debiased CKA (1: the same geometry)", color=blue, edge=blue, line="-"),
        Mark(text="neighbors in common (share of each sample's nearest)", color=orange, edge=orange, marker="s",
             line="-"),
    ]  # fmt: skip


def _draw_profile(axes: Axes, findings: ComparisonFindings, *, axis: LayerAxis, style: Style) -> None:
    ends = _ends(findings)
    drifts = [layer.drift for layer in findings.layers]
    curves = [
        Series(scores=[drift.similarity.get(ends) for drift in drifts], color=LINEAR_COLORS[style.dark],
               shift=-axis.shift),
        Series(scores=[drift.overlap.get(ends) for drift in drifts], color=OTHER_COLORS[style.dark], marker="s",
               dashed=True, shift=axis.shift),
    ]  # fmt: skip
    values = np.concatenate([curve.values for curve in curves])
    if not np.isfinite(values).any():
        scores = [score for curve in curves for score in curve.scores if score is not None]
        reason = plain(next((score.reason for score in scores if score.reason), "not measured"), limit=160)
        say_nothing_here(axes, "\n".join(wrap_text(reason, text_font(9.0), width=axis.width - 0.2)), style)
    else:
        dress_axes(axes, style)
        for curve in curves:
            draw_series(axes, curve, style)
        axes.set_ylim(min(-0.03, float(np.nanmin(values)) - 0.1), 1.05)
        axes.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0", "0.25", "0.5", "0.75", "1"])
    dress_layer_axis(axes, axis, style, named=True)


def _draw_matrices(figure: ThemedFigure, plan: _Plan, *, top: float) -> None:
    theme, bold = figure.style.theme, text_font(9.0, bold=True)
    image, title = None, line_height(bold) + 0.04
    for i, layer in enumerate(plan.matrices):
        column, above = i % plan.n_columns, top + i // plan.n_columns * (plan.row + ROW_GAP)
        left = MARGIN + plan.room + column * (plan.side + COLUMN_GAP)
        name = fit_path(plain(layer.name, limit=120) or "(no name)", bold, width=plan.side + COLUMN_GAP - 0.1)
        write_text(figure, name, left=left, top=above, font=bold, color=theme.ink)
        axes = place_axes(figure, left=left, top=above + title, width=plan.side, height=plan.side)
        image = _draw_matrix(axes, layer.drift.similarity, plan=plan, named=not column, style=figure.style)
    if image is not None:
        left = MARGIN + plan.room + plan.n_columns * (plan.side + COLUMN_GAP) - COLUMN_GAP + BAR_GAP
        bar = place_axes(figure, left=left, top=top + title, width=BAR, height=plan.side)
        figure.colorbar(image, cax=bar, format=lambda at, _: say_number(at)).outline.set_visible(False)


def _draw_matrix(axes: Axes, scores: Pairs, *, plan: _Plan, named: bool, style: Style) -> AxesImage:
    """Both halves of the symmetric matrix; its diagonal, where nothing is compared, stays empty."""
    n = len(plan.names)
    values = np.full((n, n), np.nan)
    for (i, j), score in scores.items():
        values[i, j] = values[j, i] = np.nan if score.value is None else score.value
    image = draw_cells(axes, values, colors=COLORMAP, span=plan.span, style=style)
    for (i, j), score in scores.items():
        lines = _cell_lines(score, image, cell=plan.cell, style=style)
        for row, column in ((i, j), (j, i)):
            write_cell(axes, lines, row=row, column=column, height=plan.cell)
    rows = plan.names if named else []
    name_cells(axes, rows=rows, columns=plan.names, font=text_font(8.0), upright=plan.upright, style=style)
    return image


def _cell_lines(score: Score, image: AxesImage, *, cell: float, style: Style) -> list[Line]:
    """The value and its interval, as far as the cell has room."""
    value_font, small = small_fonts()
    if cell < WITH_VALUE:
        return []
    if score.value is None:
        return [("–", value_font, style.theme.muted)]
    ink = ink_on(image, score.value)
    if cell < WITH_INTERVAL:
        return [(say_number(score.value), text_font(7.0), ink)]
    interval = say_interval(score)
    return [(say_number(score.value), value_font, ink), *([(interval, small, ink)] if interval else [])]


def _list_notes(findings: ComparisonFindings, plan: _Plan) -> list[str]:
    """What is not drawn, and what could not be compared."""
    notes, n = [], len(findings.layers)
    scores = [score for layer in findings.layers for score in layer.drift.similarity.values()]
    reasons = [score.reason for score in scores if score.value is None]
    if 0 < len(plan.matrices) < n:
        notes.append(f"Of {n} layers {len(plan.matrices)} have a matrix.")
    if reasons and len(reasons) < len(scores):
        notes.append(f"{len(reasons)} of {len(scores)} comparisons not measured ({reasons[0]}).")
    return notes
