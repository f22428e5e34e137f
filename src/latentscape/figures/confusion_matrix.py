"""Which class is taken for which: the matrix over all samples with each class's scores, and one matrix a dataset."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from latentscape.figures.class_scores import draw_class_scores, has_class_scores, list_score_marks, say_weak_classes
from latentscape.figures.headline import MARGIN, fit_text, line_height, text_font, write_text
from latentscape.figures.inches import open_figure, place_axes
from latentscape.figures.legend_row import Mark, measure_legend_row, write_legend_row
from latentscape.figures.matrix_panel import (
    COUNT_CELL,
    RATE_CELL,
    draw_matrix,
    find_most_wrong,
    has_names,
    measure_column_names,
    measure_row_names,
    name_columns,
    name_rows,
)
from latentscape.figures.render import plain_names
from latentscape.figures.style import Style, ThemedFigure, themed
from latentscape.figures.words import say_accuracy, say_count, say_share
from latentscape.findings import LatentsFindings
from latentscape.measures.classification import name_scores
from latentscape.measures.score import Score

MATRIX, SMALLEST, LARGEST = 5.2, 0.24, 0.8
"""Inches: the matrix over all samples where its cells are neither smaller than the second nor larger than the third."""
LARGEST_MATRIX, SMALLEST_PITCH = 12.0, 2.3
"""Inches: what no matrix exceeds, and from one dataset's heading to the next."""
SCORES, GAP = 3.2, 0.35
AXIS_TITLE, HEADING, ROW_GAP = 0.26, 0.44, 0.3
LEAST_WIDTH = 8.6
"""Inches, for the sake of the title."""


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """Sizes in inches."""

    names: list[str]
    cell: float
    left: float
    """From the paper's edge to the first matrix."""
    width: float
    """Of the paper."""
    columns: int
    """Datasets side by side."""
    small_cell: float

    @property
    def n(self) -> int:
        return len(self.names)

    def pitch(self, cell: float) -> float:
        """From the left edge of a matrix to what is beside it."""
        return max(self.n * cell, SMALLEST_PITCH) + GAP

    def height(self, cell: float) -> float:
        """Of a matrix with all that is written around it."""
        return HEADING + self.n * cell + measure_column_names(self.names, cell=cell) + AXIS_TITLE


def draw_confusion_matrix(findings: LatentsFindings, style: Style) -> ThemedFigure | None:
    """Rows are true classes, columns predicted ones; None where no sample has both.

    Right of it each class's recall, precision and F1, below it a matrix for each dataset where there are several.
    """
    if not findings.confusion_matrix.sum():
        return None
    with themed(style):
        plan, marks = _make_plan(findings), _list_marks(findings, style)
        room, n_parts = plan.width - 2 * MARGIN, len(findings.dataset_confusions)
        legend = measure_legend_row(marks, width=room)
        below = legend + plan.height(plan.cell)
        below += -(-n_parts // plan.columns) * (ROW_GAP + plan.height(plan.small_cell))
        figure, top = open_figure(
            style,
            _title(findings),
            subtitle=_subtitle(plan),
            stamps=findings.model.stamps,
            width=plan.width,
            below=below,
        )
        write_legend_row(figure, marks, left=MARGIN, top=top, width=room)
        _draw_whole(figure, findings, plan, top=top + legend)
        _draw_parts(figure, findings, plan, top=top + legend + plan.height(plan.cell) + ROW_GAP)
    return figure


def _make_plan(findings: LatentsFindings) -> _Plan:
    names, n_parts = plain_names(findings.class_names), len(findings.dataset_confusions)
    n = len(names)
    cell = float(np.clip(MATRIX / n, min(SMALLEST, LARGEST_MATRIX / n), LARGEST))
    left = MARGIN + AXIS_TITLE + measure_row_names(names, cell=cell)
    scores = (GAP + SCORES) * has_class_scores(findings)
    width = max(LEAST_WIDTH, left + max(n * cell, SMALLEST_PITCH) + scores + MARGIN)
    sizes = {columns: (width - left - MARGIN - GAP * (columns - 1)) / columns / n for columns in (2, 3)}
    columns = 3 if n_parts > 2 and (sizes[3] >= COUNT_CELL or sizes[2] < RATE_CELL) else 2
    return _Plan(names=names, cell=cell, left=left, width=width, columns=columns, small_cell=min(cell, sizes[columns]))


def _title(findings: LatentsFindings) -> str:
    sentences = [say_accuracy(findings.scores), say_weak_classes(findings, plain_names(findings.class_names))]
    return "\n".join(sentence for sentence in sentences if sentence) or "Which class is taken for which"


def _subtitle(plan: _Plan) -> str:
    numbers = "Large: share of the row's class, in percent"
    if plan.cell >= COUNT_CELL:
        return f"{numbers}; small: number of samples. Empty cells: never."
    names = "" if has_names(plan.small_cell) else " Small matrices have their classes in the same order."
    return f"{numbers}, where the cells have room for it. Empty cells: never.{names}"


def _list_marks(findings: LatentsFindings, style: Style) -> list[Mark]:
    theme = style.theme
    full = say_share(find_most_wrong(findings.confusion_matrix))
    matrix = findings.confusion_matrix
    cells = [Mark(text="right, full color at 100%", color=theme.right, edge=theme.right, marker="s", size=9.0)]
    if matrix.sum() > np.trace(matrix):
        words = f"mistake, full color at {full} and above"
        cells += [Mark(text=words, color=theme.wrong, edge=theme.wrong, marker="s", size=9.0)]
    return cells + (list_score_marks(style) if has_class_scores(findings) else [])


def _draw_whole(figure: ThemedFigure, findings: LatentsFindings, plan: _Plan, *, top: float) -> None:
    """The matrix over all samples, and its classes' scores in the same rows."""
    side = plan.n * plan.cell
    everything = _say_part(findings.confusion_matrix, findings.scores.get("accuracy"))
    _write_heading(figure, "All data", everything, left=plan.left, top=top, width=max(side, SMALLEST_PITCH))
    _draw_panel(figure, findings, findings.confusion_matrix, plan=plan, place=(plan.left, top), cell=plan.cell)
    if has_class_scores(findings):
        left = plan.left + plan.pitch(plan.cell)
        _write_heading(figure, "Each class", "with 95% intervals", left=left, top=top, width=SCORES)
        axes = place_axes(figure, left=left, top=top + HEADING, width=SCORES, height=side)
        draw_class_scores(axes, findings, row=plan.cell, style=figure.style)


def _draw_parts(figure: ThemedFigure, findings: LatentsFindings, plan: _Plan, *, top: float) -> None:
    """One matrix a dataset, so many beside each other."""
    cell, datasets = plan.small_cell, plain_names(findings.dataset_names)
    scores = name_scores("accuracy", findings.dataset_names)
    for i, counts in enumerate(findings.dataset_confusions):
        left = plan.left + i % plan.columns * plan.pitch(cell)
        part_top = top + i // plan.columns * (plan.height(cell) + ROW_GAP)
        details = _say_part(counts, findings.scores.get(scores[i]))
        _write_heading(figure, datasets[i], details, left=left, top=part_top, width=plan.pitch(cell) - GAP)
        _draw_panel(figure, findings, counts, plan=plan, place=(left, part_top), cell=cell)


def _say_part(counts: Int[np.ndarray, "class class"], accuracy: Score | None) -> str:
    """How many samples a matrix holds and how many of them are predicted right."""
    samples = say_count(int(counts.sum()), "sample")
    if accuracy is None or accuracy.value is None:
        return samples
    if accuracy.low is None or accuracy.high is None:
        return f"{samples}, right {say_share(accuracy.value)}"
    return f"{samples}, right {say_share(accuracy.value)} [{100 * accuracy.low:.0f}, {100 * accuracy.high:.0f}]"


def _write_heading(figure: ThemedFigure, name: str, details: str, *, left: float, top: float, width: float) -> None:
    """Two lines above a panel."""
    bold, small, theme = text_font(9.5, bold=True), text_font(8.5), figure.style.theme
    write_text(figure, fit_text(name, bold, width=width), left=left, top=top, font=bold, color=theme.ink)
    top += line_height(bold)
    write_text(figure, fit_text(details, small, width=width), left=left, top=top, font=small, color=theme.muted)


def _draw_panel(
    figure: ThemedFigure,
    findings: LatentsFindings,
    counts: Int[np.ndarray, "class class"],
    *,
    plan: _Plan,
    place: tuple[float, float],
    cell: float,
) -> None:
    """A matrix below its heading, with the classes' names at its rows if it is the first of its line."""
    (left, top), side, style = place, plan.n * cell, figure.style
    axes = place_axes(figure, left=left, top=top + HEADING, width=side, height=side)
    most_wrong = find_most_wrong(findings.confusion_matrix)
    draw_matrix(axes, counts, cell=cell, most_wrong=most_wrong, style=style)
    name_columns(axes, plan.names, cell=cell, style=style)
    is_first = left == plan.left
    if is_first:
        name_rows(axes, plan.names, cell=cell, style=style)
    paper_width, paper_height = figure.get_size_inches()
    small = text_font(8.5)
    below = top + HEADING + side + measure_column_names(plan.names, cell=cell)
    write_text(
        figure, "predicted class", left=left + side / 2, top=below, font=small, color=style.theme.ink, ha="center"
    )
    if is_first:
        x = (MARGIN + line_height(small) / 2) / paper_width
        y = 1 - (top + HEADING + side / 2) / paper_height
        figure.text(x, y, "true class", rotation=90, ha="center", va="center", fontproperties=small)
