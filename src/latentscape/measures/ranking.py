"""Where the right documents come when all documents are sorted by similarity to a query."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from latentscape.measures.bootstrap import mean_share_interval, resample_sums, score_with, wilson
from latentscape.measures.cosines import check_documents, stream_cosines
from latentscape.measures.score import Score
from latentscape.progress import SILENT, Progress

CUTS = (1, 5, 10)
"""The k of each recall_at_k."""
NO_RIGHT = "no query has a right document"


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """For each query, the rank of its best right document and the k documents most similar to it.

    `k` is cut to the number of documents. Among documents of equal similarity wrong ones come first, then smaller
    numbers: a tie never counts in the model's favor.
    """

    best_rank: Int[np.ndarray, " query"]
    """1-based; 0 for a query without any right document."""
    top: Int[np.ndarray, "query k"]
    """Document numbers by descending similarity."""
    top_similarity: Float[np.ndarray, "query k"]
    """Cosines in [-1, 1], descending."""
    top_right: Bool[np.ndarray, "query k"]
    scores: Mapping[str, Score]
    """mrr, hit_at_1, recall_at_1, recall_at_5, recall_at_10."""


def rank_documents(
    query_vectors: Float[np.ndarray, "query feature"],
    document_vectors: Float[np.ndarray, "document feature"],
    relevant: Sequence[Int[np.ndarray, " _"]],
    *,
    k: int = 10,
    seed: int,
    progress: Progress = SILENT,
) -> Ranking:
    """Sort all documents for each query by cosine and find the right ones (numbers in `relevant`).

    The rank of a document is 1 + the number of documents ahead of it. A document is ahead when its cosine is larger,
    or when it is equal and the document is wrong. Negative cosines rank like any others. With R_q the right
    documents of query q and b_q the rank of the best of them, over the n queries that have any:

    * `mrr` = mean of 1 / b_q (mean reciprocal rank),
    * `hit_at_1` = share of queries with b_q = 1: the checklist's "right document at rank 1",
    * `recall_at_1`, `recall_at_5`, `recall_at_10` = mean of |R_q among the first k| / |R_q|, a set recall and not a hit
      rate (with m < k documents: k = m).

    All in [0, 1], higher is better. With several right documents `recall_at_1` can't reach 1; `hit_at_1` can. A tie
    never counts in the model's favor, and vectors that are equal number for number are multiplied once, so that their
    cosines are equal to the last bit. Intervals: bootstrap of queries, Wilson's for hit_at_1 and where all queries
    agree. A query without a right document has rank 0 and does not count, and `n` shows it; no value when no query has
    one.

    Source: Voorhees 1999, The TREC-8 question answering track report (mean reciprocal rank).

    Raises:
        DataError: there are no documents, a vector is not finite or all zero, or a right document does not exist.
    """
    n_queries, n_documents = len(query_vectors), len(document_vectors)
    chosen = check_documents(relevant, n_queries=n_queries, n_documents=n_documents, what="right")
    width = min(max(k, *CUTS), n_documents)
    blocks = stream_cosines(query_vectors, document_vectors, progress=progress, label="Ranking documents")
    rows = ((query, row) for start, block in blocks for query, row in enumerate(block, start=start))
    ranked = [_rank_row(row, _mark(chosen[query], n=n_documents), k=width) for query, row in rows]
    best_rank = np.array([each.best_rank for each in ranked], dtype=np.int64)
    right = np.array([each.right for each in ranked], dtype=bool).reshape(n_queries, width)
    n_right = np.array([numbers.size for numbers in chosen], dtype=np.int64)
    return Ranking(
        best_rank=best_rank,
        top=np.array([each.top[:k] for each in ranked], dtype=np.int64).reshape(n_queries, min(k, width)),
        top_similarity=np.array([each.similarity[:k] for each in ranked]).reshape(n_queries, min(k, width)),
        top_right=right[:, :k],
        scores=_score_ranks(best_rank, right, n_right=n_right, seed=seed),
    )


class _RankedRow(NamedTuple):
    """One query's share of a `Ranking`."""

    best_rank: int
    top: Int[np.ndarray, " k"]
    similarity: Float[np.ndarray, " k"]
    right: Bool[np.ndarray, " k"]


def _rank_row(row: Float[np.ndarray, " document"], is_right: Bool[np.ndarray, " document"], *, k: int) -> _RankedRow:
    """Rank all documents for one query from its cosines."""
    top = _find_top(row, is_right, k=k)
    return _RankedRow(_rank_best(row, is_right), top, row[top], is_right[top])


def _mark(numbers: Int[np.ndarray, " chosen"], *, n: int) -> Bool[np.ndarray, " document"]:
    """True at the documents whose numbers are given."""
    marks = np.zeros(n, dtype=bool)
    marks[numbers] = True
    return marks


def _rank_best(row: Float[np.ndarray, " document"], is_right: Bool[np.ndarray, " document"]) -> int:
    """The 1-based rank of the best right document, behind wrong ones of equal cosine; 0 if none is right.

    >>> _rank_best(np.array([0.9, 0.9, 0.1]), np.array([True, False, False]))
    2
    """
    if not is_right.any():
        return 0
    return 1 + int(np.count_nonzero(row[~is_right] >= row[is_right].max()))


def _find_top(
    row: Float[np.ndarray, " document"], is_right: Bool[np.ndarray, " document"], *, k: int
) -> Int[np.ndarray, " k"]:
    """The k first documents by descending cosine, then wrong before right, then number.

    >>> _find_top(np.array([0.5, 0.9, 0.9]), np.array([False, True, False]), k=2)
    array([2, 1])
    """
    threshold = np.partition(row, row.size - k)[row.size - k]
    reached = np.flatnonzero(row >= threshold)  # only the documents that can be among the first k are sorted
    order = np.lexsort((reached, is_right[reached], -row[reached]))
    return reached[order[:k]]


def _score_ranks(
    best_rank: Int[np.ndarray, " query"],
    right: Bool[np.ndarray, "query width"],
    *,
    n_right: Int[np.ndarray, " query"],
    seed: int,
) -> dict[str, Score]:
    """mrr, hit_at_1 and recall_at_k with their intervals."""
    asked = n_right > 0
    n = int(asked.sum())
    names = ["mrr", "hit_at_1", *(f"recall_at_{cut}" for cut in CUTS)]
    if n == 0:
        return {name: Score(name=name, value=None, n=0, reason=NO_RIGHT) for name in names}
    ranks = best_rank[asked]
    recalls = [right[asked, :cut].sum(axis=1) / n_right[asked] for cut in CUTS]
    values = np.stack([1 / ranks, ranks == 1, *recalls], axis=1)
    draws = resample_sums(values, seed=seed) / n
    return dict(_score_columns(names, values, draws=draws))


def _score_columns(
    names: Sequence[str], values: Float[np.ndarray, "query column"], *, draws: Float[np.ndarray, "draw column"]
) -> Iterable[tuple[str, Score]]:
    """A score for the mean of each column of per-query values in [0, 1]."""
    n = len(values)
    for column, name in enumerate(names):
        value = float(values[:, column].mean())
        interval = mean_share_interval(draws[:, column], value, unit="queries", n_units=n)
        if name == "hit_at_1":
            interval = wilson(value, n)
        yield name, score_with(name, value, n=n, interval=interval)
