"""What a comparison of checkpoints answers, by rules, and no more than the numbers answer."""

from collections.abc import Iterable

from latentscape.comparison_claims import PROBE, find_judged, find_lead, find_motion, order_changes, sort_step
from latentscape.comparison_findings import ComparisonFindings, TrackedLayer
from latentscape.figures.comparison_words import (
    FEW_NAMES,
    NO_DIFFERENCE,
    capitalize,
    count_judged,
    list_few,
    noun_of,
    say_score_name,
    say_shapes,
    say_sure_delta,
)
from latentscape.figures.words import say_number, say_share
from latentscape.pages.comparison_words import (
    answer_overfitting,
    list_scores,
    name_of,
    name_step,
    say_change,
    say_recommended,
    say_score,
)
from latentscape.pages.report import Paragraph
from latentscape.pages.words import SMALL, count

SAME = 0.9999
"""From this CKA on a layer is called unchanged."""
MOST_OTHERS = 5
"""Other scores named in a sentence."""


def conclude_comparison(findings: ComparisonFindings) -> tuple[Paragraph, ...]:
    """Four questions and their answers."""
    lead = findings.choice.score
    answers = {
        "What changed?": (
            _join([*_say_scores(findings), _say_outcomes(findings), _say_layers(findings)]),
            (lead, "cka"),
        ),
        "Is it real?": (_join([*_say_real(findings), _say_few(findings)]), (f"{lead}_delta",)),
        "Which checkpoint to take?": (
            f"{say_recommended(findings)} It was chosen on these {noun_of(findings)[1]}, so on new ones expect "
            "a little less.",
            ("checkpoint_choice",),
        ),
    }
    if findings.is_one_training:
        answers["Was it trained too long?"] = (answer_overfitting(findings), ())
    return tuple(Paragraph(lead=question, text=text, measures=named) for question, (text, named) in answers.items())


def _join(sentences: Iterable[str]) -> str:
    return " ".join(filter(None, sentences))


def _say_scores(findings: ComparisonFindings) -> Iterable[str]:
    """The score that decides, at both ends."""
    step = findings.overall
    name, ends = findings.choice.score, (step.first, step.second)
    scores = [findings.answers[number].scores.get(name) for number in ends]
    told = [
        f"{say_score(name, score)} at {name_of(findings, number)}"
        for score, number in zip(scores, ends, strict=True)
        if score is not None
    ]
    if told:
        yield f"{capitalize(say_score_name(name))} is {' and '.join(told)}."
    if not any(change.is_detected for change in step.changes.values()):
        yield f"{NO_DIFFERENCE} between the two in any score."


def _say_outcomes(findings: ComparisonFindings) -> str:
    """How many samples were fixed and broken, and how many have left their neighbors."""
    step, n = findings.overall, int(find_judged(findings).sum())
    found = {name: len(rows) for name, rows in sort_step(findings, step.first, step.second).items()}
    told = (
        f"Of {count_judged(findings, n)} {found['fixed']:,} {'was' if found['fixed'] == 1 else 'were'} fixed, "
        f"{found['broken']:,} broken, and {found['still wrong']:,} are still wrong."
    )
    shown = say_shapes(findings)
    return f"{told} In {findings.main_layer}, {shown}." if shown else told


def _say_layers(findings: ComparisonFindings) -> str:
    """Which layer moved most and least, from the first checkpoint to the last."""
    ends = findings.overall.first, findings.overall.second
    measured = [(value, layer) for layer in findings.layers if (value := _similarity(layer, ends)) is not None]
    if not measured:
        return ""
    low, most = min(measured, key=lambda pair: pair[0])
    high, least = max(measured, key=lambda pair: pair[0])
    if low >= SAME:
        return (
            f"Turned and scaled as a whole, {'no layer differs' if len(measured) > 1 else f'{most.name} is the same'}."
        )
    motion = find_motion(findings, findings.overall)
    share = motion.overlap.value if motion is not None else None
    near = f" In {findings.main_layer} samples keep {say_share(share)} of their neighbors." if share is not None else ""
    if say_number(low) == say_number(high):
        whom = "Every layer" if len(measured) > 1 else f"The layer {most.name}"
        return f"{whom} has a CKA of {say_number(low)} with itself before (1: unchanged).{near}"
    return (
        f"The layer that moved most is {most.name} (CKA {say_number(low)} with itself before; 1: unchanged), least "
        f"{least.name} ({say_number(high)}).{near}"
    )


def _similarity(layer: TrackedLayer, ends: tuple[int, int]) -> float | None:
    score = layer.drift.similarity.get(ends)
    return None if score is None else score.value


def _say_real(findings: ComparisonFindings) -> Iterable[str]:
    """The overall difference with its test, the other scores, and in which steps it is seen."""
    lead = find_lead(findings, findings.overall)
    if lead is None:
        yield "Nothing could be compared."
        return
    name, change = lead
    yield f"{'Yes. ' if change.is_detected else ''}{say_change(name, change)}."
    if not change.is_detected and change.score.low is not None:
        yield "Any difference inside of this interval agrees with the data."
    yield from _say_others(findings, name)
    if len(findings.consecutive) > 1:
        yield _say_steps(findings)


def _say_others(findings: ComparisonFindings, lead: str) -> Iterable[str]:
    """The other scores: which differ, and of which that can't be said."""
    others = {name: change for name, change in order_changes(findings, findings.overall).items() if name != lead}
    detected = list_scores([name for name, change in others.items() if change.is_detected])
    silent = list_scores([name for name, change in others.items() if not change.is_detected])
    if detected:
        yield f"Detected as well: {list_few(detected, most=MOST_OTHERS)}."
    if silent:
        either = "" if detected else " either"
        yield f"{NO_DIFFERENCE} in {list_few(silent, most=MOST_OTHERS)}{either}."
    yield "Each p is adjusted for all scores that were asked about (Holm)."


def _say_steps(findings: ComparisonFindings) -> str:
    """In which steps the score that decides differs."""
    steps = [(step, lead) for step in findings.consecutive if (lead := find_lead(findings, step)) is not None]
    detected = [(step, lead) for step, lead in steps if lead[1].is_detected]
    label = say_score_name(findings.choice.score)
    if not detected:
        return f"Step by step, no difference in {label} is detectable."
    told = [
        f"{name_step(findings, step)} {say_sure_delta(name, change.score)}"
        for step, (name, change) in detected[:FEW_NAMES]
    ]
    more = f" and {len(detected) - FEW_NAMES} more" if len(detected) > FEW_NAMES else ""
    how_many = "every step" if len(detected) == len(steps) else f"{len(detected)} of {count(len(steps), 'step')}"
    return f"In {how_many} a difference in {label} is detectable: {'; '.join(told)}{more}."


def _say_few(findings: ComparisonFindings) -> str:
    n = int(find_judged(findings).sum())
    return f"With only {count_judged(findings, n)} none but large differences can be detected." if n < SMALL else ""


def name_probe(layer: TrackedLayer) -> str:
    """The score of a layer's linear probe."""
    return f"{PROBE}{layer.name}"
