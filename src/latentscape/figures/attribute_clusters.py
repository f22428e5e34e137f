"""Do documents that share an attribute lie together? Purity against chance, value by value, and how far values are."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from latentscape.figures.headline import MARGIN, measure_text, text_font
from latentscape.figures.inches import open_figure, place_axes
from latentscape.figures.layer_axis import LINEAR_COLORS, OTHER_COLORS
from latentscape.figures.legend_row import Mark, measure_legend_row, write_legend_row
from latentscape.figures.place_words import (
    LEAST_VALUES,
    choose_detail,
    excess,
    lies_together,
    list_missing_places,
    name_places,
    say_beside,
    say_places,
)
from latentscape.figures.score_rows import (
    AXIS,
    Dots,
    Header,
    draw_dots,
    draw_ticks,
    dress_rows,
    fit_row_names,
    measure_header,
    measure_names,
    measure_notes,
    wrap_notes,
    write_beside,
    write_header,
    write_names,
    write_notes,
)
from latentscape.figures.style import Style, ThemedFigure, themed
from latentscape.figures.value_matrix import blues, draw_cells, ink_on, name_cells, write_cell
from latentscape.figures.words import say_method, say_number
from latentscape.findings import EmbeddingsFindings
from latentscape.measures.attribute_places import AttributePlaces, ValuePlace

MOST_ATTRIBUTES, MOST_VALUES = 14, 30
ROW, PANEL, SIDE, GAP, PART_GAP = 0.42, 4.2, 2.7, 0.75, 0.3
LARGEST_CELL, SMALLEST_CELL, MATRIX = 0.42, 0.18, 4.6
"""Inches of the rows of the lower part, and about the side of its matrix."""
WITH_VALUE = 0.3
"""Inches of a cell in which a number can be read."""
BAR_GAP, BAR, BAR_TEXT = 0.12, 0.14, 0.6
MAP_MARKERS = ("D", "s", "^", "v")
RISE, MAP_DROPS = -0.2, (0.06, 0.22, 0.34, 0.42)
"""Rows between the middle of a row and the dots in it."""
SUBTITLE = (
    "Purity: share of a document's nearest documents, by cosine, with the same value; strokes are 95% intervals, "
    "short upright lines are chance. Near copies of a text raise it, too."
)


@dataclass(frozen=True, kw_only=True)
class _Detail:
    """One attribute's values in the order in which they are drawn; sizes in inches."""

    places: AttributePlaces
    values: Sequence[ValuePlace]
    names: Sequence[str]
    distances: Float[np.ndarray, "value value"] | None
    row: float
    below: float

    @property
    def height(self) -> float:
        return self.row * len(self.values)

    @property
    def matrix_width(self) -> float:
        return 0.0 if self.distances is None else GAP + self.height + BAR_GAP + BAR + BAR_TEXT


def draw_attribute_clusters(findings: EmbeddingsFindings, style: Style) -> Figure | None:
    """All attributes, then the values of one; None where no attribute's places were measured."""
    if not findings.places:
        return None
    with themed(style):
        shown = sorted(findings.places, key=excess, reverse=True)[:MOST_ATTRIBUTES]
        chosen = choose_detail(findings.places)
        detail = None if chosen is None else _plan_detail(chosen)
        names = fit_row_names([each.attribute for each in shown])
        room = max(measure_names(names), measure_names(_name_values(detail)))
        width = 2 * MARGIN + room + max(PANEL + SIDE, PANEL + detail.matrix_width if detail else 0.0)
        marks = _list_marks(shown, style)
        legend, above = measure_legend_row(marks, width=width - 2 * MARGIN), _overview_header(len(findings.places))
        upper = measure_header([(above, PANEL + SIDE)])
        notes = wrap_notes(_list_notes(findings, chosen), width=width - 2 * MARGIN)
        overview = upper + ROW * len(shown) + AXIS
        lower = PART_GAP + _measure_detail(detail) if detail else 0.0
        figure, top = open_figure(
            style, say_places(findings.places), subtitle=SUBTITLE, stamps=findings.model.stamps, width=width,
            below=legend + overview + lower + measure_notes(notes),
        )  # fmt: skip
        write_legend_row(figure, marks, left=MARGIN, top=top, width=width - 2 * MARGIN)
        top, left = top + legend, MARGIN + room
        write_header(figure, above, left=left, top=top, width=PANEL + SIDE)
        _draw_overview(figure, shown, names=names, left=left, top=top + upper, tried=len(findings.places))
        top += overview
        if detail:
            _draw_detail(figure, detail, left=left, top=top + PART_GAP)
        write_notes(figure, notes, top=top + lower)
    return figure


def _overview_header(n: int) -> Header:
    times = f"p × {n}" if n > 1 else "p"
    return Header(heading="All attributes", reading=f"mean purity; hollow: may be chance ({times} > 0.05)")


def _plan_detail(places: AttributePlaces) -> _Detail:
    """The most frequent values, in the order that puts near ones side by side where it is known."""
    most = np.sort(np.argsort([-value.n for value in places.values], kind="stable")[:MOST_VALUES])
    rows = most if places.order is None else places.order[np.isin(places.order, most)]
    values = [places.values[i] for i in rows]
    names, row = fit_row_names([value.value for value in values]), _choose_row(len(values))
    matrix = _choose_matrix(places, rows)
    upright = max(measure_text(name, text_font(8.0))[0] for name in names) + 0.12
    return _Detail(places=places, values=values, names=names, distances=matrix, row=row,
                   below=max(AXIS, upright if matrix is not None else 0.0))  # fmt: skip


def _choose_row(n: int) -> float:
    return min(max(MATRIX / n, SMALLEST_CELL), LARGEST_CELL)


def _choose_matrix(places: AttributePlaces, rows: Int[np.ndarray, " row"]) -> Float[np.ndarray, "row row"] | None:
    """Distances of the centers in the order of the rows, without each one's own."""
    if places.distances is None or len(rows) < LEAST_VALUES:
        return None
    matrix = places.distances[np.ix_(rows, rows)].astype(np.float64)
    np.fill_diagonal(matrix, np.nan)
    return matrix


def _name_values(detail: _Detail | None) -> list[str]:
    """Names with their counts, as they stand left of the rows."""
    if detail is None:
        return []
    return [f"{name} ({value.n:,})" for name, value in zip(detail.names, detail.values, strict=True)]


def _value_headers(detail: _Detail) -> tuple[Header, Header]:
    reading = "purity of each value and its documents; line: mean of all, dotted: chance"
    return (
        Header(heading=f"By {name_places(detail.places)}", reading=reading),
        Header(heading="Between centers", reading="cosine distance, in an order that puts near ones side by side"),
    )


def _measure_detail(detail: _Detail) -> float:
    purity, matrix = _value_headers(detail)
    headers = [(purity, PANEL), *([(matrix, detail.height + 0.9)] if detail.distances is not None else [])]
    return measure_header(headers) + detail.height + detail.below


def _list_marks(places: Sequence[AttributePlaces], style: Style) -> list[Mark]:
    blue, theme = LINEAR_COLORS[style.dark], style.theme
    own = Mark(text="in the embeddings", color=blue, edge=blue, line="-")
    chance = Mark(text="chance", color=theme.muted, edge=theme.muted, marker="|", size=11.0)
    color = OTHER_COLORS[style.dark]
    maps = [
        Mark(text=f"on the {say_method(method)} map", color=color, edge=color, marker=marker, size=4.5)
        for method, marker in zip(_list_methods(places), MAP_MARKERS, strict=False)
    ]
    return [own, *maps, chance]


def _list_methods(places: Sequence[AttributePlaces]) -> list[str]:
    return list(dict.fromkeys(method for each in places for method in each.map_purity))


def _draw_overview(
    figure: ThemedFigure,
    places: Sequence[AttributePlaces],
    *,
    names: Sequence[str],
    left: float,
    top: float,
    tried: int,
) -> None:
    style, n = figure.style, len(places)
    axes = place_axes(figure, left=left, top=top, width=PANEL, height=ROW * n)
    _dress_purity(axes, n, style)
    draw_ticks(axes, np.array([each.chance for each in places], dtype=np.float64), color=style.theme.muted)
    methods = _list_methods(places)
    for method, marker, drop in zip(methods, MAP_MARKERS, MAP_DROPS, strict=False):
        scores = [each.map_purity.get(method) for each in places]
        dots = Dots(scores=scores, color=OTHER_COLORS[style.dark], marker=marker, size=3.6, drop=drop)
        draw_dots(axes, dots, style)
    hollow = np.array([not lies_together(each, tried=tried) for each in places], dtype=bool)
    scores, drop = [each.purity for each in places], RISE if methods else 0.0
    draw_dots(axes, Dots(scores=scores, color=LINEAR_COLORS[style.dark], hollow=hollow, drop=drop), style)
    write_names(figure, names, right=left, top=top, row=ROW)
    write_beside(figure, [say_beside(each) for each in places], left=left + PANEL + 0.15, top=top, row=ROW)


def _draw_detail(figure: ThemedFigure, detail: _Detail, *, left: float, top: float) -> None:
    """Purity by value, and right of it, in rows of the same height, the distances of the centers."""
    style, n = figure.style, len(detail.values)
    purity, between = _value_headers(detail)
    width = detail.height + 0.9
    header = measure_header([(purity, PANEL), *([(between, width)] if detail.distances is not None else [])])
    write_header(figure, purity, left=left, top=top, width=PANEL)
    axes = place_axes(figure, left=left, top=top + header, width=PANEL, height=detail.height)
    _dress_purity(axes, n, style)
    mean = detail.places.purity.value
    if mean is not None:
        axes.axvline(mean, color=style.theme.muted, linewidth=1.0, zorder=2)
    axes.axvline(detail.places.chance, color=style.theme.muted, linewidth=1.0, linestyle=(0, (2, 2)), zorder=2)
    size = min(5.2, 72 * detail.row * 0.3)
    draw_dots(axes, Dots(scores=[v.purity for v in detail.values], color=LINEAR_COLORS[style.dark], size=size), style)
    write_names(figure, _name_values(detail), right=left, top=top + header, row=detail.row)
    if detail.distances is not None:
        at = left + PANEL + GAP
        write_header(figure, between, left=at, top=top, width=width)
        _draw_matrix(figure, detail, left=at, top=top + header)


def _draw_matrix(figure: ThemedFigure, detail: _Detail, *, left: float, top: float) -> None:
    distances, style, side = detail.distances, figure.style, detail.height
    if distances is None:
        return
    axes = place_axes(figure, left=left, top=top, width=side, height=side)
    known = distances[np.isfinite(distances)]
    span = (0.0, float(known.max(initial=0.0)) or 1.0)
    image = draw_cells(axes, distances, colors=blues(style), span=span, style=style)
    name_cells(axes, rows=[], columns=detail.names, font=text_font(8.0), upright=True, style=style)
    bar = place_axes(figure, left=left + side + BAR_GAP, top=top, width=BAR, height=side)
    figure.colorbar(image, cax=bar, format=lambda at, _: say_number(at)).outline.set_visible(False)
    if detail.row < WITH_VALUE:
        return
    for row, column in np.argwhere(np.isfinite(distances)).tolist():
        value = float(distances[row, column])
        line = (say_number(value), text_font(6.5), ink_on(image, value))
        write_cell(axes, [line], row=row, column=column, height=detail.row)


def _dress_purity(axes: Axes, n: int, style: Style) -> None:
    dress_rows(axes, n, span=(-0.02, 1.02), style=style, shares=True)
    axes.set_xlabel("share of the nearest documents")


def _list_notes(findings: EmbeddingsFindings, detail: AttributePlaces | None) -> list[str]:
    """What is left out, and what could not be measured."""
    n, notes = len(findings.places), []
    if n > MOST_ATTRIBUTES:
        notes.append(f"Of {n:,} attributes the {MOST_ATTRIBUTES} farthest above chance are shown.")
    if detail is not None and len(detail.values) > MOST_VALUES:
        name, n_values = name_places(detail), len(detail.values)
        notes.append(f"Of {n_values:,} values of {name} the {MOST_VALUES} most frequent are shown.")
    return [*notes, *list_missing_places(findings.places)]
