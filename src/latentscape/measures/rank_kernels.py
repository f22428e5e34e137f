"""Loops over distances: exact squares of pairs, how many points are nearer, draws of pairs.

Squared distances are summed in double precision in one fixed order and rounded to `TIE_BITS` bits, as in the neighbor
graph: what differs by rounding errors only is equal, and equal distances are ordered by row number.
"""

import math
from functools import partial

import numpy as np

from latentscape.engine import inlined, kernel

TIE_BITS = 36
"""Squared distances that agree in their first 36 bits (1 part in 7e10) are equal, as they are in the graph."""


exactly = partial(inlined, fastmath=False)
"""Of a step that kernels of this file share, so that a pair has one distance wherever it is computed."""


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
