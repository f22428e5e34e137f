"""Cosines of chosen (query, document) pairs in double precision, without a second copy of all vectors."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from latentscape.measures.cosines import scale_to_unit

PAIRS_AT_ONCE = 4096
"""Pairs whose vectors are copied side by side at a time."""
ROWS_AT_ONCE = 4096
"""Rows that are scaled at a time."""


@dataclass(frozen=True, kw_only=True)
class Side:
    """The vectors of the queries or of the documents, and their lengths."""

    vectors: Float[np.ndarray, "row feature"]
    lengths: Float[np.ndarray, " row"]

    def __len__(self) -> int:
        return len(self.lengths)

    def scale(self, rows: slice | Int[np.ndarray, " chosen"]) -> Float[np.ndarray, "chosen feature"]:
        """Some rows at length 1, in double precision."""
        return self.vectors[rows].astype(np.float64) / self.lengths[rows, None]

    def stream(self) -> Iterator[tuple[slice, Float[np.ndarray, "block feature"]]]:
        """All rows at length 1, a block at a time."""
        for start in range(0, len(self), ROWS_AT_ONCE):
            rows = slice(start, start + ROWS_AT_ONCE)
            yield rows, self.scale(rows)


def measure_side(vectors: Float[np.ndarray, "row feature"], *, what: str) -> Side:
    """Vectors with their lengths.

    Raises:
        DataError: a value is NaN or infinite, or a row has no direction because it is all zeros.
    """
    starts = range(0, len(vectors), ROWS_AT_ONCE)
    blocks = (vectors[start : start + ROWS_AT_ONCE].astype(np.float64) for start in starts)
    lengths = np.concatenate([np.empty(0), *(np.linalg.norm(block, axis=1) for block in blocks)])
    bad = ~np.isfinite(lengths) | (lengths == 0)
    if bad.any():
        scale_to_unit(vectors, what=what)  # which says what is wrong with them
    return Side(vectors=vectors, lengths=lengths)


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """Cosines of some (query, document) pairs, by query."""

    query: Int[np.ndarray, " pair"]
    document: Int[np.ndarray, " pair"]
    group: Int[np.ndarray, " pair"]
    """The group of queries the query belongs to."""
    values: Float[np.ndarray, " pair"]


def take_cosines(
    queries: Side, documents: Side, chosen: Sequence[Int[np.ndarray, " _"]], *, group: Int[np.ndarray, " query"]
) -> Pairs:
    """The cosine of every query with each of its chosen documents, each pair summed by itself."""
    query = np.repeat(np.arange(len(queries)), [numbers.size for numbers in chosen])
    document = np.concatenate([*chosen, np.empty(0, dtype=np.int64)])
    values = np.empty(query.size)
    for start in range(0, query.size, PAIRS_AT_ONCE):
        part = slice(start, start + PAIRS_AT_ONCE)
        values[part] = np.einsum("pf,pf->p", queries.scale(query[part]), documents.scale(document[part]))
    return Pairs(query=query, document=document, group=group[query], values=np.clip(values, -1.0, 1.0))
