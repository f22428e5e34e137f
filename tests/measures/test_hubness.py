import numpy as np
import pytest
from scipy.stats import skew

from latentscape.measures.hubness import _find_skewness, measure_hubness
from latentscape.neighbors import Neighbors, find_neighbors


def make_case(seed, *, n=100, d=10):
    return np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)


def oracle(features, *, k, metric="cosine"):
    """Counts by a full sort of all distances."""
    x = features.astype(np.float64)
    if metric == "cosine":
        x = x / np.linalg.norm(x, axis=1, keepdims=True)
    table = np.square(x[:, None] - x[None]).sum(axis=2)
    np.fill_diagonal(table, np.inf)
    near = np.argsort(table, axis=1, kind="stable")[:, :k]
    return skew([np.sum(near == i) for i in range(len(x))])


def test_five_points_by_hand():
    """Everybody chooses sample 0, and 0 chooses 1: counts 4, 1, 0, 0, 0 around 1: 3, 0, -1, -1, -1."""
    graph = Neighbors(indices=np.array([[1], [0], [0], [0], [0]]), distances=np.ones((5, 1)), metric="cosine")
    score = measure_hubness(graph)
    assert score.value == pytest.approx((27 - 3) / 5 / (12 / 5) ** 1.5)
    assert (score.n, score.better, score.low) == (5, "lower", None)


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
@pytest.mark.parametrize(("n", "d"), [(100, 10), (60, 2), (17, 5), (150, 200)])
def test_equals_counting(metric, n, d):
    features = make_case(n, n=n, d=d)
    found = measure_hubness(find_neighbors(features, k=40, metric=metric))
    assert found.value == pytest.approx(oracle(features, k=15, metric=metric), abs=1e-9)


def test_a_narrow_graph_sets_k_and_has_no_interval():
    features = make_case(1)
    score = measure_hubness(find_neighbors(features, k=4))
    assert score.value == pytest.approx(oracle(features, k=4), abs=1e-9)
    assert (score.low, score.high) == (None, None)


def test_the_error_is_that_of_leaving_samples_out():
    features = make_case(2, n=70)
    score = measure_hubness(find_neighbors(features, k=30))
    left = np.array([oracle(np.delete(features, i, axis=0), k=15) for i in range(70)])
    error = np.sqrt(69 / 70 * np.sum((left - left.mean()) ** 2))
    assert (score.high - score.low) / 2 == pytest.approx(1.959963984540054 * error, rel=1e-9)


@pytest.mark.parametrize("d", [5, 100])
def test_the_interval_holds_the_mean_of_many_data_sets(d):
    scores = [measure_hubness(find_neighbors(make_case(seed, d=d) + np.float32(0.3), k=16)) for seed in range(60)]
    values = np.array([score.value for score in scores])
    assert np.mean([score.low <= values.mean() <= score.high for score in scores]) >= 0.9
    assert np.mean([score.high - score.low for score in scores]) < 3.92 * 3.5 * values.std()


def test_more_dimensions_have_more_hubs():
    low, high = (measure_hubness(find_neighbors(make_case(3, n=400, d=d), k=15, metric="euclidean")) for d in (3, 100))
    assert low.value < 0.5 < 1.5 < high.value


def test_samples_in_one_place_count_once():
    features = make_case(4)
    many = np.concatenate([features, np.tile(features[:1], (40, 1))])
    alone, crowded = (measure_hubness(find_neighbors(each, k=30)) for each in (features, many))
    assert crowded == alone
    assert crowded.n == 100


@pytest.mark.parametrize(
    ("features", "reason"),
    [
        (np.eye(2), "so few places are all neighbors"),
        (np.ones((5, 2)), "so few places are all neighbors"),
        (np.random.default_rng(0).normal(size=(10, 3)), "so few places are all neighbors"),
    ],
)
def test_why_there_is_none(features, reason):
    score = measure_hubness(find_neighbors(features.astype(np.float32), k=15))
    assert (score.value, score.reason) == (None, reason)


def test_a_ring_has_no_hubs():
    rows = np.arange(8)[:, None]
    graph = Neighbors(indices=np.hstack([rows + 1, rows - 1]) % 8, distances=np.ones((8, 2)), metric="euclidean")
    score = measure_hubness(graph)
    assert (score.value, score.reason) == (None, "all samples are chosen equally often")


def test_skewness_equals_scipy():
    numbers = np.random.default_rng(0).poisson(3, size=50).astype(float)
    powers = np.array([[np.sum(numbers**power)] for power in (1, 2, 3)])
    assert _find_skewness(powers, 50)[0] == pytest.approx(skew(numbers))
    assert np.isnan(_find_skewness(np.array([[10.0], [20.0], [40.0]]), 5)[0])
