"""One confusion matrix as a panel: the share of each row large in its cell, the count small below it."""

from collections.abc import Sequence
from functools import cache

import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.font_manager import FontProperties

from latentscape.figures.headline import fit_text, measure_text, text_font
from latentscape.figures.palette import fade, to_linear
from latentscape.figures.style import Style, Theme, say_nothing_here

COUNT_CELL, RATE_CELL = 0.42, 0.2
"""Inches a cell must have to hold the count, and to hold the share."""
MAX_NAME = 1.35
"""Inches; a longer class name is cut."""
SMALLEST_NAME = 4.0
"""Points; names that would have to be smaller are left out."""

Counts = Int[np.ndarray, "class class"]


def draw_matrix(axes: Axes, counts: Counts, *, cell: float, most_wrong: float, style: Style) -> None:
    """Draw the cells, `cell` inches wide; mistakes have their full color at the share `most_wrong`."""
    if not counts.sum():
        say_nothing_here(axes, "no sample of known class", style)
        return
    n, theme = len(counts), style.theme
    shares = row_shares(counts)
    colors = _color_cells(shares, most_wrong=most_wrong, theme=theme)
    axes.imshow(colors, aspect="auto", interpolation="nearest")
    axes.set(xlim=(-0.5, n - 0.5), ylim=(n - 0.5, -0.5), xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    gaps, line = np.arange(n + 1) - 0.5, {"color": theme.paper, "linewidth": min(1.0, 3 * cell), "zorder": 1.5}
    axes.hlines(gaps, -0.5, n - 0.5, **line)
    axes.vlines(gaps, -0.5, n - 0.5, **line)
    if cell >= RATE_CELL:
        _write_cells(axes, counts, shares=shares, colors=colors, cell=cell, theme=theme)


def row_shares(counts: Counts) -> Float[np.ndarray, "class class"]:
    """Each cell as a share of its row; 0 in rows without samples."""
    return counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)


def find_most_wrong(counts: Counts) -> float:
    """The largest share of a class that is taken for one other; at least 5 %, lest noise glows."""
    return max(0.05, float((row_shares(counts) * (1 - np.eye(len(counts)))).max(initial=0.0)))


def name_rows(axes: Axes, names: Sequence[str], *, cell: float, style: Style) -> None:
    """Class names left of the rows."""
    if not has_names(cell):
        return
    font = _name_font(cell)
    axes.set_yticks(range(len(names)), [fit_text(name, font, width=MAX_NAME) for name in names])
    _dress_names(axes, "y", font=font, style=style)


def name_columns(axes: Axes, names: Sequence[str], *, cell: float, style: Style) -> None:
    """Class names below the columns, upright where they are wider than a column."""
    if not has_names(cell):
        return
    font = _name_font(cell)
    fitted = [fit_text(name, font, width=MAX_NAME) for name in names]
    axes.set_xticks(range(len(names)), fitted, rotation=90 if _is_upright(fitted, font=font, cell=cell) else 0)
    _dress_names(axes, "x", font=font, style=style)


def has_names(cell: float) -> bool:
    """Whether names fit beside rows of this height."""
    return _name_size(cell) >= SMALLEST_NAME


def measure_row_names(names: Sequence[str], *, cell: float) -> float:
    """Inches left of a matrix that its class names take."""
    if not has_names(cell):
        return 0.1
    return _widest([fit_text(name, _name_font(cell), width=MAX_NAME) for name in names], _name_font(cell)) + 0.1


def measure_column_names(names: Sequence[str], *, cell: float) -> float:
    """Inches below a matrix that its class names take."""
    if not has_names(cell):
        return 0.1
    font = _name_font(cell)
    fitted = [fit_text(name, font, width=MAX_NAME) for name in names]
    return (_widest(fitted, font) if _is_upright(fitted, font=font, cell=cell) else 0.2) + 0.1


def _widest(texts: Sequence[str], font: FontProperties) -> float:
    return max(measure_text(text, font)[0] for text in texts)


def _is_upright(texts: Sequence[str], *, font: FontProperties, cell: float) -> bool:
    return _widest(texts, font) > cell - 0.06


def _name_font(cell: float) -> FontProperties:
    return text_font(_name_size(cell))


def _name_size(cell: float) -> float:
    """Points: as large as the rows allow."""
    return min(8.5, 0.72 * 72 * cell)


def _dress_names(axes: Axes, axis: str, *, font: FontProperties, style: Style) -> None:
    for label in axes.get_yticklabels() if axis == "y" else axes.get_xticklabels():
        label.set(fontproperties=font, color=style.theme.ink)
    axes.tick_params(axis="both", length=0, pad=3)


def _color_cells(
    shares: Float[np.ndarray, "class class"], *, most_wrong: float, theme: Theme
) -> Float[np.ndarray, "class class 3"]:
    """Right answers towards green, mistakes towards red, from the ground; even steps for the eye."""
    strength = np.minimum(shares / most_wrong, 1.0)
    np.fill_diagonal(strength, np.diag(shares))
    ramps = _make_ramps(theme)
    return ramps[np.eye(len(shares), dtype=int), np.round(100 * strength).astype(int)]


@cache
def _make_ramps(theme: Theme) -> Float[np.ndarray, "kind step 3"]:
    """101 colors from the ground to the full color of mistakes, then of right answers."""
    ground = np.array([to_rgb(theme.panel)])
    ramps = [
        [fade(ground, share=step / 100, towards=full)[0] for step in range(101)] for full in (theme.wrong, theme.right)
    ]
    return np.array(ramps)


def _write_cells(
    axes: Axes,
    counts: Counts,
    *,
    shares: Float[np.ndarray, "class class"],
    colors: Float[np.ndarray, "class class 3"],
    cell: float,
    theme: Theme,
) -> None:
    with_counts = cell >= COUNT_CELL
    large = text_font(min(10.5, 72 * cell * (0.24 if with_counts else 0.34)))
    small = text_font(min(7.5, 72 * cell * 0.17))
    for row in np.flatnonzero(counts.sum(axis=1) == 0).tolist():
        text = axes.text((len(counts) - 1) / 2, row, "no samples", fontproperties=small, color=theme.muted)
        text.set(ha="center", va="center_baseline")
    for row, column in np.argwhere(counts > 0).tolist():
        ink = _choose_ink(colors[row, column])
        rise = 0.14 if with_counts else 0.0
        text = _say_cell(float(shares[row, column]), sign="%" if with_counts else "")
        written = [axes.text(column, row - rise, text, fontproperties=large)]
        if with_counts:
            written.append(axes.text(column, row + 0.24, f"{counts[row, column]:,}", fontproperties=small))
        for each in written:
            each.set(ha="center", va="center_baseline", color=ink)


def _say_cell(share: float, *, sign: str) -> str:
    """A whole percentage that is 0 or 100 only where nothing or everything is meant."""
    percent = round(100 * share)
    if percent == 0:
        return f"<1{sign}"
    return f">99{sign}" if percent == 100 and share < 1 else f"{percent}{sign}"


def _choose_ink(color: Float[np.ndarray, "3"]) -> str:
    """Black or white, whichever stands out more from the cell (contrast as in WCAG 2)."""
    light = float(to_linear(color[None])[0] @ [0.2126, 0.7152, 0.0722])
    return "#000000" if (light + 0.05) / 0.05 > 1.05 / (light + 0.05) else "#ffffff"
