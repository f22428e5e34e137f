"""Samples that share a place: found, searched once and put back."""

import numpy as np
import pytest

from latentscape.neighbors import METRICS, find_distinct, find_neighbors, kinds

from .oracle import brute_force


def table_with_duplicates(n=300, distinct=40, dtype=np.float32):
    generator = np.random.default_rng(3)
    rows = generator.normal(size=(distinct, 4)).astype(dtype)
    return rows[generator.integers(0, distinct, size=n)]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_kinds_are_those_of_a_dictionary(dtype):
    points = table_with_duplicates(dtype=dtype)
    seen = {}
    expected = [seen.setdefault(tuple(row), len(seen)) for row in points.tolist()]
    first, group = find_distinct(points)
    assert group.tolist() == expected
    assert first.tolist() == [expected.index(kind) for kind in range(len(seen))]


def test_both_zeros_are_one_number():
    assert find_distinct(np.array([[0.0, 1.0], [-0.0, 1.0]]))[1].tolist() == [0, 0]


def test_rows_with_one_hash_are_told_apart(monkeypatch):
    points = table_with_duplicates()
    expected = find_distinct(points)
    monkeypatch.setattr(kinds, "_hash", lambda words: words[:, 0].astype(np.uint64) % 3)
    for found, wanted in zip(find_distinct(points), expected, strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_no_kinds_where_all_rows_differ():
    assert find_neighbors(np.eye(4), k=2).kinds is None


def test_the_graph_among_kinds_by_hand():
    graph = find_neighbors(np.array([[0.0], [5.0], [0.0], [1.0]]), k=3, metric="euclidean")
    assert graph.indices.tolist() == [[2, 3, 1], [3, 0, 2], [0, 3, 1], [0, 2, 1]]
    assert graph.kinds is not None
    assert graph.kinds.first.tolist() == [0, 1, 3]
    assert graph.kinds.group.tolist() == [0, 1, 0, 2]
    assert graph.kinds.neighbors.indices.tolist() == [[2, 1], [2, 0], [0, 1]]
    assert graph.kinds.neighbors.distances.tolist() == [[1, 5], [4, 5], [1, 4]]
    assert graph.kinds.neighbors.kinds is None


@pytest.mark.parametrize("metric", METRICS)
def test_the_graph_among_kinds_is_that_of_the_distinct_rows(metric):
    features = table_with_duplicates()
    graph = find_neighbors(features, k=60, metric=metric)
    assert graph.kinds is not None
    alone = find_neighbors(features[graph.kinds.first], k=60, metric=metric)
    np.testing.assert_array_equal(graph.kinds.neighbors.indices, alone.indices)
    np.testing.assert_array_equal(graph.kinds.neighbors.distances, alone.distances)


def test_one_direction_is_one_kind_under_cosine():
    rows = np.random.default_rng(0).normal(size=(30, 7))
    features = np.vstack([rows, 3 * rows, np.zeros((2, 7))]).astype(np.float64)
    graph = find_neighbors(features, k=5)
    assert graph.kinds is not None
    assert graph.kinds.group.tolist() == [*range(30), *range(30), 30, 30]
    assert (graph.indices[:30, 0] == np.arange(30, 60)).all()
    assert find_neighbors(features[:60], k=5, metric="euclidean").kinds is None


def test_opposite_directions_are_two_kinds():
    assert find_neighbors(np.array([[1.0], [-1.0]]), k=1).kinds is None


def test_all_rows_equal_are_one_kind_without_neighbors():
    graph = find_neighbors(np.ones((5, 2)), k=2, metric="euclidean")
    assert graph.kinds is not None
    assert graph.kinds.neighbors.indices.shape == (1, 0)
    assert graph.indices.tolist() == [[1, 2], [0, 2], [0, 1], [0, 1], [0, 1]]


@pytest.mark.parametrize("k", [1, 7, 50, 399])
def test_nine_in_ten_are_duplicates_on_a_grid(k):
    generator = np.random.default_rng(6)
    features = generator.integers(0, 3, size=(40, 3))[generator.integers(0, 40, size=400)].astype(np.float32)
    graph = find_neighbors(features, k=k, metric="euclidean")
    rows, distances = brute_force(features, k, "euclidean")
    np.testing.assert_array_equal(graph.indices, rows)
    np.testing.assert_allclose(graph.distances, distances, rtol=1e-10)
