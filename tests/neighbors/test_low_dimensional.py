"""The tree's search against brute force."""

import numpy as np
import pytest

from latentscape.neighbors import METRICS, find, find_neighbors

from .oracle import brute_force


@pytest.fixture(autouse=True)
def always_a_tree(monkeypatch):
    monkeypatch.setattr(find, "TREE_ROWS", 1)
    monkeypatch.setattr(find, "search_exactly", None)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize(("n", "d", "k"), [(2, 2, 1), (3, 1, 2), (40, 2, 39), (500, 2, 15), (500, 3, 90)])
def test_random_points(metric, n, d, k):
    features = np.random.default_rng(n).normal(size=(n, d)).astype(np.float32)
    found = find_neighbors(features, k=k, metric=metric)
    graph = found.kinds.neighbors if found.kinds else found
    assert graph.recall == 1.0
    if metric == "euclidean" or d > 1:
        rows, distances = brute_force(features, k, metric)
        np.testing.assert_array_equal(found.indices, rows)
        np.testing.assert_allclose(found.distances, distances, rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize(("levels", "d", "k"), [(2, 3, 3), (7, 2, 4), (20, 2, 11), (9, 3, 5), (400, 1, 7)])
def test_ties_on_a_grid_go_by_row_number(levels, d, k):
    features = np.random.default_rng(levels).integers(0, levels, size=(400, d)).astype(np.float64)
    found = find_neighbors(features, k=k, metric="euclidean")
    np.testing.assert_array_equal(found.indices, brute_force(features, k, "euclidean")[0])


def test_more_ties_than_were_asked_for():
    angles = np.arange(64) * np.pi / 32
    features = np.vstack([[0.0, 0.0], np.column_stack([np.cos(angles), np.sin(angles)]) * 8])
    found = find_neighbors(features, k=3, metric="euclidean")
    assert found.indices[0].tolist() == [1, 2, 3]


@pytest.mark.parametrize("scale", [1e30, 1e-30, 1e-40])
def test_any_magnitude(scale):
    features = (np.random.default_rng(1).uniform(-1, 1, size=(200, 2)) * scale).astype(np.float32)
    found = find_neighbors(features, k=6, metric="euclidean")
    exact = np.ldexp(features.astype(np.float64), -int(np.log2(scale)))
    np.testing.assert_array_equal(found.indices, brute_force(exact, 6, "euclidean")[0])


def test_a_million_apart():
    blob = np.random.default_rng(2).normal(size=(150, 2))
    features = np.vstack([blob, blob + 1e6]).astype(np.float32)
    found = find_neighbors(features, k=10, metric="euclidean")
    np.testing.assert_array_equal(found.indices, brute_force(features, 10, "euclidean")[0])
