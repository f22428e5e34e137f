"""Neighbor recall: a case worked by hand, an independent oracle, and the edges."""

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from latentscape.maps.latent_map import LatentMap
from latentscape.measures.trust import measure_map_trust
from latentscape.neighbors import find_neighbors


def on_map(xy):
    return LatentMap(xy=np.asarray(xy, dtype=np.float64), method="test")


def test_five_points_by_hand():
    # On the line 0 1 2 3 4 the map swaps the places of samples 1 and 4, k = 2. Neighbors in features | on the map:
    # 0: 1 2 | 4 2 -> 1/2;  1: 0 2 | 3 2 -> 1/2;  2: 1 3 | 3 4 -> 1/2;  3: 2 4 | 1 2 -> 1/2;  4: 3 2 | 0 2 -> 1/2
    features = np.array([[0], [1], [2], [3], [4.0]])
    swapped = on_map([[0, 0], [4, 0], [2, 0], [3, 0], [1, 0]])
    trust = measure_map_trust(find_neighbors(features, k=4, metric="euclidean"), swapped, k=2)
    assert trust.per_point.tolist() == [0.5] * 5
    assert (trust.recall.value, trust.recall.n, trust.k) == (0.5, 5, 2)
    assert (trust.recall.low, trust.recall.high) == (0.5, 0.5)


@pytest.mark.parametrize("k", [1, 5, 15])
def test_agrees_with_scikit_learn(k):
    rng = np.random.default_rng(k)
    features, xy = rng.normal(size=(120, 6)).astype(np.float32), rng.normal(size=(120, 2))
    near = NearestNeighbors(n_neighbors=k).fit(features).kneighbors(return_distance=False)
    shown = NearestNeighbors(n_neighbors=k).fit(xy).kneighbors(return_distance=False)
    expected = [len(set(a) & set(b)) / k for a, b in zip(near, shown, strict=True)]
    trust = measure_map_trust(find_neighbors(features, k=20, metric="euclidean"), on_map(xy), k=k)
    np.testing.assert_allclose(trust.per_point, expected)
    assert trust.recall.value == pytest.approx(np.mean(expected))


def test_a_map_that_is_the_features_keeps_everything():
    features = np.random.default_rng(1).normal(size=(50, 2))
    trust = measure_map_trust(find_neighbors(features, k=49, metric="euclidean"), on_map(features * 3 + 8))
    assert trust.recall.value == trust.recall.low == trust.recall.high == 1
    assert trust.k == 15


def test_the_interval_covers_the_value_as_an_ordinary_bootstrap_does():
    rng = np.random.default_rng(2)
    features, noise = rng.normal(size=(200, 2)), rng.normal(size=(200, 2))
    trust = measure_map_trust(find_neighbors(features, k=15, metric="euclidean"), on_map(features + noise), seed=3)
    means = rng.choice(trust.per_point, size=(4000, 200)).mean(axis=1)
    assert trust.recall.low < trust.recall.value < trust.recall.high
    np.testing.assert_allclose([trust.recall.low, trust.recall.high], np.percentile(means, [2.5, 97.5]), atol=0.006)
    again = measure_map_trust(find_neighbors(features, k=15, metric="euclidean"), on_map(features + noise), seed=3)
    assert again.recall == trust.recall


@pytest.mark.parametrize(("n", "k"), [(2, 1), (3, 2), (16, 15), (17, 15)])
def test_k_is_cut_to_the_samples_that_exist(n, k):
    features = np.random.default_rng(n).normal(size=(n, 3)).astype(np.float32)
    assert measure_map_trust(find_neighbors(features, k=30), on_map(features[:, :2])).k == k


@pytest.mark.parametrize("n", [2, 3, 16])
def test_where_all_samples_are_neighbors_any_map_would_keep_them(n):
    features = np.random.default_rng(n).normal(size=(n, 3)).astype(np.float32)
    trust = measure_map_trust(find_neighbors(features, k=30), on_map(features[::-1, :2]))
    assert trust.recall.value is None
    assert "any map" in trust.recall.reason
    assert np.isnan(trust.per_point).all()
    one_more = np.random.default_rng(n).normal(size=(17, 3)).astype(np.float32)
    assert measure_map_trust(find_neighbors(one_more, k=30), on_map(one_more[::-1, :2])).recall.value < 1.0


def test_k_is_cut_to_the_width_of_the_graph():
    features = np.random.default_rng(0).normal(size=(30, 3)).astype(np.float32)
    assert measure_map_trust(find_neighbors(features, k=4), on_map(features[:, :2])).k == 4


def test_one_sample_has_no_recall_and_says_why():
    trust = measure_map_trust(find_neighbors(np.ones((1, 3)), k=5), on_map([[0, 0]]))
    assert trust.recall.value is None
    assert trust.recall.n == 1
    assert "neighbors" in trust.recall.reason
    assert np.isnan(trust.per_point).all()
    assert trust.k == 0


def test_samples_that_all_share_one_place_have_no_recall():
    same = np.ones((20, 2))
    trust = measure_map_trust(find_neighbors(same, k=5, metric="euclidean"), on_map(same), k=5)
    assert (trust.recall.value, trust.recall.reason) == (None, "all samples lie on one point")


def test_equal_points_break_ties_the_same_way_on_both_sides():
    twins = np.repeat(np.eye(2), 10, axis=0)
    trust = measure_map_trust(find_neighbors(twins, k=5, metric="euclidean"), on_map(twins), k=5)
    assert trust.recall.value == 1.0
