"""What measures of cosines ask of their input: vectors with a direction, and documents that exist."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

from latentscape.errors import DataError


def scale_to_unit(vectors: Float[np.ndarray, "row feature"], *, what: str) -> Float[np.ndarray, "row feature"]:
    """Each row divided by its length, in float64.

    Raises:
        DataError: a value is NaN or infinite, or a row has no direction because it is all zeros.
    """
    scaled = vectors.astype(np.float64)
    lengths = np.linalg.norm(scaled, axis=1)
    refuse_directionless(lengths, what=what)
    return scaled / lengths[:, None]


def refuse_directionless(lengths: Float[np.ndarray, " row"], *, what: str) -> None:
    """Raise DataError if a row of one of these lengths has no cosines: it is not finite, or all zero."""
    bad = np.flatnonzero(~np.isfinite(lengths) | (lengths == 0))
    if bad.size:
        raise DataError(
            f"cosines can't be taken: {bad.size} {what} vectors are not finite or all zero",
            got=f"row {bad[0]} with length {lengths[bad[0]]}",
            expected="finite vectors of length 1",
            hint="drop these samples, or look at the model: its output has broken down",
        )


def check_documents(
    documents: Sequence[Int[np.ndarray, " _"]], *, n_queries: int, n_documents: int, what: str
) -> list[Int[np.ndarray, " _"]]:
    """For each query its document numbers, sorted, each once.

    Raises:
        DataError: there are no documents, there is not one list for each query, or a number is no document's.
    """
    refuse_no_documents(n_documents)
    chosen = [np.unique(np.asarray(numbers, dtype=np.int64)) for numbers in documents]
    numbers = np.concatenate([*chosen, np.empty(0, dtype=np.int64)])
    refuse_misfits(len(chosen), numbers, n_queries=n_queries, n_documents=n_documents, what=what)
    return chosen


def refuse_no_documents(n_documents: int) -> None:
    """Raise DataError if there is nothing to compare with."""
    if n_documents == 0:
        raise DataError(
            "there are no documents to compare the queries with",
            got="0 documents",
            expected="at least 1",
            hint="look at what made the document vectors: was everything filtered?",
            fault="data-empty",
        )


def refuse_misfits(
    n_lists: int, numbers: Int[np.ndarray, " _"], *, n_queries: int, n_documents: int, what: str
) -> None:
    """Raise DataError if there is not one list of documents for each query, or one of the numbers is no document's."""
    if n_lists != n_queries or (numbers.size and (numbers.min() < 0 or numbers.max() >= n_documents)):
        raise DataError(
            f"the {what} documents do not fit the vectors",
            got=f"{n_lists} lists with numbers up to {numbers.max(initial=-1)}",
            expected=f"one list for each of {n_queries} queries, numbers 0 to {n_documents - 1}",
            hint="number the documents by the rows of their vectors, from 0",
            fault="data-columns",
        )
