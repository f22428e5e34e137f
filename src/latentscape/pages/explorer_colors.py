"""The colors and shapes of the explorer's categories: readable on light and on dark ground alike."""

from collections.abc import Mapping
from functools import cache

from latentscape.exploration import Category, Exploration
from latentscape.figures.palette import extend_palette
from latentscape.figures.style import CLASS_COLORS, DATASET_MARKERS, MOST_COLORS, Style
from latentscape.pages.symbols import GRAY

RAMP = (
    "#472a7a", "#46337f", "#443b84", "#414287", "#3e4a89", "#3b528b", "#38598c", "#34608d",
    "#31678e", "#2e6d8e", "#2c738e", "#297a8e", "#27808e", "#24868e", "#228d8d", "#20938c",
    "#1f998a", "#1fa088", "#21a685", "#25ac82", "#2db27d", "#37b878", "#40bd72", "#4ec36b",
    "#5cc863", "#69cd5b", "#7ad151", "#8bd646", "#9dd93b", "#addc30", "#c0df25", "#d2e21b",
)  # fmt: skip
"""Of numbers, the low ones first: viridis without its ends, which vanish on one of the grounds."""
_MARKERS = {"o": 0, ".": 0, "^": 1, "s": 2, "D": 3, "d": 3, "P": 4, "X": 5, "*": 6, "v": 7}
"""matplotlib's letters as the numbers of the renderer's shapes."""
_DEFAULTS = tuple(_MARKERS[letter] for letter in DATASET_MARKERS)
OUTCOMES = {"right": "#0072b2", "wrong": "#d55e00"}
"""Blue and vermilion, which color-blind eyes tell apart."""
_GROUNDS = ("#ffffff", "#14161a", GRAY)


def choose_colors(exploration: Exploration, style: Style) -> dict[str, list[str]]:
    """`#rrggbb` of each value of each category, at most MOST_COLORS of them: the others have them again.

    The same class has the same color in every column: in the labels, and in what was predicted.
    """
    columns = [column for column in exploration.columns if isinstance(column, Category)]
    main = next((column for column in columns if column.key == exploration.color), None)
    known = dict(zip(main.values, _own_colors(main, style), strict=False)) if main else {}
    return {column.key: _choose(column, known, style)[:MOST_COLORS] for column in columns}


def choose_shapes(column: Category, style: Style) -> list[int]:
    """The number of the symbol of each value, of at most MOST_COLORS of them; there are eight, so they come again."""
    return [_shape(style, name, index) for index, name in enumerate(column.values[:MOST_COLORS])]


def _choose(column: Category, known: Mapping[str, str], style: Style) -> list[str]:
    if not column.colors and column.values and set(column.values) <= set(known):
        return [known[name] for name in column.values]
    return _own_colors(column, style)


def _own_colors(column: Category, style: Style) -> list[str]:
    if len(column.colors) == len(column.values):
        return list(column.colors)
    if set(column.values) == set(OUTCOMES):
        return [OUTCOMES[name] for name in column.values]
    if [name.replace("_", " ") for name in column.values[:3]] == ["query", "positive", "hard negative"]:
        return [*style.kind_colors, *(_color(style, name, i) for i, name in enumerate(column.values[3:]))]
    return [_color(style, name, index) for index, name in enumerate(column.values[:MOST_COLORS])]


def _color(style: Style, name: str, index: int) -> str:
    """The color of the pictures; beyond the first ten one of our own, as a page may be light or dark."""
    if index < len(CLASS_COLORS) or name in style.class_colors:
        return style.class_color(name, index)
    return _more_colors()[index - len(CLASS_COLORS)]


@cache
def _more_colors() -> tuple[str, ...]:
    return extend_palette(CLASS_COLORS, avoid=_GROUNDS, n=MOST_COLORS - len(CLASS_COLORS), dark=False)


def _shape(style: Style, name: str, index: int) -> int:
    chosen = style.dataset_markers.get(name, "")
    return _MARKERS.get(chosen, _DEFAULTS[index % len(_DEFAULTS)])
