import math

import numpy as np
import pytest

from latentscape.errors import DataError
from latentscape.measures import drift
from latentscape.measures.drift import measure_drifts


def measure_one(features, dataset_ids, *, seed=0, speaker_ids=None):
    n = len(features)
    (found,) = measure_drifts(
        np.asarray(features, dtype=np.float32).reshape(n, -1),
        labels=np.zeros(n, dtype=int),
        dataset_ids=np.asarray(dataset_ids),
        n_classes=1,
        n_datasets=2,
        seed=seed,
        speaker_ids=speaker_ids,
    )
    return found


def two_clouds(seed, *, delta, sizes=(30, 50), width=20):
    """Two clouds of variance 1 a direction whose centers lie `delta` spreads apart."""
    features = np.random.default_rng(seed).normal(size=(sum(sizes), width))
    features[: sizes[0], 0] += delta * math.sqrt(width)
    return features, np.repeat([0, 1], sizes)


def test_five_points_on_either_side_worked_by_hand():
    found = measure_one([0, 1, 2, 3, 4, 10, 11, 12, 13, 14], [0] * 5 + [1] * 5)
    # The centers 2 and 12, the variances 2.5 and 2.5, the noise 2.5 / 5 + 2.5 / 5.
    assert found.score.value == pytest.approx(math.sqrt((100 - 1) / 2.5))
    assert found.score.n == 10
    assert found.score.low < found.score.value < found.score.high
    # Of the 252 ways to deal ten points only 2 lie as far apart.
    assert found.p_value == pytest.approx(2 / 252, abs=0.01)


def test_unequal_sizes_and_spreads_against_the_formula():
    random = np.random.default_rng(3)
    first, second = random.normal(size=(7, 3)), random.normal(2.0, 3.0, size=(40, 3))
    found = measure_one(np.vstack([first, second]), [0] * 7 + [1] * 40)
    spreads = [np.trace(np.cov(side.T)) for side in (first, second)]
    apart = np.square(first.mean(axis=0) - second.mean(axis=0)).sum() - spreads[0] / 7 - spreads[1] / 40
    assert found.score.value == pytest.approx(math.sqrt(apart / np.mean(spreads)), rel=1e-5)


def test_p_is_the_share_of_dealings_that_lie_as_far_apart():
    features, datasets = two_clouds(5, delta=0.25)
    random, n_first = np.random.default_rng(0), int(np.sum(datasets == 0))

    def apart(owners):
        return np.linalg.norm(features[owners == 0].mean(axis=0) - features[owners == 1].mean(axis=0))

    null = np.array([apart(random.permutation(datasets)) for _ in range(2000)])
    assert n_first == 30
    assert measure_one(features, datasets).p_value == pytest.approx(np.mean(null >= apart(datasets)), abs=0.03)


def test_without_a_difference_drift_is_near_zero_and_p_uniform():
    found = [measure_one(*two_clouds(seed, delta=0.0), seed=seed) for seed in range(100)]
    p_values = np.array([each.p_value for each in found])
    assert np.mean([each.score.value for each in found]) < 0.12
    assert all(each.score.low == 0.0 for each in found)
    assert 0.3 < np.mean([each.score.value == 0.0 for each in found]) < 0.7
    assert np.mean(p_values <= 0.05) <= 0.11
    assert 0.35 <= np.mean(p_values <= 0.5) <= 0.65


def test_planted_drift_is_measured_and_lies_in_its_interval():
    found = [measure_one(*two_clouds(seed, delta=0.5), seed=seed) for seed in range(60)]
    assert np.mean([each.score.value for each in found]) == pytest.approx(0.5, abs=0.03)
    assert np.mean([each.score.low <= 0.5 <= each.score.high for each in found]) >= 0.85
    assert all(each.p_value <= 0.005 for each in found)


def test_only_the_class_that_drifts_is_named():
    random = np.random.default_rng(1)
    labels, datasets = random.integers(0, 4, 400), random.integers(0, 3, 400)
    features = random.normal(size=(400, 10)).astype(np.float32)
    features[(labels == 2) & (datasets == 1)] += 1.0
    found = measure_drifts(features, labels=labels, dataset_ids=datasets, n_classes=4, n_datasets=3, seed=0)
    assert [(each.label, each.first, each.second) for each in found] == [
        (label, first, second) for label in range(4) for first, second in ((0, 1), (0, 2), (1, 2))
    ]
    named = {(each.label, each.first, each.second) for each in found if each.p_value < 0.05 / 12}
    assert named == {(2, 0, 1), (2, 1, 2)}
    assert all((each.score.low > 0.5) == ((each.label, each.first, each.second) in named) for each in found)


def with_voices(seed, *, n_speakers):
    """Two datasets that differ in nothing but who speaks; each speaker has a place of its own."""
    random = np.random.default_rng(seed)
    datasets = np.repeat([0, 1], [50, 70])
    speakers = random.integers(0, n_speakers, 120) + 100 * datasets
    return random.normal(size=(120, 12)) + random.normal(size=(200, 12))[speakers], datasets, speakers


def test_other_voices_are_no_drift_where_speakers_are_known():
    found = []
    for seed in range(60):
        features, datasets, speakers = with_voices(seed, n_speakers=10)
        found.append(measure_one(features, datasets, seed=seed, speaker_ids=speakers))
    assert np.mean([each.p_value <= 0.05 for each in found]) <= 0.12
    assert np.mean([each.score.low == 0.0 for each in found]) >= 0.9
    assert np.mean([each.score.value for each in found]) < 0.2
    assert "20 speakers" in found[0].score.interval
    features, datasets, _ = with_voices(0, n_speakers=10)
    assert measure_one(features, datasets).p_value <= 0.05


def test_few_speakers_stand_for_themselves_only():
    features, datasets, speakers = with_voices(0, n_speakers=4)
    found = measure_one(features, datasets, speaker_ids=speakers)
    assert "these speakers only" in found.score.interval
    assert found.p_value is not None
    features, datasets, speakers = with_voices(0, n_speakers=2)
    assert measure_one(features, datasets, speaker_ids=speakers).p_value is None  # 6 arrangements


def test_unit_and_origin_do_not_matter():
    features, datasets = two_clouds(2, delta=0.6)
    plain, moved = measure_one(features, datasets), measure_one(features * 8 + 64, datasets)
    assert moved.score.value == pytest.approx(plain.score.value, rel=1e-4)
    assert moved.score.high == pytest.approx(plain.score.high, rel=1e-4)
    assert moved.p_value == plain.p_value


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_huge_and_tiny_features(scale):
    features, datasets = two_clouds(2, delta=0.6)
    found = measure_one((features.astype(np.float32) * np.float32(scale)), datasets)
    assert found.score.value == pytest.approx(measure_one(features, datasets).score.value, rel=1e-4)


@pytest.mark.parametrize("place", [0.0, 0.1, 1e6])
def test_a_class_at_one_place_has_no_spread(place):
    found = measure_one(np.full((20, 3), place), np.arange(20) % 2)
    assert (found.score.value, found.score.low, found.p_value) == (None, None, None)
    assert "one place" in found.score.reason
    apart = measure_one(np.repeat([[0.1], [0.7]], 10, axis=0), np.repeat([0, 1], 10))
    assert apart.score.value is None


def test_too_few_samples_and_absent_classes():
    features, datasets = two_clouds(0, delta=1.0, sizes=(4, 20))
    found = measure_one(features, datasets)
    assert (found.score.value, found.p_value, found.score.n) == (None, None, 24)
    assert "there are 4 and 20" in found.score.reason
    labels = np.zeros(24, dtype=int)
    kept = {"dataset_ids": datasets, "n_classes": 2, "n_datasets": 2, "seed": 0}
    both = measure_drifts(features.astype(np.float32), labels=labels, **kept)
    assert both[1].score.n == 0
    assert "0 and 0" in both[1].score.reason


def test_a_single_dataset_has_no_drift():
    features = np.ones((6, 2), dtype=np.float32)
    kept = {"labels": np.zeros(6, dtype=int), "n_classes": 1, "seed": 0}
    assert measure_drifts(features, dataset_ids=np.zeros(6, dtype=int), n_datasets=1, **kept) == ()
    assert measure_drifts(features, dataset_ids=np.ones(6, dtype=int), n_datasets=2, **kept) == ()


def test_unknown_classes_are_left_out_and_bad_features_refused():
    features, datasets = two_clouds(0, delta=0.5)
    features, labels = features.astype(np.float32), np.zeros(80, dtype=int)
    kept = {"dataset_ids": datasets, "n_classes": 1, "n_datasets": 2, "seed": 0}
    broken = np.vstack([features, np.full((1, 20), np.nan, np.float32)])
    (found,) = measure_drifts(
        broken, **{**kept, "labels": np.append(labels, -1), "dataset_ids": np.append(datasets, 0)}
    )
    assert found == measure_drifts(features, labels=labels, **kept)[0]
    features[3, 3] = np.inf
    with pytest.raises(DataError, match="not finite"):
        measure_drifts(features, labels=labels, **kept)


def test_seeds_decide_and_many_samples_are_thinned(monkeypatch):
    features, datasets = two_clouds(0, delta=0.5)
    first, again, other = (measure_one(features, datasets, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first.score.low != other.score.low
    monkeypatch.setattr(drift, "MAX_SAMPLES", 20)
    assert measure_one(features, datasets).score.n == 40
