"""The parts of a report that both studies share: model, data, tables of scores, list of pages."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath

from latentscape.figures.receipt_words import IN_MEMORY
from latentscape.figures.words import say_method
from latentscape.findings import Accounting, DrawnMap, ModelCard, Skip
from latentscape.measures.score import Score
from latentscape.pages.report import Block, Links, Paragraph, Picture, ScoreRow, ScoreTable, Section, Table
from latentscape.pages.words import count, share_with_interval

MOST_SKIPS = 20
"""Rows of left-out samples; the rest is counted."""
MOST_ALIKE = 5
"""Samples listed one by one though they were left out for the same reason; more share a row."""


def describe_model(model: ModelCard, accounting: Accounting, *, data: str) -> Section:
    """The section about what was studied: which weights, and what became of every input."""
    about = Table(header=("", ""), rows=tuple(_list_facts(model)))
    blocks = (about, Paragraph(lead="Data.", text=data), Paragraph(lead="Accounting.", text=_account(accounting)))
    return Section(heading="Model info", blocks=(*blocks, *_list_left_out(accounting)))


def _list_facts(model: ModelCard) -> Iterable[tuple[str, str]]:
    matched, total = model.n_tensors_matched, model.n_tensors_total
    rest = "" if matched == total else f", {total - matched:,} do not"
    yield "Model", model.name
    yield from ((what, known) for what, known in (("Checkpoint", model.checkpoint), ("SHA-256", model.sha256)) if known)
    if total:  # vectors can be given without a model
        yield "Parameters", f"{model.n_parameters:,}"
        proven = f"{matched:,} of {total:,} tensors match the checkpoint bit for bit{rest}"
        yield "Weights", IN_MEMORY if model.in_memory else proven
    for name, value in model.trained.items():
        yield f"Training: {name.replace('_', ' ')}", f"{value:.4g}" if isinstance(value, float) else str(value)


def _account(accounting: Accounting) -> str:
    left_out = f"{accounting.n_skipped:,} skipped + {accounting.n_failed:,} failed"
    return f"{accounting.n_in:,} in = {accounting.n_ok:,} studied + {left_out}."


def _list_left_out(accounting: Accounting) -> Iterable[Table]:
    for title, skips in (("Failed", accounting.failed), ("Skipped", accounting.skipped)):
        if skips:
            yield Table(title=title, header=("Input", "Reason"), rows=tuple(_list_skips(skips)))


def _list_skips(skips: Sequence[Skip]) -> Iterable[tuple[str, str]]:
    rows = list(_group_skips(skips))
    yield from rows[:MOST_SKIPS]
    if len(rows) > MOST_SKIPS:
        yield f"and {len(rows) - MOST_SKIPS:,} more", "all are in the run folder's manifest"


def _group_skips(skips: Sequence[Skip]) -> Iterable[tuple[str, str]]:
    by_reason: dict[str, list[str]] = {}
    for skip in skips:
        by_reason.setdefault(skip.reason, []).append(skip.id)
    for reason, ids in by_reason.items():
        if len(ids) > MOST_ALIKE:
            yield f"{', '.join(ids[:3])} and {len(ids) - 3:,} more", reason
        else:
            yield from ((name, reason) for name in ids)


def tabulate_scores(title: str, scores: Mapping[str, Score], labels: Mapping[str, str]) -> ScoreTable:
    """Those of `labels` that were measured, in their order."""
    rows = (ScoreRow(label=label, score=scores[name]) for name, label in labels.items() if name in scores)
    return ScoreTable(title=title, rows=tuple(rows))


def tabulate_others(scores: Mapping[str, Score], told: Iterable[str]) -> list[ScoreTable]:
    """Scores that no other table tells: whatever is measured is reported."""
    rest = {name: name.replace("_", " ") for name in scores if name not in set(told)}
    return [tabulate_scores("Other scores", scores, rest)] if rest else []


def tabulate_trust(maps: Mapping[str, DrawnMap]) -> list[ScoreTable]:
    """How many of their neighbors points keep on each map; the keys name the maps."""
    rows = tuple(ScoreRow(label=label, score=drawn.trust.recall) for label, drawn in maps.items())
    return [ScoreTable(title="How far to trust each map: share of nearest neighbors kept", rows=rows)] if rows else []


def name_map(layer: str, method: str) -> str:
    """A map in a sentence."""
    return f"{layer} by {say_method(method)}"


def compare_trust(maps: Mapping[str, DrawnMap]) -> str:
    """The most and the least faithful map, in one sentence."""
    recalls = {label: drawn.trust.recall for label, drawn in maps.items()}
    measured = [(recall.value, label) for label, recall in recalls.items() if recall.value is not None]
    if not measured:
        return "How faithful the maps are could not be measured."
    best, worst = max(measured)[1], min(measured)[1]
    near = count(maps[best].trust.k, "nearest neighbor")
    told = f"{best} keeps {share_with_interval(recalls[best])} of each point's {near}"
    return (
        f"{told}." if best == worst else f"{told}; the least faithful, {worst}, {share_with_interval(recalls[worst])}."
    )


def list_notices(maps: Mapping[str, DrawnMap]) -> str:
    """What the maps themselves have to say, e.g. that there were too few samples."""
    return " ".join(f"{label}: {drawn.latent_map.notice}" for label, drawn in maps.items() if drawn.latent_map.notice)


def gather(heading: str, blocks: Iterable[Block]) -> list[Section]:
    """A section, unless there is nothing in it."""
    found = tuple(blocks)
    return [Section(heading=heading, blocks=found)] if found else []


def tell_pictures(files: Sequence[str], stories: Mapping[str, Picture]) -> list[Picture]:
    """The pictures that were written, each with its story, those without one last."""
    written = {PurePosixPath(file).stem: file for file in files if file.endswith(".png")}
    known = [story for stem, story in stories.items() if stem in written]
    unknown = [
        Picture(file=file, title=stem.replace("_", " "), text="", alt=stem.replace("_", " "))
        for stem, file in written.items()
        if stem not in stories
    ]
    return [*known, *unknown]


def link_pages(files: Sequence[str], names: Mapping[str, str]) -> list[Links]:
    """The interactive pages that were written; `names` has words for file names without their ending."""
    stems = {file: PurePosixPath(file).stem for file in files if file.endswith(".html")}
    entries = tuple((file, names.get(stem, stem.replace("_", " "))) for file, stem in stems.items())
    return [Links(title="Interactive maps", entries=entries)] if entries else []
