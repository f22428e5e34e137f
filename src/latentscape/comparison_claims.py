"""What changed between checkpoints, and is it more than chance explains: facts first, then what survived its test.

A difference is claimed where its p, adjusted for everything asked in the comparison, is at most
`latentscape.measures.tallies.ALPHA`. Scores that changed in the same way in the same step are one claim: the first
leads, the others are its evidence. What the step from the first checkpoint to the last would only repeat of groups,
classes and samples is told in the step where it happened. Equal checkpoints yield no claim of a change.
"""

from collections.abc import Iterable, Mapping
from typing import Literal

import numpy as np
from jaxtyping import Int

from latentscape.comparison_findings import ComparisonFindings, Step
from latentscape.findings import Improvement, Improvements, Withheld
from latentscape.measures.class_splits import ClassSplit
from latentscape.measures.neighbor_change import NeighborChange
from latentscape.measures.outcomes import Outcome, sort_outcomes
from latentscape.measures.score import Score
from latentscape.measures.tallies import Change
from latentscape.shapes import Flags, Rows

Direction = Literal["better", "worse"]
PROBE, VIOLATIONS = "linear_class_", "violation_rate_"
"""How names of scores begin that are measured for each layer, and for each type of hard negative."""
OF_ANSWERS = ("accuracy", "balanced_accuracy", "hit_at_", "recall_at_", "mrr", "ndcg_at_", "map")
"""How names of scores begin that are made of right and wrong answers: the samples behind them can be named."""
MOST_AGAIN = 3
"""Steps told in which a score went the same way as it did from the first checkpoint to the last."""
LEAST_MOVERS = 3
"""Fewer samples that left their neighbors are listed, not claimed."""
MAJORITY = 0.5
"""A sample lies among those of a class if more than this share of its neighbors belong to it."""
TOO_FEW = "there are too few samples to tell a difference from chance"


def find_changes(findings: ComparisonFindings) -> Improvements:
    """Every claim that survived its test, each once and in the step where it belongs; and what could not be judged.

    Subjects begin with what changed, then the numbers of the two checkpoints: `("accuracy", "0", "2")`;
    `(grouping, first, second, value ...)`; `(class, first, second)`; `(layer, first, second)`. Of `same_weights` they
    are the numbers alone.
    """
    claims = [
        *_state_same(findings),
        *_claim_overfitting(findings),
        *_claim_scores(findings),
        *_claim_groups(findings),
        *_claim_splits(findings),
        *_claim_movers(findings),
    ]
    return Improvements(found=tuple(claims), withheld=tuple(_withhold(findings)))


def order_changes(findings: ComparisonFindings, step: Step) -> dict[str, Change]:
    """The differences of a step, the score that decides first, those of layers last."""
    names = sorted(step.changes, key=lambda name: (name.startswith(PROBE), name != findings.choice.score))
    return {name: step.changes[name] for name in names}


def find_lead(findings: ComparisonFindings, step: Step) -> tuple[str, Change] | None:
    """The score that decides and how it differs in a step; another one where that was not compared."""
    return next(iter(order_changes(findings, step).items()), None)


def find_motion(findings: ComparisonFindings, step: Step) -> NeighborChange | None:
    """What became of the neighborhoods in the main layer."""
    return step.motion.get(findings.main_layer)


def direction_of(change: Change) -> Direction | None:
    """Whether a detected difference is for the better; None if there is none, or neither way is better."""
    value, better = change.score.value, change.score.better
    if not change.is_detected or not value or better == "neither":
        return None
    return "better" if (value > 0) == (better == "higher") else "worse"


def find_judged(findings: ComparisonFindings) -> Flags:
    """Which samples have an answer to be right about: a known class, or a right document."""
    ranks = findings.answers[0].ranks
    if ranks is not None:
        return ranks > 0
    return findings.subject.kinds[: findings.subject.n_judged] >= 0


def sort_step(findings: ComparisonFindings, first: int, second: int) -> Mapping[Outcome, Rows]:
    """What became of each judged sample between two checkpoints, ascending."""
    rows = np.flatnonzero(find_judged(findings))
    one, other = findings.answers[first].right[rows], findings.answers[second].right[rows]
    return {name: rows[places] for name, places in sort_outcomes(one, other).items()}


def order_worst(findings: ComparisonFindings, rows: Rows, *, checkpoint: int) -> Rows:
    """Samples by how bad a checkpoint's answer is: the lowest right document, or the surest mistake, first."""
    answers = findings.answers[checkpoint]
    sure = np.where(answers.right[rows], -answers.confidence[rows], answers.confidence[rows])
    ranks = np.zeros(len(rows)) if answers.ranks is None else answers.ranks[rows]
    return rows[np.lexsort((rows, -sure, -ranks))]


def list_splits(findings: ComparisonFindings) -> list[tuple[Step, ClassSplit]]:
    """Classes that came apart or grew together, in the step where it happened; from the first checkpoint to the last
    only those of no single step."""
    found: dict[tuple[int, str], list[tuple[Step, ClassSplit]]] = {}
    for step in findings.steps:
        in_steps = step.second - step.first == 1
        for split in step.splits:
            key = split.label, split.kind
            if in_steps or key not in found:
                found.setdefault(key, []).append((step, split))
    return sorted((each for splits in found.values() for each in splits), key=lambda each: each[0].second)


def place_movers(findings: ComparisonFindings, step: Step, rows: Rows) -> list[tuple[str, str]]:
    """For each sample the class that most of its neighbors in the main layer were of, and are now of.

    Empty where no class has more than half of them, and for a retriever.
    """
    graphs = findings.main.neighbors
    if findings.subject.study != "latents" or not graphs:
        return [("", "")] * len(rows)
    both = [_place(findings, graphs[number][rows]) for number in (step.first, step.second)]
    return list(zip(*both, strict=True))


def _place(findings: ComparisonFindings, near: Int[np.ndarray, "row k"]) -> list[str]:
    names, found = findings.subject.kind_names, []
    for kinds in findings.subject.kinds[near]:
        counts = np.bincount(kinds[kinds >= 0], minlength=1)
        found.append(names[int(counts.argmax())] if counts.max() > MAJORITY * len(kinds) else "")
    return found


def _state_same(findings: ComparisonFindings) -> list[Improvement]:
    """Checkpoints that are the same file: no difference between them can be the training's."""
    return [Improvement(kind="same_weights", subject=tuple(map(str, pair))) for pair in findings.same_models]


def _claim_overfitting(findings: ComparisonFindings) -> list[Improvement]:
    change, best, last = findings.choice.overfitting, findings.choice.recommended, len(findings.checkpoints) - 1
    if change is None:
        return []
    name = findings.choice.score
    return [_claim_change(findings, "overfitting", {name: change}, ends=(best, last))]


def _claim_scores(findings: ComparisonFindings) -> list[Improvement]:
    """The first checkpoint against the last, then step by step; what over-fitting says already is left out.

    Of steps that only repeat what the first claim says, those with the largest differences are told.
    """
    overall = _claim_step(findings, findings.overall)
    steps = [claim for step in findings.steps[:-1] for claim in _claim_step(findings, step)]
    said = {(claim.kind, claim.subject[0]) for claim in overall}
    again = [claim for claim in steps if (claim.kind, claim.subject[0]) in said]
    small = sorted(again, key=lambda claim: -abs(claim.scores["delta"].value or 0.0))[MOST_AGAIN:]
    told = {claim.subject for claim in _claim_overfitting(findings)}
    return [
        claim for claim in (*overall, *steps)
        if claim.subject not in told and not any(claim is other for other in small)
    ]  # fmt: skip


def _claim_step(findings: ComparisonFindings, step: Step) -> list[Improvement]:
    """What got better and what got worse; a layer's probe is evidence, and alone no claim about the model."""
    ways: dict[Direction, dict[str, Change]] = {}
    for name, change in order_changes(findings, step).items():
        way = direction_of(change)
        if way is not None and (way in ways or not name.startswith(PROBE)):
            ways.setdefault(way, {})[name] = change
    return [_claim_change(findings, way, found, ends=(step.first, step.second)) for way, found in ways.items()]


def _claim_change(
    findings: ComparisonFindings, kind: str, changes: Mapping[str, Change], *, ends: tuple[int, int]
) -> Improvement:
    """Differences that point the same way; the first of them leads."""
    lead = next(iter(changes))
    rows = _find_behind(findings, ends, better=kind == "better") if lead.startswith(OF_ANSWERS) else _no_rows()
    answers = [findings.answers[number].scores.get(lead) for number in ends]
    sides = {side: score for side, score in zip(("before", "after"), answers, strict=True) if score is not None}
    others = {name: change.score for name, change in changes.items() if name != lead}
    return Improvement(
        kind=kind,
        subject=(lead, *map(str, ends)),
        scores={"delta": changes[lead].score, **sides, **others},
        p_value=changes[lead].adjusted,
        samples=tuple(findings.subject.ids[row] for row in rows.tolist()),
        stake=len(rows) / max(findings.subject.n_judged, 1),
    )


def _find_behind(findings: ComparisonFindings, ends: tuple[int, int], *, better: bool) -> Rows:
    """The samples that were fixed or broken; of a retriever those whose right document rose or sank, most first."""
    ranks = [findings.answers[number].ranks for number in ends]
    if ranks[0] is None or ranks[1] is None:
        rows = sort_step(findings, *ends)["fixed" if better else "broken"]
        return order_worst(findings, rows, checkpoint=ends[0] if better else ends[1])
    known = np.flatnonzero((ranks[0] > 0) & (ranks[1] > 0))
    gains = (1.0 / ranks[1][known] - 1.0 / ranks[0][known]) * (1 if better else -1)
    return known[np.argsort(-gains, kind="stable")][: int((gains > 0).sum())]


def _claim_groups(findings: ComparisonFindings) -> list[Improvement]:
    """Groups of samples that were answered better or worse, those of one grouping and step together."""
    overall, claims = findings.overall, []
    told = {(key, way) for key, change in overall.group_changes.items() if (way := direction_of(change))}
    for step in findings.steps:
        ways: dict[tuple[str, Direction], dict[str, Change]] = {}
        for (grouping, value), change in step.group_changes.items():
            way = direction_of(change)
            if way and (step is overall or ((grouping, value), way) not in told):
                ways.setdefault((grouping, way), {})[value] = change
        claims += [_claim_group(findings, step, found, key=key) for key, found in ways.items()]
    return sorted(claims, key=lambda claim: claim.kind != "group_worse")


def _claim_group(
    findings: ComparisonFindings, step: Step, changes: Mapping[str, Change], *, key: tuple[str, Direction]
) -> Improvement:
    grouping, way = key
    values = sorted(changes, key=lambda value: -abs(changes[value].score.value or 0.0))
    among = np.isin(np.array(findings.subject.groups[grouping], dtype=object), values)
    rows = sort_step(findings, step.first, step.second)["fixed" if way == "better" else "broken"]
    rows = order_worst(findings, rows[among[rows]], checkpoint=step.first if way == "better" else step.second)
    return Improvement(
        kind=f"group_{way}",
        subject=(grouping, str(step.first), str(step.second), *values),
        scores={value: changes[value].score for value in values},
        p_value=max((change.adjusted for change in changes.values() if change.adjusted is not None), default=None),
        samples=tuple(findings.subject.ids[row] for row in rows.tolist()),
        stake=len(rows) / max(findings.subject.n_judged, 1),
    )


def _claim_splits(findings: ComparisonFindings) -> list[Improvement]:
    return [_claim_split(findings, step, split) for step, split in list_splits(findings)]


def _claim_split(findings: ComparisonFindings, step: Step, split: ClassSplit) -> Improvement:
    rows = split.halves[1]
    return Improvement(
        kind="class_split" if split.kind == "split" else "class_merged",
        subject=(findings.subject.class_names[split.label], str(step.first), str(step.second)),
        scores={
            "before": split.before,
            "after": split.after,
            "larger": _count_score("larger", len(split.halves[0])),
            "smaller": _count_score("smaller", len(rows)),
        },
        p_value=split.p_value,
        samples=tuple(findings.subject.ids[row] for row in rows.tolist()),
        stake=sum(map(len, split.halves)) / max(findings.subject.n_judged, 1),
    )


def list_movers(findings: ComparisonFindings) -> list[tuple[Step, NeighborChange, Rows]]:
    """Steps in which samples left their neighbors in the main layer, with their rows, the farthest first.

    From the first checkpoint to the last only those that left them in no single step: they went bit by bit.
    """
    told: set[int] = set()
    found: list[tuple[Step, NeighborChange, Rows]] = []
    for step in findings.steps:
        motion = find_motion(findings, step)
        movers = [] if motion is None else motion.movers.tolist()
        rows = [row for row in movers if step.second - step.first == 1 or row not in told]
        if motion is not None and rows:
            found.append((step, motion, np.array(rows, dtype=np.int64)))
        told |= set(rows)
    return found


def _claim_movers(findings: ComparisonFindings) -> list[Improvement]:
    """Of every step in which several samples left their neighbors; one or two do now and then where all is noise."""
    return [
        _claim_moved(findings, step, motion=motion, rows=rows)
        for step, motion, rows in list_movers(findings)
        if len(rows) >= LEAST_MOVERS
    ]


def _claim_moved(findings: ComparisonFindings, step: Step, *, motion: NeighborChange, rows: Rows) -> Improvement:
    moves, n = motion.moves, len(motion.moves)
    return Improvement(
        kind="movers",
        subject=(findings.main_layer, str(step.first), str(step.second)),
        scores={
            "least": Score(name="neighbor_move", value=float(moves[rows].min()), n=n, better="neither"),
            "typical": Score(name="neighbor_move", value=float(np.median(moves)), n=n, better="neither"),
        },
        samples=tuple(findings.subject.ids[row] for row in rows.tolist()),
        stake=len(rows) / max(n, 1),
    )


def _withhold(findings: ComparisonFindings) -> Iterable[Withheld]:
    """What the comparison of the first and the last checkpoint could not judge, and why."""
    untested: dict[str, list[str]] = {}
    for name, change in findings.overall.changes.items():
        if change.adjusted is None:
            untested.setdefault(change.score.reason or TOO_FEW, []).append(name)
    for reason, names in untested.items():
        own = [name.replace("_", " ") for name in names if not name.startswith(PROBE)]
        if own:
            yield Withheld(kind="differences", reason=f"{', '.join(own)}: {reason}")
        else:
            yield Withheld(kind="probes", reason=reason)
    groups = findings.overall.group_changes.values()
    if not groups:
        yield Withheld(kind="groups", reason="nothing is known by which the samples could be parted")
    elif all(change.adjusted is None for change in groups):
        yield Withheld(kind="groups", reason=next((c.score.reason for c in groups if c.score.reason), TOO_FEW))
    if findings.subject.study == "latents" and not (findings.subject.kinds >= 0).any():
        yield Withheld(kind="splits", reason="no sample has a known class")
    motion = find_motion(findings, findings.overall)
    if motion is not None and motion.overlap.value is None:
        yield Withheld(kind="movers", reason=motion.overlap.reason)


def _count_score(name: str, n: int) -> Score:
    return Score(name=name, value=float(n), n=n, better="neither", bounds=(0.0, float("inf")))


def _no_rows() -> Rows:
    return np.empty(0, dtype=np.int64)
