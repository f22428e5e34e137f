"""What a layout is worth in its own method's terms; lower is better."""

import numpy as np

from latentscape.engine import Crew, kernel
from latentscape.maps.attraction import Places
from latentscape.maps.edges import Edges
from latentscape.maps.sampling import NEGATIVES, Curve

ROWS_PER_CHUNK = 256
OTHERS = 64
"""Random others a point is compared with where not all of them are."""


def measure_divergence(affinities: Edges, places: Places, *, normalizer: float, crew: Crew) -> float:
    """Kullback and Leibler's divergence of the map's similarities from the data's, in nats; 0 would be a perfect map.

    KL = sum p_ij log(p_ij / q_ij) with q_ij = w_ij / Z, w_ij = 1 / (1 + |y_i - y_j|²); `normalizer` is Z of these
    places (van der Maaten and Hinton 2008, equation 2).
    """
    sums = np.zeros((-(-len(affinities) // ROWS_PER_CHUNK), 2))
    edges = affinities.starts, affinities.others, affinities.weights
    crew.share(_sum_divergence, len(affinities), *edges, places, sums, unit=ROWS_PER_CHUNK)
    terms, total = sums.sum(axis=0)
    return float(terms + total * np.log(normalizer))


def measure_cross_entropy(memberships: Edges, places: Places, *, curve: Curve, seed: int, crew: Crew) -> float:
    """The loss that UMAP's sampling goes down in the mean, per unit of edge weight, in nats.

    sum_ij w_ij (-log v_ij) / W + m sum_i d_i mean_j(-log(1 - v_ij)) / W with v = 1 / (1 + a d^2b), d_i = sum_j w_ij,
    W = sum_i d_i and m negatives an edge (Damrich and Hamprecht 2021, section 4). The mean over j is
    taken over 64 random others of each point.
    """
    n = len(memberships)
    sums = np.zeros((-(-n // ROWS_PER_CHUNK), 3))
    steps = np.random.default_rng(seed).integers(1, n, size=min(OTHERS, n - 1))
    edges = memberships.starts, memberships.others, memberships.weights
    values = *edges, places, np.array([curve.a, curve.b]), steps, sums
    crew.share(_sum_cross_entropy, n, *values, unit=ROWS_PER_CHUNK)
    pulls, pushes, total = sums.sum(axis=0)
    return float((pulls + NEGATIVES * pushes) / total)


@kernel("void(i8, i8, i8[::1], u4[::1], f4[::1], f4[:, ::1], f8[:, ::1])")
def _sum_divergence(start, stop, starts, others, weights, places, sums):
    for i in range(start, stop):
        for e in range(starts[i], starts[i + 1]):
            p, j = np.float64(weights[e]), others[e]
            if p > 0:
                dx, dy = places[i, 0] - places[j, 0], places[i, 1] - places[j, 1]
                sums[i // ROWS_PER_CHUNK, 0] += p * np.log(p * (1.0 + dx * dx + dy * dy))
                sums[i // ROWS_PER_CHUNK, 1] += p


@kernel("void(i8, i8, i8[::1], u4[::1], f4[::1], f4[:, ::1], f8[::1], i8[::1], f8[:, ::1])")
def _sum_cross_entropy(start, stop, starts, others, weights, places, numbers, steps, sums):
    a, b, n = numbers[0], numbers[1], places.shape[0]
    for i in range(start, stop):
        degree = 0.0
        for e in range(starts[i], starts[i + 1]):
            j = others[e]
            square = np.float64((places[i, 0] - places[j, 0]) ** 2 + (places[i, 1] - places[j, 1]) ** 2)
            sums[i // ROWS_PER_CHUNK, 0] += weights[e] * np.log1p(a * square**b)
            degree += weights[e]
        repelled = 0.0
        for step in steps:  # the same steps from every row: each other row is compared equally often
            j = (i + step) % n
            square = np.float64((places[i, 0] - places[j, 0]) ** 2 + (places[i, 1] - places[j, 1]) ** 2)
            # -log(1 - v) = log(1 + 1 / (a d^2b)), bounded at distances that single precision can't tell apart
            repelled += np.log1p(1.0 / (a * max(square, 1e-6) ** b))
        sums[i // ROWS_PER_CHUNK, 1] += degree * repelled / len(steps)
        sums[i // ROWS_PER_CHUNK, 2] += degree
