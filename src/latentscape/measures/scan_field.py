"""Both sides of a scan laid out for fast products: unit vectors around their means, and how wrong products may be."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32, Float64, Int, Int32

from latentscape.errors import DataError
from latentscape.measures.cosines import refuse_directionless, refuse_misfits
from latentscape.measures.scan_kernels import lengths_double, lengths_single
from latentscape.neighbors.kinds import find_distinct
from latentscape.neighbors.space import cut_rows

FAR_EXPONENT = 100
"""Beyond 2**±100 numbers in double precision are scaled first, so that squares neither overflow nor vanish."""
SINGLE, DOUBLE = np.finfo(np.float32), np.finfo(np.float64)


@dataclass(frozen=True, kw_only=True)
class Side:
    """The vectors of one side as they came, the length of each, and the mean of their directions."""

    rows: Float32[np.ndarray, "row feature"] | Float64[np.ndarray, "row feature"]
    lengths: Float64[np.ndarray, " row"]
    center: Float64[np.ndarray, " feature"]

    def direct(self, rows: Int[np.ndarray, " some"]) -> Float64[np.ndarray, "some feature"]:
        """Directions of some rows, less their mean."""
        return self.rows[rows] / self.lengths[rows][:, None] - self.center


@dataclass(frozen=True, kw_only=True)
class Field:
    """Documents in the order they are scanned in, so that the key of query x and document y is `shift` - x·y.

    With q and d of length 1, c and u the means of the two sides, x = q - c and y = d - u: q·d = q·u + c·y + x·y. The
    first part is the query's alone and the second, the negative of the shift, the document's alone. The nearer the
    vectors of a side are to each other, the smaller are x and y and with them the rounding errors.
    """

    points: Float32[np.ndarray, "point feature"]
    """One a row, or none at all where only the layout is wanted."""
    shifts: Float32[np.ndarray, " row"]
    order: Int32[np.ndarray, " row"]
    """Document number of each row: first the documents that are right for some query, then the others. Equal
    documents stand side by side."""
    n_right: int
    kinds: Int[np.ndarray, " document"]
    """Equal documents have equal kinds."""
    reach: float
    """The largest |y|."""
    largest_shift: float


def lay_sides(queries: Float[np.ndarray, "query _"], documents: Float[np.ndarray, "document _"]) -> tuple[Side, Side]:
    """Both sides, in the same precision.

    Raises:
        DataError: the widths differ, or a vector is not finite or all zero.
    """
    if queries.shape[1] != documents.shape[1]:
        raise DataError(
            "queries and documents can't be compared",
            got=f"{queries.shape[1]} numbers a query, {documents.shape[1]} a document",
            expected="vectors of one length",
            hint="embed queries and documents with the same model",
            fault="data-columns",
        )
    kind = np.float32 if max(queries.dtype.itemsize, documents.dtype.itemsize) <= 4 else np.float64
    return _lay_side(queries.astype(kind, copy=False), "query"), _lay_side(
        documents.astype(kind, copy=False), "document"
    )


def _lay_side(vectors: Float[np.ndarray, "row feature"], what: str) -> Side:
    rows, lengths = np.require(vectors, requirements=["C", "A"]), np.empty(len(vectors))
    if rows.dtype == np.float64 and rows.size:
        exponents = np.frexp(np.abs(rows).max(axis=1))[1]
        rows = np.ldexp(rows, -exponents[:, None]) if (np.abs(exponents) > FAR_EXPONENT).any() else rows
    measure = lengths_double if rows.dtype == np.float64 else lengths_single
    measure(0, len(rows), rows, lengths)
    refuse_directionless(lengths, what=what)
    center = np.zeros(rows.shape[1])
    for at in cut_rows(rows):
        center += (rows[at] / lengths[at, None]).sum(axis=0)
    return Side(rows=rows, lengths=lengths, center=center / max(len(rows), 1))


def lay_field(
    queries: Side, documents: Side, is_right: Bool[np.ndarray, " document"], *, with_points: bool = True
) -> Field:
    """The documents in the order of a scan. Without points no second copy of them is made."""
    _, kinds = find_distinct(documents.rows)
    order = np.lexsort((kinds, ~is_right))
    points = np.empty((len(order) if with_points else 0, documents.rows.shape[1]), np.float32)
    shifts, reach = np.empty(len(order)), 0.0
    for at in cut_rows(documents.rows):
        some = documents.direct(order[at])
        if with_points:
            points[at] = some
        shifts[at] = -(some @ queries.center)
        reach = max(reach, float(np.sqrt((some**2).sum(axis=1).max())))
    return Field(
        points=points,
        shifts=shifts.astype(np.float32),
        order=order.astype(np.int32),
        n_right=int(is_right.sum()),
        kinds=kinds,
        reach=reach,
        largest_shift=float(np.abs(shifts).max()),
    )


def lay_points(documents: Side, order: Int[np.ndarray, " row"]) -> Float32[np.ndarray, "row feature"]:
    """The points of these documents, number for number those of the whole field."""
    points = np.empty((len(order), documents.rows.shape[1]), np.float32)
    for at in cut_rows(points):
        points[at] = documents.direct(order[at])
    return points


def bound_errors(field: Field, reaches: Float64[np.ndarray, " line"]) -> Float64[np.ndarray, " line"]:
    """How far the key of a line with |x| = `reaches` may be from its cosine in double precision, whatever the document.

    A product of d terms in any order is wrong by less than d·e·|x|·|y|, where e = 2**-24; the rounding of x and y, of
    the shift and of its addition are less than 8 such units of |x|·|y| + |shift|. What is computed in double precision
    has an error of (d + 8)·2**-53 in each of its parts. Source: Higham 2002, section 3.1.
    """
    terms = field.points.shape[1] + 8
    largest = reaches * field.reach + field.largest_shift
    return terms * (SINGLE.eps / 2 * 1.001 * largest + 2 * DOUBLE.eps + float(SINGLE.tiny))


def cut_lists(
    lists: Sequence[Int[np.ndarray, " _"]], *, n_documents: int, what: str, n_queries: int
) -> tuple[Int[np.ndarray, " pair"], Int[np.ndarray, " pair"]]:
    """The (query, document) pairs of some lists, by query, then document, each once.

    Raises:
        DataError: there is not one list for each query, or a number is no document's.
    """
    sizes = np.fromiter((len(each) for each in lists), dtype=np.int64, count=len(lists))
    document = np.concatenate([np.empty(0, dtype=np.int64), *lists]).astype(np.int64)
    refuse_misfits(len(lists), document, n_queries=n_queries, n_documents=n_documents, what=what)
    query, document = np.divmod(np.unique(np.repeat(np.arange(n_queries), sizes) * n_documents + document), n_documents)
    return query, document
