import math

import numpy as np
import pytest
from scipy.stats import entropy

from latentscape.errors import DataError
from latentscape.measures.effective_rank import measure_effective_rank


def make_case(seed, *, n=60, d=20):
    return (np.random.default_rng(seed).normal(size=(n, d)) * np.linspace(1, 0.2, d) + 0.3).astype(np.float32)


def oracle(features):
    values = np.linalg.svd(features.astype(np.float64), compute_uv=False)
    return math.exp(entropy(values))


def test_five_points_by_hand():
    """Four samples on one axis (squares 1 + 1 + 1 + 1 = 4, so 2) and one on the other (1): shares 2/3 and 1/3."""
    features = np.array([[1, 0], [-1, 0], [1, 0], [1, 0], [0, 1]], dtype=np.float32)
    score = measure_effective_rank(features, seed=0)
    assert score.value == pytest.approx(3 / 2 ** (2 / 3), rel=1e-12)
    assert (score.n, score.better, score.bounds) == (5, "higher", (1.0, 2.0))


@pytest.mark.parametrize(("n", "d"), [(60, 20), (20, 60), (30, 30), (31, 30), (2, 5), (5, 1), (1, 4), (400, 3)])
def test_equals_a_singular_value_decomposition(n, d):
    features = make_case(1, n=n, d=d)
    assert measure_effective_rank(features, seed=0).value == pytest.approx(oracle(features), rel=1e-6)


def test_follows_the_paper_in_not_centering():
    features = make_case(2) + np.float32(50)
    assert measure_effective_rank(features, seed=0).value == pytest.approx(oracle(features), rel=1e-3)
    assert measure_effective_rank(features, seed=0).value < 2 < measure_effective_rank(make_case(2), seed=0).value


def test_lost_axes_do_not_count():
    features = np.random.default_rng(0).normal(size=(100, 5))
    wide = (features @ np.random.default_rng(1).normal(size=(5, 40))).astype(np.float32)
    value = measure_effective_rank(wide, seed=0).value
    assert value == pytest.approx(oracle(wide), rel=1e-3)
    assert value < 5.01


def test_equal_axes_are_counted():
    assert measure_effective_rank(np.eye(7, dtype=np.float32), seed=0).value == pytest.approx(7)


@pytest.mark.parametrize("features", [np.ones((5, 3)), np.outer(np.arange(1, 6), [1, -2, 0]), [[3.0, 4.0]]])
def test_one_axis(features):
    score = measure_effective_rank(np.array(features, np.float32), seed=0)
    assert score.value == pytest.approx(1)
    assert (score.low, score.high) == (None, None)


@pytest.mark.parametrize("scale", [1e-36, 1e36])
def test_any_magnitude(scale):
    features = make_case(3)
    value = measure_effective_rank((features * np.float32(scale)).astype(np.float32), seed=0).value
    assert value == pytest.approx(oracle(features), rel=1e-4)


def test_the_error_is_that_of_leaving_samples_out():
    features, n = make_case(4), 60
    score = measure_effective_rank(features, seed=0)
    left = np.array([oracle(np.delete(features, i, axis=0)) for i in range(n)])
    error = np.sqrt((n - 1) / n * np.sum((left - left.mean()) ** 2))
    assert (score.high - score.low) / 3.92 == pytest.approx(error, rel=0.12)


@pytest.mark.parametrize(("n", "d"), [(60, 20), (40, 70)])
def test_the_interval_holds_the_mean_of_many_data_sets(n, d):
    scores = [measure_effective_rank(make_case(seed, n=n, d=d), seed=0) for seed in range(120)]
    mean = np.mean([score.value for score in scores])
    assert 0.9 <= np.mean([score.low <= mean <= score.high for score in scores]) <= 0.995


def test_zeros_have_none():
    score = measure_effective_rank(np.zeros((4, 3), np.float32), seed=0)
    assert (score.value, score.reason, score.n) == (None, "all features are 0", 4)


def test_large_tables_are_sampled():
    features = np.random.default_rng(0).normal(size=(20_500, 3)).astype(np.float32)
    score = measure_effective_rank(features, seed=1)
    assert score.n == 20_000
    assert score == measure_effective_rank(features, seed=1)
    assert score != measure_effective_rank(features, seed=2)


def test_features_must_be_finite():
    with pytest.raises(DataError, match="not finite"):
        measure_effective_rank(np.array([[1, np.nan]], np.float32), seed=0)
