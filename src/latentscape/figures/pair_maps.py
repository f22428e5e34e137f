"""Maps of a retriever's queries and documents: does a query lie beside the documents that answer it?"""

import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from latentscape.figures.headline import MARGIN, text_font
from latentscape.figures.inches import open_figure, place_axes
from latentscape.figures.labels import Tags, write_tags
from latentscape.figures.render import plain
from latentscape.figures.style import DPI, Style, dress_map_axes, frame_map, themed
from latentscape.figures.swarm import (
    FAINT_ALPHA,
    MOST_MARKERS,
    RING,
    RING_ALPHA,
    TOO_MANY,
    Swarm,
    draw_swarm,
    where_points_are,
)
from latentscape.figures.trust_marks import choose_faint, say_low_trust, say_marked
from latentscape.figures.words import list_settings, say_interval, say_method, say_number, say_share
from latentscape.findings import DrawnMap, EmbeddingsFindings
from latentscape.shapes import Points, Rows

KIND_NAMES = ("query", "positive", "hard negative", "other document")
KIND_MARKERS = ("o", "^", "X", "s")
N_TAGS = 5
"""How many of the worst queries are named on the map."""
APART = 0.08
"""Share of the panel's width within which only the worst query is named: near ones often ask the same."""
PANEL_WIDTH, PANEL_HEIGHT, LEGEND_HEIGHT = 9.0, 7.2, 0.32

_ALPHAS = (0.95, 0.9, 0.55, 0.4)
_PLURALS = ("queries", "positives", "hard negatives", "other documents")


def color_kinds(style: Style) -> tuple[str, ...]:
    """A color for each of `KIND_NAMES`; documents that belong to no query stay in the background."""
    return (*style.kind_colors, style.theme.muted)


def draw_tsne_projection(findings: EmbeddingsFindings, style: Style) -> Figure | None:
    """The t-SNE map of queries, positives and hard negatives; None where no such map was made.

    A document that is right for one query and a hard negative of another is drawn as a positive.
    """
    return _draw_projection(findings, style, method="tsne")


def draw_umap_projection(findings: EmbeddingsFindings, style: Style) -> Figure | None:
    """The UMAP map, drawn like the t-SNE one; None where no such map was made."""
    return _draw_projection(findings, style, method="umap")


def _draw_projection(findings: EmbeddingsFindings, style: Style, *, method: str) -> Figure | None:
    drawn = findings.maps.get(method)
    if drawn is None:
        return None
    with themed(style):
        figure, top = open_figure(
            style, _title(findings, drawn), subtitle=_subtitle(findings, drawn, style), stamps=findings.model.stamps,
            width=2 * MARGIN + PANEL_WIDTH, below=LEGEND_HEIGHT + PANEL_HEIGHT,
        )  # fmt: skip
        axes = place_axes(figure, left=MARGIN, top=top + LEGEND_HEIGHT, width=PANEL_WIDTH, height=PANEL_HEIGHT)
        dress_map_axes(axes, style)
        frame_map(axes, drawn.latent_map.xy)
        swarm = _gather(findings, drawn, style)
        if swarm.is_dense:
            draw_swarm(axes, swarm, style)
        else:
            _draw_lines(axes, findings, swarm.xy, style=style)
            _draw_points(axes, swarm, style=style)
        _write_legend(axes, findings, style=style, has_lines=not swarm.is_dense)
        _name_worst(axes, findings, swarm, style=style)
    return figure


def _gather(findings: EmbeddingsFindings, drawn: DrawnMap, style: Style) -> Swarm:
    faint = choose_faint(drawn.trust, style)
    return Swarm(xy=drawn.latent_map.xy, colors=color_kinds(style), classes=findings.kinds, faint=faint)


def _title(findings: EmbeddingsFindings, drawn: DrawnMap) -> str:
    hits, recall = findings.ranking.scores["hit_at_1"], drawn.trust.recall
    found = "Queries and their documents"
    if hits.value is not None:
        found = f"{say_share(hits.value)} of queries have a right document first"
    kept = "" if recall.value is None else f"; the map keeps {say_share(recall.value)} of true neighbors"
    return f"{found}{kept}\n{say_low_trust({drawn.latent_map.method: drawn})}".rstrip()


def _subtitle(findings: EmbeddingsFindings, drawn: DrawnMap, style: Style) -> str:
    latent_map, recall = drawn.latent_map, drawn.trust.recall
    trust = f"not measured: {plain(recall.reason, limit=120)}"
    if recall.value is not None:
        trust = f"= {say_number(recall.value)} {say_interval(recall)}".rstrip()
    marked = say_marked(drawn.trust, style)
    sentences = [
        f"{say_method(latent_map.method)}; only near and far mean anything.",
        f"n = {len(latent_map.xy):,}; neighbor recall@{drawn.trust.k} {trust}.",
        f"{marked[0].upper()}{marked[1:]}." if marked else "",
        "Ringed: queries whose right document ranks lowest." if (findings.ranking.best_rank > 1).any() else "",
        f"{TOO_MANY} Lines are left out." if len(latent_map.xy) > MOST_MARKERS else "",
        plain(latent_map.notice, limit=200),
    ]
    settings = ", ".join(list_settings(latent_map))
    return " ".join(sentence for sentence in sentences if sentence) + (f"\nSettings: {settings}." if settings else "")


def _draw_lines(axes: Axes, findings: EmbeddingsFindings, xy: Points, *, style: Style) -> None:
    """Thin lines from each query to its positives, darker where a wrong document is nearer to the query."""
    missed = findings.ranking.best_rank > 1
    # The more lines, the fainter each: together they must not hide the points.
    crowd = 150 / max(len(missed), 150)
    for chosen, color, alpha in ((~missed, style.theme.muted, 0.5), (missed, style.theme.ink, 0.75)):
        segments = _segments(findings, xy, queries=np.flatnonzero(chosen))
        lines = LineCollection(
            list(segments), colors=color, linewidths=0.9 * crowd**0.25, alpha=alpha * crowd**0.5, zorder=2.0
        )
        axes.add_collection(lines, autolim=False)


def _segments(findings: EmbeddingsFindings, xy: Points, *, queries: Rows) -> Float[np.ndarray, "line end 2"]:
    n_queries = len(findings.queries)
    pairs = [(query, n_queries + document) for query in queries for document in findings.relevant[query]]
    return xy[np.array(pairs, dtype=int).reshape(-1, 2)]


def _draw_points(axes: Axes, swarm: Swarm, *, style: Style) -> None:
    size = _point_size(len(swarm.xy))
    for kind in reversed(range(len(KIND_NAMES))):
        for is_faint in (True, False):
            own = swarm.xy[(swarm.classes == kind) & (swarm.faint == is_faint)]
            if not len(own):
                continue
            color, alpha = swarm.colors[kind], _ALPHAS[kind] * (FAINT_ALPHA if is_faint else 1.0)
            rims = to_rgba(color, RING_ALPHA) if is_faint else style.theme.panel
            axes.scatter(
                own[:, 0], own[:, 1], s=size**2, marker=KIND_MARKERS[kind], facecolors=to_rgba(color, alpha),
                edgecolors=rims, linewidths=RING if is_faint else size * 0.06, zorder=5.0 - kind,
            )  # fmt: skip


def _point_size(n: int) -> float:
    """Diameter in points: all of them together cover about a seventh of the panel."""
    area = PANEL_WIDTH * PANEL_HEIGHT
    return float(np.clip(72 * np.sqrt(0.14 * area / max(n, 1)), 2.2, 8.0))


def _write_legend(axes: Axes, findings: EmbeddingsFindings, *, style: Style, has_lines: bool) -> None:
    counts, best_rank = np.bincount(findings.kinds, minlength=len(KIND_NAMES)), findings.ranking.best_rank
    handles = [
        Line2D([], [], marker=KIND_MARKERS[kind], color=color_kinds(style)[kind], linestyle="", markersize=6,
               label=f"{counts[kind]:,} {KIND_NAMES[kind] if counts[kind] == 1 else _PLURALS[kind]}")
        for kind in range(len(KIND_NAMES)) if counts[kind]
    ]  # fmt: skip
    if has_lines and (best_rank == 1).any():
        handles.append(Line2D([], [], color=style.theme.muted, alpha=0.6, label="query to its positive"))
    if has_lines and (best_rank > 1).any():
        label = "the same" if (best_rank == 1).any() else "query to its positive"
        label += ", but a wrong document ranks first"
        handles.append(Line2D([], [], color=style.theme.ink, label=label))
    axes.legend(handles=handles, loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0, borderpad=0.5, ncols=5,
                handlelength=1.6, columnspacing=1.5, handletextpad=0.5)  # fmt: skip


def _name_worst(axes: Axes, findings: EmbeddingsFindings, swarm: Swarm, *, style: Style) -> None:
    """Ring the queries whose right document ranks lowest, and write what they ask."""
    xy, n = swarm.xy, len(swarm.xy)
    worst = _worst_queries(findings.ranking.best_rank, xy, apart=APART * float(np.ptp(axes.get_xlim())))
    if not len(worst):
        return
    texts = [
        f"{plain(findings.queries[i], limit=34) or '(empty)'} (rank {findings.ranking.best_rank[i]:,})" for i in worst
    ]
    ring = (_point_size(n) + 4) ** 2
    axes.scatter(*xy[worst].T, s=ring, facecolors="none", edgecolors=style.theme.ink, linewidths=1.1, zorder=5.5)
    tags = Tags(
        xy=xy[worst], texts=texts, colors=[style.theme.muted] * len(worst), font=text_font(7.5),
        point_radius=_point_size(n) * DPI / 144, hiding_cost=float(np.clip(20_000 / n, 30, 500)),
    )  # fmt: skip
    # A name should lie neither on points, least of all where there are few, nor on the lines of named queries.
    steps = np.linspace(0, 1, 50)[:, None, None]
    start, end = _segments(findings, xy, queries=worst).swapaxes(0, 1)
    lines = (start + steps * (end - start)).reshape(-1, 2)
    write_tags(axes, tags, points=np.concatenate([where_points_are(axes, swarm), lines]), theme=style.theme)


def _worst_queries(best_rank: Int[np.ndarray, " query"], xy: Points, *, apart: float) -> Rows:
    """Largest rank first, ties by number; only those that miss the first place, and one of those that lie together."""
    order, chosen = np.argsort(-best_rank, kind="stable"), []
    for query in order[best_rank[order] > 1]:
        if len(chosen) < N_TAGS and all(np.hypot(*(xy[query] - xy[other])) > apart for other in chosen):
            chosen.append(query)
    return np.array(chosen, dtype=int)
