"""Is the model right as often as it says? Confidence against accuracy, and how often which confidence is given."""

import numpy as np
from jaxtyping import Bool, Float
from matplotlib.axes import Axes
from matplotlib.container import BarContainer
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator, MultipleLocator

from latentscape.figures.headline import MARGIN
from latentscape.figures.inches import open_figure, place_axes
from latentscape.figures.legend_row import Mark, measure_legend_row, write_legend_row
from latentscape.figures.render import plain
from latentscape.figures.style import Style, Theme, ThemedFigure, dress_axes, themed
from latentscape.figures.words import say_count, say_interval, say_number
from latentscape.findings import LatentsFindings
from latentscape.measures.calibration import Calibration
from latentscape.measures.score import Score

WIDTH, CURVE, HISTOGRAM = 6.4, 4.4, 1.7
"""Inches: both panels wide, each so high."""
LEFT, BETWEEN, BELOW = 0.75, 0.34, 0.5
WRONG_HATCH = "////"
SUBTITLE = "On the diagonal the model is right as often as it says; below it the model is too sure of itself."


def draw_calibration(findings: LatentsFindings, style: Style) -> ThemedFigure | None:
    """The reliability curve over a histogram of the confidence; None where calibration was not measured."""
    calibration = findings.calibration
    if calibration is None or not calibration.counts.sum():
        return None
    with themed(style):
        width = MARGIN + LEFT + WIDTH + 2 * MARGIN
        marks, room = _list_marks(style.theme), width - 2 * MARGIN
        legend = measure_legend_row(marks, width=room)
        figure, top = open_figure(
            style,
            f"{say_calibration(calibration)}\n{_say_error(calibration)}".strip(),
            subtitle=SUBTITLE,
            stamps=findings.model.stamps,
            width=width,
            below=legend + CURVE + BETWEEN + HISTOGRAM + BELOW,
        )
        write_legend_row(figure, marks, left=MARGIN, top=top, width=room)
        top, left = top + legend, MARGIN + LEFT
        curve = place_axes(figure, left=left, top=top, width=WIDTH, height=CURVE)
        bars = place_axes(figure, left=left, top=top + CURVE + BETWEEN, width=WIDTH, height=HISTOGRAM)
        _draw_curve(curve, calibration, style)
        _draw_histogram(bars, calibration, style)
    return figure


def say_calibration(calibration: Calibration) -> str:
    """What the model says, how often it is right, and whether the difference is more than chance."""
    gap = calibration.scores.get("overconfidence")
    if gap is None or gap.value is None:
        reason = plain(gap.reason, limit=120) if gap else ""
        return f"Calibration can't be judged: {reason}" if reason else "Calibration can't be judged"
    filled = calibration.counts > 0
    says, right = (
        float(np.average(each[filled], weights=calibration.counts[filled]))
        for each in (calibration.confidence, calibration.accuracy)
    )
    digits = _choose_digits(says, right, gap)
    percent = (f"{say_number(100 * share, digits=digits)}%" for share in (says, right))
    return "Says {}, is right {}: ".format(*percent) + _say_gap(gap, digits=digits)


def _choose_digits(says: float, right: float, gap: Score) -> int:
    """One decimal where whole points would not add up or would show a claimed gap as none."""
    ends = [end for end in (gap.value, gap.low, gap.high) if end is not None]
    vanishes = min(ends) * max(ends) > 0 and any(round(100 * end) == 0 for end in ends)
    adds_up = round(100 * says) - round(100 * right) == round(100 * (gap.value or 0))
    return 1 if vanishes or not adds_up else 0


def _say_gap(gap: Score, *, digits: int) -> str:
    if gap.value is None or gap.low is None or gap.high is None:
        return "no interval tells whether that is more than chance"
    if round(100 * max(abs(gap.value), abs(gap.low), abs(gap.high)), 1) == 0:
        return "as sure as it is right"
    points = say_number(100 * abs(gap.value), digits=digits)
    points += " point" if points == "1" else " points"
    if gap.low > 0:
        return f"overconfident by {points} {_say_ends(gap.low, gap.high, digits=digits)}"
    if gap.high < 0:
        return f"underconfident by {points} {_say_ends(-gap.high, -gap.low, digits=digits)}"
    return f"not detectably over- or underconfident, gap {_say_ends(gap.low, gap.high, digits=digits)} points"


def _say_ends(low: float, high: float, *, digits: int) -> str:
    return f"[{say_number(100 * low, digits=digits)}, {say_number(100 * high, digits=digits)}]"


def _say_error(calibration: Calibration) -> str:
    error = calibration.scores.get("calibration_error")
    if error is None or error.value is None:
        return ""
    ends = f" {say_interval(error)}" if say_interval(error) else ""
    return f"Expected calibration error (ECE) {say_number(error.value)}{ends}, {say_count(error.n, 'sample')}"


def _list_marks(theme: Theme) -> list[Mark]:
    return [
        Mark(text="samples of similar confidence, 95% interval", color=theme.ink, edge=theme.ink, line="-"),
        Mark(text="hollow, pale: the interval reaches the diagonal", color=theme.paper, edge=theme.ink, line="-"),
        Mark(text="below the diagonal: too sure", color=theme.wrong, edge=theme.wrong, marker="s", size=9.0),
        Mark(text="above it: not sure enough", color=theme.right, edge=theme.right, marker="s", size=9.0),
    ]


def _draw_curve(axes: Axes, calibration: Calibration, style: Style) -> None:
    """Accuracy at the mean confidence of each bin, with the gap to the diagonal shaded."""
    theme, filled = style.theme, calibration.counts > 0
    says, right = calibration.confidence[filled], calibration.accuracy[filled]
    low, high = calibration.low[filled], calibration.high[filled]
    dress_axes(axes, style, grid="both")
    axes.plot([0, 1], [0, 1], color=theme.muted, linewidth=1.0, zorder=2)
    _shade_gaps(axes, calibration, filled=filled, theme=theme)
    axes.plot(says, right, color=theme.ink, linewidth=1.3, zorder=3)
    axes.vlines(says, low, high, color=theme.ink, linewidth=1.2, zorder=3)
    within = (low <= says) & (says <= high)
    for rows, face in ((within, theme.paper), (~within, theme.ink)):
        axes.scatter(
            says[rows], right[rows], s=34, color=face, edgecolors=theme.ink, linewidths=1.2, zorder=4, clip_on=False
        )
    axes.set(xlim=(0, 1), ylim=(-0.02, 1.02), ylabel="share that is right")
    _dress_shares(axes, "xy")
    axes.tick_params(labelbottom=False)


def _shade_gaps(axes: Axes, calibration: Calibration, *, filled: Bool[np.ndarray, " bin"], theme: Theme) -> None:
    """From the diagonal to each bin's accuracy, paler where chance may have made the gap."""
    for i in np.flatnonzero(filled):
        says, right = float(calibration.confidence[i]), float(calibration.accuracy[i])
        left, width = float(calibration.edges[i]), float(calibration.edges[i + 1] - calibration.edges[i])
        sure = not calibration.low[i] <= says <= calibration.high[i]
        gap = Rectangle((left, min(says, right)), width, abs(says - right), linewidth=0, zorder=1.5)
        gap.set(facecolor=theme.wrong if says > right else theme.right, alpha=0.32 if sure else 0.12)
        axes.add_patch(gap)


def _draw_histogram(axes: Axes, calibration: Calibration, style: Style) -> None:
    """Samples by confidence: right ones below, wrong ones on top."""
    theme, counts = style.theme, calibration.counts
    right = np.round(np.nan_to_num(calibration.accuracy) * counts)
    dress_axes(axes, style)
    _fill_bars(axes, calibration.edges, bottom=np.zeros(len(counts)), top=right, color=theme.right)
    wrong = _fill_bars(axes, calibration.edges, bottom=right, top=counts.astype(float), color=theme.wrong)
    # Red and green are alike to many eyes: stripes are not.
    for bar in wrong:
        bar.set(hatch=WRONG_HATCH, edgecolor=theme.paper)
    axes.set(xlim=(0, 1), ylim=(0, 1.08 * counts.max()), xlabel="confidence: probability of the predicted class")
    axes.set_ylabel("samples")
    _dress_shares(axes, "x")
    axes.yaxis.set_major_locator(MaxNLocator(3, integer=True))
    axes.yaxis.set_major_formatter(lambda count, _: f"{count:,.0f}")
    # Above the panel, where no bar can reach.
    above = {"xycoords": "axes fraction", "textcoords": "offset points", "fontsize": 8.5}
    axes.annotate("right", (0, 1), (2, 4), color=theme.right, **above)
    axes.annotate("wrong (striped)", (0, 1), (36, 4), color=theme.wrong, **above)


def _fill_bars(
    axes: Axes,
    edges: Float[np.ndarray, " edge"],
    *,
    bottom: Float[np.ndarray, " bin"],
    top: Float[np.ndarray, " bin"],
    color: str,
) -> BarContainer:
    widths = np.diff(edges) * 0.92
    return axes.bar(edges[:-1], top - bottom, widths, bottom, align="edge", color=color, linewidth=0, zorder=2)


def _dress_shares(axes: Axes, which: str) -> None:
    for name in which:
        axis = axes.xaxis if name == "x" else axes.yaxis
        axis.set_major_locator(MultipleLocator(0.2))
        axis.set_major_formatter(lambda share, _: f"{100 * share:.0f}%")
