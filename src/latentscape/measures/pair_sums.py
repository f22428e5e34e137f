"""Each query's cosines of four kinds, added up: what means, deviations and margins over pairs are made of."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from latentscape.errors import DataError
from latentscape.executor import IN_PROCESS, Executor
from latentscape.measures.cosines import check_documents
from latentscape.measures.gram_sums import sum_squares_about
from latentscape.measures.judgments import Judgments
from latentscape.measures.pair_cosines import Pairs, take_cosines
from latentscape.measures.scan import PairScan
from latentscape.measures.unit_rows import require_directions, stream_unit_rows


class KindSums(NamedTuple):
    """Number, sum and sum of squares of each query's cosines of one kind, less `shift`.

    The shift lies near their mean, so that small deviations do not drown in the squares' rounding.
    """

    per_query: Float[np.ndarray, "query 3"]
    shift: float


@dataclass(frozen=True, kw_only=True)
class QuerySums:
    """Each query's cosines of one kind: how many, and what they add up to."""

    counts: Float[np.ndarray, " query"]
    sums: Float[np.ndarray, " query"]


def sum_similarities(
    query_vectors: Float[np.ndarray, "query feature"],
    document_vectors: Float[np.ndarray, "document feature"],
    judgments: Judgments,
    *,
    scan: PairScan,
) -> dict[str, QuerySums]:
    """What `measure_similarities` makes its means and margins of: the sums of each query.

    Keys are `positive` and the endings of the populations: nothing (all wrong documents), `_hard` and `_mined`.

    Raises:
        DataError: as `measure_similarities`.
    """
    kinds = take_kinds(query_vectors, document_vectors, judgments, scan=scan)
    found = sum_kinds(query_vectors, document_vectors, kinds)
    return {
        kind: QuerySums(counts=each.per_query[:, 0], sums=each.per_query[:, 1] + each.shift * each.per_query[:, 0])
        for kind, each in found.items()
    }


def take_kinds(
    queries: Float[np.ndarray, "query feature"],
    documents: Float[np.ndarray, "document feature"],
    judgments: Judgments,
    *,
    scan: PairScan,
) -> tuple[Pairs, Pairs, Pairs, Pairs]:
    """The cosines with right, declared hard, ignored and mined documents."""
    require_directions(queries, what="query")
    require_directions(documents, what="document")
    right, hard, ignored = _check(judgments, n_queries=len(queries), n_documents=len(documents))
    mined = [np.array([each] if each >= 0 else [], dtype=np.int64) for each in scan.mined.tolist()]
    positives, hard_ones, left_out, mined_ones = (
        take_cosines(queries, documents, chosen, group=scan.group) for chosen in (right, hard, ignored, mined)
    )
    return positives, hard_ones, left_out, mined_ones


def sum_kinds(
    queries: Float[np.ndarray, "query feature"],
    documents: Float[np.ndarray, "document feature"],
    kinds: tuple[Pairs, Pairs, Pairs, Pairs],
    *,
    executor: Executor = IN_PROCESS,
) -> dict[str, KindSums]:
    """Each query's sums, for right documents and the three populations of wrong ones."""
    positives, hard, left_out, mined = kinds
    return {
        "positive": _sum_chosen(positives, n_queries=len(queries)),
        "": _sum_others(queries, documents, left_out=(positives, left_out), executor=executor),
        "_hard": _sum_chosen(hard, n_queries=len(queries)),
        "_mined": _sum_chosen(mined, n_queries=len(queries)),
    }


def _check(judgments: Judgments, *, n_queries: int, n_documents: int) -> list[Sequence[Int[np.ndarray, " _"]]]:
    """The three lists of each query, sorted; raises DataError if one document is in two of them."""
    lists = {"right": judgments.relevant, "hard": judgments.hard, "ignored": judgments.ignored}
    checked = {
        what: _sort(each, what=what, n_queries=n_queries, n_documents=n_documents) for what, each in lists.items()
    }
    keys = {what: _number_pairs(each, n_documents=n_documents) for what, each in checked.items()}
    words = {"right": "right", "hard": "a hard negative", "ignored": "ignored"}
    for one, other in combinations(lists, 2):
        both = keys[one][np.isin(keys[one], keys[other])]
        if both.size:
            raise DataError(
                f"a document can't be {words[one]} and {words[other]} for the same query",
                got=f"document {both[0] % n_documents} for query {both[0] // n_documents}",
                hint="drop it from one of the query's lists",
            )
    return list(checked.values())


def _sort(
    lists: Sequence[Int[np.ndarray, " _"]], *, what: str, n_queries: int, n_documents: int
) -> Sequence[Int[np.ndarray, " _"]]:
    """Each query's document numbers ascending, each once; as they are where they are so already."""
    numbers = np.concatenate([*lists, np.empty(0, dtype=np.int64)])
    if len(lists) == n_queries and n_documents and 0 <= numbers.min(initial=0) <= numbers.max(initial=0) < n_documents:
        keys = _number_pairs(lists, n_documents=n_documents)
        if np.all(np.diff(keys) > 0):
            return lists
    return check_documents(lists, n_queries=n_queries, n_documents=n_documents, what=what)


def _number_pairs(lists: Sequence[Int[np.ndarray, " _"]], *, n_documents: int) -> Int[np.ndarray, " pair"]:
    """A number for each (query, document) pair."""
    query = np.repeat(np.arange(len(lists)), [numbers.size for numbers in lists])
    return query * n_documents + np.concatenate([*lists, np.empty(0, dtype=np.int64)])


def _sum_chosen(cosines: Pairs, *, n_queries: int, shift: float | None = None) -> KindSums:
    """Each query's sums over its own chosen documents."""
    if shift is None:
        shift = float(cosines.values.mean()) if cosines.values.size else 0.0
    rest = cosines.values - shift
    columns = [np.bincount(cosines.query, weights=rest**power, minlength=n_queries) for power in (0, 1, 2)]
    return KindSums(np.stack(columns, axis=1).astype(np.float64), shift)  # counts of nothing are whole numbers


def _sum_others(
    queries: Float[np.ndarray, "query feature"],
    documents: Float[np.ndarray, "document feature"],
    *,
    left_out: Sequence[Pairs],
    executor: Executor,
) -> KindSums:
    """Each query's sums over all documents but those left out, without a cosine of them being computed.

    With u the mean document and C the sum of (d - u)(d - u)' over the documents, the cosines of query q have the
    mean q.u and the squares about it sum to q'Cq.
    """
    n_documents, width = documents.shape
    center = np.zeros(width)
    for _, block in stream_unit_rows(documents):
        center += block.sum(axis=0) / n_documents
    spread = sum_squares_about(documents, center, executor=executor)
    means, squares = np.empty(len(queries)), np.empty(len(queries))
    for rows, block in stream_unit_rows(queries):
        means[rows], squares[rows] = block @ center, np.einsum("qf,qf->q", block @ spread, block)
    shift = float(means.mean()) if means.size else 0.0
    columns = (
        np.full(means.size, float(n_documents)),
        n_documents * (means - shift),
        squares + n_documents * (means - shift) ** 2,
    )
    others = np.stack(columns, axis=1)
    for pairs in left_out:
        others = others - _sum_chosen(pairs, n_queries=means.size, shift=shift).per_query
    return KindSums(np.where(others[:, :1] > 0, others, 0.0), shift)
