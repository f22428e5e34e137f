"""The report of the latents study: the answers first, then the evidence, from the numbers alone."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import PurePosixPath

import numpy as np

from latentscape.figures.receipt_words import list_receipt
from latentscape.figures.sample_words import words_of
from latentscape.figures.words import say_accuracy
from latentscape.findings import LatentsFindings
from latentscape.measures.classification import name_scores
from latentscape.pages import latents_lists as lists
from latentscape.pages import latents_tables as tables
from latentscape.pages.advice import tell_improvements
from latentscape.pages.latents_conclusion import conclude_latents
from latentscape.pages.latents_improve import list_advice, list_withheld
from latentscape.pages.latents_pictures import collect_maps, name_pages, tell_stories
from latentscape.pages.report import (
    Block,
    Paragraph,
    Picture,
    Report,
    Section,
    collect_definitions,
)
from latentscape.pages.report_parts import (
    describe_model,
    gather,
    link_pages,
    tabulate_others,
    tabulate_scores,
    tabulate_trust,
    tell_pictures,
)
from latentscape.pages.spelled import tabulate_spelled
from latentscape.pages.words import count

OVERALL = {
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy: mean recall of the classes",
    "chance_accuracy": "Accuracy of always guessing the largest class",
}
CALIBRATION = {
    "calibration_error": "Calibration error: mean gap of confidence and accuracy",
    "overconfidence": "Overconfidence: mean confidence minus accuracy",
    "brier": "Brier score",
}
UNNAMED = "samples"
"""The data set of samples that a program had in memory."""
BY_CLASS = ("recall_", "precision_", "f1_")
SUSPECT_RULES = {
    "conflicting_copies": "copies",
    "leaking_copies": "copies",
    "label": "label_suspects",
    "near_copies": "near_copies",
    "copies": "copies",
    "outlier": "outliers",
}
"""Kind of suspect -> key of its definition, in the order of telling."""


def describe_latents(findings: LatentsFindings, figures: Sequence[str]) -> Report:
    """Everything worth telling about a latents study; `figures` are the files written beside the report."""
    show = partial(_show, figures, tell_stories(findings, figures))
    sections = (
        Section(heading="Conclusion", blocks=conclude_latents(findings)),
        *gather("Improve next", tell_improvements(list_advice(findings), list_withheld(findings))),
        Section(heading="Key metrics", blocks=tuple(_tabulate(findings))),
        *gather("Layers", [*show("layer_profile"), *_tell_layers(findings), *show("layer_similarity")]),
        *gather("Confusion", [*show("confusion_matrix"), *_tell_confusion(findings), *show("confusion_vs_distance")]),
        *gather("Generalization", [*show("generalization"), *_tell_generalization(findings)]),
        *gather("Calibration", [*show("calibration"), *_tell_calibration(findings)]),
        *gather("Most confident mistakes", lists.tabulate_mistakes(findings)),
        *gather("Suspects", _tell_suspects(findings)),
        Section(heading="Visual analysis", blocks=tuple(_show_maps(findings, figures))),
        *gather("Ids on the pictures", tabulate_spelled(findings)),
        describe_model(findings.model, findings.accounting, data=_describe_data(findings)),
    )
    title = say_accuracy(findings.scores) or f"What {count(len(findings.layers), 'layer')} of the model show"
    return Report(
        title=title,
        sections=sections,
        stamps=findings.model.stamps,
        definitions=collect_definitions(sections),
        foot=tuple(list_receipt(findings.model)),
    )


def _show(figures: Sequence[str], stories: Mapping[str, Picture], stem: str) -> list[Picture]:
    """The picture of that name, where it was written."""
    return [stories[stem]] if stem in stories and stories[stem].file in figures else []


def _show_maps(findings: LatentsFindings, figures: Sequence[str]) -> Iterable[Block]:
    """The maps, the pages behind them, how far to trust them, and pictures that no other section tells."""
    stories = tell_stories(findings, figures)
    elsewhere = {story.file for stem, story in stories.items() if stem != "latent_spaces_static"}
    rest = [file for file in figures if file not in elsewhere]
    yield from tell_pictures(rest, {stem: story for stem, story in stories.items() if story.file not in elsewhere})
    yield from link_pages([file for file in rest if PurePosixPath(file).suffix == ".html"], name_pages(findings))
    yield from tabulate_trust(collect_maps(findings))


def _describe_data(findings: LatentsFindings) -> str:
    sizes = np.bincount(findings.dataset_ids, minlength=len(findings.dataset_names))
    sets = ", ".join(f"{name} {n:,}" for name, n in zip(findings.dataset_names, sizes, strict=True))
    n_classes = len(np.unique(findings.labels[findings.labels >= 0]))
    words, n = words_of(findings), len(findings.ids)
    of = f"{count(n, words.one, words.many) if findings.split else count(n, 'sample')} of "
    of += count(n_classes, "class", "classes")
    whose = [count(len(set(findings.speakers)), words.group)] if findings.has_groups else []
    if findings.has_datasets or findings.kind == "audio":
        told = ", ".join([of, *whose, f"{count(len(findings.dataset_names), 'dataset')} ({sets})"])
    else:
        told = ", ".join([of, *whose]) + _say_source(findings)
    split = f", its split {findings.split}" if findings.split else ""
    return f"{told}{split}."


def _say_source(findings: LatentsFindings) -> str:
    """The one data set; nothing where a program gave bare samples."""
    name = findings.dataset_names[0]
    return "" if name == UNNAMED else f", from {name}"


def _tabulate(findings: LatentsFindings) -> Iterable[Block]:
    yield tabulate_scores("Over all samples", findings.scores, OVERALL)
    datasets = dict(zip(name_scores("accuracy", findings.dataset_names), findings.dataset_names, strict=True))
    if datasets.keys() & findings.scores.keys():
        yield tabulate_scores("Accuracy in each dataset", findings.scores, datasets)
    yield from tables.tabulate_classes(findings)
    by_class = [name for name in findings.scores if name.startswith(BY_CLASS)]
    yield from tabulate_others(findings.scores, [*OVERALL, *CALIBRATION, *datasets, *by_class])


def _tell_layers(findings: LatentsFindings) -> Iterable[Block]:
    yield from tables.tabulate_readouts(findings)
    yield from tables.tabulate_geometry(findings.layers)
    yield from tables.tabulate_similarity(findings)


def _tell_confusion(findings: LatentsFindings) -> Iterable[Block]:
    yield from tables.tabulate_pairs(findings)
    yield from tables.tabulate_relations(findings.layers)


def _tell_generalization(findings: LatentsFindings) -> Iterable[Block]:
    yield from tables.tabulate_transfers(findings)
    yield from tables.tabulate_drifts(findings)


def _tell_calibration(findings: LatentsFindings) -> Iterable[Block]:
    if findings.calibration:
        yield tabulate_scores("Confidence against accuracy", findings.calibration.scores, CALIBRATION)


def _tell_suspects(findings: LatentsFindings) -> Iterable[Block]:
    """How many of each kind, what the model has seen of them, and the first ones."""
    if not findings.suspects:
        return
    kinds = Counter(suspect.kind for suspect in findings.suspects)
    told = [f"{lists.SUSPECT_KINDS[kind].lower()} {kinds[kind]:,}" for kind in SUSPECT_RULES if kind in kinds]
    n_trained = sum("train" in suspect.splits for suspect in findings.suspects)
    seen = (
        f" {n_trained:,} of them {'touches' if n_trained == 1 else 'touch'} samples that the model was trained on: it "
        "has seen their labels, so they say less about what it makes of new ones."
        if n_trained
        else ""
    )
    yield Paragraph(
        text=f"{count(len(findings.suspects), 'finding')} to look at before training again: {', '.join(told)}.{seen} "
        "All are in suspects.csv. A suspect is a reason to look, not a verdict.",
        measures=tuple(SUSPECT_RULES[kind] for kind in SUSPECT_RULES if kind in kinds),
    )
    yield from lists.tabulate_suspects(findings)
