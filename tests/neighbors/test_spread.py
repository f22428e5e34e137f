"""The same graph, byte for byte, from workers that die, share nothing and may not write into what they are given."""

import pickle
from functools import partial

import numpy as np
import pytest

from latentscape.neighbors import approximate, find, find_neighbors, find_neighbors_among, spread
from latentscape.neighbors.clusters import find_clusters
from latentscape.neighbors.spread import cut_range, halve
from tests import scattered
from tests.scattered import Scattered, same

RANDOM = np.random.default_rng(0)
FEATURES = (RANDOM.normal(size=(12, 10))[RANDOM.integers(12, size=2500)] * 2 + RANDOM.normal(size=(2500, 10))).astype(
    np.float32
)
REPEATED = FEATURES[:900].copy()
REPEATED[100:140], REPEATED[500:520] = REPEATED[3], 0


def copy_read_only(value):
    """What arrives in a worker of a cluster that shares memory: arrays that can't be written."""
    buffers = []
    packed = pickle.dumps(value, protocol=5, buffer_callback=buffers.append)
    return pickle.loads(packed, buffers=[bytes(each.raw()) for each in buffers])


@pytest.fixture(autouse=True)
def cluster(monkeypatch):
    """Everything is worth spreading, in small tasks."""
    monkeypatch.setattr(scattered, "copy", copy_read_only)
    monkeypatch.setattr(spread, "QUIET_WORK", 0)
    monkeypatch.setattr(spread, "TASK_STEPS", 0)
    monkeypatch.setattr(approximate, "TASK_ROWS", 100)


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
@pytest.mark.parametrize("features", [FEATURES, REPEATED, FEATURES.astype(np.float64)])
def test_exact_search(features, metric):
    here = find_neighbors(features, k=20, metric=metric)
    assert same(find_neighbors(features, k=20, metric=metric, executor=Scattered()), here)


def test_search_among():
    here = find_neighbors_among(FEATURES[:700], REPEATED, k=9, metric="cosine")
    assert same(find_neighbors_among(FEATURES[:700], REPEATED, k=9, metric="cosine", executor=Scattered()), here)


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_approximate_search(metric, monkeypatch):
    monkeypatch.setattr(find, "EXACT_WORK", 0)
    monkeypatch.setattr(approximate, "WORTHWHILE", 1.0)
    monkeypatch.setattr(approximate, "SAMPLE", 100)
    here = find_neighbors(FEATURES, k=10, metric=metric)
    there = find_neighbors(FEATURES, k=10, metric=metric, executor=Scattered(seed=3))
    assert here.recall == there.recall >= 0.99
    assert here.distances.dtype == np.float32
    assert same(there, here)


def test_approximate_search_among_others(monkeypatch):
    monkeypatch.setattr(find, "EXACT_WORK", 0)
    monkeypatch.setattr(approximate, "WORTHWHILE", 1.0)
    monkeypatch.setattr(approximate, "SAMPLE", 100)
    half = len(FEATURES) // 2
    ask = partial(find_neighbors_among, FEATURES[:half], FEATURES[half:], k=7, metric="cosine", is_exact=False)
    here = ask()
    assert here.recall < 1
    assert same(ask(executor=Scattered(seed=3)), here)


def test_clusters(monkeypatch):
    here = find_clusters(FEATURES)
    monkeypatch.setattr(spread, "TASK_POINTS", spread.TILE_ROWS)
    assert same(find_clusters(FEATURES, executor=Scattered()), here)


def test_tasks_that_kill_come_back_in_halves():
    here = find_neighbors(FEATURES, k=5, metric="euclidean")
    killing = Scattered(kills=lambda task: task[1] - task[0] > 60)
    assert same(find_neighbors(FEATURES, k=5, metric="euclidean", executor=killing), here)


def test_little_work_stays_here(monkeypatch):
    monkeypatch.setattr(spread, "QUIET_WORK", 1e9)
    find_neighbors(FEATURES, k=5, metric="euclidean", executor=Scattered(kills=lambda task: True))


def test_ranges():
    assert cut_range(5, size=2) == [(0, 2), (2, 4), (4, 5)]
    assert halve((2, 5)) == [(2, 3), (3, 5)]
    assert halve((2, 3)) == []
    assert spread.name_rows((0, 2000)) == "the neighbors of rows 0 to 1,999"
