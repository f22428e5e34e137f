"""What a comparison found, as the few lines a terminal shows."""

from collections.abc import Iterable

from latentscape.comparison_claims import PROBE, find_judged, order_changes, sort_step
from latentscape.comparison_findings import ComparisonFindings
from latentscape.figures.comparison_words import NO_DIFFERENCE, count_judged, say_score_name, say_sure_delta
from latentscape.figures.render import tidy
from latentscape.pages.comparison_claims_words import list_changes, list_withheld
from latentscape.pages.comparison_words import (
    answer_overfitting,
    list_stamps,
    name_of,
    say_recommended,
    say_score,
    say_test,
    say_title,
)
from latentscape.pages.spelled import warn_of_spelled

MOST_SCORES = 3
"""Scores of each checkpoint."""
MOST_DIFFERENCES = 8
MOST_CLAIMS = 8
LONGEST_NAME = 32
LONGEST_LINE = 240


def summarize_comparison(findings: ComparisonFindings) -> str:
    """Checkpoints with their scores, what differs, fixed and broken samples, claims, and which checkpoint to take."""
    step = findings.overall
    lines = [_plain(say_title(findings)), *_list_checkpoints(findings)]
    between = f"From {name_of(findings, step.first)} to {name_of(findings, step.second)}"
    lines += [_plain(f"{between} (p adjusted for all scores)"), *_list_differences(findings)]
    lines += [_say_outcomes(findings), "What changed (evidence is in the report)", *_list_claims(findings)]
    lines += [f"Take     {_plain(say_recommended(findings))}"]
    if findings.is_one_training:
        lines += [f"Trained too long?  {_plain(answer_overfitting(findings))}"]
    return "\n".join([*lines, *_account(findings)])


def _plain(text: str) -> str:
    return tidy(text, limit=LONGEST_LINE)


def _list_checkpoints(findings: ComparisonFindings) -> Iterable[str]:
    """Each checkpoint with its first scores."""
    names = [name for name in order_changes(findings, findings.overall) if not name.startswith(PROBE)][:MOST_SCORES]
    shown = [tidy(each.name, limit=LONGEST_NAME) for each in findings.checkpoints]
    width = max(map(len, shown))
    for label, answers in zip(shown, findings.answers, strict=True):
        known = [(name, answers.scores[name]) for name in names if name in answers.scores]
        told = [f"{say_score_name(name)} {say_score(name, score)}" for name, score in known]
        yield _plain_line(f"  {label:<{width}}  {', '.join(told)}")


def _plain_line(text: str) -> str:
    """A line that keeps its indentation."""
    inner = text.lstrip(" ")
    return f"{' ' * (len(text) - len(inner))}{inner[:LONGEST_LINE]}"


def _list_differences(findings: ComparisonFindings) -> Iterable[str]:
    """What differs from the first checkpoint to the last, each with its test; of what does not, the first."""
    changes = order_changes(findings, findings.overall)
    shown = [name for name in changes if changes[name].is_detected or name == findings.choice.score][:MOST_DIFFERENCES]
    if not any(change.is_detected for change in changes.values()):
        yield f"  {NO_DIFFERENCE}"
    width = max((len(tidy(say_score_name(name), limit=LONGEST_NAME)) for name in shown), default=0)
    for name in shown:
        change, label = changes[name], tidy(say_score_name(name), limit=LONGEST_NAME)
        verdict = "" if change.is_detected else f": {NO_DIFFERENCE.lower()}"
        yield f"  {label:<{width}}  {say_sure_delta(name, change.score)} ({say_test(change)}){verdict}"
    rest = [name for name in changes if name not in shown]
    detected = sum(changes[name].is_detected for name in rest)
    if detected:
        yield f"  and {detected} more that differ: see the report"
    silent = [say_score_name(name) for name in rest if not changes[name].is_detected]
    if silent and len(silent) < len(changes):
        yield _plain_line(f"  {NO_DIFFERENCE.lower()}: {tidy(', '.join(silent), limit=LONGEST_LINE)}")


def _say_outcomes(findings: ComparisonFindings) -> str:
    step, n = findings.overall, int(find_judged(findings).sum())
    found = {name: len(rows) for name, rows in sort_step(findings, step.first, step.second).items()}
    told = ", ".join(f"{found[name]:,} {name}" for name in ("fixed", "broken", "still wrong", "still right"))
    return f"Of {count_judged(findings, n)}: {told}"


def _list_claims(findings: ComparisonFindings) -> Iterable[str]:
    advice = list_changes(findings)
    for place, each in enumerate(advice[:MOST_CLAIMS], start=1):
        yield f"  {place}. {_plain(each.claim)}"
    if len(advice) > MOST_CLAIMS:
        yield f"  and {len(advice) - MOST_CLAIMS} more: see the report"
    if not advice:
        yield f"  {NO_DIFFERENCE}: no claim survives its test"
    yield from (f"  {_plain(sentence)}" for sentence in list_withheld(findings))


def _account(findings: ComparisonFindings) -> Iterable[str]:
    known = findings.accounting
    yield (
        f"Samples  {known.n_in:,} in any run = {known.n_ok:,} in all + {known.n_skipped:,} skipped + "
        f"{known.n_failed:,} failed"
    )
    for a, b in findings.same_models:
        yield f"NOTE     {_plain(f'{name_of(findings, a)} and {name_of(findings, b)} have the same weights')}"
    yield from (f"WARNING  {_plain(sentence)}" for sentence in (*list_stamps(findings), *warn_of_spelled(findings)))
