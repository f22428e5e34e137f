"""The report of the latents study: what a classifier's layers show, from the numbers alone."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from latentscape.figures.words import say_accuracy, say_interval, say_relation, say_share
from latentscape.findings import DrawnMap, LatentsFindings
from latentscape.measures.classification import name_scores
from latentscape.measures.score import Score
from latentscape.pages.latents_conclusion import conclude_latents, find_most_confused, label_recalls
from latentscape.pages.report import Picture, Report, ScoreRow, ScoreTable, Section
from latentscape.pages.report_parts import (
    compare_trust,
    describe_model,
    link_pages,
    list_notices,
    name_map,
    tabulate_others,
    tabulate_scores,
    tabulate_trust,
    tell_pictures,
)
from latentscape.pages.words import count

OVERALL = {
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy: mean recall of the classes",
    "chance_accuracy": "Accuracy of always guessing the largest class",
}


def describe_latents(findings: LatentsFindings, figures: Sequence[str]) -> Report:
    """Everything worth telling about a latents study; `figures` are the files written beside the report."""
    sections = (
        describe_model(findings.model, findings.accounting, data=_describe_data(findings)),
        Section(heading="Key metrics", blocks=tuple(_tabulate(findings))),
        Section(
            heading="Visual analysis",
            blocks=(
                *tell_pictures(figures, _tell_stories(findings, figures)),
                *link_pages(figures, _name_pages(findings)),
            ),
        ),
        Section(heading="Conclusion", blocks=conclude_latents(findings)),
    )
    title = say_accuracy(findings.scores) or f"What {count(len(findings.layers), 'layer')} of the model show"
    return Report(title=title, sections=sections, stamps=findings.model.stamps)


def _describe_data(findings: LatentsFindings) -> str:
    sizes = np.bincount(findings.dataset_ids, minlength=len(findings.dataset_names))
    sets = ", ".join(f"{name} {n:,}" for name, n in zip(findings.dataset_names, sizes, strict=True))
    n_classes = len(np.unique(findings.labels[findings.labels >= 0]))
    return (
        f"{count(len(findings.ids), 'sample')} of {count(n_classes, 'class', 'classes')}, "
        f"{count(len(set(findings.speakers)), 'speaker')}, {count(len(findings.dataset_names), 'dataset')} ({sets})."
    )


def _tabulate(findings: LatentsFindings) -> Iterable[ScoreTable]:
    recalls = label_recalls(findings)
    yield tabulate_scores("Over all samples", findings.scores, OVERALL)
    yield tabulate_scores("Recall of each class", findings.scores, recalls)
    datasets = dict(zip(name_scores("accuracy", findings.dataset_names), findings.dataset_names, strict=True))
    if datasets.keys() & findings.scores.keys():
        yield tabulate_scores("Accuracy in each data set", findings.scores, datasets)
    rows = (ScoreRow(label=layer.layer, score=layer.confusion.spearman) for layer in findings.layers)
    yield ScoreTable(
        title="Distance of classes against their confusion: Spearman's ρ, negative where near ones are mixed up",
        rows=tuple(rows),
    )
    yield from tabulate_trust(_collect_maps(findings))
    yield from tabulate_others(findings.scores, [*OVERALL, *recalls, *datasets])


def _collect_maps(findings: LatentsFindings) -> dict[str, DrawnMap]:
    return {name_map(layer.layer, method): drawn for layer in findings.layers for method, drawn in layer.maps.items()}


def _name_pages(findings: LatentsFindings) -> dict[str, str]:
    """Words for the interactive pages by their original names."""
    pairs = ((layer.layer, method) for layer in findings.layers for method in layer.maps)
    return {f"{method}_{layer}_interactive": name_map(layer, method) for layer, method in pairs}


def _tell_stories(findings: LatentsFindings, figures: Sequence[str]) -> Mapping[str, Picture]:
    files = {file.rpartition("/")[2].removesuffix(".png"): file for file in figures}
    stories = {"latent_spaces_static": _tell_maps, "confusion_vs_distance": _tell_confusion}
    return {stem: tell(findings, files[stem]) for stem, tell in stories.items() if stem in files}


def _tell_maps(findings: LatentsFindings, file: str) -> Picture:
    maps = _collect_maps(findings)
    return Picture(
        file=file,
        title="The layers as maps",
        text="See whether points of one color gather, which tells that a layer separates the classes, and whether "
        "the markers of different datasets mix, which tells that it does not separate the recordings. "
        f"{compare_trust(maps)} Axes mean nothing. {list_notices(maps)}".strip(),
        alt=f"Maps of {count(len(findings.layers), 'layer')}, one point a sample, color the true class",
    )


def _tell_confusion(findings: LatentsFindings, file: str) -> Picture:
    relations = "; ".join(f"{layer.layer}: {_relate(layer.confusion.spearman)}" for layer in findings.layers)
    return Picture(
        file=file,
        title="Distance between classes against their confusion",
        text=f"Each point is a pair of classes; a falling cloud means that the model mixes up what lies close. "
        f"{relations}. {_describe_worst_pair(findings)}".strip(),
        alt="For each layer, how often two classes are mixed up over how far apart their centroids lie",
    )


def _relate(spearman: Score) -> str:
    interval = say_interval(spearman)
    return f"{say_relation(spearman)}, interval {interval}" if interval else say_relation(spearman)


def _describe_worst_pair(findings: LatentsFindings) -> str:
    worst = find_most_confused(findings)
    if worst is None:
        return "No two classes were mixed up."
    return (
        f"Mixed up most: {worst.first} and {worst.second}, {say_share(worst.rate)} of their "
        f"{count(worst.n, 'sample')}; in {worst.layer} their centroids are {worst.distance:.2f} apart "
        f"({worst.metric} distance)."
    )
