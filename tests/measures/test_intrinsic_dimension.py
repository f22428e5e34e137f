import math

import numpy as np
import pytest
from scipy.stats import chi2

from latentscape.measures import intrinsic_dimension
from latentscape.measures.intrinsic_dimension import _find_inflation, measure_intrinsic_dimension
from latentscape.neighbors import Neighbors, find_neighbors


def make_cube(seed, *, n, dimension, columns=30):
    random = np.random.default_rng(seed)
    turn = np.linalg.qr(random.normal(size=(columns, columns)))[0][:dimension]
    return (random.random((n, dimension)) @ turn).astype(np.float32)


def measure(features, *, metric="euclidean", k=5):
    return measure_intrinsic_dimension(find_neighbors(features, k=k, metric=metric))


def make_graph(first, second, *, metric="euclidean"):
    n = len(first)
    rows = np.arange(n)[:, None]
    distances = np.column_stack([first, second]).astype(np.float64)
    return Neighbors(indices=np.hstack([rows + 1, rows + 2]) % n, distances=distances, metric=metric)


def test_five_points_by_hand():
    """Ratios e^1, e^2, e^3, e^4, e^9: m = floor(4.5) = 4, so d = 3 / (1 + 2 + 3 + 4 + 4)."""
    score = measure_intrinsic_dimension(make_graph(np.ones(5), np.exp([1, 9, 3, 2, 4])))
    assert score.value == pytest.approx(3 / 14)
    assert (score.n, score.better) == (5, "neither")


def test_ten_independent_looking_ratios_have_the_exact_interval():
    """Residuals whose products cancel or fall below what chance explains leave all nine ratios their worth."""
    logs = np.array([0.1, 2.0, 0.2, 1.5, 0.3, 1.2, 0.4, 0.9, 0.5, 3.0])
    score = measure_intrinsic_dimension(make_graph(np.ones(10), np.exp(logs)))
    total = logs.sum() - 3.0 + 2.0
    assert score.value == pytest.approx(8 / total)
    assert (score.low, score.high) == pytest.approx(tuple(chi2.ppf([0.025, 0.975], 18) / (2 * total)))
    assert "9 ratios worth 9" in score.interval


@pytest.mark.parametrize("dimension", [1, 2, 3, 5])
def test_finds_the_dimension_of_a_cube_in_many_columns(dimension):
    score = measure(make_cube(dimension, n=2_000, dimension=dimension))
    assert score.value == pytest.approx(dimension, rel=0.12)
    assert score.low < score.value < score.high


def test_agrees_with_the_line_of_the_paper():
    """Facco and others fit -log(1 - F) to log(r2 / r1) through the origin, without the largest tenth."""
    features = make_cube(8, n=3_000, dimension=3)
    near = find_neighbors(features, k=2, metric="euclidean").distances
    logs = np.sort(np.log(near[:, 1] / near[:, 0]))[:2700]
    heights = -np.log(1 - np.arange(1, 2701) / 3000)
    slope = (logs @ heights) / (logs @ logs)
    assert measure(features).value == pytest.approx(slope, rel=0.05)


def test_cosine_distances_are_taken_as_chords():
    """Points on a sphere: the same dimension from chords and from 1 - cos."""
    random = np.random.default_rng(0)
    features = random.normal(size=(3_000, 3)).astype(np.float32)
    unit = features.astype(np.float64) / np.linalg.norm(features.astype(np.float64), axis=1, keepdims=True)
    chords, angles = measure(unit), measure(features, metric="cosine")
    assert angles.value == pytest.approx(chords.value, rel=1e-4)
    assert angles.value == pytest.approx(2, abs=0.15)


@pytest.mark.parametrize("dimension", [2, 4])
def test_the_interval_holds_the_mean_of_many_data_sets(dimension):
    """The gamma interval alone would do so in about 87 of 100 sets in two dimensions, for neighbors share distances."""
    scores = [measure(make_cube(seed, n=100, dimension=dimension, columns=5)) for seed in range(100)]
    mean = np.mean([score.value for score in scores])
    assert 0.89 <= np.mean([score.low <= mean <= score.high for score in scores]) <= 0.999


def test_dependence_is_counted_over_all_samples_that_have_one_in_common(monkeypatch):
    random = np.random.default_rng(0)
    residuals = random.normal(size=40) + 0.5
    near = find_neighbors(random.normal(size=(40, 3)), k=2).indices
    triples = np.column_stack([np.arange(40), near]).astype(np.int64)
    meet = np.array([[bool(set(a) & set(b)) for b in triples.tolist()] for a in triples.tolist()])
    expected = residuals @ meet @ residuals / (residuals @ residuals)
    assert expected > 1.5
    assert _find_inflation(residuals, triples) == pytest.approx(expected, rel=1e-5)
    monkeypatch.setattr(intrinsic_dimension, "ROWS_COMPARED", 20)
    some = residuals[::2] @ meet[::2] @ residuals / (residuals[::2] @ residuals[::2])
    assert _find_inflation(residuals, triples) == pytest.approx(some, rel=1e-5)


def test_dependence_widens_the_interval():
    score = measure(make_cube(3, n=500, dimension=2))
    total = (0.9 * 500 - 1) / score.value
    low, high = chi2.ppf([0.025, 0.975], 900) / (2 * total)
    assert score.low < low < high < score.high


def test_samples_in_one_place_count_once():
    features = make_cube(1, n=300, dimension=2)
    twice = np.concatenate([features, features[:200]])
    assert measure(twice) == measure(features)
    assert measure(twice).n == 300


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_any_magnitude(scale):
    features = make_cube(1, n=300, dimension=2)
    assert measure((features * scale).astype(np.float32)).value == pytest.approx(measure(features).value, rel=1e-3)


@pytest.mark.parametrize(
    ("features", "reason"),
    [
        ([[1.0], [2.0]], "each place needs two others next to it in the graph"),
        ([[1.0], [1.0], [1.0], [2.0], [2.0]], "each place needs two others next to it in the graph"),
        ([[0.0], [0.0]], "each place needs two others next to it in the graph"),
        (np.eye(6), "the two nearest neighbors are equally far from nearly every sample"),
    ],
)
def test_why_there_is_none(features, reason):
    score = measure(np.array(features, np.float32))
    assert (score.value, score.reason) == (None, reason)


def test_distances_of_zero_are_left_out():
    score = measure_intrinsic_dimension(make_graph([0, 0, 1, 1, 1], [1, 1, 2, 2, 4]))
    assert (score.n, score.value) == (3, pytest.approx(1 / (3 * math.log(2))))
    few = measure_intrinsic_dimension(make_graph([0, 0, 0, 1, 1], [1, 1, 2, 2, 4]))
    assert (few.value, few.reason) == (None, "a dimension needs three different places, there are 2")


def test_three_samples():
    score = measure(np.array([[0.0], [1.0], [3.0]], np.float32))
    assert score.n == 3
    assert 0 < score.low < score.value < score.high
