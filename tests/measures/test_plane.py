"""The nearest on a map: what the neighbor graph says, ties and duplicates included."""

import numpy as np
import pytest

from latentscape.engine import Crew
from latentscape.measures.plane import find_nearest_on_map
from latentscape.neighbors import find_neighbors

RNG = np.random.default_rng(0)
MAPS = {
    "normal": RNG.normal(size=(900, 2)),
    "tight blobs": RNG.normal(size=(600, 2)) * 1e-4 + RNG.integers(0, 5, size=(600, 1)) * 40,
    "a grid": np.stack(np.meshgrid(range(20), range(20)), axis=-1).reshape(-1, 2) * 1.0,
    "a line": np.column_stack([RNG.permutation(300), np.zeros(300)]) * 1.0,
    "nine of ten on one point": np.vstack([RNG.normal(size=(40, 2)), np.ones((360, 2))])[RNG.permutation(400)],
    "three points": RNG.integers(0, 3, size=(200, 1)) * np.ones((1, 2)),
    "one far away": np.vstack([RNG.normal(size=(200, 2)), [[1e12, -1e12]]]),
    "huge": RNG.normal(size=(200, 2)) * 1e200,
    "tiny": RNG.normal(size=(200, 2)) * 1e-200,
    "few": RNG.normal(size=(17, 2)),
}


def nearest(xy, k, threads=2):
    with Crew(threads) as crew:
        return find_nearest_on_map(xy, k=k, crew=crew)


@pytest.mark.parametrize("k", [1, 15])
@pytest.mark.parametrize("name", MAPS)
def test_agrees_with_the_neighbor_graph(name, k):
    expected = find_neighbors(MAPS[name], k=k, metric="euclidean").indices
    np.testing.assert_array_equal(nearest(MAPS[name], k), expected)


def test_two_samples_are_each_others_nearest():
    assert nearest(np.array([[0.0, 1], [2, 3]]), 1).tolist() == [[1], [0]]


def test_threads_do_not_matter():
    xy = RNG.normal(size=(6_000, 2))
    np.testing.assert_array_equal(nearest(xy, 15, threads=1), nearest(xy, 15, threads=4))
