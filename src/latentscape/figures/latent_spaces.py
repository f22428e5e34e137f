"""The maps of all layers side by side: how classes and datasets lie in what the model computes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from latentscape.figures.class_legend import list_classes, list_markers, list_trust
from latentscape.figures.class_tags import MOST_TAGS
from latentscape.figures.headline import (
    MARGIN,
    fit_path,
    fit_text,
    line_height,
    measure_text,
    text_font,
    write_headline,
    write_text,
)
from latentscape.figures.inches import place_axes
from latentscape.figures.latent_panel import CENTROID_SIZE, X_LABEL, choose_markers, class_colors, draw_panel
from latentscape.figures.legend import Entry, Group, measure_legend, write_legend
from latentscape.figures.map_panel import LINE, footer_lines
from latentscape.figures.profile_words import say_class_read
from latentscape.figures.render import plain, plain_names
from latentscape.figures.style import Style, ThemedFigure, new_figure, say_nothing_here, themed
from latentscape.figures.swarm import MOST_MARKERS, TOO_MANY
from latentscape.figures.trust_marks import choose_faint, say_low_trust
from latentscape.figures.words import (
    say_accuracy,
    say_certainty,
    say_method,
    say_relation,
    say_strongest_relation,
)
from latentscape.findings import DrawnMap, LatentsFindings, LayerFindings
from latentscape.measures.label_places import find_label_places

METHODS = ("tsne", "umap")
CAUTION = "A map has no units: only near and far within one map mean anything."
Y_LABEL, ROW_HEADER, PANEL_HEADER = 0.22, 0.44, 0.23
COLUMN_GAP, ROW_GAP, LEGEND_GAP = 0.42, 0.3, 0.35


@dataclass(frozen=True, kw_only=True)
class _Grid:
    """Sizes in inches, the left and top edges of what the headline leaves."""

    methods: Sequence[str]
    n_rows: int
    panel_width: float
    panel_height: float
    footer_lines: int

    @property
    def row_height(self) -> float:
        return ROW_HEADER + PANEL_HEADER + self.panel_height + X_LABEL + self.footer_lines * LINE

    @property
    def width(self) -> float:
        return Y_LABEL + len(self.methods) * (self.panel_width + COLUMN_GAP) - COLUMN_GAP

    @property
    def height(self) -> float:
        return self.n_rows * (self.row_height + ROW_GAP) - ROW_GAP


def draw_latent_spaces(findings: LatentsFindings, style: Style) -> ThemedFigure | None:
    """Layers (rows) by map methods (columns); None where no map was made.

    Color is the true class, the marker its dataset. Large outlined dots are the classes' centroids on the map, named
    without overlaps.
    """
    methods = _choose_methods(findings.layers)
    if not methods:
        return None
    with themed(style):
        grid, groups = _plan(findings, methods, style), _legend(findings, style)
        figure, top = _open_figure(findings, style, grid=grid, groups=groups)
        write_legend(figure, groups, left=MARGIN + grid.width + LEGEND_GAP, top=top)
        for row, layer in enumerate(findings.layers):
            _draw_row(figure, findings, layer, grid=grid, top=top + row * (grid.row_height + ROW_GAP))
    return figure


def _choose_methods(layers: Sequence[LayerFindings]) -> list[str]:
    """t-SNE and UMAP where they were made; other methods only where neither was."""
    made = sorted({method for layer in layers for method in layer.maps})
    return [method for method in METHODS if method in made] or made


def _plan(findings: LatentsFindings, methods: Sequence[str], style: Style) -> _Grid:
    width, height = (4.4, 3.5) if len(methods) > 1 else (6.0, 4.4)
    drawn = [layer.maps[method] for layer in findings.layers for method in methods if method in layer.maps]
    return _Grid(
        methods=methods,
        n_rows=len(findings.layers),
        panel_width=width,
        panel_height=height,
        footer_lines=max(len(footer_lines(each, style, width=width)) for each in drawn),
    )


def _legend(findings: LatentsFindings, style: Style) -> list[Group]:
    """Classes and datasets, then what else is drawn."""
    theme, names = style.theme, plain_names(findings.class_names)
    classes = list_classes(findings.labels, names=names, colors=class_colors(findings, style), theme=theme)
    trusts = [drawn.trust for layer in findings.layers for drawn in layer.maps.values()]
    marked = any(choose_faint(trust, style).any() for trust in trusts)
    centroid = Entry(text="class centroid", color=theme.paper, edge=theme.ink, size=CENTROID_SIZE)
    groups = [
        Group(heading="True class", entries=classes),
        Group(heading="Dataset", entries=list_markers(choose_markers(findings, style), theme=theme)),
        Group(heading="On the map", entries=[centroid, *list_trust(marked=marked, theme=theme)]),
    ]
    return [group for group in groups if group.entries]


def _open_figure(
    findings: LatentsFindings, style: Style, *, grid: _Grid, groups: Sequence[Group]
) -> tuple[ThemedFigure, float]:
    """A figure just large enough, with its headline, and the inches from its top to the first row."""
    legend_width, legend_height = measure_legend(groups)
    width = MARGIN + grid.width + LEGEND_GAP + legend_width + MARGIN
    # The headline is as high as its words need at this width: a draft tells how high that is.
    top = _write_headline(new_figure(style, width=width, height=1.0), findings)
    figure = new_figure(style, width=width, height=top + max(grid.height, legend_height) + MARGIN)
    return figure, _write_headline(figure, findings)


def _write_headline(figure: ThemedFigure, findings: LatentsFindings) -> float:
    maps = {
        f"{plain(layer.title)} · {say_method(method)}": layer.maps[method]
        for layer in findings.layers
        for method in _choose_methods(findings.layers)
        if method in layer.maps
    }
    sentences = [say_accuracy(findings.scores), say_strongest_relation(findings.layers), say_low_trust(maps)]
    title = "\n".join(sentence for sentence in sentences if sentence) or "What each layer tells apart"
    return write_headline(figure, title, subtitle=_subtitle(findings, maps), stamps=findings.model.stamps)


def _subtitle(findings: LatentsFindings, maps: Mapping[str, DrawnMap]) -> str:
    """What is drawn how, and what can't be drawn."""
    labels = findings.labels
    moved = any(find_label_places(drawn.latent_map.xy, labels).moved.any() for drawn in maps.values())
    n_classes = len(np.unique(labels[labels >= 0]))
    sentences = [
        f"Color: true class. {_say_markers(findings)}",
        "Large outlined dots: class centroids on the map.",
        "A name points to its class's densest place where the centroid lies outside of the class." if moved else "",
        f"Of {n_classes:,} classes the {MOST_TAGS} largest are named." if n_classes > MOST_TAGS else "",
        CAUTION,
    ]
    return " ".join(sentence for sentence in sentences if sentence)


def _say_markers(findings: LatentsFindings) -> str:
    if len(findings.labels) > MOST_MARKERS:
        return TOO_MANY
    return "Marker: dataset." if findings.has_datasets else ""


def _draw_row(
    figure: ThemedFigure, findings: LatentsFindings, layer: LayerFindings, *, grid: _Grid, top: float
) -> None:
    _write_row_header(figure, layer, width=grid.width - Y_LABEL, top=top)
    for column, method in enumerate(grid.methods):
        axes = place_axes(
            figure,
            left=MARGIN + Y_LABEL + column * (grid.panel_width + COLUMN_GAP),
            top=top + ROW_HEADER + PANEL_HEADER,
            width=grid.panel_width,
            height=grid.panel_height,
        )
        if method in layer.maps:
            draw_panel(axes, findings, layer.maps[method], layer=layer.title, style=figure.style)
        else:
            say_nothing_here(axes, f"no {say_method(method)} map of this layer", figure.style)


def _write_row_header(figure: ThemedFigure, layer: LayerFindings, *, width: float, top: float) -> None:
    theme, bold, small = figure.style.theme, text_font(11.0, bold=True), text_font(8.5)
    relation = f": {_say_finding(layer)}"
    name = fit_path(plain(layer.title, limit=120), bold, width=width - measure_text(relation, bold)[0])
    details = "; ".join([f"{layer.n_features:,} features", *_list_certainties(layer)])
    left = MARGIN + Y_LABEL
    write_text(figure, name + relation, left=left, top=top, font=bold, color=theme.ink)
    top += line_height(bold)
    write_text(figure, fit_text(details, small, width=width), left=left, top=top, font=small, color=theme.muted)


def _say_finding(layer: LayerFindings) -> str:
    """Whether its distances go with the confusion; where there are too few classes for that, how well it is read."""
    score = layer.confusion.spearman
    return (score.value is None and say_class_read(layer)) or say_relation(score)


def _list_certainties(layer: LayerFindings) -> list[str]:
    score = layer.confusion.spearman
    return [] if score.value is None and say_class_read(layer) else [say_certainty(score)]
