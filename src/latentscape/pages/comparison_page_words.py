"""What the interactive page of a comparison alone says: its facts, and the rows of its lists of differences."""

from latentscape.comparison_claims import order_changes
from latentscape.comparison_findings import ComparisonFindings, Step
from latentscape.figures.comparison_words import (
    RECOMMENDED,
    VERDICTS,
    capitalize,
    judge_change,
    name_best,
    noun_of,
    say_grouping,
    say_p,
    say_score_name,
    say_sure_delta,
)
from latentscape.measures.tallies import Change
from latentscape.pages.comparison_words import say_choice
from latentscape.pages.escape import clean_text

MOST_GROUPS = 60


def list_changes(findings: ComparisonFindings, step: Step) -> list[list[str]]:
    """For each score compared its name, the difference, the adjusted p, and the verdict as a key and in words.

    The score that the step is judged by comes first.
    """
    changes = order_changes(findings, step)
    return [[capitalize(say_score_name(name)), *_describe_change(name, change)] for name, change in changes.items()]


def list_group_changes(findings: ComparisonFindings, step: Step) -> list[list[str]]:
    """The same for each group of samples, the surest differences first; of very many groups the first."""
    lead = findings.subject.group_score
    sure = sorted(step.group_changes.items(), key=lambda item: 2.0 if item[1].adjusted is None else item[1].adjusted)
    return [
        [f"{say_grouping(by, is_drawn=False)}: {clean_text(value)}", *_describe_change(lead, change)]
        for (by, value), change in sure[:MOST_GROUPS]
    ]


def _describe_change(name: str, change: Change) -> list[str]:
    verdict = judge_change(change)
    return [say_sure_delta(name, change.score), say_p(change.adjusted) or "no p", verdict, VERDICTS[verdict]]


def describe_study(findings: ComparisonFindings) -> dict[str, str]:
    """The facts under the headline."""
    subject, kept = findings.subject, findings.accounting
    facts = {noun_of(findings)[1]: f"{subject.n_judged:,}"}
    if subject.study == "embeddings":
        facts["points"] = f"{len(subject.ids):,}"
    if kept.n_in != kept.n_ok:
        facts["left out"] = f"{kept.n_in - kept.n_ok:,} of {kept.n_in:,}"
    return {**facts, name_best(findings) or RECOMMENDED: say_choice(findings)}
