import numpy as np
import pytest
from sklearn.metrics import silhouette_samples, silhouette_score

from latentscape.errors import DataError
from latentscape.measures.silhouette import _find_gaps, _find_influences, measure_silhouette


def make_case(seed, *, n=80, d=6, n_classes=4, apart=1.0):
    random = np.random.default_rng(seed)
    labels = random.integers(0, n_classes, size=n)
    centers = np.random.default_rng(99).normal(size=(n_classes, d))
    return (random.normal(size=(n, d)) + apart * centers[labels]).astype(np.float32), labels


def oracle(features, labels):
    return silhouette_score(features.astype(np.float64), labels, metric="cosine")


def test_five_points_by_hand():
    """At 0, 0 and 90 degrees class 0, at 180 and 180 degrees class 1.

    Distances 1 - cos: 0 to 90 degrees 1, 0 to 180 2, 90 to 180 1. Points at 0: a = 1/2, b = 2, s = 3/4. At 90: a = 1,
    b = 1, s = 0. At 180: a = 0, so s = 1. The mean is (3/4 + 3/4 + 0 + 1 + 1) / 5.
    """
    features = np.array([[1, 0], [5, 0], [0, 2], [-1, 0], [-3, 0]], dtype=np.float32)
    score = measure_silhouette(features, np.array([0, 0, 0, 1, 1]), seed=0)
    assert score.value == pytest.approx(0.7, abs=1e-12)
    assert (score.n, score.better, score.bounds) == (5, "higher", (-1.0, 1.0))


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("apart", [0.0, 0.5, 3.0])
def test_equals_scikit_learn(seed, apart):
    features, labels = make_case(seed, apart=apart)
    assert measure_silhouette(features, labels, seed=0).value == pytest.approx(oracle(features, labels), abs=1e-6)


def test_equals_scikit_learn_with_singletons_duplicates_and_negative_features():
    features, labels = make_case(3, n=30, n_classes=3)
    features[5:9], labels[5:9] = features[5], labels[5]
    labels[0], labels[1] = 3, 4
    features *= -1
    score = measure_silhouette(features, labels, seed=0)
    assert score.value == pytest.approx(oracle(features, labels), abs=1e-6)
    assert silhouette_samples(features, labels, metric="cosine")[0] == 0


def test_class_numbers_need_not_be_dense_nor_sorted():
    features, labels = make_case(1)
    assert measure_silhouette(features, 70 - 7 * labels, seed=0).value == pytest.approx(
        oracle(features, labels), abs=1e-6
    )


def test_narrow_cones_keep_their_digits():
    random = np.random.default_rng(0)
    features = (np.ones((60, 8)) + 1e-3 * random.normal(size=(60, 8))).astype(np.float32)
    labels = random.integers(0, 3, size=60)
    unit = features.astype(np.float64)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    table = np.square(unit[:, None] - unit[None]).sum(axis=2) / 2
    expected = silhouette_score(table, labels, metric="precomputed")
    assert measure_silhouette(features, labels, seed=0).value == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_lengths_do_not_count(scale):
    features, labels = make_case(2)
    lengths = np.random.default_rng(0).uniform(0.1, 10, size=(len(features), 1)) * scale
    longer = (features * lengths).astype(np.float32)
    found = measure_silhouette(longer, labels, seed=0).value
    assert found == pytest.approx(oracle(features, labels), abs=1e-5)


def weigh_by_hand(points, labels, weights):
    """The silhouette when sample i is there weights[i] times, itself not counting as another of its class."""
    table, each = 1 - points @ points.T, np.arange(len(labels))
    widths = []
    for i in each:
        groups = [(labels == c) & (each != i) for c in np.unique(labels)]
        means = np.array([np.average(table[i, group], weights=weights[group]) for group in groups])
        inner = means[labels[i]]
        outer = np.delete(means, labels[i]).min()
        widths.append((outer - inner) / max(inner, outer))
    return np.average(widths, weights=weights)


def test_influences_are_derivatives_by_weight():
    features, labels = make_case(6, n=24, n_classes=3)
    points = features.astype(np.float64) / np.linalg.norm(features.astype(np.float64), axis=1, keepdims=True)
    sizes = np.bincount(labels)
    influences = _find_influences(points, labels, gaps=_find_gaps(points, labels, sizes), sizes=sizes)
    for row in range(24):
        up, down = np.ones(24), np.ones(24)
        up[row], down[row] = 1 + 1e-6, 1 - 1e-6
        slope = (weigh_by_hand(points, labels, up) - weigh_by_hand(points, labels, down)) / 2e-6
        assert influences[row] == pytest.approx(slope, abs=1e-7)


def test_the_error_is_that_of_leaving_samples_out():
    features, labels = make_case(4, n=60, n_classes=3)
    score = measure_silhouette(features, labels, seed=0)
    left = [oracle(np.delete(features, i, axis=0), np.delete(labels, i)) for i in range(60)]
    error = np.sqrt(59 / 60 * np.sum((left - np.mean(left)) ** 2))
    assert (score.high - score.low) / 3.92 == pytest.approx(error, rel=0.1)


@pytest.mark.parametrize("apart", [0.0, 1.0])
def test_the_interval_holds_the_mean_of_many_data_sets(apart):
    scores = [measure_silhouette(*make_case(seed, n=100, apart=apart), seed=0) for seed in range(200)]
    mean = np.mean([score.value for score in scores])
    held = np.mean([score.low <= mean <= score.high for score in scores])
    assert held >= 0.9
    assert np.std([score.value for score in scores]) > (scores[0].high - scores[0].low) / 12


def test_unknown_classes_and_rows_of_zeros_are_left_out():
    features, labels = make_case(5)
    more = np.concatenate([features, np.zeros((2, 6), np.float32), np.full((2, 6), np.nan, np.float32)])
    found = measure_silhouette(more, np.append(labels, [0, 1, -1, -1]), seed=0)
    assert found == measure_silhouette(features, labels, seed=0)
    assert found.n == 80


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        ([-1, -1, -1, -1], "no sample has a known class"),
        ([2, 2, 2, 2], "a silhouette needs two classes with a direction, there is 1"),
        ([0, 1, 2, 3], "every class has a single sample"),
        ([-1, -1, 0, 1], "every class has a single sample"),
    ],
)
def test_why_there_is_none(labels, reason):
    score = measure_silhouette(np.eye(4, dtype=np.float32), np.array(labels), seed=0)
    assert (score.value, score.reason) == (None, reason)


def test_all_in_one_place_overlap_and_points_apart_do_not():
    labels = np.array([0, 0, 1, 1])
    assert measure_silhouette(np.ones((4, 3), np.float32), labels, seed=0).value == 0
    apart = measure_silhouette(np.eye(2, dtype=np.float32)[labels], labels, seed=0)
    assert (apart.value, apart.low, apart.high) == (1, None, None)


def test_only_zeros_have_no_direction():
    score = measure_silhouette(np.zeros((4, 3), np.float32), np.array([0, 0, 1, 1]), seed=0)
    assert (score.value, score.n) == (None, 0)


def test_large_tables_are_sampled():
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, size=20_500)
    features = (random.normal(size=(20_500, 2)) + labels[:, None] * 3).astype(np.float32)
    score = measure_silhouette(features, labels, seed=1)
    assert score.n == 20_000
    assert score == measure_silhouette(features, labels, seed=1)
    assert score != measure_silhouette(features, labels, seed=2)


def test_a_known_sample_must_be_finite():
    features, labels = make_case(0)
    features[3, 2] = np.inf
    with pytest.raises(DataError, match="not finite"):
        measure_silhouette(features, labels, seed=0)
