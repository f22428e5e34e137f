"""UMAP as a whole, and its parameters for few and for many samples."""

import numpy as np
import pytest

from latentscape.maps import make_map
from latentscape.maps.umap import count_epochs, count_umap_neighbors
from latentscape.neighbors import find_neighbors


@pytest.mark.parametrize(("n", "wanted", "used"), [(4, 15, 3), (16, 15, 15), (100, 15, 15), (100, 40, 40)])
def test_neighbors_for_few_samples(n, wanted, used):
    assert count_umap_neighbors(n, wanted) == used


@pytest.mark.parametrize(
    ("n", "quality", "epochs"), [(10, "fast", 500), (10_000, "fast", 500), (10_001, "fast", 300), (20_000, "best", 600)]
)
def test_large_graphs_get_fewer_epochs(n, quality, epochs):
    assert count_epochs(n, quality) == epochs


def test_points_keep_their_least_distance():
    from latentscape.maps import MapOptions

    features = np.random.default_rng(0).normal(size=(300, 6)).astype(np.float32)
    graph = find_neighbors(features, k=15, metric="euclidean")
    gaps = []
    for min_dist in (0.01, 0.8):
        xy = make_map(features, graph, method="umap", seed=0, options=MapOptions(min_dist=min_dist, perplexity=5)).xy
        gaps.append(np.median(find_neighbors(xy, k=1, metric="euclidean").distances))
    assert gaps[1] > 3 * gaps[0]
