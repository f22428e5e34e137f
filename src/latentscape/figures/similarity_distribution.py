"""How far right pairs lie above wrong ones: three populations of similarities, never mixed."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from latentscape.figures.headline import MARGIN, measure_text, text_font
from latentscape.figures.inches import open_figure, place_axes
from latentscape.figures.population_table import TABLE_WIDTH, measure_table, write_table
from latentscape.figures.populations import Population, count_values, list_populations, say_exactly
from latentscape.figures.render import plain
from latentscape.figures.style import Style, Theme, ThemedFigure, dress_axes, themed
from latentscape.figures.words import say_interval, say_number
from latentscape.findings import EmbeddingsFindings
from latentscape.measures.histogram import Box
from latentscape.measures.scales import describe_margin, describe_separation
from latentscape.measures.score import Score
from latentscape.measures.similarity import PairSimilarities

N_BINS = 40
"""Bins over the range that holds any pair; fewer where there are too few positives to fill them."""
CROWN = 0.76
"""Share of the panel's height that the histograms may fill; thresholds and margin stand above."""
ARROW = 0.92
"""Height of the margin, as a share of the panel."""
THRESHOLDS = {5: 0.80, 1: 0.85}
"""Share of the in-batch negatives in percent that reach a threshold -> height of its name, as a share of the panel."""

_LEFT, _HISTOGRAM, _GAP, _BOXES = 0.55, 6.3, 0.75, 4.0
_HEIGHT, _BELOW, _AFTER_TABLE = 4.0, 0.48, 0.22


def draw_similarity_distribution(findings: EmbeddingsFindings, style: Style) -> Figure | None:
    """Densities with means, margin and thresholds, box plots, and a table; None where there is no pair at all."""
    populations = list_populations(findings.similarities, style)
    if not populations:
        return None
    edges = _choose_edges(findings.similarities)
    with themed(style):
        figure, top = _open(findings, style, table=measure_table(populations))
        left = MARGIN + _LEFT
        write_table(figure, populations, findings.similarities.scores, left=MARGIN, top=top)
        top += measure_table(populations) + _AFTER_TABLE
        histogram = place_axes(figure, left=left, top=top, width=_HISTOGRAM, height=_HEIGHT)
        boxes = place_axes(figure, left=left + _HISTOGRAM + _GAP, top=top, width=_BOXES, height=_HEIGHT)
        _draw_densities(histogram, populations, edges, style=style)
        _draw_means(histogram, populations)
        _draw_margin(histogram, findings.similarities, style.theme)
        _draw_thresholds(histogram, findings.similarities, style.theme)
        _draw_boxes(boxes, populations, style)
        boxes.set_ylim(*histogram.get_xlim())
    return figure


def _open(findings: EmbeddingsFindings, style: Style, *, table: float) -> tuple[ThemedFigure, float]:
    scores, stamps = findings.similarities.scores, findings.model.stamps
    width = 2 * MARGIN + max(_LEFT + _HISTOGRAM + _GAP + _BOXES, TABLE_WIDTH)
    subtitle = _subtitle(findings.similarities)
    return open_figure(style, _title(scores), subtitle=subtitle, stamps=stamps,
                       width=width, below=table + _AFTER_TABLE + _HEIGHT + _BELOW)  # fmt: skip


def _title(scores: Mapping[str, Score]) -> str:
    separation, margin, hard_margin = (scores[name].value for name in ("separation", "margin", "margin_hard"))
    parts = []
    if separation is not None:
        parts.append(f"{describe_separation(separation)} separation, {say_number(separation)}σ")
    if margin is not None:
        parts.append(f"{describe_margin(margin)} margin, {say_exactly(margin)}")
    if hard_margin is not None:
        parts.append(f"{say_exactly(hard_margin)} to the hard negatives")
    title = "; ".join(parts) or "similarities of queries and documents"
    return title[0].upper() + title[1:]


def _subtitle(similarities: PairSimilarities) -> str:
    separation, margin = (similarities.scores[name] for name in ("separation", "margin"))
    sentences = [_say_intervals(separation, margin)]
    sentences += sorted(
        {f"Not scored: {plain(score.reason, limit=120)}." for score in (separation, margin) if score.value is None}
    )
    if similarities.in_batch.n:
        hard = ", declared hard negatives among them" if len(similarities.hard) else ""
        sentences.append(
            f"In-batch negatives: every document that is not right for the query{hard}. Mined: each query's most "
            "similar one. Triangles and dotted lines: the similarities that 1% and 5% of the negatives reach (false "
            "positives, FPR); the table says what share of the positives does (TPR)."
        )
    sentences.append("Dashed lines and diamonds: means; boxes: quartiles; whiskers: 5 and 95%.")
    return " ".join(sentence for sentence in sentences if sentence)


def _say_intervals(separation: Score, margin: Score) -> str:
    intervals = [f"separation {say_interval(separation)}"] if say_interval(separation) else []
    if margin.low is not None and margin.high is not None:
        intervals.append(f"margin [{say_exactly(margin.low)}, {say_exactly(margin.high)}]")
    return f"95 % intervals: {', '.join(intervals)}." if intervals else ""


def _choose_edges(similarities: PairSimilarities) -> Float[np.ndarray, " edge"]:
    first, last, step = _choose_bins(similarities)
    return similarities.in_batch.edges[first : last + 1 : step]


def _choose_bins(similarities: PairSimilarities) -> tuple[int, int, int]:
    """First and last edge to draw, and how many of the measure's narrow bins make one of the picture's."""
    n_positives, edges = len(similarities.positives), similarities.in_batch.edges
    values = np.concatenate([similarities.positives, similarities.hard, similarities.mined])
    filled = similarities.in_batch.counts + count_values(values, edges)
    used, n = np.flatnonzero(filled), len(filled)
    if not len(used):
        return 0, n, n
    wanted = int(np.clip(5 * np.cbrt(max(n_positives, 1)), 16, N_BINS))
    # A divisor of all narrow bins: wide ones then fill the scale of cosines and begin at round numbers.
    step = next(step for step in range(1, n + 1) if n % step == 0 and step * wanted >= used[-1] - used[0] + 1)
    return int(used[0]) // step * step, (int(used[-1]) // step + 1) * step, step


def _draw_densities(
    axes: Axes, populations: list[Population], edges: Float[np.ndarray, " edge"], *, style: Style
) -> None:
    dress_axes(axes, style, grid="")
    width, highest = edges[1] - edges[0], 0.0
    for population in populations:
        # Over the pairs of the population, so that its area is 1 however many there are.
        density = population.count(edges) / (population.n * width)
        highest = max(highest, float(density.max()))
        axes.stairs(density, edges, fill=True, color=population.color, alpha=population.shade, zorder=2.0)
        line = axes.stairs(density, edges, color=population.color, linewidth=1.4, zorder=2.5)
        line.set_linestyle(population.line)
    pad = 0.02 * (edges[-1] - edges[0])
    axes.set(xlim=(edges[0] - pad, edges[-1] + pad), ylim=(0, highest / CROWN))
    axes.set(xlabel="cosine similarity", ylabel="density (each area is 1)")
    axes.set_yticks([tick for tick in axes.get_yticks() if tick <= highest])


def _draw_means(axes: Axes, populations: list[Population]) -> None:
    for population in populations:
        if population.mean is not None:
            line = axes.axvline(population.mean, ymax=ARROW, color=population.color, zorder=3.0)
            line.set(linewidth=1.3, linestyle=(0, (4, 2)))


def _draw_margin(axes: Axes, similarities: PairSimilarities, theme: Theme) -> None:
    """An arrow from the mean of the in-batch negatives to that of the positives."""
    margin, end = (similarities.scores[name].value for name in ("margin", "positive_mean"))
    start = similarities.in_batch.mean
    if margin is None or start is None or end is None:
        return
    place = axes.get_xaxis_transform()
    arrow = {"arrowstyle": "-|>", "color": theme.ink, "linewidth": 1.1, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", xy=(end, ARROW), xytext=(start, ARROW), xycoords=place, textcoords=place, arrowprops=arrow)
    text = axes.text((start + end) / 2, ARROW + 0.035, f"margin {say_exactly(margin)}", transform=place)
    text.set(color=theme.ink, fontproperties=text_font(8.5), ha="center", va="center", zorder=5.0)


def _draw_thresholds(axes: Axes, similarities: PairSimilarities, theme: Theme) -> None:
    """Dotted lines at the similarities that few in-batch negatives reach, their names inside the panel."""
    font, place = text_font(8.0), axes.get_xaxis_transform()
    low, high = axes.get_xlim()
    inch = (high - low) / _HISTOGRAM
    for percent, height in THRESHOLDS.items():
        score = similarities.scores.get(f"threshold_fpr_{percent}")
        if score is None or score.value is None or not low <= score.value <= high:
            continue
        axes.plot([score.value] * 2, [0, height + 0.02], transform=place, color=theme.ink, linewidth=1.1, linestyle=":")
        name = f"{percent}% of in-batch above {say_number(score.value)}"
        half = measure_text(name, font)[0] / 2 * inch
        x = min(max(score.value, low + half), high - half)
        text = axes.text(x, height + 0.02, name, transform=place, ha="center", va="center", zorder=5.0)
        text.set(color=theme.ink, fontproperties=font)
        text.set_bbox({"facecolor": theme.paper, "edgecolor": "none", "alpha": 0.8, "pad": 0.8})


def _draw_boxes(axes: Axes, populations: list[Population], style: Style) -> None:
    dress_axes(axes, style)
    boxed = [(population, population.box) for population in populations if population.box is not None]
    for place, (population, box) in enumerate(boxed):
        _draw_box(axes, population, box, place=place, theme=style.theme)
    axes.set_xticks(range(len(boxed)), [f"{population.short}\nn = {population.n:,}" for population, _ in boxed])
    axes.tick_params(axis="x", length=0)
    axes.set(xlim=(-0.6, len(boxed) - 0.4), ylabel="cosine similarity")


def _draw_box(axes: Axes, population: Population, box: Box, *, place: int, theme: Theme) -> None:
    statistics = {"whislo": box.low, "q1": box.q1, "med": box.median, "q3": box.q3, "whishi": box.high, "fliers": []}
    with_mean = population.mean is not None
    line = {"color": population.color, "linewidth": 1.3}
    axes.bxp(
        [{**statistics, "mean": population.mean}], positions=[place], widths=0.5, patch_artist=True, manage_ticks=False,
        showmeans=with_mean, showfliers=False, whiskerprops=line, capprops=line,
        boxprops={"facecolor": to_rgba(population.color, 0.3), "edgecolor": population.color, "linewidth": 1.3},
        medianprops={"color": theme.ink, "linewidth": 1.6},
        meanprops={"marker": "D", "markersize": 6, "markerfacecolor": theme.paper, "markeredgecolor": theme.ink},
    )  # fmt: skip
    for threshold in population.thresholds:
        mark = axes.plot(place + 0.34, threshold, marker="<", markersize=4.5, linestyle="none", zorder=4.0)[0]
        mark.set(color=theme.ink, clip_on=False)
