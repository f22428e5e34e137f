"""The shape of the space that queries and documents share."""

from dataclasses import replace

import numpy as np
from jaxtyping import Float, Float64, Int

from latentscape.errors import DataError
from latentscape.measures.bootstrap import AGREE, Interval, bootstrap_interval, resample_sums, score_with
from latentscape.measures.effective_rank import measure_effective_rank
from latentscape.measures.influence import influence_interval
from latentscape.measures.judgments import Judgments
from latentscape.measures.mean_cosine import measure_mean_cosine
from latentscape.measures.nearest_documents import (
    find_nearest_documents,
    measure_document_hubness,
    measure_head_overlap,
    measure_never_found,
)
from latentscape.measures.plain_rows import choose_some
from latentscape.measures.query_gap import measure_query_gap
from latentscape.measures.scan import PairScan
from latentscape.measures.score import Score
from latentscape.measures.unit_rows import measure_pair_cosines, require_directions, take_unit_rows

MOST_ITEMS = 3_000
"""Items whose pairs are all compared for the uniformity; of more, a random choice."""
BLOCK_NUMBERS = 2**21
SPREAD = 2.0
"""The t of exp(-t |x - y|²); 2 is the authors' choice."""
CORNER = -4.0 * SPREAD
"""The uniformity of nothing but opposite vectors, which no more than two can be."""


def measure_retrieval_geometry(
    query_vectors: Float[np.ndarray, "query feature"],
    document_vectors: Float[np.ndarray, "document feature"],
    judgments: Judgments,
    *,
    before_head: Float[np.ndarray, "place wide"] | None = None,
    scan: PairScan | None = None,
    seed: int,
) -> dict[str, Score]:
    """alignment, uniformity_queries, uniformity_documents, query_document_gap, gap_readable, mean_cosine_queries,
    mean_cosine_documents, effective_rank_queries, effective_rank_documents, document_hubness, never_found, and with
    `before_head` (queries, then documents, as they enter the head) head_overlap.

    A `scan` of at least 10 documents a query spares a search for the nearest ones.

    Raises:
        DataError: a vector is not finite or all zero, or the judgments or `before_head` do not fit the vectors.
    """
    _refuse_misfits(query_vectors, document_vectors, judgments=judgments, before_head=before_head)
    require_directions(query_vectors, what="query")
    require_directions(document_vectors, what="document")
    sides = {"queries": query_vectors, "documents": document_vectors}
    nearest = find_nearest_documents(query_vectors, document_vectors, ignored=judgments.ignored, scan=scan)
    scores = [
        measure_alignment(query_vectors, document_vectors, judgments, seed=seed),
        *(measure_uniformity(vectors, side=side, seed=seed) for side, vectors in sides.items()),
        *measure_query_gap(query_vectors, document_vectors, judgments, seed=seed),
        *(_name(measure_mean_cosine(_single(each), seed=seed), side) for side, each in sides.items()),
        *(_name(measure_effective_rank(_single(each), seed=seed), side) for side, each in sides.items()),
        measure_document_hubness(nearest, document_vectors),
        measure_never_found(nearest, judgments),
    ]
    if before_head is not None:
        scores.append(
            measure_head_overlap(query_vectors, document_vectors, judgments, before_head=before_head, seed=seed)
        )
    return {score.name: score for score in scores}


def _refuse_misfits(
    query_vectors: Float[np.ndarray, "query feature"],
    document_vectors: Float[np.ndarray, "document feature"],
    *,
    judgments: Judgments,
    before_head: Float[np.ndarray, "place wide"] | None,
) -> None:
    n_queries, n_documents = len(query_vectors), len(document_vectors)
    if not n_queries or not n_documents:
        raise DataError(
            "the geometry needs queries and documents",
            got=f"{n_queries} and {n_documents}",
            hint="look at what made the vectors: was everything filtered?",
            fault="data-empty",
        )
    numbers = np.concatenate([*judgments.relevant, *judgments.hard, *judgments.ignored, np.empty(0, dtype=np.int64)])
    lists = {len(judgments.relevant), len(judgments.hard), len(judgments.ignored), n_queries}
    if (
        len(lists) > 1
        or n_documents != judgments.n_documents
        or (numbers.size and (numbers.min() < 0 or numbers.max() >= n_documents))
    ):
        raise DataError(
            "the judgments do not fit the vectors",
            got=f"{len(judgments.relevant)} lists with numbers up to {int(numbers.max(initial=-1))}",
            expected=f"one list for each of {n_queries} queries, numbers 0 to {n_documents - 1}",
            hint="make the judgments and the vectors from the same queries and documents",
            fault="data-columns",
        )
    if before_head is not None and len(before_head) != n_queries + n_documents:
        raise DataError(
            "the vectors before the head do not fit those behind it",
            got=f"{len(before_head)} rows",
            expected=f"{n_queries} queries, then {n_documents} documents",
            hint="read both layers from the same texts",
            fault="data-columns",
        )


def _single(vectors: Float[np.ndarray, "row feature"]) -> np.ndarray:
    return vectors.astype(np.float32, copy=False)


def _name(score: Score, side: str) -> Score:
    return replace(score, name=f"{score.name}_{side}")


def measure_alignment(
    query_vectors: Float[np.ndarray, "query feature"],
    document_vectors: Float[np.ndarray, "document feature"],
    judgments: Judgments,
    *,
    seed: int,
) -> Score:
    """How close queries lie to their right documents: the mean squared distance of the pairs, at length 1.

    `alignment` = mean of |q − d|² = 2 − 2 cos(q, d) over all (query, right document) pairs, in [0, 4]. Lower is better:
    0 where every right document lies on its query. By itself it says little, for a model that puts everything in one
    place is perfectly aligned: read it together with the uniformity. Interval: bootstrap of queries. `n` counts pairs.
    None where no query has a right document.

    Source: Wang and Isola 2020, https://arxiv.org/abs/2005.10242 (equation 1, alpha = 2).
    """
    sizes = np.array([len(numbers) for numbers in judgments.relevant], dtype=np.int64)
    query = np.repeat(np.arange(len(sizes)), sizes)
    bounds = (0.0, 4.0)
    if not len(query):
        reason = "no query has a right document"
        return Score(name="alignment", value=None, n=0, better="lower", bounds=bounds, reason=reason)
    document = np.concatenate(judgments.relevant).astype(np.int64)
    squares = 2.0 - 2.0 * measure_pair_cosines(query_vectors, document_vectors, pairs=(query, document))
    asked = np.flatnonzero(sizes)
    table = np.stack([np.bincount(query, weights=squares, minlength=len(sizes))[asked], sizes[asked]], axis=1)
    totals, counts = resample_sums(table, seed=seed).T
    draws = totals / counts
    spread = np.ptp(draws) > AGREE  # where all queries agree, resampling would claim certainty
    interval = bootstrap_interval(draws, unit="queries", n_units=len(asked)) if spread else Interval()
    value = float(squares.mean())
    return score_with("alignment", value, n=len(query), interval=interval, better="lower", bounds=bounds)


def measure_uniformity(vectors: Float[np.ndarray, "row feature"], *, side: str, seed: int) -> Score:
    """How evenly vectors are spread over the sphere: queries (`uniformity_queries`), or documents.

    log of the mean of exp(−2 |x − y|²) over all pairs of different items, at length 1. In [−8, 0]; lower is better: 0
    where all lie in one place, about −4 where they point all ways in many dimensions (distances of √2). Above 3,000
    items a random choice is measured, and `n` says so. The interval is by the influence of each item on the logarithm;
    there is none where all are equally far from each other. None with fewer than two items.

    Source: Wang and Isola 2020, https://arxiv.org/abs/2005.10242 (equation 2, t = 2; over pairs of different items,
    as their code does).
    """
    name, bounds = f"uniformity_{side}", (CORNER, 0.0)
    rows = choose_some(len(vectors), most=MOST_ITEMS, seed=seed)
    n = len(rows)
    if n < 2:
        reason = f"a uniformity needs two {side}, there is {n or 'none'}"
        return Score(name=name, value=None, n=n, better="lower", bounds=bounds, reason=reason)
    means = _mean_nearness(take_unit_rows(vectors, rows))
    mean = float(means.mean())
    value = min(max(float(np.log(mean)), CORNER), 0.0)
    influences = 2.0 * (means - mean) / (n * mean)
    interval = influence_interval(value, influences, method=f"by the influence of each of the {side}", bounds=bounds)
    return score_with(name, value, n=n, interval=interval, better="lower", bounds=bounds)


def _mean_nearness(points: Float64[np.ndarray, "item feature"]) -> Float64[np.ndarray, " item"]:
    """The mean of exp(-2 |x - y|²) of each item with all others."""
    n, sums = len(points), np.empty(len(points))
    step = max(1, BLOCK_NUMBERS // n)
    for at in range(0, n, step):
        block = slice(at, at + step)
        squares = np.maximum(2.0 - 2.0 * (points[block] @ points.T), 0.0)
        near = np.exp(-SPREAD * squares)
        own: Int[np.ndarray, " block"] = np.arange(at, min(at + step, n))
        near[own - at, own] = 0.0
        sums[block] = near.sum(axis=1)
    return sums / (n - 1)
