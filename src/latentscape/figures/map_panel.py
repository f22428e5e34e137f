"""What every panel with a map says: above it what it shows and is worth, below it how it was made."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.font_manager import FontProperties

from latentscape.figures.headline import fit_path, fit_text, measure_text, text_font, wrap_text
from latentscape.figures.render import plain
from latentscape.figures.style import DPI, Style
from latentscape.figures.trust_marks import say_marked
from latentscape.figures.words import list_settings, say_trust
from latentscape.findings import DrawnMap

LINE = 0.155
"""Inches from one line below the panel to the next."""
_SMALL = 8.0


def write_panel_header(axes: Axes, drawn: DrawnMap, *, name: str, suffix: str = "", style: Style) -> None:
    """Above the panel: on the right what the map is worth, on the left, in the room that is left, what it shows."""
    bold, small = text_font(9.5, bold=True), text_font(_SMALL)
    trust = say_trust(drawn)
    width = axes.get_window_extent().width / DPI - measure_text(trust, small)[0] - 0.15
    name = fit_path(plain(name, limit=120), bold, width=max(width - measure_text(suffix, bold)[0], 0.3))
    _write_beside(axes, f"{name}{suffix}", x=0.0, font=bold, color=style.theme.ink)
    _write_beside(axes, trust, x=1.0, font=small, color=style.theme.muted)


def footer_lines(drawn: DrawnMap, style: Style, *, width: float, more: Sequence[str] = ()) -> list[str]:
    """What stands below a panel of so many inches: settings and `more`, weak points, and the map's notice."""
    font = text_font(_SMALL)
    said = [say_marked(drawn.trust, style), plain(drawn.latent_map.notice, limit=200)]
    lines = _join([*list_settings(drawn.latent_map), *more], font, width=width)
    return lines + [line for words in said for line in wrap_text(words, font, width=width)]


def _join(items: Sequence[str], font: FontProperties, *, width: float) -> list[str]:
    """The items in lines of at most `width` inches, none of them broken unless it alone is wider."""
    lines: list[str] = []
    for item in items:
        longer = f"{lines[-1]} · {item}" if lines else item
        if lines and measure_text(longer, font)[0] <= width:
            lines[-1] = longer
        else:
            lines.append(fit_text(item, font, width=width))
    return lines


def write_panel_footer(axes: Axes, lines: list[str], *, below: float, style: Style) -> None:
    """The lines of `footer_lines`, from so many inches below the panel."""
    axes.annotate(
        "\n".join(lines), (0.0, 0.0), xytext=(0.0, -72 * below), xycoords="axes fraction", textcoords="offset points",
        fontproperties=text_font(_SMALL), color=style.theme.muted, ha="left", va="top",
        linespacing=72 * LINE / _SMALL / 1.2,
    )  # fmt: skip


def _write_beside(axes: Axes, text: str, *, x: float, font: FontProperties, color: str) -> None:
    """On the line above the panel, at its left (x = 0) or right (x = 1) end."""
    axes.annotate(
        text, (x, 1.0), xytext=(0.0, 5.0), xycoords="axes fraction", textcoords="offset points", fontproperties=font,
        color=color, ha="right" if x else "left", va="baseline",
    )  # fmt: skip
