"""The ranked list of what to improve in a retriever and its data, in words: claim, evidence, action, queries."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from latentscape.figures.render import cut
from latentscape.figures.words import say_number, say_share
from latentscape.findings import EmbeddingsFindings, Improvement
from latentscape.measures.response import ResponseCurve
from latentscape.measures.score import Score
from latentscape.pages.advice import Told, tell_advice, tell_withheld
from latentscape.pages.latents_tables import say_p
from latentscape.pages.report import Advice
from latentscape.pages.words import count, share_with_interval, value_with_interval

MOST_NAMES = 5
"""Types and documents named in a sentence; the rest is counted."""


def list_advice(findings: EmbeddingsFindings) -> tuple[Advice, ...]:
    """Every improvement of the findings, told; in their order."""
    return tell_advice(findings.improvements, findings, KINDS)


def list_withheld(findings: EmbeddingsFindings) -> tuple[str, ...]:
    """What could not be judged, and why, a sentence each."""
    return tell_withheld(findings.improvements, SUBJECTS)


def _count_of(improvement: Improvement, kind: str) -> int:
    """How many defects of a kind a fact counts."""
    score = improvement.scores.get(kind)
    return 0 if score is None else score.n


def _tell_trained(improvement: Improvement, findings: EmbeddingsFindings) -> Told:
    n, shared = _count_of(improvement, "trained_query"), findings.defect_counts.get("trained_document", 0)
    documents = (
        f" {count(shared, 'document was', 'documents were')} in the training file too and stay in." if shared else ""
    )
    return (
        f"{count(n, 'query', 'queries')} of the test file {'was' if n == 1 else 'were'} trained on",
        f"The training file has {'its' if n == 1 else 'their'} text or a near copy of it, so what the model does there "
        f"is memory. All numbers leave {'it' if n == 1 else 'them'} out.{documents}",
        "Remove them from the test file, or split by listing and train again.",
    )


def _tell_false_negatives(improvement: Improvement, findings: EmbeddingsFindings) -> Told:
    own, other = (_count_of(improvement, f"negative_is_{whose}_positive") for whose in ("own", "other"))
    parts = [f"{own:,} for the very query they are listed under" if own else ""]
    parts += [f"{other:,} for another query" if other else ""]
    verb = "is a right document" if own + other == 1 else "are right documents"
    return (
        f"{count(own + other, 'hard negative')} {verb}",
        f"The same text is declared right: {' and '.join(filter(None, parts))}. They are left out of the hard "
        "negatives here; a training loss would push right documents away.",
        f"Remove or replace {'it' if own + other == 1 else 'them'} before training{_refer(findings)}.",
    )


def _tell_near_copies(improvement: Improvement, findings: EmbeddingsFindings) -> Told:
    forms = {
        "near_copy_of_positive": "hard negatives that nearly equal a right document of their query",
        "near_copy_of_query": "queries that nearly equal an earlier one",
        "near_copies": "documents that nearly equal another one",
    }
    parts = [f"{n:,} {words}" for kind, words in forms.items() if (n := _count_of(improvement, kind))]
    total = sum(_count_of(improvement, kind) for kind in forms)
    return (
        f"{count(total, 'text is', 'texts are')} another one in a different spelling",
        f"{', '.join(parts)[:1].upper()}{', '.join(parts)[1:]}: they differ only in case, accents, punctuation "
        "or the order of phrases. A near copy of a right document counts neither as right nor as wrong here.",
        f"Keep one spelling of each, and change a negative until something in it is wrong{_refer(findings)}.",
    )


def _tell_idle_weights(improvement: Improvement, findings: EmbeddingsFindings) -> Told:
    n, n_hard = _count_of(improvement, "zero_weight"), sum(map(len, findings.hard_negatives))
    share = "all" if n >= n_hard else say_share(n / max(n_hard, 1))
    file = " whatever the weight file says" if findings.weights else ""
    return (
        "The weights of the hard negatives do nothing",
        f"{count(n, 'hard negative')} ({share} of them) {'has' if n == 1 else 'have'} the weight 0 in the data: a loss "
        f"that multiplies by it ignores {'it' if n == 1 else 'them'},{file or ' as it is'}.",
        "Write the combined weight of its types into each hard negative, or leave the field out.",
    )


def _tell_undeclared(improvement: Improvement, findings: EmbeddingsFindings) -> Told:
    n = _count_of(improvement, "undeclared_type")
    return (
        f"{count(n, 'hard negative')} {'has' if n == 1 else 'have'} a type that the weight file does not declare",
        f"Undeclared: {_name_few(improvement.subject) or 'not recorded'}. What such a mistake should cost is left to "
        "the trainer's default.",
        f"Declare {'it' if len(improvement.subject) == 1 else 'them'}, or correct the names{_refer(findings)}.",
    )


def _tell_shared(improvement: Improvement, _: EmbeddingsFindings) -> Told:
    shared, raw, clean = (improvement.scores.get(name) for name in ("shared", "raw", "clean"))
    n = 0 if shared is None else shared.n
    told = ""
    if raw is not None and clean is not None and share_with_interval(raw) != share_with_interval(clean):
        told = (
            f" With every row at its word hit@1 would be {share_with_interval(raw)}, not {share_with_interval(clean)}."
        )
    verb = "is right for several queries" if n == 1 else "are right for several queries each"
    return (
        f"{count(n, 'document')} {verb}",
        f"{say_share(improvement.stake)} of the queries share their right document with another query. Here equal "
        f"texts are one document; as each other's in-batch negatives they would be wrong answers.{told}",
        "Train with a loss that masks equal documents in a batch, or draw batches in which none occurs twice.",
    )


def _tell_ignored_type(improvement: Improvement, _: EmbeddingsFindings) -> Told:
    name, violations, difference = _read_type(improvement)
    return (
        f"A wrong {name} is not seen",
        f"{share_with_interval(violations)} of the {count(violations.n, 'hard negative')} wrong in {name} alone are at "
        f"least as similar to the query as the right document, and on average they are only "
        f"{value_with_interval(difference)} farther{_p(improvement)}.",
        f"Add pairs that differ in {name} alone and raise its weight; check that queries name it at all.",
    )


def _tell_violated_types(improvement: Improvement, _: EmbeddingsFindings) -> Told:
    rates = [f"{share_with_interval(score)} of {score.n:,} for {name}" for name, score in improvement.scores.items()]
    return (
        f"A wrong {_join_names(improvement.subject)} is overlooked too often",
        "Share of hard negatives wrong in one thing alone that are at least as similar to the query as the right "
        f"document: {', '.join(rates)}{_p(improvement)}. On average they are farther, so it is seen, but not enough.",
        "Look at the queries below for what they have in common, and add hard negatives like theirs.",
    )


def _read_type(improvement: Improvement) -> tuple[str, Score, Score]:
    return improvement.subject[0], improvement.scores["violations"], improvement.scores["difference"]


def _tell_overrated(improvement: Improvement, _: EmbeddingsFindings) -> Told:
    return _tell_weight(improvement, "Raise the share of pairs that differ in {name} alone, or its weight in the loss.")


def _tell_underrated(improvement: Improvement, _: EmbeddingsFindings) -> Told:
    return _tell_weight(improvement, "Let fewer negatives be wrong in {name} alone, or declare what it is worth.")


def _tell_weight(improvement: Improvement, action: str) -> Told:
    name, acts, said = improvement.subject[0], improvement.scores["acts_like"], improvement.scores["declared"]
    acting, declared = say_number(acts.value or 0.0, digits=1), say_number(said.value or 0.0, digits=1)
    return (
        f"{name} is declared {declared} and acts like {acting}",
        f"By regression over all types of mistakes at once, in units of the declared weights, it acts like "
        f"{value_with_interval(acts, digits=2)}{_p(improvement)}; n = {acts.n:,}.",
        action.format(name=name),
    )


def _tell_group(improvement: Improvement, _: EmbeddingsFindings) -> Told:
    attribute, value = improvement.subject
    hit, others = improvement.scores["hit_at_1"], improvement.scores["others"]
    return (
        f"Queries with {attribute} {value} find their documents less often",
        f"A right document comes first for {share_with_interval(hit)} of {count(hit.n, 'query', 'queries')}, where the "
        f"others have {say_share(others.value or 0.0)}{_p(improvement)}.",
        f"Add training pairs with {attribute} {value}, and check how these queries are written.",
    )


def _tell_hub(improvement: Improvement, findings: EmbeddingsFindings) -> Told:
    share, hubness = improvement.scores["share"], improvement.scores.get("document_hubness")
    n, hits = len(improvement.subject), len(improvement.samples)
    first = findings.documents[int(improvement.subject[0].rpartition(" ")[2])]
    skew = f" The skewness of how often documents are found is {value_with_interval(hubness)}." if hubness else ""
    verb = "comes" if n == 1 else "come"
    return (
        f"{count(n, 'document')} {verb} first for many queries that want another one",
        f"{say_share(share.value or 0.0)} of the {count(share.n, 'query', 'queries')} that miss ({hits:,}) find one of "
        f"{_name_few(improvement.subject)} first{_p(improvement)}. The most frequent: “{cut(first, limit=80)}”.{skew}",
        "Look whether such texts name too little or too much; add them as hard negatives of the queries below.",
    )


def _tell_flat(improvement: Improvement, findings: EmbeddingsFindings) -> Told:
    name, tau, curve = _read_response(improvement, findings)
    n = f" of {count(curve.n_documents, 'document')}" if curve else ""
    return (
        f"The cosine does not answer to {name}",
        f"Between {count(tau.n, 'pair')}{n} that are alike in all other known attributes, the rank correlation "
        f"(τ) of the difference in {name} with the cosine is {value_with_interval(tau)}: −1 would be a full answer, "
        f"above −0.1 is next to none{_p(improvement)}.",
        f"Add hard negatives that differ in {name} alone, near and far; write numbers in one form before encoding.",
    )


def _tell_broken(improvement: Improvement, findings: EmbeddingsFindings) -> Told:
    name, tau, curve = _read_response(improvement, findings)
    where = [say_number(float(curve.difference[place]), digits=1) for place in curve.breaks] if curve else []
    unit = f" {curve.unit}" if curve and curve.unit else ""
    return (
        f"The answer to {name} breaks",
        f"At a difference of {' and '.join(where) or 'some'}{unit} documents are more alike than at a smaller one, by "
        f"more than chance; over {count(tau.n, 'pair')} the rank correlation (τ) is {value_with_interval(tau)}.",
        f"Look how {name} is written there: a text encoder reads digits, not sizes.",
    )


def _read_response(improvement: Improvement, findings: EmbeddingsFindings) -> tuple[str, Score, ResponseCurve | None]:
    name = improvement.subject[0]
    curve = next((each for each in findings.responses if each.attribute == name), None)
    return name, improvement.scores["monotonicity"], curve


def _tell_gap(improvement: Improvement, _: EmbeddingsFindings) -> Told:
    share, gap, told = (improvement.scores[name] for name in ("share", "query_document_gap", "gap_readable"))
    return (
        "Queries and documents lie in two places",
        f"{say_share(share.value or 0.0)} of the squared distance from queries to their right documents is one shift "
        f"that all share: their mean vectors are {value_with_interval(gap)} apart, and a line tells the two kinds "
        f"apart {share_with_interval(told)} of the time{_p(improvement)}.",
        "Ranks suffer little, thresholds and maps do: subtract each kind's mean vector, or train with a stronger pull.",
    )


def _tell_threshold(improvement: Improvement, _: EmbeddingsFindings) -> Told:
    mined, easy = improvement.scores["mined"], improvement.scores.get("tpr_at_fpr_5")
    cut, overlap = improvement.scores.get("threshold_fpr_5"), improvement.scores.get("overlap_mined")
    against = f" Against other documents at large it is {share_with_interval(easy)}" if easy else ""
    against += f", at a cosine of {value_with_interval(cut)}." if easy and cut else "." if easy else ""
    shared = f" The two distributions overlap by {share_with_interval(overlap)}." if overlap else ""
    return (
        "No cosine threshold tells right documents from the hardest wrong one",
        f"A threshold that 5% of the queries' hardest wrong documents reach is reached by "
        f"{share_with_interval(mined)} of the right ones{_p(improvement)}.{against}{shared}",
        "Rank, and do not cut by a threshold; where one is needed, train with mined hard negatives or add a reranker.",
    )


def _tell_worst(improvement: Improvement, _: EmbeddingsFindings) -> Told:
    n = len(improvement.samples)
    return (
        f"{count(n, 'query', 'queries')} {'finds' if n == 1 else 'find'} a wrong document first",
        f"{say_share(improvement.stake)} of the queries; the worst first.",
        "Read the worst ones in queries.csv: is the document that comes first really wrong?",
    )


def _tell_doubtful(improvement: Improvement, _: EmbeddingsFindings) -> Told:
    n = len(improvement.samples)
    return (
        f"{count(n, 'pair')} {'is' if n == 1 else 'are'} worth reading before training",
        f"For {say_share(improvement.stake)} of the queries the encoder alone places a document first that is not "
        "declared right. Some of these are right without being declared, some right ones may be mistakes.",
        "Read the worst ones in queries.csv, and declare or correct what you find.",
    )


def _name_few(names: tuple[str, ...]) -> str:
    shown = ", ".join(names[:MOST_NAMES])
    return shown if len(names) <= MOST_NAMES else f"{shown} and {len(names) - MOST_NAMES:,} more"


def _join_names(names: tuple[str, ...]) -> str:
    """Names as alternatives: `price, area or amenity`."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"


def _refer(findings: EmbeddingsFindings) -> str:
    return ": defects.csv lists them" if findings.defects else ""


def _p(improvement: Improvement) -> str:
    return f" ({say_p(improvement.p_value)})" if improvement.p_value is not None else ""


KINDS: Mapping[str, Callable[[Improvement, EmbeddingsFindings], Told]] = MappingProxyType(
    {
        "trained_queries": _tell_trained,
        "false_negatives": _tell_false_negatives,
        "near_copies": _tell_near_copies,
        "idle_weights": _tell_idle_weights,
        "undeclared_types": _tell_undeclared,
        "shared_positives": _tell_shared,
        "ignored_type": _tell_ignored_type,
        "violated_types": _tell_violated_types,
        "overrated_type": _tell_overrated,
        "underrated_type": _tell_underrated,
        "weak_group": _tell_group,
        "hub": _tell_hub,
        "flat_response": _tell_flat,
        "broken_response": _tell_broken,
        "query_document_gap": _tell_gap,
        "unusable_threshold": _tell_threshold,
        "worst_queries": _tell_worst,
        "doubtful_pairs": _tell_doubtful,
    }
)
"""Kind of improvement -> its words."""
SUBJECTS: Mapping[str, str] = MappingProxyType(
    {
        "ranking": "Nothing is claimed about what the model does",
        "type": "Which mistakes go unseen could not be judged",
        "weights": "Declared weights could not be compared with what types act like",
        "group": "Kinds of query could not be compared",
        "response": "Whether the cosine answers to numbers could not be judged",
        "gap": "The gap between queries and documents could not be judged",
        "threshold": "Thresholds could not be judged",
    }
)
"""Rule -> what is missing when it does not speak."""
