"""What the numbers of an embeddings study answer, by rules, and no more than they answer."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from latentscape.figures.rank_words import find_others, say_easier
from latentscape.figures.words import say_share
from latentscape.findings import EmbeddingsFindings
from latentscape.measures.minimal_pairs import TypeEffect
from latentscape.measures.scales import Check, describe_margin, describe_separation
from latentscape.measures.score import Score
from latentscape.pages.report import Paragraph
from latentscape.pages.words import SMALL, count, share_with_interval, value_with_interval

REPEATS = ("repeated_query", "shared_positive", "repeated_row", "repeated_negative", "repeated_document")
"""Defects that are copies: they are counted once here, and nothing is wrong with them."""


def conclude_embeddings(findings: EmbeddingsFindings, checks: Sequence[Check]) -> tuple[Paragraph, ...]:
    """The three questions and their answers; of the data alone where no head was trained."""
    if not findings.is_trained:
        return (
            Paragraph(lead="Are the data sound?", text=_join(_answer_sound(findings))),
            Paragraph(lead="How hard are they for the encoder alone?", text=_join(_answer_hard(findings))),
            Paragraph(lead="What should be mended before training?", text=_answer_mend(findings)),
        )
    return (
        Paragraph(lead="What did it learn?", text=_join(_answer_learned(findings))),
        Paragraph(lead="Does it generalize?", text=_join(_answer_generalizes(findings))),
        Paragraph(lead="Where can it be improved?", text=_join(_answer_improve(findings, checks))),
    )


def find_worst_query(findings: EmbeddingsFindings) -> int | None:
    """The query whose best right document ranks lowest; None where no query misses."""
    ranks = findings.ranking.best_rank
    return int(np.argmax(ranks)) if len(ranks) and ranks.max() > 1 else None


def list_failing(checks: Sequence[Check]) -> str:
    """How many lines of the checklist fail, and which; empty without a checklist."""
    failing = [check.sentence for check in checks if check.passed is False]
    n_unknown, n_checks = sum(check.passed is None for check in checks), count(len(checks), "published check")
    unknown = f"{n_unknown} could not be measured." if n_unknown else ""
    if failing:
        return _join([f"Of {n_checks} for readiness {len(failing)} fail.", *failing, unknown])
    return f"It passes {len(checks) - n_unknown} of {n_checks} for readiness. {unknown}".strip() if checks else ""


def _join(sentences: Iterable[str]) -> str:
    return " ".join(filter(None, sentences))


def _answer_learned(findings: EmbeddingsFindings) -> Iterable[str]:
    yield _say_margin(findings.scores)
    yield _say_ranks(findings)
    yield _say_types(findings)


def _say_margin(scores: Mapping[str, Score]) -> str:
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


def _say_ranks(findings: EmbeddingsFindings) -> str:
    """How often a right document comes first, and how often among documents that are right for somebody."""
    hit, alone = findings.scores.get("hit_at_1"), findings.scores.get("hit_at_1_without_hard")
    if hit is None or hit.value is None:
        return ""
    without = "" if alone is None or alone.value is None else f", {say_share(alone.value)} {say_easier(findings)}"
    n = count(len(findings.documents), "document")
    return f"Among {n} a right one comes first for {share_with_interval(hit)} of the queries{without}."


def _say_types(findings: EmbeddingsFindings) -> str:
    """Which mistake moves a document farthest and which least, where their intervals part."""
    effects = findings.importance.effects if findings.importance else ()
    known = [(each.effect.value, each) for each in effects if each.effect.value is not None]
    if len(known) < 2:
        return ""
    (_, most), (_, least) = max(known, key=lambda pair: pair[0]), min(known, key=lambda pair: pair[0])
    if most.effect.low is None or least.effect.high is None or most.effect.low <= least.effect.high:
        return "No type of mistake moves documents detectably farther than another."
    return f"A wrong {_name_effect(most)} moves a document farthest, a wrong {_name_effect(least)} least."


def _name_effect(effect: TypeEffect) -> str:
    return f"{effect.type} ({value_with_interval(effect.effect)})"


def _answer_generalizes(findings: EmbeddingsFindings) -> Iterable[str]:
    mrr, n = findings.scores.get("mrr"), len(findings.queries)
    yield f"MRR is {value_with_interval(mrr)} among {count(len(findings.documents), 'document')}." if mrr else ""
    yield _say_trained(findings)
    yield _say_others(findings)
    yield "Among more documents ranks get worse."
    yield _say_few(n)


def _say_trained(findings: EmbeddingsFindings) -> str:
    """What is known of queries that were trained on."""
    n = count(len(findings.queries), "query", "queries")
    if not findings.train_compared:
        return (
            f"The numbers come from {n}; they speak for new ones if none of these was trained on, which is not "
            "recorded here."
        )
    out, shared = (findings.defect_counts.get(f"trained_{what}", 0) for what in ("query", "document"))
    left = f"{count(out, 'query', 'queries')} of the training file {'was' if out == 1 else 'were'} left out"
    heard = f", though {count(shared, 'document was', 'documents were')} in it too" if shared else ""
    return f"The numbers come from {n} that the training file does not have ({left}){heard}."


def _say_others(findings: EmbeddingsFindings) -> str:
    """What is not known of a corpus: somebody looked at a few of its documents only."""
    n = find_others(findings)
    if not n:
        return ""
    whole = count(len(findings.documents), "document")
    are, they = ("is", "it counts") if n == 1 else ("are", "they count")
    return f"{n:,} of {whole} {are} neither right nor declared wrong for any of these queries; {they} as wrong."


def _say_few(n: int) -> str:
    return f"With only {count(n, 'query', 'queries')} every share is rough: read the intervals." if n < SMALL else ""


def _answer_improve(findings: EmbeddingsFindings, checks: Sequence[Check]) -> Iterable[str]:
    yield _count_missed(findings)
    yield _judge_hard_negatives(findings.scores)
    yield _say_mined(findings.scores)
    yield list_failing(checks)
    yield _count_claims(findings)
    yield _name_lost(findings)


def _count_missed(findings: EmbeddingsFindings) -> str:
    ranks = findings.ranking.best_rank
    n_missed, n_asked = int(np.sum(ranks > 1)), int(np.sum(ranks > 0))
    if not n_missed:
        return f"None of {count(n_asked, 'query', 'queries')} misses the first place."
    return f"{n_missed:,} of {count(n_asked, 'query', 'queries')} find a wrong document first."


def _judge_hard_negatives(scores: Mapping[str, Score]) -> str:
    hard, margin = scores.get("margin_hard"), scores.get("margin")
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


def _say_mined(scores: Mapping[str, Score]) -> str:
    mined = scores.get("margin_mined")
    if mined is None or mined.value is None:
        return ""
    return f"Against each query's hardest wrong document the margin is {value_with_interval(mined)}."


def _count_claims(findings: EmbeddingsFindings) -> str:
    n = len(findings.improvements.found)
    return f"{count(n, 'thing')} to do, by what {'it' if n == 1 else 'each'} can gain, below." if n else ""


def _name_lost(findings: EmbeddingsFindings) -> str:
    n = len(findings.accounting.failed)
    return f"{count(n, 'input')} could not be used: see Model info." if n else ""


def _answer_sound(findings: EmbeddingsFindings) -> Iterable[str]:
    """What is wrong with the file, copies apart."""
    faults = {kind: n for kind, n in findings.defect_counts.items() if n and kind not in REPEATS}
    copies = sum(findings.defect_counts.get(kind, 0) for kind in REPEATS)
    if faults:
        named = ", ".join(f"{kind.replace('_', ' ')} {n:,}" for kind, n in faults.items())
        yield f"{count(sum(faults.values()), 'defect')} to look at: {named}."
    else:
        yield "No defect was found."
    yield f"{count(copies, 'copy is', 'copies are')} counted once." if copies else ""
    yield _say_few(len(findings.queries))


def _answer_hard(findings: EmbeddingsFindings) -> Iterable[str]:
    """Whether the pairs leave anything to learn."""
    hit, hard = findings.scores.get("hit_at_1"), findings.scores.get("margin_hard")
    yield "No head was trained: the numbers are those of the encoder alone."
    if hit is not None and hit.value is not None:
        yield f"A right document comes first for {share_with_interval(hit)} of the queries already."
    if hard is None or hard.value is None:
        yield "There are no hard negatives to learn from." if not any(map(len, findings.hard_negatives)) else ""
    elif hard.low is not None and hard.low > 0:
        yield f"Hard negatives are farther than right documents on average ({value_with_interval(hard)})."
    else:
        yield f"Hard negatives are as near as right documents ({value_with_interval(hard)}): they leave much to learn."


def _answer_mend(findings: EmbeddingsFindings) -> str:
    told = [_count_claims(findings), _name_lost(findings)]
    return _join(told) or "Nothing that these numbers show."
