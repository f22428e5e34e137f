"""Where the right documents come when all documents are sorted by similarity to a query."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from latentscape.measures.bootstrap import mean_share_interval, resample_sums, score_with, wilson
from latentscape.measures.judgments import Judgments
from latentscape.measures.scan import PairScan
from latentscape.measures.score import Score

CUTS = (1, 5, 10, 50)
"""The k of each recall_at_k."""
NDCG_CUT = 10
WITHOUT_HARD = "_without_hard"
"""Behind a score's name: in the corpus without documents that are right for no query."""
NAMES = ("mrr", "hit_at_1", *(f"recall_at_{cut}" for cut in CUTS), f"ndcg_at_{NDCG_CUT}", "map")
NO_RIGHT = "no query has a right document"


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """For each query where its right documents come, and the k documents most similar to it.

    `k` is that of the scan. Among documents of equal similarity wrong ones come first, then smaller numbers: a tie
    never counts in the model's favor.
    """

    best_rank: Int[np.ndarray, " query"]
    """Rank of the best right document, 1-based; 0 for a query without any."""
    best_rank_without_hard: Int[np.ndarray, " query"]
    """The same among the documents that are right for some query."""
    average_precision: Float[np.ndarray, " query"]
    """NaN for a query without right documents."""
    ndcg: Float[np.ndarray, " query"]
    """nDCG@10; NaN for a query without right documents."""
    top: Int[np.ndarray, "query k"]
    """Document numbers by descending similarity; -1 where there are no more."""
    top_similarity: Float[np.ndarray, "query k"]
    """Cosines in [-1, 1], descending; NaN where there are no more documents."""
    top_right: Bool[np.ndarray, "query k"]
    scores: Mapping[str, Score]
    """mrr, hit_at_1, recall_at_1, recall_at_5, recall_at_10, recall_at_50, ndcg_at_10, map, and each again with
    `_without_hard` behind its name."""


def rank_documents(scan: PairScan, judgments: Judgments, *, seed: int) -> Ranking:
    """Find the right documents in the order of all documents by cosine.

    The rank of a right document is 1 + the number of documents ahead of it. A document is ahead when its cosine is
    larger, or when it is equal and the document is wrong; of two right documents of equal cosine the one with the
    smaller number is ahead. A tie with a right document is thus never a win. Negative cosines rank like any others,
    and documents that are ignored for a query take no part. With r_1 < r_2 < ... < r_R the ranks of the R right
    documents of a query, all are means over the queries that have any:

    * `mrr`: of 1 / r_1 (mean reciprocal rank),
    * `hit_at_1`: share of queries with r_1 = 1, the checklist's "right document at rank 1",
    * `recall_at_1`, `recall_at_5`, `recall_at_10`, `recall_at_50`: of |{i: r_i <= k}| / R, a set recall and not a hit
      rate,
    * `ndcg_at_10`: of the sum of 1 / log2(1 + r_i) over r_i <= 10, divided by the largest that R right documents can
      have: the sum of 1 / log2(1 + i) for i up to min(R, 10),
    * `map`: of the mean over i of i / r_i (mean average precision).

    All in [0, 1], higher is better. With several right documents `recall_at_1` can't reach 1; `hit_at_1` can. Each
    score stands twice: among all documents, and with `_without_hard` behind its name among those that are right for
    some query, so that documents which are only ever hard negatives are not in the way.

    Intervals: bootstrap of queries, Wilson's for hit_at_1 and where all queries agree. A query without a right document
    has rank 0 and does not count, and `n` shows it; no value when no query has one.

    Source: Voorhees 1999, The TREC-8 question answering track report (mean reciprocal rank); Järvelin and Kekäläinen
    2002, https://doi.org/10.1145/582415.582418 (nDCG); Manning, Raghavan and Schütze 2008, Introduction to Information
    Retrieval, chapter 8 (mean average precision).
    """
    n_queries = len(scan.top)
    starts = np.searchsorted(scan.pair_query, np.arange(n_queries + 1))
    asked = np.flatnonzero(np.diff(starts))
    place = np.arange(scan.pair_query.size) - starts[scan.pair_query] + 1
    columns, best = {}, {}
    for suffix, ahead in (("", scan.ahead), (WITHOUT_HARD, scan.ahead_without_hard)):
        values = _judge_queries(place, place + ahead, first=starts[asked])
        columns |= {f"{name}{suffix}": values[:, column] for column, name in enumerate(NAMES)}
        best[suffix] = np.zeros(n_queries, dtype=np.int64)
        best[suffix][asked] = (place + ahead)[starts[asked]]
    return Ranking(
        best_rank=best[""],
        best_rank_without_hard=best[WITHOUT_HARD],
        average_precision=_spread(columns["map"], asked, n=n_queries),
        ndcg=_spread(columns[f"ndcg_at_{NDCG_CUT}"], asked, n=n_queries),
        top=scan.top,
        top_similarity=scan.top_similarity,
        top_right=_mark_right(scan, n_documents=judgments.n_documents),
        scores=_score_queries(columns, n=asked.size, seed=seed),
    )


def _judge_queries(
    place: Int[np.ndarray, " pair"], rank: Int[np.ndarray, " pair"], *, first: Int[np.ndarray, " asked"]
) -> Float[np.ndarray, "asked score"]:
    """The values of `NAMES` for each query with right documents.

    `place` is the place of each pair's document among its query's right ones, from 1, `rank` that among all documents,
    and `first` the number of each query's first pair.

    >>> _judge_queries(np.array([1, 2]), np.array([1, 4]), first=np.array([0]))[0].round(3).tolist()
    [1.0, 1.0, 0.5, 1.0, 1.0, 1.0, 0.877, 0.75]
    """
    gain, ideal = 1 / np.log2(rank + 1.0), 1 / np.log2(place + 1.0)
    inside = [(rank <= cut).astype(np.float64) for cut in CUTS]
    gains = [np.where(rank <= NDCG_CUT, gain, 0.0), np.where(place <= NDCG_CUT, ideal, 0.0)]
    if first.size == 0:
        return np.empty((0, len(NAMES)))
    sums = np.add.reduceat(np.stack([np.ones(place.size), *inside, *gains, place / rank], axis=1), first)
    n_right, found, (reached, reachable, precision) = sums[:, :1], sums[:, 1:-3], sums[:, -3:].T
    best = rank[first]
    return np.column_stack([1 / best, best == 1, found / n_right, reached / reachable, precision / n_right[:, 0]])


def _spread(
    values: Float[np.ndarray, " asked"], asked: Int[np.ndarray, " asked"], *, n: int
) -> Float[np.ndarray, " _"]:
    """The values of the queries that have any, NaN for the others."""
    spread = np.full(n, np.nan)
    spread[asked] = values
    return spread


def _mark_right(scan: PairScan, *, n_documents: int) -> Bool[np.ndarray, "query k"]:
    """Which of the most similar documents are right."""
    right = scan.pair_query * n_documents + scan.pair_document
    listed = np.arange(len(scan.top))[:, None] * n_documents + scan.top
    return np.isin(listed, right) & (scan.top >= 0)


def _score_queries(columns: Mapping[str, Float[np.ndarray, " asked"]], *, n: int, seed: int) -> dict[str, Score]:
    """The mean of each column with its interval."""
    if n == 0:
        return {name: Score(name=name, value=None, n=0, reason=NO_RIGHT) for name in columns}
    values = np.stack(list(columns.values()), axis=1)
    return dict(_score_columns(list(columns), values, draws=resample_sums(values, seed=seed) / n))


def _score_columns(
    names: Sequence[str], values: Float[np.ndarray, "query column"], *, draws: Float[np.ndarray, "draw column"]
) -> Iterable[tuple[str, Score]]:
    """A score for the mean of each column of per-query values in [0, 1]."""
    n = len(values)
    for column, name in enumerate(names):
        value = float(values[:, column].mean())
        interval = mean_share_interval(draws[:, column], value, unit="queries", n_units=n)
        if name.startswith("hit_at_1"):
            interval = wilson(value, n)
        yield name, score_with(name, value, n=n, interval=interval)
