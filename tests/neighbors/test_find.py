"""The neighbor graph against brute force in exact or double-precision arithmetic."""

import os
import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest

from latentscape.errors import DataError, UsageError
from latentscape.executor import InProcess
from latentscape.neighbors import METRICS, exact, find, find_neighbors, space, spread, tiles
from latentscape.progress import Progress

from .oracle import brute_force


def exact_cosine_order(features, k):
    """The same for whole numbers under cosine, with rational arithmetic: no rounding at all."""
    x = [[int(v) for v in row] for row in features]
    dots = [[sum(a * b for a, b in zip(p, q, strict=True)) for q in x] for p in x]

    def nearness(i, j):  # sign(cos) * cos², which orders as cos does; a row of zeros has cos 0, but 1 to another one
        if not dots[i][i] or not dots[j][j]:
            return Fraction(int(dots[i][i] == dots[j][j]))
        cosine = dots[i][j]
        return Fraction(cosine * abs(cosine), dots[i][i] * dots[j][j])

    n = len(x)
    return np.array([sorted((j for j in range(n) if j != i), key=lambda j: (-nearness(i, j), j))[:k] for i in range(n)])


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize(("n", "d", "k"), [(5, 2, 3), (60, 4, 59), (300, 17, 40), (150, 300, 20)])
def test_agrees_with_brute_force_on_random_rows(metric, n, d, k):
    features = np.random.default_rng(n).normal(size=(n, d)).astype(np.float32)
    rows, distances = brute_force(features, k, metric)
    found = find_neighbors(features, k=k, metric=metric)
    np.testing.assert_array_equal(found.indices, rows)
    np.testing.assert_allclose(found.distances, distances, rtol=1e-9, atol=1e-14)
    assert found.metric == metric


@pytest.mark.parametrize(("levels", "d", "k"), [(2, 6, 30), (3, 3, 80), (5, 2, 20), (9, 4, 15)])
def test_ties_on_a_grid_are_ordered_by_row_number(levels, d, k):
    features = np.random.default_rng(levels).integers(0, levels, size=(250, d)).astype(np.float32)
    rows, distances = brute_force(features, k, "euclidean")
    found = find_neighbors(features, k=k, metric="euclidean")
    np.testing.assert_array_equal(found.indices, rows)
    np.testing.assert_allclose(found.distances, distances, rtol=1e-10)


@pytest.mark.parametrize(("low", "high", "d"), [(-2, 3, 3), (0, 2, 7), (0, 4, 2)])
def test_cosine_ties_on_a_grid_match_rational_arithmetic(low, high, d):
    features = np.random.default_rng(d).integers(low, high, size=(120, d)).astype(np.float32)
    found = find_neighbors(features, k=25, metric="cosine")
    np.testing.assert_array_equal(found.indices, exact_cosine_order(features, 25))


def test_all_ties_beyond_the_candidates_proposed():
    corners = np.eye(90, dtype=np.float32)  # every pair equally far
    found = find_neighbors(corners, k=5, metric="euclidean")
    np.testing.assert_array_equal(found.indices, brute_force(corners, 5, "euclidean")[0])


@pytest.mark.parametrize("metric", METRICS)
def test_duplicates_never_bring_the_sample_itself(metric):
    distinct = np.random.default_rng(4).normal(size=(30, 5)).astype(np.float32)
    features = distinct[np.random.default_rng(5).integers(0, 30, size=400) % 30]
    features[100:350] = distinct[0]
    found = find_neighbors(features, k=60, metric=metric)
    assert not (found.indices == np.arange(400)[:, None]).any()
    np.testing.assert_array_equal(found.indices, brute_force(features, 60, metric)[0])
    assert (found.distances[100:350] == 0).all()


@pytest.mark.parametrize("metric", METRICS)
def test_all_rows_equal(metric):
    found = find_neighbors(np.full((6, 3), 2.5, dtype=np.float32), k=3, metric=metric)
    assert found.indices.tolist() == [[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2], [0, 1, 2], [0, 1, 2]]
    assert not found.distances.any()


def test_rows_of_zeros_have_no_direction():
    features = np.array([[0, 0], [1, 0], [0, 0], [-1, 0], [0, 2]], dtype=np.float32)
    found = find_neighbors(features, k=4, metric="cosine")
    assert found.indices.tolist() == [[2, 1, 3, 4], [0, 2, 4, 3], [0, 1, 3, 4], [0, 2, 4, 1], [0, 1, 2, 3]]
    np.testing.assert_allclose(found.distances[0], [0, 1, 1, 1])
    np.testing.assert_allclose(found.distances[1], [1, 1, 1, 2])
    assert not find_neighbors(np.zeros((4, 3), dtype=np.float32), k=2, metric="cosine").distances.any()


def test_rows_of_one_direction_are_at_distance_zero():
    features = np.outer([3, 1, 7, 0.1, 13], [1, 2, 5]).astype(np.float32)
    found = find_neighbors(features, k=4, metric="cosine")
    assert found.indices.tolist() == [[1, 2, 3, 4], [0, 2, 3, 4], [0, 1, 3, 4], [0, 1, 2, 4], [0, 1, 2, 3]]
    assert not found.distances.any()


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("scale", [1e30, 3e38, 1e-30, 1e-40])
def test_extreme_magnitudes_stay_finite_and_ordered(metric, scale):
    features = (np.random.default_rng(7).uniform(-1, 1, size=(80, 6)) * scale).astype(np.float32)
    found = find_neighbors(features, k=10, metric=metric)
    assert np.isfinite(found.distances).all()
    exact = np.ldexp(features.astype(np.float64), -int(np.log2(scale)))  # only the exponents change
    reference = brute_force(exact, 10, metric)[0]
    np.testing.assert_array_equal(found.indices, reference)


def test_magnitudes_mixed_in_one_table():
    small = np.random.default_rng(8).normal(size=(40, 4)).astype(np.float32)
    features = np.vstack([small, small * np.float32(1e30)])
    found = find_neighbors(features, k=5, metric="euclidean")
    np.testing.assert_array_equal(found.indices[:40], brute_force(small, 5, "euclidean")[0])


def test_one_column():
    features = np.array([[3.0], [-1.0], [0.5], [-2.0], [8.0]], dtype=np.float32)
    along = find_neighbors(features, k=2, metric="euclidean")
    assert along.indices.tolist() == [[2, 1], [3, 2], [1, 0], [1, 2], [0, 2]]
    assert find_neighbors(features, k=2, metric="cosine").indices.tolist() == [[2, 4], [3, 0], [0, 4], [1, 0], [0, 2]]


def test_two_clusters_a_million_apart():
    blob = np.random.default_rng(9).normal(size=(60, 3)).astype(np.float32)
    features = np.vstack([blob, blob + np.float32(1e6)])
    found = find_neighbors(features, k=8, metric="euclidean")
    np.testing.assert_array_equal(found.indices, brute_force(features, 8, "euclidean")[0])


def test_rows_far_from_the_origin():
    features = (np.random.default_rng(10).normal(size=(200, 8)) + 5000).astype(np.float32)
    found = find_neighbors(features, k=20, metric="euclidean")
    np.testing.assert_array_equal(found.indices, brute_force(features, 20, "euclidean")[0])


@pytest.mark.parametrize("metric", METRICS)
def test_blocks_do_not_change_the_answer(metric, monkeypatch):
    features = np.random.default_rng(11).integers(0, 4, size=(150, 3)).astype(np.float32) + 1
    whole = find_neighbors(features, k=20, metric=metric)
    monkeypatch.setattr(space, "BLOCK_NUMBERS", 7)
    monkeypatch.setattr(exact, "DOUBLE_NUMBERS", 7)
    monkeypatch.setattr(exact, "TILE_ROWS", 8)
    monkeypatch.setattr(exact, "PART_ROWS", 40)
    monkeypatch.setattr(tiles, "TILE_COLUMNS", 32)
    monkeypatch.setattr(tiles, "ROOM", 1)
    parts = find_neighbors(features, k=20, metric=metric)
    np.testing.assert_array_equal(whole.indices, parts.indices)
    np.testing.assert_array_equal(whole.distances, parts.distances)


@pytest.mark.parametrize(("n", "k", "width"), [(1, 5, 0), (2, 5, 1), (3, 0, 0), (4, 3, 3), (4, 99, 3)])
def test_k_is_cut_to_the_samples_that_exist(n, k, width):
    features = np.arange(2.0 * n, dtype=np.float64).reshape(n, 2)
    found = find_neighbors(features, k=k, metric="euclidean")
    assert found.indices.shape == found.distances.shape == (n, width)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused(bad):
    features = np.ones((4, 2), dtype=np.float32)
    features[2, 1] = bad
    with pytest.raises(DataError, match="row 2"):
        find_neighbors(features, k=1)


@pytest.mark.parametrize("shape", [(0, 3), (3, 0)])
def test_an_empty_table_is_refused(shape):
    with pytest.raises(DataError, match="0"):
        find_neighbors(np.empty(shape, dtype=np.float32), k=1)


def test_an_unknown_metric_names_the_nearest_one():
    with pytest.raises(UsageError, match="did you mean `cosine`"):
        find_neighbors(np.ones((2, 2), dtype=np.float32), k=1, metric="cosinus")


@pytest.mark.slow
def test_the_same_on_any_number_of_threads():
    code = (
        "import numpy as np, hashlib; from latentscape.neighbors import find_neighbors;"
        "x = np.random.default_rng(0).normal(size=(400, 33)).astype(np.float32);"
        "f = [find_neighbors(x, k=30, metric=m) for m in ('cosine', 'euclidean')];"
        "print(hashlib.sha256(b''.join(a.indices.tobytes() + a.distances.tobytes() for a in f)).hexdigest())"
    )
    answers = set()
    for threads in ("1", "2"):
        environment = os.environ | {"OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads}
        command = [sys.executable, "-c", code]
        answers.add(subprocess.run(command, env=environment, capture_output=True, check=True, timeout=120).stdout)
    assert len(answers) == 1


class Counting(Progress):
    """Notes what was tracked."""

    def __init__(self):
        self.tracked = []

    def track(self, items, *, label, total):
        self.tracked.append((label, total))
        yield from items

    def say(self, message):
        raise AssertionError(message)


def test_what_lasts_reports_its_progress(monkeypatch):
    features, counting = np.random.default_rng(0).normal(size=(600, 5)).astype(np.float32), Counting()
    find_neighbors(features, k=3, executor=InProcess(counting))
    assert not counting.tracked
    monkeypatch.setattr(spread, "QUIET_WORK", 0)
    monkeypatch.setattr(exact, "PART_ROWS", 100)
    find_neighbors(features, k=3, executor=InProcess(counting))
    monkeypatch.setattr(find, "QUIET_ROWS", 0)
    monkeypatch.setattr(find, "TREE_ROWS", 1)
    find_neighbors(features[:, :2], k=3, executor=InProcess(counting))
    assert counting.tracked == [("neighbors", 6), ("neighbors", 1)]
