"""How far right pairs lie above wrong ones: three populations of similarities, never mixed."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from latentscape.figures.headline import MARGIN, line_height, measure_text, text_font, write_text
from latentscape.figures.inches import open_figure, place_axes
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
CROWN = 0.8
"""Share of the panel's height that the histograms may fill; the margin stands above."""
ARROW = 0.9
"""Height of the margin, as a share of the panel."""

_LEFT, _HISTOGRAM, _GAP, _BOXES = 0.55, 6.3, 0.75, 3.5
_LEGEND, _SWATCH, _HEIGHT, _BELOW = 0.34, 0.13, 4.0, 0.48


@dataclass(frozen=True, kw_only=True)
class _Population:
    name: str
    color: str
    counts: Int[np.ndarray, " bin"]
    n: int
    mean: float | None
    sd: float | None
    box: Box | None


def draw_similarity_distribution(findings: EmbeddingsFindings, style: Style) -> Figure | None:
    """Densities with their means and the margin between them, and box plots; None where there is no pair at all."""
    edges, populations = _list_populations(findings.similarities, style)
    if not populations:
        return None
    with themed(style):
        figure, top = _open(findings, style)
        _write_legend(figure, populations, top=top)
        left, top = MARGIN + _LEFT, top + _LEGEND
        histogram = place_axes(figure, left=left, top=top, width=_HISTOGRAM, height=_HEIGHT)
        boxes = place_axes(figure, left=left + _HISTOGRAM + _GAP, top=top, width=_BOXES, height=_HEIGHT)
        _draw_densities(histogram, populations, edges, style=style)
        _draw_means(histogram, populations)
        _draw_margin(histogram, findings.similarities, style.theme)
        _draw_boxes(boxes, populations, style)
        boxes.set_ylim(*histogram.get_xlim())
    return figure


def _open(findings: EmbeddingsFindings, style: Style) -> tuple[ThemedFigure, float]:
    scores, stamps = findings.similarities.scores, findings.model.stamps
    width = 2 * MARGIN + _LEFT + _HISTOGRAM + _GAP + _BOXES
    subtitle = _subtitle(findings.similarities)
    return open_figure(style, _title(scores), subtitle=subtitle, stamps=stamps,
                       width=width, below=_LEGEND + _HEIGHT + _BELOW)  # fmt: skip


def _title(scores: Mapping[str, Score]) -> str:
    separation, margin, hard_margin = (scores[name].value for name in ("separation", "margin", "hard_margin"))
    parts = []
    if separation is not None:
        parts.append(f"{describe_separation(separation)} separation, {say_number(separation)}σ")
    if margin is not None:
        parts.append(f"{describe_margin(margin)} margin, {say_exactly(margin)}")
    if hard_margin is not None:
        parts.append(f"{say_exactly(hard_margin)} to the hard negatives")
    title = "; ".join(parts) or "similarities of queries and documents"
    return title[0].upper() + title[1:]


def say_exactly(similarity: float) -> str:
    """Four decimals, as on the terminal, and a real minus sign."""
    return f"{round(similarity, 4) + 0.0:.4f}".replace("-", "−")


def _subtitle(similarities: PairSimilarities) -> str:
    separation, margin = (similarities.scores[name] for name in ("separation", "margin"))
    sentences = [_say_intervals(separation, margin)]
    sentences += sorted(
        {f"Not scored: {plain(score.reason, limit=120)}." for score in (separation, margin) if score.value is None}
    )
    if similarities.in_batch.n:
        hard = ", declared hard negatives among them" if len(similarities.hard) else ""
        sentences.append(f"In-batch negatives: every document that is not right for the query{hard}.")
    sentences.append("Dashed lines and diamonds: means; boxes: quartiles; whiskers: 5 and 95 %.")
    return " ".join(sentence for sentence in sentences if sentence)


def _say_intervals(separation: Score, margin: Score) -> str:
    intervals = [f"separation {say_interval(separation)}"] if say_interval(separation) else []
    if margin.low is not None and margin.high is not None:
        intervals.append(f"margin [{say_exactly(margin.low)}, {say_exactly(margin.high)}]")
    return f"95 % intervals: {', '.join(intervals)}." if intervals else ""


def _list_populations(
    similarities: PairSimilarities, style: Style
) -> tuple[Float[np.ndarray, " edge"], list[_Population]]:
    """The populations that have pairs, counted in the same bins."""
    scores, boxes, in_batch = similarities.scores, similarities.boxes, similarities.in_batch
    first, last, step = _choose_bins(similarities)
    edges = in_batch.edges[first : last + 1 : step]
    _, positive_color, hard_color = style.kind_colors
    populations = [
        _Population(name="positives", color=positive_color, counts=_count(similarities.positives, edges),
                    n=len(similarities.positives), mean=scores["positive_mean"].value, sd=scores["positive_sd"].value,
                    box=boxes.get("positive")),
        _Population(name="hard negatives", color=hard_color, counts=_count(similarities.hard, edges),
                    n=len(similarities.hard), mean=scores["hard_negative_mean"].value,
                    sd=scores["hard_negative_sd"].value, box=boxes.get("hard")),
        _Population(name="in-batch negatives", color=style.theme.muted,
                    counts=np.add.reduceat(in_batch.counts[first:last], np.arange(0, last - first, step)),
                    n=in_batch.n, mean=in_batch.mean, sd=in_batch.sd, box=boxes.get("in_batch")),
    ]  # fmt: skip
    return edges, [population for population in populations if population.n]


def _choose_bins(similarities: PairSimilarities) -> tuple[int, int, int]:
    """First and last edge to draw, and how many of the measure's narrow bins make one of the picture's."""
    n_positives, edges = len(similarities.positives), similarities.in_batch.edges
    filled = similarities.in_batch.counts + _count(similarities.positives, edges) + _count(similarities.hard, edges)
    used, n = np.flatnonzero(filled), len(filled)
    if not len(used):
        return 0, n, n
    wanted = int(np.clip(5 * np.cbrt(max(n_positives, 1)), 16, N_BINS))
    # A divisor of all narrow bins: wide ones then fill the scale of cosines and begin at round numbers.
    step = next(step for step in range(1, n + 1) if n % step == 0 and step * wanted >= used[-1] - used[0] + 1)
    return int(used[0]) // step * step, (int(used[-1]) // step + 1) * step, step


def _count(values: Float[np.ndarray, " value"], edges: Float[np.ndarray, " edge"]) -> Int[np.ndarray, " bin"]:
    # Rounding may push a cosine a hair beyond 1.
    return np.histogram(np.clip(values, edges[0], edges[-1]), bins=edges)[0]


def _write_legend(figure: ThemedFigure, populations: list[_Population], *, top: float) -> None:
    """The populations with mean and deviation, side by side above both panels."""
    font, left = text_font(9.0), MARGIN + _LEFT
    for population in populations:
        text = population.name
        if population.mean is not None and population.sd is not None:
            text += f"  {say_exactly(population.mean)} ± {say_exactly(population.sd)}"
        _draw_swatch(figure, population.color, left=left, top=top + (line_height(font) - _SWATCH) / 2)
        left += _SWATCH + 0.07
        write_text(figure, text, left=left, top=top, font=font, color=figure.style.theme.ink)
        left += measure_text(text, font)[0] + 0.35


def _draw_swatch(figure: ThemedFigure, color: str, *, left: float, top: float) -> None:
    width, height = figure.get_size_inches()
    corner = (left / width, 1 - (top + _SWATCH) / height)
    swatch = Rectangle(corner, _SWATCH / width, _SWATCH / height, transform=figure.transFigure)
    swatch.set(facecolor=to_rgba(color, 0.35), edgecolor=color, linewidth=1.3)
    figure.add_artist(swatch)


def _draw_densities(
    axes: Axes, populations: list[_Population], edges: Float[np.ndarray, " edge"], *, style: Style
) -> None:
    dress_axes(axes, style, grid="")
    width, highest = edges[1] - edges[0], 0.0
    for population in populations:
        # Over the pairs of the population, so that its area is 1 however many there are.
        density = population.counts / (population.n * width)
        highest = max(highest, float(density.max()))
        axes.stairs(density, edges, fill=True, color=population.color, alpha=0.25, zorder=2.0)
        axes.stairs(density, edges, color=population.color, linewidth=1.3, zorder=2.5)
    pad = 0.02 * (edges[-1] - edges[0])
    axes.set(xlim=(edges[0] - pad, edges[-1] + pad), ylim=(0, highest / CROWN))
    axes.set(xlabel="cosine similarity", ylabel="density (each area is 1)")
    axes.set_yticks([tick for tick in axes.get_yticks() if tick <= highest])


def _draw_means(axes: Axes, populations: list[_Population]) -> None:
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


def _draw_boxes(axes: Axes, populations: list[_Population], style: Style) -> None:
    dress_axes(axes, style)
    boxed = [(population, population.box) for population in populations if population.box is not None]
    for place, (population, box) in enumerate(boxed):
        _draw_box(axes, population, box, place=place, theme=style.theme)
    axes.set_xticks(range(len(boxed)), [f"{population.name}\nn = {population.n:,}" for population, _ in boxed])
    axes.tick_params(axis="x", length=0)
    axes.set(xlim=(-0.6, len(boxed) - 0.4), ylabel="cosine similarity")


def _draw_box(axes: Axes, population: _Population, box: Box, *, place: int, theme: Theme) -> None:
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
