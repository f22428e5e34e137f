"""Loops over distances: exact squares of pairs, how many points are nearer, a search tree in the plane, draws of pairs.

Squared distances are summed in double precision in one fixed order and rounded to `TIE_BITS` bits, as in the neighbor
graph: what differs by rounding errors only is equal, and equal distances are ordered by row number.
"""

import inspect
import math
from collections.abc import Callable
from typing import Any

import numba
import numpy as np

from latentscape.engine import kernel

TIE_BITS = 36
"""Squared distances that agree in their first 36 bits (1 part in 7e10) are equal, as they are in the graph."""
WIDEN = 1 + 2.0 ** (2 - TIE_BITS)
"""Times this, a rounded number is above all that may have been rounded to it."""


def exactly(function: Callable[..., Any]) -> Callable[..., Any]:
    """A step that kernels of this file share; no fastmath, so that a pair has one distance wherever it is computed."""
    return numba.njit(error_model="numpy")(inspect.unwrap(function))


@exactly
def _round(value):
    fraction, exponent = math.frexp(value)
    return math.ldexp(np.rint(math.ldexp(fraction, TIE_BITS)), exponent - TIE_BITS)


@exactly
def _square(one, other, blur):
    """Four sums side by side, so that the processor need not wait for one addition to begin the next."""
    n = len(one)
    even = n - n % 4
    a = b = c = d = 0.0
    for at in range(0, even, 4):
        a += (one[at] - other[at]) ** 2
        b += (one[at + 1] - other[at + 1]) ** 2
        c += (one[at + 2] - other[at + 2]) ** 2
        d += (one[at + 3] - other[at + 3]) ** 2
    for at in range(even, n):
        a += (one[at] - other[at]) ** 2
    total = (a + b) + (c + d)
    return 0.0 if total < blur else _round(total)


@kernel("void(i8, i8, f8[:, ::1], i8[:, ::1], f8, f8[::1])")
def square_pairs(start, stop, points, pairs, blur, squares):
    """Squared distance of each pair of rows of `points`; 0 below `blur`."""
    for p in range(start, stop):
        squares[p] = _square(points[pairs[p, 0]], points[pairs[p, 1]], blur)


@kernel("void(i8, i8, f4[:, ::1], f8[:, ::1], f8[:, :, ::1], i8[:, ::1], f8, i8[:, ::1])", fastmath={"reassoc"})
def count_nearer(start, stop, estimates, points, limits, numbers, blur, counts):
    """Add to `counts[r, m]` the points of a block that are nearer to row r than its other number m is; ties by number.

    `limits[r, :, m]`: below the first an estimate is surely nearer, above the last surely not; the middle is the exact
    square. `points` are the rows', then the block's; `numbers` are counted from the block's first. What must not count
    has an estimate of infinity.
    """
    n_rows, width = estimates.shape
    exact, known = np.empty(width), np.empty(width, dtype=np.bool_)
    for r in range(start, stop):
        known[:] = False
        for m in range(numbers.shape[1]):
            low, high = np.float32(limits[r, 0, m]), np.float32(limits[r, 2, m])
            surely = possibly = np.float32(0)  # whole numbers of at most a block: exact, and quicker than integers
            for c in range(width):
                surely += np.float32(1) if estimates[r, c] < low else np.float32(0)
                possibly += np.float32(1) if estimates[r, c] <= high else np.float32(0)
            counts[r, m] += int(surely)
            if possibly > surely:
                counts[r, m] += _settle(
                    estimates[r], (low, high), (limits[r, 1, m], numbers[r, m]), points, (r, n_rows), blur, exact, known
                )


@exactly
def _settle(estimates, doubt, limit, points, rows, blur, exact, known):
    """How many of the points in doubt are nearer than the limit, measured exactly and once each."""
    nearer = 0
    for c in range(len(estimates)):
        if doubt[0] <= estimates[c] <= doubt[1]:
            if not known[c]:
                exact[c], known[c] = _square(points[rows[0]], points[rows[1] + c], blur), True
            nearer += exact[c] < limit[0] or (exact[c] == limit[0] and c < limit[1])
    return nearer


@kernel("void(f8[:, ::1], i8[::1], i8[:, ::1], f8[:, ::1])")
def grow_tree(points, order, spans, splits):
    """Cut the points into halves along their wider side, again and again (k-d tree: Bentley 1975).

    Node i holds `order[spans[i, 0]:spans[i, 1]]`, has the halves 2i + 1 and 2i + 2, and is cut along axis
    `splits[i, 0]` at `splits[i, 1]`.
    """
    spans[0, 0], spans[0, 1] = 0, len(order)
    for node in range(len(splits)):
        start, stop = spans[node]
        middle, axis = (start + stop) // 2, _choose_axis(points, order, start, stop)
        _select(points, order, (start, stop - 1), axis, middle)
        splits[node, 0], splits[node, 1] = axis, points[order[middle], axis]
        spans[2 * node + 1, 0], spans[2 * node + 1, 1] = start, middle
        spans[2 * node + 2, 0], spans[2 * node + 2, 1] = middle, stop


@exactly
def _choose_axis(points, order, start, stop):
    low_x = low_y = np.inf
    high_x = high_y = -np.inf
    for at in range(start, stop):
        x, y = points[order[at], 0], points[order[at], 1]
        low_x, high_x = min(low_x, x), max(high_x, x)
        low_y, high_y = min(low_y, y), max(high_y, y)
    return 0 if high_x - low_x >= high_y - low_y else 1


@exactly
def _select(points, order, ends, axis, middle):
    """Reorder so that none before `middle` is larger and none after it is smaller (Hoare 1961)."""
    low, high = ends
    while low < high:
        pivot = points[order[(low + high) // 2], axis]
        left, right = low, high
        while left <= right:
            while points[order[left], axis] < pivot:
                left += 1
            while points[order[right], axis] > pivot:
                right -= 1
            if left <= right:
                order[left], order[right] = order[right], order[left]
                left += 1
                right -= 1
        if middle <= right:
            high = right
        elif middle >= left:
            low = left
        else:
            return


@kernel("void(i8, i8, f8[:, ::1], i8[::1], i8[:, ::1], f8[:, ::1], i8[:, ::1], f8[:, ::1])")
def search_tree(start, stop, points, numbers, spans, splits, found, squares):
    """The nearest points of the tree for each row of `points`, its own number left out; ties by number.

    The tree holds the first points, in its own order. `found` and `squares` come filled with what is farther than all.
    """
    nodes, bounds = np.empty(64, dtype=np.int64), np.empty(64)
    for row in range(start, stop):
        nodes[0], bounds[0], waiting = 0, 0.0, 1
        while waiting:
            waiting -= 1
            node, bound = nodes[waiting], bounds[waiting]
            if bound > squares[row, -1] * WIDEN:
                continue
            while node < len(splits):
                gap = points[row, int(splits[node, 0])] - splits[node, 1]
                nearer = 2 * node + (1 if gap < 0 else 2)
                nodes[waiting], bounds[waiting] = 4 * node + 3 - nearer, max(bound, gap * gap)
                waiting += 1
                node = nearer
            _scan(row, spans[node], points, numbers, found[row], squares[row])


@exactly
def _scan(row, span, points, numbers, found, squares):
    """Put the points of one leaf that are near enough into the row's list."""
    for at in range(span[0], span[1]):
        square = (points[at, 0] - points[row, 0]) ** 2 + (points[at, 1] - points[row, 1]) ** 2
        if square > squares[-1] * WIDEN or numbers[at] == numbers[row]:
            continue
        square, place = _round(square), len(squares)
        while place and (
            squares[place - 1] > square or (squares[place - 1] == square and found[place - 1] > numbers[at])
        ):
            place -= 1
        for later in range(len(squares) - 1, place, -1):
            squares[later], found[later] = squares[later - 1], found[later - 1]
        if place < len(squares):
            squares[place], found[place] = square, numbers[at]


@kernel("void(i8, i8, f8[:, ::1], i8[:, ::1], i8[::1], i8[::1], f8[::1])")
def correlate_draws(start, stop, counts, pairs, far, shown, correlations):
    """Pearson's correlation of the weighted mid-ranks of `far` and `shown`, a pair weighing the product of its counts.

    The mean mid-rank is half of the total weight, exactly.
    """
    weights, far_ranks, shown_ranks = np.empty(len(pairs)), np.empty(len(pairs)), np.empty(len(pairs))
    for draw in range(start, stop):
        far_ranks[:], shown_ranks[:], total = 0.0, 0.0, 0.0
        for p in range(len(pairs)):
            weights[p] = counts[draw, pairs[p, 0]] * counts[draw, pairs[p, 1]]
            far_ranks[far[p]] += weights[p]
            shown_ranks[shown[p]] += weights[p]
            total += weights[p]
        far_below = shown_below = 0.0
        for code in range(len(pairs)):
            far_weight, shown_weight = far_ranks[code], shown_ranks[code]
            far_ranks[code], shown_ranks[code] = far_below + far_weight / 2, shown_below + shown_weight / 2
            far_below += far_weight
            shown_below += shown_weight
        across = far_spread = shown_spread = 0.0
        for p in range(len(pairs)):
            a, b = far_ranks[far[p]] - total / 2, shown_ranks[shown[p]] - total / 2
            across += weights[p] * a * b
            far_spread += weights[p] * a * a
            shown_spread += weights[p] * b * b
        spread = np.sqrt(far_spread * shown_spread)
        correlations[draw] = across / spread if spread > 0 else np.nan


@kernel("void(i8, i8, f8[:, ::1], i8[:, ::1], f8[::1], f8[::1])")
def average_draws(start, stop, counts, triplets, right, means):
    """The mean of `right` in each draw, a triplet weighing the product of its three counts; NaN where none is drawn."""
    for draw in range(start, stop):
        total = weighted = 0.0
        for t in range(len(triplets)):
            weight = counts[draw, triplets[t, 0]] * counts[draw, triplets[t, 1]] * counts[draw, triplets[t, 2]]
            total += weight
            weighted += weight * right[t]
        means[draw] = weighted / total if total > 0 else np.nan
