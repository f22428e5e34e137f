"""New samples on an old map."""

import numpy as np
import pytest

from latentscape.maps import LatentMap, make_map, neighbors_needed, new_samples, place_samples
from latentscape.neighbors import Neighbors, find_neighbors, find_neighbors_among


def neighbors(indices, distances):
    return Neighbors(indices=np.array(indices, np.int32), distances=np.array(distances, float), metric="euclidean")


SQUARE = LatentMap(xy=np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [100.0, 0.0]]), method="tsne")


def test_between_two_equal_neighbors_lies_their_middle():
    placed = place_samples(SQUARE, neighbors([[0, 1]], [[1.0, 1.0]]))
    np.testing.assert_allclose(placed, [[0.5, 0.0]], atol=1e-3)


def test_the_majority_decides_where_a_mean_would_fall_between():
    placed = place_samples(SQUARE, neighbors([[3, 0, 1, 2]], [[1.0, 1.0, 1.0, 1.0]]))
    assert np.linalg.norm(placed[0]) < 2


def test_a_sample_that_equals_an_old_one_gets_its_place():
    placed = place_samples(SQUARE, neighbors([[3, 0, 1], [1, 0, 2]], [[0.0, 1.0, 1.1], [0.0, 0.0, 2.0]]))
    assert placed.tolist() == [[100.0, 0.0], [1.0, 0.0]]


def test_one_neighbor_is_enough_and_blocks_change_nothing(monkeypatch):
    assert place_samples(SQUARE, neighbors([[2]], [[5.0]])).tolist() == [[0.0, 1.0]]
    graph = neighbors([[0, 1, 2], [1, 2, 3], [2, 0, 1]], [[1, 2, 3], [1, 1, 2], [2, 3, 4]])
    whole = place_samples(SQUARE, graph)
    monkeypatch.setattr(new_samples, "BLOCK_NUMBERS", 1)
    np.testing.assert_array_equal(place_samples(SQUARE, graph), whole)


def test_scale_of_the_map_can_be_given():
    wide = LatentMap(xy=SQUARE.xy * 8, method="tsne")
    graph = neighbors([[0, 1, 2]], [[1.0, 2.0, 3.0]])
    np.testing.assert_allclose(place_samples(wide, graph, width=8.0), place_samples(SQUARE, graph) * 8, rtol=1e-12)


@pytest.mark.parametrize("method", ["tsne", "umap"])
def test_new_samples_land_among_their_own(method):
    random = np.random.default_rng(0)
    kind = np.arange(400) % 4
    features = (6 * np.eye(8)[kind] + random.normal(size=(400, 8))).astype(np.float32)
    old, new = features[:300], features[300:]
    graph = find_neighbors(old, k=neighbors_needed(300), metric="euclidean")
    latent_map = make_map(old, graph, method=method, seed=0)
    placed = place_samples(latent_map, find_neighbors_among(new, old, k=15, metric="euclidean"))
    nearest = find_neighbors_among(placed, latent_map.xy, k=5, metric="euclidean").indices
    assert (kind[:300][nearest] == kind[300:, None]).mean() > 0.97
