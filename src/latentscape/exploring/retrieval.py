"""What a retriever gives for each query: ranked documents, declared hard negatives, how clear the first place is."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Float, Int

from latentscape.exploration import UNKNOWN, RankedDocuments
from latentscape.exploring.source import SAMPLES, Source
from latentscape.measures.judgments import Judgments
from latentscape.measures.scan import PairScan, scan_pairs
from latentscape.measures.unit_rows import measure_pair_cosines
from latentscape.plain_text import safe_name

TOP = 10
"""Documents told of each query."""
RANKED = ("top_documents", "top_similarities")
HARD = "hard_similarities"
MOST_PAIRS = 2 * 10**9
"""Pairs of query and document that are compared again for a run of an earlier version, which keeps no ranked lists."""
_WRONG, _RIGHT, _NEITHER = 0, 1, 2

Vectors = Float[np.ndarray, "_ feature"]
Ends = Int[np.ndarray, " query"]


@dataclass(frozen=True, kw_only=True)
class Lists:
    """A list of document numbers for each query."""

    ends: Ends
    values: Int[np.ndarray, " listed"]

    @property
    def queries(self) -> Int[np.ndarray, " listed"]:
        """The query of each number."""
        return np.repeat(np.arange(len(self.ends)), np.diff(self.ends, prepend=0))

    def split(self) -> tuple[Int[np.ndarray, " _"], ...]:
        """One array a query."""
        return tuple(np.split(self.values, self.ends[:-1])) if len(self.ends) else ()


@dataclass(frozen=True, kw_only=True)
class Retrieved:
    """The ranked lists, and three numbers a query, NaN where one does not exist; None where nothing says them."""

    ranked: RankedDocuments | None = None
    right: Float[np.ndarray, " query"] | None = None
    """Cosine of the best right document."""
    hardest: Float[np.ndarray, " query"] | None = None
    """Cosine of the most similar wrong document."""


def read_retrieved(source: Source, *, n_queries: int, layer: str) -> Retrieved:
    """What the run keeps of each query's documents; found again from its vectors where it keeps no ranked lists."""
    n_documents = source.n - n_queries
    right, hard, ignored = (
        read_lists(source, name, n_queries=n_queries, n_documents=n_documents)
        for name in ("right", "hard_negatives", "ignored")
    )
    best = Retrieved()
    if all(name in source.names for name in (*RANKED, HARD)):
        top, similarities = _read_ranked(source, n_queries=n_queries, n_documents=n_documents)
        hard_similarities = _read_hard(source, hard, n_queries=n_queries)
    else:
        sides = _read_vectors(source, layer, n_queries=n_queries)
        if sides is None or n_queries * n_documents > MOST_PAIRS:
            return best
        judgments = Judgments(
            relevant=right.split(), hard=hard.split(), ignored=ignored.split(), n_documents=n_documents
        )
        scan = scan_pairs(*sides, judgments, k=TOP, seed=0)
        top, similarities = scan.top, scan.top_similarity
        hard_similarities = measure_pair_cosines(*sides, pairs=(hard.queries, hard.values))
        best = _find_best(scan, n_queries)
    ranked = RankedDocuments(
        queries=np.arange(n_queries),
        rows=np.where(top < 0, UNKNOWN, top + n_queries),
        similarities=similarities,
        marks=_mark(top, right=right, ignored=ignored, n_documents=n_documents),
        hard_ends=hard.ends,
        hard_rows=hard.values + n_queries,
        hard_similarities=hard_similarities,
        hard_types=_read_types(source, hard, n_queries=n_queries),
    )
    return Retrieved(ranked=ranked, right=best.right, hardest=best.hardest)


def read_lists(source: Source, name: str, *, n_queries: int, n_documents: int) -> Lists:
    """Document numbers of each query, ascending, each once."""
    column = _take_lists(source, name, n_queries=n_queries, inner=pa.types.is_integer)
    counts = column.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
    values = column.flatten()
    numbers = values.fill_null(UNKNOWN).cast(pa.int64(), safe=False).to_numpy(zero_copy_only=False)
    lists = Lists(ends=np.cumsum(counts, dtype=np.int64), values=np.asarray(numbers, dtype=np.int64))
    inside = (lists.values >= 0) & (lists.values < n_documents)
    apart = (np.diff(lists.values) > 0) | (np.diff(lists.queries) > 0)
    if not inside.all() or not apart.all():
        raise source.damaged(f"`{name}` in {SAMPLES} names documents that are not there, or twice")
    return lists


def _take_lists(source: Source, name: str, *, n_queries: int, inner: Any) -> pa.Array:
    """The lists of the queries."""
    column = source.take(name).slice(0, n_queries)
    if pa.types.is_null(column.type):
        column = column.cast(pa.list_(pa.int64()))
    is_list = pa.types.is_list(column.type) or pa.types.is_large_list(column.type)
    if not is_list or not inner(column.type.value_type):
        raise source.damaged(f"`{name}` in {SAMPLES} is no list", column.type)
    return column


def _read_ranked(
    source: Source, *, n_queries: int, n_documents: int
) -> tuple[Int[np.ndarray, "query rank"], Float[np.ndarray, "query rank"]]:
    """The first documents of each query and their cosines."""
    rows = _read_table(source, RANKED[0], n_queries=n_queries, inner=pa.types.is_integer, kind=pa.int64(), pad=UNKNOWN)
    cosines = _read_table(
        source, RANKED[1], n_queries=n_queries, inner=pa.types.is_floating, kind=pa.float64(), pad=np.nan
    )
    if rows.shape != cosines.shape or (rows.size and not UNKNOWN <= rows.min() <= rows.max() < n_documents):
        raise source.damaged(f"`{RANKED[0]}` in {SAMPLES} does not fit its documents")
    return rows.astype(np.int64), cosines


def _read_table(source: Source, name: str, *, n_queries: int, inner: Any, kind: pa.DataType, pad: float) -> np.ndarray:
    """Lists of different lengths as one table of at most TOP columns, padded at the end."""
    column = _take_lists(source, name, n_queries=n_queries, inner=inner)
    counts = column.value_lengths().fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
    values = column.flatten().cast(kind, safe=False).fill_null(pad).to_numpy(zero_copy_only=False)
    starts = np.cumsum(counts) - counts
    table = np.full((n_queries, min(TOP, counts.max(initial=0))), pad)
    for place in range(table.shape[1]):
        has = counts > place
        table[has, place] = values[starts[has] + place]
    return table


def _read_hard(source: Source, hard: Lists, *, n_queries: int) -> Float[np.ndarray, " hard"]:
    column = _take_lists(source, HARD, n_queries=n_queries, inner=pa.types.is_floating)
    values = column.flatten().fill_null(np.nan).to_numpy(zero_copy_only=False)
    if len(values) != len(hard.values):
        raise source.damaged(f"`{HARD}` in {SAMPLES} does not fit `hard_negatives`", f"{len(values)}")
    return np.asarray(values, dtype=np.float64)


def _read_vectors(source: Source, layer: str, *, n_queries: int) -> tuple[Vectors, Vectors] | None:
    """The vectors of the queries, and of the documents; None where the run does not keep them."""
    features = source.read_matrix(f"features/{safe_name(layer)}.npy")
    if features is None:
        return None
    places = source.take_numbers("feature_row")
    if not (np.isfinite(places).all() and places.min() >= 0 and places.max() < len(features)):
        raise source.damaged(f"`feature_row` in {SAMPLES} names rows that are not there")
    rows = features[places.astype(np.int64)]
    return rows[:n_queries], rows[n_queries:]


def _find_best(scan: PairScan, n_queries: int) -> Retrieved:
    """The cosine of each query's best right and best wrong document."""
    right = np.full(n_queries, np.nan)
    first = np.flatnonzero(np.diff(scan.pair_query, prepend=-1))
    right[scan.pair_query[first]] = scan.pair_similarity[first]
    return Retrieved(right=right, hardest=scan.mined_similarity)


def _mark(
    top: Int[np.ndarray, "query rank"], *, right: Lists, ignored: Lists, n_documents: int
) -> Int[np.ndarray, "query rank"]:
    """Which of the first documents are right, and which count neither way."""
    keys = np.arange(len(top))[:, None] * n_documents + top
    marks = np.full(top.shape, _WRONG)
    for lists, mark in ((ignored, _NEITHER), (right, _RIGHT)):
        marks[np.isin(keys, lists.queries * n_documents + lists.values) & (top >= 0)] = mark
    return marks


def _read_types(source: Source, hard: Lists, *, n_queries: int) -> tuple[str, ...]:
    """The types of each hard negative, as one text."""
    nothing = ("",) * len(hard.values)
    if "hard_types" not in source.names:
        return nothing
    column = source.take("hard_types").slice(0, n_queries)
    if pa.types.is_null(column.type):
        return nothing
    lists = column.to_pylist()
    try:
        types = [", ".join(names or ()) for row in lists for names in row or ()]
    except TypeError:
        raise source.damaged(f"`hard_types` in {SAMPLES} are no lists of names", column.type) from None
    if types and len(types) != len(hard.values):
        raise source.damaged(f"`hard_types` in {SAMPLES} does not fit `hard_negatives`", f"{len(types)}")
    return tuple(types) or nothing
