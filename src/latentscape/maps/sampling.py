"""UMAP's forces, one epoch at a time: attraction along every edge, repulsion from random others.

UMAP moves the two ends of one sampled edge after the other. Here every point moves once an epoch, from where all points
were at its beginning: edges pull with their weight, which is the mean of sampling them with that probability, and the
random others come from a hash of (key of the epoch, point, draw). This is a variant of UMAP's optimizer, not UMAP's
own: it gives the same bytes on any number of threads.
"""

from dataclasses import dataclass
from typing import NamedTuple, no_type_check

import numpy as np

from latentscape.engine import Crew, inlined, kernel
from latentscape.maps.attraction import Places
from latentscape.maps.edges import Edges

NEGATIVES = 5.0
"""Random others for each edge of weight 1 (negative_sample_rate of UMAP)."""
DAMPING = 0.3
"""How strongly the sum of a point's pulls shortens its step: many stiff springs would throw it over."""


@dataclass(frozen=True, kw_only=True)
class Curve:
    """How near two points at distance d count as on the map: v = 1 / (1 + a d^2b)."""

    a: float
    b: float


def fit_curve(min_dist: float) -> Curve:
    """The a and b for which v is nearest to 1 up to min_dist and exp(min_dist - d) beyond, by least squares.

    300 distances from 0 to 3, as in McInnes et al. 2018 (section 4.2) with spread 1; Gauss and Newton's steps in
    (log a, b), which keep a positive.

    >>> curve = fit_curve(0.1)
    >>> round(curve.a, 3), round(curve.b, 3)
    (1.577, 0.895)
    """
    d = np.linspace(0, 3, 300)[1:]  # at 0 both sides are 1 whatever a and b are
    wanted = np.where(d < min_dist, 1.0, np.exp(min_dist - d))
    log_a, b = 0.0, 1.0
    for _ in range(100):
        power = np.exp(log_a) * d ** (2 * b)
        v = 1 / (1 + power)
        slope = -(v**2) * power
        slopes = np.column_stack([slope, slope * 2 * np.log(d)])
        change = np.linalg.lstsq(slopes, wanted - v, rcond=None)[0]
        log_a, b = log_a + change[0], b + change[1]
    return Curve(a=float(np.exp(log_a)), b=float(b))


class Epoch(NamedTuple):
    """How far points may go in one epoch, and which others they draw."""

    rate: float
    """1 at the start, going down to 0."""
    key: np.uint32
    """A random number: another one, other draws."""


@no_type_check  # called in every iteration: checks of shapes would cost the tests more than the work
def run_epoch(edges: Edges, places: Places, moved: Places, *, curve: Curve, epoch: Epoch, crew: Crew) -> None:
    """Write into `moved` where every point of `places` goes in one epoch.

    The pull on i is sum_j w_ij f(d_ij) (y_j - y_i) with f = 2ab d^(2b - 2) / (1 + a d^2b), twice, for an edge is
    sampled from either end; the push from each of the random others 2b / ((0.001 + d²)(1 + a d^2b)) times the way, each
    coordinate of a single push cut at 4 (McInnes et al. 2018, section 3.2, and the clip of its authors' program). A
    step is shortened by 1 / (1 + DAMPING * sum_j 2 w_ij f(d_ij)).
    """
    a, b, rate = curve.a, curve.b, epoch.rate
    numbers = np.array([a, b, 4 * a * b * rate, 2 * b * rate, 4 * rate, NEGATIVES, DAMPING], np.float32)
    state = edges.starts, edges.others, edges.weights, places
    crew.share(_move, len(edges), *state, numbers, epoch.key, moved, least=256)


@inlined
def _mix(h):
    """A 32-bit integer hash: two rounds of xor-shift and multiply, with constants found by Wellons's search."""
    h = np.uint32(h ^ (h >> np.uint32(16)))
    h = np.uint32(h * np.uint32(0x7FEB352D))
    h = np.uint32(h ^ (h >> np.uint32(15)))
    h = np.uint32(h * np.uint32(0x846CA68B))
    return np.uint32(h ^ (h >> np.uint32(16)))


@inlined
def _power(x, b):
    """x^b for x > 0 in single precision, relative error below 3e-4: 2^(b log2 x) by two short polynomials.

    Both are least-squares fits on one octave; unlike the library's power they let the compiler work on many edges at a
    time.
    """
    bits = np.float32(x).view(np.int32)
    octave = np.float32(np.int32(bits >> 23) - 127)
    m = np.int32((bits & 0x7FFFFF) | 0x3F800000).view(np.float32)
    log = np.float32(-0.08001088) * m + np.float32(0.63551112)
    log = (log * m - np.float32(2.09940228)) * m + np.float32(4.04961689)
    log = log * m - np.float32(2.50561466) + octave
    log = max(log * b, np.float32(-120))
    whole = np.floor(log)
    r = log - whole
    two = (np.float32(0.0790857) * r + np.float32(0.22451634)) * r + np.float32(0.69639055)
    two = two * r + np.float32(0.99989669)
    return np.int32(np.float32(two).view(np.int32) + np.int32(np.int32(whole) << 23)).view(np.float32)


@kernel("void(i8, i8, i8[::1], u4[::1], f4[::1], f4[:, ::1], f4[::1], u4, f4[:, ::1])", fastmath=True)
def _move(start, stop, starts, others, weights, places, numbers, key, moved):
    a, b, pull_scale, push_scale, longest = numbers[0], numbers[1], numbers[2], numbers[3], numbers[4]
    negatives, damping = numbers[5], numbers[6]
    flat, n, one = places.reshape(-1), np.uint64(places.shape[0]), np.float32(1)
    for i in range(start, stop):
        x, y = places[i, 0], places[i, 1]
        pull_x, pull_y, weight, stiffness = np.float32(0), np.float32(0), np.float32(0), np.float32(0)
        for e in range(starts[i], starts[i + 1]):
            at = others[e] * np.uint32(2)
            dx, dy = x - flat[at], y - flat[at + np.uint32(1)]
            square = dx * dx + dy * dy + np.float32(1e-6)
            power = _power(square, b)
            pull = weights[e] * pull_scale * power / (square * (one + a * power))
            pull_x -= pull * dx
            pull_y -= pull * dy
            weight += weights[e]
            stiffness += pull
        push_x, push_y = np.float32(0), np.float32(0)
        wanted = negatives * weight
        draws = np.int64(wanted) + 1
        scale = push_scale * wanted / np.float32(draws)
        own_key = _mix(np.uint32(np.uint32(i) * np.uint32(0x9E3779B9) + key))
        for draw in range(draws):
            hashed = _mix(np.uint32(own_key + np.uint32(draw) * np.uint32(0x9E3779B9)))
            at = np.uint32((np.uint64(hashed) * n) >> np.uint64(32)) * np.uint32(2)
            dx, dy = x - flat[at], y - flat[at + np.uint32(1)]
            square = dx * dx + dy * dy
            push = scale / ((np.float32(0.001) + square) * (one + a * _power(square + np.float32(1e-12), b)))
            push_x += min(max(push * dx, -longest), longest)
            push_y += min(max(push * dy, -longest), longest)
        shortened = one / (one + damping * stiffness)
        moved[i, 0] = x + (pull_x + push_x) * shortened
        moved[i, 1] = y + (pull_y + push_y) * shortened
