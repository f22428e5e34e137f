"""UMAP's memberships: their sums, and hand-worked rows."""

import numpy as np
import pytest

from latentscape.maps.fuzzy import find_memberships, weigh_neighbors
from latentscape.neighbors import find_neighbors
from tests.maps.toys import CREW, to_dense


def test_each_row_sums_to_the_logarithm_of_its_neighbors():
    graph = find_neighbors(np.random.default_rng(0).normal(size=(80, 5)), k=15, metric="euclidean")
    weights = weigh_neighbors(graph.distances, crew=CREW)
    np.testing.assert_allclose(weights.sum(axis=1), np.log2(15), rtol=1e-4)
    assert (weights[:, 0] == 1).all()
    assert (np.diff(weights, axis=1) <= 0).all()


def test_by_hand_with_four_neighbors():
    """Distances 1, 2, 3, 4: 1 + t + t² + t³ = 2 for t = exp(-1 / sigma), so t = 0.543689."""
    weights = weigh_neighbors(np.array([[1.0, 2.0, 3.0, 4.0]]), crew=CREW)
    np.testing.assert_allclose(weights[0], 0.543689 ** np.arange(4), rtol=1e-4)


def test_neighbors_at_no_distance_count_in_full():
    weights = weigh_neighbors(np.array([[0.0, 0.0, 1.0, 2.0], [0.0, 0.0, 0.0, 0.0], [3.0, 3.0, 3.0, 3.0]]), crew=CREW)
    assert weights[0, :3].tolist() == [1, 1, 1]
    assert weights[1:].tolist() == [[1] * 4, [1] * 4]


@pytest.mark.parametrize("scale", [1e-200, 1.0, 1e200])
def test_the_graph_is_symmetric_and_its_strongest_edge_is_one(scale):
    graph = find_neighbors(np.random.default_rng(1).normal(size=(50, 4)), k=8, metric="euclidean")
    scaled = type(graph)(indices=graph.indices, distances=graph.distances * scale, metric="euclidean")
    full = to_dense(find_memberships(scaled, k=8, crew=CREW))
    np.testing.assert_array_equal(full, full.T)
    assert full.max() == 1
    one_way = np.zeros_like(full)
    np.put_along_axis(one_way, graph.indices.astype(int), weigh_neighbors(graph.distances, crew=CREW), axis=1)
    union = one_way + one_way.T - one_way * one_way.T
    np.testing.assert_allclose(full, union / union.max(), rtol=1e-3, atol=1e-6)
