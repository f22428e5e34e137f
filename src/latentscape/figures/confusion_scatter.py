"""One panel of class pairs: how far apart they lie against how often one is taken for the other."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.ticker import MaxNLocator

from latentscape.figures.headline import fit_text, text_font
from latentscape.figures.labels import Tags, write_tags
from latentscape.figures.layer_axis import fit_names
from latentscape.figures.legend_row import Mark
from latentscape.figures.palette import fade
from latentscape.figures.render import drop_common_start
from latentscape.figures.style import DPI, Style, Theme, dress_axes, say_nothing_here
from latentscape.findings import LatentsFindings
from latentscape.measures.distance import ConfusionAgainstDistance
from latentscape.shapes import Rows

DOT, TRIANGLE = 6.0, 8.0
"""Diameters in points."""
FADED = 0.35
"""How far the color of the other pairs has gone towards the ground."""
STEPS = (1, 2, 2.5, 5, 10)
N_NAMED = 4
"""How many of the most confused pairs are named."""
MANY, SHRUNK = 200, 0.65
"""With more pairs than this, the marks of those not named are so much smaller."""
SURPRISING = 2.0
"""Standard deviations off its expected rate from which a pair is marked."""
N_SURPRISES = 2
"""How many of the largest surprises of either kind are named."""
MAX_NAME_WIDTH = 1.0
"""Inches; a longer class name is cut."""


@dataclass(frozen=True, kw_only=True)
class Marked:
    """Pairs that a panel treats apart, as rows; no pair is both above and below what its distance predicts."""

    most: Int[np.ndarray, " most"]
    closest: Int[np.ndarray, " closest"]
    more: Int[np.ndarray, " more"]
    """Confused more than their distance predicts, the largest surprise first."""
    less: Int[np.ndarray, " less"]
    """Close, yet kept apart, the largest surprise first."""

    @property
    def named(self) -> Rows:
        """The pairs whose names are written, each once."""
        rows = [self.most, self.closest, self.more[:N_SURPRISES], self.less[:N_SURPRISES]]
        return np.array(list(dict.fromkeys(np.concatenate(rows).tolist())), dtype=np.int64)


def draw_scatter(
    axes: Axes, findings: LatentsFindings, confusion: ConfusionAgainstDistance, *, x_label: str, style: Style
) -> None:
    """Draw every pair of classes and name the telling ones; the axes must have their final place."""
    known = find_known_pairs(confusion)
    if not len(known):
        say_nothing_here(axes, "no pair of classes to compare", style)
        return
    dress_axes(axes, style, grid="both")
    axes.set_xlabel(x_label)
    _set_limits(axes, findings, confusion.distances[known])
    marked, points = choose_marked(confusion), np.stack([confusion.distances, confusion.rates], axis=1)
    _draw_expected(axes, confusion, marked=marked, theme=style.theme)
    surprising = np.concatenate([marked.more, marked.less])
    plain_named = np.setdiff1d(marked.named, surprising)
    others = np.setdiff1d(known, [*plain_named, *surprising])
    shrink = SHRUNK if len(known) > MANY else 1.0
    for rows, mark, order in zip(
        (others, plain_named, marked.more, marked.less), list_marks(style.theme), (3, 7, 8, 8), strict=True
    ):
        size = mark.size * (shrink if rows is others else 1.0)
        if len(rows):
            axes.scatter(
                *points[rows].T, s=size**2, marker=mark.marker, color=mark.color, edgecolors=style.theme.paper,
                linewidths=0.6, zorder=order,
            )  # fmt: skip
    _name_pairs(axes, findings, confusion, marked=marked, style=style)


def list_marks(theme: Theme) -> tuple[Mark, Mark, Mark, Mark]:
    """What the marks mean: other pairs, named pairs, and the two kinds of surprises."""
    faded = to_hex(tuple(fade(np.array([to_rgb(theme.muted)]), share=FADED, towards=theme.paper)[0]))
    return (
        Mark(text="pair of classes", color=faded, edge=theme.paper),
        Mark(text="named: confused most, and the closest pair", color=theme.ink, edge=theme.paper),
        Mark(text="more confused than their distance predicts", color=theme.wrong, edge=theme.paper, marker="^",
             size=TRIANGLE),
        Mark(text="close, yet kept apart", color=theme.right, edge=theme.paper, marker="v", size=TRIANGLE),
    )  # fmt: skip


def list_legend(confusions: Sequence[ConfusionAgainstDistance], theme: Theme) -> list[Mark]:
    """The marks that any of these panels has."""
    others, named, more, less = list_marks(theme)
    marked = [choose_marked(confusion) for confusion in confusions]
    marks = [others, named] if any(len(each.named) for each in marked) else []
    marks += [more] if any(len(each.more) for each in marked) else []
    marks += [less] if any(len(each.less) for each in marked) else []
    if any(_has_expected(confusion) for confusion in confusions):
        text = "rate that the other pairs make one expect at this distance"
        marks.append(Mark(text=text, color=theme.muted, edge=theme.muted, marker="_"))
    return marks


def find_known_pairs(confusion: ConfusionAgainstDistance) -> Rows:
    """The pairs that have both a distance and a rate."""
    return np.flatnonzero(np.isfinite(confusion.distances) & np.isfinite(confusion.rates))


def choose_marked(confusion: ConfusionAgainstDistance) -> Marked:
    """The pairs confused most, the closest one, and all whose rate is far from the one expected."""
    most, closest = choose_named(confusion)
    surprise = np.zeros(len(confusion.rates))
    if len(confusion.surprise) == len(surprise):
        known = find_known_pairs(confusion)
        surprise[known] = np.nan_to_num(confusion.surprise[known])
    order = np.argsort(-np.abs(surprise), kind="stable")
    more, less = order[surprise[order] >= SURPRISING], order[surprise[order] <= -SURPRISING]
    return Marked(most=most, closest=closest, more=more, less=less)


def choose_named(
    confusion: ConfusionAgainstDistance,
) -> tuple[Int[np.ndarray, " most"], Int[np.ndarray, " closest"]]:
    """The pairs to name: those confused most, if confused at all; and the closest one, if it is not among them."""
    known = find_known_pairs(confusion)
    most = known[np.argsort(-confusion.rates[known], kind="stable")][:N_NAMED]
    most = most[confusion.rates[most] > 0]
    closest = known[np.argsort(confusion.distances[known], kind="stable")][:1]
    return most, np.setdiff1d(closest, most)


def _has_expected(confusion: ConfusionAgainstDistance) -> bool:
    return len(confusion.expected) == len(confusion.rates) and bool(np.isfinite(confusion.expected).any())


def _draw_expected(axes: Axes, confusion: ConfusionAgainstDistance, *, marked: Marked, theme: Theme) -> None:
    """A dash at the rate expected of each pair, and a line from there to each surprise that is named.

    Not one curve: what is expected of a pair leaves that pair out, so that neighbors on the axis may differ.
    """
    if not _has_expected(confusion):
        return
    known = find_known_pairs(confusion)
    dashes = axes.plot(confusion.distances[known], confusion.expected[known], linestyle="", zorder=3.5)[0]
    dashes.set(marker="_", markersize=DOT, markeredgewidth=1.0, color=theme.muted)
    for rows, color in ((marked.more[:N_SURPRISES], theme.wrong), (marked.less[:N_SURPRISES], theme.right)):
        ends = np.full((len(rows), 3), np.nan)
        ends[:, 0], ends[:, 1] = confusion.expected[rows], confusion.rates[rows]
        at = np.repeat(confusion.distances[rows], 3)
        axes.plot(at, ends.ravel(), color=color, linewidth=0.8, alpha=0.6, zorder=3.2)


def _name_pairs(
    axes: Axes, findings: LatentsFindings, confusion: ConfusionAgainstDistance, *, marked: Marked, style: Style
) -> None:
    rows, theme, radius = marked.named, style.theme, DOT / 2 * DPI / 72
    width = min(MAX_NAME_WIDTH, 0.25 * axes.get_window_extent().width / DPI)
    font, points = text_font(8.0), np.stack([confusion.distances, confusion.rates], axis=1)
    names = fit_names(drop_common_start(findings.class_names), font, width=width, fit=fit_text)
    colors = {int(row): theme.wrong for row in marked.more} | {int(row): theme.right for row in marked.less}
    tags = Tags(
        xy=points[rows],
        texts=[f"{names[a]}–{names[b]}" for a, b in confusion.pairs[rows]],
        colors=[colors.get(int(row), theme.muted) for row in rows],
        font=font,
        outlined=False,
        clearance=radius + 2,
        point_radius=radius,
        hiding_cost=90.0,
    )
    write_tags(axes, tags, points=points[find_known_pairs(confusion)], theme=theme)


def _set_limits(axes: Axes, findings: LatentsFindings, distances: Float[np.ndarray, " known"]) -> None:
    """The same rates in every panel; distances each in their own range, because each layer is a space of its own."""
    rates = np.concatenate([layer.confusion.rates for layer in findings.layers])
    top = max(float(np.nanmax(rates)), 0.01)
    low, high = float(distances.min()), float(distances.max())
    pad = 0.07 * (high - low) or 0.1 * max(high, 0.1)
    axes.set(xlim=(low - pad, high + pad), ylim=(-0.04 * top, 1.12 * top))
    axes.xaxis.set_major_locator(MaxNLocator(5, steps=STEPS))
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=STEPS))
    axes.yaxis.set_major_formatter(lambda rate, _: f"{round(100 * rate, 6):g}%")
