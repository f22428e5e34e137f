"""Brackets beside the rows of a matrix that say which of them belong together."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from matplotlib.axes import Axes

from latentscape.figures.headline import fit_text, line_height, text_font
from latentscape.figures.render import plain
from latentscape.figures.style import Style

GROUPS_WIDTH = 1.5
"""Inches right of the matrix that brackets and names take."""
_BRACKET, _NAME = 0.07, 0.24
"""Inches from the matrix to the bracket and to the names."""
_INSET = 0.025
"""Inches that a bracket leaves free at both of its ends."""


@dataclass(frozen=True, kw_only=True)
class _Run:
    """Rows of one group, first to last, and where their middle is and their name stands: inches from the upper edge."""

    name: str
    first: int
    last: int
    middle: float
    at: float


def write_row_groups(axes: Axes, groups: Sequence[str], *, panel: float, style: Style) -> None:
    """Brackets and names right of a matrix with one row a group member, and thin lines between the groups.

    `panel` is the height of the matrix in inches. Where names would not fit, those of the smallest groups are left out.
    """
    runs = _find_runs(groups, panel=panel)
    _draw_lines(axes, runs, n=len(groups))
    for run in runs:
        _draw_bracket(axes, run, panel=panel, n_rows=len(groups), style=style)
    for run in _choose_named(runs, panel=panel):
        _write_name(axes, run, panel=panel, style=style)


def _find_runs(groups: Sequence[str], *, panel: float) -> list[_Run]:
    starts = [row for row in range(len(groups)) if row == 0 or groups[row] != groups[row - 1]]
    ends = [*[start - 1 for start in starts[1:]], len(groups) - 1]
    middles = [(first + last + 1) / 2 / len(groups) * panel for first, last in zip(starts, ends, strict=True)]
    return [
        _Run(name=groups[first], first=first, last=last, middle=middle, at=middle)
        for first, last, middle in zip(starts, ends, middles, strict=True)
    ]


def _choose_named(runs: list[_Run], *, panel: float) -> list[_Run]:
    """As many as fit below each other, the largest ones."""
    n = int(panel / line_height(text_font(8.0)))
    largest = sorted(runs, key=lambda run: run.first - run.last)[:n]
    return _spread(sorted(largest, key=lambda run: run.first), panel=panel)


def _spread(runs: list[_Run], *, panel: float) -> list[_Run]:
    """Names pushed down where they would touch, then up again where they would leave the panel."""
    step = line_height(text_font(8.0))
    down: list[float] = []
    for run in runs:
        down.append(max(run.at, down[-1] + step if down else step / 2))
    places: list[float] = []
    for at in reversed(down):
        places.append(min(at, places[-1] - step if places else panel - step / 2))
    return [replace(run, at=at) for run, at in zip(runs, reversed(places), strict=True)]


def _write_name(axes: Axes, run: _Run, *, panel: float, style: Style) -> None:
    """The name, and a thin line to it from the middle of the bracket."""
    font = text_font(8.0)
    name = fit_text(plain(run.name, limit=40) or "(empty)", font, width=GROUPS_WIDTH - _NAME - 0.05)
    xs, ys = [1 + _BRACKET / panel, 1 + (_NAME - 0.04) / panel], [1 - run.middle / panel, 1 - run.at / panel]
    axes.plot(xs, ys, transform=axes.transAxes, color=style.theme.muted, linewidth=0.7, clip_on=False)
    text = axes.text(1 + _NAME / panel, 1 - run.at / panel, name, transform=axes.transAxes)
    text.set(fontproperties=font, color=style.theme.ink, va="center_baseline", clip_on=False)


def _draw_bracket(axes: Axes, run: _Run, *, panel: float, n_rows: int, style: Style) -> None:
    inset = min(_INSET, (run.last + 1 - run.first) * panel / n_rows / 4) / panel
    ends = [1 - run.first / n_rows - inset, 1 - (run.last + 1) / n_rows + inset]
    x = 1 + _BRACKET / panel
    axes.plot([x, x], ends, transform=axes.transAxes, color=style.theme.muted, linewidth=1.6, clip_on=False)


def _draw_lines(axes: Axes, runs: list[_Run], *, n: int) -> None:
    """Between groups, across and down."""
    for run in runs[1:]:
        for line in (axes.axhline, axes.axvline):
            line(run.first - 0.5, color="white", linewidth=0.9, alpha=0.9)
    axes.set(xlim=(-0.5, n - 0.5), ylim=(n - 0.5, -0.5))
