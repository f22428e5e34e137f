"""What the retriever answers to single queries: its worst, typical and random ones, document by document."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.ticker import MaxNLocator

from latentscape.figures.headline import MARGIN, fit_text, line_height, text_font, wrap_text, write_text
from latentscape.figures.inches import open_figure, place_axes
from latentscape.figures.render import plain
from latentscape.figures.style import Style, Theme, ThemedFigure, themed
from latentscape.figures.words import say_number, say_share
from latentscape.findings import EmbeddingsFindings
from latentscape.shapes import Rows

N_QUERIES = 3
"""Queries a column."""
N_DOCUMENTS = 5
"""Documents a query."""
TINT = 0.4
"""How much green or red is in a bar: text in the theme's ink stays readable on it, and beyond its end."""
RIGHT, WRONG = "✓", "✗"
HEADINGS = {"worst": "Worst queries", "typical": "Typical queries", "random": "Random queries"}
CHOICES = {
    "worst": "whose best right document ranks lowest",
    "typical": "nearest to the median of that rank",
    "random": "drawn at random from the others",
}

_COLUMN, _GUTTER, _HEADING = 5.9, 0.4, 0.36
_RANKS, _VALUES = 0.45, 0.42
_BARS = _COLUMN - _RANKS - _VALUES
_BAR, _WHY, _GAP, _AXIS = 0.25, 0.16, 0.22, 0.38
_QUERY_SIZE, _TEXT_SIZE, _SMALL_SIZE = 9.5, 8.0, 8.0
_WHY_SIZE = 7.0
_QUERY_LINES = 2


@dataclass(frozen=True, kw_only=True)
class _Column:
    heading: str
    queries: Rows


@dataclass(frozen=True, kw_only=True)
class _Panel:
    """One query: what stands above its bars, line by line, and where the bars start and end on the similarity axis."""

    query: int
    title: tuple[str, ...]
    note: str
    whys: tuple[str, ...]
    """What is wrong with each document; empty where nobody knows."""
    row: float
    """Inches a document: larger where any panel of the picture says why."""
    span: tuple[float, float]

    @property
    def head(self) -> float:
        """Inches above the bars."""
        note = line_height(text_font(_SMALL_SIZE)) if self.note else 0.0
        return len(self.title) * line_height(text_font(_QUERY_SIZE, bold=True)) + note + 0.05


def draw_top_k_predictions(findings: EmbeddingsFindings, style: Style) -> Figure | None:
    """The most similar documents of the examples, or of the worst and of typical queries where none were chosen.

    None where no query has a right document.
    """
    columns = _list_columns(findings)
    if not columns:
        return None
    with themed(style):
        grid = [_make_panels(findings, column, columns) for column in columns]
        heads, height = [max(panel.head for panel in row) for row in _rows(grid)], grid[0][0].row * _n_bars(findings)
        below = _HEADING + sum(heads) + len(heads) * (height + _GAP) - _GAP + _AXIS
        figure, top = _open(findings, style, columns=columns, below=below)
        for j, panels in enumerate(grid):
            left, font = MARGIN + j * (_COLUMN + _GUTTER), text_font(10.5, bold=True)
            write_text(figure, columns[j].heading, left=left, top=top, font=font, color=style.theme.muted)
            _draw_column(figure, findings, panels, left=left, top=top + _HEADING, heads=heads)
    return figure


def _list_columns(findings: EmbeddingsFindings) -> list[_Column]:
    """The examples by kind, the worst first; where there are at most three queries to show, all of them."""
    ranked = int((findings.ranking.best_rank > 0).sum())
    kinds = {kind: [each.query for each in findings.examples if each.kind == kind] for kind in HEADINGS}
    if ranked <= N_QUERIES or not any(kinds.values()):
        return _choose_columns(findings.ranking.best_rank)
    return [
        _Column(heading=HEADINGS[kind], queries=np.array(queries[:N_QUERIES], dtype=np.int64))
        for kind, queries in kinds.items()
        if queries
    ]


def _choose_columns(best_rank: Int[np.ndarray, " query"]) -> list[_Column]:
    """The queries with the largest ranks, and those in the middle of all sorted by rank; ties by number."""
    order = np.argsort(-best_rank, kind="stable")
    order = order[best_rank[order] > 0]
    if len(order) <= N_QUERIES:
        return [_Column(heading="All queries, the worst first", queries=order)] if len(order) else []
    others = order[N_QUERIES:]
    first = max(0, min((len(order) - N_QUERIES) // 2 - N_QUERIES, len(others) - N_QUERIES))
    return [
        _Column(heading=HEADINGS["worst"], queries=order[:N_QUERIES]),
        _Column(heading=HEADINGS["typical"], queries=others[first : first + N_QUERIES]),
    ]


def _rows(grid: list[list[_Panel]]) -> list[list[_Panel]]:
    n = max(len(panels) for panels in grid)
    return [[panels[i] for panels in grid if i < len(panels)] for i in range(n)]


def _make_panels(findings: EmbeddingsFindings, column: _Column, columns: list[_Column]) -> list[_Panel]:
    shown = np.concatenate([other.queries for other in columns])
    similarities = findings.ranking.top_similarity[shown, :N_DOCUMENTS]
    similarities = similarities[np.isfinite(similarities)]
    low, high = float(similarities.min(initial=0.0)), float(similarities.max(initial=0.0))
    whys = {each.query: each.why_wrong[:N_DOCUMENTS] for each in findings.examples}
    tall = any(why for query in shown.tolist() for why in whys.get(query, ()))
    return [
        _Panel(
            query=query,
            title=_wrap_query(findings.queries[query]),
            note=_note(findings, query),
            whys=whys.get(query, ()),
            row=_BAR + _WHY * tall,
            span=(low, high if high > low else low + 1.0),
        )
        for query in column.queries.tolist()
    ]


def _wrap_query(query: str) -> tuple[str, ...]:
    """At most two lines; the second takes what is left and is cut."""
    font, width = text_font(_QUERY_SIZE, bold=True), _COLUMN
    lines = wrap_text(plain(query, limit=200) or "(empty query)", font, width=width)
    rest = " ".join(lines[_QUERY_LINES - 1 :])
    return (*lines[: _QUERY_LINES - 1], *([fit_text(rest, font, width=width)] if rest else []))


def _note(findings: EmbeddingsFindings, query: int) -> str:
    """Where the right document is when the bars don't show it."""
    rank, right = findings.ranking.best_rank[query], findings.relevant[query]
    if findings.ranking.top_right[query, :N_DOCUMENTS].any():
        return ""
    if len(right) > 1:
        return f"best of its {len(right):,} right documents: rank {rank:,}"
    note = f"right document, rank {rank:,}: {plain(findings.documents[right[0]], limit=100)}"
    return fit_text(note, text_font(_SMALL_SIZE), width=_COLUMN)


def _n_bars(findings: EmbeddingsFindings) -> int:
    return min(N_DOCUMENTS, findings.ranking.top.shape[1])


def _open(
    findings: EmbeddingsFindings, style: Style, *, columns: list[_Column], below: float
) -> tuple[ThemedFigure, float]:
    width = 2 * MARGIN + len(columns) * (_COLUMN + _GUTTER) - _GUTTER
    subtitle, stamps = _subtitle(findings, columns), findings.model.stamps
    return open_figure(style, _title(findings), subtitle=subtitle, stamps=stamps, width=width, below=below)


def _title(findings: EmbeddingsFindings) -> str:
    hits, worst = findings.ranking.scores["hit_at_1"], int(findings.ranking.best_rank.max())
    found = "The most similar documents"
    if hits.value is not None:
        found = f"{say_share(hits.value)} of queries have a right document first"
    return found if worst == 1 else f"{found}; the worst finds one at rank {worst:,} of {len(findings.documents):,}"


def _subtitle(findings: EmbeddingsFindings, columns: list[_Column]) -> str:
    bars = f"Bars: cosine similarity; {RIGHT} green is right, {WRONG} red is wrong."
    n_ranked = int((findings.ranking.best_rank > 0).sum())
    if any(why for example in findings.examples for why in example.why_wrong[:N_DOCUMENTS]):
        bars += " Below a wrong document: what is known to be wrong with it."
    if n_ranked <= N_QUERIES:
        return bars
    if not findings.examples:
        return (
            f"Left: the {N_QUERIES} queries whose best right document ranks lowest. Right: the "
            f"{len(columns[1].queries)} nearest to the middle when all {n_ranked:,} queries are sorted by that rank; "
            f"equal ranks keep the order of the data. {bars}"
        )
    kinds = [next(kind for kind, heading in HEADINGS.items() if heading == column.heading) for column in columns]
    choices = ", ".join(
        f"{kind}: the {len(column.queries)} {CHOICES[kind]}" for kind, column in zip(kinds, columns, strict=True)
    )
    return f"Of {n_ranked:,} queries, {choices}. {bars}"


def _draw_column(
    figure: ThemedFigure,
    findings: EmbeddingsFindings,
    panels: list[_Panel],
    *,
    left: float,
    top: float,
    heads: list[float],
) -> None:
    for i, panel in enumerate(panels):
        top += heads[i]
        _write_head(figure, panel, left=left, bottom=top)
        height = panel.row * _n_bars(findings)
        axes = place_axes(figure, left=left + _RANKS, top=top, width=_BARS, height=height)
        _draw_bars(axes, findings, panel, theme=figure.style.theme)
        _write_documents(axes, findings, panel, theme=figure.style.theme)
        _dress(axes, panel, theme=figure.style.theme, last=i == len(panels) - 1)
        top += height + _GAP


def _write_head(figure: ThemedFigure, panel: _Panel, *, left: float, bottom: float) -> None:
    theme, font, top = figure.style.theme, text_font(_QUERY_SIZE, bold=True), bottom - panel.head
    for i, line in enumerate(panel.title):
        write_text(figure, line, left=left, top=top + i * line_height(font), font=font, color=theme.ink)
    top += len(panel.title) * line_height(font)
    write_text(figure, panel.note, left=left, top=top, font=text_font(_SMALL_SIZE), color=theme.muted)


def _draw_bars(axes: Axes, findings: EmbeddingsFindings, panel: _Panel, *, theme: Theme) -> None:
    n, ranking = _n_bars(findings), findings.ranking
    places = np.flatnonzero(ranking.top[panel.query, :n] >= 0)
    colors = [tint_bar(theme, right=bool(each)) for each in ranking.top_right[panel.query, places]]
    centers, height = places - 0.5 + _BAR / 2 / panel.row, 0.84 * _BAR / panel.row
    axes.barh(centers, ranking.top_similarity[panel.query, places], height=height, color=colors, linewidth=0)
    axes.axvline(0.0, color=theme.muted, linewidth=0.8)
    axes.set_xlim(*panel.span)
    axes.set_ylim(n - 0.5, -0.5)


def tint_bar(theme: Theme, *, right: bool) -> str:
    """The color of a right or wrong bar: pale on light paper, deep on dark paper, so that the ink reads on it."""
    strong, paper = to_rgb(theme.right if right else theme.wrong), to_rgb(theme.paper)
    red, green, blue = (TINT * ours + (1 - TINT) * ground for ours, ground in zip(strong, paper, strict=True))
    return to_hex((red, green, blue))


def _write_documents(axes: Axes, findings: EmbeddingsFindings, panel: _Panel, *, theme: Theme) -> None:
    """Rank and sign left of each bar, the document's text on it, the similarity right of it, what is wrong below it."""
    ranking, font, small = findings.ranking, text_font(_TEXT_SIZE), text_font(_SMALL_SIZE)
    start, shown = _text_start(panel.span), ranking.top[panel.query, : _n_bars(findings)]
    for i, document in enumerate(shown[shown >= 0].tolist()):
        right, y = ranking.top_right[panel.query, i], i - 0.5 + _BAR / 2 / panel.row
        text = plain(findings.documents[document], limit=100) or "(empty document)"
        _write_beside(axes, f"{i + 1}", x=-_RANKS + 0.16, y=y, font=small, color=theme.muted, ha="right")
        sign, color = (RIGHT, theme.right) if right else (WRONG, theme.wrong)
        _write_beside(axes, sign, x=-0.13, y=y, font=font, color=color, ha="center")
        text = fit_text(text, font, width=_BARS - start - 0.05)
        _write_beside(axes, text, x=start, y=y, font=font, color=theme.ink, ha="left")
        value = say_number(float(ranking.top_similarity[panel.query, i]))
        _write_beside(axes, value, x=_BARS + _VALUES, y=y, font=small, color=theme.ink, ha="right")
        if why := plain(panel.whys[i] if i < len(panel.whys) else "", limit=200):
            tiny, below = text_font(_WHY_SIZE), i - 0.5 + (_BAR + _WHY / 2 - 0.01) / panel.row
            why = fit_text(why, tiny, width=_BARS - start - 0.05)
            _write_beside(axes, why, x=start, y=below, font=tiny, color=theme.muted, ha="left")


def _text_start(span: tuple[float, float]) -> float:
    """Inches from the panel's left edge to the texts: at the zero line where enough room is right of it."""
    zero = -span[0] / (span[1] - span[0]) * _BARS
    return (zero if zero < 0.3 * _BARS else 0.0) + 0.07


def _write_beside(axes: Axes, text: str, *, x: float, y: float, font: FontProperties, color: str, ha: str) -> None:
    """A text in bar number `y`, `x` inches from the panel's left edge."""
    place = axes.get_yaxis_transform()
    axes.text(x / _BARS, y, text, transform=place, fontproperties=font, color=color, ha=ha, va="center_baseline")


def _dress(axes: Axes, panel: _Panel, *, theme: Theme, last: bool) -> None:
    """No box; the similarity axis under the last panel of a column only, as all share it."""
    axes.spines[["left", "top", "right"]].set_visible(False)
    axes.spines["bottom"].set_visible(last)
    axes.set_yticks([])
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.tick_params(axis="x", labelbottom=last, bottom=last)
    axes.set_xlabel("cosine similarity" if last else "")
