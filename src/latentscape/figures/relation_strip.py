"""All distances of one layer side by side: how strongly each goes with confusion, and how sure that is."""

from collections.abc import Sequence

from matplotlib.axes import Axes

from latentscape.figures.distance_kinds import MAPS, list_kinds, say_kind
from latentscape.figures.headline import measure_text, text_font
from latentscape.figures.relation_words import say_p
from latentscape.figures.style import Style, Theme, dress_axes
from latentscape.figures.words import shows_relation
from latentscape.findings import LayerFindings
from latentscape.measures.distance import ConfusionAgainstDistance

DOT = 6.5
P_GAP = 0.12
"""Inches between the panel and the column of p."""
_FONT = 8.0


def draw_strip(axes: Axes, layer: LayerFindings, *, style: Style) -> None:
    """Draw one line a distance: its correlation with the interval, Mantel's p at its right.

    Maps have squares; a hollow mark's interval holds zero.
    """
    kinds = list_kinds(layer)
    dress_axes(axes, style, grid="x")
    axes.set(xlim=(-1.05, 1.05), ylim=(len(kinds) - 0.4, -0.6), xticks=(-1, -0.5, 0, 0.5, 1))
    axes.set_xticklabels(["−1", "−0.5", "0", "0.5", "1"])
    axes.set_yticks(range(len(kinds)), [say_kind(kind) for kind in kinds])
    axes.tick_params(axis="y", length=0, labelcolor=style.theme.ink)
    axes.spines["left"].set_visible(False)
    axes.axvline(0, color=style.theme.muted, linewidth=0.9, zorder=1.5)
    axes.set_xlabel("rank correlation ρ with confusion")
    for place, (kind, confusion) in enumerate(kinds.items()):
        _draw_kind(axes, confusion, place=place, kind=kind, theme=style.theme)


def measure_names(layers: Sequence[LayerFindings]) -> float:
    """Inches left of the panels that the names of the distances take."""
    names = {say_kind(kind) for layer in layers for kind in list_kinds(layer)}
    return max(measure_text(name, text_font(_FONT))[0] for name in names) + 0.12


def measure_p() -> float:
    """Inches right of the panels that the column of p takes."""
    return P_GAP + measure_text("p = 0.0000", text_font(_FONT))[0]


def _draw_kind(axes: Axes, confusion: ConfusionAgainstDistance, *, place: int, kind: str, theme: Theme) -> None:
    spearman, font = confusion.spearman, text_font(_FONT)
    if spearman.value is None:
        text = axes.text(0, place, "can't be measured", fontproperties=font, color=theme.muted)
        text.set(ha="center", va="center_baseline")
        text.set_bbox({"facecolor": theme.paper, "edgecolor": "none", "pad": 1.0})
        return
    if spearman.low is not None and spearman.high is not None:
        axes.plot([spearman.low, spearman.high], [place, place], color=theme.ink, linewidth=1.4, zorder=3)
    dot = axes.plot([spearman.value], [place], marker="s" if kind in MAPS else "o", markersize=DOT, zorder=4)[0]
    dot.set(color=theme.ink, markeredgecolor=theme.ink, markeredgewidth=1.1)
    dot.set_markerfacecolor(theme.ink if shows_relation(spearman) else theme.paper)
    text = axes.annotate(say_p(confusion.mantel_p), (1, place), xycoords=axes.get_yaxis_transform())
    text.set(fontproperties=font, color=theme.muted, va="center_baseline", annotation_clip=False)
    text.set_position((P_GAP * 72, 0))
    text.set_anncoords("offset points")
