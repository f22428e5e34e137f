"""Scores as dots with their intervals, one row each: names left of the panel, what they rest on right of it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, MultipleLocator

from latentscape.figures.geometry_panel import say_tick
from latentscape.figures.headline import MARGIN, fit_text, line_height, measure_text, text_font, wrap_text, write_text
from latentscape.figures.layer_axis import fit_names
from latentscape.figures.render import plain
from latentscape.figures.style import Style, ThemedFigure, dress_axes
from latentscape.measures.score import Score

LONGEST_NAME = 1.9
"""Inches."""
NAME_GAP = 0.12
"""Inches between a name and the panel."""
HEADING, READING, NOTE = 10.0, 8.0, 8.0
"""Points."""
AXIS = 0.48
"""Inches below a panel for its numbers and what they are."""
MARKER = 5.2
"""Diameter in points."""


@dataclass(frozen=True, kw_only=True)
class Dots:
    """One score in each row; None where it was not measured."""

    scores: Sequence[Score | None]
    color: str
    marker: str = "o"
    hollow: Bool[np.ndarray, " row"] | None = None
    """Which markers have no filling; None for none of them."""
    drop: float = 0.0
    """How far below its row's middle a marker lies, in rows."""
    size: float = MARKER


@dataclass(frozen=True, kw_only=True)
class Header:
    """What stands above a panel: its heading, and how to read it."""

    heading: str
    reading: str


def draw_dots(axes: Axes, dots: Dots, style: Style) -> None:
    """The intervals, then the markers; row i is at height i, downwards."""
    values = values_of(dots.scores)
    heights = np.arange(len(values)) + dots.drop
    hollow = np.zeros(len(values), dtype=bool) if dots.hollow is None else dots.hollow
    low, high = _ends(dots.scores)
    ends = np.isfinite(low) & np.isfinite(high)
    axes.hlines(heights[ends], low[ends], high[ends], color=dots.color, linewidth=1.3, zorder=3)
    for rows, face in ((hollow, style.theme.paper), (~hollow, dots.color)):
        known = rows & np.isfinite(values)
        axes.scatter(
            values[known], heights[known], s=dots.size**2, marker=dots.marker, color=face, edgecolors=dots.color,
            linewidths=1.2, zorder=4, clip_on=False,
        )  # fmt: skip


def draw_ticks(axes: Axes, values: Float[np.ndarray, " row"], *, color: str, half: float = 0.32) -> None:
    """A short upright stroke in each row that has a value, e.g. where chance lies."""
    known = np.isfinite(values)
    heights = np.arange(len(values))[known]
    axes.vlines(values[known], heights - half, heights + half, color=color, linewidth=1.6, zorder=3.5)


def dress_rows(axes: Axes, n: int, *, span: tuple[float, float], style: Style, shares: bool = False) -> None:
    """`n` rows between thin lines over a horizontal axis; `shares` are written as percentages."""
    dress_axes(axes, style, grid="x")
    axes.set(xlim=span, ylim=(n - 0.5, -0.5), yticks=[])
    axes.spines["left"].set_visible(False)
    axes.hlines(np.arange(n - 1) + 0.5, *span, color=style.theme.grid, linewidth=0.6, zorder=1)
    few = MaxNLocator(5, steps=(1, 2, 2.5, 5, 10), min_n_ticks=3)
    axes.xaxis.set_major_locator(MultipleLocator(0.25) if shares else few)
    axes.xaxis.set_major_formatter(lambda at, _: f"{100 * at:.0f}%" if shares else say_tick(at))


def span_of(scores: Sequence[Score | None], *, also: Sequence[float] = ()) -> tuple[float, float]:
    """Limits around all values and intervals, and around the numbers given."""
    ends = np.concatenate([values_of(scores), *_ends(scores), np.array(also, dtype=np.float64)])
    ends = ends[np.isfinite(ends)]
    if not len(ends):
        return (0.0, 1.0)
    low, high = float(ends.min()), float(ends.max())
    room = 0.06 * (high - low) or max(0.1 * abs(high), 0.01)
    return (low - room, high + room)


def values_of(scores: Sequence[Score | None]) -> Float[np.ndarray, " row"]:
    """NaN where nothing was measured."""
    return np.array([np.nan if s is None or s.value is None else s.value for s in scores], dtype=np.float64)


def fit_row_names(names: Sequence[str]) -> list[str]:
    """Names that fit beside a panel and still differ."""
    return fit_names(names, text_font(9.0), width=LONGEST_NAME, fit=fit_text)


def measure_names(names: Sequence[str], details: Sequence[str] = ()) -> float:
    """Inches that names, and the small print below them, take left of a panel."""
    widths = [measure_text(name, text_font(9.0))[0] for name in names]
    widths += [measure_text(detail, text_font(7.5))[0] for detail in details]
    return max(widths, default=0.0) + NAME_GAP


def write_names(
    figure: ThemedFigure, names: Sequence[str], *, details: Sequence[str] = (), right: float, top: float, row: float
) -> None:
    """Names that end at `right` inches, in rows of `row` inches, each with its small print below it where given."""
    theme, font, small = figure.style.theme, text_font(9.0), text_font(7.5)
    height = line_height(font) + (line_height(small) if details else 0.0)
    for i, name in enumerate(names):
        at = top + i * row + (row - height) / 2
        write_text(figure, name, left=right - NAME_GAP, top=at, font=font, color=theme.ink, ha="right")
        if details:
            at += line_height(font)
            write_text(figure, details[i], left=right - NAME_GAP, top=at, font=small, color=theme.muted, ha="right")


def write_beside(figure: ThemedFigure, texts: Sequence[str], *, left: float, top: float, row: float) -> None:
    """Small print right of a panel, a line a row."""
    font = text_font(8.0)
    for i, text in enumerate(texts):
        at = top + i * row + (row - line_height(font)) / 2
        write_text(figure, text, left=left, top=at, font=font, color=figure.style.theme.muted)


def measure_header(headers: Sequence[tuple[Header, float]]) -> float:
    """Inches that headers side by side take, each given with its width."""
    lines = max((len(_wrap_reading(header, width=width)) for header, width in headers), default=0)
    return line_height(text_font(HEADING, bold=True)) + lines * line_height(text_font(READING)) + 0.08


def write_header(figure: ThemedFigure, header: Header, *, left: float, top: float, width: float) -> None:
    """The heading in bold, how to read the panel below it."""
    theme, bold, small = figure.style.theme, text_font(HEADING, bold=True), text_font(READING)
    write_text(figure, fit_text(header.heading, bold, width=width), left=left, top=top, font=bold, color=theme.ink)
    top += line_height(bold)
    for i, line in enumerate(_wrap_reading(header, width=width)):
        write_text(figure, line, left=left, top=top + i * line_height(small), font=small, color=theme.muted)


def wrap_notes(notes: Sequence[str], *, width: float) -> list[str]:
    """Small print for the foot of a figure, line by line."""
    return [line for note in notes for line in wrap_text(plain(note, limit=300), text_font(NOTE), width=width)]


def measure_notes(lines: Sequence[str]) -> float:
    """Inches that the small print takes, a gap above it included; none without any."""
    return len(lines) * line_height(text_font(NOTE)) + 0.1 if lines else 0.0


def write_notes(figure: ThemedFigure, lines: Sequence[str], *, top: float) -> None:
    """Small print from the left margin, its gap above it."""
    font = text_font(NOTE)
    for i, line in enumerate(lines):
        at = top + 0.1 + i * line_height(font)
        write_text(figure, line, left=MARGIN, top=at, font=font, color=figure.style.theme.muted)


def _wrap_reading(header: Header, *, width: float) -> list[str]:
    return wrap_text(header.reading, text_font(READING), width=width)


def _ends(scores: Sequence[Score | None]) -> tuple[Float[np.ndarray, " row"], Float[np.ndarray, " row"]]:
    """Low and high ends of the intervals; NaN where there is none."""
    known = [score if score is not None and score.value is not None else None for score in scores]
    low = [np.nan if score is None or score.low is None else score.low for score in known]
    high = [np.nan if score is None or score.high is None else score.high for score in known]
    return np.array(low, dtype=np.float64), np.array(high, dtype=np.float64)
