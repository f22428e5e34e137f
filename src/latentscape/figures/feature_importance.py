"""What each kind of mistake costs a document, how often it costs nothing, and what the weight file says about it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from latentscape.figures.headline import MARGIN
from latentscape.figures.importance_words import (
    count_pairs,
    disagrees,
    is_ignored,
    list_missing,
    say_agreement,
    say_importance,
)
from latentscape.figures.inches import open_figure, place_axes
from latentscape.figures.layer_axis import LINEAR_COLORS, OTHER_COLORS
from latentscape.figures.legend_row import Mark, measure_legend_row, write_legend_row
from latentscape.figures.score_rows import (
    AXIS,
    Dots,
    Header,
    draw_dots,
    dress_rows,
    fit_row_names,
    measure_header,
    measure_names,
    measure_notes,
    span_of,
    values_of,
    wrap_notes,
    write_header,
    write_names,
    write_notes,
)
from latentscape.figures.style import Style, Theme, ThemedFigure, themed
from latentscape.findings import EmbeddingsFindings
from latentscape.measures.minimal_pairs import TypeEffect, TypeImportance

ROW, GAP, RIGHT = 0.46, 0.45, 0.2
COST, VIOLATIONS, WEIGHTS = 4.0, 2.1, 2.7
"""Inches of the three panels."""
MOST_TYPES = 20
APART = 0.17
"""Rows between the middle of a row and each of the two dots in it."""
SUBTITLE = "Hard negatives by what is wrong with them, as the data declare it; strokes are 95% intervals."
HEADERS = (
    Header(heading="Cost in cosine similarity", reading="right document − hard negative; above 0 the mistake is seen"),
    Header(heading="Violations", reading="wrong one at least as similar as the right one"),
    Header(heading="Weight", reading="declared, and as the effects act; filled: more apart than chance"),
)


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """What is drawn, and where: sizes in inches."""

    effects: Sequence[TypeEffect]
    names: Sequence[str]
    details: Sequence[str]
    left: float
    """Of the first panel."""
    panels: Sequence[tuple[Header, float]]
    """Header and width of each."""

    @property
    def width(self) -> float:
        panels = sum(width for _, width in self.panels) + GAP * (len(self.panels) - 1)
        return self.left + panels + RIGHT + MARGIN

    @property
    def lefts(self) -> list[float]:
        """Of all panels."""
        widths = [0.0, *(width + GAP for _, width in self.panels[:-1])]
        return [self.left + float(at) for at in np.cumsum(widths)]

    @property
    def height(self) -> float:
        return ROW * len(self.effects)


def draw_feature_importance(findings: EmbeddingsFindings, style: Style) -> Figure | None:
    """A row a type of mistake, the costliest first; None where no hard negative has a type."""
    importance = findings.importance
    if importance is None or not importance.effects:
        return None
    with themed(style):
        plan = _plan(importance)
        room = plan.width - 2 * MARGIN
        marks, header = _list_marks(plan, style), measure_header(plan.panels)
        legend, notes = measure_legend_row(marks, width=room), wrap_notes(_list_notes(importance, plan), width=room)
        figure, top = open_figure(
            style, say_importance(importance), subtitle=f"{SUBTITLE} {say_agreement(importance)}".rstrip(),
            stamps=findings.model.stamps, width=plan.width,
            below=legend + header + plan.height + AXIS + measure_notes(notes),
        )  # fmt: skip
        write_legend_row(figure, marks, left=MARGIN, top=top, width=room)
        top += legend
        drawing = (_draw_costs, _draw_violations, _draw_weights)
        for (each, width), left, draw in zip(plan.panels, plan.lefts, drawing, strict=False):
            write_header(figure, each, left=left, top=top, width=width)
            draw(place_axes(figure, left=left, top=top + header, width=width, height=plan.height), plan.effects, style)
        _write_names(figure, plan, top=top + header)
        write_notes(figure, notes, top=top + header + plan.height + AXIS)
    return figure


def _plan(importance: TypeImportance) -> _Plan:
    effects = _choose(importance.effects)
    names, details = fit_row_names([effect.type for effect in effects]), [count_pairs(effect) for effect in effects]
    widths = (COST, VIOLATIONS, WEIGHTS) if _has_weights(effects) else (COST, VIOLATIONS)
    left = MARGIN + measure_names(names, details)
    panels = list(zip(HEADERS, widths, strict=False))
    return _Plan(effects=effects, names=names, details=details, left=left, panels=panels)


def _choose(effects: Sequence[TypeEffect]) -> list[TypeEffect]:
    """All types, or the most frequent of very many, in the order given."""
    frequent = sorted(range(len(effects)), key=lambda i: -effects[i].n)[:MOST_TYPES]
    return [effects[i] for i in sorted(frequent)]


def _has_weights(effects: Sequence[TypeEffect]) -> bool:
    return any(effect.declared is not None for effect in effects)


def _list_marks(plan: _Plan, style: Style) -> list[Mark]:
    ink, blue, orange = style.theme.muted, LINEAR_COLORS[style.dark], OTHER_COLORS[style.dark]
    marks = [
        Mark(text="effect: regression over all negatives", color=blue, edge=blue, line="-"),
        Mark(text="difference where nothing else is wrong", color=ink, edge=ink, marker="s", size=5.0, line="-"),
        Mark(text="hollow: may be 0", color=style.theme.paper, edge=blue),
    ]
    weights = [
        Mark(text="declared weight", color=style.theme.ink, edge=style.theme.ink, marker="|", size=11.0),
        Mark(text="acts like", color=orange, edge=orange, marker="D", line="-"),
    ]
    return [*marks, *(weights if _has_weights(plan.effects) else [])]


def _draw_costs(axes: Axes, effects: Sequence[TypeEffect], style: Style) -> None:
    together, alone = [effect.effect for effect in effects], [effect.difference for effect in effects]
    _dress(axes, len(effects), span=span_of([*together, *alone], also=[0.0]), style=style, label="cosine difference")
    axes.axvline(0, color=style.theme.muted, linewidth=1.1, zorder=2)
    hollow = np.array([is_ignored(effect) for effect in effects], dtype=bool)
    draw_dots(axes, Dots(scores=alone, color=style.theme.muted, marker="s", drop=APART, size=4.0), style)
    draw_dots(axes, Dots(scores=together, color=LINEAR_COLORS[style.dark], hollow=hollow, drop=-APART), style)


def _draw_violations(axes: Axes, effects: Sequence[TypeEffect], style: Style) -> None:
    dress_rows(axes, len(effects), span=(-0.02, 1.02), style=style, shares=True)
    axes.set_xlabel("share of negatives alone")
    draw_dots(axes, Dots(scores=[effect.violations for effect in effects], color=style.theme.wrong, marker="^"), style)


def _draw_weights(axes: Axes, effects: Sequence[TypeEffect], style: Style) -> None:
    """What is declared, where it is, and what the type acts like; a bar between them where they disagree."""
    acts = [effect.acts_like for effect in effects]
    declared = np.array([np.nan if e.declared is None else e.declared for e in effects], dtype=np.float64)
    span = span_of(acts, also=[0.0, *declared[np.isfinite(declared)].tolist()])
    _dress(axes, len(effects), span=span, style=style, label="weight")
    rows, measured = np.arange(len(effects)), values_of(acts)
    color = OTHER_COLORS[style.dark]
    apart = np.array([disagrees(effect) for effect in effects], dtype=bool)
    axes.hlines(rows[apart], declared[apart], measured[apart], color=color, linewidth=4.0, alpha=0.25, zorder=2)
    axes.axvline(0, color=style.theme.muted, linewidth=1.1, zorder=1.5)
    _stroke_declared(axes, declared, style.theme)
    draw_dots(axes, Dots(scores=acts, color=color, marker="D", hollow=~apart, size=4.6), style)


def _stroke_declared(axes: Axes, declared: np.ndarray, theme: Theme) -> None:
    rows = np.flatnonzero(np.isfinite(declared))
    axes.vlines(declared[rows], rows - 0.26, rows + 0.26, color=theme.ink, linewidth=2.2, zorder=2.5)


def _dress(axes: Axes, n: int, *, span: tuple[float, float], style: Style, label: str) -> None:
    dress_rows(axes, n, span=span, style=style)
    axes.set_xlabel(label)


def _write_names(figure: ThemedFigure, plan: _Plan, *, top: float) -> None:
    write_names(figure, plan.names, details=plan.details, right=plan.left, top=top, row=ROW)


def _list_notes(importance: TypeImportance, plan: _Plan) -> list[str]:
    n = len(importance.effects)
    few = [f"Of {n:,} types the {MOST_TYPES} most frequent are shown; the title counts all."] if n > MOST_TYPES else []
    return [*few, *list_missing(plan.effects, plan.names)]
