"""What the numbers of an embeddings study answer, by rules, and no more than they answer."""

from collections.abc import Mapping, Sequence

import numpy as np

from latentscape.findings import EmbeddingsFindings
from latentscape.measures.scales import Check, describe_margin, describe_separation
from latentscape.measures.score import Score
from latentscape.pages.report import Paragraph
from latentscape.pages.words import SMALL, count, value_with_interval


def conclude_embeddings(findings: EmbeddingsFindings, checks: Sequence[Check]) -> tuple[Paragraph, ...]:
    """The three questions and their answers."""
    return (
        Paragraph(lead="What did it learn?", text=_answer_learned(findings.scores)),
        Paragraph(lead="Does it generalize?", text=_answer_generalizes(findings)),
        Paragraph(lead="Where can it be improved?", text=_answer_improve(findings, checks)),
    )


def find_worst_query(findings: EmbeddingsFindings) -> int | None:
    """The query whose best right document ranks lowest; None where no query misses."""
    ranks = findings.ranking.best_rank
    return int(np.argmax(ranks)) if len(ranks) and ranks.max() > 1 else None


def _answer_learned(scores: Mapping[str, Score]) -> str:
    margin, separation = scores.get("margin"), scores.get("separation")
    if margin is None or margin.value is None:
        return f"That can't be said: {margin.reason if margin else 'the margin was not measured'}."
    told = f"the margin is {value_with_interval(margin)}"
    if margin.low is None or margin.high is None:
        return f"In this run {told}; without an interval that may be chance."
    if margin.low <= 0 <= margin.high:
        return f"No detectable difference between right and other documents: {told}, and its interval spans 0."
    if margin.high < 0:
        return f"The wrong thing: right documents are farther from their queries than others; {told}."
    words = [f"{told} ({describe_margin(margin.value)})", *_word_separation(separation)]
    return f"It places queries closer to their right documents than to others: {', '.join(words)}."


def _word_separation(separation: Score | None) -> list[str]:
    if separation is None or separation.value is None:
        return []
    return [f"the separation {separation.value:.2f}σ ({describe_separation(separation.value)})"]


def _answer_generalizes(findings: EmbeddingsFindings) -> str:
    mrr, n = findings.scores.get("mrr"), len(findings.queries)
    told = [
        f"MRR is {value_with_interval(mrr)} among {count(len(findings.documents), 'document')}." if mrr else "",
        f"The numbers come from {count(n, 'query', 'queries')}; they speak for new ones if none of these was trained "
        "on, which is not recorded here. Among more documents ranks get worse.",
        f"With only {count(n, 'query', 'queries')} every share is rough: read the intervals." if n < SMALL else "",
    ]
    return " ".join(filter(None, told))


def _answer_improve(findings: EmbeddingsFindings, checks: Sequence[Check]) -> str:
    told = [_count_missed(findings), _judge_hard_negatives(findings.scores), _list_failing(checks)]
    return " ".join(filter(None, [*told, _name_lost(findings)]))


def _count_missed(findings: EmbeddingsFindings) -> str:
    ranks = findings.ranking.best_rank
    n_missed, n_asked = int(np.sum(ranks > 1)), int(np.sum(ranks > 0))
    if not n_missed:
        return f"None of {count(n_asked, 'query', 'queries')} misses the first place."
    return f"{n_missed:,} of {count(n_asked, 'query', 'queries')} find a wrong document first."


def _judge_hard_negatives(scores: Mapping[str, Score]) -> str:
    hard, margin = scores.get("hard_margin"), scores.get("margin")
    if hard is None or hard.value is None or hard.low is None or hard.high is None:
        return ""
    told = f"the hard margin is {value_with_interval(hard)}"
    if hard.low <= 0 <= hard.high:
        return f"It has no detectable way to tell right documents from hard negatives: {told}."
    if hard.high < 0:
        return f"Hard negatives lie closer to queries than right documents do: {told}."
    if margin is not None and margin.value is not None and hard.high < margin.value:
        return f"Hard negatives are where it is weaker: {told}, against {margin.value:.3f} over all other documents."
    return f"Hard negatives are no detectably harder than other documents: {told}."


def _list_failing(checks: Sequence[Check]) -> str:
    failing = [check.sentence for check in checks if check.passed is False]
    n_unknown, n_checks = sum(check.passed is None for check in checks), count(len(checks), "published check")
    unknown = f"{n_unknown} could not be measured." if n_unknown else ""
    if failing:
        return " ".join([f"Of {n_checks} for readiness {len(failing)} fail.", *failing, unknown]).strip()
    return f"It passes {len(checks) - n_unknown} of {n_checks} for readiness. {unknown}".strip() if checks else ""


def _name_lost(findings: EmbeddingsFindings) -> str:
    n = len(findings.accounting.failed)
    return f"{count(n, 'input')} could not be used: see the list above." if n else ""
