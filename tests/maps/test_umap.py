"""UMAP: the graph must reach the library along the right axes and with the right first number."""

import knncolle
import numpy as np
import pytest
import scranpy

from latentscape.maps import make_map
from latentscape.maps.umap import _count_epochs, count_umap_neighbors
from latentscape.neighbors import find_neighbors


def test_the_library_gets_the_graph_it_would_have_built_itself(monkeypatch):
    features = np.random.default_rng(0).normal(size=(70, 6)).astype(np.float32)
    index = knncolle.build_index(knncolle.VptreeParameters(), features.astype(np.float64))
    its_own = knncolle.find_knn(index, 15)
    given = []
    run = scranpy.run_umap
    monkeypatch.setattr(scranpy, "run_umap", lambda graph, **options: given.append(graph) or run(graph, **options))
    make_map(features, find_neighbors(features, k=69, metric="euclidean"), method="umap", seed=0)
    assert given[0].index.dtype == its_own.index.dtype
    np.testing.assert_array_equal(given[0].index, its_own.index)
    ratios = given[0].distance / its_own.distance  # each row in its own unit
    np.testing.assert_allclose(ratios, np.broadcast_to(ratios[:, :1], ratios.shape))


def test_the_library_reads_neighbors_of_a_sample_along_a_row():
    kind = np.arange(60) % 2
    features = (np.random.default_rng(1).normal(size=(60, 4)) + 50 * kind[:, None]).astype(np.float32)
    graph = find_neighbors(features, k=5, metric="euclidean")
    start = np.random.default_rng(2).normal(size=(60, 2))

    def purity(indices):
        results = knncolle.FindKnnResults(index=indices.astype(np.uint32), distance=graph.distances)
        xy = scranpy.run_umap(results, initialize_method="none", initial_coordinates=start, num_epochs=200)
        near = find_neighbors(np.ascontiguousarray(xy), k=5, metric="euclidean").indices
        return (kind[near] == kind[:, None]).mean()

    assert purity(graph.indices) > 0.95
    assert purity((graph.indices + 1) % 60) < 0.7  # counted from 1
    assert purity(graph.indices.T.reshape(60, 5)) < 0.9  # the other axis first


@pytest.mark.parametrize(("n", "wanted", "used"), [(4, 15, 3), (16, 15, 15), (100, 15, 15), (100, 40, 40)])
def test_neighbors_for_few_samples(n, wanted, used):
    assert count_umap_neighbors(n, wanted) == used


@pytest.mark.parametrize(("n", "epochs"), [(10, 500), (10_000, 500), (20_000, 350), (300_000, 210)])
def test_large_graphs_get_fewer_passes(n, epochs):
    assert _count_epochs(n) == epochs
