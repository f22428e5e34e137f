"""One map of one layer: points by class and dataset, class centroids with their names."""

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.font_manager import FontProperties

from latentscape.figures.headline import fit_path, fit_text, measure_text, text_font, wrap_text
from latentscape.figures.labels import Tags, write_tags
from latentscape.figures.render import plain, plain_names
from latentscape.figures.style import DPI, Style, dress_map_axes, frame_map
from latentscape.figures.words import say_method, say_trust
from latentscape.findings import DrawnMap, LatentsFindings
from latentscape.maps.latent_map import LatentMap
from latentscape.shapes import Points

CENTROID_SIZE = 10.0
"""Diameter in points."""
MAX_TAG_WIDTH = 1.5
"""Inches; a longer class name is cut on the map and stands whole in the legend."""
X_LABEL = 0.24
"""Inches below the panel that its axis name takes."""
PORTIONS = 8
"""Points are drawn in so many mixed portions, so that no dataset lies on top of all others."""


def draw_panel(axes: Axes, findings: LatentsFindings, drawn: DrawnMap, *, layer: str, style: Style) -> None:
    """Draw the points, then the centroid and the name of every class that has samples."""
    xy = drawn.latent_map.xy
    dress_map_axes(axes, style)
    frame_map(axes, xy)
    _draw_points(axes, findings, xy, style=style)
    _draw_centroids(axes, findings, xy, style=style)
    _write_header(axes, drawn, layer=layer, style=style)
    _write_below(axes, drawn.latent_map, style=style)


def notice_lines(latent_map: LatentMap, *, width: float) -> list[str]:
    """The map's notice in lines of so many inches; none for a map without a notice."""
    return wrap_text(plain(latent_map.notice, limit=200), text_font(8.0), width=width)


def point_colors(findings: LatentsFindings, style: Style) -> np.ndarray:
    """The color of each sample: its class's, or muted where the class is unknown."""
    colors = [style.class_color(name, i) for i, name in enumerate(findings.class_names)]
    return np.array([*colors, style.theme.muted], dtype=object)[findings.labels]


def _draw_points(axes: Axes, findings: LatentsFindings, xy: Points, *, style: Style) -> None:
    n, colors = len(xy), point_colors(findings, style)
    # A fixed shuffle: it only decides which of two overlapping points is seen.
    shuffled = np.random.default_rng(0).permutation(n)
    look = {"s": _point_area(n), "alpha": _opacity(n), "linewidths": 0.4 if n <= 1000 else 0.15}
    for rows in np.array_split(shuffled, PORTIONS):
        for dataset, name in enumerate(findings.dataset_names):
            own = rows[findings.dataset_ids[rows] == dataset]
            marker = style.dataset_marker(name, dataset)
            axes.scatter(*xy[own].T, c=list(colors[own]), marker=marker, edgecolors=style.theme.panel, zorder=2, **look)


def _point_area(n: int) -> float:
    """Square points: fewer samples are drawn larger."""
    return float(np.clip(30 * (200 / max(n, 1)) ** 0.5, 6, 60))


def _opacity(n: int) -> float:
    return float(np.clip(0.9 - 0.15 * np.log10(max(n, 1) / 200), 0.6, 0.9))


def _draw_centroids(axes: Axes, findings: LatentsFindings, xy: Points, *, style: Style) -> None:
    present = np.flatnonzero(np.bincount(findings.labels[findings.labels >= 0], minlength=len(findings.class_names)))
    centroids = _centroids(findings, xy, present)
    names, font = plain_names(findings.class_names), text_font(8.0)
    colors = [style.class_color(findings.class_names[i], int(i)) for i in present]
    axes.scatter(*centroids.T, s=CENTROID_SIZE**2, c=colors, edgecolors=style.theme.ink, linewidths=1.3, zorder=8)
    texts = [fit_text(names[i], font, width=MAX_TAG_WIDTH) for i in present]
    write_tags(axes, Tags(xy=centroids, texts=texts, colors=colors, font=font), points=xy, theme=style.theme)


def _centroids(findings: LatentsFindings, xy: Points, present: np.ndarray) -> Float[np.ndarray, "present 2"]:
    return np.array([xy[findings.labels == label].mean(axis=0) for label in present]).reshape(-1, 2)


def _write_header(axes: Axes, drawn: DrawnMap, *, layer: str, style: Style) -> None:
    """Above the panel: on the right what the map is worth, on the left, in the room that is left, what it shows."""
    bold, small = text_font(9.5, bold=True), text_font(8.0)
    trust = say_trust(drawn)
    width = axes.get_window_extent().width / DPI - measure_text(trust, small)[0] - 0.15
    suffix = f" · {say_method(drawn.latent_map.method)}"
    name = fit_path(plain(layer, limit=120), bold, width=max(width - measure_text(suffix, bold)[0], 0.3))
    _write_beside(axes, f"{name}{suffix}", x=0.0, font=bold, color=style.theme.ink)
    _write_beside(axes, trust, x=1.0, font=small, color=style.theme.muted)


def _write_beside(axes: Axes, text: str, *, x: float, font: FontProperties, color: str) -> None:
    """On the line above the panel, at its left (x = 0) or right (x = 1) end."""
    axes.annotate(
        text, (x, 1.0), xytext=(0.0, 5.0), xycoords="axes fraction", textcoords="offset points", fontproperties=font,
        color=color, ha="right" if x else "left", va="baseline",
    )  # fmt: skip


def _write_below(axes: Axes, latent_map: LatentMap, *, style: Style) -> None:
    """Axis names, and under them the map's notice."""
    name, small, muted = say_method(latent_map.method), text_font(8.0), style.theme.muted
    axes.set_xlabel(f"{name} 1", labelpad=3, fontproperties=small, color=muted)
    axes.set_ylabel(f"{name} 2", labelpad=3, fontproperties=small, color=muted)
    lines = "\n".join(notice_lines(latent_map, width=axes.get_window_extent().width / DPI))
    axes.annotate(
        lines, (0.0, 0.0), xytext=(0.0, -72 * X_LABEL), xycoords="axes fraction", textcoords="offset points",
        fontproperties=small, color=style.theme.ink, ha="left", va="top", linespacing=1.25,
    )  # fmt: skip
