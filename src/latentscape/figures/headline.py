"""The top of every picture: warnings as a banner, the finding as its title, one line that explains the encoding."""

from bisect import bisect_right
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Literal

from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.font_manager import FontProperties
from matplotlib.patches import Rectangle

from latentscape.figures.render import ELLIPSIS, cut, plain
from latentscape.figures.style import DPI, ThemedFigure, font_chain

MARGIN = 0.25
"""Inches of paper around everything."""
_LEADING = 1.35
_POINTS_PER_INCH = 72.0
_LETTER = 0.55
"""Width of a usual letter as a share of the font's size."""


def write_headline(figure: ThemedFigure, title: str, *, subtitle: str = "", stamps: Sequence[str] = ()) -> float:
    """Write banner, title and subtitle, wrapped to the figure's width; return the inches they take from the top.

    A line end in the title or subtitle begins a new line. Stamps are made safe here; title and subtitle must be safe
    already (`plain`) wherever they hold a user's words.
    """
    theme = figure.style.theme
    top = _write_stamps(figure, [plain(stamp, limit=300) for stamp in stamps]) + MARGIN
    top += _write_lines(figure, title, top=top, font=text_font(13.0, bold=True), color=theme.ink)
    if subtitle:
        top += 0.02
        top += _write_lines(figure, subtitle, top=top, font=text_font(9.0), color=theme.muted)
    return top + 0.1


@cache
def text_font(size: float, *, bold: bool = False) -> FontProperties:
    """The pictures' font in a size in points; the same for all, whom nobody changes."""
    return FontProperties(family=list(font_chain()), size=size, weight="bold" if bold else "normal")


@lru_cache(maxsize=4096)
def measure_text(text: str, font: FontProperties) -> tuple[float, float]:
    """Width and height of one line in inches, as it is drawn at DPI."""
    width, height, _ = measuring_renderer().get_text_width_height_descent(text, font, ismath=False)
    return width / DPI, height / DPI


@lru_cache(maxsize=256)
def measure_descent(font: FontProperties) -> float:
    """Inches from the line that letters stand on to the foot of the low ones."""
    return measuring_renderer().get_text_width_height_descent("y", font, ismath=False)[2] / DPI


@cache
def measuring_renderer() -> RendererAgg:
    """The renderer that draws PNGs, for asking how large a text will be."""
    return RendererAgg(1, 1, DPI)


def wrap_text(text: str, font: FontProperties, *, width: float) -> list[str]:
    """The text in lines of at most `width` inches, keeping its own line ends; a single word wider than that is cut."""
    return [line for sentence in text.splitlines() for line in _wrap_line(sentence, font, width=width)]


def fit_text(text: str, font: FontProperties, *, width: float) -> str:
    """The text, ending in an ellipsis where it would be wider than `width` inches."""
    whole = " ".join(text.split())
    if not whole or measure_text(whole, font)[0] <= width:
        return whole
    return _longest([cut(text, limit=limit) for limit in range(1, len(text) + 1)], font, width=width)


def fit_path(path: str, font: FontProperties, *, width: float) -> str:
    """A dotted path, with an ellipsis for its beginning where it would be wider: the end tells more."""
    ends = [ELLIPSIS + path[i:] for i in range(len(path), 1, -1)]
    return _longest([*ends, path], font, width=width)


def line_height(font: FontProperties) -> float:
    """Inches from one line of text to the next."""
    return font.get_size_in_points() * _LEADING / _POINTS_PER_INCH


def write_text(
    figure: ThemedFigure,
    text: str,
    *,
    left: float,
    top: float,
    font: FontProperties,
    color: str,
    ha: Literal["left", "center", "right"] = "left",
) -> None:
    """One line whose `line_height` begins `top` inches below the figure's top edge, at `left` inches from its left."""
    x, y = left / figure.get_figwidth(), 1 - (top + line_height(font) / 2) / figure.get_figheight()
    figure.text(x, y, text, fontproperties=font, color=color, ha=ha, va="center_baseline")


def _longest(choices: Sequence[str], font: FontProperties, *, width: float) -> str:
    """The last of ever longer choices that is not too wide; the first if all are, nothing if there are none."""
    return choices[max(_count_fitting(choices, font, width=width) - 1, 0)] if choices else ""


def _wrap_line(text: str, font: FontProperties, *, width: float) -> list[str]:
    lines: list[str] = []
    words = text.split()
    while words:
        first, rest = fit_text(words[0], font, width=width), words[1:]
        longer = [" ".join([first, *rest[: n + 1]]) for n in range(len(rest))]
        n = _count_fitting(longer, font, width=width)
        lines.append(longer[n - 1] if n else first)
        words = rest[n:]
    return lines


def _count_fitting(choices: Sequence[str], font: FontProperties, *, width: float) -> int:
    """How many of ever longer choices are not too wide.

    Measuring is slow, so that each look is where the width per letter seen last says that the end should be.
    """
    low, high = 0, len(choices)
    letters = width / (_LETTER * font.get_size_in_points() / _POINTS_PER_INCH)
    while low < high:
        at = min(max(bisect_right(choices, letters, key=len) - 1, low), high - 1)
        measured = measure_text(choices[at], font)[0]
        low, high = (at + 1, high) if measured <= width else (low, at)
        letters = len(choices[at]) * width / max(measured, 1e-6)
    return low


def _write_stamps(figure: ThemedFigure, stamps: Sequence[str]) -> float:
    if not stamps:
        return 0.0
    theme, font = figure.style.theme, text_font(9.5, bold=True)
    width = figure.get_figwidth() - 2 * MARGIN
    lines = [line for stamp in stamps for line in wrap_text(f"Warning: {stamp}", font, width=width)]
    height = len(lines) * line_height(font) + 0.16
    share = height / figure.get_figheight()
    banner = Rectangle((0, 1 - share), 1, share, transform=figure.transFigure, color=theme.stamp_paper, linewidth=0)
    figure.add_artist(banner)
    for i, line in enumerate(lines):
        write_text(figure, line, left=MARGIN, top=0.08 + i * line_height(font), font=font, color=theme.stamp_ink)
    return height


def _write_lines(figure: ThemedFigure, text: str, *, top: float, font: FontProperties, color: str) -> float:
    lines = wrap_text(text, font, width=figure.get_figwidth() - 2 * MARGIN)
    for i, line in enumerate(lines):
        write_text(figure, line, left=MARGIN, top=top + i * line_height(font), font=font, color=color)
    return len(lines) * line_height(font)
