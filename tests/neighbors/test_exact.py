"""Exact search at the places where single precision gives out, and on any number of threads."""

from functools import partial

import numpy as np
import pytest

from latentscape.engine import Crew
from latentscape.neighbors import METRICS, exact, find_neighbors, find_neighbors_among

from .oracle import brute_force


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_any_float(metric, dtype):
    features = np.random.default_rng(0).normal(size=(150, 9)).astype(dtype)
    rows, distances = brute_force(features, 12, metric)
    found = find_neighbors(features, k=12, metric=metric)
    np.testing.assert_array_equal(found.indices, rows)
    np.testing.assert_allclose(found.distances, distances, rtol=1e-9)
    assert found.indices.dtype == np.int32


@pytest.mark.parametrize("metric", METRICS)
def test_memory_mapped_and_strided_input(tmp_path, metric):
    features = np.random.default_rng(1).normal(size=(60, 10)).astype(np.float32)
    np.save(tmp_path / "features.npy", features)
    mapped = np.load(tmp_path / "features.npy", mmap_mode="r")
    whole = find_neighbors(features, k=5, metric=metric)
    np.testing.assert_array_equal(find_neighbors(mapped, k=5, metric=metric).indices, whole.indices)
    np.testing.assert_array_equal(
        find_neighbors(np.asfortranarray(features), k=5, metric=metric).indices, whole.indices
    )


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("scale", [1e200, 1e-200, 1e-310])
def test_double_precision_near_its_ends(metric, scale):
    features = np.random.default_rng(2).uniform(-1, 1, size=(80, 5)) * scale
    exact_rows = np.ldexp(features, -int(np.floor(np.log2(scale))))
    found = find_neighbors(features, k=7, metric=metric)
    assert np.isfinite(found.distances).all()
    np.testing.assert_array_equal(found.indices, brute_force(exact_rows, 7, metric)[0])


def test_cosine_of_rows_of_very_different_lengths():
    directions = np.random.default_rng(3).normal(size=(50, 4))
    lengths = 10.0 ** np.random.default_rng(4).integers(-200, 200, size=(50, 1))
    found = find_neighbors(directions * lengths, k=6)
    np.testing.assert_array_equal(found.indices, brute_force(directions, 6, "cosine")[0])


def test_an_estimate_of_the_limit_never_costs_a_neighbor(monkeypatch):
    features = np.random.default_rng(5).normal(size=(2000, 6)).astype(np.float32)
    features = features[np.argsort(features[:, 0])]
    whole = find_neighbors(features, k=20, metric="euclidean")
    monkeypatch.setattr(exact, "GLANCE_ROWS", 100)
    glanced = find_neighbors(features, k=20, metric="euclidean")
    np.testing.assert_array_equal(whole.indices, glanced.indices)
    np.testing.assert_array_equal(whole.distances, glanced.distances)


def test_one_far_row_does_not_make_the_others_doubtful(monkeypatch):
    features = np.random.default_rng(6).normal(size=(800, 5)).astype(np.float32)
    features[3] = 1e4
    judged = []
    judge = exact._judge
    monkeypatch.setattr(exact, "_judge", lambda job, lines: judged.extend(lines) or judge(job, lines))
    found = find_neighbors(features, k=10, metric="euclidean")
    np.testing.assert_array_equal(found.indices, brute_force(features, 10, "euclidean")[0])
    assert len(judged) < 80


@pytest.mark.parametrize("metric", METRICS)
def test_the_same_bytes_from_any_crew(monkeypatch, metric):
    features = np.random.default_rng(7).integers(0, 9, size=(3000, 5)).astype(np.float32)
    answers = set()
    for threads in (1, 2, 3):
        monkeypatch.setattr(exact, "Crew", partial(Crew, threads))
        found = find_neighbors(features, k=30, metric=metric)
        answers.add(found.indices.tobytes() + found.distances.tobytes())
    assert len(answers) == 1


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("levels", [3, 1000])
def test_neighbors_of_new_rows(metric, levels):
    generator = np.random.default_rng(8)
    features = generator.integers(1, levels, size=(200, 4)).astype(np.float32)
    queries = generator.integers(1, levels, size=(30, 4)).astype(np.float32)
    found = find_neighbors_among(queries, features, k=12, metric=metric)
    for query, rows, distances in zip(queries, found.indices, found.distances, strict=True):
        own, other = (query, features) if metric == "euclidean" else (unit(query[None])[0], unit(features))
        true = ((own.astype(np.float64) - other) ** 2).sum(axis=1)
        true = np.sqrt(true) if metric == "euclidean" else np.where(true < 2.0**-49, 0, true) / 2
        order = np.lexsort((np.arange(200), true.round(9)))[:12]
        assert rows.tolist() == order.tolist()
        np.testing.assert_allclose(distances, true[order], rtol=1e-9, atol=1e-14)


def unit(rows):
    return rows / np.linalg.norm(rows.astype(np.float64), axis=1, keepdims=True)


def test_a_query_that_is_a_row_finds_it():
    features = np.random.default_rng(9).normal(size=(40, 3))
    found = find_neighbors_among(features[5:8], features, k=99, metric="euclidean")
    assert found.indices.shape == (3, 40)
    assert found.indices[:, 0].tolist() == [5, 6, 7]
    assert not found.distances[:, 0].any()
