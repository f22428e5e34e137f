"""The study in a few lines, filled in, to be pasted into a message or a log."""

from collections.abc import Iterable, Sequence

from latentscape.figures.rank_words import say_easier
from latentscape.findings import EmbeddingsFindings
from latentscape.measures.scales import Check, describe_margin, describe_separation
from latentscape.measures.score import Score
from latentscape.pages.embeddings_improve import list_advice
from latentscape.pages.words import count, share_with_interval, value_of, value_with_interval

MOST_STEPS = 5
"""Claims and actions repeated in the summary."""


def summarize_to_paste(findings: EmbeddingsFindings, checks: Sequence[Check]) -> tuple[str, ...]:
    """What was studied, similarities, ranks, mistakes, data, readiness and what to do next, a line each."""
    lines = (
        _say_model(findings),
        _say_similarity(findings),
        _say_margins(findings),
        _say_ranks(findings),
        _say_types(findings),
        _say_data(findings),
        _say_readiness(checks),
        *_say_next(findings),
    )
    return tuple(filter(None, lines))


def _say_model(findings: EmbeddingsFindings) -> str:
    model, trained = findings.model, "" if findings.is_trained else "no trained head"
    n = count(len(findings.queries), "query", "queries")
    size = f"{n} against {count(len(findings.documents), 'document')}"
    about = [model.checkpoint, f"SHA-256 {model.sha256[:12]}" if model.sha256 else "", trained]
    origin = ", ".join(filter(None, about))
    return f"Model: {model.name}{f' ({origin})' if origin else ''}; {size}."


def _get(findings: EmbeddingsFindings, name: str) -> Score | None:
    """A score that has a value."""
    score = findings.scores.get(name)
    return score if score is not None and score.value is not None else None


def _say_similarity(findings: EmbeddingsFindings) -> str:
    endings = {"right": ("positive_mean", "positive_sd"), "other": ("negative_mean", "negative_sd")}
    endings |= {
        "hard": ("negative_mean_hard", "negative_sd_hard"),
        "hardest": ("negative_mean_mined", "negative_sd_mined"),
    }
    told = []
    for label, (mean_name, deviation_name) in endings.items():
        mean, deviation = _get(findings, mean_name), _get(findings, deviation_name)
        if mean is not None:
            spread = f" ± {value_of(deviation, digits=4)}" if deviation else ""
            told.append(f"{label} {value_of(mean, digits=4)}{spread}")
    return f"Cosines: {', '.join(told)}." if told else ""


def _say_margins(findings: EmbeddingsFindings) -> str:
    return _list(
        "Margins",
        [
            _say_word("margin", _get(findings, "margin")),
            _say_word("separation", _get(findings, "separation")),
            _say("against hard negatives", _get(findings, "margin_hard")),
            _say("against the hardest", _get(findings, "margin_mined")),
        ],
    )


def _say_word(name: str, score: Score | None) -> str:
    if score is None or score.value is None:
        return ""
    if name == "margin":
        return f"margin {value_with_interval(score)} ({describe_margin(score.value)})"
    return f"separation {score.value:.2f}σ ({describe_separation(score.value)})"


def _say(label: str, score: Score | None) -> str:
    return "" if score is None else f"{label} {value_with_interval(score)}"


def _list(lead: str, parts: Iterable[str]) -> str:
    told = ", ".join(filter(None, parts))
    return f"{lead}: {told}." if told else ""


def _say_ranks(findings: EmbeddingsFindings) -> str:
    names = {"mrr": "MRR", "recall_at_10": "recall@10", "ndcg_at_10": "nDCG@10"}
    hit, alone = _get(findings, "hit_at_1"), _get(findings, "hit_at_1_without_hard")
    told = [f"hit@1 {share_with_interval(hit)}" if hit else ""]
    told += [f"{say_easier(findings)} {share_with_interval(alone)}" if alone else ""]
    return _list("Ranks", [*told, *(_say(label, _get(findings, name)) for name, label in names.items())])


def _say_types(findings: EmbeddingsFindings) -> str:
    """What a wrong detail of each type costs, the most first, with how often it goes unseen."""
    if findings.importance is None:
        return ""
    told = []
    for each in findings.importance.effects:
        if each.effect.value is not None:
            unseen = f" ({each.violations.value:.0%} unseen)" if each.violations.value is not None else ""
            told.append(f"{each.type} {value_of(each.effect)}{unseen}")
    return _list("Cost of a wrong detail in cosine", told)


def _say_data(findings: EmbeddingsFindings) -> str:
    counts = {kind: n for kind, n in findings.defect_counts.items() if n}
    raw, hit = findings.raw_scores.get("hit_at_1"), _get(findings, "hit_at_1")
    told = ", ".join(f"{kind.replace('_', ' ')} {n:,}" for kind, n in counts.items())
    compared = f"; hit@1 with every row at its word {share_with_interval(raw)}" if raw and hit else ""
    return f"Data: {told or 'no defects found'}{compared}."


def _say_readiness(checks: Sequence[Check]) -> str:
    if not checks:
        return ""
    passed, failing = sum(check.passed is True for check in checks), [c.name for c in checks if c.passed is False]
    fails = f"; fails: {', '.join(failing)}" if failing else ""
    return f"Readiness: {passed} of {len(checks)} pass{fails}."


def _say_next(findings: EmbeddingsFindings) -> Iterable[str]:
    for place, advice in enumerate(list_advice(findings)[:MOST_STEPS], start=1):
        yield f"Next {place}: {advice.claim}. {advice.action}"
