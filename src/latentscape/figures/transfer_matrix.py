"""One layer's readers, trained on the dataset of the row and tested on the one of the column."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes

from latentscape.figures.headline import fit_text, line_height, measure_text, text_font, write_text
from latentscape.figures.inches import place_axes
from latentscape.figures.layer_axis import fit_names
from latentscape.figures.profile_words import say_share_interval
from latentscape.figures.render import plain
from latentscape.figures.style import Style, ThemedFigure, say_nothing_here
from latentscape.figures.transfer_words import READERS, beats_chance, is_lost, say_largest_loss
from latentscape.figures.value_matrix import Line, blues, draw_cells, name_cells, small_fonts, write_cell
from latentscape.figures.words import say_number, say_share
from latentscape.findings import LayerFindings
from latentscape.measures.transfer import Transfer

TITLES = {"linear": "Linear reader", "centroid": "Nearest centroid"}
CELLS = ((5, (1.0, 0.62)), (12, (0.62, 0.36)))
"""Up to so many datasets, width and height of a cell in inches; the last size still holds the value."""
TINY = (0.2, 0.2)
HEADER, SUBHEADER, GAP, AXIS_TITLE, LONGEST_NAME = 0.42, 0.24, 0.3, 0.22, 1.1
DOWN = "▼"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Sizes in inches, the same for every layer."""

    names: Sequence[str]
    """Of the datasets."""
    cell: tuple[float, float]
    detailed: bool
    """Whether a cell has room for interval and chance."""
    with_value: bool
    upright: bool
    left: float
    """Left of the first matrix."""
    below: float
    """Below both."""

    @property
    def side(self) -> tuple[float, float]:
        """Width and height of a matrix."""
        return self.cell[0] * len(self.names), self.cell[1] * len(self.names)

    @property
    def width(self) -> float:
        """Of both matrices and what is written beside them."""
        return self.left + len(READERS) * (self.side[0] + GAP) - GAP

    @property
    def height(self) -> float:
        """From the layer's name to the last words below."""
        return HEADER + SUBHEADER + self.side[1] + self.below


def plan_matrices(dataset_names: Sequence[str]) -> Plan:
    """Cells large enough for their texts, as long as the number of datasets allows."""
    n, font = len(dataset_names), text_font(8.0)
    size = next((size for most, size in CELLS if n <= most), TINY)
    names = fit_names(dataset_names, font, width=LONGEST_NAME, fit=fit_text)
    longest = max(measure_text(name, font)[0] for name in names)
    upright = longest > size[0] - 0.06
    return Plan(
        names=names, cell=size, detailed=n <= CELLS[0][0], with_value=n <= CELLS[1][0], upright=upright,
        left=AXIS_TITLE + longest + 0.1, below=0.08 + (longest if upright else line_height(font)) + AXIS_TITLE,
    )  # fmt: skip


def draw_transfers(figure: ThemedFigure, layer: LayerFindings, *, plan: Plan, left: float, top: float) -> None:
    """The layer's name, its largest loss, and a matrix for each reader."""
    theme, bold, small = figure.style.theme, text_font(10.0, bold=True), text_font(8.0)
    name = fit_text(plain(layer.title, limit=120), bold, width=plan.width)
    loss = fit_text(say_largest_loss(layer, plan.names), small, width=plan.width)
    write_text(figure, name, left=left, top=top, font=bold, color=theme.ink)
    write_text(figure, loss, left=left, top=top + line_height(bold), font=small, color=theme.muted)
    by_reader = {transfer.reader: transfer for transfer in layer.transfers}
    for i, reader in enumerate(READERS):
        x, y = left + plan.left + i * (plan.side[0] + GAP), top + HEADER + SUBHEADER
        title = fit_text(TITLES[reader], text_font(9.0), width=plan.side[0] + GAP - 0.05)
        write_text(figure, title, left=x, top=y - SUBHEADER, font=text_font(9.0), color=theme.ink)
        axes = place_axes(figure, left=x, top=y, width=plan.side[0], height=plan.side[1])
        _draw_matrix(axes, by_reader.get(reader), plan=plan, named=i == 0, style=figure.style)
        below = y + plan.side[1] + plan.below - AXIS_TITLE
        middle = x + plan.side[0] / 2
        write_text(figure, "tested on", left=middle, top=below, font=small, color=theme.muted, ha="center")
    _write_row_title(figure, left=left + AXIS_TITLE / 2, top=top + HEADER + SUBHEADER + plan.side[1] / 2)


def _write_row_title(figure: ThemedFigure, *, left: float, top: float) -> None:
    width, height = figure.get_size_inches()
    text = figure.text(left / width, 1 - top / height, "trained on", rotation=90, ha="center", va="center")
    text.set(fontproperties=text_font(8.0), color=figure.style.theme.muted)


def _draw_matrix(axes: Axes, transfer: Transfer | None, *, plan: Plan, named: bool, style: Style) -> None:
    """Bluer the farther above chance: chance differs from cell to cell, accuracy alone would not compare."""
    n = len(plan.names)
    if transfer is None:
        say_nothing_here(axes, "not read", style)
        return
    above = np.full((n, n), np.nan)
    for (train, test), score in transfer.scores.items():
        if score.value is not None:
            chance = transfer.chance[train, test]
            above[train, test] = max(score.value - chance, 0.0) / max(1.0 - chance, 1e-9)
    draw_cells(axes, above, colors=blues(style), span=(0.0, 1.0), style=style)
    font = text_font(8.0)
    name_cells(axes, rows=plan.names if named else [], columns=plan.names, font=font, upright=plan.upright, style=style)
    for cell in transfer.scores:
        lines = _cell_lines(transfer, cell, plan=plan, style=style)
        write_cell(axes, lines, row=cell[0], column=cell[1], height=plan.cell[1])


def _cell_lines(transfer: Transfer, cell: tuple[int, int], *, plan: Plan, style: Style) -> list[Line]:
    """The value, its loss where it is one, its interval and chance; pale where chance explains it."""
    (bold, small), theme, score = small_fonts(), style.theme, transfer.scores[cell]
    if not plan.with_value:
        return []
    if score.value is None:
        return [("–", bold, theme.muted)]
    beats, loss = beats_chance(transfer, cell), transfer.losses.get(cell)
    value = say_share(score.value)
    if loss is not None and loss.value is not None and is_lost(transfer, cell) and plan.detailed:
        value += f" {DOWN}{say_number(100 * loss.value, digits=0)}"
    if not plan.detailed:
        return [(value, text_font(7.0, bold=beats), theme.ink if beats else theme.muted)]
    rest = [text for text in (say_share_interval(score), f"chance {say_share(transfer.chance[cell])}") if text]
    ink = theme.ink if beats else theme.muted
    return [(value, bold if beats else text_font(9.0), ink), *((text, small, ink) for text in rest)]
