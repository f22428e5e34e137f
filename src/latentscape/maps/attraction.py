"""t-SNE's attraction: every edge pulls its two ends together."""

import numpy as np
from jaxtyping import Float32

from latentscape.engine import Crew, kernel
from latentscape.maps.edges import Edges

Places = Float32[np.ndarray, "row 2"]


def attract(edges: Edges, places: Places, forces: Places, *, crew: Crew) -> None:
    """Write A_i = sum_j p_ij (y_i - y_j) / (1 + |y_i - y_j|²) into `forces`: an uphill direction, to be walked down.

    Each row sums its own edges, so that no two threads write one place and the sum has one order.
    Source: van der Maaten 2014 (Accelerating t-SNE, equation 9), without the factor 4.
    """
    crew.share(_gather_pulls, len(edges), edges.starts, edges.others, edges.weights, places, forces)


@kernel("void(i8, i8, i8[::1], u4[::1], f4[::1], f4[:, ::1], f4[:, ::1])", fastmath=True)
def _gather_pulls(start, stop, starts, others, weights, places, forces):
    flat = places.reshape(-1)
    for i in range(start, stop):
        x, y = places[i, 0], places[i, 1]
        pull_x, pull_y = np.float32(0), np.float32(0)
        for e in range(starts[i], starts[i + 1]):
            at = others[e] * np.uint32(2)
            dx, dy = x - flat[at], y - flat[at + np.uint32(1)]
            pull = weights[e] / (np.float32(1) + dx * dx + dy * dy)
            pull_x += pull * dx
            pull_y += pull * dy
        forces[i, 0], forces[i, 1] = pull_x, pull_y
