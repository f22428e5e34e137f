"""The maps of one feature matrix side by side: one panel a method."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes

from latentscape.figures.class_legend import list_classes, list_markers, list_trust
from latentscape.figures.class_tags import MOST_TAGS, draw_place_dots, write_class_tags
from latentscape.figures.headline import MARGIN, write_headline
from latentscape.figures.inches import place_axes
from latentscape.figures.legend import Group, measure_legend, write_legend
from latentscape.figures.map_panel import LINE, footer_lines, write_panel_footer, write_panel_header
from latentscape.figures.render import plain, plain_names
from latentscape.figures.shape_markers import ShapeKey, assign_markers
from latentscape.figures.style import CLASS_COLORS, Style, ThemedFigure, dress_map_axes, frame_map, new_figure, themed
from latentscape.figures.swarm import MOST_MARKERS, TOO_MANY, Swarm, draw_swarm, where_points_are
from latentscape.figures.trust_marks import choose_faint, say_kept
from latentscape.figures.words import say_count, say_interval, say_method, say_number
from latentscape.findings import DrawnMap, MapFindings
from latentscape.measures.label_places import find_label_places

SIZES = {1: (7.2, 5.8), 2: (5.8, 4.8)}
"""Inches of a panel, by the number of panels."""
SMALLEST = (5.0, 4.4)
HEADER, FOOTER, COLUMN_GAP, LEGEND_GAP = 0.23, 0.06, 0.35, 0.35


@dataclass(frozen=True, kw_only=True)
class _Look:
    """What all panels share: the names and colors of classes, the markers, and the legend in its columns."""

    names: Sequence[str]
    colors: Sequence[str]
    """One more than names: the last is that of samples of no known class."""
    shapes: ShapeKey
    columns: Sequence[Sequence[Group]]

    @property
    def legend_width(self) -> float:
        return sum(LEGEND_GAP + measure_legend(groups)[0] for groups in self.columns)

    @property
    def legend_height(self) -> float:
        return max((measure_legend(groups)[1] for groups in self.columns), default=0.0)


def draw_feature_maps(findings: MapFindings, style: Style) -> ThemedFigure | None:
    """Every map in its own panel, the classes named where their samples are; None without maps.

    Color is the class, the marker the value of another column where one was given. Above MOST_MARKERS samples the
    points are one picture in which pixels mix colors, and there are no markers. Points whose neighborhoods a map does
    not keep are faint with a ring. Of very many classes the largest are named.
    """
    if not findings.maps:
        return None
    size = SIZES.get(len(findings.maps), SMALLEST)
    with themed(style):
        look = _choose_look(findings, style, height=size[1])
        figure, top = _open_figure(findings, look, style, size=size)
        left = MARGIN
        for drawn in findings.maps.values():
            axes = place_axes(figure, left=left, top=top + HEADER, width=size[0], height=size[1])
            _draw_panel(axes, findings, drawn, look=look, style=style)
            left += size[0] + COLUMN_GAP
        left += LEGEND_GAP - COLUMN_GAP
        for groups in look.columns:
            write_legend(figure, groups, left=left, top=top)
            left += LEGEND_GAP + measure_legend(groups)[0]
    return figure


def class_colors(findings: MapFindings, style: Style) -> list[str]:
    """The color of each class, then that of samples of no known class: with no labels at all simply the first one."""
    if findings.labels is None:
        return [CLASS_COLORS[0]]
    return [*(style.class_color(name, i) for i, name in enumerate(findings.label_names)), style.theme.muted]


def _choose_look(findings: MapFindings, style: Style, *, height: float) -> _Look:
    colors, shapes = class_colors(findings, style), _choose_shapes(findings, style)
    names = plain_names(findings.label_names)
    shown = [group for group in _legend(findings, names, colors, shapes=shapes, style=style) if group.entries]
    fits = not shown or measure_legend(shown)[1] <= HEADER + height
    columns = [shown] if fits else [shown[:1], shown[1:]]
    return _Look(names=names, colors=colors, shapes=shapes, columns=[column for column in columns if column])


def _legend(
    findings: MapFindings, names: Sequence[str], colors: Sequence[str], *, shapes: ShapeKey, style: Style
) -> list[Group]:
    theme, labels = style.theme, findings.labels
    classes = [] if labels is None else list_classes(labels, names=names, colors=colors, theme=theme)
    marked = any(choose_faint(drawn.trust, style).any() for drawn in findings.maps.values())
    return [
        Group(heading=plain(findings.label_column, limit=30) or "Class", entries=classes),
        Group(heading=plain(findings.shape_column, limit=30) or "Marker", entries=list_markers(shapes, theme=theme)),
        Group(heading="Trust", entries=list_trust(marked=marked, theme=theme)),
    ]


def _choose_shapes(findings: MapFindings, style: Style) -> ShapeKey:
    n = len(findings.rows)
    return assign_markers(None if n > MOST_MARKERS else findings.shapes, findings.shape_names, n=n, style=style)


def _open_figure(
    findings: MapFindings, look: _Look, style: Style, *, size: tuple[float, float]
) -> tuple[ThemedFigure, float]:
    """A figure just large enough, with its headline, and the inches from its top to the panels' headers."""
    n_lines = max(len(_footer(drawn, style, width=size[0])) for drawn in findings.maps.values())
    panels = len(findings.maps) * (size[0] + COLUMN_GAP) - COLUMN_GAP
    width = MARGIN + panels + look.legend_width + MARGIN
    below = max(HEADER + size[1] + FOOTER + n_lines * LINE, look.legend_height)
    # The headline is as high as its words need at this width: a draft tells how high that is.
    top = _write_headline(new_figure(style, width=width, height=1.0), findings, look=look)
    figure = new_figure(style, width=width, height=top + below + MARGIN)
    return figure, _write_headline(figure, findings, look=look)


def _write_headline(figure: ThemedFigure, findings: MapFindings, *, look: _Look) -> float:
    methods = ", ".join(say_method(method) for method in findings.maps)
    title = say_kept(findings.maps) or f"{say_count(len(findings.rows), 'sample')}, drawn by {methods}"
    return write_headline(figure, title, subtitle=_subtitle(findings, look))


def _subtitle(findings: MapFindings, look: _Look) -> str:
    n, left_out = len(findings.rows), findings.accounting.n_in - findings.accounting.n_ok
    sentences = [
        f"{say_count(n, 'sample')} of {plain(findings.source, limit=80)}, {say_count(findings.n_features, 'feature')}, "
        f"{findings.metric} distance.",
        f"{left_out:,} of {findings.accounting.n_in:,} rows were left out." if left_out else "",
        f"{findings.n_kinds:,} rows are distinct; equal ones share a place." if findings.n_kinds < n else "",
        _say_graph(findings),
        _say_encoding(findings, look),
        "A map has no units: only near and far within one map mean anything.",
    ]
    return " ".join(sentence for sentence in sentences if sentence)


def _say_graph(findings: MapFindings) -> str:
    if findings.graph_recall >= 1:
        return ""
    return f"Neighbors were searched approximately and {100 * findings.graph_recall:.1f}% of them found."


def _say_encoding(findings: MapFindings, look: _Look) -> str:
    """What color and marker mean, and what can't be shown of them."""
    n, words = len(findings.rows), []
    n_classes = 0 if findings.labels is None else len(np.unique(findings.labels[findings.labels >= 0]))
    if findings.labels is not None:
        words += [f"Color: {plain(findings.label_column, limit=30) or 'class'}."]
    if n_classes > MOST_TAGS:
        words += [f"Of {n_classes:,} classes the {MOST_TAGS} largest are named; many colors are alike."]
    if findings.shapes is not None and n > MOST_MARKERS:
        words += [TOO_MANY]
    elif findings.shapes is not None:
        words += [f"Marker: {plain(findings.shape_column, limit=30) or 'shape'}."]
    elif n > MOST_MARKERS and findings.labels is not None:
        words += ["Each pixel mixes the colors of its points."]
    if look.shapes.n_sharing:
        words += [f"{look.shapes.n_sharing:,} of its values share one marker."]
    return " ".join(words)


def _draw_panel(axes: Axes, findings: MapFindings, drawn: DrawnMap, *, look: _Look, style: Style) -> None:
    xy = drawn.latent_map.xy
    dress_map_axes(axes, style)
    frame_map(axes, xy)
    no_class = np.full(len(xy), -1)
    swarm = Swarm(
        xy=xy,
        colors=look.colors,
        classes=no_class if findings.labels is None else findings.labels,
        markers=look.shapes.markers,
        shapes=look.shapes.shapes,
        faint=choose_faint(drawn.trust, style),
    )
    draw_swarm(axes, swarm, style)
    if findings.labels is not None:
        places, points = find_label_places(xy, findings.labels), where_points_are(axes, swarm)
        draw_place_dots(axes, places, colors=look.colors, style=style)
        write_class_tags(axes, places, names=look.names, colors=look.colors, points=points, style=style)
    write_panel_header(axes, drawn, name=say_method(drawn.latent_map.method), style=style)
    lines = _footer(drawn, style, width=axes.get_window_extent().width / axes.figure.dpi)
    write_panel_footer(axes, lines, below=FOOTER, style=style)


def _footer(drawn: DrawnMap, style: Style, *, width: float) -> list[str]:
    score = drawn.trust.scores.get("trustworthiness")
    if score is None or score.value is None:
        return footer_lines(drawn, style, width=width)
    # It is often above 0.99, where two decimals would say that it is 1.
    told = f"trustworthiness {say_number(score.value, digits=3)} {say_interval(score, digits=3)}".rstrip()
    return footer_lines(drawn, style, width=width, more=(told,))
