"""How often each class is found and how often its name is right: recall, precision and F1 as dots with intervals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.ticker import MultipleLocator

from latentscape.figures.legend_row import Mark
from latentscape.figures.style import KIND_COLORS, Style, Theme, dress_axes
from latentscape.figures.words import say_share
from latentscape.findings import LatentsFindings
from latentscape.measures.classification import name_scores
from latentscape.measures.score import Score

STEP = 0.25
"""Between the scores of one class, in rows."""
MOST_NAMED = 3
"""How many classes a title names."""


@dataclass(frozen=True, kw_only=True)
class _Look:
    text: str
    marker: str
    color: str


def list_class_scores(findings: LatentsFindings, prefix: str) -> list[Score | None]:
    """The scores `<prefix>_<class>` in the order of the classes; None where one was not measured."""
    return [findings.scores.get(name) for name in name_scores(prefix, findings.class_names)]


def has_class_scores(findings: LatentsFindings) -> bool:
    """Whether there is anything to draw."""
    return any(score is not None for prefix in _looks(Style()) for score in list_class_scores(findings, prefix))


def draw_class_scores(axes: Axes, findings: LatentsFindings, *, row: float, style: Style) -> None:
    """Draw the scores of class i at height i, downwards; rows are `row` inches high."""
    dress_axes(axes, style, grid="x")
    n, looks = len(findings.class_names), _looks(style)
    axes.set(xlim=(-0.02, 1.02), ylim=(n - 0.5, -0.5), yticks=[])
    axes.spines["left"].set_visible(False)
    axes.xaxis.set_major_locator(MultipleLocator(0.25))
    axes.xaxis.set_major_formatter(lambda share, _: f"{100 * share:.0f}%")
    axes.hlines(np.arange(n - 1) + 0.5, -0.02, 1.02, color=style.theme.grid, linewidth=0.6, zorder=1)
    for place, (prefix, look) in enumerate(looks.items()):
        scores = list_class_scores(findings, prefix)
        _draw_scores(axes, scores, rise=STEP * (place - 1), look=look, size=min(6.0, max(2.0, row * 72 * 0.2)))


def list_score_marks(style: Style) -> list[Mark]:
    """What the dots mean."""
    return [
        Mark(text=look.text, color=look.color, edge=look.color, marker=look.marker, line="-")
        for look in _looks(style).values()
    ]


def say_weak_classes(findings: LatentsFindings, names: Sequence[str]) -> str:
    """The classes found clearly less often than all samples are, by intervals that have nothing in common."""
    accuracy = findings.scores.get("accuracy")
    if accuracy is None or accuracy.low is None:
        return ""
    weak = [
        (score.value, name)
        for score, name in zip(list_class_scores(findings, "recall"), names, strict=True)
        if score is not None and score.value is not None and score.high is not None and score.high < accuracy.low
    ]
    if not weak:
        return ""
    weak.sort()
    listed = ", ".join(f"{name} ({say_share(value)})" for value, name in weak[:MOST_NAMED])
    more = len(weak) - MOST_NAMED
    return f"Found clearly less often than the rest: {listed}{f' and {more} more' if more > 0 else ''}"


def _looks(style: Style) -> Mapping[str, _Look]:
    blue, _, vermilion = (_brighten(color, style.theme) if style.dark else color for color in KIND_COLORS)
    return {
        "recall": _Look(text="recall: share of the class that is found", marker="o", color=blue),
        "precision": _Look(text="precision: share of its name that is right", marker="D", color=vermilion),
        "f1": _Look(text="F1, their harmonic mean", marker="s", color=style.theme.muted),
    }


def _brighten(color: str, theme: Theme) -> str:
    """A third of the way to the ink, which shows on dark paper."""
    mixed = [2 / 3 * part + 1 / 3 * ink for part, ink in zip(to_rgb(color), to_rgb(theme.ink), strict=True)]
    return to_hex((mixed[0], mixed[1], mixed[2]))


def _draw_scores(axes: Axes, scores: Sequence[Score | None], *, rise: float, look: _Look, size: float) -> None:
    """One kind of score for all classes; a score that does not exist leaves its place empty."""
    dots, lines = [], []
    for i, score in enumerate(scores):
        if score is None or score.value is None:
            continue
        dots.append((score.value, i + rise))
        if score.low is not None and score.high is not None:
            lines.append((i + rise, score.low, score.high))
    heights, low, high = np.array(lines).reshape(-1, 3).T
    axes.hlines(heights, low, high, color=look.color, linewidth=1.1, zorder=3)
    values, heights = np.array(dots).reshape(-1, 2).T
    drawn = axes.plot(values, heights, linestyle="", zorder=4)[0]
    drawn.set(marker=look.marker, markersize=size, color=look.color)
