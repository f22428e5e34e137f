"""What a method gets to draw."""

import numpy as np
import pytest

from latentscape.errors import UsageError
from latentscape.maps.distinct import cut_graph
from latentscape.neighbors import Neighbors, find_neighbors


def test_a_cut_graph_keeps_the_nearest_and_measures_in_mean_distances():
    graph = find_neighbors(np.array([[0.0], [1.0], [3.0], [7.0]]), k=3, metric="euclidean")
    cut = cut_graph(graph, 2)
    assert cut.indices.tolist() == graph.indices[:, :2].tolist()
    np.testing.assert_allclose(cut.distances, [[0.5, 1.5], [2 / 3, 4 / 3], [0.8, 1.2], [0.8, 1.2]])


def test_distances_of_any_magnitude_and_zeros_stay_finite():
    distances = np.array([[0.0, 0.0], [1e308, 1.7e308], [0.0, 5e-324], [0.0, 2.0]])
    graph = Neighbors(indices=np.array([[1, 2], [0, 2], [0, 1], [0, 1]]), distances=distances, metric="euclidean")
    np.testing.assert_allclose(cut_graph(graph, 2).distances[[0, 1, 3]], [[0, 0], [2 / 2.7, 3.4 / 2.7], [0, 2]])
    assert np.isfinite(cut_graph(graph, 2).distances).all()


def test_a_narrow_graph_is_refused():
    graph = find_neighbors(np.arange(5.0)[:, None], k=2, metric="euclidean")
    with pytest.raises(UsageError, match="2 neighbors"):
        cut_graph(graph, 3)
