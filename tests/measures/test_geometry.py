import math

import numpy as np
import pytest

from latentscape.errors import DataError
from latentscape.measures.geometry import measure_geometry
from latentscape.neighbors import find_neighbors

NAMES = ["silhouette", "within_between", "effective_rank", "intrinsic_dimension", "mean_cosine", "hubness"]


def make_case(seed, *, n=100, d=20, apart=1.0):
    random = np.random.default_rng(seed)
    labels = random.integers(0, 4, size=n)
    centers = np.random.default_rng(9).normal(size=(4, d))
    return (random.normal(size=(n, d)) + apart * centers[labels]).astype(np.float32), labels


def measure(features, labels, *, seed=0):
    return measure_geometry(features, find_neighbors(features, k=20), labels, seed=seed)


def test_six_numbers_by_name():
    scores = measure(*make_case(0))
    assert list(scores) == NAMES
    for name, score in scores.items():
        assert score.name == name
        assert score.n == 100
        assert score.low < score.value < score.high
        assert score.interval.startswith("95 % ")


def test_classes_that_part_show_in_silhouette_and_variance():
    near, far = measure(*make_case(1, apart=0.3)), measure(*make_case(1, apart=3.0))
    assert near["silhouette"].high < far["silhouette"].low
    assert near["within_between"].low > far["within_between"].high


def test_labels_change_only_what_is_about_classes():
    features, labels = make_case(2)
    named, shuffled = measure(features, labels), measure(features, labels[::-1].copy())
    assert [name for name in NAMES if named[name] != shuffled[name]] == ["silhouette", "within_between"]
    assert shuffled["silhouette"].value < 0.05 < named["silhouette"].value


def test_the_same_seed_gives_the_same_scores():
    features, labels = make_case(3)
    assert measure(features, labels) == measure(features, labels)


HARD = {
    "one class": (make_case(0)[0], np.zeros(100, dtype=int)),
    "unknown": (make_case(0)[0], np.full(100, -1)),
    "one sample": (np.ones((1, 3)), np.array([0])),
    "two samples": (np.eye(2), np.array([0, 1])),
    "three samples": (np.array([[1, 2], [3, 5], [8, 1]]), np.array([0, 1, 1])),
    "zeros": (np.zeros((30, 4)), np.arange(30) % 3),
    "some zeros": (np.eye(30)[:, :5], np.arange(30) % 3),
    "one place": (np.full((30, 4), 0.1), np.arange(30) % 3),
    "two places": (np.eye(2)[np.arange(30) % 2], np.arange(30) % 3),
    "duplicates": (make_case(0)[0][np.arange(100) // 5], np.arange(100) % 4),
    "simplex": (np.eye(30), np.arange(30) % 3),
    "one column": (np.arange(-15, 15)[:, None] + 0.5, np.arange(30) % 2),
    "constant columns": (np.hstack([make_case(0)[0], np.full((100, 3), 1e4)]), make_case(0)[1]),
    "huge": (make_case(0)[0] * 5e37, make_case(0)[1]),
    "tiny": (make_case(0)[0] * 1e-42, make_case(0)[1]),
    "wild": (make_case(0)[0] * np.logspace(-36, 36, 100)[:, None], make_case(0)[1]),
    "integers": (np.random.default_rng(0).integers(-2, 3, size=(200, 3)), np.arange(200) % 5),
    "wide": (make_case(0, n=20, d=500)[0], make_case(0, n=20)[1]),
}


@pytest.mark.parametrize("name", HARD)
def test_hard_features_give_numbers_or_reasons(name):
    features, labels = HARD[name]
    for score in measure(features.astype(np.float32), labels).values():
        assert (score.value is None) == bool(score.reason)
        assert score.value is None or score.bounds[0] <= score.value <= score.bounds[1]
        assert score.value is None or math.isfinite(score.value)
        assert (score.low is None) == (score.high is None) == (not score.interval)
        assert score.low is None or score.bounds[0] <= score.low <= score.value <= score.high <= score.bounds[1]
        assert score.low is None or math.isfinite(score.high)


def test_nothing_to_measure_is_refused():
    features, labels = make_case(0)
    graph = find_neighbors(features, k=5)
    with pytest.raises(DataError, match="same samples"):
        measure_geometry(features[:-1], graph, labels[:-1], seed=0)
    features[0, 0] = np.nan
    with pytest.raises(DataError, match="not finite"):
        measure_geometry(features, graph, labels, seed=0)
