"""Graphs taken apart for a file and put together again."""

import numpy as np
import pytest

from latentscape.neighbors import find_neighbors, pack_neighbors, unpack_neighbors


def same(one, other):
    np.testing.assert_array_equal(one.indices, other.indices)
    np.testing.assert_array_equal(one.distances, other.distances)
    assert (one.metric, one.recall, one.kinds is None) == (other.metric, other.recall, other.kinds is None)


@pytest.mark.parametrize("twice", [False, True])
def test_a_graph_survives_a_file(tmp_path, twice):
    features = np.random.default_rng(0).normal(size=(20, 3))
    features = np.vstack([features, features[:5]]) if twice else features
    graph = find_neighbors(features, k=4, metric="euclidean")
    np.savez(tmp_path / "graph.npz", **pack_neighbors(graph))
    with np.load(tmp_path / "graph.npz", allow_pickle=False) as arrays:
        again = unpack_neighbors(arrays, metric="euclidean")
    same(graph, again)
    assert (again.kinds is not None) == twice
    if graph.kinds and again.kinds:
        same(graph.kinds.neighbors, again.kinds.neighbors)
        np.testing.assert_array_equal(graph.kinds.first, again.kinds.first)
        np.testing.assert_array_equal(graph.kinds.group, again.kinds.group)


def test_names_of_kinds_appear_only_where_samples_share_a_place():
    graph = find_neighbors(np.eye(3), k=2)
    assert set(pack_neighbors(graph)) == {"indices", "distances", "recall"}


def test_a_graph_without_recall_was_searched_exactly():
    arrays = {"indices": np.zeros((2, 1), np.int32), "distances": np.zeros((2, 1))}
    assert unpack_neighbors(arrays, metric="cosine").recall == 1.0
