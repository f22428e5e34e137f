"""One step of the descent, by hand."""

import numpy as np
import pytest

from latentscape.maps.descent import LONGEST_STEP, Gradient, find_box, start_descent, step_down
from tests.maps.toys import CREW, make_places


def slope(values):
    values = np.array(values, np.float32)
    return Gradient(pulls=values, pushes=np.ones_like(values), pull_weight=2.0, push_weight=1.0)


def test_gains_and_momentum_by_hand():
    """The slope is 2 * pull - 1 * push = 1; at rest the gain grows to 1.2, then once more; turned, it shrinks."""
    descent = start_descent(np.zeros((1, 2), np.float32))
    step_down(descent, slope([[1, 1]]), rate=0.1, momentum=0.5, crew=CREW)
    np.testing.assert_allclose(descent.places, [[-0.12, -0.12]], rtol=1e-6)
    step_down(descent, slope([[1, 0]]), rate=0.1, momentum=0.5, crew=CREW)
    np.testing.assert_allclose(descent.gains, [[1.4, 0.96]], rtol=1e-6)
    np.testing.assert_allclose(descent.velocities, [[-0.06 - 0.14, -0.06 + 0.096]], rtol=1e-5)
    np.testing.assert_allclose(descent.places, [[-0.32, -0.084]], rtol=1e-5)
    descent.restart()
    assert descent.gains.tolist() == [[1, 1]]
    assert descent.velocities.tolist() == [[0, 0]]


def test_no_point_goes_farther_than_the_longest_step():
    descent = start_descent(np.zeros((3, 2), np.float32))
    step_down(descent, slope([[1e6, 0.5], [-3e5, 4e5], [0.6, 0.5]]), rate=1.0, momentum=0.0, crew=CREW)
    lengths = np.linalg.norm(descent.places, axis=1)
    np.testing.assert_allclose(lengths[:2], LONGEST_STEP, rtol=1e-5)
    assert lengths[2] == pytest.approx(0.24, rel=1e-5)


@pytest.mark.parametrize("n", [1, 255, 256, 257, 1000])
def test_the_box_holds_all_points(n):
    descent = start_descent(make_places(n))
    box = step_down(
        descent, Gradient(pulls=make_places(n, seed=2), pushes=make_places(n, seed=3), pull_weight=1, push_weight=1),
        rate=1.0, momentum=0.0, crew=CREW,
    )  # fmt: skip
    assert box == find_box(descent.places)
    low, high = descent.places.min(axis=0), descent.places.max(axis=0)
    assert box == (low[0], high[0], low[1], high[1])
