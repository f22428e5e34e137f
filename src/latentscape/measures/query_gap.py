"""Whether queries and documents live in different places."""

import numpy as np
from jaxtyping import Float, Float64, Int

from latentscape.measures.bootstrap import N_DRAWS, mean_share_interval, score_with
from latentscape.measures.influence import influence_interval
from latentscape.measures.judgments import Judgments
from latentscape.measures.score import Score
from latentscape.measures.unit_rows import stream_unit_rows

FOLDS = 5
ROUNDING = 1e-9
"""Centers nearer than this are one: single precision knows no difference."""


def measure_query_gap(
    query_vectors: Float[np.ndarray, "query feature"],
    document_vectors: Float[np.ndarray, "document feature"],
    judgments: Judgments,
    *,
    seed: int,
) -> tuple[Score, Score]:
    """How far apart the cloud of queries and the cloud of documents lie, and whether one line tells them apart.

    With all vectors at length 1:

    * `query_document_gap` = |mean query − mean document|, in [0, 2]. 0: both have the same center. By chance alone it
      is about √(1/n + 1/m) for n queries and m documents that spread evenly. The interval is by the influence of each
      vector; none where the centers agree.
    * `gap_readable` = how often the nearer of the two centers is that of a vector's own kind, in [0, 1]: the mean of
      the shares among queries and among documents, each vector judged by centers of the other four of five random
      parts; a tie counts half. A query, its first right document and its hard negatives are in one part: they lie side
      by side, and with one of them missing from its center the others would draw it to theirs. 0.5 is chance, 1 two
      clouds that do not touch. Interval: both shares drawn again as often as there are vectors; Wilson's where all
      draws agree. None with fewer than five queries or documents, or where nearly all belong together.

    Neither is better by itself: rankings compare documents with each other, and a shift that all documents share leaves
    them as they are. A gap matters where one threshold on the cosine is to serve, or queries and documents are to be
    compared among themselves. `n` counts vectors of both kinds.

    Source: Liang, Zhang, Kwon, Yeung and Zou 2022, https://arxiv.org/abs/2203.02053 (modality gap).
    """
    sides = (query_vectors, document_vectors)
    folds = _deal(judgments, n_queries=len(query_vectors), seed=seed)
    sums = [_sum_folds(side, fold) for side, fold in zip(sides, folds, strict=True)]
    return _score_gap(sides, sums), _score_readable(sides, sums, folds=folds, seed=seed)


def _deal(judgments: Judgments, *, n_queries: int, seed: int) -> list[Int[np.ndarray, " _"]]:
    """The part of each query and of each document."""
    random = np.random.default_rng(seed)
    documents = random.permutation(judgments.n_documents) % FOLDS
    queries = random.permutation(n_queries) % FOLDS
    asked = np.array([query for query, right in enumerate(judgments.relevant) if len(right)], dtype=np.int64)
    queries[asked] = documents[[judgments.relevant[query][0] for query in asked.tolist()]]
    only_hard = np.ones(judgments.n_documents, dtype=bool)
    for right in judgments.relevant:
        only_hard[right] = False
    for query, hard in enumerate(judgments.hard):
        documents[hard[only_hard[hard]]] = queries[query]
    return [queries, documents]


def _sum_folds(
    vectors: Float[np.ndarray, "row feature"], fold: Int[np.ndarray, " row"]
) -> Float64[np.ndarray, "fold feature"]:
    """The sum of the unit vectors of each part."""
    sums = np.zeros((FOLDS, vectors.shape[1]))
    for rows, units in stream_unit_rows(vectors):
        for part in range(FOLDS):
            sums[part] += units[fold[rows] == part].sum(axis=0)
    return sums


def _score_gap(
    sides: tuple[Float[np.ndarray, "query feature"], Float[np.ndarray, "document feature"]],
    sums: list[Float64[np.ndarray, "fold feature"]],
) -> Score:
    centers = [total.sum(axis=0) / len(side) for total, side in zip(sums, sides, strict=True)]
    way = centers[0] - centers[1]
    value, n, bounds = float(np.linalg.norm(way)), sum(map(len, sides)), (0.0, 2.0)
    if value < ROUNDING:
        return Score(name="query_document_gap", value=value, n=n, better="neither", bounds=bounds)
    influences = [
        ((units - center) @ (way / value)) / len(side)
        for side, center in zip(sides, centers, strict=True)
        for _, units in stream_unit_rows(side)
    ]
    interval = influence_interval(
        value, np.concatenate(influences), method="by the influence of each query and document", bounds=bounds
    )
    return score_with("query_document_gap", value, n=n, interval=interval, better="neither", bounds=bounds)


def _score_readable(
    sides: tuple[Float[np.ndarray, "query feature"], Float[np.ndarray, "document feature"]],
    sums: list[Float64[np.ndarray, "fold feature"]],
    *,
    folds: list[Int[np.ndarray, " _"]],
    seed: int,
) -> Score:
    sizes = [len(side) for side in sides]
    if min(sizes) < FOLDS:
        reason = f"{sizes[0]} queries and {sizes[1]} documents, {FOLDS} of each are needed"
        return Score(name="gap_readable", value=None, n=sum(sizes), better="neither", reason=reason)
    counts = [np.bincount(fold, minlength=FOLDS)[:, None] for fold in folds]
    if any(count.max() == n for count, n in zip(counts, sizes, strict=True)):
        reason = "nearly all queries, or documents, belong together"
        return Score(name="gap_readable", value=None, n=sum(sizes), better="neither", reason=reason)
    centers = [(each.sum(axis=0) - each) / (n - count) for each, n, count in zip(sums, sizes, counts, strict=True)]
    ways = centers[0] - centers[1]
    ways[np.linalg.norm(ways, axis=1) < ROUNDING] = 0.0
    middles = np.einsum("fd,fd->f", ways, (centers[0] + centers[1]) / 2)
    shares = [
        _share_own(side, sign * ways, middles=sign * middles, fold=fold)
        for side, sign, fold in zip(sides, (1.0, -1.0), folds, strict=True)
    ]
    value = sum(shares) / 2
    random = np.random.default_rng([seed, FOLDS])
    draws = [random.binomial(n, share, size=N_DRAWS) / n for n, share in zip(sizes, shares, strict=True)]
    interval = mean_share_interval((draws[0] + draws[1]) / 2, value, unit="queries and documents", n_units=sum(sizes))
    return score_with("gap_readable", value, n=sum(sizes), interval=interval, better="neither")


def _share_own(
    vectors: Float[np.ndarray, "row feature"],
    ways: Float64[np.ndarray, "fold feature"],
    *,
    middles: Float64[np.ndarray, " fold"],
    fold: Int[np.ndarray, " row"],
) -> float:
    """Share of the vectors on their own side of the line drawn without them; on the line counts half."""
    hits = 0.0
    for rows, units in stream_unit_rows(vectors):
        place = np.einsum("rd,rd->r", units, ways[fold[rows]]) - middles[fold[rows]]
        hits += float(np.sum(place > 0) + 0.5 * np.sum(place == 0))
    return hits / len(vectors)
