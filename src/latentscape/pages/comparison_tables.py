"""The tables of a comparison's report: scores by checkpoint, differences, groups, layers, and what was compared."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from latentscape.comparison_claims import PROBE, VIOLATIONS, find_judged, order_changes
from latentscape.comparison_findings import ComparisonFindings, Step, TrackedLayer
from latentscape.figures.comparison_words import (
    VERDICTS,
    capitalize,
    judge_change,
    name_best,
    noun_of,
    say_delta,
    say_delta_range,
    say_grouping,
    say_p,
    say_range,
    say_score_name,
    say_sure_delta,
    say_value,
)
from latentscape.figures.words import say_number, say_share
from latentscape.findings import Skip
from latentscape.measures.score import Score
from latentscape.measures.tallies import Change
from latentscape.pages.comparison_conclusion import name_probe
from latentscape.pages.comparison_words import name_of, name_step, say_test
from latentscape.pages.latents_tables import value_cell
from latentscape.pages.report import Block, Cell, Notes, Paragraph, Table
from latentscape.pages.words import count

MOST_COLUMNS = 7
"""Scores side by side; more share several tables."""
MOST_SKIPS = 20
"""Rows of left-out samples; the rest is counted."""
MOST_ALIKE = 5
"""Samples listed one by one though they were left out for the same reason; more share a row."""
MISSING = Cell(text="n/a", faint=True)
SHAPES = ("effective_rank", "silhouette")


def score_cell(name: str, score: Score | None, *, faint: bool = False) -> Cell:
    """A score with its interval below it, a share in percent."""
    if score is None:
        return MISSING
    if score.value is None:
        return Cell(text="n/a", notes=(score.reason,), faint=True)
    return Cell(text=say_value(name, score), notes=tuple(filter(None, [say_range(name, score)])), faint=faint)


def delta_cell(name: str, change: Change | None, *, words: bool = True) -> Cell:
    """A difference with its interval and adjusted p; faint where chance can explain it."""
    if change is None:
        return MISSING
    if change.score.value is None:
        return Cell(text="n/a", notes=(change.score.reason,), faint=True)
    notes = [say_delta_range(name, change.score), say_p(change.adjusted) if words else ""]
    return Cell(text=say_delta(name, change.score), notes=tuple(filter(None, notes)), faint=not change.is_detected)


def tabulate_checkpoints(findings: ComparisonFindings) -> Iterable[Table]:
    """Every score of every checkpoint but the probes, which stand with the layers."""
    names = [name for name in _list_scores(findings) if not name.startswith(PROBE)]
    parts = [names[place : place + MOST_COLUMNS] for place in range(0, len(names), MOST_COLUMNS)]
    for place, part in enumerate(parts):
        yield Table(
            title="" if place else "Every score, with its 95 % interval",
            header=("Checkpoint", *(capitalize(say_score_name(name)) for name in part)),
            columns=("", *part),
            rows=tuple(
                (_checkpoint_cell(findings, number), *(score_cell(name, answers.scores.get(name)) for name in part))
                for number, answers in enumerate(findings.answers)
            ),
        )


def _list_scores(findings: ComparisonFindings) -> list[str]:
    """Names of all scores, the one that decides first."""
    names = dict.fromkeys(name for answers in findings.answers for name in answers.scores)
    return sorted(names, key=lambda name: name != findings.choice.score)


def _checkpoint_cell(findings: ComparisonFindings, number: int) -> Cell:
    each, choice = findings.checkpoints[number], findings.choice
    epoch = "" if each.epoch is None else f"epoch {each.epoch:g}"
    mark = (
        name_best(findings)
        if number == choice.recommended
        else "can't be told from it"
        if number in choice.rivals
        else ""
    )
    return Cell(text=each.name, notes=tuple(filter(None, [epoch, mark])))


def tabulate_differences(findings: ComparisonFindings) -> Iterable[Table]:
    """From the first checkpoint to the last, each score with its test; then step by step."""
    step = findings.overall
    changes = {name: each for name, each in order_changes(findings, step).items() if not name.startswith(VIOLATIONS)}
    if changes:
        yield Table(
            title=f"From {name_of(findings, step.first)} to {name_of(findings, step.second)}",
            header=(
                "Score",
                name_of(findings, step.first),
                name_of(findings, step.second),
                "Difference",
                "Is it real?",
            ),
            columns=("", "", "", next(iter(changes.values())).score.name, ""),
            rows=tuple(_difference_row(findings, step, name) for name in changes),
            note="Each difference is of the same samples, with its 95 % interval. p is adjusted (Holm) for all scores, "
            "that of the steps below for all scores of all steps. Gray or italic: no detectable difference.",
        )
    yield from _tabulate_steps(findings, list(changes))


def _difference_row(findings: ComparisonFindings, step: Step, name: str) -> tuple[str | Cell, ...]:
    change = step.changes[name]
    sides = (findings.answers[number].scores.get(name) for number in (step.first, step.second))
    return (
        capitalize(say_score_name(name)),
        *(score_cell(name, side) for side in sides),
        delta_cell(name, change, words=False),
        _verdict_cell(change),
    )


def _verdict_cell(change: Change) -> Cell:
    """What the test says, in words."""
    verdict = judge_change(change)
    told = change.score.reason if verdict == "untested" else say_test(change)
    return Cell(text=VERDICTS[verdict], notes=tuple(filter(None, [told])), faint=verdict in {"untested", "none"})


def _tabulate_steps(findings: ComparisonFindings, names: Sequence[str]) -> Iterable[Table]:
    """From each checkpoint to the next: the differences of the scores that are not of a layer."""
    shown = [name for name in names if not name.startswith(PROBE)]
    parts = [shown[place : place + MOST_COLUMNS] for place in range(0, len(shown), MOST_COLUMNS)]
    for place, part in enumerate(parts if len(findings.consecutive) > 1 else ()):
        yield Table(
            title="" if place else "From each checkpoint to the next",
            header=("Step", *(capitalize(say_score_name(name)) for name in part)),
            columns=("", *part),
            rows=tuple(
                (name_step(findings, step), *(delta_cell(name, step.changes.get(name)) for name in part))
                for step in findings.consecutive
            ),
        )


def tabulate_groups(findings: ComparisonFindings) -> Iterable[Table]:
    """For each grouping and value how many are right at the first and at the last checkpoint."""
    step, lead = findings.overall, findings.subject.group_score
    by_grouping: dict[str, list[str]] = {}
    for grouping, value in step.group_changes:
        by_grouping.setdefault(grouping, []).append(value)
    for grouping, values in by_grouping.items():
        changes = {value: step.group_changes[grouping, value] for value in values}
        order = sorted(values, key=lambda value: changes[value].score.value or 0.0)
        yield Table(
            title=capitalize(say_grouping(grouping, is_drawn=False)),
            header=("Value", capitalize(noun_of(findings)[1]), *_name_ends(findings, step), "Difference"),
            columns=("", "", lead, lead, f"{lead}_delta"),
            rows=tuple(_group_row(findings, (grouping, value), changes[value], lead=lead) for value in order),
            note=f"{capitalize(say_score_name(lead))} among the {noun_of(findings)[1]} of each value, what lost most "
            "first. p is adjusted (Holm) for all groups. Gray or italic: no detectable difference.",
        )


def _name_ends(findings: ComparisonFindings, step: Step) -> tuple[str, str]:
    return name_of(findings, step.first), name_of(findings, step.second)


def _group_row(
    findings: ComparisonFindings, key: tuple[str, str], change: Change, *, lead: str
) -> tuple[str | Cell, ...]:
    grouping, value = key
    step = findings.overall
    among = np.array([each == value for each in findings.subject.groups[grouping]]) & find_judged(findings)
    n = int(among.sum())
    shares = [
        say_share(float(findings.answers[number].right[among].mean())) if n else "n/a"
        for number in (step.first, step.second)
    ]
    return value, f"{n:,}", *shares, delta_cell(lead, change)


def tabulate_types(findings: ComparisonFindings) -> Iterable[Table]:
    """For each type of hard negative how often it is as near as the right document."""
    step = findings.overall
    names = [name for name in step.changes if name.startswith(VIOLATIONS)]
    if not names:
        return
    yield Table(
        title="Hard negatives by type",
        header=("Wrong in", *_name_ends(findings, step), "Difference", "Is it real?"),
        columns=("", names[0], names[0], step.changes[names[0]].score.name, ""),
        rows=tuple(
            (say_score_name(name).removeprefix("violations: "), *_difference_row(findings, step, name)[1:])
            for name in names
        ),
        note="Share of hard negatives that are at least as near as the right document; fewer are better.",
    )


def tabulate_layers(findings: ComparisonFindings) -> Iterable[Block]:
    """What became of each layer from the first checkpoint to the last, and step by step."""
    step = findings.overall
    ends = step.first, step.second
    shapes = [
        name for name in SHAPES if any(name in each for layer in findings.layers for each in layer.drift.geometry)
    ]
    probed = [layer for layer in findings.layers if name_probe(layer) in step.changes]
    probe = ("Class read by a linear probe",) if probed else ()
    header = ("Layer", "CKA", "Neighbors kept", *(capitalize(say_score_name(name)) for name in shapes), *probe)
    yield Table(
        title=f"From {name_of(findings, step.first)} to {name_of(findings, step.second)}",
        header=header,
        columns=("", "cka", "neighbor_overlap", *shapes, *(["linear_class"] if probed else [])),
        rows=tuple(
            (
                _layer_cell(layer, ends),
                _pair_cell(layer.drift.similarity, ends),
                _pair_cell(layer.drift.overlap, ends, share=True),
                *(_shape_cell(layer, ends, name) for name in shapes),
                *([_probe_cell(findings, layer)] if probed else []),
            )
            for layer in findings.layers
        ),
        note="CKA: 1 where a layer is the same, turned and scaled as a whole. The rest is before → after, with 95 % "
        "intervals; of the probe the difference and its adjusted p, gray or italic where chance can explain it.",
    )
    yield from _tabulate_layer_steps(findings)


def _layer_cell(layer: TrackedLayer, ends: tuple[int, int]) -> Cell | str:
    """Its name, and what the two models call it where they don't agree."""
    own = [layer.own_names[number] for number in ends]
    return layer.name if set(own) == {layer.name} else Cell(text=layer.name, notes=(" → ".join(own),))


def _pair_cell(scores: Mapping[tuple[int, int], Score], ends: tuple[int, int], *, share: bool = False) -> Cell:
    score = scores.get(ends)
    if score is None:
        return MISSING
    if score.value is None:
        return Cell(text="n/a", notes=(score.reason,), faint=True)
    return score_cell("recall_at_5", score) if share else value_cell(score)


def _shape_cell(layer: TrackedLayer, ends: tuple[int, int], name: str) -> Cell:
    before, after = (layer.drift.geometry[number].get(name) for number in ends)
    return _before_after(before, after, digits=1 if name == "effective_rank" else 2)


def _before_after(before: Score | None, after: Score | None, *, digits: int) -> Cell:
    if before is None or after is None:
        return MISSING
    reasons = tuple(dict.fromkeys(score.reason for score in (before, after) if score.value is None))
    cells = [value_cell(score, digits=digits) for score in (before, after)]
    intervals = [cell.notes[0] for cell in cells if cell.notes]
    notes = reasons or ((intervals[0], f"→ {intervals[1]}") if len(intervals) == len(cells) else ())
    return Cell(text=" → ".join(cell.text for cell in cells), notes=notes, faint=bool(reasons))


def _probe_cell(findings: ComparisonFindings, layer: TrackedLayer) -> Cell:
    name, step = name_probe(layer), findings.overall
    change = step.changes.get(name)
    if change is None:
        return MISSING
    scores = [findings.answers[number].scores.get(name) for number in (step.first, step.second)]
    ends = " → ".join(say_value(name, score) for score in scores if score is not None and score.value is not None)
    told = filter(None, [say_sure_delta(name, change.score), say_p(change.adjusted)])
    return Cell(text=ends or "n/a", notes=tuple(told), faint=not change.is_detected)


def _tabulate_layer_steps(findings: ComparisonFindings) -> Iterable[Table]:
    """In which step each layer moved."""
    steps = findings.consecutive
    if len(steps) > 1:
        yield Table(
            title="Which layer moved in which step: CKA, and the share of neighbors kept",
            header=("Layer", *(name_step(findings, step) for step in steps)),
            columns=("", *["cka"] * len(steps)),
            rows=tuple((layer.name, *(_step_cell(layer, step) for step in steps)) for layer in findings.layers),
        )


def _step_cell(layer: TrackedLayer, step: Step) -> Cell:
    ends = step.first, step.second
    cka, kept = layer.drift.similarity.get(ends), layer.drift.overlap.get(ends)
    if cka is None or cka.value is None:
        return MISSING
    near = () if kept is None or kept.value is None else (f"{say_share(kept.value)} kept",)
    return Cell(text=say_number(cka.value), notes=near)


def describe_checkpoints(findings: ComparisonFindings) -> Iterable[Block]:
    """Each checkpoint with its file and receipt, the samples that all share, and what was left out."""
    yield Table(
        header=("Checkpoint", "Run folder", "Model", "File", "Weights"),
        columns=("",) * 5,
        rows=tuple(
            (
                Cell(text=each.name, notes=() if each.epoch is None else (f"epoch {each.epoch:g}",)),
                each.folder,
                each.model.name,
                Cell(
                    text=each.model.checkpoint,
                    notes=(f"SHA-256 {each.model.sha256[:12]}",) if each.model.sha256 else (),
                ),
                _say_weights(each.model.n_tensors_matched, each.model.n_tensors_total, each.model.n_parameters),
            )
            for each in findings.checkpoints
        ),
    )
    same = [
        f"{name_of(findings, a)} and {name_of(findings, b)} have the same weights." for a, b in findings.same_models
    ]
    if remarks := (*same, *findings.notes):
        yield Notes(lines=tuple(remarks))
    yield Paragraph(lead="Data.", text=_say_data(findings))
    yield from _account(findings)


def _say_weights(matched: int, total: int, n_parameters: int) -> Cell | str:
    if not total:
        return "not read from a checkpoint"
    return Cell(text=f"{matched:,} of {total:,} tensors match", notes=(f"bit for bit; {n_parameters:,} parameters",))


def _say_data(findings: ComparisonFindings) -> str:
    subject, (one, many) = findings.subject, noun_of(findings)
    n_clusters = len(np.unique(subject.clusters))
    told = f"{count(subject.n_judged, one, many)}"
    if subject.study == "embeddings":
        told += f" against {count(len(subject.ids) - subject.n_judged, 'document')}"
    if subject.cluster_name != many:
        told += f" of {n_clusters:,} {subject.cluster_name}, which are drawn together"
    return f"{told}; the same for every checkpoint. Differences are taken {one} by {one}."


def _account(findings: ComparisonFindings) -> Iterable[Block]:
    """What became of every sample of any run."""
    known = findings.accounting
    yield Paragraph(
        lead="Accounting.",
        text=f"{known.n_in:,} in any run = {known.n_ok:,} in all and compared + {known.n_skipped:,} skipped + "
        f"{known.n_failed:,} failed.",
    )
    for title, skips in (("Failed", known.failed), ("Skipped", known.skipped)):
        if skips:
            rows = list(_list_skips(skips))
            more = len(rows) - MOST_SKIPS
            rest = [(f"and {more:,} more", "all are in the run folder's manifest")] if more > 0 else []
            yield Table(title=title, header=("Input", "Reason"), rows=(*rows[:MOST_SKIPS], *rest))


def _list_skips(skips: Sequence[Skip]) -> Iterable[tuple[str, str]]:
    by_reason: dict[str, list[Skip]] = {}
    for skip in skips:
        by_reason.setdefault(skip.reason, []).append(skip)
    for reason, alike in by_reason.items():
        n = sum(skip.count for skip in alike)
        if n > MOST_ALIKE:
            shown = [skip.id for skip in alike[:3] if skip.id]
            yield f"{', '.join(shown)} and {n - len(shown):,} more" if shown else f"{n:,}", reason
        else:
            yield from ((skip.id, reason) for skip in alike)
