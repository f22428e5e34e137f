"""t-SNE's probabilities: the entropy asked for, and scikit-learn's numbers."""

import numpy as np
import pytest

from latentscape.maps.affinity import find_affinities, scale_rows
from latentscape.neighbors import Neighbors, find_neighbors
from tests.maps.toys import CREW, to_dense


def test_agrees_with_scikit_learn():
    from scipy.sparse import csr_matrix
    from sklearn.manifold._t_sne import _joint_probabilities_nn

    features = np.random.default_rng(0).normal(size=(150, 8)).astype(np.float32)
    graph = find_neighbors(features, k=60, metric="euclidean")
    squares = csr_matrix((graph.distances.ravel() ** 2, graph.indices.flatten(), np.arange(151) * 60), shape=(150, 150))
    theirs = _joint_probabilities_nn(squares, 20.0, verbose=0).toarray()
    ours = to_dense(find_affinities(graph, perplexity=20.0, k=60, crew=CREW))
    np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-9)
    np.testing.assert_array_equal(ours, ours.T)
    assert ours.sum() == pytest.approx(1, rel=1e-5)


@pytest.mark.parametrize("scale", [1e-300, 1e-30, 1.0, 1e30, 1e300])
def test_magnitude_changes_nothing(scale):
    random = np.random.default_rng(1)
    graph = find_neighbors(random.normal(size=(40, 3)), k=12, metric="euclidean")
    scaled = Neighbors(indices=graph.indices, distances=graph.distances * scale, metric="euclidean")
    np.testing.assert_allclose(
        find_affinities(scaled, perplexity=4.0, k=12, crew=CREW).weights,
        find_affinities(graph, perplexity=4.0, k=12, crew=CREW).weights,
        rtol=1e-3,
    )


def test_equal_distances_share_alike():
    corners = Neighbors(
        indices=np.array([[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2]], np.int32),
        distances=np.full((4, 3), 2.5),
        metric="euclidean",
    )
    np.testing.assert_allclose(find_affinities(corners, perplexity=1.0, k=3, crew=CREW).weights, 1 / 12, rtol=1e-6)


def test_rows_are_measured_in_their_mean():
    scaled = scale_rows(np.array([[1.0, 3.0], [1e308, 1.5e308], [0.0, 0.0], [0.0, 2.0]]))
    np.testing.assert_allclose(scaled, [[0.5, 1.5], [0.8, 1.2], [0, 0], [0, 2]], rtol=1e-6)
