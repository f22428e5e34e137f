"""Which queries to look at one by one, and what is wrong with the wrong documents they find."""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Int

from latentscape.datasets.attributes import Attribute
from latentscape.measures.judgments import DocumentLists
from latentscape.measures.ranking import Ranking
from latentscape.shapes import Rows

ExampleKind = Literal["typical", "worst", "random"]
SAME = 1e-6
"""Numbers that differ by a smaller share of themselves are the same price or area."""
MOST_NAMED = 3
"""Attributes named as agreeing."""


def choose_examples(ranking: Ranking, *, n_each: int, seed: int) -> dict[ExampleKind, Int[np.ndarray, " _"]]:
    """Queries worth showing: up to `n_each` worst, typical and random ones, none twice, only ones that can be answered.

    * worst: the largest rank of the best right document; among equal ranks the one whose first wrong document leads its
      first right one by most (or trails it by least), then by number;
    * typical: nearest to the median rank, then to the median similarity of the first document, then by number;
    * random: drawn from the rest, in ascending order.

    With fewer than 3 `n_each` answerable queries each kind takes about a third, worst before typical before random.

    Source: ours.
    """
    answerable = np.flatnonzero(ranking.best_rank > 0)
    worst = answerable[_sort_worst(ranking, answerable)][: min(n_each, -(-answerable.size // 3))]
    left = np.setdiff1d(answerable, worst)
    typical = left[_sort_typical(ranking, left, answerable=answerable)][: min(n_each, -(-left.size // 2))]
    left = np.setdiff1d(left, typical)
    drawn = np.random.default_rng(seed).choice(left, size=min(n_each, left.size), replace=False)
    return {"typical": typical, "worst": worst, "random": np.sort(drawn)}


def explain_wrong(
    queries: Sequence[int] | Int[np.ndarray, " query"],
    ranking: Ranking,
    *,
    relevant: DocumentLists,
    hard: DocumentLists,
    types: Sequence[Sequence[tuple[str, ...]]],
    attributes: Sequence[Attribute],
) -> tuple[tuple[str, ...], ...]:
    """For each query, what is wrong with each document of its row of `ranking.top`; empty for right ones and gaps.

    In this order, as far as it is known: the declared types (`declared: location`; `types[q][i]` are those of document
    `hard[q][i]`), every attribute in which the document is not what the query asks for (`price: asked 5.5, has 7
    million`), and where neither is known, that it is `right for another query`, and in which attributes it is exactly
    what is asked for: such a document may be wrong by mistake of the data only.

    Source: ours.
    """
    right_for_some = {int(document) for numbers in relevant for document in numbers}
    explained = []
    for query in map(int, queries):
        declared = _list_declared(hard[query], types[query] if len(types) else ())
        row = zip(ranking.top[query].tolist(), ranking.top_right[query].tolist(), strict=True)
        explained.append(
            tuple(
                ""
                if is_right or document < 0
                else _explain(
                    query, document, declared, attributes=attributes, is_right_for_some=document in right_for_some
                )
                for document, is_right in row
            )
        )
    return tuple(explained)


def _sort_worst(ranking: Ranking, queries: Rows) -> Rows:
    return np.lexsort((queries, -_measure_leads(ranking)[queries], -ranking.best_rank[queries]))


def _sort_typical(ranking: Ranking, queries: Rows, *, answerable: Int[np.ndarray, " query"]) -> Rows:
    if not queries.size or not ranking.top.shape[1]:
        return np.arange(queries.size)
    ranks, first = ranking.best_rank, np.nan_to_num(ranking.top_similarity[:, 0])
    from_median = np.abs(ranks[queries] - np.median(ranks[answerable]))
    from_usual = np.abs(first[queries] - np.median(first[answerable]))
    return np.lexsort((queries, from_usual, from_median))


def _measure_leads(ranking: Ranking) -> Float[np.ndarray, " query"]:
    """By how much the best wrong document leads the best right one; 0 where the list does not hold both."""
    similarity, right = np.nan_to_num(ranking.top_similarity, nan=-np.inf), ranking.top_right
    lead = _take_best(similarity, ~right & (ranking.top >= 0)) - _take_best(similarity, right)
    return np.where(np.isfinite(lead), lead, 0.0)


def _take_best(
    similarity: Float[np.ndarray, "query k"], chosen: Bool[np.ndarray, "query k"]
) -> Float[np.ndarray, " query"]:
    """The largest similarity of the chosen ones, NaN where none is chosen."""
    best = np.where(chosen, similarity, -np.inf).max(axis=1, initial=-np.inf)
    return np.where(np.isfinite(best), best, np.nan)


def _list_declared(hard: Int[np.ndarray, " _"], types: Sequence[tuple[str, ...]]) -> Mapping[int, tuple[str, ...]]:
    """Declared hard negative -> its types, if the data say any."""
    return {int(document): tuple(types[i]) if i < len(types) else () for i, document in enumerate(hard)}


def _explain(
    query: int,
    document: int,
    declared: Mapping[int, tuple[str, ...]],
    *,
    attributes: Sequence[Attribute],
    is_right_for_some: bool,
) -> str:
    known = [each for each in attributes if _knows(each, query, document)]
    differing = [each for each in known if _differs(each, query, document)]
    parts = []
    if document in declared:
        types = declared[document]
        parts.append(f"declared: {', '.join(types)}" if types else "a declared hard negative")
    parts += [_say_difference(each, query, document) for each in differing]
    if not parts and is_right_for_some:
        parts.append("right for another query")
    if known and not differing and document not in declared:
        parts.append(f"as asked in {', '.join(each.name for each in known[:MOST_NAMED])}")
    return "; ".join(parts)


def _knows(attribute: Attribute, query: int, document: int) -> bool:
    return bool(np.isfinite(attribute.queries[query]) and np.isfinite(attribute.documents[document]))


def _differs(attribute: Attribute, query: int, document: int) -> bool:
    asked, has = float(attribute.queries[query]), float(attribute.documents[document])
    return abs(asked - has) > SAME * max(abs(asked), abs(has))


def _say_difference(attribute: Attribute, query: int, document: int) -> str:
    asked, has = float(attribute.queries[query]), float(attribute.documents[document])
    if attribute.kind == "category":
        return f"{attribute.name}: asked {attribute.values[int(asked)]}, has {attribute.values[int(has)]}"
    return f"{attribute.name}: asked {asked:,.10g}, has {has:,.10g} {attribute.unit}".rstrip()
