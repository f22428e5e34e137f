"""What is different between the first and the last checkpoint: scores, samples, groups; and what each step did."""

from collections.abc import Mapping, Sequence

from latentscape.comparison_claims import PROBE, VIOLATIONS, find_judged, sort_step
from latentscape.comparison_findings import ComparisonFindings, Step
from latentscape.figures.comparison_blocks import Block, ChangeBlock, OutcomeBlock, choose_dot, draw_flow, plan_flow
from latentscape.figures.comparison_words import (
    COSINES,
    VERDICTS,
    Verdict,
    capitalize,
    count_judged,
    is_share,
    judge_change,
    list_stamps,
    name_checkpoints,
    noun_of,
    say_grouping,
    say_headline,
    say_outcomes,
    say_score_name,
)
from latentscape.figures.headline import MARGIN, fit_text, measure_text, text_font
from latentscape.figures.inches import open_figure
from latentscape.figures.legend_row import Mark, measure_legend_row, write_legend_row
from latentscape.figures.render import plain
from latentscape.figures.score_rows import LONGEST_NAME, Header, measure_notes, wrap_notes, write_notes
from latentscape.figures.shown_layers import choose_evenly
from latentscape.figures.style import Style, ThemedFigure, themed
from latentscape.measures.tallies import Change

MOST_ROWS = 20
"""Rows of one block: where there are more groups, those whose difference is detected, then the largest."""
UNBOUNDED = ("log_loss",)
MIXED, POINTS, COSINE = "difference (0.1 = 10 points)", "difference in points", "difference of cosine"


def draw_comparison_changes(findings: ComparisonFindings, style: Style) -> ThemedFigure | None:
    """Differences with 95 % intervals and adjusted p, samples fixed and broken, and groups; None without any."""
    blocks = _list_blocks(findings)
    if not blocks:
        return None
    with themed(style):
        flow, marks = plan_flow(blocks), _list_marks(blocks, style)
        notes = wrap_notes(_list_notes(findings, blocks), width=flow.width)
        legend = measure_legend_row(marks, width=flow.width)
        figure, top = open_figure(
            style, _title(findings), subtitle=_subtitle(findings), stamps=list_stamps(findings),
            width=2 * MARGIN + flow.width, below=legend + flow.height + measure_notes(notes),
        )  # fmt: skip
        write_legend_row(figure, marks, left=MARGIN, top=top, width=flow.width)
        draw_flow(figure, flow, top=top + legend)
        write_notes(figure, notes, top=top + legend + flow.height)
    return figure


def _title(findings: ComparisonFindings) -> str:
    return f"{say_headline(findings)}\n{capitalize(say_outcomes(findings, findings.overall))}"


def _subtitle(findings: ComparisonFindings) -> str:
    tests = dict.fromkeys(plain(c.test, limit=60) for c in findings.overall.changes.values() if c.test)
    tested = f" Tests: {'; '.join(tests)}." if tests else ""
    judged = count_judged(findings, int(find_judged(findings).sum()))
    return (
        f"{_say_ends(findings, findings.overall)} on the same {judged}; "
        f"strokes are 95% intervals of the paired difference, p is adjusted for everything asked (Holm).{tested}"
    )


def _list_marks(blocks: Sequence[Block], style: Style) -> list[Mark]:
    """What dots mean; that neither way is better only where there is such a difference."""
    changes = [change for block in blocks if isinstance(block, ChangeBlock) for change in block.changes]
    told: list[tuple[Verdict, str]] = [("better", "detectably better"), ("worse", "detectably worse")]
    if any(judge_change(change) == "other" for change in changes):
        told.append(("other", "detectably different, neither way is better"))
    dots = {text: choose_dot(verdict, style) for verdict, text in told}
    theme = style.theme
    return [
        *(Mark(text=text, color=color, edge=color, marker=marker, line="-") for text, (color, marker) in dots.items()),
        Mark(text=VERDICTS["none"], color=theme.paper, edge=theme.muted, line="-"),
    ]


def _list_blocks(findings: ComparisonFindings) -> list[Block]:
    """The model's scores, its mistakes and layers, then the samples and groups."""
    blocks = [*_list_score_blocks(findings), *_list_steps(findings)]
    if findings.subject.n_judged:
        blocks.append(_count_outcomes(findings))
    return [*blocks, *_list_group_blocks(findings)]


def _list_score_blocks(findings: ComparisonFindings) -> list[Block]:
    changes, ends = findings.overall.changes, _say_ends(findings, findings.overall)
    own = [name for name in changes if not name.startswith((PROBE, VIOLATIONS))]
    cosines = [name for name in own if name.startswith(COSINES)]
    rest = [name for name in own if name not in (*cosines, *UNBOUNDED)]
    probes, types = ([name for name in changes if name.startswith(prefix)] for prefix in (PROBE, VIOLATIONS))
    parts = [
        (rest, Header(heading="Scores", reading=ends), POINTS if all(map(is_share, rest)) else MIXED, ""),
        (cosines, Header(heading="Similarities", reading=ends), COSINE, ""),
        ([n for n in own if n in UNBOUNDED], Header(heading="Loss", reading=f"{ends}; lower is better"), "nats", ""),
        (_choose(types, changes), Header(heading="Violations by hard-negative type",
         reading=f"{ends}; share of negatives at least as similar as the right one, lower is better"), POINTS,
         VIOLATIONS),
        ([probes[i] for i in choose_evenly(len(probes))] if probes else [],
         Header(heading="Class read from each layer", reading=f"{ends}, by a linear probe"), POINTS, PROBE),
    ]  # fmt: skip
    return [
        ChangeBlock(
            header=header, label=label, scores=names, changes=[changes[name] for name in names],
            names=[name.removeprefix(prefix) if prefix else capitalize(say_score_name(name)) for name in names],
            details=[],
        )
        for names, header, label, prefix in parts
        if names
    ]  # fmt: skip


def _list_steps(findings: ComparisonFindings) -> list[Block]:
    """The deciding score from each checkpoint to the next, where there are more than two."""
    name = findings.choice.score
    steps = [step for step in findings.consecutive if name in step.changes]
    if len(findings.checkpoints) < 3 or not steps:
        return []
    header = Header(heading=f"{capitalize(say_score_name(name))} by step", reading="from each checkpoint to the next")
    names = [_say_step(findings, step) for step in steps]
    changes = [step.changes[name] for step in steps]
    label = COSINE if name.startswith(COSINES) else POINTS if is_share(name) else "difference"
    return [
        ChangeBlock(header=header, names=names, details=[], scores=[name] * len(steps), changes=changes, label=label)
    ]


def _count_outcomes(findings: ComparisonFindings) -> OutcomeBlock:
    _, judged = noun_of(findings)
    steps = findings.steps if len(findings.checkpoints) > 2 else (findings.overall,)
    found = [sort_step(findings, step.first, step.second) for step in steps]
    return OutcomeBlock(
        header=Header(
            heading=f"{capitalize(judged)} fixed and broken",
            reading="right: wrong before and right after; left: right before and wrong after",
        ),
        names=[_say_step(findings, step) for step in steps],
        fixed=[len(each["fixed"]) for each in found],
        broken=[len(each["broken"]) for each in found],
        beside=[f"still {len(each['still wrong']):,} wrong, {len(each['still right']):,} right" for each in found],
        label=judged,
    )


def _list_group_blocks(findings: ComparisonFindings) -> list[Block]:
    """A block a grouping, its worst difference first; groupings with a single value share the last one."""
    changes = findings.overall.group_changes
    score = findings.subject.group_score
    each = {
        by: {value: change for (other, value), change in changes.items() if other == by}
        for by in dict.fromkeys(by for by, _ in changes)
    }
    single = {f"{say_grouping(by)}: {value}": own[value] for by, own in each.items() for value in own if len(own) == 1}
    several = {say_grouping(by): own for by, own in each.items() if len(own) > 1}
    blocks: list[Block] = []
    for grouping, own in (several | {"other attributes" if several else "attribute": single}).items():
        if not own:
            continue
        values = sorted(_choose(list(own), own), key=lambda value, own=own: _order(own[value]))
        header = Header(
            heading=f"{capitalize(say_score_name(score))} by {grouping}",
            reading=f"{_say_ends(findings, findings.overall)}; worst first",
        )
        blocks.append(
            ChangeBlock(
                header=header,
                names=values,
                details=[f"n = {own[value].score.n:,}" for value in values],
                scores=[score] * len(values),
                changes=[own[value] for value in values],
                label=POINTS,
            )
        )
    return blocks


def _choose(keys: Sequence[str], changes: Mapping[str, Change]) -> list[str]:
    """All while they are few, in their order; else the detected ones, then those that rest on most."""
    ranked = sorted(keys, key=lambda key: (not changes[key].is_detected, -changes[key].score.n))
    shown = set(ranked[:MOST_ROWS])
    return [key for key in keys if key in shown]


def _order(change: Change) -> tuple[bool, float]:
    value = change.score.value
    return value is None, value or 0.0


def _say_ends(findings: ComparisonFindings, step: Step) -> str:
    names = name_checkpoints(findings)
    return f"{names[step.first]} → {names[step.second]}"


def _say_step(findings: ComparisonFindings, step: Step) -> str:
    """As `_say_ends`, for the room beside a row: both names are cut, or none."""
    said, font = _say_ends(findings, step), text_font(9.0)
    if measure_text(said, font)[0] <= LONGEST_NAME:
        return said
    names, arrow = name_checkpoints(findings), " → "
    half = (LONGEST_NAME - measure_text(arrow, font)[0]) / 2
    return arrow.join(fit_text(names[i], font, width=half) for i in (step.first, step.second))


def _list_notes(findings: ComparisonFindings, blocks: Sequence[Block]) -> list[str]:
    """What is not shown, and what could not be compared."""
    overall = findings.overall
    n_probes = sum(name.startswith(PROBE) for name in overall.changes)
    notes = []
    if n_probes > len(choose_evenly(n_probes)):
        notes.append(f"Of {n_probes} layers {len(choose_evenly(n_probes))} are shown, the last two among them.")
    sizes = {by: sum(other == by for other, _ in overall.group_changes) for by, _ in overall.group_changes}
    notes += [
        f"Of {n:,} values of {say_grouping(by)} {MOST_ROWS} are shown: those with a detected difference, "
        "then the most frequent."
        for by, n in sizes.items()
        if n > MOST_ROWS
    ]
    for block in blocks:
        reasons = (
            [c.score.reason for c in block.changes if c.score.value is None] if isinstance(block, ChangeBlock) else []
        )
        if reasons:
            notes.append(f"{block.header.heading}: {len(reasons)} not measured ({reasons[0] or 'no reason given'}).")
    return notes
