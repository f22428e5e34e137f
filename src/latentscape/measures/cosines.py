"""Cosines of every query with every document, a block of queries at a time, so that equal vectors tie exactly."""

from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Float, Int

from latentscape.errors import DataError
from latentscape.progress import Progress

BLOCK_SIZE = 4_000_000
"""Cosines held at once: 32 MB."""


def scale_to_unit(vectors: Float[np.ndarray, "row feature"], *, what: str) -> Float[np.ndarray, "row feature"]:
    """Each row divided by its length, in float64.

    Raises:
        DataError: a value is NaN or infinite, or a row has no direction because it is all zeros.
    """
    scaled = vectors.astype(np.float64)
    lengths = np.linalg.norm(scaled, axis=1)
    bad = np.flatnonzero(~np.isfinite(lengths) | (lengths == 0))
    if bad.size:
        raise DataError(
            f"cosines can't be taken: {bad.size} {what} vectors are not finite or all zero",
            got=f"row {bad[0]} with length {lengths[bad[0]]}",
            expected="finite vectors of length 1",
            hint="drop these samples, or look at the model: its output has broken down",
        )
    return scaled / lengths[:, None]


def stream_cosines(
    query_vectors: Float[np.ndarray, "query feature"],
    document_vectors: Float[np.ndarray, "document feature"],
    *,
    progress: Progress,
    label: str,
) -> Iterator[tuple[int, Float[np.ndarray, "block document"]]]:
    """Yield (number of the block's first query, cosines of the block's queries with all documents).

    Equal document vectors are multiplied once and the result is copied to each of them. A matrix product may sum
    its columns in different orders and so give equal vectors cosines that differ in the last bit; copies can't.
    """
    queries = scale_to_unit(query_vectors, what="query")
    first, place = _find_distinct(document_vectors)
    documents = scale_to_unit(document_vectors[first], what="document").T
    rows = max(1, BLOCK_SIZE // max(len(place), 1))
    starts = range(0, len(queries), rows)
    for start in progress.track(starts, label=label, total=len(starts)):
        block = queries[start : start + rows] @ documents
        yield start, np.clip(block, -1.0, 1.0)[:, place]


def _find_distinct(
    vectors: Float[np.ndarray, "row feature"],
) -> tuple[Int[np.ndarray, " distinct"], Int[np.ndarray, " row"]]:
    """The first row of each group of equal rows, and for every row which group it is in."""
    bits = np.ascontiguousarray(
        vectors + 0.0
    )  # adding zero turns -0.0 into 0.0, which compares equal but differs in bits
    rows = bits.view(np.dtype((np.void, bits.shape[1] * bits.itemsize))).ravel()
    _, first, place = np.unique(rows, return_index=True, return_inverse=True)
    return first, place


def check_documents(
    documents: Sequence[Int[np.ndarray, " _"]], *, n_queries: int, n_documents: int, what: str
) -> list[Int[np.ndarray, " _"]]:
    """For each query its document numbers, sorted, each once.

    Raises:
        DataError: there are no documents, there is not one list for each query, or a number is no document's.
    """
    if n_documents == 0:
        raise DataError("there are no documents to compare the queries with", got="0 documents", expected="at least 1")
    chosen = [np.unique(np.asarray(numbers, dtype=np.int64)) for numbers in documents]
    numbers = np.concatenate([*chosen, np.empty(0, dtype=np.int64)])
    if len(chosen) != n_queries or (numbers.size and (numbers.min() < 0 or numbers.max() >= n_documents)):
        raise DataError(
            f"the {what} documents do not fit the vectors",
            got=f"{len(chosen)} lists with numbers up to {numbers.max(initial=-1)}",
            expected=f"one list for each of {n_queries} queries, numbers 0 to {n_documents - 1}",
        )
    return chosen
