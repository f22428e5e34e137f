"""Loops over tiles of cosines: histograms, documents ahead of the right ones, and the cosines that decide.

A tile holds single-precision keys: a key is less than another where the cosine is larger. Whatever lies within the
rounding errors of a limit is measured again in double precision, in one fixed order of additions, so that a pair has
one cosine wherever it is computed and equal vectors tie exactly.
"""

import inspect
from functools import partial
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from latentscape.engine import inlined, kernel

_SINGLE = types.Array(types.float32, 2, "C", readonly=True)
_DOUBLE = types.Array(types.float64, 2, "C", readonly=True)
_AT, _NUMBERS, _WHOLE = types.int64, types.float64[::1], types.int64[::1]
_KEYS, _SHIFTS, _COLUMNS = types.float32[:, ::1], types.float32[::1], types.int32[::1]

exactly = partial(inlined, fastmath=False)
"""Of a step whose additions keep their order."""
LANES = 16
"""Products added side by side."""


def _add_products(typing_context, one, other):
    """The sum of one[i] * other[i] in double precision; single-precision products are exact.

    A loop that the compiler may reorder is quick, and one that it may not is not. Written as operations on vectors of
    16 numbers it is both, and the same in every kernel that uses it: lane i adds up the products i, i + 16, ...
    """
    return types.float64(one, other), _generate_products


add_products: Any = intrinsic(inspect.unwrap(_add_products))  # what checks shapes in tests wraps functions


def _generate_products(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    word = ir.IntType(64)
    number, wide = ir.DoubleType(), ir.VectorType(ir.DoubleType(), LANES)
    rows = [
        (context.make_array(kind)(context, builder, value), kind)
        for kind, value in zip(signature.args, arguments, strict=True)
    ]
    size = builder.extract_value(rows[0][0].shape, 0)
    rest = builder.and_(size, ir.Constant(word, LANES - 1))
    even = builder.sub(size, rest)

    def read(at: Any, into: Any) -> list[Any]:
        return [_read(builder, row.data, at, into=into, single=kind.dtype == types.float32) for row, kind in rows]

    def add(total: Any, at: Any, into: Any) -> None:
        builder.store(builder.fadd(builder.load(total), builder.fmul(*read(at, into))), total)

    sums = cgutils.alloca_once_value(builder, ir.Constant(wide, [0.0] * LANES))
    with cgutils.for_range_slice(builder, ir.Constant(word, 0), even, ir.Constant(word, LANES)) as (at, _):
        add(sums, at, wide)
    total = cgutils.alloca_once_value(builder, _fold(builder, builder.load(sums)))
    with cgutils.for_range_slice(builder, even, size, ir.Constant(word, 1)) as (at, _):
        add(total, at, number)
    return builder.load(total)


def _read(builder: Any, data: Any, at: Any, *, into: Any, single: bool) -> Any:
    """One number, or a vector of them, from place `at` on, in double precision."""
    stored = ir.FloatType() if single else ir.DoubleType()
    shape = ir.VectorType(stored, LANES) if isinstance(into, ir.VectorType) else stored
    value = builder.load(builder.bitcast(builder.gep(data, [at]), shape.as_pointer()), align=4 if single else 8)
    return builder.fpext(value, into) if single else value


def _fold(builder: Any, sums: Any) -> Any:
    """Halves added to halves until one number is left."""
    lanes = [builder.extract_element(sums, ir.Constant(ir.IntType(32), lane)) for lane in range(LANES)]
    while len(lanes) > 1:
        half = len(lanes) // 2
        lanes = [builder.fadd(one, other) for one, other in zip(lanes[:half], lanes[half:], strict=True)]
    return lanes[0]


@exactly
def _take_cosine(one, other, lengths):
    return min(1.0, max(-1.0, add_products(one, other) / lengths))


def _sign_lengths(points: types.Array) -> Any:
    return types.void(_AT, _AT, points, _NUMBERS)


def _sign_pairs(points: types.Array) -> Any:
    return types.void(_AT, _AT, points, _NUMBERS, points, _NUMBERS, _WHOLE, _WHOLE, _NUMBERS)


def _sign_ahead(points: types.Array) -> Any:
    sides = points, _NUMBERS, points, _NUMBERS
    limits = _WHOLE, types.float32[:, ::1], _NUMBERS
    return types.void(_AT, _AT, _KEYS, _SHIFTS, _COLUMNS, *limits, *sides, _WHOLE, _WHOLE, _WHOLE)


def _sign_top(points: types.Array) -> Any:
    sides, held = (points, _NUMBERS, points, _NUMBERS), (_WHOLE, types.float64[:, ::1])
    return types.void(
        _AT, _AT, _KEYS, _SHIFTS, _COLUMNS, _SHIFTS, *sides, _WHOLE, held[0], types.int32[:, ::1], held[1]
    )


def _lengths(start, stop, points, lengths) -> None:
    """The length of each row."""
    for row in range(start, stop):
        lengths[row] = np.sqrt(add_products(points[row], points[row]))


def _pairs(start, stop, queries, query_lengths, documents, document_lengths, query, document, cosines) -> None:
    """The cosine of each pair of a query and a document."""
    for p in range(start, stop):
        q, d = query[p], document[p]
        cosines[p] = _take_cosine(queries[q], documents[d], query_lengths[q] * document_lengths[d])


@kernel("void(i8, i8, f4[:, ::1], f4[::1], f4[::1], f4, i8[::1], i8[:, ::1])")
def count_bins(start, stop, products, shifts, bases, scale, groups, counts) -> None:
    """Count the keys, shift + product, of each line in its group's bins: bin `base - scale * key`.

    Column 0 of `counts` takes what must not count, which has a key of infinity; bin 0 is column 1.
    """
    width, last = len(shifts), np.float32(counts.shape[1] - 2)
    places = np.empty(width, np.int32)
    for line in range(start, stop):
        base, row, group = bases[line], products[line], groups[line]
        for c in range(width):
            place = base - scale * (shifts[c] + row[c])
            place = last if place > last else place
            outside = np.float32(0) if place > np.float32(-1) else np.float32(-1)
            places[c] = np.int32(place if place > np.float32(0) else outside) + 1
        for c in range(width):
            counts[group, places[c]] += 1


def _ahead(
    start, stop, products, shifts, columns, offsets, limits, cosines,
    queries, query_lengths, documents, document_lengths, lines, kinds, counts,
) -> None:  # fmt: skip
    """Add to each pair of line r, `offsets[r]` to `offsets[r + 1]`, the columns at least as similar as its cosine.

    A key below the first limit of the pair is surely ahead, one above the second surely not; those between are
    measured. Columns of one kind have equal vectors, and where they stand side by side they are measured once.
    """
    width = len(columns)
    for r in range(start, stop):
        row = products[r]
        for pair in range(offsets[r], offsets[r + 1]):
            low, high = limits[pair, 0], limits[pair, 1]
            surely = possibly = np.float32(0)  # whole numbers of at most a tile: exact, and quicker than integers
            for c in range(width):
                key = shifts[c] + row[c]
                surely += np.float32(1) if key < low else np.float32(0)
                possibly += np.float32(1) if key <= high else np.float32(0)
            counts[pair] += int(surely)
            if possibly > surely:
                line, kind, similarity = lines[r], -1, 0.0
                for c in range(width):
                    key = shifts[c] + row[c]
                    if low <= key <= high:
                        d = columns[c]
                        if kinds[d] != kind:
                            kind, lengths = kinds[d], query_lengths[line] * document_lengths[d]
                            similarity = _take_cosine(queries[line], documents[d], lengths)
                        counts[pair] += similarity >= cosines[pair]


def _top(
    start, stop, products, shifts, columns, limits,
    queries, query_lengths, documents, document_lengths, lines, kinds, rows, similarities,
) -> None:  # fmt: skip
    """Put the columns whose key is at most the line's limit in their places among its most similar ones so far.

    Sorted by (descending cosine, document number); places not taken yet have a similarity of minus infinity.
    """
    k = rows.shape[1]
    for r in range(start, stop):
        line, kind, similarity = lines[r], -1, 0.0
        for c in range(len(columns)):
            if shifts[c] + products[r, c] <= limits[r]:
                d = columns[c]
                if kinds[d] != kind:
                    kind, lengths = kinds[d], query_lengths[line] * document_lengths[d]
                    similarity = _take_cosine(queries[line], documents[d], lengths)
                at = k
                while at > 0 and (
                    similarity > similarities[r, at - 1]
                    or (similarity == similarities[r, at - 1] and d < rows[r, at - 1])
                ):
                    if at < k:
                        rows[r, at], similarities[r, at] = rows[r, at - 1], similarities[r, at - 1]
                    at -= 1
                if at < k:
                    rows[r, at], similarities[r, at] = d, similarity


def _merge(start, stop, lines, shard_rows, shard_similarities, rows, similarities) -> None:
    """Merge each line's most similar documents of a shard into those of all documents so far.

    Both are sorted by (descending cosine, document number); what is missing has a similarity of minus infinity.
    """
    k, width = rows.shape[1], shard_rows.shape[1]
    old_rows, old = np.empty(k, np.int32), np.empty(k)
    for r in range(start, stop):
        line, one, other = lines[r], 0, 0
        if shard_similarities[r, 0] < similarities[line, k - 1]:
            continue
        old_rows[:], old[:] = rows[line], similarities[line]
        for at in range(k):
            if other < width and (
                shard_similarities[r, other] > old[one]
                or (shard_similarities[r, other] == old[one] and shard_rows[r, other] < old_rows[one])
            ):
                rows[line, at], similarities[line, at] = shard_rows[r, other], shard_similarities[r, other]
                other += 1
            else:
                rows[line, at], similarities[line, at] = old_rows[one], old[one]
                one += 1


def _sign_merge() -> Any:
    shard = types.Array(types.int32, 2, "C", readonly=True), _DOUBLE  # what came from a worker can't be written
    return types.void(_AT, _AT, _WHOLE, *shard, types.int32[:, ::1], types.float64[:, ::1])


_ORDERED = {"reassoc"}
"""Counts of ones may be added in any order; sums that are not whole numbers keep theirs (`exactly`)."""
lengths_single, lengths_double = (kernel(_sign_lengths(each))(_lengths) for each in (_SINGLE, _DOUBLE))
pairs_single, pairs_double = (kernel(_sign_pairs(each))(_pairs) for each in (_SINGLE, _DOUBLE))
ahead_single, ahead_double = (kernel(_sign_ahead(each), fastmath=_ORDERED)(_ahead) for each in (_SINGLE, _DOUBLE))
top_single, top_double = (kernel(_sign_top(each))(_top) for each in (_SINGLE, _DOUBLE))
merge_shard = kernel(_sign_merge())(_merge)
