"""What a retriever gets right, query by query, so that two retrievers can be compared on the same queries."""

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Float

from latentscape.measures.classification import name_scores
from latentscape.measures.judgments import Judgments
from latentscape.measures.minimal_pairs import measure_type_importance
from latentscape.measures.pair_sums import QuerySums, sum_similarities
from latentscape.measures.ranking import Ranking
from latentscape.measures.scan import PairScan
from latentscape.measures.score import Better
from latentscape.measures.tallies import Tally

RECALL_CUTS = (5, 10)
HardTypes = Sequence[Sequence[tuple[str, ...]]]
Column = Float[np.ndarray, " query"]


def tally_retriever(
    query_vectors: Float[np.ndarray, "query feature"],
    document_vectors: Float[np.ndarray, "document feature"],
    judgments: Judgments,
    *,
    scan: PairScan,
    ranking: Ranking,
    hard_types: HardTypes,
) -> dict[str, Tally]:
    """The headline scores of a retriever as sums over queries, by the names they have in the study of one retriever.

    * `hit_at_1`, `mrr`, `recall_at_5`, `recall_at_10`, `ndcg_at_10`, `map`: as ranked, means over the queries that have
      a right document, in [0, 1], higher is better;
    * `positive_mean`, `negative_mean`, `negative_mean_hard`: mean cosines with right documents, with all wrong ones and
      with declared hard negatives, in [-1, 1]. Neither way is better: a model that draws all texts together raises all
      three and finds nothing more; only margins and ranks say which retriever is better;
    * `margin`, `margin_hard`, `margin_mined`: positive_mean minus the mean cosine with all wrong documents, with the
      declared hard negatives, with each query's most similar wrong one, in [-2, 2], higher is better;
    * `violation_rate_{type}`: share of the hard negatives of this type alone that are at least as similar as the right
      document, in [0, 1], lower is better. Types whose names become equal are numbered by how frequent they are.

    A score that has no pairs or queries to rest on is absent. `hard_types[q][i]` are the types of document
    `judgments.hard[q][i]`.

    Source: as the scores of one retriever (`rank_documents`, `measure_similarities`, `measure_type_importance`).

    Raises:
        DataError: there are no documents, a vector is not finite or all zero, or lists and vectors do not fit.
    """
    sums = sum_similarities(query_vectors, document_vectors, judgments, scan=scan)
    tallies = (
        *_tally_ranks(scan, ranking),
        *_tally_cosines(sums),
        *_tally_violations(query_vectors, document_vectors, judgments, hard_types=hard_types),
    )
    return {tally.name: tally for tally in tallies}


def _tally_ranks(scan: PairScan, ranking: Ranking) -> Iterator[Tally]:
    """Means over the queries with right documents; nothing where there are none."""
    n, best = len(ranking.best_rank), ranking.best_rank
    asked = best > 0
    if not asked.any():
        return
    n_right = np.bincount(scan.pair_query, minlength=n)
    starts = np.cumsum(n_right) - n_right
    rank = np.arange(scan.pair_query.size) - starts[scan.pair_query] + 1 + scan.ahead
    columns = {"hit_at_1": best == 1, "mrr": 1 / np.maximum(best, 1)}
    for cut in RECALL_CUTS:
        found = np.bincount(scan.pair_query, weights=rank <= cut, minlength=n)
        columns[f"recall_at_{cut}"] = found / np.maximum(n_right, 1)
    columns |= {"ndcg_at_10": ranking.ndcg, "map": ranking.average_precision}
    for name, values in columns.items():
        yield _tally(name, [np.where(asked, values, 0.0)], [asked.astype(np.float64)])


def _tally_cosines(sums: dict[str, QuerySums]) -> Iterator[Tally]:
    """Means and margins of the populations that have pairs."""
    totals = {kind: (each.sums, each.counts) for kind, each in sums.items() if each.counts.any()}
    if "positive" in totals:
        right, n_right = totals["positive"]
        yield _tally("positive_mean", [right], [n_right], better="neither", bounds=(-1.0, 1.0))
    for suffix in ("", "_hard"):
        if suffix in totals:
            above, below = totals[suffix]
            yield _tally(f"negative_mean{suffix}", [above], [below], better="neither", bounds=(-1.0, 1.0))
    for suffix in ("", "_hard", "_mined"):
        if suffix in totals and "positive" in totals:
            (right, n_right), (wrong, n_wrong) = totals["positive"], totals[suffix]
            yield _tally(f"margin{suffix}", [right, wrong], [n_right, n_wrong], bounds=(-2.0, 2.0))


def _tally_violations(
    query_vectors: Float[np.ndarray, "query feature"],
    document_vectors: Float[np.ndarray, "document feature"],
    judgments: Judgments,
    *,
    hard_types: HardTypes,
) -> Iterator[Tally]:
    """For each type the negatives that carry it alone, and those that are no less similar than the right document."""
    found = measure_type_importance(
        query_vectors, document_vectors, judgments.relevant, hard=judgments.hard, types=hard_types, weights={}, seed=0
    )
    if found is None:
        return
    n, kinds = len(query_vectors), _list_types(judgments, hard_types)
    pairs = zip(found.pair_query.tolist(), found.pair_document.tolist(), strict=True)
    carried = [kinds[pair] for pair in pairs]
    alone = np.array([next(iter(types)) if len(types) == 1 else None for types in carried], dtype=object)
    counts = Counter(name for types in carried for name in types)
    names = sorted(counts, key=lambda name: (-counts[name], name))
    for type_name, score_name in zip(names, name_scores("violation_rate", names), strict=True):
        own = alone == type_name
        if own.any():
            queries = found.pair_query[own]
            missed = np.bincount(queries, weights=found.pair_difference[own] <= 0, minlength=n)
            below = np.bincount(queries, minlength=n).astype(np.float64)
            yield _tally(score_name, [missed], [below], better="lower")


def _list_types(judgments: Judgments, hard_types: HardTypes) -> dict[tuple[int, int], frozenset[str]]:
    """What is wrong with each (query, hard negative)."""
    return {
        (query, document): frozenset(names)
        for query, (documents, lists) in enumerate(zip(judgments.hard, hard_types, strict=True))
        for document, names in zip(documents.tolist(), lists, strict=True)
    }


def _tally(
    name: str,
    above: Sequence[Column],
    below: Sequence[Column],
    *,
    better: Better = "higher",
    bounds: tuple[float, float] = (0.0, 1.0),
) -> Tally:
    """One term, or the first minus the second."""
    return Tally(
        name=name,
        above=np.column_stack(above),
        below=np.column_stack(below),
        weights=np.array([1.0, -1.0][: len(above)]),
        better=better,
        bounds=bounds,
    )
