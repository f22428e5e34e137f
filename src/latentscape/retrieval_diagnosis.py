"""Everything the embeddings study measures: vectors and what is known of their pairs in, findings out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float

from latentscape.datasets.attributes import Attribute
from latentscape.datasets.pairs import PairSamples
from latentscape.executor import IN_PROCESS, Executor
from latentscape.findings import Accounting, DrawnMap, EmbeddingsFindings, Example, ModelCard
from latentscape.measures.attribute_places import AttributePlaces, measure_attribute_places
from latentscape.measures.classification import name_scores
from latentscape.measures.examples import choose_examples, explain_wrong
from latentscape.measures.group_ranks import GroupRanks, measure_group_ranks
from latentscape.measures.heatmap import Heatmap, measure_heatmap
from latentscape.measures.judgments import Judgments
from latentscape.measures.minimal_pairs import TypeImportance, measure_type_importance
from latentscape.measures.ranking import Ranking, rank_documents
from latentscape.measures.response import ResponseCurve, measure_response
from latentscape.measures.retrieval_geometry import measure_retrieval_geometry
from latentscape.measures.scan import scan_pairs
from latentscape.measures.score import Score
from latentscape.measures.similarity import measure_similarities
from latentscape.neighbors import find_neighbors
from latentscape.retrieval_improvements import find_retrieval_improvements
from latentscape.shapes import Labels

TOP = 50
"""Documents kept for each query: as deep as the deepest recall looks."""
N_HEATMAP = 30
EXAMPLES_EACH = 2
"""Typical, worst and random queries shown, of each kind."""
Places = Float[np.ndarray, "place feature"]
"""One row a query, then one a document."""
Queries = Float[np.ndarray, "query feature"]
Documents = Float[np.ndarray, "document feature"]
GRAPH_WIDTH = 60
"""Nearest documents found once for all attributes: enough for 15 with a known value where one in four is known."""
LEAST_KNOWN = 0.5
"""An attribute groups the heatmap's queries where at least this share of them has it."""
HEADLINE = (
    "positive_mean",
    "negative_mean",
    "margin",
    "separation",
    "negative_mean_hard",
    "margin_hard",
    "mrr",
    "hit_at_1",
    "recall_at_5",
    "recall_at_10",
)
"""The numbers that are shown as the file's rows give them, too."""


@dataclass(frozen=True, kw_only=True)
class Background:
    """What is known besides the pairs and their vectors."""

    attributes: tuple[Attribute, ...] = ()
    geography: Mapping[tuple[str, str], float] | None = None
    weights: Mapping[str, float] = field(default_factory=dict)
    before_head: Float[np.ndarray, "place wide"] | None = None
    """Queries, then documents, as they enter the head."""
    is_trained: bool = True
    train_compared: bool = False


def diagnose_retrieval(
    pairs: PairSamples,
    vectors: Places,
    maps: Mapping[str, DrawnMap],
    *,
    background: Background,
    model: ModelCard,
    accounting: Accounting,
    seed: int,
    executor: Executor = IN_PROCESS,
) -> EmbeddingsFindings:
    """Measure everything the study reports. `vectors` are one row a query, then one a document, as in the maps."""
    queries, documents = np.split(vectors, [len(pairs)])
    judgments = judge(pairs)
    scan = scan_pairs(queries, documents, judgments, k=TOP, seed=seed, executor=executor)
    similarities = measure_similarities(queries, documents, judgments, scan, seed=seed, executor=executor)
    ranking = rank_documents(scan, judgments, seed=seed)
    grouping = _choose_grouping(background.attributes, n_queries=len(pairs))
    heatmap = _measure_heatmap(queries, documents, judgments, grouping=grouping, seed=seed)
    types = tuple(tuple(negative.types for negative in wrong) for wrong in pairs.hard_negatives)
    importance = measure_type_importance(
        queries,
        documents,
        judgments.relevant,
        hard=judgments.hard,
        types=types,
        weights=background.weights,
        seed=seed,
    )
    geometry = measure_retrieval_geometry(
        queries, documents, judgments, before_head=background.before_head, scan=scan, seed=seed
    )
    points = {method: drawn.latent_map.xy[len(pairs) :] for method, drawn in maps.items()}
    by_attribute = _measure_attributes(documents, points, background=background, seed=seed, executor=executor)
    groups = {f"ranks by {each.name}": measure_group_ranks(ranking, each, seed=seed) for each in background.attributes}
    measured = {**by_attribute, **groups}
    findings = EmbeddingsFindings(
        model=model,
        accounting=accounting,
        queries=pairs.queries,
        documents=pairs.documents,
        relevant=judgments.relevant,
        hard_negatives=judgments.hard,
        hard_types=types,
        weights=background.weights,
        document_kinds=sort_documents(judgments),
        similarities=similarities,
        ranking=ranking,
        heatmap_queries=heatmap.queries,
        heatmap=heatmap.values,
        heatmap_groups=heatmap.groups,
        heatmap_attribute=grouping.name if grouping and not heatmap.by_cluster else "cluster",
        maps=maps,
        scores={**similarities.scores, **ranking.scores, "heatmap_diagonal": heatmap.diagonal},
        raw_scores=score_raw_reading(pairs, queries, documents, seed=seed, executor=executor),
        defects=pairs.defects,
        defect_counts=pairs.defect_counts,
        attributes=background.attributes,
        importance=importance,
        places=tuple(each for each in measured.values() if isinstance(each, AttributePlaces)),
        responses=tuple(each for each in measured.values() if isinstance(each, ResponseCurve)),
        groups=tuple(each for each in measured.values() if isinstance(each, GroupRanks)),
        geometry=geometry,
        unmeasured={what: each.reason for what, each in measured.items() if isinstance(each, Score)},
        is_trained=background.is_trained,
        train_compared=background.train_compared,
    )
    findings = replace(findings, scores={**findings.scores, **score_everything(findings)})
    findings = replace(findings, examples=_choose_examples(findings, seed=seed), first_wrong=_explain_first(findings))
    return replace(findings, improvements=find_retrieval_improvements(findings, seed=seed))


def judge(pairs: PairSamples) -> Judgments:
    """What the pairs say of each query's documents."""
    relevant, hard, ignored = pairs.judgments()
    return Judgments(relevant=relevant, hard=hard, ignored=ignored, n_documents=len(pairs.documents))


def sort_documents(judgments: Judgments) -> Labels:
    """1 right for some query, 2 a hard negative only, 3 neither for any."""
    kinds = np.full(judgments.n_documents, 3)
    for kind, lists in ((2, judgments.hard), (1, judgments.relevant)):
        kinds[np.concatenate([np.zeros(0, np.int64), *lists])] = kind
    return kinds


def score_raw_reading(
    pairs: PairSamples, queries: Queries, documents: Documents, *, seed: int, executor: Executor = IN_PROCESS
) -> dict[str, Score]:
    """The headline numbers with every row at its word; empty where that is the same as what is studied."""
    raw = pairs.raw
    n_hard, n_raw_hard = (sum(map(len, lists)) for lists in (pairs.hard_negatives, raw.hard))
    same_sides = len(raw.query) == len(pairs) and len(raw.document) == len(pairs.documents)
    if same_sides and n_hard == n_raw_hard and not any(pairs.ignored):
        return {}
    judgments = Judgments(
        relevant=tuple(np.array(numbers, dtype=np.int64) for numbers in raw.relevant),
        hard=tuple(np.array(numbers, dtype=np.int64) for numbers in raw.hard),
        ignored=tuple(np.zeros(0, np.int64) for _ in raw.query),
        n_documents=len(raw.document),
    )
    rows = queries[raw.query], documents[raw.document]
    scan = scan_pairs(*rows, judgments, k=TOP, seed=seed, executor=executor)
    ranking = rank_documents(scan, judgments, seed=seed)
    similarities = measure_similarities(*rows, judgments, scan, seed=seed, executor=executor)
    scores = {**similarities.scores, **ranking.scores}
    return {name: scores[name] for name in HEADLINE if name in scores}


def _choose_grouping(attributes: Sequence[Attribute], *, n_queries: int) -> Attribute | None:
    """The category that says most of the queries: known of at least half of them, and of the most."""
    known = {each.name: np.isfinite(each.queries) for each in attributes}
    fitting = [
        each
        for each in attributes
        if each.kind == "category"
        and known[each.name].sum() >= LEAST_KNOWN * n_queries
        and len(np.unique(each.queries[known[each.name]])) > 2
    ]
    return max(fitting, key=lambda each: known[each.name].sum(), default=None)


def _measure_heatmap(
    queries: Queries, documents: Documents, judgments: Judgments, *, grouping: Attribute | None, seed: int
) -> Heatmap:
    return measure_heatmap(
        queries,
        documents,
        judgments.relevant,
        ignored=judgments.ignored,
        groups=None if grouping is None else np.nan_to_num(grouping.queries, nan=-1).astype(np.int64),
        names=() if grouping is None else grouping.values,
        n_shown=N_HEATMAP,
        seed=seed,
    )


def _measure_attributes(
    documents: Documents,
    points: Mapping[str, Float[np.ndarray, "document 2"]],
    *,
    background: Background,
    seed: int,
    executor: Executor,
) -> dict[str, AttributePlaces | ResponseCurve | Score]:
    """Where the values of each category lie, and how similarity answers to each number."""
    found: dict[str, AttributePlaces | ResponseCurve | Score] = {}
    several = sum(each.kind == "category" for each in background.attributes) > 1
    graph = None
    if several and len(documents) > 1:
        graph = find_neighbors(documents, k=min(GRAPH_WIDTH, len(documents) - 1), executor=executor)
    for each in background.attributes:
        if each.kind == "category":
            found[f"places of {each.name}"] = measure_attribute_places(
                documents, each, neighbors=graph, maps=points, geography=background.geography, seed=seed
            )
        else:
            others = [other for other in background.attributes if other is not each]
            found[f"response to {each.name}"] = measure_response(documents, each, others=others, seed=seed)
    return found


def _choose_examples(findings: EmbeddingsFindings, *, seed: int) -> tuple[Example, ...]:
    """Typical, worst and random queries, and what is wrong with what they find."""
    chosen = choose_examples(findings.ranking, n_each=EXAMPLES_EACH, seed=seed)
    why = iter(_explain(findings, [int(query) for queries in chosen.values() for query in queries], findings.ranking))
    return tuple(
        Example(query=int(query), kind=kind, why_wrong=next(why))
        for kind, queries in chosen.items()
        for query in queries
    )


def _explain_first(findings: EmbeddingsFindings) -> tuple[str, ...]:
    ranking = findings.ranking
    rows = {name: getattr(ranking, name)[:, :1] for name in ("top", "top_similarity", "top_right")}
    first = replace(ranking, **rows)
    return tuple(why[0] for why in _explain(findings, range(len(findings.queries)), first))


def _explain(findings: EmbeddingsFindings, queries: Sequence[int], ranking: Ranking) -> tuple[tuple[str, ...], ...]:
    return explain_wrong(
        queries,
        ranking,
        relevant=findings.relevant,
        hard=findings.hard_negatives,
        types=findings.hard_types,
        attributes=findings.attributes,
    )


def score_everything(findings: EmbeddingsFindings) -> dict[str, Score]:
    """What is measured of types, attributes and the space, under the flat names of scores.json."""
    return {
        **findings.geometry,
        **_name_effects(findings.importance),
        **_name_places(findings.places),
        **_end_in("monotonicity", {each.attribute: each.monotonicity for each in findings.responses}),
        **_name_groups(findings.groups),
        **{f"raw_{name}": score for name, score in findings.raw_scores.items()},
    }


def _end_in(prefix: str, scores: Mapping[str, Score | None]) -> dict[str, Score]:
    """Scores under the name of their kind and what they are of; those that do not exist are left out."""
    named = zip(name_scores(prefix, list(scores)), scores.values(), strict=True)
    return {name: score for name, score in named if score is not None}


def _name_effects(importance: TypeImportance | None) -> dict[str, Score]:
    if importance is None:
        return {}
    effects = {each.type: each for each in importance.effects}
    return {
        "weight_agreement": importance.agreement,
        **_end_in("difference", {name: each.difference for name, each in effects.items()}),
        **_end_in("violation_rate", {name: each.violations for name, each in effects.items()}),
        **_end_in("type_effect", {name: each.effect for name, each in effects.items()}),
        **_end_in("acts_like", {name: each.acts_like for name, each in effects.items()}),
    }


def _name_places(places: Sequence[AttributePlaces]) -> dict[str, Score]:
    by_map = {(method, each.attribute): score for each in places for method, score in each.map_purity.items()}
    return {
        **_end_in("knn_purity", {each.attribute: each.purity for each in places}),
        **_end_in("silhouette", {each.attribute: each.silhouette for each in places}),
        **_end_in("map_purity", {f"{method} {name}": score for (method, name), score in by_map.items()}),
        **_end_in("geography", {each.attribute: each.geography for each in places}),
    }


def _name_groups(groups: Sequence[GroupRanks]) -> dict[str, Score]:
    values = {f"{each.attribute} {group.value}": group for each in groups for group in each.groups}
    return {
        **_end_in("group_hit_at_1", {name: group.hit_at_1 for name, group in values.items()}),
        **_end_in("group_mrr", {name: group.mrr for name, group in values.items()}),
    }
