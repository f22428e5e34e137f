"""How much closer a query lies to its right documents than to the others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from latentscape.errors import DataError
from latentscape.measures.bootstrap import bootstrap_interval, resample_sums, score_with
from latentscape.measures.cosines import check_documents, scale_to_unit
from latentscape.measures.histogram import Box, Histogram, box_bins, box_values, count_cosines, make_histogram
from latentscape.measures.score import Better, Score
from latentscape.progress import SILENT, Progress

MIN_SPREAD = 1e-7
"""A pooled deviation below this is the rounding of float32 vectors, not spread."""
PAIRS_AT_ONCE = 4096
"""Pairs whose vectors are copied side by side at a time."""
BETTER: Mapping[str, Better] = {
    "positive_mean": "higher",
    "positive_sd": "lower",
    "negative_mean": "lower",
    "negative_sd": "lower",
    "margin": "higher",
    "separation": "higher",
    "hard_negative_mean": "lower",
    "hard_negative_sd": "lower",
    "hard_margin": "higher",
}
BOUNDS = {"mean": (-1.0, 1.0), "sd": (0.0, 1.0), "margin": (-2.0, 2.0), "separation": (-np.inf, np.inf)}


@dataclass(frozen=True, kw_only=True)
class PairSimilarities:
    """Cosines of queries with their right documents, their declared hard negatives, and all other documents."""

    positives: Float[np.ndarray, " positive"]
    """One for every (query, right document), by query."""
    hard: Float[np.ndarray, " hard"]
    """One for every (query, declared hard negative), by query."""
    in_batch: Histogram
    """Every (query, document that is not right for it): the headline negatives; declared hard ones are among them."""
    boxes: Mapping[str, Box]
    """Percentiles by kind: `positive`, `hard`, `in_batch`; a kind without similarities is absent."""
    scores: Mapping[str, Score]
    """positive_mean, positive_sd, negative_mean, negative_sd, margin, separation, hard_negative_mean,
    hard_negative_sd, hard_margin."""


def separation(  # noqa: PLR0917  in the order the four numbers are always printed
    positive_mean: float, positive_sd: float, negative_mean: float, negative_sd: float
) -> float:
    """How many pooled standard deviations lie between the means: (m₊ − m₋) / √(s₊² + s₋²). Higher is better.

    It is the d_a of signal detection divided by √2. Unbounded, 0 when the means agree. The published example, 0.8234 ±
    0.0876 against 0.4521 ± 0.1234, has margin 0.3713 and separation 2.45. Where neither kind varies (pooled deviation
    below 1e-7, the rounding of single precision) there is no separation.

    Source: Simpson and Fitter 1973, Psychological Bulletin 80 (d_a).

    Raises:
        DataError: both deviations are zero, to float32 precision.

    >>> round(separation(0.8234, 0.0876, 0.4521, 0.1234), 2)
    2.45
    """
    spread = float(np.hypot(positive_sd, negative_sd))
    if not spread > MIN_SPREAD:
        raise DataError("separation needs spread", got=f"a pooled deviation of {spread:g}", expected="more than 1e-7")
    return (positive_mean - negative_mean) / spread


def measure_similarities(
    query_vectors: Float[np.ndarray, "query feature"],
    document_vectors: Float[np.ndarray, "document feature"],
    relevant: Sequence[Int[np.ndarray, " _"]],
    *,
    hard: Sequence[Int[np.ndarray, " _"]],
    seed: int,
    progress: Progress = SILENT,
) -> PairSimilarities:
    """Compare the cosines of queries with their right documents to those with documents that are not right.

    Positives are all (query, right document) pairs; a query may have several right documents. Negatives are all other
    pairs: every document that is not right for the query, `hard` ones included; these in-batch negatives are what the
    published scales mean. Declared hard negatives are also reported apart. With mean m and deviation s of each kind (s
    divides by n: the pairs are all there are, not a sample of them):

    * `positive_mean`, `positive_sd`: m₊ in [−1, 1], higher is better; s₊ in [0, 1], lower is better,
    * `negative_mean`, `negative_sd`: m₋ and s₋, both lower is better,
    * `margin` = m₊ − m₋, in [−2, 2], higher is better,
    * `separation` = margin / √(s₊² + s₋²), higher is better,
    * `hard_negative_mean`, `hard_negative_sd`: of the hard negatives, lower is better,
    * `hard_margin` = m₊ − mean of the hard negatives, in [−2, 2], higher is better.

    All cosines are computed in double precision from vectors scaled to length 1. Means and deviations over all pairs
    are exact and need no table of all pairs: for unit vectors the cosines of query q with all N documents have mean
    q·u and squares about it that sum to q′Cq, where u is the mean document and C = Σ (d − u)(d − u)′; the right pairs
    are then subtracted. The histogram of the negatives (200 bins on [−1, 1]) and their percentiles (right to 0.0005)
    are counted block by block.

    Intervals: bootstrap of queries, documents kept; None for a single query. No right document at all, no hard
    negatives, every document right for every query, or no spread to divide by: no value, but a reason. `n` counts
    pairs for means and deviations, queries for margins and separation.

    Source: the published evaluation of the retriever, whose scales these statistics have; separation as d_a / √2 of
    Simpson and Fitter 1973, Psychological Bulletin 80.

    Raises:
        DataError: there are no documents, a vector is not finite or all zero, a document number does not exist, or a
            document is both right and a hard negative for one query.
    """
    queries, documents = scale_to_unit(query_vectors, what="query"), scale_to_unit(document_vectors, what="document")
    shape = {"n_queries": len(queries), "n_documents": len(documents)}
    right, wrong = check_documents(relevant, what="right", **shape), check_documents(hard, what="hard", **shape)
    _refuse_contradictions(right, wrong)
    positives, negatives = _take_cosines(queries, documents, right), _take_cosines(queries, documents, wrong)
    sums = {
        "positive": _sum_chosen(positives, n_queries=len(queries)),
        "negative": _sum_others(queries, documents, right=positives),
        "hard_negative": _sum_chosen(negatives, n_queries=len(queries)),
    }
    scores = _score_kinds(sums, seed=seed)
    fine = count_cosines(query_vectors, document_vectors, right, progress=progress)
    boxes = {
        "positive": box_values(positives.values),
        "hard": box_values(negatives.values),
        "in_batch": box_bins(fine),
    }
    return PairSimilarities(
        positives=positives.values,
        hard=negatives.values,
        in_batch=make_histogram(fine, mean=scores["negative_mean"].value, sd=scores["negative_sd"].value),
        boxes={kind: box for kind, box in boxes.items() if box is not None},
        scores=scores,
    )


def _refuse_contradictions(right: Sequence[Int[np.ndarray, " _"]], hard: Sequence[Int[np.ndarray, " _"]]) -> None:
    """Raise DataError if a document is right and a hard negative for the same query."""
    for query, (good, bad) in enumerate(zip(right, hard, strict=True)):
        both = np.intersect1d(good, bad)
        if both.size:
            raise DataError(
                "a document can't be right and a hard negative for the same query",
                got=f"document {both[0]} for query {query}",
                hint="drop it from the query's hard negatives",
            )


class _Cosines(NamedTuple):
    """Cosines of some (query, document) pairs and the query each belongs to, by query."""

    query: Int[np.ndarray, " pair"]
    values: Float[np.ndarray, " pair"]


def _take_cosines(
    queries: Float[np.ndarray, "query feature"],
    documents: Float[np.ndarray, "document feature"],
    chosen: Sequence[Int[np.ndarray, " _"]],
) -> _Cosines:
    """The cosine of every query with each of its chosen documents; both sides have length 1."""
    query = np.repeat(np.arange(len(queries)), [numbers.size for numbers in chosen])
    document = np.concatenate([*chosen, np.empty(0, dtype=np.int64)])
    values = np.empty(query.size)
    for start in range(0, query.size, PAIRS_AT_ONCE):
        part = slice(start, start + PAIRS_AT_ONCE)
        values[part] = np.einsum("pf,pf->p", queries[query[part]], documents[document[part]])
    return _Cosines(query, np.clip(values, -1.0, 1.0))


class _Sums(NamedTuple):
    """Number, sum and sum of squares of each query's cosines of one kind, less `shift`.

    The shift lies near their mean, so that small deviations do not drown in the squares' rounding.
    """

    per_query: Float[np.ndarray, "query 3"]
    shift: float


def _sum_chosen(cosines: _Cosines, *, n_queries: int, shift: float | None = None) -> _Sums:
    """Each query's sums over its own chosen documents."""
    if shift is None:
        shift = float(cosines.values.mean()) if cosines.values.size else 0.0
    rest = cosines.values - shift
    columns = [np.bincount(cosines.query, weights=rest**power, minlength=n_queries) for power in (0, 1, 2)]
    return _Sums(np.stack(columns, axis=1), shift)


def _sum_others(
    queries: Float[np.ndarray, "query feature"], documents: Float[np.ndarray, "document feature"], *, right: _Cosines
) -> _Sums:
    """Each query's sums over all documents but its right ones, without a cosine of them being computed.

    With u the mean document and C the sum of (d - u)(d - u)' over the documents, the cosines of query q have the
    mean q.u and the squares about it sum to q'Cq.
    """
    n_documents, center = len(documents), documents.mean(axis=0)
    rest = documents - center
    spread = rest.T @ rest
    means = queries @ center
    shift = float(means.mean()) if means.size else 0.0
    squares = np.einsum("qf,qf->q", queries @ spread, queries)
    columns = (
        np.full(means.size, float(n_documents)),
        n_documents * (means - shift),
        squares + n_documents * (means - shift) ** 2,
    )
    others = np.stack(columns, axis=1) - _sum_chosen(right, n_queries=means.size, shift=shift).per_query
    return _Sums(np.where(others[:, :1] > 0, others, 0.0), shift)


def _score_kinds(sums: Mapping[str, _Sums], *, seed: int) -> dict[str, Score]:
    """All scores with their intervals, from the sums of the three kinds."""
    table = np.concatenate([kind.per_query for kind in sums.values()], axis=1)
    shifts = {kind: each.shift for kind, each in sums.items()}
    n_queries = len(table)
    totals = table.sum(axis=0)
    found = _derive_statistics(totals[None], shifts)
    drawn = _derive_statistics(resample_sums(table, seed=seed), shifts) if n_queries else found
    n_pairs = {kind: int(n) for kind, n in zip(sums, totals[::3], strict=True)}
    return {
        name: _score_statistic(name, float(found[name][0]), drawn=drawn[name], n_pairs=n_pairs, n_queries=n_queries)
        for name in found
    }


def _derive_statistics(
    totals: Float[np.ndarray, "draw column"], shifts: Mapping[str, float]
) -> dict[str, Float[np.ndarray, " draw"]]:
    """Means, deviations, margins and separation from total sums, NaN where they do not exist."""
    found: dict[str, Float[np.ndarray, " draw"]] = {}
    with np.errstate(invalid="ignore", divide="ignore"):
        for i, (kind, shift) in enumerate(shifts.items()):
            n, first, second = totals[:, 3 * i : 3 * i + 3].T
            found[f"{kind}_mean"] = first / n + shift
            found[f"{kind}_sd"] = np.sqrt(np.maximum(second / n - (first / n) ** 2, 0.0))
        spread = np.hypot(found["positive_sd"], found["negative_sd"])
        found["margin"] = found["positive_mean"] - found["negative_mean"]
        found["separation"] = found["margin"] / np.where(spread > MIN_SPREAD, spread, np.nan)
        found["hard_margin"] = found["positive_mean"] - found["hard_negative_mean"]
    return found


def _score_statistic(
    name: str, value: float, *, drawn: Float[np.ndarray, " draw"], n_pairs: Mapping[str, int], n_queries: int
) -> Score:
    """One statistic as a score: over pairs for means and deviations, over queries for what is made of several."""
    kind, _, last = name.rpartition("_")
    n, bounds = n_pairs.get(kind, n_queries), BOUNDS[last]
    if np.isnan(value):
        reason = _explain_missing(name, n_pairs)
        return Score(name=name, value=None, n=n, better=BETTER[name], bounds=bounds, reason=reason)
    interval = bootstrap_interval(drawn, unit="queries", n_units=n_queries)
    return score_with(name, value, n=n, interval=interval, better=BETTER[name], bounds=bounds)


def _explain_missing(name: str, n_pairs: Mapping[str, int]) -> str:
    """Why a statistic does not exist."""
    if n_pairs["positive"] == 0 and not name.startswith(("negative", "hard_negative")):
        return "no query has a right document"
    if name.startswith("hard"):
        return "no hard negatives are declared"
    if n_pairs["negative"] == 0:
        return "every document is right for every query"
    return "neither positives nor negatives vary, so there is no spread to divide by"
