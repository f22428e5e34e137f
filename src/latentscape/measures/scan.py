"""Every query against every document, once: ranks, nearest documents and histograms, in blocks at BLAS speed.

Products of whole tiles in single precision propose, and double precision decides: a bound on the rounding errors tells
which documents may lie on either side of a limit, and those few are measured again. The ranks and the nearest
documents depend neither on the number of threads nor on the BLAS; no array grows with queries times documents.
"""

from dataclasses import dataclass
from threading import Lock

import numpy as np
from jaxtyping import Bool, Float, Int
from threadpoolctl import threadpool_limits

from latentscape.engine import Crew
from latentscape.errors import DataError
from latentscape.executor import IN_PROCESS, Executor, InProcess
from latentscape.measures.cosines import refuse_no_documents
from latentscape.measures.judgments import DocumentLists, Judgments
from latentscape.measures.scan_field import Field, Side, cut_lists, lay_field, lay_sides
from latentscape.measures.scan_shards import compare_in_shards
from latentscape.measures.scan_tiles import N_FINE, Comparison, Pairs, choose_tile_rows, compare_lines, measure_pairs

N_GROUPS = 500
"""Queries are dealt into at most so many groups."""


@dataclass(frozen=True, kw_only=True)
class PairScan:
    """What one pass over all (query, document) pairs leaves behind; no array grows with their product.

    Comparisons are those of cosines in double precision. Wrong documents that tie with a right one are ahead of it.
    """

    top: Int[np.ndarray, "query k"]
    """Document numbers by descending cosine, ties: wrong before right, then by number. Ignored ones are not among
    them; -1 where there are no more documents."""
    top_similarity: Float[np.ndarray, "query k"]
    """Their cosines; NaN where there is none."""
    pair_query: Int[np.ndarray, " pair"]
    """The query of each (query, right document) pair, ascending."""
    pair_document: Int[np.ndarray, " pair"]
    """Its document; a query's right documents by descending cosine, then number."""
    pair_similarity: Float[np.ndarray, " pair"]
    ahead: Int[np.ndarray, " pair"]
    """Wrong documents at least as similar to the query as this right one."""
    ahead_without_hard: Int[np.ndarray, " pair"]
    """Of these, the ones that are right for some other query: the corpus without documents that are only ever hard
    negatives."""
    mined: Int[np.ndarray, " query"]
    """The most similar wrong document, the first by number on a tie; -1 where none is wrong."""
    mined_similarity: Float[np.ndarray, " query"]
    """Its cosine; NaN where none is wrong."""
    group: Int[np.ndarray, " query"]
    """Queries are dealt at random into at most 500 groups of nearly equal size (with fewer queries each is its own),
    the units that histograms are kept and resampled by."""
    counts: Int[np.ndarray, "group bin"]
    """Histogram of each group's cosines with wrong documents, in equal bins on [-1, 1], the last one includes 1.
    Cosines come in single precision: one within the rounding of an edge may be counted on its other side."""


def scan_pairs(
    query_vectors: Float[np.ndarray, "query _"],
    document_vectors: Float[np.ndarray, "document _"],
    judgments: Judgments,
    *,
    k: int,
    seed: int,
    executor: Executor = IN_PROCESS,
) -> PairScan:
    """Compare every query with every document, here or in shards on other workers: the bytes are the same.

    The cosine of a pair is the sum of products in one fixed order, in double precision, divided by both lengths:
    vectors that are equal number for number tie exactly, wherever they stand. `seed` deals the queries into groups; it
    changes nothing else. `k` is cut to the number of documents, and is at least 1.

    Raises:
        DataError: there are no documents, widths differ, a vector is not finite or all zero, a document number does
            not exist, or a document is in two lists of one query.
    """
    right, left_out, is_right = _take_judgments(judgments, len(query_vectors), n_documents=len(document_vectors))
    queries, documents = lay_sides(query_vectors, document_vectors)
    here = isinstance(executor, InProcess)
    field = lay_field(queries, documents, is_right, with_points=here)
    with Crew() as crew, threadpool_limits(1, "blas"):
        job, pairs = _prepare(
            (queries, documents, field), right, left_out, k=min(max(k, 1), len(is_right)), seed=seed, crew=crew
        )
        tile_rows = choose_tile_rows(len(job.lines))
        if here:
            compare_lines(job, tile_rows=tile_rows, crew=crew, progress=executor.progress)
        else:
            compare_in_shards(job, tile_rows=tile_rows, executor=executor)
    return _collect_scan(job, pairs)


def _take_judgments(
    judgments: Judgments, n_queries: int, *, n_documents: int
) -> tuple[Pairs, Pairs, Bool[np.ndarray, " document"]]:
    """Right pairs, pairs that are right or ignored, and which documents are right for some query."""
    refuse_no_documents(n_documents)
    if judgments.n_documents != n_documents:
        raise DataError(
            "the judgments do not fit the vectors",
            got=f"{n_documents} document vectors",
            expected=f"{judgments.n_documents}, one for each document that is judged",
            hint="make the judgments and the vectors from the same queries and documents",
            fault="data-columns",
        )

    def take(lists: DocumentLists, what: str) -> Pairs:
        return cut_lists(lists, n_documents=n_documents, what=what, n_queries=n_queries)

    right, hard = take(judgments.relevant, "right"), take(judgments.hard, "hard")
    ignored = take(judgments.ignored, "ignored")
    keys = np.sort(np.concatenate([query * n_documents + document for query, document in (right, hard, ignored)]))
    twice = np.flatnonzero(keys[1:] == keys[:-1])
    if twice.size:
        query, document = divmod(int(keys[twice[0]]), n_documents)
        raise DataError(
            "a document can be only one of right, a hard negative and ignored for the same query",
            got=f"document {document} for query {query}",
            hint="drop it from the query's hard negatives",
        )
    is_right = np.zeros(n_documents, bool)
    is_right[right[1]] = True
    both = [np.concatenate(sides) for sides in zip(right, ignored, strict=True)]
    order = np.argsort(both[0], kind="stable")
    return right, (both[0][order], both[1][order]), is_right


def _prepare(
    laid: tuple[Side, Side, Field], right: Pairs, left_out: Pairs, *, k: int, seed: int, crew: Crew
) -> tuple[Comparison, Pairs]:
    """What is to be compared, and the right pairs by query, then descending cosine."""
    queries, documents, field = laid
    n, n_groups = len(queries.rows), min(N_GROUPS, len(queries.rows))
    similarity = measure_pairs((queries, documents), right, crew=crew)
    order = np.lexsort((right[1], -similarity, right[0]))
    lines, group, place = np.random.default_rng(seed).permutation(n), np.empty(n, np.int64), np.empty_like(field.order)
    group[lines] = np.arange(n) * n_groups // max(n, 1)
    place[field.order] = np.arange(len(place))
    job = Comparison(
        queries=queries,
        documents=documents,
        field=field,
        lines=lines,
        pair_similarity=similarity[order],
        starts=np.searchsorted(right[0], np.arange(n + 1)),
        left_out=place[left_out[1]].astype(np.int64),
        left_out_starts=np.searchsorted(left_out[0], np.arange(n + 1)),
        ahead=np.zeros((2, len(order)), np.int64),
        group=group,
        counts=np.zeros((n_groups, N_FINE + 1), np.int64),
        rows=np.empty((n, k), np.int32),
        similarities=np.empty((n, k)),
        doubtful=np.zeros(n, bool),
        lock=Lock(),
    )
    return job, (right[0][order], right[1][order])


def _collect_scan(job: Comparison, pairs: Pairs) -> PairScan:
    """Put right documents and the most similar wrong ones in one order."""
    query, document = pairs
    wrong = np.where(np.isfinite(job.similarities), job.rows, -1).astype(np.int64)
    similarity = np.where(np.isfinite(job.similarities), job.similarities, np.nan)
    ahead, k = job.ahead.sum(axis=0), job.rows.shape[1]
    place = np.arange(len(query)) - job.starts[query] + ahead
    near = place < k
    is_right = np.zeros(wrong.shape, bool)
    is_right[query[near], place[near]] = True
    source = np.maximum(np.cumsum(~is_right, axis=1) - 1, 0)
    top, top_similarity = (np.take_along_axis(each, source, axis=1) for each in (wrong, similarity))
    top[query[near], place[near]], top_similarity[query[near], place[near]] = document[near], job.pair_similarity[near]
    return PairScan(
        top=top,
        top_similarity=top_similarity,
        pair_query=query,
        pair_document=document,
        pair_similarity=job.pair_similarity,
        ahead=ahead,
        ahead_without_hard=job.ahead[0],
        mined=wrong[:, 0],
        mined_similarity=similarity[:, 0],
        group=job.group,
        counts=job.counts[:, 1:],
    )
