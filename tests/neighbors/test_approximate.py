"""Approximate search: its recall, the same bytes on any number of threads, and when it gives up."""

from functools import partial

import numpy as np
import pytest

from latentscape.engine import Crew
from latentscape.neighbors import METRICS, approximate, clusters, exact, find, find_neighbors, find_neighbors_among
from latentscape.neighbors.clusters import find_clusters


def blobs(n=6000, d=12, count=60):
    generator = np.random.default_rng(0)
    centers = 4 * generator.normal(size=(count, d))
    return (centers[generator.integers(0, count, size=n)] + generator.normal(size=(n, d))).astype(np.float32)


@pytest.fixture
def soon(monkeypatch):
    """Approximate search at sizes a test can afford."""
    monkeypatch.setattr(find, "EXACT_WORK", 1)
    monkeypatch.setattr(approximate, "SAMPLE", 300)


@pytest.mark.parametrize("metric", METRICS)
def test_recall_is_as_good_as_it_says(monkeypatch, soon, metric):
    features = blobs()
    near = find_neighbors(features, k=15, metric=metric)
    monkeypatch.setattr(find, "EXACT_WORK", 1e18)
    true = find_neighbors(features, k=15, metric=metric)
    found = np.mean([len(set(a) & set(b)) / 15 for a, b in zip(near.indices, true.indices, strict=True)])
    assert 0.99 <= near.recall < 1
    assert abs(found - near.recall) < 0.01
    assert near.distances.dtype == np.float32
    assert (np.diff(near.distances, axis=1) >= 0).all()
    assert not (near.indices == np.arange(len(features))[:, None]).any()
    agree = near.indices == true.indices
    np.testing.assert_allclose(near.distances[agree], true.distances[agree], rtol=1e-6)


def test_the_same_bytes_from_any_crew(monkeypatch, soon):
    features = blobs(3000)
    answers = set()
    for threads in (1, 2, 3):
        for module in (approximate, clusters, exact):
            monkeypatch.setattr(module, "Crew", partial(Crew, threads))
        found = find_neighbors(features, k=10, metric="euclidean")
        answers.add(found.indices.tobytes() + found.distances.tobytes())
    assert len(answers) == 1


def test_too_short_a_reach_is_raised(monkeypatch, soon):
    monkeypatch.setattr(approximate, "AIM", 0.5)
    assert find_neighbors(blobs(), k=15, metric="euclidean").recall >= 0.99


def test_without_clusters_the_search_is_exact(soon):
    features = np.random.default_rng(1).normal(size=(1500, 40)).astype(np.float32)
    found = find_neighbors(features, k=10, metric="euclidean")
    assert found.recall == 1.0
    assert found.distances.dtype == np.float64


@pytest.mark.parametrize("scale", [1e-30, 1e36])
def test_distances_beyond_single_precision_stay_finite(soon, scale):
    features = blobs(3000).astype(np.float64) * scale
    found = find_neighbors(features, k=5, metric="euclidean")
    assert np.isfinite(found.distances).all()
    assert (found.distances > 0).all()


def test_duplicates_are_spread_from_the_approximate_graph(soon):
    features = np.vstack([blobs(3000), blobs(3000)[:500]])
    found = find_neighbors(features, k=8, metric="euclidean")
    assert found.kinds is not None
    assert found.recall == found.kinds.neighbors.recall < 1
    assert (found.indices[:500, 0] == np.arange(3000, 3500)).all()


def test_clusters_are_a_partition_and_each_is_nearest_to_itself():
    table = find_clusters(blobs(2000))
    assert sorted(table.rows.members.tolist()) == list(range(2000))
    assert (table.near[:, 0] == np.arange(len(table.near))).all()
    for cluster in range(0, len(table.near), 17):
        assert (table.rows.of[table.rows.list_members(cluster)] == cluster).all()


def test_reach_counts_the_columns_until_a_row_is_among_them():
    table = find_clusters(blobs(2000))
    rows = np.arange(0, 2000, 50, dtype=np.int32)
    cluster = int(table.rows.of[7])
    for row, needed in zip(rows, table.count_columns(cluster, rows), strict=True):
        assert row in table.list_columns(cluster, int(needed))
        assert needed == 1 or row not in table.list_columns(cluster, int(needed) - 1)
    assert table.share(table.rows, 2000) == 1.0
    assert table.share(table.rows, 1) < 0.05


@pytest.mark.parametrize("metric", METRICS)
def test_queries_that_are_no_rows_find_nearly_all_among_near_clusters(monkeypatch, soon, metric):
    features, queries = blobs()[:4000], blobs()[4000:]
    features[:50] = features[50:100]  # equal rows are all found
    queries[:20] = features[:20]
    near = find_neighbors_among(queries, features, k=15, metric=metric, is_exact=False)
    true = find_neighbors_among(queries, features, k=15, metric=metric)
    found = np.mean([len(set(a) & set(b)) / 15 for a, b in zip(near.indices, true.indices, strict=True)])
    assert true.recall == 1.0
    assert 0.99 <= near.recall < 1
    assert abs(found - near.recall) < 0.01
    assert (near.distances[:20, :2] == 0).all()
    agree = near.indices == true.indices
    assert agree.mean() > 0.95
    np.testing.assert_allclose(near.distances[agree], true.distances[agree], rtol=1e-6)


def test_few_queries_are_searched_exactly(soon):
    features = blobs()
    found = find_neighbors_among(features[:900], features, k=5, metric="euclidean", is_exact=False)
    assert found.recall == 1.0
    assert (found.indices[:, 0] == np.arange(900)).all()


def test_queries_far_from_every_row_are_searched_exactly_or_well(soon):
    features = blobs(3000)
    found = find_neighbors_among(features + 100, features, k=5, metric="euclidean", is_exact=False)
    true = find_neighbors_among(features + 100, features, k=5, metric="euclidean")
    assert np.mean(found.indices == true.indices) > 0.97
