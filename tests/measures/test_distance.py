import time
from itertools import combinations

import numpy as np
import pytest
from scipy.spatial.distance import cosine, euclidean
from scipy.stats import spearmanr

from latentscape.errors import DataError
from latentscape.measures.distance import measure_confusion_against_distance


def make_case(seed, *, n=400, n_classes=6, n_features=9):
    """Classes of different size on random centers; nearer classes are mixed up more."""
    random = np.random.default_rng(seed)
    labels = random.choice(n_classes, size=n, p=random.dirichlet(np.full(n_classes, 5)))
    centers = random.normal(size=(n_classes, n_features))
    features = (centers[labels] + 0.5 * random.normal(size=(n, n_features))).astype(np.float32)
    scores = features @ centers.T / np.linalg.norm(centers, axis=1) + 2 * random.normal(size=(n, n_classes))
    return features, labels, scores.argmax(axis=1)


def work_by_hand(features, labels, predictions, *, n_classes):
    centroids = {c: features[labels == c].astype(float).mean(axis=0) for c in range(n_classes) if (labels == c).any()}
    pairs = list(combinations(centroids, 2))
    distances = [cosine(centroids[a], centroids[b]) for a, b in pairs]
    mixed = [((labels == a) & (predictions == b)).sum() + ((labels == b) & (predictions == a)).sum() for a, b in pairs]
    sizes = [((labels == a) | (labels == b)).sum() for a, b in pairs]
    return pairs, np.array(distances), np.array(mixed) / np.array(sizes)


@pytest.mark.parametrize("seed", range(4))
def test_agrees_with_scipy_pair_by_pair(seed):
    features, labels, predictions = make_case(seed)
    found = measure_confusion_against_distance(features, labels, predictions, n_classes=6, seed=0)
    pairs, distances, rates = work_by_hand(features, labels, predictions, n_classes=6)
    assert [tuple(pair) for pair in found.pairs] == pairs
    assert found.distances == pytest.approx(distances, abs=1e-9)
    assert found.rates == pytest.approx(rates, abs=1e-12)
    assert found.spearman.value == pytest.approx(spearmanr(distances, rates).statistic, abs=1e-9)
    assert found.spearman.low < found.spearman.value < found.spearman.high
    assert found.spearman.n == 15
    assert found.metric == "cosine"


def test_four_classes_by_hand():
    """Centroids at 0, 30, 90 and 180 degrees: distances 1 - cos of 30, 90, 180, 60, 150 and 90 degrees."""
    angles = np.deg2rad([0, 30, 90, 180])
    labels = np.repeat(np.arange(4), 2)
    features = np.stack([np.cos(angles), np.sin(angles)], axis=1)[labels].astype(np.float32) * 3
    predictions = np.array([0, 1, 1, 0, 2, 1, 3, 3])
    found = measure_confusion_against_distance(features, labels, predictions, n_classes=4, seed=0)
    assert found.pairs.tolist() == [[0, 1], [0, 2], [0, 3], [1, 2], [1, 3], [2, 3]]
    assert found.distances == pytest.approx(1 - np.cos(np.deg2rad([30, 90, 180, 60, 150, 90])), abs=1e-6)
    assert found.rates.tolist() == [0.5, 0, 0, 0.25, 0, 0]
    assert found.centroids == pytest.approx(features[::2], abs=1e-6)
    assert found.spearman.value < 0


def test_the_interval_is_that_of_resampling_samples_one_by_one():
    features, labels, predictions = make_case(2)
    found = measure_confusion_against_distance(features, labels, predictions, n_classes=6, seed=0).spearman
    random, draws = np.random.default_rng(5), []
    for _ in range(600):
        rows = random.integers(0, len(labels), size=len(labels))
        _, distances, rates = work_by_hand(features[rows], labels[rows], predictions[rows], n_classes=6)
        draws.append(spearmanr(distances, rates).statistic)
    low, high = np.percentile(draws, [2.5, 97.5])
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.12 * (high - low) + 0.01)


def test_a_class_without_samples_forms_no_pair_and_has_no_centroid():
    features, labels, predictions = make_case(0, n_classes=4)
    found = measure_confusion_against_distance(features, labels, predictions, n_classes=6, seed=0)
    assert found.pairs.max() == 3
    assert np.isnan(found.centroids[4:]).all()
    assert np.isfinite(found.centroids[:4]).all()


def test_unknown_labels_and_predictions_are_left_out():
    features, labels, predictions = make_case(1)
    whole = measure_confusion_against_distance(features, labels, predictions, n_classes=6, seed=0)
    more = np.concatenate([features, np.full((3, 9), np.nan, dtype=np.float32)])
    unknown = np.append(labels, [-1, 2, -1]), np.append(predictions, [1, -1, -1])
    found = measure_confusion_against_distance(more, *unknown, n_classes=6, seed=0)
    assert np.array_equal(found.distances, whole.distances)
    assert np.array_equal(found.rates, whole.rates)
    assert found.spearman == whole.spearman


@pytest.mark.parametrize(("n_classes", "n_pairs"), [(1, 0), (2, 1)])
def test_fewer_than_three_pairs_is_a_reason(n_classes, n_pairs):
    features, labels, predictions = make_case(0, n_classes=n_classes)
    found = measure_confusion_against_distance(features, labels, predictions, n_classes=n_classes, seed=0)
    assert (len(found.pairs), found.spearman.value) == (n_pairs, None)
    assert found.spearman.reason == f"a rank correlation needs three pairs of classes, there are {n_pairs}"


@pytest.mark.parametrize("n", [0, 1, 2, 3])
def test_a_handful_of_samples(n):
    features = np.eye(3, dtype=np.float32)[:n]
    found = measure_confusion_against_distance(features, np.arange(n), np.arange(n), n_classes=3, seed=0)
    assert len(found.pairs) == n * (n - 1) // 2
    assert found.spearman.value is None


def test_a_model_without_mistakes_has_nothing_to_correlate():
    features, labels, _ = make_case(0)
    score = measure_confusion_against_distance(features, labels, labels, n_classes=6, seed=0).spearman
    assert (score.value, score.reason) == (None, "no two classes are mixed up")


def test_classes_in_one_place_are_equally_far_apart():
    features, labels, predictions = make_case(0)
    score = measure_confusion_against_distance(
        np.ones_like(features), labels, predictions, n_classes=6, seed=0
    ).spearman
    assert (score.value, score.reason) == (None, "all classes are equally far apart")


def test_a_dead_layer_has_no_pairs():
    features, labels, predictions = make_case(0)
    found = measure_confusion_against_distance(np.zeros_like(features), labels, predictions, n_classes=6, seed=0)
    assert found.pairs.shape == (0, 2)
    assert found.spearman.value is None


def test_a_class_of_one_sample_is_missing_in_some_draws():
    features, labels, predictions = make_case(3)
    labels = np.where(labels == 5, 4, labels)
    labels[0] = 5
    score = measure_confusion_against_distance(features, labels, predictions, n_classes=6, seed=0).spearman
    assert -1 <= score.low < score.high <= 1


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_scale_changes_nothing(scale):
    features, labels, predictions = make_case(0)
    plain = measure_confusion_against_distance(features, labels, predictions, n_classes=6, seed=0)
    scaled = measure_confusion_against_distance(features * np.float32(scale), labels, predictions, n_classes=6, seed=0)
    assert scaled.distances == pytest.approx(plain.distances, abs=1e-5)


def test_the_seed_alone_decides():
    case = make_case(0)
    first, again, other = (measure_confusion_against_distance(*case, n_classes=6, seed=s).spearman for s in (0, 0, 1))
    assert first == again
    assert (first.value, first.low) != (other.value, other.low)


def test_non_finite_features_are_refused():
    features, labels, predictions = make_case(0)
    features[3, 1] = np.nan
    with pytest.raises(DataError, match="not finite"):
        measure_confusion_against_distance(features, labels, predictions, n_classes=6, seed=0)


def test_two_thousand_samples_take_less_than_two_seconds():
    case = make_case(0, n=2000, n_classes=8, n_features=768)
    start = time.perf_counter()
    measure_confusion_against_distance(*case, n_classes=8, seed=0)
    assert time.perf_counter() - start < 2


def name_metric(metric):
    return {"map": "euclidean"}.get(metric, metric)


@pytest.mark.parametrize("metric", ["euclidean", "map"])
def test_euclidean_distances_are_those_of_the_centroids(metric):
    features, labels, predictions = make_case(1)
    shifted = features.astype(np.float64) + 1e6  # far from the origin nothing may be lost
    found = measure_confusion_against_distance(shifted, labels, predictions, n_classes=6, seed=0, metric=metric)
    centroids = np.stack([shifted[labels == c].mean(axis=0) for c in range(6)])
    by_hand = [euclidean(centroids[a], centroids[b]) for a, b in combinations(range(6), 2)]
    assert found.distances == pytest.approx(by_hand, rel=1e-7)
    assert found.spearman.value == pytest.approx(spearmanr(by_hand, found.rates).statistic)
    assert found.metric == "euclidean"


@pytest.mark.parametrize("metric", ["cosine", "euclidean", "mahalanobis", "mmd", "map"])
@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
def test_all_that_belongs_to_a_pair_is_there_for_every_metric(metric, scale):
    features, labels, predictions = make_case(3)
    scaled = features * np.float32(scale)
    found = measure_confusion_against_distance(scaled, labels, predictions, n_classes=6, seed=0, metric=metric)
    totals = np.bincount(labels)
    assert found.sizes.tolist() == [totals[a] + totals[b] for a, b in combinations(range(6), 2)]
    for values in (found.distances, found.expected, found.surprise):
        assert values.shape == (15,)
        assert np.isfinite(values).all()
    assert ((found.expected > 0) & (found.expected < 1)).all()
    assert 1 / 720 <= found.mantel_p <= 1
    assert found.spearman.low <= found.spearman.value <= found.spearman.high
    assert found.metric == name_metric(metric)


@pytest.mark.parametrize("metric", ["euclidean", "mahalanobis", "mmd"])
def test_planted_geometry_is_found(metric):
    features, labels, predictions = make_case(4, n=1200, n_classes=8)
    found = measure_confusion_against_distance(features, labels, predictions, n_classes=8, seed=0, metric=metric)
    assert found.spearman.high < -0.5
    assert found.mantel_p < 0.001


@pytest.mark.parametrize("metric", ["cosine", "euclidean", "mahalanobis", "mmd"])
def test_shuffled_labels_relate_to_nothing(metric):
    """Classes of unequal size, where centroids of small ones lie apart by chance."""
    p_values, surprises = [], []
    for seed in range(12):
        features, labels, predictions = make_case(seed, n=300)
        shuffled = np.random.default_rng(seed).permutation(labels)
        found = measure_confusion_against_distance(features, shuffled, predictions, n_classes=6, seed=0, metric=metric)
        p_values += [] if found.mantel_p is None else [found.mantel_p]
        surprises += found.surprise.tolist()
    assert len(p_values) >= 10
    assert np.sum(np.array(p_values) < 0.05) <= 2
    assert np.median(p_values) > 0.2
    assert np.mean(np.abs(surprises) > 3) <= 0.01


def test_one_confused_pair_is_named_and_the_kept_apart_too():
    """Ten classes on a circle, neighbors mixed up: the far pair 0-5 is mixed up as well, the near pair 2-3 never."""
    random = np.random.default_rng(0)
    angles = 2 * np.pi * np.arange(10) / 10
    centers = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    labels = np.repeat(np.arange(10), 200)
    predictions = labels.copy()
    for c in range(10):
        own = random.permutation(np.flatnonzero(labels == c))
        predictions[own[:20]], predictions[own[20:40]] = (c + 1) % 10, (c - 1) % 10
        if c in (0, 5):
            predictions[own[40:70]] = 5 - c
    for a, b in ((2, 3), (3, 2)):
        predictions[(labels == a) & (predictions == b)] = a
    features = (centers[labels] + 0.3 * random.normal(size=(2000, 2))).astype(np.float32)
    found = measure_confusion_against_distance(features, labels, predictions, n_classes=10, seed=0, metric="euclidean")
    pairs = [tuple(pair) for pair in found.pairs.tolist()]
    assert pairs[np.argmax(found.surprise)] == (0, 5)
    assert pairs[np.argmin(found.surprise)] == (2, 3)
    assert found.surprise.max() > 3
    assert found.surprise.min() < -2
    others = [s for pair, s in zip(pairs, found.surprise, strict=True) if pair not in [(0, 5), (2, 3)]]
    assert np.abs(others).max() < 2.5


def test_mahalanobis_needs_spread_within_classes():
    features, labels, predictions = make_case(0)
    still = features[np.searchsorted(np.sort(labels), labels)]  # one feature vector a class
    found = measure_confusion_against_distance(still, labels, predictions, n_classes=6, seed=0, metric="mahalanobis")
    assert found.pairs.shape == (0, 2)
    assert "no spread" in found.spearman.reason


def test_a_class_of_one_sample_has_no_discrepancy():
    features, labels, predictions = make_case(0)
    labels[labels == 3] = 2
    labels[0] = 3
    found = measure_confusion_against_distance(features, labels, predictions, n_classes=6, seed=0, metric="mmd")
    assert 3 not in found.pairs
    assert len(found.pairs) == 10


@pytest.mark.parametrize("metric", ["cosine", "euclidean", "mahalanobis", "mmd"])
@pytest.mark.parametrize("n", [0, 1, 2, 5])
def test_few_samples_and_dead_layers_are_no_crash(metric, n):
    labels = np.arange(n) % 3
    for features in (np.eye(5, dtype=np.float32)[:n], np.zeros((n, 5), dtype=np.float32)):
        found = measure_confusion_against_distance(features, labels, labels, n_classes=3, seed=0, metric=metric)
        assert found.spearman.value is None
        assert found.spearman.reason
        assert np.isfinite(found.distances).all()
        assert found.mantel_p is None
        assert len(found.surprise) == 0


def test_classes_that_lie_together_share_their_rank():
    """Distances that differ by rounding only are one distance: the correlation is that of the exact numbers."""
    centers = np.array([[0, 0], [0.1, 0], [0, 0.1], [0.3, 0.3], [0.3 + 0.1, 0.3]])
    labels = np.repeat(np.arange(5), 7)
    predictions = np.where(np.arange(35) % 7 == 0, (labels + 1) % 5, labels)
    found = measure_confusion_against_distance(
        centers[labels], labels, predictions, n_classes=5, seed=0, metric="euclidean"
    )
    exact = [round(euclidean(centers[a], centers[b]), 6) for a, b in combinations(range(5), 2)]
    assert found.spearman.value == pytest.approx(spearmanr(exact, found.rates).statistic, abs=1e-12)


def test_the_interval_says_how_many_samples_the_kernel_saw():
    case = make_case(0, n=3000, n_features=3)
    found = measure_confusion_against_distance(*case, n_classes=6, seed=0, metric="mmd").spearman
    kept = np.minimum(np.bincount(case[1]), 400).sum()
    assert found.interval == f"95 % bootstrap of 3000 samples, {kept} of them in the kernel"
    assert found.low <= found.value <= found.high
