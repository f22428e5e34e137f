"""How every picture looks: its colors, markers, fonts and sizes, in a light and a dark theme."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import matplotlib as mpl
import numpy as np
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.colors import is_color_like, to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from latentscape.errors import UsageError
from latentscape.figures.palette import extend_palette
from latentscape.shapes import Points

DPI = 150
FONTS = (
    "DejaVu Sans",  # ships with matplotlib; every Vietnamese diacritic
    "Noto Sans",
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",
    "Noto Sans CJK KR",
    "WenQuanYi Zen Hei",
    "Noto Sans Arabic",
    "Noto Sans Devanagari",
    "Noto Sans Thai",
    "Noto Emoji",
    "Arial Unicode MS",
)
"""Families asked in this order for each letter; those that are not installed are passed over."""

CLASS_COLORS = (
    "#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2", "#7f7f7f", "#bcbd22", "#17becf",
)  # fmt: skip
"""Matplotlib's tab10, given to classes in label order."""
MOST_COLORS = 256
"""Class number 256 has the color of class number 0 again: no eye tells so many apart, their names must."""
DATASET_MARKERS = ("o", "^", "s", "D", "v", "P", "X", "*")
KIND_COLORS = ("#0072b2", "#009e73", "#d55e00")
"""Query, positive, hard negative: blue, green, vermilion, which color-blind eyes tell apart (Okabe and Ito, 2008)."""


@dataclass(frozen=True, kw_only=True)
class Theme:
    """The colors of everything that is not data."""

    ink: str
    """Text and outlines that matter."""
    muted: str
    """Secondary text."""
    paper: str
    panel: str
    """Ground behind the points."""
    grid: str
    right: str
    wrong: str
    stamp_ink: str
    stamp_paper: str
    more_class_colors: tuple[str, ...]
    """Ten more class colors, deeper or paler than the first ten, whichever this ground can show."""


LIGHT = Theme(
    ink="#1c2024", muted="#60656e", paper="#ffffff", panel="#fbfbfc", grid="#e4e6ea",
    right="#2e8540", wrong="#c8322b", stamp_ink="#ffffff", stamp_paper="#b3261e",
    more_class_colors=(
        "#0b3c5d", "#a34700", "#0f5a23", "#7d0f22", "#4b2a80", "#f2a0a0", "#a3195b", "#3d4450", "#6b6b00", "#0b6e75",
    ),
)  # fmt: skip
DARK = Theme(
    ink="#eceef1", muted="#a3a9b4", paper="#14161a", panel="#1a1d22", grid="#30343c",
    right="#5cc16f", wrong="#ff6f61", stamp_ink="#ffffff", stamp_paper="#b3261e",
    more_class_colors=(
        "#aec7e8", "#ffbb78", "#98df8a", "#ff9896", "#c5b0d5", "#d7b09a", "#f9cbe5", "#d5d7db", "#eceb8f", "#a5ecf5",
    ),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Style:
    """The user's choices of colors and markers, by name; whatever has no choice gets its default by number.

    Raises UsageError for a color or marker that matplotlib does not know.
    """

    class_colors: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    dataset_markers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    kind_colors: tuple[str, str, str] = KIND_COLORS
    """Query, positive, hard negative."""
    dark: bool = False
    show_trust: bool = True
    """Whether points whose neighborhoods a map does not keep are drawn fainter, with a ring."""

    def __post_init__(self) -> None:
        # Frozen, but spelled one way for every reader: browsers don't know matplotlib's own color names.
        colors = {name: _spell_color(color) for name, color in self.class_colors.items()}
        object.__setattr__(self, "class_colors", MappingProxyType(colors))
        object.__setattr__(self, "kind_colors", tuple(map(_spell_color, self.kind_colors)))
        for marker in self.dataset_markers.values():
            _check_marker(marker)

    @property
    def theme(self) -> Theme:
        """Colors of text, paper and grid."""
        return DARK if self.dark else LIGHT

    def class_color(self, name: str, index: int) -> str:
        """The color of class number `index`."""
        return self.class_colors.get(name) or _default_color(index % MOST_COLORS, self)

    def dataset_marker(self, name: str, index: int) -> str:
        """The marker of dataset number `index`."""
        return self.dataset_markers.get(name) or DATASET_MARKERS[index % len(DATASET_MARKERS)]


class ThemedFigure(Figure):
    """A figure that draws itself in its own theme, wherever it is drawn: matplotlib makes ticks and their text late."""

    def __init__(self, *args: Any, style: Style, **keywords: Any) -> None:
        super().__init__(*args, **keywords)
        self.style = style
        self.about = ""
        """What its file says of it besides the pixels, e.g. the weight receipt."""

    def draw(self, renderer: Any) -> None:
        """Draw with this figure's fonts and with `$` and `\\` as plain letters."""
        with themed(self.style):
            super().draw(renderer)


@contextmanager
def themed(style: Style) -> Iterator[None]:
    """Whatever matplotlib makes inside has the style's fonts, sizes and colors; the user's matplotlibrc has no say."""
    with mpl.rc_context():
        mpl.rcdefaults()
        for name, value in _settings(style.theme).items():
            mpl.rcParams[name] = value
        yield


def new_figure(style: Style, *, width: float, height: float) -> ThemedFigure:
    """An empty figure of so many inches, without a window and outside pyplot's global state. Call inside `themed`."""
    return ThemedFigure(figsize=(width, height), dpi=DPI, facecolor=style.theme.paper, style=style)


def dress_axes(axes: Axes, style: Style, *, grid: Literal["", "x", "y", "both"] = "y") -> None:
    """Thin grid behind the data, no box: the left and bottom edges stay."""
    axes.set_facecolor(style.theme.paper)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_axisbelow(True)
    if grid:
        axes.grid(visible=True, axis=grid, color=style.theme.grid, linewidth=0.6)


def dress_map_axes(axes: Axes, style: Style) -> None:
    """A tinted panel without ticks: a map has no units."""
    axes.set_facecolor(style.theme.panel)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(True)
    axes.spines[:].set_color(style.theme.grid)


def say_nothing_here(axes: Axes, sentence: str, style: Style) -> None:
    """An empty panel that says why it is empty."""
    dress_map_axes(axes, style)
    axes.text(0.5, 0.5, sentence, transform=axes.transAxes, ha="center", va="center", color=style.theme.muted)


def frame_map(axes: Axes, xy: Points) -> None:
    """Limits around all points, one unit as long in x as in y: distances on a map must compare."""
    box = axes.get_window_extent()
    low, high = xy.min(axis=0), xy.max(axis=0)
    unit = max((high - low) / (box.width, box.height)) * 1.1 or 1.0
    center, half = (low + high) / 2, unit * np.array([box.width, box.height]) / 2
    axes.set(xlim=(center[0] - half[0], center[0] + half[0]), ylim=(center[1] - half[1], center[1] + half[1]))


@cache
def font_chain() -> tuple[str, ...]:
    """The families of FONTS that this machine has, the first of them always."""
    installed = {font.name for font in font_manager.fontManager.ttflist}
    return tuple(name for name in FONTS if name in installed)


@cache
def font_files() -> tuple[Path, ...]:
    """The files of `font_chain`, upright and of normal weight."""
    return tuple(Path(font_manager.findfont(name, fallback_to_default=False)) for name in font_chain())


def _settings(theme: Theme) -> dict[Any, Any]:
    return {
        "font.family": list(font_chain()),
        "font.size": 9.0,
        "axes.titlesize": 9.5,
        "axes.labelsize": 9.0,
        "xtick.labelsize": 8.0,
        "ytick.labelsize": 8.0,
        "legend.fontsize": 8.5,
        "legend.frameon": False,
        "text.parse_math": False,
        "axes.formatter.use_mathtext": False,
        "axes.unicode_minus": True,
        "text.color": theme.ink,
        "axes.labelcolor": theme.ink,
        "axes.titlecolor": theme.ink,
        "axes.edgecolor": theme.muted,
        "axes.linewidth": 0.7,
        "xtick.color": theme.muted,
        "ytick.color": theme.muted,
        "xtick.major.width": 0.7,
        "ytick.major.width": 0.7,
        "xtick.major.size": 3.0,
        "ytick.major.size": 3.0,
        "axes.facecolor": theme.paper,
        "figure.facecolor": theme.paper,
        "savefig.facecolor": "auto",
        "lines.linewidth": 1.2,
    }


def _default_color(index: int, style: Style) -> str:
    theme, chosen = style.theme, CLASS_COLORS + style.theme.more_class_colors
    if index < len(chosen):
        return chosen[index]
    more = MOST_COLORS - len(chosen)
    return extend_palette(chosen, avoid=(theme.muted, theme.panel, theme.ink), n=more, dark=style.dark)[
        index - len(chosen)
    ]


def _spell_color(color: str) -> str:
    """The color as #rrggbb."""
    if not is_color_like(color):
        raise UsageError("unknown color in `style`", got=repr(color), expected="a name or #rrggbb", hint="e.g. #1f77b4")
    return to_hex(color)


def _check_marker(marker: str) -> None:
    if marker not in Line2D.filled_markers:
        known = " ".join(str(known) for known in Line2D.filled_markers)
        raise UsageError("unknown marker in `style`", got=repr(marker), expected=f"one of {known}", hint="e.g. o")
