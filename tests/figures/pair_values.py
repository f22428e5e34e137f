"""Hand-made values for everything the embeddings study may find beside similarities and ranks."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from latentscape.datasets.attributes import Attribute
from latentscape.datasets.pair_defects import Defect
from latentscape.findings import Example
from latentscape.measures.attribute_places import AttributePlaces, ValuePlace
from latentscape.measures.group_ranks import GroupRank, GroupRanks
from latentscape.measures.minimal_pairs import TypeEffect, TypeImportance
from latentscape.measures.ranking import Ranking
from latentscape.measures.response import ResponseCurve
from latentscape.measures.score import Better, Score

STREETS = ("Nguyễn Trãi", "Lê Lợi", "Trần Hưng Đạo", "Điện Biên Phủ", "Phạm Ngũ Lão", "Hoàng Diệu", "Võ Thị Sáu")
WEIGHTS = {"location": 2.5, "price": 2.0, "area": 1.5, "amenity": 1.0, "furniture": 0.8, "floor": 0.5, "other": 0.5}
TYPES = (("location",), ("price",), ("area", "price"), ("amenity",), ("requirement",), ("area",), ())
"""Types of the hard negatives, dealt in turn; the last says none."""
EFFECTS = {
    "location": (0.21, 0.19, 0.23, 0.02),
    "price": (0.12, 0.10, 0.14, 0.06),
    "requirement": (0.07, 0.04, 0.10, 0.11),
    "area": (0.05, 0.03, 0.07, 0.17),
    "amenity": (0.01, -0.02, 0.04, 0.41),
}
"""Type -> difference, its interval, violation rate: amenity is declared 1.0 and acts like nothing."""
Kind = Literal["typical", "worst", "random"]
KINDS = (
    "repeated_query", "shared_positive", "repeated_row", "query_with_several_positives", "negative_is_own_positive",
    "negative_is_other_positive", "repeated_negative", "near_copy_of_positive", "near_copy_of_query", "near_copies",
    "undeclared_type", "zero_weight", "missing_weight", "plain_negative", "repeated_type", "query_is_document",
    "trained_query", "trained_document",
)  # fmt: skip


def score(
    name: str, value: float | None, *, n: int = 40, half: float = 0.05, better: Better = "higher",
    bounds: tuple[float, float] = (0.0, 1.0), reason: str = "",
) -> Score:  # fmt: skip
    """A score with an interval of `half` on both sides, cut to its bounds."""
    if value is None:
        return Score(name=name, value=None, n=n, better=better, bounds=bounds, reason=reason)
    low, high = max(bounds[0], value - half), min(bounds[1], value + half)
    return Score(name=name, value=value, n=n, low=low, high=high, better=better, bounds=bounds,
                 interval=f"95 % bootstrap of {n} queries")  # fmt: skip


def full_values(
    ranking: Ranking, relevant: Sequence[np.ndarray], hard: Sequence[np.ndarray], *, documents: Sequence[str]
) -> dict[str, Any]:
    """Every field of the findings that similarities and ranks don't fill."""
    n_queries, n_documents = len(relevant), len(documents)
    hard_types = tuple(tuple(TYPES[int(document) % len(TYPES)] for document in row) for row in hard)
    defects = make_defects(documents)
    return {
        "hard_types": hard_types,
        "weights": WEIGHTS,
        "raw_scores": make_raw_scores(n_queries),
        "defects": defects,
        "defect_counts": {kind: sum(defect.kind == kind for defect in defects) for kind in KINDS},
        "attributes": make_attributes(n_queries, n_documents),
        "importance": make_importance(hard),
        "places": make_places(n_documents),
        "responses": make_responses(),
        "groups": make_groups(),
        "geometry": make_geometry(n_queries),
        "examples": make_examples(ranking, hard, hard_types),
        "unmeasured": {"response of floor": "2 documents have a floor, too few to tell"},
        "train_compared": True,
    }


def make_attributes(n_queries: int, n_documents: int) -> tuple[Attribute, ...]:
    """Street and price as the texts say them, area of documents alone, balconies that few mention."""
    queries, documents = np.arange(n_queries), np.arange(n_documents)
    unknown = np.full(n_queries, np.nan)
    balcony = np.where(documents % 3 == 0, np.nan, documents % 2.0)
    return (
        Attribute(name="street", kind="category", values=STREETS, queries=queries % 7.0, documents=documents % 7.0,
                  source="text", types=("location",)),
        Attribute(name="price", kind="number", unit="million VND", queries=queries + 2.0, documents=2.0 + documents % 9,
                  source="text", types=("price",)),
        Attribute(name="area", kind="number", unit="m²", queries=unknown, documents=12.0 + documents % 23,
                  types=("area",)),
        Attribute(name="balcony", kind="category", values=("no", "yes"), queries=unknown, documents=balcony,
                  source="text", types=("amenity",)),
    )  # fmt: skip


def make_importance(hard: Sequence[np.ndarray]) -> TypeImportance:
    """Five types, one of them undeclared and one without any effect."""
    effects = []
    for name, (value, low, high, violations) in EFFECTS.items():
        numbers = {"n": 32, "low": low, "high": high, "bounds": (-2.0, 2.0), "interval": "95 % bootstrap of 32 queries"}
        declared = WEIGHTS.get(name)
        acts_like = Score(name="acts_like", **{**numbers, "value": value * 18, "low": low * 18, "high": high * 18,
                                               "bounds": (-np.inf, np.inf)})  # fmt: skip
        effects.append(
            TypeEffect(
                type=name, n=48, n_alone=32, declared=declared,
                difference=Score(name="difference", value=value, **numbers),
                violations=score("violation_rate", violations, n=32, better="lower"),
                effect=Score(name="type_effect", **{**numbers, "value": value * 0.9, "low": low * 0.9, "n": 48}),
                acts_like=None if declared is None else acts_like,
            )
        )  # fmt: skip
    query = np.repeat(np.arange(len(hard)), [len(row) for row in hard])
    document = np.concatenate([*hard, np.empty(0, dtype=np.int64)]).astype(np.int64)
    difference = 0.1 + 0.1 * np.sin(np.arange(len(query), dtype=float))
    agreement = score("weight_agreement", 0.8, n=4, half=0.4, bounds=(-1.0, 1.0))
    return TypeImportance(effects=tuple(effects), agreement=agreement, pair_query=query, pair_document=document,
                          pair_difference=difference)  # fmt: skip


def make_places(n_documents: int) -> tuple[AttributePlaces, ...]:
    """Streets that lie together, balconies that don't."""
    return (_place_streets(n_documents), _place_balconies(n_documents))


def _place_streets(n_documents: int) -> AttributePlaces:
    around = np.abs(np.subtract.outer(np.arange(7), np.arange(7)))
    values = tuple(
        ValuePlace(value=street, n=23 - i, purity=score("value_purity", 0.82 - 0.09 * i, n=23 - i, half=0.1),
                   nearest=STREETS[i - 1] if i else STREETS[1])
        for i, street in enumerate(STREETS)
    )  # fmt: skip
    return AttributePlaces(
        attribute="street", purity=score("knn_purity", 0.61, n=n_documents), chance=0.14, p_value=0.001,
        silhouette=score("silhouette", 0.12, n=n_documents, bounds=(-1.0, 1.0)),
        map_purity={"tsne": score("map_purity", 0.58, n=n_documents), "umap": score("map_purity", 0.49, n=n_documents)},
        values=values, distances=0.12 * around.astype(float), order=np.array([0, 1, 2, 3, 4, 5, 6]),
        geography=score("geography", 0.71, n=21, half=0.2, bounds=(-1.0, 1.0)), geography_p=0.004,
    )  # fmt: skip


def _place_balconies(n_documents: int) -> AttributePlaces:
    values = tuple(
        ValuePlace(value=value, n=n, purity=score("value_purity", 0.52, n=n), nearest=other)
        for value, n, other in (("yes", 54, "no"), ("no", 52, "yes"))
    )
    return AttributePlaces(
        attribute="balcony", purity=score("knn_purity", 0.52, n=n_documents), chance=0.50, p_value=0.31,
        silhouette=score("silhouette", 0.01, n=n_documents, bounds=(-1.0, 1.0)),
        map_purity={"tsne": score("map_purity", 0.51, n=n_documents)}, values=values,
        distances=np.array([[0.0, 0.03], [0.03, 0.0]]), order=np.array([1, 0]),
    )  # fmt: skip


def make_responses() -> tuple[ResponseCurve, ...]:
    """Price falls, breaks once and is flat from 4 million on; area is not answered at all."""
    price = np.array([0.92, 0.85, 0.79, 0.72, 0.76, 0.70, 0.70])
    area = np.array([0.80, 0.81, 0.79, 0.80, 0.80])
    return (
        ResponseCurve(
            attribute="price", unit="million VND", difference=np.array([0.0, 0.5, 1.0, 2.0, 3.0, 4.0, 6.5]),
            edges=np.array([0.0, 0.25, 0.75, 1.5, 2.5, 3.5, 5.0, 8.0]), similarity=price, low=price - 0.015,
            high=price + 0.015, n=np.array([120, 180, 175, 170, 181, 166, 90]), n_documents=112, breaks=(4,),
            flat_from=4.0, monotonicity=score("monotonicity", -0.55, n=1082, bounds=(-1.0, 1.0), better="lower"),
        ),
        ResponseCurve(
            attribute="area", unit="m²", difference=np.array([0.0, 2.0, 5.0, 9.0, 16.0]),
            edges=np.array([0.0, 1.0, 3.0, 7.0, 12.0, 22.0]), similarity=area, low=area - 0.02, high=area + 0.02,
            n=np.array([40, 60, 60, 60, 60]), n_documents=74, flat_from=0.0,
            monotonicity=score("monotonicity", -0.02, n=280, bounds=(-1.0, 1.0), better="lower"),
        ),
    )  # fmt: skip


def make_groups() -> tuple[GroupRanks, ...]:
    """One street is found clearly less often; prices make no difference; worst first."""
    shares = (0.25, 0.67, 0.70, 0.80, 0.83, 0.86, 1.0)
    streets = tuple(
        GroupRank(value=street, hit_at_1=score("hit_at_1", share, n=6, half=0.25), p_value=0.02 if not i else 0.9,
                  mrr=score("mrr", min(1.0, share + 0.1), n=6, half=0.2))
        for i, (street, share) in enumerate(zip(STREETS, shares, strict=True))
    )  # fmt: skip
    prices = tuple(
        GroupRank(value=value, hit_at_1=score("hit_at_1", 0.7, n=10, half=0.25), p_value=None if i else 1.0,
                  mrr=score("mrr", 0.8, n=10, half=0.2))
        for i, value in enumerate(("2 to 4 million VND", "4 to 5.5 million VND", "5.5 million VND and more"))
    )  # fmt: skip
    return (
        GroupRanks(attribute="street", groups=streets, n_unknown=0),
        GroupRanks(attribute="price", groups=prices, n_unknown=3),
    )


def make_geometry(n_queries: int) -> dict[str, Score]:
    """Every score of the geometry, one without value."""
    found = (
        score("alignment", 0.31, n=n_queries, better="lower", bounds=(0.0, 4.0)),
        score("uniformity_queries", -2.61, n=n_queries, better="lower", bounds=(-8.0, 0.0)),
        score("uniformity_documents", -2.44, n=n_queries, better="lower", bounds=(-8.0, 0.0)),
        score("query_document_gap", 0.22, n=n_queries, better="lower", bounds=(0.0, 2.0)),
        score("gap_readable", 0.93, n=n_queries, better="lower"),
        score("mean_cosine_queries", 0.18, n=n_queries, better="lower", bounds=(-1.0, 1.0)),
        score("mean_cosine_documents", 0.21, n=n_queries, better="lower", bounds=(-1.0, 1.0)),
        score("document_hubness", 2.4, n=n_queries, half=0.6, better="lower", bounds=(-np.inf, np.inf)),
        score("never_found", 0.08, n=n_queries, better="lower"),
        score("effective_rank_queries", 11.2, n=n_queries, half=0.8, bounds=(1.0, 16.0)),
        score("effective_rank_documents", 12.6, n=n_queries, half=0.7, bounds=(1.0, 16.0)),
        score("head_overlap", None, n=0, reason="the model has no projection head"),
    )
    return {each.name: each for each in found}


def make_raw_scores(n_queries: int) -> dict[str, Score]:
    """What the headline numbers were with every row at its word: worse ranks, a smaller margin."""
    values = {"margin": 0.2511, "separation": 1.62, "margin_hard": 0.0713, "hit_at_1": 0.42, "mrr": 0.58,
              "recall_at_10": 0.81, "positive_mean": 0.7712, "negative_mean": 0.5201}  # fmt: skip
    wide = {"separation": (-np.inf, np.inf)}
    return {
        name: score(name, value, n=n_queries, bounds=wide.get(name, (-2.0, 2.0) if "margin" in name else (0.0, 1.0)))
        for name, value in values.items()
    }


def make_defects(documents: Sequence[str]) -> tuple[Defect, ...]:
    """Two of each kind."""
    return tuple(
        Defect(kind=kind, where=f"row {3 * i + j + 1}" + (", hard_neg 2" if "negative" in kind else ""),
               text=documents[(i + j) % len(documents)], other="requirement" if "type" in kind else f"row {i + 1}")
        for i, kind in enumerate(KINDS)
        for j in range(2)
    )  # fmt: skip


def make_examples(
    ranking: Ranking, hard: Sequence[np.ndarray], hard_types: Sequence[Sequence[tuple[str, ...]]]
) -> tuple[Example, ...]:
    """Up to two typical, two worst and two random queries, none twice."""
    order = np.argsort(-ranking.best_rank, kind="stable")
    order = [int(query) for query in order if ranking.best_rank[query] > 0]
    worst, middle = order[:2], order[2:][len(order[2:]) // 2 :]
    others = [query for query in order if query not in {*worst, *middle[:2]}]
    chosen: dict[Kind, list[int]] = {"typical": middle[:2], "worst": worst, "random": others[:2]}
    types = [dict(zip(row.tolist(), each, strict=True)) for row, each in zip(hard, hard_types, strict=True)]
    return tuple(
        Example(query=query, kind=kind, why_wrong=_explain(ranking, query, types[query]))
        for kind, queries in chosen.items()
        for query in queries
    )


def _explain(ranking: Ranking, query: int, types: dict[int, tuple[str, ...]]) -> tuple[str, ...]:
    """Declared types where there are some, a price or street that differs, or another query's document."""
    whys = []
    for document, right in zip(ranking.top[query].tolist(), ranking.top_right[query], strict=True):
        if right:
            whys.append("")
        elif types.get(document):
            whys.append(f"declared: {', '.join(types[document])}")
        elif document % 2 and query != document % 9:
            whys.append(f"price: asked {query + 2}, has {2 + document % 9} million VND")
        else:
            whys.append("right for another query")
    return tuple(whys)
