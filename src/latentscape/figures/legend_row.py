"""A legend in one or more lines between the headline and the panels, in inches, so that it can never lie on data."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from matplotlib.lines import Line2D

from latentscape.figures.headline import fit_text, line_height, measure_text, text_font, write_text
from latentscape.figures.style import ThemedFigure

PITCH = 0.2
"""Inches from one line to the next."""
_MARK, _GAP, _SIZE = 0.3, 0.3, 8.5


@dataclass(frozen=True, kw_only=True)
class Mark:
    """One mark and what it means."""

    text: str
    color: str
    edge: str
    marker: str = "o"
    size: float = 6.0
    """Diameter in points."""
    line: Literal["", "-"] = ""
    """Through the marker; empty for the marker alone."""


def measure_legend_row(marks: Sequence[Mark], *, width: float) -> float:
    """Inches that the legend takes from the top, a gap below it included; none without marks."""
    return PITCH * len(_break_lines(marks, width=width)) + 0.1 if marks else 0.0


def write_legend_row(figure: ThemedFigure, marks: Sequence[Mark], *, left: float, top: float, width: float) -> None:
    """Write the marks side by side, so many inches from the figure's left and top edges, at most `width` wide."""
    font, ink = text_font(_SIZE), figure.style.theme.ink
    for line in _break_lines(marks, width=width):
        at = left
        for mark in line:
            text = _fit(mark, width=width)
            _draw_mark(figure, mark, left=at, top=top)
            write_text(figure, text, left=at + _MARK, top=top, font=font, color=ink)
            at += _MARK + measure_text(text, font)[0] + _GAP
        top += PITCH


def _fit(mark: Mark, *, width: float) -> str:
    return fit_text(mark.text, text_font(_SIZE), width=width - _MARK)


def _break_lines(marks: Sequence[Mark], *, width: float) -> list[list[Mark]]:
    lines: list[list[Mark]] = []
    used = 0.0
    for mark in marks:
        needed = _MARK + measure_text(_fit(mark, width=width), text_font(_SIZE))[0]
        if lines and used + needed <= width:
            lines[-1].append(mark)
        else:
            lines.append([mark])
            used = 0.0
        used += needed + _GAP
    return lines


def _draw_mark(figure: ThemedFigure, mark: Mark, *, left: float, top: float) -> None:
    paper_width, paper_height = figure.get_size_inches()
    ends = [(left + share * _MARK) / paper_width for share in ((0.05, 0.4, 0.75) if mark.line else (0.4,))]
    y = 1 - (top + line_height(text_font(_SIZE)) / 2) / paper_height
    drawn = Line2D(ends, [y] * len(ends), linestyle=mark.line, color=mark.edge, transform=figure.transFigure)
    drawn.set(marker=mark.marker, markersize=mark.size, markerfacecolor=mark.color, markeredgecolor=mark.edge)
    drawn.set(markeredgewidth=1.0, linewidth=1.2, markevery=[len(ends) // 2])
    figure.add_artist(drawn)
