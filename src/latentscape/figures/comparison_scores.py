"""How the scores go from checkpoint to checkpoint, which checkpoint to take, and whether training went on too long."""

from collections.abc import Sequence
from dataclasses import dataclass

from latentscape.comparison_claims import PROBE, VIOLATIONS, find_judged
from latentscape.comparison_findings import ComparisonFindings
from latentscape.figures.comparison_axis import plan_checkpoint_axis, thin_out
from latentscape.figures.comparison_curves import (
    HEADER,
    LABELS,
    MARKERS,
    MOST_LINES,
    PANEL,
    Curve,
    Plot,
    draw_plot,
    name_curves,
    shade,
    write_plot_header,
)
from latentscape.figures.comparison_words import (
    capitalize,
    count_judged,
    is_share,
    list_stamps,
    name_checkpoints,
    noun_of,
    say_choice,
    say_overfitting,
    say_score_name,
)
from latentscape.figures.headline import MARGIN
from latentscape.figures.inches import open_figure, place_axes
from latentscape.figures.layer_axis import LayerAxis
from latentscape.figures.score_rows import measure_notes, wrap_notes, write_notes
from latentscape.figures.style import Style, ThemedFigure, themed
from latentscape.measures.score import Score

COLUMNS = 3
NARROWEST, WIDEST, PITCH = 2.7, 3.9, 0.34
"""Inches: a panel's width, and what one checkpoint needs where that makes it wider."""
Y_LABEL, COLUMN_GAP, ROW_GAP, NOTE_GAP = 0.5, 0.1, 0.26, 0.04
MOST_SCORES = 9
ORDER = (
    "accuracy", "balanced_accuracy", "true_probability", "log_loss", "mrr", "hit_at_1", "recall_at_5", "recall_at_10",
    "ndcg_at_10", "map", "margin", "margin_hard", "margin_mined",
)  # fmt: skip
"""What a reader asks first."""
GEOMETRY = ("silhouette", "effective_rank")


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """What is drawn, and sizes in inches."""

    plots: Sequence[Plot]
    axis: LayerAxis

    @property
    def n_columns(self) -> int:
        return min(COLUMNS, len(self.plots))

    @property
    def column(self) -> float:
        return Y_LABEL + self.axis.width + LABELS + COLUMN_GAP

    @property
    def height(self) -> float:
        n_rows = -(-len(self.plots) // self.n_columns)
        return n_rows * (HEADER + PANEL + ROW_GAP) - ROW_GAP + self.axis.height


def draw_comparison_scores(findings: ComparisonFindings, style: Style) -> ThemedFigure | None:
    """A panel a score, then what a probe reads from the layers, their class separation and effective rank.

    Of many layers some have lines. None where there is no score at all.
    """
    with themed(style):
        plots = _list_plots(findings, style)
        if not plots:
            return None
        n = len(findings.checkpoints)
        axis = plan_checkpoint_axis(findings, width=min(max(NARROWEST, PITCH * n), WIDEST))
        plan = _Plan(plots=plots, axis=axis)
        width = max(plan.n_columns * plan.column - COLUMN_GAP, 7.0)
        notes = wrap_notes(_list_notes(findings, plots), width=width)
        figure, top = open_figure(
            style, _title(findings), subtitle=_subtitle(findings), stamps=list_stamps(findings),
            width=2 * MARGIN + width, below=plan.height + measure_notes(notes) + NOTE_GAP * bool(notes),
        )  # fmt: skip
        for i, plot in enumerate(plots):
            _draw(figure, findings, plot, plan=plan, at=i, top=top)
        write_notes(figure, notes, top=top + plan.height + NOTE_GAP)
    return figure


def _draw(figure: ThemedFigure, findings: ComparisonFindings, plot: Plot, *, plan: _Plan, at: int, top: float) -> None:
    column, row = at % plan.n_columns, at // plan.n_columns
    left, above = MARGIN + column * plan.column + Y_LABEL, top + row * (HEADER + PANEL + ROW_GAP)
    write_plot_header(figure, plot, left=left, top=above, width=plan.axis.width + LABELS - 0.15)
    axes = place_axes(figure, left=left, top=above + HEADER, width=plan.axis.width, height=PANEL)
    # The lowest panel of each column names the checkpoints for those above it.
    draw_plot(
        axes, plot, axis=plan.axis, recommended=findings.choice.recommended,
        named=at + plan.n_columns >= len(plan.plots), style=figure.style,
    )  # fmt: skip
    name_curves(figure, axes, plot, left=left + plan.axis.width + 0.08, top=above + HEADER)


def _title(findings: ComparisonFindings) -> str:
    return f"{say_choice(findings)}\n{say_overfitting(findings)}".rstrip()


def _subtitle(findings: ComparisonFindings) -> str:
    names, n = name_checkpoints(findings), int(find_judged(findings).sum())
    compared = "both checkpoints" if len(names) == 2 else f"all {len(names)} checkpoints, in their order"
    one, _ = noun_of(findings)
    return (
        f"{count_judged(findings, n)}, the same for {compared}; strokes are 95% intervals. "
        f"Green band: {names[findings.choice.recommended]}, the best {say_score_name(findings.choice.score)}. "
        f"Intervals of two checkpoints may overlap although their difference is detected: it is tested {one} by {one}."
    )


def _list_plots(findings: ComparisonFindings, style: Style) -> list[Plot]:
    plots = [
        Plot(
            title=capitalize(say_score_name(name)), shares=is_share(name),
            curves=[Curve(scores=_follow(findings, name), color=style.theme.ink)],
        )
        for name in _list_scores(findings)
    ]  # fmt: skip
    violations = _list_names(findings, VIOLATIONS)[:MOST_LINES]
    if violations:
        title = "Violations by hard-negative type"
        if len(violations) == 1:
            title = capitalize(say_score_name(violations[0]))
        curves = {name.removeprefix(VIOLATIONS): _follow(findings, name) for name in violations}
        plots.append(Plot(title=title, shares=True, curves=_color(curves, style)))
    return [*plots, *_list_layer_plots(findings, style)]


def _list_layer_plots(findings: ComparisonFindings, style: Style) -> list[Plot]:
    layers = _choose_layers(findings)
    probes = {name: _follow(findings, f"{PROBE}{name}") for name in layers}
    plots = [Plot(title="Class read by a linear probe", shares=True, curves=_color(probes, style))]
    drifts = {layer.name: layer.drift for layer in findings.layers}
    for key in GEOMETRY:
        scores = {name: [geometry.get(key) for geometry in drifts[name].geometry] for name in layers}
        plots.append(Plot(title=capitalize(say_score_name(key)), curves=_color(scores, style)))
    return [plot for plot in plots if any(score is not None for curve in plot.curves for score in curve.scores)]


def _color(curves: dict[str, list[Score | None]], style: Style) -> list[Curve]:
    colors = shade(len(curves), style) if len(curves) > 1 else [style.theme.ink]
    found = zip(curves.items(), colors, strict=True)
    return [
        Curve(scores=scores, color=color, name=name, marker=MARKERS[i % len(MARKERS)])
        for i, ((name, scores), color) in enumerate(found)
    ]


def _choose_layers(findings: ComparisonFindings) -> list[str]:
    """All while they are few; else at even steps from the first to the last, the main one among them."""
    names = [layer.name for layer in findings.layers]
    return [names[i] for i in thin_out(len(names), most=MOST_LINES, keep=names.index(findings.main_layer))]


def _list_scores(findings: ComparisonFindings) -> list[str]:
    """Those of the model itself that any checkpoint has, the deciding one first."""
    found = [name for name in _list_names(findings, "") if not name.startswith((PROBE, VIOLATIONS))]
    known = [name for name in (findings.choice.score, *ORDER) if name in found]
    return list(dict.fromkeys([*known, *found]))[:MOST_SCORES]


def _list_names(findings: ComparisonFindings, prefix: str) -> list[str]:
    return list(dict.fromkeys(name for each in findings.answers for name in each.scores if name.startswith(prefix)))


def _follow(findings: ComparisonFindings, name: str) -> list[Score | None]:
    return [answers.scores.get(name) for answers in findings.answers]


def _list_notes(findings: ComparisonFindings, plots: Sequence[Plot]) -> list[str]:
    """What is not drawn, and what could not be measured."""
    notes, shown = [], _choose_layers(findings)
    if len(shown) < len(findings.layers):
        notes.append(f"Of {len(findings.layers)} layers {len(shown)} have lines.")
    n_types = len(_list_names(findings, VIOLATIONS))
    if n_types > MOST_LINES:
        notes.append(f"Of {n_types} types of hard negatives {MOST_LINES} have lines.")
    for plot in plots:
        scores = [score for curve in plot.curves for score in curve.scores if score is not None]
        reasons = [score.reason for score in scores if score.value is None]
        if reasons and len(reasons) < len(scores):
            notes.append(f"{plot.title}: {len(reasons)} of {len(scores)} not measured ({reasons[0]}).")
    return notes
