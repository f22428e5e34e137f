import numpy as np
import pytest

from latentscape.measures.outliers import find_outliers
from latentscape.measures.unusual import find_places, find_usual, judge_spacing
from latentscape.neighbors import Neighbors, find_neighbors

METRICS = ["cosine", "euclidean"]


def find(features, *, metric="euclidean", k=15, **choices):
    ids = [str(row) for row in range(len(features))]
    labels = choices.pop("labels", np.zeros(len(features), dtype=int))
    return find_outliers(find_neighbors(features, k=k, metric=metric), ids=ids, labels=labels, **choices)


def rows_of(suspects):
    return [int(suspect.ids[0]) for suspect in suspects]


def make_clusters(random, n, d):
    centers, spreads = 4 * random.normal(size=(5, d)), np.exp(0.6 * random.normal(size=5))
    own = random.permutation(np.arange(n) % 5)
    return centers[own] + spreads[own, None] * random.normal(size=(n, d))


NULLS = {
    "normal": lambda random, n, d: random.normal(size=(n, d)),
    "uniform": lambda random, n, d: random.uniform(size=(n, d)),
    "clusters": make_clusters,
    "lognormal": lambda random, n, d: np.exp(random.normal(size=(n, d))),
    "axes of falling length": lambda random, n, d: random.normal(size=(n, d)) / np.arange(1, d + 1),
    "whole numbers": lambda random, n, d: random.integers(0, 4, size=(n, d)).astype(float),
}


@pytest.mark.parametrize("seed", range(4))
def test_planted_outliers_are_found_exactly(seed):
    random = np.random.default_rng(seed)
    features = make_clusters(random, 400, 32)
    features[[7, 70, 300]] = random.normal(size=(3, 32)) * [[100], [30], [200]]
    suspects = find(features.astype(np.float32), labels=np.arange(400))
    assert set(rows_of(suspects)) == {7, 70, 300}
    assert {suspect.labels[0] for suspect in suspects} == {7, 70, 300}
    assert all(suspect.kind == "outlier" and suspect.splits == ("validation",) for suspect in suspects)
    strengths = [suspect.strength for suspect in suspects]
    assert strengths == sorted(strengths, reverse=True)


@pytest.mark.parametrize("seed", range(4))
def test_planted_outliers_of_direction_are_found_exactly(seed):
    random = np.random.default_rng(seed)
    features = random.normal(size=8) * 3 + make_clusters(random, 400, 64) @ random.normal(size=(64, 8)) * 0.01
    features = np.hstack([features, 0.1 * random.normal(size=(400, 32))])
    features[[5, 50]] = 3 * random.normal(size=(2, 40))
    assert set(rows_of(find(features, metric="cosine"))) == {5, 50}


@pytest.mark.parametrize("data", NULLS)
@pytest.mark.slow
def test_no_outliers_in_data_without_any(data):
    alarms = 0
    for seed in range(25):
        random = np.random.default_rng(seed)
        n, n_features = int(random.choice([40, 150, 400])), int(random.choice([2, 3, 5, 10, 40]))
        features = NULLS[data](random, n, n_features)
        alarms += sum(bool(find(features, metric=metric)) for metric in METRICS)
    assert alarms <= 1


def test_strength_and_reason_by_hand():
    features = np.random.default_rng(0).normal(size=(200, 16))
    features[3] *= 20
    (suspect,) = find(features, splits=["train"] * 200)
    squares = np.linalg.norm(features[:, None] - features, axis=2)
    far = np.sort(squares, axis=1)[:, 1:16].mean(axis=1)
    wanted = far[3] / np.median(far)
    assert suspect.strength == pytest.approx(wanted)
    assert suspect.reason == f"its 15 nearest neighbors are {wanted:,.3g} times as far as usual"
    assert (suspect.ids, suspect.splits) == (("3",), ("train",))


def test_an_outlier_that_is_there_twice_is_found_twice():
    features = np.random.default_rng(0).normal(size=(200, 16))
    features[[3, 150]] = features[3] * 20
    assert rows_of(find(features)) == [3, 150]


def test_a_cluster_of_its_own_is_no_outlier():
    features = np.random.default_rng(0).normal(size=(200, 16))
    features[:20] += 100
    assert find(features) == ()


def test_a_row_of_zeros_is_odd_but_many_are_a_property_of_the_layer():
    features = 1 + 0.1 * np.random.default_rng(0).normal(size=(200, 16))
    features[3] = 0
    assert rows_of(find(features, metric="cosine")) == [3]
    features[:30] = 0
    assert find(features, metric="cosine") == ()


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("n", [1, 2, 5, 16, 29])
def test_few_samples_and_equal_ones_say_nothing(n, metric):
    features = np.random.default_rng(0).normal(size=(n, 4))
    features[0] *= 1e6
    assert find(features, metric=metric) == ()
    assert find(np.ones((n + 60, 4)), metric=metric) == ()
    assert find(np.repeat([[1.0, 2.0], [2.0, 1.0]], 50, axis=0), metric=metric) == ()


@pytest.mark.parametrize("scale", [1e-18, 1e18])
def test_the_size_of_the_features_does_not_matter(scale):
    features = np.random.default_rng(0).normal(size=(100, 32)).astype(np.float32)
    features[3] *= 20
    assert rows_of(find(features * np.float32(scale))) == [3]


def test_lengths_are_those_of_unit_vectors_under_cosine():
    features = np.random.default_rng(0).normal(size=(40, 5))
    features[1] = 3 * features[0]
    units = features / np.linalg.norm(features, axis=1, keepdims=True)
    places = find_places(find_neighbors(features, k=10, metric="cosine"), k=3)
    assert places.lengths.shape == (39, 3)
    assert places.of[0] == places.of[1] == 0
    assert places.lengths[0] == pytest.approx(np.sort(np.linalg.norm(units[0] - units[2:], axis=1))[:3])


def test_usual_values_of_a_normal_sample():
    low, middle, high = find_usual(np.random.default_rng(0).normal(size=20_000))
    # 5.33 deviations: the normal quantile of 1 - 0.001 / 20,000
    assert (low, middle, high) == pytest.approx((-5.33, 0.0, 5.33), abs=0.1)
    assert find_usual(np.full(5, 2.0)) == (2.0, 2.0, 2.0)


def test_the_chance_of_a_spacing_is_that_of_f():
    from scipy.stats import f

    spacing, usual = np.array([0.0, 0.5, 3.0, 40.0]), np.array([1.0, 0.7, 0.2, 2.0])
    assert judge_spacing(spacing, usual, 7) == pytest.approx(f.sf(spacing / usual, 2, 14))
    assert judge_spacing(np.array([5.0]), np.array([0.0]), 7).tolist() == [1.0]


def test_a_gap_among_usual_distances_is_no_outlier():
    random = np.random.default_rng(0)
    far = np.concatenate([np.exp(random.uniform(0, 5, 300)), np.exp(5 + 1e-3 * random.random(99)), [np.exp(5.1)]])
    indices = (np.arange(400)[:, None] + np.arange(1, 16)) % 400

    def find_at(far):
        graph = Neighbors(indices=indices, distances=far[:, None] * np.linspace(0.5, 1.5, 15), metric="euclidean")
        return rows_of(find_outliers(graph, ids=[str(row) for row in range(400)], labels=np.zeros(400, int)))

    assert find_at(far) == []
    far[-1] = np.exp(50)
    assert find_at(far) == [399]
