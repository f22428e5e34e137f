"""One map of one layer: points by class and dataset, class centroids, and the names of classes where they belong."""

import numpy as np
from matplotlib.axes import Axes

from latentscape.figures.class_tags import write_class_tags
from latentscape.figures.headline import text_font
from latentscape.figures.map_panel import footer_lines, write_panel_footer, write_panel_header
from latentscape.figures.render import plain_names
from latentscape.figures.shape_markers import ShapeKey, assign_markers
from latentscape.figures.style import DPI, Style, dress_map_axes, frame_map
from latentscape.figures.swarm import MOST_MARKERS, Swarm, draw_swarm, where_points_are
from latentscape.figures.trust_marks import choose_faint
from latentscape.figures.words import say_method
from latentscape.findings import DrawnMap, LatentsFindings
from latentscape.measures.label_places import find_label_places

CENTROID_SIZE = 10.0
"""Diameter in points."""
CLEARANCE = 13.0
"""Pixels around each centroid that no name covers."""
X_LABEL = 0.24
"""Inches below the panel that its axis name takes."""


def draw_panel(axes: Axes, findings: LatentsFindings, drawn: DrawnMap, *, layer: str, style: Style) -> None:
    """Draw the points, the centroid of every class that has samples, and the names of the largest of them."""
    xy, colors = drawn.latent_map.xy, class_colors(findings, style)
    dress_map_axes(axes, style)
    frame_map(axes, xy)
    key = choose_markers(findings, style)
    swarm = Swarm(
        xy=xy,
        colors=colors,
        classes=findings.labels,
        markers=key.markers,
        shapes=key.shapes,
        faint=choose_faint(drawn.trust, style),
    )
    draw_swarm(axes, swarm, style)
    _draw_centroids(axes, findings, swarm, style=style)
    write_panel_header(axes, drawn, name=layer, suffix=f" · {say_method(drawn.latent_map.method)}", style=style)
    _write_below(axes, drawn, style=style)


def class_colors(findings: LatentsFindings, style: Style) -> list[str]:
    """The color of each class, then that of samples of unknown class."""
    return [*(style.class_color(name, i) for i, name in enumerate(findings.class_names)), style.theme.muted]


def choose_markers(findings: LatentsFindings, style: Style) -> ShapeKey:
    """The marker of each dataset; all alike where there is one only, or too many points for markers."""
    n = len(findings.labels)
    datasets = findings.dataset_ids if findings.has_datasets and n <= MOST_MARKERS else None
    return assign_markers(datasets, findings.dataset_names, n=n, style=style)


def _draw_centroids(axes: Axes, findings: LatentsFindings, swarm: Swarm, *, style: Style) -> None:
    places, colors = find_label_places(swarm.xy, findings.labels), swarm.colors
    own = np.array(colors)[places.classes].tolist()
    axes.scatter(*places.centroids.T, s=CENTROID_SIZE**2, c=own, edgecolors=style.theme.ink, linewidths=1.3, zorder=8)
    names, points = plain_names(findings.class_names), where_points_are(axes, swarm)
    write_class_tags(axes, places, names=names, colors=colors, points=points, style=style, centroid_clearance=CLEARANCE)


def _write_below(axes: Axes, drawn: DrawnMap, *, style: Style) -> None:
    """Axis names, and under them how the map was made."""
    name, small, muted = say_method(drawn.latent_map.method), text_font(8.0), style.theme.muted
    axes.set_xlabel(f"{name} 1", labelpad=3, fontproperties=small, color=muted)
    axes.set_ylabel(f"{name} 2", labelpad=3, fontproperties=small, color=muted)
    lines = footer_lines(drawn, style, width=axes.get_window_extent().width / DPI)
    write_panel_footer(axes, lines, below=X_LABEL, style=style)
