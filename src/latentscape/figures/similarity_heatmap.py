"""Each query against each document: a bright diagonal means that the retriever knows what belongs together."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle

from latentscape.figures.headline import MARGIN, fit_text, text_font
from latentscape.figures.inches import open_figure, place_axes
from latentscape.figures.render import plain
from latentscape.figures.row_groups import GROUPS_WIDTH, write_row_groups
from latentscape.figures.style import Style, ThemedFigure, themed
from latentscape.figures.words import say_share
from latentscape.findings import EmbeddingsFindings
from latentscape.measures.heatmap import find_wrong_winners
from latentscape.shapes import Rows

EMPTY = "(empty)"
MAX_TEXTS = 30
"""With more rows than this, texts would be too small to read."""
COLORMAP = "viridis"
"""Perceptually uniform, and its order of lightness survives color-blind eyes and gray prints."""
PANEL, SMALL_PANEL, CELL = 6.4, 2.4, 0.7
"""Inches: the matrix never wider than the first, never smaller than the second, its cells no larger than the third."""
DOT_SIZE = 4.5
_ROW_TEXT, _COLUMN_TEXT = 2.9, 2.5
_AXIS_TITLE, _BAR_GAP, _BAR, _BAR_TEXT = 0.3, 0.15, 0.16, 0.75


def draw_similarity_heatmap(findings: EmbeddingsFindings, style: Style) -> Figure | None:
    """Cosines of the shown queries (rows) with one right document of each (columns); None where no query is shown."""
    if not len(findings.heatmap_queries):
        return None
    n = len(findings.heatmap_queries)
    with_texts, panel = n <= MAX_TEXTS, min(PANEL, max(SMALL_PANEL, CELL * n))
    left = MARGIN + _AXIS_TITLE + _ROW_TEXT * with_texts
    below = _AXIS_TITLE + _COLUMN_TEXT * with_texts
    beside = GROUPS_WIDTH * bool(findings.heatmap_groups)
    with themed(style):
        width = left + panel + beside + _BAR_GAP + _BAR + _BAR_TEXT
        figure, top = _open(findings, style, width=width, below=panel + below)
        axes = place_axes(figure, left=left, top=top, width=panel, height=panel)
        image = _draw_matrix(axes, findings, style)
        _write_axis_titles(axes, figure, left=left, below=below)
        if with_texts:
            _write_texts(axes, findings, style)
            _mark_cells(axes, findings)
        else:
            _mark_ends(axes, style)
        if findings.heatmap_groups:
            write_row_groups(axes, findings.heatmap_groups, panel=panel, style=style)
        bar = place_axes(figure, left=left + panel + beside + _BAR_GAP, top=top, width=_BAR, height=panel)
        figure.colorbar(image, cax=bar, label="cosine similarity").outline.set_visible(False)
    return figure


def _open(findings: EmbeddingsFindings, style: Style, *, width: float, below: float) -> tuple[ThemedFigure, float]:
    subtitle, stamps = _subtitle(findings), findings.model.stamps
    return open_figure(style, _title(findings), subtitle=subtitle, stamps=stamps, width=width, below=below)


def _title(findings: EmbeddingsFindings) -> str:
    diagonal = findings.scores.get("heatmap_diagonal")
    if diagonal is None or diagonal.value is None:
        return "Similarity of queries and documents"
    return f"Row maximum on the diagonal in {say_share(diagonal.value)} of the rows"


def _subtitle(findings: EmbeddingsFindings) -> str:
    n, n_queries, diagonal = (
        len(findings.heatmap_queries),
        len(findings.queries),
        findings.scores.get("heatmap_diagonal"),
    )
    sentences = [
        f"{n:,} of {n_queries:,} queries, each with one right document: on the diagonal row and column belong "
        "together.",
        _say_order(findings),
    ]
    if n <= MAX_TEXTS and len(_wrong_winners(findings)[0]):
        sentences.append("Dot: a wrong document comes first.")
    if np.isnan(findings.heatmap).any():
        sentences.append("Gray: not judged, the near copy of a right document.")
    if diagonal is not None and diagonal.value is None:
        sentences.append(f"Diagonal not scored: {plain(diagonal.reason, limit=120)}.")
    return " ".join(sentence for sentence in [*sentences, _say_hits(findings)] if sentence)


def _say_order(findings: EmbeddingsFindings) -> str:
    """What stands side by side."""
    if not findings.heatmap_groups:
        return ""
    what = plain(findings.heatmap_attribute, limit=30) or "group"
    return f"Rows by {what}, similar ones side by side."


def _say_hits(findings: EmbeddingsFindings) -> str:
    """The share that the diagonal is easily taken for."""
    hits, n = findings.ranking.scores.get("hit_at_1"), len(findings.documents)
    if hits is None or hits.value is None or n <= len(findings.heatmap_queries):
        return ""
    return f"Against all {n:,} documents {say_share(hits.value)} of all queries have a right one first."


def _draw_matrix(axes: Axes, findings: EmbeddingsFindings, style: Style) -> AxesImage:
    low = np.floor(np.nanmin(findings.heatmap) * 10) / 10
    high = max(np.ceil(np.nanmax(findings.heatmap) * 10) / 10, low + 0.1)
    image = axes.imshow(findings.heatmap, cmap=COLORMAP, vmin=low, vmax=high, aspect="auto")
    axes.set_facecolor(style.theme.muted)  # shows where a cell has no value
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    return image


def _write_axis_titles(axes: Axes, figure: ThemedFigure, *, left: float, below: float) -> None:
    x = (MARGIN + _AXIS_TITLE / 3) / figure.get_figwidth()
    y = (MARGIN + _AXIS_TITLE / 3) / figure.get_figheight()
    box = axes.get_position()
    figure.text(x, (box.y0 + box.y1) / 2, "queries", rotation=90, ha="center", va="center")
    figure.text((box.x0 + box.x1) / 2, y, "documents, in the order of their queries", ha="center", va="center")


def _write_texts(axes: Axes, findings: EmbeddingsFindings, style: Style) -> None:
    rows = findings.heatmap_queries
    font = text_font(min(8.0, 0.62 * 72 * PANEL / len(rows)))
    queries = [fit_text(plain(findings.queries[i], limit=56) or EMPTY, font, width=_ROW_TEXT - 0.15) for i in rows]
    documents = [findings.documents[findings.relevant[i][0]] for i in rows]
    below = [fit_text(plain(text, limit=46) or EMPTY, font, width=_COLUMN_TEXT - 0.15) for text in documents]
    axes.set_yticks(range(len(rows)), queries, fontproperties=font, color=style.theme.ink)
    axes.set_xticks(range(len(rows)), below, fontproperties=font, color=style.theme.ink, rotation=90)
    axes.tick_params(length=0, pad=4)


def _mark_cells(axes: Axes, findings: EmbeddingsFindings) -> None:
    """A thin frame around each query's own document, a dot on the wrong document that comes first in its place."""
    for i in range(len(findings.heatmap)):
        axes.add_patch(Rectangle((i - 0.5, i - 0.5), 1, 1, fill=False, edgecolor="white", linewidth=0.8))
    rows, columns = _wrong_winners(findings)
    axes.scatter(columns, rows, s=DOT_SIZE**2, color="white", edgecolors="black", linewidths=0.6)


def _wrong_winners(findings: EmbeddingsFindings) -> tuple[Rows, Rows]:
    """Rows where a wrong document is at least as similar as the best right one, and the column of the most similar."""
    rows = findings.heatmap_queries
    documents = [findings.relevant[i][0] for i in rows]
    columns = find_wrong_winners(findings.heatmap, np.array([np.isin(documents, findings.relevant[i]) for i in rows]))
    return np.flatnonzero(columns >= 0), columns[columns >= 0]


def _mark_ends(axes: Axes, style: Style) -> None:
    """A short stroke at both ends of the diagonal, outside the matrix: a line along it would hide what it shows."""
    stroke = {"arrowstyle": "-", "color": style.theme.ink, "linewidth": 1.2, "shrinkA": 0, "shrinkB": 0}
    for corner, outward in (((0, 1), (-5, 5)), ((1, 0), (5, -5))):
        axes.annotate(
            "", xy=corner, xytext=outward, xycoords="axes fraction", textcoords="offset points", arrowprops=stroke
        )
