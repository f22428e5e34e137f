"""One step down t-SNE's gradient, with momentum and a gain for each coordinate."""

from dataclasses import dataclass
from typing import NamedTuple, no_type_check

import numpy as np
from jaxtyping import Float32

from latentscape.engine import Crew, kernel
from latentscape.maps.attraction import Places
from latentscape.maps.repulsion import Box

ROWS_PER_CHUNK = 256
LONGEST_STEP = 5.0
"""Map units a point moves at most in one step: what is thrown far out never comes back."""


@dataclass(frozen=True, kw_only=True)
class Descent:
    """Points on their way: where they are, how fast, and each coordinate's gain. The arrays change with every step."""

    places: Places
    velocities: Places
    gains: Places

    def restart(self) -> None:
        """Forget speed and gains: the forces are about to change."""
        self.velocities[:] = 0
        self.gains[:] = 1


class Gradient(NamedTuple):
    """pull_weight * pulls - push_weight * pushes."""

    pulls: Places
    pushes: Places
    pull_weight: float
    push_weight: float


def start_descent(places: Float32[np.ndarray, "row 2"]) -> Descent:
    """At rest at these places."""
    return Descent(places=places.copy(), velocities=np.zeros_like(places), gains=np.ones_like(places))


@no_type_check  # called in every iteration: checks of shapes would cost the tests more than the work
def step_down(descent: Descent, gradient: Gradient, *, rate: float, momentum: float, crew: Crew) -> Box:
    """Move every point against the gradient; returns the box they are in then.

    velocity = momentum * velocity - rate * gain * gradient. A gain grows by 0.2 while the gradient still points along
    the way and shrinks to 80 % when it has turned (Jacobs 1988, as in van der Maaten and Hinton 2008), never below
    0.01.
    """
    n = len(descent.places)
    boxes = np.empty((-(-n // ROWS_PER_CHUNK), 4), np.float32)
    numbers = np.array([gradient.pull_weight, gradient.push_weight, rate, momentum], np.float32)
    forces = gradient.pulls, gradient.pushes, numbers
    state = descent.places, descent.velocities, descent.gains
    crew.share(_step, n, *forces, *state, boxes, unit=ROWS_PER_CHUNK, least=4096)
    return find_box(boxes.reshape(-1, 2))


@no_type_check
def find_box(places: Float32[np.ndarray, "row 2"]) -> Box:
    """Smallest and largest x, then y."""
    (left, low), (right, high) = places.min(axis=0).tolist(), places.max(axis=0).tolist()
    return left, right, low, high


@kernel("void(i8, i8, f4[:, ::1], f4[:, ::1], f4[::1], f4[:, ::1], f4[:, ::1], f4[:, ::1], f4[:, ::1])")
def _step(start, stop, pulls, pushes, numbers, places, velocities, gains, boxes):
    pull_weight, push_weight, rate, momentum = numbers[0], numbers[1], numbers[2], numbers[3]
    longest = np.float32(LONGEST_STEP)
    for first in range(start, stop, ROWS_PER_CHUNK):
        box = boxes[first // ROWS_PER_CHUNK]
        box[:2], box[2:] = np.inf, -np.inf
        for i in range(first, min(first + ROWS_PER_CHUNK, stop)):
            for axis in range(2):
                slope = pull_weight * pulls[i, axis] - push_weight * pushes[i, axis]
                turned = slope * velocities[i, axis] > 0
                gain = gains[i, axis] * np.float32(0.8) if turned else gains[i, axis] + np.float32(0.2)
                gains[i, axis] = max(gain, np.float32(0.01))
                velocities[i, axis] = momentum * velocities[i, axis] - rate * gains[i, axis] * slope
            length = np.sqrt(velocities[i, 0] ** 2 + velocities[i, 1] ** 2)
            for axis in range(2):
                if length > longest:
                    velocities[i, axis] *= longest / length
                places[i, axis] += velocities[i, axis]
                box[axis] = min(box[axis], places[i, axis])
                box[2 + axis] = max(box[2 + axis], places[i, axis])
