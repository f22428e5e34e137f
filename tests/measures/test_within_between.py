import numpy as np
import pytest

from latentscape.errors import DataError
from latentscape.measures.within_between import _compare, measure_within_between


def make_case(seed, *, n=80, d=12, n_classes=4, apart=1.0):
    random = np.random.default_rng(seed)
    labels = random.integers(0, n_classes, size=n)
    centers = np.random.default_rng(99).normal(size=(n_classes, d))
    return (random.normal(size=(n, d)) + apart * centers[labels] + 5).astype(np.float32), labels


def oracle(features, labels, weights=None):
    """trace(S_W pinv(S_B)) / C with whole covariance matrices."""
    x, weights = features.astype(np.float64), np.ones(len(labels)) if weights is None else weights
    classes = np.unique(labels)
    means = np.stack([np.average(x[labels == c], axis=0, weights=weights[labels == c]) for c in classes])
    residuals = x - means[np.searchsorted(classes, labels)]
    within = (residuals * weights[:, None]).T @ residuals / weights.sum()
    off = means - means.mean(axis=0)
    return np.trace(within @ np.linalg.pinv(off.T @ off / len(classes), rcond=1e-9)) / len(classes)


def test_five_points_by_hand():
    """On a line: class 0 at 0, 1, 2 and class 1 at 10, 12: means 1 and 11, S_W = (2 + 2) / 5, S_B = 25."""
    features = np.array([[0], [1], [2], [10], [12]], dtype=np.float32)
    score = measure_within_between(features, np.array([0, 0, 0, 1, 1]), seed=0)
    assert score.value == pytest.approx(0.8 / 25 / 2, rel=1e-12)
    assert (score.n, score.better) == (5, "lower")


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("d", "n_classes"), [(12, 4), (1, 2), (3, 8), (8, 8), (200, 5), (2, 2)])
def test_equals_whole_covariance_matrices(seed, d, n_classes):
    features, labels = make_case(seed, d=d, n_classes=n_classes)
    found = measure_within_between(features, labels, seed=0)
    assert found.value == pytest.approx(oracle(features, labels), rel=1e-6)


@pytest.mark.parametrize(("d", "n_classes"), [(12, 4), (3, 8), (40, 3)])
def test_influences_are_derivatives_by_weight(d, n_classes):
    features, labels = make_case(7, n=40, d=d, n_classes=n_classes)
    labels = np.unique(labels, return_inverse=True)[1]
    _, influences = _compare(features.astype(np.float64), labels, np.bincount(labels))
    step = 1e-5
    for row in range(0, 40, 7):
        up, down = np.ones(40), np.ones(40)
        up[row], down[row] = 1 + step, 1 - step
        slope = (oracle(features, labels, up) - oracle(features, labels, down)) / (2 * step)
        assert influences[row] == pytest.approx(slope, rel=1e-4, abs=1e-7)


def test_the_interval_holds_the_mean_of_many_data_sets():
    for apart, n in ((1.0, 100), (0.0, 200)):
        scores = [measure_within_between(*make_case(seed, n=n, apart=apart), seed=0) for seed in range(150)]
        values = np.array([score.value for score in scores])
        held = np.mean([score.low <= np.median(values) <= score.high for score in scores])
        assert held >= 0.9
        assert np.median([score.high - score.low for score in scores]) < 3.92 * 3.5 * values.std()


def test_turning_shifting_and_scaling_change_nothing():
    features, labels = make_case(2)
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(12, 12)))[0]
    turned = (features @ turn * 7 - 3).astype(np.float32)
    value = measure_within_between(features, labels, seed=0).value
    assert measure_within_between(turned, labels, seed=0).value == pytest.approx(value, rel=1e-4)


@pytest.mark.parametrize("scale", [1e-36, 1e35])
def test_any_magnitude(scale):
    features, labels = make_case(2)
    value = measure_within_between(features, labels, seed=0).value
    scaled = (features * np.float32(scale)).astype(np.float32)
    assert measure_within_between(scaled, labels, seed=0).value == pytest.approx(value, rel=1e-3)


def test_constant_columns_and_duplicates_do_no_harm():
    features, labels = make_case(3)
    wider = np.concatenate([features, np.full((80, 3), 1e6, np.float32)], axis=1)
    value = measure_within_between(features, labels, seed=0).value
    assert measure_within_between(wider, labels, seed=0).value == pytest.approx(value, rel=1e-4)
    twice = measure_within_between(np.tile(features, (2, 1)), np.tile(labels, 2), seed=0)
    assert twice.value == pytest.approx(value, rel=1e-9)


def test_collapsed_classes_are_at_zero_without_an_interval():
    labels = np.array([0, 0, 1, 1, 2])
    score = measure_within_between(np.eye(3, dtype=np.float32)[labels], labels, seed=0)
    assert (score.value, score.low, score.high) == (0, None, None)


def test_unknown_classes_are_left_out():
    features, labels = make_case(1)
    more = np.concatenate([features, np.full((2, 12), np.nan, np.float32)])
    assert measure_within_between(more, np.append(labels, [-1, -1]), seed=0) == measure_within_between(
        features, labels, seed=0
    )


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        ([-1, -1, -1, -1], "no sample has a known class"),
        ([2, 2, 2, 2], "the variance between classes needs two classes, there is 1"),
        ([0, 1, 2, 3], "every class has a single sample"),
    ],
)
def test_why_there_is_none(labels, reason):
    score = measure_within_between(np.eye(4, dtype=np.float32), np.array(labels), seed=0)
    assert (score.value, score.reason) == (None, reason)


@pytest.mark.parametrize("features", [np.zeros((4, 2)), np.full((4, 2), 0.1), [[1, 0], [3, 0], [3, 0], [1, 0]]])
def test_equal_means(features):
    score = measure_within_between(np.array(features, np.float32), np.array([0, 0, 1, 1]), seed=0)
    assert (score.value, score.reason) == (None, "all classes have the same mean")


def test_a_known_sample_must_be_finite():
    features, labels = make_case(0)
    features[3, 2] = np.inf
    with pytest.raises(DataError, match="not finite"):
        measure_within_between(features, labels, seed=0)
