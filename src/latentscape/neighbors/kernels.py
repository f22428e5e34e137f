"""Loops over candidates: collect them, measure them in double precision, put them in order."""

from typing import Any

import numpy as np
from numba import types

from latentscape.engine import inlined, kernel

LANES = 32
"""Columns are looked at this many at a time; the width of a tile of products is a multiple of it."""
SPLITTER = 2.0**17 + 1
"""Leaves the first 53 - 17 = 36 bits of a number: squared distances that agree in those are equal."""

_SINGLE = types.Array(types.float32, 2, "C", readonly=True)
_DOUBLE = types.Array(types.float64, 2, "C", readonly=True)
_WEIGHTS = types.Array(types.float64, 1, "C", readonly=True)
_LINES = types.Array(types.int64, 1, "C", readonly=True)
"""What all searches read: memory that processes share can't be written."""
_INTEGER, _ROWS = types.int64, types.int32[:, ::1]


def _sign_measure(points: types.Array) -> Any:
    counts, squares = types.int64[::1], types.float64[:, ::1]
    return types.void(_INTEGER, _INTEGER, points, _WEIGHTS, points, _WEIGHTS, _LINES, _LINES, _ROWS, counts, squares)


@kernel("void(i8, i8, f4[:, ::1], f4[::1], i4[::1], i8, f4[:, ::1], i4[:, ::1], i8[::1], f4[::1])", fastmath={"nnan"})
def collect_nearest(start, stop, products, lengths, columns, wanted, keys, rows, counts, limits) -> None:
    """Add to each line's candidates the columns whose key, length + product, is below the line's limit.

    A line that is full keeps its `wanted` smallest keys, and the largest of them becomes its limit: whatever is not
    among the candidates has a key of the limit or more. The smallest key of every LANES-th column is found first,
    without a branch; most columns are never looked at one by one.
    """
    lows = np.empty(LANES, np.float32)
    depth = lengths.shape[0] // LANES
    for line in range(start, stop):
        limit, count = limits[line], counts[line]
        for lane in range(LANES):
            lows[lane] = lengths[lane] + products[line, lane]
        for level in range(1, depth):
            some = lengths[level * LANES : (level + 1) * LANES]
            more = products[line, level * LANES : (level + 1) * LANES]
            for lane in range(LANES):
                lows[lane] = min(lows[lane], some[lane] + more[lane])
        for lane in range(LANES):
            if lows[lane] < limit:
                for level in range(depth):
                    column = level * LANES + lane
                    key = lengths[column] + products[line, column]
                    if key < limit:
                        keys[line, count], rows[line, count] = key, columns[column]
                        count += 1
                        if count == keys.shape[1]:
                            limit, count = _keep_smallest(keys[line], rows[line], count, wanted), wanted
        limits[line], counts[line] = limit, count


@kernel("void(i8, i8, i8, f4[:, ::1], i4[:, ::1], i8[::1], f4[::1])")
def keep_nearest(start, stop, wanted, keys, rows, counts, limits) -> None:
    """Keep each line's `wanted` candidates of smallest key, where it has more."""
    for line in range(start, stop):
        if counts[line] >= wanted:
            limits[line] = _keep_smallest(keys[line], rows[line], counts[line], wanted)
            counts[line] = wanted


@inlined
def _keep_smallest(keys, rows, count, wanted) -> float:
    """Move the `wanted` smallest keys to the front and return the largest of them (Hoare 1961, FIND)."""
    low, high = 0, count - 1
    while low < high:
        pivot, left, right = keys[(low + high) // 2], low, high
        while left <= right:
            while keys[left] < pivot:
                left += 1
            while keys[right] > pivot:
                right -= 1
            if left <= right:
                keys[left], keys[right] = keys[right], keys[left]
                rows[left], rows[right] = rows[right], rows[left]
                left, right = left + 1, right - 1
        if wanted - 1 <= right:
            high = right
        elif wanted - 1 >= left:
            low = left
        else:
            break
    return keys[wanted - 1]


def _measure(start, stop, points, weights, queries, query_weights, lines, own, rows, counts, squares) -> None:
    """Squared distance of each line's query to its candidates, in double precision; drop the row `own`.

    Rows count `weights` times their values. A weight of 0 marks a row of zeros, which is at a right angle to
    everything else: it has a last coordinate of 1, on an axis of its own.
    """
    for line in range(start, stop):
        query, weight = queries[lines[line]], query_weights[lines[line]]
        kept = 0
        for candidate in range(counts[line]):
            row = rows[line, candidate]
            if row != own[line]:
                point, other = points[row], weights[row]
                square = 0.0
                for axis in range(query.shape[0]):
                    step = query[axis] * weight - point[axis] * other
                    square += step * step
                squares[line, kept] = square + ((weight == 0.0) != (other == 0.0))
                rows[line, kept] = row
                kept += 1
        counts[line] = kept


measure_single = kernel(_sign_measure(_SINGLE), fastmath={"reassoc", "nsz"})(_measure)
measure_double = kernel(_sign_measure(_DOUBLE), fastmath={"reassoc", "nsz"})(_measure)


@kernel("void(i8, i8, i4[:, ::1], f8[:, ::1], i8[::1], f8)")
def arrange(start, stop, rows, squares, counts, blur) -> None:
    """Round squared distances to 36 bits (Dekker 1971), those below `blur` to 0, and sort by (square, row number)."""
    for line in range(start, stop):
        for at in range(counts[line]):
            square = squares[line, at]
            large = square * SPLITTER
            squares[line, at] = 0.0 if square < blur else large - (large - square)
        gap = 1
        while gap < counts[line] // 3:
            gap = 3 * gap + 1
        while gap >= 1:  # Shell's sort, gaps of Knuth 1973
            for at in range(gap, counts[line]):
                square, row, to = squares[line, at], rows[line, at], at
                while to >= gap and (
                    squares[line, to - gap] > square
                    or (squares[line, to - gap] == square and rows[line, to - gap] > row)
                ):
                    squares[line, to], rows[line, to] = squares[line, to - gap], rows[line, to - gap]
                    to -= gap
                squares[line, to], rows[line, to] = square, row
            gap //= 3


@kernel("void(i8, i8, u4[:, ::1], u8[::1])")
def hash_rows(start, stop, words, hashes) -> None:
    """A number of 64 bits for each row, the same for the same row (multiply and fold)."""
    for line in range(start, stop):
        value = np.uint64(0x9E3779B97F4A7C15)
        for word in words[line]:
            value = (value ^ np.uint64(word)) * np.uint64(0xD6E8FEB86659FD93)
            value ^= value >> np.uint64(32)
        hashes[line] = value


@kernel("void(i8, i8, i4[:, ::1], i4[:, ::1], i8[::1], i4[::1], i4[:, ::1], i4[:, ::1])")
def gather_members(start, stop, kinds, ranks, offsets, members, rows, sources) -> None:
    """Each line's nearest rows, where its nearest kinds are known: `sources` says which kind each came from.

    Members of a kind are in order of row number; kinds of equal rank in a line are equally far and their members mix.
    """
    near = rows.shape[1]
    for line in range(start, stop):
        count = 0
        tied = 0
        for at in range(kinds.shape[1]):
            if at and ranks[line, at] != ranks[line, at - 1]:
                tied = count
            if tied >= near:
                break
            for member in range(offsets[kinds[line, at]], offsets[kinds[line, at] + 1]):
                row = members[member]
                if count == near and row > rows[line, near - 1]:
                    break
                to = min(count, near - 1)
                while to > tied and rows[line, to - 1] > row:
                    rows[line, to], sources[line, to] = rows[line, to - 1], sources[line, to - 1]
                    to -= 1
                rows[line, to], sources[line, to] = row, at
                count = min(count + 1, near)
