"""A matrix of numbers as colored cells, with texts in them where there is room."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.font_manager import FontProperties
from matplotlib.image import AxesImage

from latentscape.figures.headline import line_height, text_font
from latentscape.figures.palette import to_linear
from latentscape.figures.style import DARK, DPI, LIGHT, Style

Line = tuple[str, FontProperties, str]
"""A text, its font and its color."""
BLUE = {False: "#4f9fd0", True: "#125d8f"}
"""The far end of `blues`, on which the ink of light and of dark (True) paper can be read."""


def blues(style: Style) -> LinearSegmentedColormap:
    """From the panel's ground to a blue."""
    return LinearSegmentedColormap.from_list("blues", [style.theme.panel, BLUE[style.dark]])


def draw_cells(
    axes: Axes,
    values: Float[np.ndarray, "row column"],
    *,
    colors: LinearSegmentedColormap | str,
    span: tuple[float, float],
    style: Style,
) -> AxesImage:
    """One colored cell a value, thin lines between them; a cell without a value (NaN) shows the panel's ground."""
    axes.set_facecolor(style.theme.panel)
    low, high = span
    image = axes.imshow(np.ma.masked_invalid(values), cmap=colors, vmin=low, vmax=high, aspect="auto")
    axes.spines[:].set_visible(False)
    axes.set_xticks([])
    axes.set_yticks([])
    rows, columns = values.shape
    if max(rows, columns) <= 20:
        axes.hlines(np.arange(1, rows) - 0.5, -0.5, columns - 0.5, color=style.theme.paper, linewidth=1.5)
        axes.vlines(np.arange(1, columns) - 0.5, -0.5, rows - 0.5, color=style.theme.paper, linewidth=1.5)
    return image


def name_cells(
    axes: Axes, *, rows: Sequence[str], columns: Sequence[str], font: FontProperties, upright: bool, style: Style
) -> None:
    """Names left of the rows and below the columns, as many as have room."""
    box = axes.get_window_extent()
    line = 0.95 * line_height(font)
    across, down = box.width / DPI / max(len(columns), 1), box.height / DPI / max(len(rows), 1)
    step = int(np.ceil(line / across)) if upright else 1
    shown = range(0, len(columns), step)
    axes.set_xticks(list(shown), [columns[i] for i in shown], rotation=90 if upright else 0)
    shown = range(0, len(rows), int(np.ceil(line / down)))
    axes.set_yticks(list(shown), [rows[i] for i in shown])
    axes.tick_params(length=0, pad=4)
    for label in (*axes.get_xticklabels(), *axes.get_yticklabels()):
        label.set(fontproperties=font, color=style.theme.ink)


def write_cell(axes: Axes, lines: Sequence[Line], *, row: int, column: int, height: float) -> None:
    """Lines below each other in the middle of a cell that is `height` inches high."""
    heights = [line_height(font) / height for _, font, _ in lines]
    y = row - sum(heights) / 2
    for (text, font, color), own in zip(lines, heights, strict=True):
        axes.text(column, y + own / 2, text, fontproperties=font, color=color, ha="center", va="center_baseline")
        y += own


def ink_on(image: AxesImage, value: float) -> str:
    """Dark or light letters, whichever can be read on the color of this value."""
    red, green, blue, _ = image.cmap(Normalize(*image.get_clim())(value))
    luminance = to_linear(np.array([[red, green, blue]]))[0] @ (0.2126, 0.7152, 0.0722)
    return LIGHT.ink if luminance > 0.2 else DARK.ink


def small_fonts() -> tuple[FontProperties, FontProperties]:
    """Of a cell's value and of what stands below it."""
    return text_font(9.0, bold=True), text_font(7.0)
