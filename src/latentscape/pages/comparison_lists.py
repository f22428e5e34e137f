"""The samples that a comparison's report names: fixed, broken, still wrong, moved; and the rows of changes.csv."""

from collections.abc import Iterable, Sequence

import numpy as np

from latentscape.comparison_claims import find_judged, find_motion, list_movers, order_worst, place_movers, sort_step
from latentscape.comparison_findings import ComparisonFindings, Step
from latentscape.figures.comparison_words import capitalize, count_judged, noun_of
from latentscape.figures.render import cut
from latentscape.figures.words import say_number, say_share
from latentscape.measures.neighbor_change import NeighborChange
from latentscape.measures.outcomes import Outcome
from latentscape.pages.comparison_claims_words import describe_share
from latentscape.pages.comparison_words import name_of, name_step
from latentscape.pages.report import Block, Cell, Paragraph, Table
from latentscape.pages.words import count
from latentscape.shapes import Rows

MOST_SAMPLES = 10
MOST_MOVERS = 15
MOST_LETTERS = 160
OUTCOMES: tuple[Outcome, ...] = ("broken", "still wrong", "fixed", "still right")
"""The worst first."""
SHOWN: tuple[Outcome, ...] = ("broken", "still wrong", "fixed")
Column = list[str | int | float | None]


def tabulate_changes(findings: ComparisonFindings) -> dict[str, Column]:
    """The columns of changes.csv: a row a judged sample or query, the worst first.

    First those that broke between the first checkpoint and the last, then those still wrong, fixed, and still right;
    within each the lowest right document, or the surest mistake, first. Samples without a known answer come last,
    without an outcome. For each checkpoint `<name>_right`, `<name>_said`, `<name>_confidence` and, of a retriever,
    `<name>_rank`. `kept`: share of its neighbors in the main layer that a sample has in both; `move`: how far apart
    the old and the new ones are, from 0 to 1; `moved_in`: the steps in which it left its neighbors.
    """
    subject, outcomes = findings.subject, _name_outcomes(findings)
    rows = _order_rows(findings)
    columns: dict[str, Column] = {
        "id": [subject.ids[row] for row in rows],
        "text": [subject.texts[row] for row in rows],
        "outcome": [outcomes[row] for row in rows],
    }
    for number, answers in enumerate(findings.answers):
        name = name_of(findings, number)
        columns[f"{name}_right"] = [int(answers.right[row]) for row in rows]
        columns[f"{name}_said"] = [answers.said[row] for row in rows]
        columns[f"{name}_confidence"] = [_keep_finite(answers.confidence[row]) for row in rows]
        if answers.ranks is not None:
            columns[f"{name}_rank"] = [int(answers.ranks[row]) or None for row in rows]
    columns |= _list_motion(findings, rows)
    for grouping, values in subject.groups.items():
        own = grouping if grouping not in columns else f"group_{grouping}"
        columns[own] = [values[row] or None for row in rows]
    return columns


def _keep_finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _name_outcomes(findings: ComparisonFindings) -> list[Outcome | None]:
    """What became of each sample from the first checkpoint to the last; None where nothing is known to be right."""
    found: list[Outcome | None] = [None] * findings.subject.n_judged
    for name, rows in sort_step(findings, findings.overall.first, findings.overall.second).items():
        for row in rows.tolist():
            found[row] = name
    return found


def _order_rows(findings: ComparisonFindings) -> list[int]:
    sorted_rows = sort_step(findings, findings.overall.first, findings.overall.second)
    last = findings.overall.second
    parts = [order_worst(findings, sorted_rows[name], checkpoint=last) for name in OUTCOMES]
    return np.concatenate([*parts, np.flatnonzero(~find_judged(findings))]).tolist()


def _list_motion(findings: ComparisonFindings, rows: Sequence[int]) -> dict[str, Column]:
    """How far each sample has gone from its neighbors in the main layer, and in which steps it left them."""
    overall = find_motion(findings, findings.overall)
    moved: dict[int, list[str]] = {}
    for step, _, movers in list_movers(findings):
        for row in movers.tolist():
            moved.setdefault(row, []).append(name_step(findings, step))
    known = {} if overall is None else {"kept": overall.kept, "move": overall.moves}
    columns: dict[str, Column] = {name: [_keep_finite(values[row]) for row in rows] for name, values in known.items()}
    columns["moved_in"] = ["; ".join(moved[row]) if row in moved else None for row in rows]
    return columns


def tell_samples(findings: ComparisonFindings) -> Iterable[Block]:
    """How many were fixed and broken, step by step, and the first of each."""
    step, n = findings.overall, int(find_judged(findings).sum())
    found = sort_step(findings, step.first, step.second)
    names: tuple[Outcome, ...] = ("fixed", "broken", "still wrong", "still right")
    parts = ", ".join(f"{describe_share(len(found[name]), n)} {name}" for name in names)
    between = f"From {name_of(findings, step.first)} to {name_of(findings, step.second)}"
    yield Paragraph(
        text=f"{between}, of {count_judged(findings, n)}: {parts}. {_say_churn(findings)}All are in changes.csv."
    )
    yield from _tabulate_steps(findings)
    for name in SHOWN:
        rows = order_worst(findings, found[name], checkpoint=step.first if name == "fixed" else step.second)
        if len(rows):
            yield _tabulate_rows(findings, name, rows)


def _say_churn(findings: ComparisonFindings) -> str:
    """How many change sides more than once."""
    sides = np.array([answers.right for answers in findings.answers])[:, find_judged(findings)]
    n = int(((np.diff(sides.astype(np.int8), axis=0) != 0).sum(axis=0) > 1).sum())
    return f"{count_judged(findings, n)} {'changes' if n == 1 else 'change'} sides more than once. " if n else ""


def _tabulate_steps(findings: ComparisonFindings) -> Iterable[Table]:
    if len(findings.consecutive) < 2:
        return
    n = int(find_judged(findings).sum())
    rows = []
    for step in findings.consecutive:
        found = sort_step(findings, step.first, step.second)
        names: tuple[Outcome, ...] = ("fixed", "broken", "still wrong", "still right")
        rows.append((name_step(findings, step), *(describe_share(len(found[name]), n) for name in names)))
    header = ("Step", "Fixed", "Broken", "Still wrong", "Still right")
    yield Table(title="From each checkpoint to the next", header=header, rows=tuple(rows))


def _tabulate_rows(findings: ComparisonFindings, name: Outcome, rows: Rows) -> Table:
    """The first samples of one outcome, and what each end says of them."""
    step, shown = findings.overall, rows[:MOST_SAMPLES].tolist()
    more = len(rows) - len(shown)
    ends = (step.first, step.second)
    is_classifier = findings.subject.study == "latents"
    filed = ("Filed under",) if is_classifier else ()
    says = "says" if is_classifier else "finds first"
    return Table(
        title=f"{capitalize(name)}: {len(rows):,}",
        header=(capitalize(noun_of(findings)[0]), *filed, *(f"{name_of(findings, number)} {says}" for number in ends)),
        rows=tuple(
            (
                _sample_cell(findings, row),
                *([_name_class(findings, row)] if is_classifier else []),
                *(_answer_cell(findings, number, row) for number in ends),
            )
            for row in shown
        ),
        note=f"The first {len(shown)}, {_say_order(findings, name)}; {more:,} more in changes.csv." if more else "",
    )


def _say_order(findings: ComparisonFindings, name: Outcome) -> str:
    at = name_of(findings, findings.overall.first if name == "fixed" else findings.overall.second)
    if findings.subject.study == "embeddings":
        return f"the lowest right document at {at} first"
    return f"the surest mistake at {at} first"


def _sample_cell(findings: ComparisonFindings, row: int) -> Cell:
    """What a person reads, and where else it belongs."""
    subject = findings.subject
    text, name = subject.texts[row], subject.ids[row]
    if row < subject.n_judged:
        known = [values[row] for grouping, values in subject.groups.items() if grouping != "class" and values[row]]
    else:
        known = [subject.kind_names[subject.kinds[row]]]
    return Cell(text=cut(text, limit=MOST_LETTERS), notes=tuple([name] if name != text else []) + tuple(known[:2]))


def _name_class(findings: ComparisonFindings, row: int) -> str:
    label = int(findings.subject.kinds[row])
    return findings.subject.kind_names[label] if label >= 0 else "unknown"


def _answer_cell(findings: ComparisonFindings, number: int, row: int) -> Cell:
    """What one checkpoint says, how sure, and where the right document ranks."""
    answers = findings.answers[number]
    sure = float(answers.confidence[row])
    text = cut(answers.said[row], limit=MOST_LETTERS)
    if answers.ranks is None:
        return Cell(text=text, notes=(f"at {say_share(sure)}",) if np.isfinite(sure) else ())
    rank = int(answers.ranks[row])
    where = ("right",) if rank == 1 else (f"right one at rank {rank:,}",) if rank else ()
    return Cell(text=text, notes=(*([f"cosine {say_number(sure, digits=3)}"] if np.isfinite(sure) else []), *where))


def tell_movers(findings: ComparisonFindings) -> Iterable[Block]:
    """The samples that left their neighbors in the main layer, step by step, the farthest first."""
    if find_motion(findings, findings.overall) is None:
        return
    found = list_movers(findings)
    n = len({row for _, _, movers in found for row in movers.tolist()})
    where = f"In {findings.main_layer} {count(n, 'sample')}" if n else f"In {findings.main_layer} no sample"
    yield Paragraph(
        text=f"{where} left {'their' if n > 1 else 'its'} neighbors while the others kept theirs. A layer that is only "
        "turned or scaled as a whole moves nobody.",
        measures=("neighbor_move",),
    )
    for step, motion, movers in found:
        yield _tabulate_movers(findings, step, motion=motion, movers=movers)


def _tabulate_movers(findings: ComparisonFindings, step: Step, *, motion: NeighborChange, movers: Rows) -> Table:
    shown, more = movers[:MOST_MOVERS], max(len(movers) - MOST_MOVERS, 0)
    is_classifier = findings.subject.study == "latents"
    places = place_movers(findings, step, shown)
    rows = []
    for row, (before, after) in zip(shown.tolist(), places, strict=True):
        kept, move = (say_share(float(values[row])) for values in (motion.kept, motion.moves))
        among = [f"{before or 'no class'} → {after or 'no class'}"] if is_classifier else []
        rows.append((_sample_cell(findings, row), *among, move, kept, _say_answers(findings, step, row)))
    header = ("Sample", *(["From among → to among"] if is_classifier else []), "Move", "Neighbors kept", "Answer")
    return Table(
        title=f"{name_step(findings, step)}: {len(movers):,}",
        header=header,
        rows=tuple(rows),
        note="Move: the share of the others that have come between a sample and most of its former neighbors, or were "
        "between it and most of its new ones, whichever is smaller. "
        + ("Among: the class of most of its neighbors. " if is_classifier else "")
        + (f"{more:,} more are in changes.csv." if more else ""),
    )


def _say_answers(findings: ComparisonFindings, step: Step, row: int) -> str | Cell:
    """What the two checkpoints of a step make of a sample."""
    if row >= findings.subject.n_judged:
        return "a document"
    one, other = (findings.answers[number] for number in (step.first, step.second))
    if one.ranks is not None and other.ranks is not None:
        return f"right one at rank {int(one.ranks[row]):,} → {int(other.ranks[row]):,}"
    said = [cut(each.said[row], limit=MOST_LETTERS) for each in (one, other)]
    return said[0] if said[0] == said[1] else " → ".join(said)
