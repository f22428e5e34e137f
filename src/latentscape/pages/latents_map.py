"""The interactive map of one layer of a classifier."""

from collections.abc import Sequence
from functools import lru_cache
from itertools import product

import numpy as np

from latentscape.figures.receipt_words import list_receipt
from latentscape.figures.style import Style
from latentscape.figures.trust_marks import choose_faint
from latentscape.figures.words import say_method, say_share
from latentscape.findings import DrawnMap, LatentsFindings
from latentscape.measures.label_places import find_label_places
from latentscape.pages.escape import escape_hover, wrap_hover
from latentscape.pages.map_page import Cloud, Landmark, MapPage, Switch, SwitchGroup, render_map_page
from latentscape.pages.map_words import (
    describe_map,
    describe_origin,
    describe_size,
    describe_trust_here,
    explain_trust,
    name_of,
    pick,
    warn_of_low_trust,
)
from latentscape.pages.page_sample import MOST_POINTS, choose_points, say_choice
from latentscape.pages.symbols import CIRCLE, GRAY, SYMBOLS
from latentscape.pages.trust_switch import explain_marks, switch_trust
from latentscape.pages.words import count
from latentscape.shapes import Flags, Rows


def render_latents_map(findings: LatentsFindings, *, layer: str, method: str, style: Style) -> str:
    """The page of one layer's map: color is the true class, shape the dataset, an outline a wrong prediction.

    Of more than 50,000 samples a random choice is shown, by class. Raises UsageError if there is no such layer, or no
    map of it by that method.
    """
    layers = {found.layer: found for found in findings.layers}
    maps = pick(layers, layer, what="layer").maps
    drawn = pick(maps, method, what="map")
    wrong, shown = find_wrong(findings), choose_points(findings.labels)
    n, n_wrong = len(findings.ids), int(wrong.sum())
    caption = [
        f"Each point is one sample, placed so that samples with similar features in the {layer} layer "
        "lie close together.",
        explain_trust(drawn, source="the layer"),
        explain_marks(drawn.trust, style),
        say_choice(len(shown), n, groups="class"),
    ]
    return render_map_page(
        MapPage(
            title=f"{layer} · {say_method(method)} · {describe_size(n, drawn)}",
            headline=f"The {layer} layer, drawn by {say_method(method)}{warn_of_low_trust(drawn)}",
            caption=" ".join(sentence for sentence in caption if sentence),
            facts={**describe_map(n, drawn), "predicted wrong": f"{n_wrong:,} of {n:,} ({say_share(n_wrong / n)})"},
            footnote=describe_origin(findings.model, drawn),
            foot=list_receipt(findings.model),
            file_stem=f"{method}_{layer}",
            xy=drawn.latent_map.xy[shown],
            hovers=[describe_sample(findings, int(row), drawn) for row in shown],
            clouds=_group_samples(findings, shown, faint=choose_faint(drawn.trust, style), style=style),
            legend=_latents_legend(findings, wrong, drawn, style=style),
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
    predicted = int(findings.predictions[row])
    facts = _describe_facts(
        findings.ids[row],
        true=_pick_name(findings.class_names, int(findings.labels[row])),
        predicted=_pick_name(findings.class_names, predicted),
        probability=float(findings.probabilities[row, predicted]) if predicted >= 0 else 0.0,
        dataset=_pick_name(findings.dataset_names, int(findings.dataset_ids[row])),
        speaker=findings.speakers[row],
    )
    return "<br>".join([facts, *describe_trust_here(drawn, row)])


def _pick_name(names: Sequence[str], index: int) -> str | None:
    return names[index] if index >= 0 else None


@lru_cache(maxsize=MOST_POINTS)
def _describe_facts(
    name: str, *, true: str | None, predicted: str | None, probability: float, dataset: str | None, speaker: str
) -> str:
    """The lines that are the same on every map of a sample; None is an unknown class or dataset."""
    unknown = name_of((), -1)
    said = unknown if predicted is None else f"{escape_hover(predicted)} (probability {probability:.2f})"
    lines = [
        f"<b>{wrap_hover(name.rpartition('/')[2])}</b>",
        f"true {unknown if true is None else escape_hover(name_of((true,), 0))}",
        f"predicted {said}",
        f"dataset {unknown if dataset is None else escape_hover(name_of((dataset,), 0))}",
        f"speaker {escape_hover(speaker) or unknown}",
        f"id {wrap_hover(name)}",
    ]
    return "<br>".join(lines)


def _group_samples(findings: LatentsFindings, shown: Rows, *, faint: Flags, style: Style) -> list[Cloud]:
    """One cloud for every class, dataset, outcome and trust; outlines last, so that no filled point covers them."""
    wrong, markers = find_wrong(findings)[shown], findings.dataset_names
    labels, datasets, faint = findings.labels[shown], findings.dataset_ids[shown], faint[shown]
    return [
        Cloud(
            rows=rows,
            needs=(f"class:{c}", f"dataset:{d}", "wrong" if is_wrong else "right"),
            color=_class_color(findings, c, style),
            symbol=SYMBOLS[style.dataset_marker(markers[d], d)],
            is_open=is_wrong,
            is_faint=is_faint,
        )
        for is_wrong, is_faint, c, d in product(
            (False, True), (True, False), _classes_present(findings), range(len(markers))
        )
        if len(rows := np.flatnonzero((labels == c) & (datasets == d) & (wrong == is_wrong) & (faint == is_faint)))
    ]


def _find_centroids(findings: LatentsFindings, drawn: DrawnMap, style: Style) -> list[Landmark]:
    """A dot at each class's centroid, and its name, whose line ends at the class where the centroid lies outside."""
    places = find_label_places(drawn.latent_map.xy, findings.labels)
    return [
        Landmark(
            name=findings.class_names[c],
            xy=places.centroids[i],
            label_xy=places.spots[i],
            color=_class_color(findings, int(c), style),
            hover=f"<b>{escape_hover(findings.class_names[c])}</b><br>"
            f"centroid of {count(int(places.sizes[i]), 'sample')}",
            needs=(f"class:{c}", "centroids"),
        )
        for i, c in enumerate(places.classes)
    ]


def _latents_legend(findings: LatentsFindings, wrong: Flags, drawn: DrawnMap, *, style: Style) -> list[SwitchGroup]:
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
    n_known = sum(c >= 0 for c in _classes_present(findings))
    outcomes = [
        Switch(key="right", label="right", count=int((~wrong).sum()), path=CIRCLE.path),
        Switch(key="wrong", label="wrong", count=int(wrong.sum()), path=CIRCLE.path, is_open=True),
        Switch(key="centroids", label="class centroids", count=n_known, path=CIRCLE.path, is_open=True),
    ]
    return [
        SwitchGroup(title="True class", switches=tuple(classes)),
        SwitchGroup(title="Dataset", switches=tuple(datasets)),
        SwitchGroup(title="Prediction", switches=tuple(outcomes[:2])),
        switch_trust(drawn.trust, style),
        SwitchGroup(title="Also show", switches=tuple(outcomes[2:])),
    ]


def _classes_present(findings: LatentsFindings) -> list[int]:
    """Class numbers that have samples, ascending, the unknown ones (-1) last."""
    present = [int(c) for c in np.unique(findings.labels)]
    return [c for c in present if c >= 0] + [c for c in present if c < 0]


def _class_color(findings: LatentsFindings, c: int, style: Style) -> str:
    return style.class_color(findings.class_names[c], c) if c >= 0 else GRAY
