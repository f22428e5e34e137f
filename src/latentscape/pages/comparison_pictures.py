"""What to see on each picture of a comparison, and which page to open."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from latentscape.comparison_findings import ComparisonFindings
from latentscape.figures.comparison_words import noun_of, say_score_name
from latentscape.pages.report import Picture
from latentscape.pages.report_parts import compare_trust, name_map
from latentscape.pages.words import count


def tell_stories(findings: ComparisonFindings, figures: Sequence[str]) -> Mapping[str, Picture]:
    """The pictures that were written, each with what to see on it, by the name of its file."""
    files = {file.rpartition("/")[2].removesuffix(".png"): file for file in figures if file.endswith(".png")}
    return {stem: tell(findings, files[stem]) for stem, tell in STORIES.items() if stem in files}


def name_pages(figures: Sequence[str]) -> dict[str, str]:
    """Words for the interactive page: there is one."""
    stems = (file.rpartition("/")[2].removesuffix(".html") for file in figures if file.endswith(".html"))
    return dict.fromkeys(stems, "The checkpoints in motion: a slider, the curves, and trails of what you select")


def _tell_maps(findings: ComparisonFindings, file: str) -> Picture:
    maps = {
        f"{name_map(findings.main_layer, method)} at {checkpoint.name}": drawn
        for method, drawns in findings.main.maps.items()
        for checkpoint, drawn in zip(findings.checkpoints, drawns, strict=True)
    }
    return Picture(
        file=file,
        title="The checkpoints in one frame",
        text="A column is a checkpoint. The maps are tied to each other: a point that is elsewhere has other "
        "neighbors, and a layer that was only turned or scaled looks the same. Arrows come from where the samples "
        f"were that left their neighbors. {compare_trust(maps)} Axes mean nothing.",
        alt=f"Maps of {findings.main_layer} at {count(len(findings.checkpoints), 'checkpoint')}, one point a sample",
    )


def _tell_scores(findings: ComparisonFindings, file: str) -> Picture:
    return Picture(
        file=file,
        title="The scores from checkpoint to checkpoint",
        text="With 95 % intervals, each on its own: two that overlap can still differ, because the same "
        f"{noun_of(findings)[1]} are judged. Differences tells which do. The recommended checkpoint is marked.",
        alt=f"Curves of {say_score_name(findings.choice.score)} and other scores over "
        f"{count(len(findings.checkpoints), 'checkpoint')}",
    )


def _tell_changes(findings: ComparisonFindings, file: str) -> Picture:
    return Picture(
        file=file,
        title="What differs",
        text="An interval that crosses zero shows no difference. Whether one that leaves zero out is more than chance "
        "makes of so many questions, the adjusted p says.",
        alt="Differences of scores with intervals and adjusted p, and how many "
        f"{noun_of(findings)[1]} were fixed and broken",
    )


def _tell_drift(findings: ComparisonFindings, file: str) -> Picture:
    return Picture(
        file=file,
        title="Which layers moved",
        text="Each matrix is a layer, checkpoint against checkpoint: 1 where the layer is the same, turned and scaled "
        "as a whole. Where the color breaks, training did something.",
        alt=f"Similarity (CKA) of checkpoints in {count(len(findings.layers), 'layer')}",
    )


STORIES: Mapping[str, Callable[[ComparisonFindings, str], Picture]] = MappingProxyType(
    {
        "comparison_maps": _tell_maps,
        "comparison_scores": _tell_scores,
        "comparison_changes": _tell_changes,
        "comparison_drift": _tell_drift,
    }
)
