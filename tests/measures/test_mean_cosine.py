import numpy as np
import pytest
from sklearn.metrics.pairwise import cosine_similarity

from latentscape.errors import DataError
from latentscape.measures.mean_cosine import measure_mean_cosine


def make_case(seed, *, n=60, d=10, shift=0.5):
    return (np.random.default_rng(seed).normal(size=(n, d)) + shift).astype(np.float32)


def oracle(features):
    table = cosine_similarity(features.astype(np.float64))
    return table[np.triu_indices(len(table), k=1)].mean()


def test_five_points_by_hand():
    """At 0, 0, 90, 90 and 180 degrees: ten pairs, two of cosine 1 (0, 0 and 90, 90), two of -1 (0, 180), six of 0."""
    features = np.array([[1, 0], [2, 0], [0, 1], [0, 3], [-1, 0]], dtype=np.float32)
    score = measure_mean_cosine(features, seed=0)
    assert score.value == pytest.approx(0, abs=1e-12)
    assert (score.n, score.better, score.bounds) == (5, "neither", (-1.0, 1.0))


@pytest.mark.parametrize("shift", [-2.0, 0.0, 0.5, 30.0])
@pytest.mark.parametrize(("n", "d"), [(60, 10), (2, 3), (3, 1), (10, 300)])
def test_equals_all_pairs(shift, n, d):
    features = make_case(1, n=n, d=d, shift=shift)
    assert measure_mean_cosine(features, seed=0).value == pytest.approx(oracle(features), abs=1e-9)


def test_the_error_is_that_of_leaving_samples_out():
    features = make_case(2)
    score = measure_mean_cosine(features, seed=0)
    left = np.array([oracle(np.delete(features, i, axis=0)) for i in range(60)])
    error = np.sqrt(59 / 60 * np.sum((left - left.mean()) ** 2))
    assert (score.high - score.low) / 3.92 == pytest.approx(error, rel=1e-3)


@pytest.mark.parametrize("shift", [0.0, 0.5])
def test_the_interval_holds_the_truth(shift):
    """The truth is the squared length of the mean direction."""
    many = make_case(10**6, n=200_000, shift=shift).astype(np.float64)
    truth = np.sum((many / np.linalg.norm(many, axis=1, keepdims=True)).mean(axis=0) ** 2)
    scores = [measure_mean_cosine(make_case(seed, shift=shift), seed=0) for seed in range(300)]
    assert np.mean([score.low <= truth <= score.high for score in scores]) >= 0.9
    assert np.std([score.value for score in scores]) > 0.3 * np.mean([(s.high - s.low) / 3.92 for s in scores])


def test_one_way_and_two_ways():
    one = measure_mean_cosine(np.outer(np.arange(1, 5), [1e-30, 2e-30]).astype(np.float32), seed=0)
    assert one.value == pytest.approx(1)
    assert one.low is None
    assert measure_mean_cosine(np.array([[1, 0], [-1e30, 0]], np.float32), seed=0).value == -1


@pytest.mark.parametrize(
    ("features", "n", "reason"),
    [
        ([[0, 0], [0, 0]], 0, "a mean cosine needs two samples with a direction, there is none"),
        ([[0, 0], [0, 1]], 1, "a mean cosine needs two samples with a direction, there is 1"),
    ],
)
def test_why_there_is_none(features, n, reason):
    score = measure_mean_cosine(np.array(features, np.float32), seed=0)
    assert (score.value, score.n, score.reason) == (None, n, reason)


def test_rows_of_zeros_are_left_out():
    features = make_case(3)
    more = np.concatenate([features, np.zeros((4, 10), np.float32)])
    assert measure_mean_cosine(more, seed=0) == measure_mean_cosine(features, seed=0)


def test_features_must_be_finite():
    with pytest.raises(DataError, match="not finite"):
        measure_mean_cosine(np.array([[1, np.nan], [1, 2]], np.float32), seed=0)
