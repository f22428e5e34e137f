"""Where can a retriever and its data be improved: claims that the evidence carries, ranked by what is at stake.

Facts of the data come first: trained queries, wrong documents that are right, weights that do nothing. They need no
test and spoil every other number. Then come claims about the model in order of the share of queries they concern, each
with its p-value, adjusted for all claims of its kind (Holm 1979). Lists of queries to look at come last.

One question guards the claims, at GATE: do queries find their own right documents better than anybody's? Where they do
not, or where the head was never trained, nothing is claimed about the model and the reason is said.
"""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from latentscape.findings import EmbeddingsFindings, Improvement, Improvements, Withheld
from latentscape.improvements import (
    ALPHA,
    COMMON,
    GATE,
    LEAST_MIXED,
    LEAST_SAMPLES,
    Found,
    keep_found,
    yardstick,
)
from latentscape.measures.group_ranks import GroupRank, GroupRanks
from latentscape.measures.interval_p import p_above, p_apart, p_below
from latentscape.measures.minimal_pairs import TypeEffect
from latentscape.measures.permutations import holm
from latentscape.measures.rank_chance import measure_rank_chance
from latentscape.measures.response import ResponseCurve
from latentscape.measures.score import Score

MUCH = 2.0
"""A type that acts this many times stronger or weaker than its weight says disagrees with it."""
ANSWER = 0.1
"""A number whose rank correlation with the cosine is weaker than this is not answered to."""
HALF = 0.5
WRONG_LABELS = ("negative_is_own_positive", "negative_is_other_positive")
NEAR_COPIES = ("near_copy_of_positive", "near_copy_of_query", "near_copies")


def find_retrieval_improvements(findings: EmbeddingsFindings, *, seed: int) -> Improvements:
    """Every claim that survives its test, ranked; and for each rule that could not judge, why."""
    doubt = _doubt(findings, seed=seed)
    claims = [rule(findings) for rule in RULES] if doubt is None else [doubt]
    ranked = sorted(keep_found(claims), key=lambda claim: -claim.stake)
    facts = keep_found([fact(findings) for fact in FACTS])
    withheld = tuple(answer for answer in claims if isinstance(answer, Withheld))
    return Improvements(found=(*facts, *ranked, *_list_worst(findings)), withheld=withheld)


def name_query(number: int) -> str:
    """The id of a query, as in samples.parquet."""
    return f"query {number}"


def _doubt(findings: EmbeddingsFindings, *, seed: int) -> Withheld | None:
    """Why nothing can be said of the model; None where its ranks have something to do with the right documents."""
    if not findings.is_trained:
        return Withheld(kind="ranking", reason="no head was trained, so the numbers speak of the data and the encoder")
    n = sum(len(right) > 0 for right in findings.relevant)
    if n < LEAST_SAMPLES:
        return Withheld(kind="ranking", reason=f"{n} queries with a right document are fewer than {LEAST_SAMPLES}")
    p = measure_rank_chance(findings.ranking.top, findings.relevant, seed=seed)
    if p is None:
        return Withheld(kind="ranking", reason="too few different right documents to tell skill from chance")
    if p <= GATE:
        return None
    reason = f"queries find their right documents no better than ones dealt at random (p = {p:.2f}, n = {n})"
    return Withheld(kind="ranking", reason=reason)


def _state_trained(findings: EmbeddingsFindings) -> Found:
    """Queries that the model was trained on, which were left out."""
    return _state(findings, "trained_queries", ("trained_query",))


def _state_false_negatives(findings: EmbeddingsFindings) -> Found:
    return _state(findings, "false_negatives", WRONG_LABELS)


def _state_near_copies(findings: EmbeddingsFindings) -> Found:
    return _state(findings, "near_copies", NEAR_COPIES)


def _state_undeclared(findings: EmbeddingsFindings) -> Found:
    """Types that the weight file does not know, the most frequent first."""
    types = Counter(defect.other for defect in findings.defects if defect.kind == "undeclared_type")
    return _state(findings, "undeclared_types", ("undeclared_type",), subject=[name for name, _ in types.most_common()])


def _state_idle_weights(findings: EmbeddingsFindings) -> Found:
    """A weight of 0 on half the hard negatives or more: the weight file does nothing there."""
    n_hard = sum(map(len, findings.hard_negatives))
    if not n_hard or findings.defect_counts.get("zero_weight", 0) < HALF * n_hard:
        return []
    return [replace(fact, samples=()) for fact in _state(findings, "idle_weights", ("zero_weight",))]


def _state(
    findings: EmbeddingsFindings, kind: str, defects: Sequence[str], *, subject: Sequence[str] = ()
) -> list[Improvement]:
    """Defects of some kinds as one fact; the stake is the share of the file's rows with one, at most."""
    counts = {defect: findings.defect_counts.get(defect, 0) for defect in defects}
    total = sum(counts.values())
    if not total:
        return []
    places = tuple(dict.fromkeys(each.where.replace(",", "") for each in findings.defects if each.kind in defects))
    scores = {name: yardstick("defects", float(n), n=n) for name, n in counts.items() if n}
    stake = min(1.0, total / max(findings.accounting.n_in, 1))
    return [Improvement(kind=kind, subject=tuple(subject), scores=scores, samples=places, stake=stake)]


def _state_shared(findings: EmbeddingsFindings) -> Found:
    """Queries whose right document is right for others too: each is a wrong negative of the others in a batch."""
    users = Counter(int(document) for right in findings.relevant for document in right)
    shared = [row for row, right in enumerate(findings.relevant) if any(users[int(each)] > 1 for each in right)]
    share = len(shared) / max(len(findings.queries), 1)
    if share < COMMON:
        return []
    n_shared = sum(n > 1 for n in users.values())
    scores = {"shared": yardstick("shared", share, n=n_shared)}
    if "hit_at_1" in findings.raw_scores and "hit_at_1" in findings.scores:
        scores |= {"raw": findings.raw_scores["hit_at_1"], "clean": findings.scores["hit_at_1"]}
    ids = tuple(map(name_query, shared))
    return [Improvement(kind="shared_positives", subject=(), scores=scores, samples=ids, stake=share)]


def _claim_types(findings: EmbeddingsFindings) -> Found:
    """Types of mistakes that more often than now and then leave a document as near as the right one.

    Queries with the same right documents are one witness: of each the share of violations counts.
    """
    if findings.importance is None:
        return Withheld(kind="type", reason="no hard negative has a type")
    violations = _gather_violations(findings)
    names = [effect.type for effect in findings.importance.effects if len(violations.get(effect.type, ())) > 0]
    if not names:
        return Withheld(kind="type", reason="no hard negative is wrong in a single thing")
    effects = {effect.type: effect for effect in findings.importance.effects}
    p_values = holm(np.array([_judge_violations(findings, violations[name]) for name in names])).tolist()
    claimed = {name: p for name, p in zip(names, p_values, strict=True) if p <= ALPHA}
    unseen = {name: p for name, p in claimed.items() if _is_unseen(effects[name])}
    found = [_claim_ignored(findings, effects[name], gaps=violations[name], p=p) for name, p in unseen.items()]
    overlooked = sorted(set(claimed) - set(unseen), key=lambda name: -(effects[name].violations.value or 0.0))
    if not overlooked:
        return found
    gaps = [pair for name in overlooked for pair in violations[name]]
    scores = {name: effects[name].violations for name in overlooked}
    p = max(claimed[name] for name in overlooked)
    return [*found, _claim_violations(findings, "violated_types", scores, gaps=gaps, p=p)]


def _claim_ignored(
    findings: EmbeddingsFindings, effect: TypeEffect, *, gaps: Sequence[tuple[int, float]], p: float
) -> Improvement:
    scores = {"violations": effect.violations, "difference": effect.difference}
    claim = _claim_violations(findings, "ignored_type", scores, gaps=gaps, p=p)
    return replace(claim, subject=(effect.type,))


def _claim_violations(
    findings: EmbeddingsFindings,
    kind: str,
    scores: Mapping[str, Score],
    *,
    gaps: Sequence[tuple[int, float]],
    p: float,
) -> Improvement:
    """A claim about hard negatives that are as near as the right document; the nearest first."""
    ids = tuple(
        dict.fromkeys(name_query(query) for gap, query in sorted((gap, query) for query, gap in gaps) if gap <= 0)
    )
    stake = len(ids) / max(len(findings.queries), 1)
    return Improvement(kind=kind, subject=tuple(scores), scores=scores, p_value=p, samples=ids, stake=stake)


def _is_unseen(effect: TypeEffect) -> bool:
    """Whether mistakes can't be told from none: no farther on average, or no oftener than a coin would have it."""
    ends = effect.difference.low, effect.violations.high
    return (ends[0] is not None and ends[0] <= 0) or (ends[1] is not None and ends[1] >= HALF)


def _gather_violations(findings: EmbeddingsFindings) -> dict[str, list[tuple[int, float]]]:
    """Type -> query and difference of each hard negative that is wrong in this alone."""
    pairs, found = findings.importance, {}
    if pairs is None:
        return found
    types = {
        (query, int(document)): set(wrong)
        for query, rows in enumerate(findings.hard_types)
        for document, wrong in zip(findings.hard_negatives[query], rows, strict=True)
    }
    columns = (pairs.pair_query.tolist(), pairs.pair_document.tolist(), pairs.pair_difference.tolist())
    for query, document, gap in zip(*columns, strict=True):
        wrong = types.get((query, document), set())
        if len(wrong) == 1:
            found.setdefault(next(iter(wrong)), []).append((query, gap))
    return found


def _judge_violations(findings: EmbeddingsFindings, gaps: Sequence[tuple[int, float]]) -> float:
    """The p of so many violations if COMMON of the witnesses had one, by the binomial tail."""
    from scipy.special import bdtrc  # noqa: PLC0415  maps without a model should not pay for it

    witnesses: dict[tuple[int, ...], list[bool]] = {}
    for query, gap in gaps:
        witnesses.setdefault(tuple(findings.relevant[query].tolist()), []).append(gap <= 0)
    hits = math.floor(sum(float(np.mean(each)) for each in witnesses.values()) + 1e-9)
    return 1.0 if hits == 0 else float(bdtrc(hits - 1, len(witnesses), COMMON))


def _claim_weights(findings: EmbeddingsFindings) -> Found:
    """Types that act much stronger or weaker than the weight file declares."""
    effects = findings.importance.effects if findings.importance else ()
    both = [(each.type, each.acts_like, each.declared) for each in effects if each.acts_like and each.declared]
    judged = [(name, acts, said, p_apart(acts, said)) for name, acts, said in both]
    known = [(name, acts, said, p) for name, acts, said, p in judged if p is not None]
    if not known:
        return Withheld(kind="weights", reason="fewer than two types have both a declared weight and a measured effect")
    found = []
    for (name, acts, said, _), p in zip(known, holm(np.array([each[3] for each in known])).tolist(), strict=True):
        weaker, stronger = (acts.value or 0.0) * MUCH <= said, (acts.value or 0.0) >= MUCH * said
        if p <= ALPHA and (weaker or stronger):
            kind = "overrated_type" if weaker else "underrated_type"
            scores = {"acts_like": acts, "declared": yardstick("declared", said, n=acts.n)}
            found.append(Improvement(kind=kind, subject=(name,), scores=scores, p_value=p))
    return found


def _claim_groups(findings: EmbeddingsFindings) -> Found:
    """Kinds of query that find a right document first less often than the others."""
    tested = [(each, group) for each in findings.groups for group in each.groups if group.p_value is not None]
    if not tested:
        return Withheld(kind="group", reason="no attribute parts the queries into groups large enough to compare")
    n_attributes = len({each.attribute for each, _ in tested})
    found = []
    for each, group in tested:
        # The p is adjusted within its attribute; several attributes were asked.
        p, others = min(1.0, (group.p_value or 0.0) * n_attributes), _average_others(each, group)
        hit = group.hit_at_1.value
        if p > ALPHA or hit is None or others.value is None or hit >= others.value:
            continue
        found.append(
            Improvement(
                kind="weak_group",
                subject=(each.attribute, group.value),
                scores={"hit_at_1": group.hit_at_1, "others": others},
                p_value=p,
                samples=tuple(map(name_query, _find_missed(findings, each.attribute, group.value))),
                stake=(others.value - hit) * group.hit_at_1.n / max(len(findings.queries), 1),
            )
        )
    return found


def _average_others(ranks: GroupRanks, group: GroupRank) -> Score:
    """The hit_at_1 of all other groups together."""
    others = [each.hit_at_1 for each in ranks.groups if each is not group and each.hit_at_1.value is not None]
    n = sum(each.n for each in others)
    if not n:
        return Score(name="others", value=None, n=0, reason="there is no other group")
    return yardstick("others", sum((each.value or 0.0) * each.n for each in others) / n, n=n)


def _find_missed(findings: EmbeddingsFindings, attribute: str, value: str) -> list[int]:
    """Queries of a category's value that miss, worst first; none for the quarters of a number."""
    known = next((each for each in findings.attributes if each.name == attribute and value in each.values), None)
    if known is None:
        return []
    ranks = findings.ranking.best_rank
    rows = np.flatnonzero((known.queries == known.values.index(value)) & (ranks > 1))
    return rows[np.argsort(-ranks[rows], kind="stable")].tolist()


def _claim_hubs(findings: EmbeddingsFindings) -> Found:
    """Documents that come first for many queries for which they are wrong.

    Queries with the same right documents are one witness. By chance every document is equally likely to come first.
    """
    from scipy.special import bdtrc  # noqa: PLC0415  maps without a model should not pay for it

    missed = np.flatnonzero((findings.ranking.best_rank > 1) & (findings.ranking.top[:, 0] >= 0)).tolist()
    firsts: dict[int, dict[tuple[int, ...], None]] = {}
    for row in missed:
        witness = tuple(findings.relevant[row].tolist())
        firsts.setdefault(int(findings.ranking.top[row, 0]), {})[witness] = None
    n, n_documents = len({tuple(findings.relevant[row].tolist()) for row in missed}), len(findings.documents)
    p_values = {d: min(1.0, n_documents * float(bdtrc(len(w) - 1, n, 1 / n_documents))) for d, w in firsts.items()}
    hubs = [d for d, w in firsts.items() if p_values[d] <= ALPHA and len(w) >= max(LEAST_MIXED, COMMON * n)]
    if not hubs:
        return []
    hubs.sort(key=lambda document: -len(firsts[document]))
    rows = [row for row in missed if int(findings.ranking.top[row, 0]) in hubs]
    share = yardstick("hub_share", len(rows) / len(missed), n=len(missed))
    return [
        Improvement(
            kind="hub",
            subject=tuple(f"document {document}" for document in hubs),
            scores={"share": share, **_pick(findings.geometry, ["document_hubness"])},
            p_value=max(p_values[document] for document in hubs),
            samples=tuple(map(name_query, rows)),
            stake=len(rows) / max(len(findings.queries), 1),
        )
    ]


def _claim_responses(findings: EmbeddingsFindings) -> Found:
    """Numbers that the cosine does not answer to, or whose curve rises again."""
    if not findings.responses:
        reasons = [why for what, why in findings.unmeasured.items() if what.startswith("response")]
        return Withheld(kind="response", reason="; ".join(reasons) or "no number is known of the documents")
    judged = [(curve, p_above(curve.monotonicity, -ANSWER)) for curve in findings.responses]
    known = [(curve, p) for curve, p in judged if p is not None]
    adjusted = holm(np.array([p for _, p in known])).tolist() if known else []
    flat = {curve.attribute: p for (curve, _), p in zip(known, adjusted, strict=True) if p <= ALPHA}
    found = [_claim_response(curve, "flat_response", p=flat[curve.attribute])
             for curve in findings.responses if curve.attribute in flat]  # fmt: skip
    broken = [curve for curve in findings.responses if curve.breaks and curve.attribute not in flat]
    return [*found, *(_claim_response(curve, "broken_response", p=None) for curve in broken)]


def _claim_response(curve: ResponseCurve, kind: str, *, p: float | None) -> Improvement:
    return Improvement(kind=kind, subject=(curve.attribute,), scores={"monotonicity": curve.monotonicity}, p_value=p)


def _claim_gap(findings: EmbeddingsFindings) -> Found:
    """Half the way from queries to their right documents or more is one shift that all of them share."""
    gap, apart, told = (findings.geometry.get(name) for name in ("query_document_gap", "alignment", "gap_readable"))
    if gap is None or gap.value is None or apart is None or not apart.value or told is None:
        return Withheld(kind="gap", reason=gap.reason if gap and gap.reason else "it was not measured")
    share, p = gap.value**2 / apart.value, p_above(told, HALF)
    if p is None or p > ALPHA or share < HALF:
        return []
    part = yardstick("gap_share", min(1.0, share), n=gap.n)
    scores = {"share": part, "query_document_gap": gap, "gap_readable": told}
    return [Improvement(kind="query_document_gap", subject=(), scores=scores, p_value=p)]


def _claim_threshold(findings: EmbeddingsFindings) -> Found:
    """No threshold lets most right documents pass and stops most queries' hardest wrong one."""
    reached = findings.scores.get("tpr_at_fpr_5_mined")
    p = None if reached is None else p_below(reached, HALF)
    if reached is None or p is None:
        reason = reached.reason if reached and reached.reason else "it was not measured"
        return Withheld(kind="threshold", reason=reason)
    if p > ALPHA:
        return []
    scores = {"mined": reached, **_pick(findings.scores, ["tpr_at_fpr_5", "threshold_fpr_5", "overlap_mined"])}
    return [Improvement(kind="unusable_threshold", subject=(), scores=scores, p_value=p)]


def _list_worst(findings: EmbeddingsFindings) -> list[Improvement]:
    """Queries that find a wrong document first, the worst first."""
    ranks = findings.ranking.best_rank
    rows = np.flatnonzero(ranks > 1)
    if not len(rows):
        return []
    ordered = rows[np.argsort(-ranks[rows], kind="stable")].tolist()
    kind = "worst_queries" if findings.is_trained else "doubtful_pairs"
    stake = len(rows) / len(ranks)
    return [Improvement(kind=kind, subject=(), samples=tuple(map(name_query, ordered)), stake=stake)]


def _pick(scores: Mapping[str, Score], names: Sequence[str]) -> dict[str, Score]:
    return {name: scores[name] for name in names if name in scores and scores[name].value is not None}


FACTS: Sequence[Callable[[EmbeddingsFindings], Found]] = (
    _state_trained,
    _state_false_negatives,
    _state_near_copies,
    _state_idle_weights,
    _state_undeclared,
    _state_shared,
)
RULES: Sequence[Callable[[EmbeddingsFindings], Found]] = (
    _claim_types,
    _claim_weights,
    _claim_groups,
    _claim_hubs,
    _claim_responses,
    _claim_gap,
    _claim_threshold,
)
"""What is claimed about the model, where its ranks have anything to do with the right documents."""
