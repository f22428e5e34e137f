"""Which layers do the same: every pair compared in the geometry of all samples, and in who is near whom."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.image import AxesImage

from latentscape.figures.headline import MARGIN, fit_text, line_height, measure_text, text_font, wrap_text, write_text
from latentscape.figures.inches import open_figure, place_axes
from latentscape.figures.layer_axis import fit_layer_names
from latentscape.figures.render import plain
from latentscape.figures.similarity_words import say_similarity
from latentscape.figures.style import Style, ThemedFigure, say_nothing_here, themed
from latentscape.figures.value_matrix import Line, draw_cells, ink_on, name_cells, small_fonts, write_cell
from latentscape.figures.words import say_count, say_interval, say_number
from latentscape.findings import LatentsFindings, title_layer
from latentscape.measures.layer_similarity import LayerSimilarity
from latentscape.measures.score import Score

HEADINGS = (
    ("Geometry of all samples", "debiased CKA: 1 the same up to turning and scaling, 0 unrelated"),
    ("Neighbors in common", "share of each sample's nearest that both layers have"),
)
SUBTITLE = "Each cell compares two layers. Not shown: each layer with itself."
COLORMAP = "viridis"
LONGEST_NAME, LARGEST_CELL, SMALLEST_CELL, MATRIX = 1.2, 1.5, 0.17, 4.6
WITH_INTERVAL, WITH_VALUE = 0.74, 0.32
"""Inches of a cell in which the value and its interval, or the value alone, can be read."""
HEADER, BAR_GAP, BAR, BAR_TEXT, NOTE_GAP = 0.5, 0.12, 0.14, 0.75, 0.1

Scores = Mapping[tuple[int, int], Score]


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """Sizes in inches."""

    names: Sequence[str]
    cell: float
    name_room: float
    upright: bool
    below: float
    notes: Sequence[str]

    @property
    def side(self) -> float:
        return self.cell * len(self.names)

    @property
    def column(self) -> float:
        return self.side + BAR_GAP + BAR + BAR_TEXT

    @property
    def width(self) -> float:
        return 2 * MARGIN + self.name_room + 2 * self.column


def draw_layer_similarity(findings: LatentsFindings, style: Style) -> ThemedFigure | None:
    """CKA beside the share of common neighbors, for all pairs of layers; None where no pair was compared."""
    similarity = findings.layer_similarity
    if similarity is None or not (similarity.cka or similarity.overlap):
        return None
    with themed(style):
        plan = _plan(similarity)
        notes = len(plan.notes) * line_height(text_font(8.0)) + NOTE_GAP if plan.notes else 0.0
        figure, top = open_figure(
            style, say_similarity(similarity), subtitle=SUBTITLE, stamps=findings.model.stamps, width=plan.width,
            below=HEADER + plan.side + plan.below + notes,
        )  # fmt: skip
        for column, (heading, scores) in enumerate(zip(HEADINGS, (similarity.cka, similarity.overlap), strict=True)):
            left = MARGIN + plan.name_room + column * plan.column
            _write_header(figure, heading, left=left, top=top, width=plan.column - 0.1)
            axes = place_axes(figure, left=left, top=top + HEADER, width=plan.side, height=plan.side)
            image = _draw_matrix(axes, scores, plan=plan, style=style)
            if image is None:
                continue
            name_cells(axes, rows=[] if column else plan.names, columns=plan.names, font=text_font(8.0),
                       upright=plan.upright, style=style)  # fmt: skip
            bar = place_axes(figure, left=left + plan.side + BAR_GAP, top=top + HEADER, width=BAR, height=plan.side)
            figure.colorbar(image, cax=bar, format=lambda value, _: say_number(value, digits=2)).outline.set_visible(
                False
            )
        for i, note in enumerate(plan.notes):
            font = text_font(8.0)
            below = top + HEADER + plan.side + plan.below + NOTE_GAP + i * line_height(font)
            write_text(figure, note, left=MARGIN, top=below, font=font, color=style.theme.muted)
    return figure


def _plan(similarity: LayerSimilarity) -> _Plan:
    n, font = max(len(similarity.layers), 1), text_font(8.0)
    cell = min(max(MATRIX / n, min(SMALLEST_CELL, 2 * MATRIX / n)), LARGEST_CELL)
    names = fit_layer_names([title_layer(name) for name in similarity.layers], font, width=LONGEST_NAME)
    longest = max((measure_text(name, font)[0] for name in names), default=0.0)
    upright = longest > cell - 0.08
    plan = _Plan(
        names=names, cell=cell, name_room=longest + 0.1, upright=upright, notes=(),
        below=0.1 + (longest if upright else line_height(font)),
    )  # fmt: skip
    return replace(plan, notes=_list_notes(similarity, width=plan.width - 2 * MARGIN))


def _list_notes(similarity: LayerSimilarity, *, width: float) -> list[str]:
    """What could not be compared, and why."""
    lines = []
    for (heading, _), scores in zip(HEADINGS, (similarity.cka, similarity.overlap), strict=True):
        missing = [score.reason for score in scores.values() if score.value is None]
        if missing and len(missing) < len(scores):
            pairs = f"{len(missing)} of {say_count(len(scores), 'pair')}"
            note = f"{heading}: {pairs} not measured ({plain(missing[0], limit=120)})."
            lines += wrap_text(note, text_font(8.0), width=width)
    return lines


def _write_header(figure: ThemedFigure, heading: tuple[str, str], *, left: float, top: float, width: float) -> None:
    theme = figure.style.theme
    for text, font, color in zip(
        heading, (text_font(10.0, bold=True), text_font(8.0)), (theme.ink, theme.muted), strict=True
    ):
        write_text(figure, fit_text(text, font, width=width), left=left, top=top, font=font, color=color)
        top += line_height(font)


def _draw_matrix(axes: Axes, scores: Scores, *, plan: _Plan, style: Style) -> AxesImage | None:
    """Both halves of the symmetric matrix; None where nothing was measured."""
    values = _fill(scores, n=len(plan.names))
    if not np.isfinite(values).any():
        reason = plain(next((score.reason for score in scores.values() if score.reason), "not measured"), limit=160)
        say_nothing_here(axes, "\n".join(wrap_text(reason, text_font(9.0), width=plan.side - 0.2)), style)
        return None
    low = float(np.floor(np.nanmin(values) * 10) / 10)
    high = max(float(np.ceil(np.nanmax(values) * 10) / 10), low + 0.1)
    image = draw_cells(axes, values, colors=COLORMAP, span=(low, high), style=style)
    for (i, j), score in scores.items():
        for row, column in ((i, j), (j, i)):
            lines = _cell_lines(score, image, plan=plan, style=style)
            write_cell(axes, lines, row=row, column=column, height=plan.cell)
    return image


def _fill(scores: Scores, *, n: int) -> Float[np.ndarray, "layer layer"]:
    values = np.full((n, n), np.nan)
    for (i, j), score in scores.items():
        values[i, j] = values[j, i] = np.nan if score.value is None else score.value
    return values


def _cell_lines(score: Score, image: AxesImage, *, plan: _Plan, style: Style) -> list[Line]:
    """The value and its interval, as far as the cell has room."""
    value_font, small = small_fonts()
    if plan.cell < WITH_VALUE:
        return []
    if score.value is None:
        return [("–", value_font, style.theme.muted)]
    ink = ink_on(image, score.value)
    if plan.cell < WITH_INTERVAL:
        return [(say_number(score.value), text_font(7.0), ink)]
    interval = say_interval(score)
    return [(say_number(score.value), value_font, ink), *([(interval, small, ink)] if interval else [])]
