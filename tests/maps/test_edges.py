"""Symmetric graphs against full matrices."""

import numpy as np
import pytest

from latentscape.engine import Crew
from latentscape.maps.edges import join_directions
from tests.maps.toys import CREW, to_dense


def directed(n, k, seed):
    random = np.random.default_rng(seed)
    indices = np.array([random.permutation(np.delete(np.arange(n), i))[:k] for i in range(n)], np.int32)
    return indices, random.uniform(size=(n, k)).astype(np.float32)


def to_matrix(indices, weights):
    full = np.zeros((len(indices), len(indices)))
    np.put_along_axis(full, indices.astype(int), weights.astype(np.float64), axis=1)
    return full


@pytest.mark.parametrize(("n", "k"), [(2, 1), (4, 3), (30, 4), (200, 12)])
def test_mean_and_union_are_those_of_the_matrices(n, k):
    indices, weights = directed(n, k, seed=n)
    full = to_matrix(indices, weights)
    np.testing.assert_allclose(
        to_dense(join_directions(indices, weights, union=False, crew=CREW)), (full + full.T) / 2, rtol=1e-6
    )
    np.testing.assert_allclose(
        to_dense(join_directions(indices, weights, union=True, crew=CREW)), full + full.T - full * full.T, rtol=1e-6
    )


def test_by_hand_on_three_points():
    edges = join_directions(
        np.array([[1], [0], [1]], np.int32), np.array([[0.5], [0.25], [0.5]], np.float32), union=True, crew=CREW
    )
    assert edges.starts.tolist() == [0, 1, 3, 4]
    assert edges.others.tolist() == [1, 0, 2, 1]
    assert edges.weights.tolist() == [0.625, 0.625, 0.5, 0.5]


def test_any_number_of_threads_gives_the_same_bytes():
    indices, weights = directed(5000, 6, seed=1)
    one, four = (join_directions(indices, weights, union=True, crew=Crew(threads)) for threads in (1, 4))
    assert one.others.tobytes() == four.others.tobytes()
    assert one.weights.tobytes() == four.weights.tobytes()


def test_no_row_holds_an_edge_twice():
    edges = join_directions(*directed(100, 9, seed=2), union=False, crew=CREW)
    for row in range(100):
        others = edges.others[edges.starts[row] : edges.starts[row + 1]]
        assert len(set(others.tolist())) == len(others)
