"""The interactive map of one feature matrix."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from latentscape.figures.class_tags import choose_tagged
from latentscape.figures.feature_maps import class_colors
from latentscape.figures.render import cut
from latentscape.figures.shape_markers import ShapeKey, assign_markers
from latentscape.figures.style import DATASET_MARKERS, Style
from latentscape.figures.trust_marks import choose_faint
from latentscape.figures.words import say_method
from latentscape.findings import DrawnMap, MapFindings
from latentscape.measures.label_places import find_label_places
from latentscape.pages.escape import clean_text, escape_hover, wrap_hover
from latentscape.pages.map_page import Cloud, Landmark, MapPage, Switch, SwitchGroup, render_map_page
from latentscape.pages.map_words import (
    describe_map,
    describe_settings,
    describe_size,
    describe_trust_here,
    explain_trust,
    name_of,
    pick,
    warn_of_low_trust,
)
from latentscape.pages.page_sample import choose_points, say_choice
from latentscape.pages.spelled import list_spelled
from latentscape.pages.symbols import CIRCLE, GRAY, SYMBOLS
from latentscape.pages.trust_switch import explain_marks, switch_trust
from latentscape.pages.words import count
from latentscape.shapes import Flags, Labels, Rows

MOST_LETTERS = 80
"""Of a name in the legend; hover labels have more of it."""
MOST_CLOUDS = 400
"""Kinds of points, by class and marker, that a browser still draws quickly; with more, all have one marker."""
DOT = 9
"""Pixels of the dot that a class's name points to."""


@dataclass(frozen=True, kw_only=True)
class _Look:
    """Class, marker and trust of every sample, and how each class looks."""

    classes: Labels
    names: Sequence[str]
    colors: Sequence[str]
    """One more than names: the last is that of samples of no known class."""
    key: ShapeKey
    faint: Flags


def render_feature_map(findings: MapFindings, *, method: str, style: Style) -> str:
    """The page of one map: color is the class, shape another column, faint what the map does not keep.

    Of more than 50,000 samples a random choice is shown, by class. Raises UsageError if there is no map by that method.
    """
    drawn = pick(findings.maps, method, what="map")
    look, n = _choose_look(findings, drawn, style), len(findings.rows)
    shown = choose_points(look.classes)
    headline = f"{count(n, 'sample')} of {findings.source}, drawn by {say_method(method)}"
    grouped_by = "" if findings.labels is None else findings.label_column or "class"
    caption = [
        "Each point is one sample, placed so that samples with similar features lie close together.",
        explain_trust(drawn, source="the features"),
        explain_marks(drawn.trust, style),
        say_choice(len(shown), n, groups=grouped_by),
        f"So many classes leave no markers for {findings.shape_column or 'shapes'}." if _is_crowded(findings) else "",
    ]
    return render_map_page(
        MapPage(
            title=f"{findings.source} · {say_method(method)} · {describe_size(n, drawn)}",
            headline=headline + warn_of_low_trust(drawn),
            caption=" ".join(sentence for sentence in caption if sentence),
            facts={**describe_map(n, drawn), **_describe_data(findings)},
            footnote=" · ".join([findings.source, describe_settings(drawn)]),
            foot=list_spelled(findings),
            file_stem=f"{method}_map",
            xy=drawn.latent_map.xy[shown],
            hovers=[describe_sample(findings, int(row), drawn) for row in shown],
            clouds=_group_samples(look, shown),
            legend=_legend(findings, look, drawn, style=style),
            landmarks=_name_classes(findings, look, drawn),
            notice=drawn.latent_map.notice,
        )
    )


def describe_sample(findings: MapFindings, row: int, drawn: DrawnMap) -> str:
    """The hover label of a sample: its name or input row, class, shape, and how well its neighborhood is kept."""
    number = f"row {findings.rows[row]}"
    lines = [f"<b>{wrap_hover(findings.ids[row])}</b>", number] if findings.ids else [f"<b>{number}</b>"]
    if findings.labels is not None:
        name = name_of(findings.label_names, int(findings.labels[row]))
        lines.append(f"{_title(findings.label_column, 'class')} {wrap_hover(name)}")
    if findings.shapes is not None:
        name = name_of(findings.shape_names, int(findings.shapes[row]))
        lines.append(f"{_title(findings.shape_column, 'marker')} {wrap_hover(name)}")
    return "<br>".join([*lines, *describe_trust_here(drawn, row)])


def _title(column: str, otherwise: str) -> str:
    return escape_hover(column) or otherwise


def _choose_look(findings: MapFindings, drawn: DrawnMap, style: Style) -> _Look:
    n, known, crowded = len(findings.rows), findings.labels is not None, _is_crowded(findings)
    return _Look(
        classes=np.full(n, -1) if findings.labels is None else findings.labels,
        names=findings.label_names,
        # A page is light or dark as its reader's machine is: gray shows on both.
        colors=[*class_colors(findings, style)[:-1], GRAY] if known else class_colors(findings, style),
        key=assign_markers(None if crowded else findings.shapes, findings.shape_names, n=n, style=style),
        faint=choose_faint(drawn.trust, style),
    )


def _is_crowded(findings: MapFindings) -> bool:
    """Whether classes and shapes together make too many kinds of points."""
    n_shapes = min(len(findings.shape_names), len(DATASET_MARKERS) + 1)
    return len(findings.label_names) * n_shapes > MOST_CLOUDS


def _describe_data(findings: MapFindings) -> dict[str, str]:
    facts = {"features": f"{findings.n_features:,}"}
    left_out = findings.accounting.n_in - findings.accounting.n_ok
    if left_out:
        facts["rows left out"] = f"{left_out:,} of {findings.accounting.n_in:,}"
    if findings.n_kinds < len(findings.rows):
        facts["distinct rows"] = f"{findings.n_kinds:,}"
    if findings.graph_recall < 1:
        facts["neighbors found by the search"] = f"{findings.graph_recall:.1%}"
    return facts


def _group_samples(look: _Look, shown: Rows) -> list[Cloud]:
    """One cloud for every class, marker and trust that occurs; faint points first, under the others."""
    classes, shapes, faint = look.classes[shown], look.key.shapes[shown], look.faint[shown]
    kinds, kind = np.unique(np.stack([~faint, classes, shapes], axis=1), axis=0, return_inverse=True)
    members = np.split(np.argsort(kind, kind="stable"), np.cumsum(np.bincount(kind))[:-1])
    return [
        Cloud(
            rows=rows,
            needs=(f"class:{label}", f"shape:{shape}"),
            color=look.colors[int(label)],
            symbol=SYMBOLS[look.key.markers[int(shape)]],
            is_faint=not is_trusted,
        )
        for (is_trusted, label, shape), rows in zip(kinds, members, strict=True)
    ]


def _legend(findings: MapFindings, look: _Look, drawn: DrawnMap, *, style: Style) -> list[SwitchGroup]:
    classes, key = look.classes, look.key
    shapes = [
        Switch(
            key=f"shape:{i}",
            label=cut(clean_text(text), limit=MOST_LETTERS) or "(empty)",
            count=n,
            path=SYMBOLS[marker].path,
        )
        for i, (text, marker, n) in enumerate(zip(key.texts, key.markers, key.counts, strict=True))
    ]
    sizes = np.bincount(classes + 1, minlength=1)
    present = [*(np.flatnonzero(sizes[1:]).tolist()), *([-1] if sizes[0] else [])]
    colors = [
        Switch(
            key=f"class:{label}",
            label=cut(name_of(look.names, label), limit=MOST_LETTERS) if findings.labels is not None else "samples",
            count=int(sizes[label + 1]),
            path=CIRCLE.path,
            color=look.colors[label],
        )
        for label in present
    ]
    names = Switch(key="names", label="names on the map", count=len(present), path=CIRCLE.path, is_open=True)
    groups = [
        SwitchGroup(
            title=cut(findings.label_column, limit=40) or ("Points" if findings.labels is None else "Class"),
            switches=tuple(colors),
        ),
        SwitchGroup(
            title=cut(findings.shape_column, limit=40) or "Marker", switches=tuple(shapes) if key.is_shown else ()
        ),
        switch_trust(drawn.trust, style),
        SwitchGroup(title="Also show", switches=(names,) if findings.labels is not None else ()),
    ]
    return [group for group in groups if group.switches]


def _name_classes(findings: MapFindings, look: _Look, drawn: DrawnMap) -> list[Landmark]:
    """The names of the largest classes, where their samples are."""
    if findings.labels is None:
        return []
    places = find_label_places(drawn.latent_map.xy, findings.labels)
    return [
        Landmark(
            name=name_of(look.names, label),
            xy=places.spots[i],
            color=look.colors[label],
            hover=f"<b>{wrap_hover(name_of(look.names, label))}</b><br>{count(int(places.sizes[i]), 'sample')}",
            needs=(f"class:{label}", "names"),
            size=DOT,
        )
        for i, label in ((i, int(places.classes[i])) for i in choose_tagged(places))
    ]
