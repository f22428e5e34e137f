"""The interactive map of one layer of a classifier."""

import numpy as np

from latentscape.figures.style import Style
from latentscape.figures.words import say_method, say_share
from latentscape.findings import DrawnMap, LatentsFindings
from latentscape.pages.escape import escape_hover, wrap_hover
from latentscape.pages.map_page import Cloud, Landmark, MapPage, Switch, SwitchGroup, render_map_page
from latentscape.pages.map_words import (
    describe_map,
    describe_origin,
    describe_size,
    explain_trust,
    name_of,
    pick,
)
from latentscape.pages.symbols import CIRCLE, SYMBOLS
from latentscape.pages.words import count
from latentscape.shapes import Flags

GRAY = "#8a8f98"


def render_latents_map(findings: LatentsFindings, *, layer: str, method: str, style: Style) -> str:
    """The page of one layer's map: color is the true class, shape the dataset, an outline a wrong prediction.

    Raises UsageError if there is no such layer, or no map of it by that method.
    """
    layers = {found.layer: found for found in findings.layers}
    maps = pick(layers, layer, what="layer").maps
    drawn = pick(maps, method, what="map")
    wrong = find_wrong(findings)
    n, n_wrong = len(findings.ids), int(wrong.sum())
    return render_map_page(
        MapPage(
            title=f"{layer} · {say_method(method)} · {describe_size(n, drawn)}",
            headline=f"The {layer} layer, drawn by {say_method(method)}",
            caption=f"Each point is one sample, placed so that samples with similar features in the {layer} layer "
            f"lie close together. {explain_trust(drawn, source='the layer')}",
            facts={**describe_map(n, drawn), "predicted wrong": f"{n_wrong:,} of {n:,} ({say_share(n_wrong / n)})"},
            footnote=describe_origin(findings.model, drawn),
            file_stem=f"{method}_{layer}",
            xy=drawn.latent_map.xy,
            hovers=[describe_sample(findings, row, drawn) for row in range(n)],
            clouds=_group_samples(findings, wrong, style),
            legend=_latents_legend(findings, wrong, style),
            landmarks=_find_centroids(findings, drawn, style),
            stamps=findings.model.stamps,
            notice=drawn.latent_map.notice,
        )
    )


def find_wrong(findings: LatentsFindings) -> Flags:
    """Samples predicted as another class than theirs; where either is unknown (-1) there is nothing to be wrong."""
    known = (findings.labels >= 0) & (findings.predictions >= 0)
    return known & (findings.labels != findings.predictions)


def describe_sample(findings: LatentsFindings, row: int, drawn: DrawnMap) -> str:
    """The hover label of a sample: id, true and predicted class, dataset, file."""
    lines = [
        f"<b>{wrap_hover(findings.ids[row].rpartition('/')[2])}</b>",
        f"true {escape_hover(name_of(findings.class_names, int(findings.labels[row])))}",
        f"predicted {_describe_prediction(findings, row)}",
        f"dataset {escape_hover(name_of(findings.dataset_names, int(findings.dataset_ids[row])))}",
        f"speaker {escape_hover(findings.speakers[row]) or name_of((), -1)}",
        f"id {wrap_hover(findings.ids[row])}",
        *_describe_trust_here(drawn, row),
    ]
    return "<br>".join(lines)


def _describe_prediction(findings: LatentsFindings, row: int) -> str:
    predicted = int(findings.predictions[row])
    if predicted < 0:
        return name_of((), predicted)
    name = escape_hover(findings.class_names[predicted])
    return f"{name} (probability {findings.probabilities[row, predicted]:.2f})"


def _describe_trust_here(drawn: DrawnMap, row: int) -> list[str]:
    here = drawn.trust.per_point[row]
    return [f"neighbors kept here {here:.0%}"] if np.isfinite(here) else []


def _group_samples(findings: LatentsFindings, wrong: Flags, style: Style) -> list[Cloud]:
    """One cloud for every class, dataset and outcome; outlines last, so that no filled point covers them."""
    return [
        Cloud(
            rows=np.flatnonzero((findings.labels == c) & (findings.dataset_ids == d) & (wrong == is_wrong)),
            needs=(f"class:{c}", f"dataset:{d}", "wrong" if is_wrong else "right"),
            color=_class_color(findings, c, style),
            symbol=SYMBOLS[style.dataset_marker(name, d)],
            is_open=is_wrong,
        )
        for is_wrong in (False, True)
        for c in _classes_present(findings)
        for d, name in enumerate(findings.dataset_names)
    ]


def _find_centroids(findings: LatentsFindings, drawn: DrawnMap, style: Style) -> list[Landmark]:
    xy, landmarks = drawn.latent_map.xy, []
    for c in _classes_present(findings):
        members = findings.labels == c
        name = name_of(findings.class_names, c)
        landmarks += [
            Landmark(
                name=name,
                xy=xy[members].mean(axis=0),
                color=_class_color(findings, c, style),
                hover=f"<b>{escape_hover(name)}</b><br>centroid of {count(int(members.sum()), 'sample')}",
                needs=(f"class:{c}", "centroids"),
            )
        ]
    return landmarks


def _latents_legend(findings: LatentsFindings, wrong: Flags, style: Style) -> list[SwitchGroup]:
    classes = [
        Switch(
            key=f"class:{c}",
            label=name_of(findings.class_names, c),
            count=int((findings.labels == c).sum()),
            path=CIRCLE.path,
            color=_class_color(findings, c, style),
        )
        for c in _classes_present(findings)
    ]
    datasets = [
        Switch(
            key=f"dataset:{d}",
            label=name,
            count=int((findings.dataset_ids == d).sum()),
            path=SYMBOLS[style.dataset_marker(name, d)].path,
        )
        for d, name in enumerate(findings.dataset_names)
    ]
    outcomes = [
        Switch(key="right", label="right", count=int((~wrong).sum()), path=CIRCLE.path),
        Switch(key="wrong", label="wrong", count=int(wrong.sum()), path=CIRCLE.path, is_open=True),
        Switch(key="centroids", label="class centroids", count=len(classes), path=CIRCLE.path, is_open=True),
    ]
    return [
        SwitchGroup(title="True class", switches=tuple(classes)),
        SwitchGroup(title="Dataset", switches=tuple(datasets)),
        SwitchGroup(title="Prediction", switches=tuple(outcomes[:2])),
        SwitchGroup(title="Also show", switches=tuple(outcomes[2:])),
    ]


def _classes_present(findings: LatentsFindings) -> list[int]:
    """Class numbers that have samples, ascending, the unknown ones (-1) last."""
    present = [int(c) for c in np.unique(findings.labels)]
    return [c for c in present if c >= 0] + [c for c in present if c < 0]


def _class_color(findings: LatentsFindings, c: int, style: Style) -> str:
    return style.class_color(findings.class_names[c], c) if c >= 0 else GRAY
