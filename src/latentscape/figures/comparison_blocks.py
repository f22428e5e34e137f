"""Blocks of rows in one or two columns: differences with their intervals, and samples fixed and broken."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes

from latentscape.figures.comparison_words import VERDICTS, Verdict, is_share, judge_change, say_delta, say_p
from latentscape.figures.geometry_panel import say_tick
from latentscape.figures.headline import MARGIN, fit_text, measure_text, text_font
from latentscape.figures.inches import place_axes
from latentscape.figures.score_rows import (
    AXIS,
    Dots,
    Header,
    draw_dots,
    dress_rows,
    fit_row_names,
    measure_header,
    measure_names,
    span_of,
    write_beside,
    write_header,
    write_names,
)
from latentscape.figures.style import Style, ThemedFigure
from latentscape.measures.tallies import Change

ROW, PANEL, BESIDE, COLUMN_GAP, BLOCK_GAP = 0.3, 2.9, 1.75, 0.45, 0.22
DETAILED_ROW = 0.36
"""Inches of a row whose name has small print below it."""
_BAR = 0.62
"""Height of a bar, in rows."""


@dataclass(frozen=True, kw_only=True)
class ChangeBlock:
    """Differences of one kind, a row each."""

    header: Header
    names: Sequence[str]
    details: Sequence[str]
    """Small print below each name; none at all where empty."""
    scores: Sequence[str]
    """Which score each row is of, by its name."""
    changes: Sequence[Change]
    label: str
    """Of the axis; where all rows are of shares, its numbers are points."""


@dataclass(frozen=True, kw_only=True)
class OutcomeBlock:
    """Numbers of samples fixed and broken, a row a step."""

    header: Header
    names: Sequence[str]
    fixed: Sequence[int]
    broken: Sequence[int]
    beside: Sequence[str]
    label: str


Block = ChangeBlock | OutcomeBlock


@dataclass(frozen=True, kw_only=True)
class Flow:
    """Blocks in their columns; sizes in inches."""

    columns: Sequence[Sequence[Block]]
    names: float
    """What names take left of every panel."""

    @property
    def column(self) -> float:
        """Width of a column."""
        return self.names + PANEL + BESIDE

    @property
    def width(self) -> float:
        """Of all columns."""
        return len(self.columns) * (self.column + COLUMN_GAP) - COLUMN_GAP

    @property
    def height(self) -> float:
        """Of the highest column."""
        return max(_measure_column(blocks, width=self.column) for blocks in self.columns)


def plan_flow(blocks: Sequence[Block]) -> Flow:
    """Two columns of about equal height where there are several blocks; they are read column by column."""
    names = max(measure_names(fit_row_names(block.names), _details(block)) for block in blocks)
    whole = Flow(columns=[blocks], names=names)
    cuts = [Flow(columns=[blocks[:at], blocks[at:]], names=names) for at in range(1, len(blocks))]
    return min([whole, *cuts], key=lambda flow: flow.height)


def draw_flow(figure: ThemedFigure, flow: Flow, *, top: float) -> None:
    """Draw all blocks below `top` inches."""
    for i, blocks in enumerate(flow.columns):
        left, above = MARGIN + i * (flow.column + COLUMN_GAP), top
        for block in blocks:
            _draw_block(figure, block, flow=flow, left=left, top=above)
            above += _measure(block, width=flow.column) + BLOCK_GAP


def _draw_block(figure: ThemedFigure, block: Block, *, flow: Flow, left: float, top: float) -> None:
    write_header(figure, block.header, left=left, top=top, width=flow.column)
    top += measure_header([(block.header, flow.column)])
    row, panel = _row(block), left + flow.names
    axes = place_axes(figure, left=panel, top=top, width=PANEL, height=row * len(block.names))
    names = fit_row_names(block.names)
    write_names(figure, names, details=_details(block), right=panel, top=top, row=row)
    if isinstance(block, ChangeBlock):
        _draw_changes(axes, block, figure.style)
        beside = [_say_beside(name, change) for name, change in zip(block.scores, block.changes, strict=True)]
    else:
        _draw_outcomes(axes, block, figure.style)
        beside = list(block.beside)
    font = text_font(8.0)
    fitting = [fit_text(text, font, width=BESIDE - 0.12) for text in beside]
    write_beside(figure, fitting, left=panel + PANEL + 0.12, top=top, row=row)
    axes.set_xlabel(block.label)


def _draw_changes(axes: Axes, block: ChangeBlock, style: Style) -> None:
    """Filled where a difference is detected, in green and red if that is good or bad; hollow where it may be chance."""
    scores, theme = [change.score for change in block.changes], style.theme
    dress_rows(axes, len(scores), span=span_of(scores, also=[0.0]), style=style)
    if all(map(is_share, block.scores)):
        axes.xaxis.set_major_formatter(lambda at, _: say_tick(100 * at))
    axes.axvline(0, color=theme.muted, linewidth=1.1, zorder=2)
    verdicts = [judge_change(change) for change in block.changes]
    for verdict in VERDICTS:
        own = [score if found == verdict else None for score, found in zip(scores, verdicts, strict=True)]
        hollow = np.full(len(own), verdict in {"none", "untested"})
        color, marker = choose_dot(verdict, style)
        draw_dots(axes, Dots(scores=own, color=color, marker=marker, hollow=hollow), style)


def choose_dot(verdict: Verdict, style: Style) -> tuple[str, str]:
    """Color and marker of a difference."""
    theme = style.theme
    known = {"better": (theme.right, "o"), "worse": (theme.wrong, "X"), "other": (theme.ink, "D")}
    return known.get(verdict, (theme.muted, "o"))


def _draw_outcomes(axes: Axes, block: OutcomeBlock, style: Style) -> None:
    """Broken to the left, fixed to the right, each bar with its number."""
    theme, font, n = style.theme, text_font(8.0), len(block.names)
    fixed, broken = (np.array(counts, dtype=np.float64) for counts in (block.fixed, block.broken))
    most = max(float(fixed.max()), float(broken.max()), 1.0)
    widest = max(measure_text(f"{count:,}", font)[0] for count in (*block.fixed, *block.broken)) + 0.1
    # Numbers stand beyond the ends of bars and need their room inside of the panel.
    unit = (float(fixed.max() + broken.max()) or most) / max(PANEL - 2 * widest - 0.1, 0.5)
    span = (-float(broken.max()) - unit * (widest + 0.05), float(fixed.max()) + unit * (widest + 0.05))
    dress_rows(axes, n, span=span, style=style)
    axes.xaxis.set_major_formatter(lambda at, _: f"{abs(at):,.0f}" if at == round(at) else "")
    rows = np.arange(n)
    axes.barh(rows, fixed, height=_BAR, color=theme.right, linewidth=0, zorder=3)
    axes.barh(rows, -broken, height=_BAR, color=theme.wrong, linewidth=0, zorder=3)
    axes.axvline(0, color=theme.muted, linewidth=1.1, zorder=4)
    for row, (right, wrong) in enumerate(zip(block.fixed, block.broken, strict=True)):
        for at, count, side in ((right, right, "left"), (-wrong, wrong, "right")):
            text = axes.text(at + (0.04 * unit if at >= 0 and side == "left" else -0.04 * unit), row, f"{count:,}")
            text.set(fontproperties=font, color=theme.ink, ha=side, va="center_baseline")


def _say_beside(name: str, change: Change) -> str:
    if change.score.value is None:
        return "not measured"
    return f"{say_delta(name, change.score)}, {say_p(change.adjusted) or VERDICTS['untested']}"


def _details(block: Block) -> Sequence[str]:
    return block.details if isinstance(block, ChangeBlock) else ()


def _row(block: Block) -> float:
    return DETAILED_ROW if _details(block) else ROW


def _measure(block: Block, *, width: float) -> float:
    return measure_header([(block.header, width)]) + _row(block) * len(block.names) + AXIS


def _measure_column(blocks: Sequence[Block], *, width: float) -> float:
    return sum(_measure(block, width=width) + BLOCK_GAP for block in blocks) - BLOCK_GAP
