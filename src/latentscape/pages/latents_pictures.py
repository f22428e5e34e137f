"""What to see on each picture of the latents study, and which pages to open."""

from collections.abc import Callable, Mapping, Sequence

from latentscape.figures.profile_words import name_target
from latentscape.figures.readout_panel import list_targets
from latentscape.figures.sample_words import words_of
from latentscape.figures.words import say_interval, say_relation, say_share, say_strongest_relation
from latentscape.findings import DrawnMap, LatentsFindings
from latentscape.measures.score import Score
from latentscape.pages.latents_conclusion import find_most_confused
from latentscape.pages.report import Picture
from latentscape.pages.report_parts import compare_trust, list_notices, name_map
from latentscape.pages.words import count

MOST_RELATIONS = 4
"""Layers told one by one below a picture."""


def collect_maps(findings: LatentsFindings) -> dict[str, DrawnMap]:
    """Every map by its name for readers."""
    return {name_map(layer.title, method): drawn for layer in findings.layers for method, drawn in layer.maps.items()}


def name_pages(findings: LatentsFindings) -> dict[str, str]:
    """Words for the interactive pages by their original names."""
    pairs = ((layer, method) for layer in findings.layers for method in layer.maps)
    return {f"{method}_{layer.layer}_interactive": name_map(layer.title, method) for layer, method in pairs}


def tell_stories(findings: LatentsFindings, figures: Sequence[str]) -> Mapping[str, Picture]:
    """The pictures that were written, each with what to see on it, by the name of its file."""
    files = {file.rpartition("/")[2].removesuffix(".png"): file for file in figures if file.endswith(".png")}
    return {stem: tell(findings, files[stem]) for stem, tell in STORIES.items() if stem in files}


def _tell_profile(findings: LatentsFindings, file: str) -> Picture:
    words = words_of(findings)
    targets = [name_target(target, words.group) for target in list_targets(findings.layers)] or ["class"]
    targets = targets if len(targets) > 1 else ["the class"]
    what, others = " and ".join([*filter(None, [", ".join(targets[:-1])]), targets[-1]]), len(targets) - 1
    rest = "other" if others == 1 else "other two"
    falls = f"A network that learned the class and not the {words.many} rises on the first and falls on the {rest}. "
    falls = falls if others else ""
    return Picture(
        file=file,
        title="Where the class appears, and what else is there" if others else "Where the class appears",
        text=f"From the input side to the output: how well {what} can be read. {falls}Inside the band a reader does "
        "no better than on permuted labels.",
        alt=f"Accuracy of reading {what} over {count(len(findings.layers), 'layer')}",
    )


def _tell_similarity(findings: LatentsFindings, file: str) -> Picture:
    return Picture(
        file=file,
        title="Layer against layer",
        text="A bright cell joins two layers that hold the same picture of the samples; where the color breaks, the "
        "network does something.",
        alt=f"Similarity of {count(len(findings.layers), 'layer')} by CKA and by common neighbors",
    )


def _tell_matrix(findings: LatentsFindings, file: str) -> Picture:
    return Picture(
        file=file,
        title="What is taken for what",
        text="A row is a true class, a column what the model says; the diagonal is right. "
        f"{_describe_worst_pair(findings)}",
        alt="Confusion matrix with row shares and counts, and recall, precision and F1 of each class",
    )


def _tell_confusion(findings: LatentsFindings, file: str) -> Picture:
    few = len(findings.layers) <= MOST_RELATIONS
    told = [f"{layer.title}: {_relate(layer.confusion.spearman)}" for layer in findings.layers]
    relations = "; ".join(told) if few else say_strongest_relation(findings.layers)
    return Picture(
        file=file,
        title="Distance between classes against their confusion",
        text=f"Each point is a pair of classes; a falling cloud means that the model mixes up what lies close. "
        f"{relations}. {_describe_worst_pair(findings)}".strip(),
        alt="For each layer, how often two classes are mixed up over how far apart their centroids lie",
    )


def _tell_generalization(_: LatentsFindings, file: str) -> Picture:
    return Picture(
        file=file,
        title="From dataset to dataset",
        text="Each matrix is one layer: the row is the dataset trained on, the column the one tested on. As good "
        "off the diagonal as on it means that what was learned carries over. Below, how far each class moves.",
        alt="For each layer, accuracy trained on one dataset and tested on another, and the drift of each class",
    )


def _tell_calibration(_: LatentsFindings, file: str) -> Picture:
    return Picture(
        file=file,
        title="Right as often as it says",
        text="Below the diagonal the model is surer than it may be; above it, less sure.",
        alt="Reliability curve and histogram of confidence",
    )


def _tell_maps(findings: LatentsFindings, file: str) -> Picture:
    maps = collect_maps(findings)
    mix = (
        ", and whether the markers of different datasets mix, which tells that it does not separate the "
        f"{words_of(findings).many}"
        if findings.has_datasets
        else ""
    )
    return Picture(
        file=file,
        title="The layers as maps",
        text=f"See whether points of one color gather, which tells that a layer separates the classes{mix}. "
        f"{compare_trust(maps)} Axes mean nothing. {list_notices(maps)}".strip(),
        alt=f"Maps of {count(len(findings.layers), 'layer')}, one point a sample, color the true class",
    )


STORIES: Mapping[str, Callable[[LatentsFindings, str], Picture]] = {
    "layer_profile": _tell_profile,
    "layer_similarity": _tell_similarity,
    "confusion_matrix": _tell_matrix,
    "confusion_vs_distance": _tell_confusion,
    "generalization": _tell_generalization,
    "calibration": _tell_calibration,
    "latent_spaces_static": _tell_maps,
}


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
