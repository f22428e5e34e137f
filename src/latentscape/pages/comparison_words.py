"""The sentences about a comparison that its report, its interactive page and the terminal share.

Scores, values and differences have the words of the pictures (`latentscape.figures.comparison_words`); checkpoints
have their full names, one line each.
"""

from collections.abc import Sequence

from latentscape.comparison_claims import find_lead
from latentscape.comparison_findings import ComparisonFindings, Step
from latentscape.figures import comparison_words as words
from latentscape.figures.comparison_words import (
    NO_DIFFERENCE,
    PROBE,
    VERDICTS,
    capitalize,
    judge_change,
    list_few,
    say_p,
    say_score_name,
    say_sure_delta,
    say_sure_value,
    say_worse,
)
from latentscape.figures.receipt_words import say_receipt
from latentscape.measures.score import Score
from latentscape.measures.tallies import Change
from latentscape.pages.escape import clean_text


def name_of(findings: ComparisonFindings, number: int) -> str:
    """A checkpoint's name, on one line."""
    return clean_text(findings.checkpoints[number].name) or "(empty)"


def _name_all(findings: ComparisonFindings) -> list[str]:
    return [name_of(findings, number) for number in range(len(findings.checkpoints))]


def name_step(findings: ComparisonFindings, step: Step) -> str:
    """Both checkpoints of a step, as a heading has them."""
    return f"{name_of(findings, step.first)} → {name_of(findings, step.second)}"


def say_title(findings: ComparisonFindings) -> str:
    """The finding in one line."""
    return words.say_headline(findings, names=_name_all(findings))


def say_score(name: str, score: Score) -> str:
    """A score with its interval, a share in percent; why there is none."""
    return f"n/a ({clean_text(score.reason)})" if score.value is None else say_sure_value(name, score)


def say_test(change: Change) -> str:
    """The adjusted p and which test it is of, or that there is none."""
    return ", ".join(filter(None, [say_p(change.adjusted), clean_text(change.test)])) or VERDICTS["untested"]


def say_change(name: str, change: Change) -> str:
    """Whether a score differs, by how much, and how sure that is."""
    label, verdict = say_score_name(name), judge_change(change)
    if change.score.value is None:
        return f"The difference in {label} can't be told: {clean_text(change.score.reason)}"
    if verdict == "untested":
        return f"Whether {label} differs was not tested: {say_sure_delta(name, change.score)}"
    told = f"{say_sure_delta(name, change.score)} ({say_test(change)})"
    if verdict == "none":
        return f"{NO_DIFFERENCE} in {label}: {told}"
    return f"{capitalize(label)} is detectably {VERDICTS[verdict]}: {told}"


def say_step(findings: ComparisonFindings, step: Step) -> str:
    """Whether a step is a detectable difference, in one line."""
    same = "Both have the same weights, byte for byte. " if (step.first, step.second) in findings.same_models else ""
    lead = find_lead(findings, step)
    return f"{same}{say_change(*lead)}." if lead else f"{same}No score was measured by which they could be compared."


def list_scores(names: Sequence[str]) -> list[str]:
    """Scores as sentences call them; those of several layers as one.

    >>> list_scores(["mrr", "linear_class_cnn", "linear_class_mlp"])
    ['MRR', 'class read from 2 layers']
    """
    probes = [name for name in names if name.startswith(PROBE)]
    if len(probes) < 2:
        return [say_score_name(name) for name in names]
    return [*(say_score_name(name) for name in names if name not in probes), f"class read from {len(probes)} layers"]


def say_choice(findings: ComparisonFindings) -> str:
    """Which checkpoint is best, and which others can't be told from it."""
    return words.say_choice(findings, names=_name_all(findings))


def say_recommended(findings: ComparisonFindings) -> str:
    """Which checkpoint to take, and by how much those that can't be told from it differ."""
    choice, name = findings.choice, findings.choice.score
    told = f"{say_choice(findings)}."
    if not words.name_best(findings) or not choice.rivals:
        return told
    gaps = [
        f"{name_of(findings, number)} {say_sure_delta(name, choice.against_best[number].score)}"
        for number in choice.rivals
    ]
    n_others = len(findings.checkpoints) - 1
    rest = "any will do" if n_others > 1 else "either will do"
    if len(gaps) < n_others:
        rest = "the other is detectably worse" if n_others - len(gaps) == 1 else "the others are detectably worse"
    return f"{told} Against it: {list_few(gaps)}; {rest}."


def say_overfitting(findings: ComparisonFindings) -> str:
    """That the last checkpoint was trained too long; empty where that can't be said."""
    return words.say_overfitting(findings, names=_name_all(findings))


def answer_overfitting(findings: ComparisonFindings) -> str:
    """Whether the last checkpoint was trained too long, as an answer."""
    choice, last = findings.choice, len(findings.checkpoints) - 1
    name, label = choice.score, say_score_name(choice.score)
    final, best = name_of(findings, last), name_of(findings, choice.recommended)
    if choice.overfitting is not None:
        told = f"{say_sure_delta(name, choice.overfitting.score)}, {say_test(choice.overfitting)}"
        return f"Yes: {say_worse(name, final, than=best)} ({told})."
    if not words.name_best(findings):
        return f"{say_choice(findings)}."
    if choice.recommended == last:
        return f"No: the last checkpoint, {final}, has the best {label}."
    return (
        f"Not detectably: the last checkpoint, {final}, differs from {best} in {label} by "
        f"{say_sure_delta(name, choice.against_best[last].score)}, which chance can explain."
    )


def list_receipts(findings: ComparisonFindings) -> list[str]:
    """The weight receipt of every checkpoint, a line each."""
    receipts = [say_receipt(checkpoint.model) for checkpoint in findings.checkpoints]
    return [f"{name_of(findings, i)}. {receipt}" for i, receipt in enumerate(receipts) if receipt]


def list_stamps(findings: ComparisonFindings) -> list[str]:
    """Every warning that a checkpoint's pictures must carry, with the checkpoints it is about."""
    return [clean_text(stamp) for stamp in words.list_stamps(findings, names=_name_all(findings))]
