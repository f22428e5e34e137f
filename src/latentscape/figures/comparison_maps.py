"""The maps of all checkpoints in one frame: one column a checkpoint, one row a method."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Int

from latentscape.comparison_findings import ComparisonFindings
from latentscape.figures.class_legend import list_classes, list_markers, list_trust
from latentscape.figures.comparison_axis import thin_out
from latentscape.figures.comparison_panel import (
    MOST_ARROWS,
    Look,
    choose_look,
    draw_checkpoint_map,
    find_movers,
    names_fit,
)
from latentscape.figures.comparison_words import (
    list_stamps,
    name_best,
    name_checkpoints,
    say_epoch,
    say_headline,
    say_score_name,
    say_splits,
    say_sure_value,
)
from latentscape.figures.headline import (
    MARGIN,
    fit_text,
    line_height,
    measure_text,
    text_font,
    wrap_text,
    write_text,
)
from latentscape.figures.inches import open_figure, place_axes
from latentscape.figures.legend import Entry, Group, measure_legend, write_legend
from latentscape.figures.map_panel import LINE, write_panel_footer
from latentscape.figures.render import plain
from latentscape.figures.style import Style, ThemedFigure, themed
from latentscape.figures.swarm import MOST_MARKERS, TOO_MANY
from latentscape.figures.trust_marks import choose_faint, say_low_trust, say_marked
from latentscape.figures.words import list_settings, say_count, say_method, say_trust
from latentscape.findings import DrawnMap

MOST_COLUMNS = 6
WIDTHS = {2: 4.7, 3: 4.0, 4: 3.3, 5: 3.0, 6: 2.8}
"""Inches of a panel, by the number of columns."""
TALL = 0.82
"""Height of a panel as a share of its width."""
METHODS = ("tsne", "umap")
ROW_HEAD, FOOTER = 0.3, 0.06
COLUMN_GAP, ROW_GAP, LEGEND_GAP = 0.22, 0.2, 0.35
ENCODING = (
    "One frame: every map begins at the one before it and is turned onto it, so that what moves on the page has moved. "
    "A map has no units: only near and far mean anything."
)


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """What is drawn, and sizes in inches."""

    methods: Sequence[str]
    columns: Sequence[int]
    """Checkpoint numbers."""
    movers: Sequence[Int[np.ndarray, " _"]]
    """For each column the samples that left their neighbors since the column before."""
    look: Look
    legend: Sequence[Group]
    n_lines: int
    """Below each panel."""

    @property
    def width(self) -> float:
        return WIDTHS[len(self.columns)]

    @property
    def panels(self) -> float:
        return len(self.columns) * (self.width + COLUMN_GAP) - COLUMN_GAP

    @property
    def row(self) -> float:
        return ROW_HEAD + _head_height() + TALL * self.width + FOOTER + self.n_lines * LINE

    @property
    def height(self) -> float:
        return len(self.methods) * (self.row + ROW_GAP) - ROW_GAP


def draw_comparison_maps(findings: ComparisonFindings, style: Style) -> ThemedFigure | None:
    """The main layer of every checkpoint, at most MOST_COLUMNS of them; None where no map was made.

    All panels of a row have the same limits. Arrows lead from where a sample was in the panel to the left to where it
    is, for samples that left their neighbors in between.
    """
    methods = _choose_methods(findings)
    if not methods:
        return None
    with themed(style):
        plan = _plan(findings, methods, style)
        legend_width, legend_height = measure_legend(plan.legend)
        figure, top = open_figure(
            style, _title(findings), subtitle=_subtitle(findings, plan), stamps=list_stamps(findings),
            width=2 * MARGIN + plan.panels + LEGEND_GAP + legend_width, below=max(plan.height, legend_height),
        )  # fmt: skip
        write_legend(figure, plan.legend, left=MARGIN + plan.panels + LEGEND_GAP, top=top)
        for i, method in enumerate(methods):
            _draw_row(figure, findings, method, plan=plan, top=top + i * (plan.row + ROW_GAP))
    return figure


def _choose_methods(findings: ComparisonFindings) -> list[str]:
    """t-SNE and UMAP where they were made; other methods only where neither was."""
    made = sorted(method for method, maps in findings.main.maps.items() if maps)
    return [method for method in METHODS if method in made] or made


def _plan(findings: ComparisonFindings, methods: Sequence[str], style: Style) -> _Plan:
    n = len(findings.checkpoints)
    columns = thin_out(n, most=MOST_COLUMNS, keep=findings.choice.recommended)
    movers = [np.zeros(0, dtype=np.int64), *(find_movers(findings, first=i, second=j) for i, j in pairwise(columns))]
    width = WIDTHS[len(columns)]
    look = choose_look(findings, style, named=names_fit(findings, width=width, height=TALL * width))
    shown = [findings.main.maps[method][i] for method in methods for i in columns]
    return _Plan(
        methods=methods, columns=columns, movers=movers, look=look,
        legend=_list_legend(findings, look, shown, style=style, has_movers=any(map(len, movers))),
        n_lines=max(len(_list_footer(drawn, style, width=width)) for drawn in shown),
    )  # fmt: skip


def _list_legend(
    findings: ComparisonFindings, look: Look, shown: Sequence[DrawnMap], *, style: Style, has_movers: bool
) -> list[Group]:
    theme, subject = style.theme, findings.subject
    kinds = list_classes(subject.kinds, names=look.names, colors=look.colors, theme=theme)
    if subject.study == "embeddings":
        drawn = zip(look.names, look.shapes.markers, look.colors[: len(look.names)], look.shapes.counts, strict=True)
        kinds = [
            Entry(text=name, count=count, color=color, edge=theme.paper, marker=marker)
            for name, marker, color, count in drawn
            if count
        ]
    marks = list_trust(marked=any(choose_faint(each.trust, style).any() for each in shown), theme=theme)
    if has_movers:
        marks = [Entry(text="left its neighbors: →", color=theme.panel, edge=theme.ink), *marks]
    groups = [
        Group(heading="True class" if subject.study == "latents" else "Kind", entries=kinds),
        Group(heading="Data set", entries=list_markers(look.shapes, theme=theme)),
        Group(heading="On the map", entries=marks),
    ]
    return [group for group in groups if group.entries]


def _title(findings: ComparisonFindings) -> str:
    names = name_checkpoints(findings)
    maps = {
        f"{say_method(method)} of {name}": drawn
        for method in _choose_methods(findings)
        for name, drawn in zip(names, findings.main.maps[method], strict=True)
    }
    low = [drawn for drawn in maps.values() if drawn.trust.level == "low"]
    # Of very many maps nobody wants to read a list.
    warned = say_low_trust(maps) if len(low) in (0, 1, 2, len(maps)) else f"Low trust in {len(low)} of {len(maps)} maps"
    return f"{say_headline(findings)}\n{warned}".rstrip()


def _subtitle(findings: ComparisonFindings, plan: _Plan) -> str:
    subject, n = findings.subject, len(findings.subject.ids)
    left_out = findings.accounting.n_in - findings.accounting.n_ok
    of = "queries and documents" if subject.study == "embeddings" else "samples"
    n_arrows = max((len(rows) for rows in plan.movers), default=0)
    sentences = [
        f"Layer {plain(findings.main_layer, limit=60)}, the same {n:,} {of} in every panel"
        + (f" ({say_count(left_out, 'other')} not in all runs)." if left_out else "."),
        f"Of {len(findings.checkpoints)} checkpoints {len(plan.columns)} are shown."
        if len(plan.columns) < len(findings.checkpoints)
        else "",
        ""
        if plan.look.named or subject.study == "embeddings"
        else "There are too many classes to name them on the maps.",
        TOO_MANY if n > MOST_MARKERS else "",
        ENCODING,
        "Arrows: samples that left their neighbors since the panel to the left." if n_arrows else "",
        f"At most {MOST_ARROWS} a panel, the farthest." if n_arrows > MOST_ARROWS else "",
        say_splits(findings),
    ]
    return " ".join(sentence for sentence in sentences if sentence)


def _draw_row(figure: ThemedFigure, findings: ComparisonFindings, method: str, *, plan: _Plan, top: float) -> None:
    maps, style = findings.main.maps[method], figure.style
    _write_row_head(figure, method, maps[-1], width=plan.panels, top=top)
    frame = np.concatenate([maps[i].latent_map.xy for i in plan.columns])
    for at, i in enumerate(plan.columns):
        left, above = MARGIN + at * (plan.width + COLUMN_GAP), top + ROW_HEAD
        _write_head(figure, findings, i, left=left, top=above, width=plan.width)
        axes = place_axes(figure, left=left, top=above + _head_height(), width=plan.width, height=TALL * plan.width)
        before = maps[plan.columns[at - 1]].latent_map.xy if at else None
        draw_checkpoint_map(
            axes,
            findings,
            maps[i],
            frame=frame,
            look=plan.look,
            style=style,
            before=before,
            movers=plan.movers[at],
        )
        write_panel_footer(axes, _list_footer(maps[i], style, width=plan.width), below=FOOTER, style=style)


def _write_row_head(figure: ThemedFigure, method: str, drawn: DrawnMap, *, width: float, top: float) -> None:
    theme, bold, small = figure.style.theme, text_font(11.0, bold=True), text_font(8.0)
    name = say_method(method)
    write_text(figure, name, left=MARGIN, top=top, font=bold, color=theme.ink)
    at = measure_text(name, bold)[0] + 0.15
    settings = fit_text(" · ".join(list_settings(drawn.latent_map)), small, width=width - at)
    drop = (line_height(bold) - line_height(small)) / 2
    write_text(figure, settings, left=MARGIN + at, top=top + drop, font=small, color=theme.muted)


def _head_height() -> float:
    return line_height(text_font(9.5, bold=True)) + line_height(text_font(8.0)) + 0.04


def _write_head(
    figure: ThemedFigure, findings: ComparisonFindings, i: int, *, left: float, top: float, width: float
) -> None:
    """The checkpoint, whether it is the recommended one, and its score."""
    theme, bold, small, name = figure.style.theme, text_font(9.5, bold=True), text_font(8.0), findings.choice.score
    room, said = width, name_best(findings) if i == findings.choice.recommended else ""
    score = findings.answers[i].scores.get(name)
    if said:
        room -= measure_text(said, small)[0] + 0.15
        drop = (line_height(bold) - line_height(small)) / 2
        write_text(figure, said, left=left + width, top=top + drop, font=small, color=theme.right, ha="right")
    write_text(
        figure, fit_text(name_checkpoints(findings)[i], bold, width=room), left=left, top=top, font=bold,
        color=theme.ink,
    )  # fmt: skip
    details = [say_epoch(findings.checkpoints[i]), f"{say_score_name(name)} {say_sure_value(name, score)}"]
    text = fit_text(" · ".join(filter(None, details)), small, width=width)
    write_text(figure, text, left=left, top=top + line_height(bold), font=small, color=theme.ink)


def _list_footer(drawn: DrawnMap, style: Style, *, width: float) -> list[str]:
    said = [say_trust(drawn), say_marked(drawn.trust, style), plain(drawn.latent_map.notice, limit=200)]
    return [line for words in said for line in wrap_text(words, text_font(8.0), width=width)]
