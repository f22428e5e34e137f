"""A legend beside the panels, in inches, so that it can never lie on a point."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.lines import Line2D

from latentscape.figures.headline import fit_text, line_height, measure_text, text_font, write_text
from latentscape.figures.style import ThemedFigure

PITCH = 0.2
"""Inches from one entry to the next."""
MAX_WIDTH = 2.8
_TEXT_LEFT, _GROUP_GAP = 0.22, 0.18


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One marker and what it means."""

    text: str
    marker: str = "o"
    color: str
    edge: str
    size: float = 6.5
    """Diameter in points."""
    count: int | None = None
    """Of what there are so many; never cut, unlike the text."""


@dataclass(frozen=True, kw_only=True)
class Group:
    """A heading and its entries."""

    heading: str
    entries: Sequence[Entry]


def measure_legend(groups: Sequence[Group]) -> tuple[float, float]:
    """Width and height in inches."""
    entries = [entry for group in groups for entry in group.entries]
    widths = [_TEXT_LEFT + measure_text(_text(entry), text_font(8.5))[0] for entry in entries]
    widths += [measure_text(group.heading, text_font(9.0, bold=True))[0] for group in groups]
    return max(widths), PITCH * (len(entries) + len(groups)) + _GROUP_GAP * (len(groups) - 1)


def write_legend(figure: ThemedFigure, groups: Sequence[Group], *, left: float, top: float) -> None:
    """Write the groups below each other, from so many inches from the figure's left and top edges."""
    ink = figure.style.theme.ink
    for group in groups:
        write_text(figure, group.heading, left=left, top=top, font=text_font(9.0, bold=True), color=ink)
        for entry in group.entries:
            top += PITCH
            _draw_marker(figure, entry, left=left + 0.08, top=top)
            write_text(figure, _text(entry), left=left + _TEXT_LEFT, top=top, font=text_font(8.5), color=ink)
        top += PITCH + _GROUP_GAP


def _text(entry: Entry) -> str:
    font, count = text_font(8.5), "" if entry.count is None else f" ({entry.count:,})"
    return fit_text(entry.text, font, width=MAX_WIDTH - _TEXT_LEFT - measure_text(count, font)[0]) + count


def _draw_marker(figure: ThemedFigure, entry: Entry, *, left: float, top: float) -> None:
    x = left / figure.get_figwidth()
    y = 1 - (top + line_height(text_font(8.5)) / 2) / figure.get_figheight()
    marker = Line2D([x], [y], marker=entry.marker, linestyle="", transform=figure.transFigure)
    marker.set(markersize=entry.size, markerfacecolor=entry.color, markeredgecolor=entry.edge, markeredgewidth=0.8)
    figure.add_artist(marker)
