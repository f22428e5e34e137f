"""The tree's search against brute force."""

import numpy as np
import pytest

from latentscape.neighbors import METRICS, find, find_neighbors
from latentscape.neighbors.spread import search_lines

from .oracle import brute_force


@pytest.fixture(autouse=True)
def always_a_tree(monkeypatch):
    monkeypatch.setattr(find, "TREE_ROWS", 1)
    monkeypatch.setattr(find, "search_lines", None)


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


@pytest.mark.parametrize("k", [1, 15])
@pytest.mark.parametrize("name", MAPS)
def test_maps_of_every_kind_agree_with_exact_search(monkeypatch, name, k):
    found = find_neighbors(MAPS[name], k=k, metric="euclidean")
    monkeypatch.setattr(find, "TREE_ROWS", len(MAPS[name]) + 1)
    monkeypatch.setattr(find, "search_lines", search_lines)
    expected = find_neighbors(MAPS[name], k=k, metric="euclidean")
    np.testing.assert_array_equal(found.indices, expected.indices)


def test_two_points_are_each_others_nearest():
    xy = np.array([[0.0, 1], [2, 3]])
    assert find_neighbors(xy, k=1, metric="euclidean").indices.tolist() == [[1], [0]]


def test_threads_do_not_matter(monkeypatch):
    xy = RNG.normal(size=(6_000, 2))
    found = []
    for threads in ("1", "4"):
        monkeypatch.setenv("OMP_NUM_THREADS", threads)
        found.append(find_neighbors(xy, k=15, metric="euclidean").indices)
    np.testing.assert_array_equal(*found)
