"""At what rank a right document comes, with and without hard negatives around it, and for whom it comes late."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from latentscape.figures.headline import MARGIN
from latentscape.figures.inches import open_figure, place_axes
from latentscape.figures.layer_axis import LINEAR_COLORS, OTHER_COLORS
from latentscape.figures.legend_row import Mark, measure_legend_row, write_legend_row
from latentscape.figures.rank_words import (
    HARD,
    POSITIVE,
    choose_groups,
    differs,
    find_others,
    list_rank_notes,
    name_attribute,
    say_easier,
    say_group_reading,
    say_rank_title,
)
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
    wrap_notes,
    write_beside,
    write_header,
    write_names,
    write_notes,
)
from latentscape.figures.style import Style, ThemedFigure, dress_axes, themed
from latentscape.figures.words import say_count, say_interval, say_number
from latentscape.findings import EmbeddingsFindings
from latentscape.measures.group_ranks import GroupRanks
from latentscape.measures.score import Score

LEFT, CURVE, CURVE_HEIGHT, GAP, PANEL, SIDE = 0.62, 4.6, 3.4, 0.5, 3.0, 0.95
"""Inches: left of the curve, its width and height, between the panels, the width of the groups' panel, right of it."""
MOST_GROUPS, ROW, TALLEST_ROW = 16, 0.21, 0.5
CURVE_HEADER = Header(
    heading="Queries that are answered by rank r",
    reading="share of queries with a right document among the first r; the stroke at rank 1 is its 95% interval",
)
TICKS = (1, 2, 5)
WITH, WITHOUT = "with", "without"
BESIDE = 0.013
"""How far left and right of rank 1 its two dots lie, as a share of the axis, so that neither hides the other."""
FIRST = 0.85
"""Where the axis begins."""


def draw_retrieval_ranks(findings: EmbeddingsFindings, style: Style) -> Figure | None:
    """Cumulative shares over the rank, then hit@1 by group; None where no query has a right document."""
    ranks = _known(findings.ranking.best_rank)
    if not len(ranks):
        return None
    groups = choose_groups(findings.groups)
    with themed(style):
        shown = groups.groups[:MOST_GROUPS] if groups else ()
        names = fit_row_names([group.value for group in shown])
        room = measure_names(names)
        width = 2 * MARGIN + LEFT + CURVE + ((GAP + room + PANEL + SIDE) if groups else 0.1)
        headers = [(CURVE_HEADER, CURVE), *([(_group_header(findings, groups), PANEL + SIDE)] if groups else [])]
        marks = _list_marks(findings, style)
        legend, header = measure_legend_row(marks, width=width - 2 * MARGIN), measure_header(headers)
        notes = wrap_notes(list_rank_notes(findings, groups, most=MOST_GROUPS), width=width - 2 * MARGIN)
        panel = max(CURVE_HEIGHT, ROW * len(shown))
        figure, top = open_figure(
            style, say_rank_title(findings, groups), subtitle=_subtitle(findings, ranks),
            stamps=findings.model.stamps, width=width, below=legend + header + panel + AXIS + measure_notes(notes),
        )  # fmt: skip
        write_legend_row(figure, marks, left=MARGIN, top=top, width=width - 2 * MARGIN)
        top += legend
        write_header(figure, CURVE_HEADER, left=MARGIN + LEFT, top=top, width=CURVE)
        curve = place_axes(figure, left=MARGIN + LEFT, top=top + header, width=CURVE, height=panel)
        _draw_curves(curve, findings, style)
        if groups:
            left = MARGIN + LEFT + CURVE + GAP + room
            write_header(figure, headers[1][0], left=left, top=top, width=PANEL + SIDE)
            _draw_groups(figure, findings, groups, names=names, left=left, top=top + header, height=panel)
        write_notes(figure, notes, top=top + header + panel + AXIS)
    return figure


def _known(ranks: Int[np.ndarray, " query"]) -> Int[np.ndarray, " known"]:
    """Ranks of the queries that have a right document."""
    return ranks[ranks > 0]


def _subtitle(findings: EmbeddingsFindings, ranks: Int[np.ndarray, " known"]) -> str:
    queries, documents = say_count(len(ranks), "query").replace("querys", "queries"), len(findings.documents)
    return (
        f"{queries} with a right document among {say_count(documents, 'document')}; the worst rank is "
        f"{ranks.max():,}. Of equally similar documents wrong ones come first."
    )


def _list_curves(findings: EmbeddingsFindings) -> dict[str, Int[np.ndarray, " known"]]:
    """The ranks among all documents and, where some are right for no query, among the others."""
    curves = {WITH: _known(findings.ranking.best_rank)}
    if (findings.document_kinds != POSITIVE).any():
        curves[WITHOUT] = _known(findings.ranking.best_rank_without_hard)
    return curves


def _list_marks(findings: EmbeddingsFindings, style: Style) -> list[Mark]:
    n, n_hard = len(findings.documents), int((findings.document_kinds == HARD).sum())
    texts = {
        WITH: f"among all {say_count(n, 'document')}",
        WITHOUT: say_easier(findings)
        if find_others(findings)
        else f"without the {n_hard:,} that are only hard negatives",
    }
    scores = {WITH: findings.ranking.scores.get("mrr"), WITHOUT: findings.ranking.scores.get("mrr_without_hard")}
    return [
        Mark(text=f"{texts[which]}{_say_mrr(scores[which])}", color=color, edge=color, marker=marker, line="-")
        for which, (color, marker) in _looks(style).items()
        if which in _list_curves(findings)
    ]


def _say_mrr(score: Score | None) -> str:
    if score is None or score.value is None:
        return ""
    return f": mean reciprocal rank {say_number(score.value)} {say_interval(score)}".rstrip()


def _looks(style: Style) -> dict[str, tuple[str, str]]:
    return {WITH: (LINEAR_COLORS[style.dark], "o"), WITHOUT: (OTHER_COLORS[style.dark], "D")}


def _draw_curves(axes: Axes, findings: EmbeddingsFindings, style: Style) -> None:
    dress_axes(axes, style, grid="both")
    curves, looks = _list_curves(findings), _looks(style)
    last = max(10, *(int(ranks.max()) for ranks in curves.values()))
    hits = {WITH: "hit_at_1", WITHOUT: "hit_at_1_without_hard"}
    for which, ranks in curves.items():
        color, marker = looks[which]
        aside = (1.05 * last / FIRST) ** (-BESIDE if which == WITH else BESIDE)
        x, shares = _accumulate(ranks, last=last)
        line = "-" if which == WITH else (0, (4, 2))
        axes.plot(x, shares, drawstyle="steps-post", color=color, linewidth=1.5, linestyle=line, zorder=3)
        _draw_first(axes, findings.ranking.scores.get(hits[which]), x=aside, color=color, marker=marker)
    axes.set_xscale("log")
    axes.set(xlim=(FIRST, 1.05 * last), ylim=(-0.02, 1.02), xlabel="rank r of the best right document (log scale)")
    ticks = _choose_ticks(last)
    axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    axes.minorticks_off()
    axes.set_yticks(np.linspace(0, 1, 6), [f"{share}%" for share in range(0, 101, 20)])
    axes.set_ylabel("share of queries")


def _accumulate(
    ranks: Int[np.ndarray, " known"], *, last: int
) -> tuple[Float[np.ndarray, " step"], Float[np.ndarray, " step"]]:
    """The ranks where the share of queries answered so far rises, and the share from there on."""
    found, counts = np.unique(ranks, return_counts=True)
    shares = counts.cumsum() / len(ranks)
    start = [] if found[0] == 1 else [0.0]
    x = np.concatenate([[1.0] if start else [], found, [last * 1.05]])
    return x.astype(np.float64), np.concatenate([start, shares, shares[-1:]])


def _draw_first(axes: Axes, score: Score | None, *, x: float, color: str, marker: str) -> None:
    """Hit@1 with its interval."""
    if score is None or score.value is None:
        return
    if score.low is not None and score.high is not None:
        axes.vlines([x], score.low, score.high, color=color, linewidth=1.4, zorder=4)
    axes.scatter([x], [score.value], s=28, color=color, marker=marker, zorder=5, clip_on=False)


def _choose_ticks(last: int) -> list[int]:
    """1, 2, 5, 10, ... as far as they are needed; powers of ten alone over many orders of magnitude."""
    powers = range(len(str(last)))
    leads = TICKS if last <= 1000 else (1,)
    return [lead * 10**power for power in powers for lead in leads if lead * 10**power <= last]


def _group_header(findings: EmbeddingsFindings, groups: GroupRanks) -> Header:
    return Header(heading=f"First by {name_attribute(groups)}", reading=say_group_reading(findings))


def _draw_groups(
    figure: ThemedFigure,
    findings: EmbeddingsFindings,
    groups: GroupRanks,
    *,
    names: Sequence[str],
    left: float,
    top: float,
    height: float,
) -> None:
    """The groups, worst first, each with its n; rows are no higher than they need to be."""
    style, shown = figure.style, groups.groups[: len(names)]
    row = min(height / len(shown), TALLEST_ROW)
    axes = place_axes(figure, left=left, top=top, width=PANEL, height=row * len(shown))
    dress_rows(axes, len(shown), span=(-0.02, 1.02), style=style, shares=True)
    axes.set_xlabel("share of queries, 95% interval")
    overall = findings.ranking.scores.get("hit_at_1")
    if overall is not None and overall.value is not None:
        axes.axvline(overall.value, color=style.theme.muted, linewidth=1.1, zorder=2)
    hollow = np.array([not differs(group, n_attributes=len(findings.groups)) for group in shown], dtype=bool)
    scores = [group.hit_at_1 for group in shown]
    draw_dots(axes, Dots(scores=scores, color=LINEAR_COLORS[style.dark], hollow=hollow), style)
    write_names(figure, names, right=left, top=top, row=row)
    beside = [_say_n(score) for score in scores]
    write_beside(figure, beside, left=left + PANEL + 0.12, top=top, row=row)


def _say_n(score: Score) -> str:
    return f"n = {score.n:,}" if score.value is not None else f"n = {score.n:,}, –"
