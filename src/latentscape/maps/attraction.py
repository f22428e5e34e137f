"""t-SNE's attraction: every edge pulls its two ends together."""

from typing import no_type_check

import numpy as np
from jaxtyping import Float32

from latentscape.engine import Crew, kernel
from latentscape.maps.edges import Edges

Places = Float32[np.ndarray, "row 2"]
ROWS_WORTH_SHARING = 256


@no_type_check  # called in every iteration: checks of shapes would cost the tests more than the work
def attract(edges: Edges, places: Places, forces: Places, *, crew: Crew) -> None:
    """Write A_i = sum_j p_ij (y_i - y_j) / (1 + |y_i - y_j|²) into `forces`: an uphill direction, to be walked down.

    Each row sums its own edges, so that no two threads write one place and the sum has one order.
    Source: van der Maaten 2014 (Accelerating t-SNE, equation 9), without the factor 4.
    """
    graph = edges.starts, edges.others, edges.weights
    crew.share(_gather_pulls, len(edges), *graph, places, forces, least=ROWS_WORTH_SHARING)


# Sums in their written order keep the loop scalar: measured 1.4 times as fast as vector gathers.
@kernel("void(i8, i8, i8[::1], u4[::1], f4[::1], f4[:, ::1], f4[:, ::1])", fastmath={"contract", "arcp"})
def _gather_pulls(start, stop, starts, others, weights, places, forces):
    for i in range(start, stop):
        x, y = places[i, 0], places[i, 1]
        pull_x, pull_y = np.float32(0), np.float32(0)
        for e in range(starts[i], starts[i + 1]):
            j = others[e]
            dx, dy = x - places[j, 0], y - places[j, 1]
            pull = weights[e] / (np.float32(1) + dx * dx + dy * dy)
            pull_x += pull * dx
            pull_y += pull * dy
        forces[i, 0], forces[i, 1] = pull_x, pull_y
