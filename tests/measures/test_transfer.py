import math
from itertools import product

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

from latentscape.errors import DataError
from latentscape.measures import transfer
from latentscape.measures.folds import deal_groups, deal_samples
from latentscape.measures.held_out import Quiz, weigh_held_out
from latentscape.measures.linear_probe import PENALTIES, fit_linear_probe
from latentscape.measures.transfer import SHARED_VOICE, measure_transfer
from latentscape.measures.transfer_readers import READERS, Pupil, read_classes, read_with_fewer


def make(seed, *, sizes=(60, 60), n_classes=3, width=12, apart=2.0, n_speakers=None):
    """Datasets that differ in nothing; the classes lie `apart` from the middle."""
    random = np.random.default_rng(seed)
    n = sum(sizes)
    labels, datasets = random.integers(0, n_classes, n), np.repeat(np.arange(len(sizes)), sizes)
    places = random.normal(size=(n_classes, width))
    places *= apart / np.linalg.norm(places, axis=1, keepdims=True)
    features = (random.normal(size=(n, width)) + places[labels]).astype(np.float32)
    speakers = np.arange(n) if n_speakers is None else datasets * 1000 + random.integers(0, n_speakers, n)
    return features, labels, datasets, speakers


def measure(features, labels, datasets, speakers, *, seed=0, n_datasets=None):
    return measure_transfer(
        features,
        labels=labels,
        dataset_ids=datasets,
        speaker_ids=speakers,
        n_datasets=n_datasets or int(datasets.max()) + 1,
        seed=seed,
    )


def nearest_centroid(train, labels, test):
    """The class whose mean has the largest cosine with each test sample, one by one."""
    said = []
    for sample in test:
        cosines = {}
        for label in sorted(set(labels.tolist())):
            center = train[labels == label].mean(axis=0)
            cosines[label] = sample @ center / np.linalg.norm(sample) / np.linalg.norm(center)
        said.append(max(cosines, key=cosines.get))
    return np.array(said)


def test_centroids_worked_by_hand():
    # The class means point to (1, 0) and (0, 1); lengths do not matter.
    train = np.array([[4, 1], [4, -1], [0, 1], [0, 3], [0.5, 9], [-0.5, 9]], dtype=np.float32)
    labels = np.array([0, 0, 1, 1, 1, 1])
    test = np.array([[1, 0.5], [0.5, 1], [-3, -1], [-1, -3], [100, 99]], dtype=np.float32)
    pupil = Pupil(train, labels, labels[:0], np.empty((6, 0), dtype=int))
    (answers,) = read_classes("centroid", pupil, [test], n_classes=2).others
    assert answers.tolist() == [0, 1, 1, 0, 0]


@pytest.mark.parametrize("width", [3, 40])
def test_centroid_reader_agrees_with_one_by_one_reading(width):
    features, labels, datasets, _ = make(1, sizes=(30, 20), width=width, apart=1.0)
    features = features + np.float32(0.5)
    first, second = datasets == 0, datasets == 1
    permuted = np.stack([np.random.default_rng(seed).permutation(labels[first]) for seed in range(4)], axis=1)
    folds = np.arange(30) % 4
    pupil = Pupil(features[first], labels[first], folds, permuted)
    said = read_classes("centroid", pupil, [features[second]], n_classes=3)
    exact = features.astype(np.float64)
    assert np.array_equal(said.others[0], nearest_centroid(exact[first], labels[first], exact[second]))
    for fold in range(4):
        inside, outside = folds == fold, folds != fold
        train = exact[first][outside]
        expected = nearest_centroid(train, labels[first][outside], exact[first][inside])
        assert np.array_equal(said.own[inside], expected)
        for draw, column in enumerate(permuted.T):
            expected = nearest_centroid(train, column[outside], exact[first][inside])
            assert np.array_equal(said.null[inside, draw], expected)


@pytest.mark.parametrize("width", [5, 50])
def test_linear_reader_agrees_with_scikit_learns_ridge(width):
    features, labels, datasets, _ = make(2, sizes=(40, 25), width=width, apart=1.5)
    first, second = datasets == 0, datasets == 1
    pupil = Pupil(features[first], labels[first], labels[:0], np.empty((40, 0), dtype=int))
    (other,) = read_classes("linear", pupil, [features[second]], n_classes=3).others
    scale = StandardScaler().fit(features[first].astype(np.float64))
    z, z_test = (scale.transform(features[rows].astype(np.float64)) for rows in (first, second))
    answers = np.eye(3)[labels[first]]

    def leave_each_out(penalty):
        kept = [np.delete(np.arange(40), i) for i in range(40)]
        fits = [Ridge(alpha=penalty * width).fit(z[rows], answers[rows]) for rows in kept]
        return sum(np.square(fit.predict(z[i : i + 1])[0] - answers[i]).sum() for i, fit in enumerate(fits))

    best = min(PENALTIES, key=leave_each_out) * width
    assert np.array_equal(other, Ridge(alpha=best).fit(z, answers).predict(z_test).argmax(axis=1))


def test_linear_reader_learns_permuted_labels_with_the_same_weights():
    features, labels, _, _ = make(3, sizes=(50,), apart=1.5)
    folds = deal_samples(labels, seed=0)
    permuted = np.stack([np.random.default_rng(seed).permutation(labels) for seed in range(6)], axis=1)
    said = read_classes("linear", Pupil(features, labels, folds, permuted), [], n_classes=3)
    (own,) = weigh_held_out(fit_linear_probe(features, features[:0]), [Quiz(labels, folds, 3)])
    for inside, outside, weights in own:
        assert np.array_equal(said.own[inside], (weights @ np.eye(3)[labels[outside]]).argmax(axis=1))
        for draw, column in enumerate(permuted.T):
            expected = (weights @ np.eye(3)[column[outside]]).argmax(axis=1)
            assert np.array_equal(said.null[inside, draw], expected)


def test_several_datasets_are_asked_at_once():
    features, labels, datasets, _ = make(4, sizes=(30, 20, 25))
    rows = [datasets == dataset for dataset in range(3)]
    pupil = Pupil(features[rows[0]], labels[rows[0]], labels[:0], labels[rows[0]][:, None])
    for reader in READERS:
        both = read_classes(reader, pupil, [features[rows[1]], features[rows[2]]], n_classes=3).others
        alone = [read_classes(reader, pupil, [features[rows[i]]], n_classes=3).others[0] for i in (1, 2)]
        assert all(np.array_equal(a, b) for a, b in zip(both, alone, strict=True))


def test_every_cell_has_its_numbers():
    features, labels, datasets, speakers = make(0, sizes=(60, 50, 50), apart=3.0, n_speakers=10)
    labels[(datasets == 2) & (labels == 2)] = -1  # the third dataset lacks a class
    cells, (linear, centroid) = list(product(range(3), repeat=2)), measure(features, labels, datasets, speakers)
    assert (linear.reader, centroid.reader) == ("linear", "centroid")
    for each in (linear, centroid):
        assert list(each.scores) == list(each.chance) == list(each.p_values) == cells
        assert list(each.losses) == list(each.loss_p_values) == [cell for cell in cells if cell[0] != cell[1]]
        assert {score.name for score in each.scores.values()} == {f"transfer_{each.reader}"}
        assert {score.name for score in each.losses.values()} == {f"transfer_loss_{each.reader}"}
        for (train, test), score in each.scores.items():
            shared = labels[(datasets == test) & (labels >= 0)]
            shared = shared[shared < 2] if 2 in (train, test) else shared
            assert score.n == len(shared)
            assert each.chance[train, test] == pytest.approx(np.bincount(shared).max() / len(shared))
            assert score.low <= score.value <= score.high
            assert each.p_values[train, test] == 0.001
        assert not each.notes
    # Sizes are alike here, so a loss is what two cells differ by where both read the same classes.
    loss, own, other = (values.value for values in (linear.losses[0, 1], linear.scores[1, 1], linear.scores[0, 1]))
    assert loss == pytest.approx(own - other)


def test_own_accuracy_is_that_of_folds_by_speaker():
    features, labels, datasets, speakers = make(3, n_speakers=9, apart=1.0)
    rows = datasets == 0
    folds = deal_groups(labels[rows], speakers[rows], seed=5)
    exact, own = features[rows].astype(np.float64), labels[rows]
    said = np.empty_like(own)
    for fold in np.unique(folds):
        said[folds == fold] = nearest_centroid(exact[folds != fold], own[folds != fold], exact[folds == fold])
    assert measure(features, labels, datasets, speakers, seed=5)[1].scores[0, 0].value == np.mean(said == own)


def test_a_class_that_lies_elsewhere_is_a_loss():
    features, labels, datasets, speakers = make(0, sizes=(90, 90), apart=4.0)
    swapped = np.where(datasets == 1, (labels + 1) % 3, labels)  # the second dataset calls everything differently
    for each in measure(features, swapped, datasets, speakers):
        for cell in ((0, 1), (1, 0)):
            assert each.scores[cell].value < 0.2
            assert each.p_values[cell] > 0.5
            assert each.losses[cell].value > 0.6
            assert each.losses[cell].low > 0.5
            assert each.loss_p_values[cell] < 1e-6
        assert each.p_values[0, 0] == each.p_values[1, 1] == 0.001


def test_datasets_that_do_not_differ_have_no_loss():
    losses, p_values = [], []
    for seed in range(15):
        for each in measure(*make(seed), seed=seed):
            losses += [loss.value for loss in each.losses.values()]
            p_values += list(each.loss_p_values.values())
            assert max(each.p_values.values()) <= 0.01
    assert np.mean(losses) == pytest.approx(0.0, abs=0.02)
    assert np.mean(np.array(p_values) <= 0.05) <= 0.08


def test_two_classes_read_well_are_no_matter_of_luck():
    # A reader of permuted training labels would be right or wrong about nearly all of these, as luck has it.
    for each in measure(*make(0, sizes=(40, 40), n_classes=2, width=3, apart=4.0)):
        assert set(each.p_values.values()) == {0.001}


@pytest.mark.parametrize(("n_classes", "draws"), [(5, 999), (8, 625), (30, 199)])
def test_more_classes_are_permuted_less_often(n_classes, draws):
    for each in measure(*make(0, sizes=(150, 150), n_classes=n_classes, width=40, apart=9.0)):
        assert set(each.p_values.values()) == {1 / (draws + 1)}


def test_the_number_of_threads_does_not_matter(monkeypatch):
    inputs = make(0, sizes=(60, 20, 40), apart=1.0, n_speakers=9)
    together = measure(*inputs)
    monkeypatch.setattr(transfer, "count_threads", lambda: 1)
    assert together == measure(*inputs)


def test_shuffled_labels_carry_nothing_over():
    p_values, losses = [], []
    for seed in range(15):
        features, labels, datasets, speakers = make(seed, sizes=(50, 60), n_speakers=10)
        labels = np.random.default_rng(seed).permutation(labels)
        for each in measure(features, labels, datasets, speakers, seed=seed):
            p_values += list(each.p_values.values())
            losses += list(each.loss_p_values.values())
    assert np.mean(np.array(p_values) <= 0.05) <= 0.08
    assert np.mean(np.array(p_values) <= 0.5) <= 0.6
    assert np.mean(np.array(losses) <= 0.05) <= 0.1


def test_a_small_dataset_is_not_blamed_for_its_size():
    fair, naive = [], []
    for seed in range(8):
        for each in measure(*make(seed, sizes=(18, 120), width=40, apart=2.5), seed=seed):
            fair.append(each.losses[0, 1].value)
            naive.append(each.scores[1, 1].value - each.scores[0, 1].value)
    assert np.mean(naive) > 0.1
    assert abs(np.mean(fair)) < 0.04


def test_reading_with_as_many_as_there_are_changes_nothing():
    features, labels, _, _ = make(7)
    folds = deal_samples(labels, seed=0)
    pupil = Pupil(features, labels, folds, np.empty((120, 0), dtype=int))
    all_of_them = read_with_fewer("centroid", pupil, size=1000, n_classes=3, seed=0)
    assert np.array_equal(all_of_them, read_classes("centroid", pupil, [], n_classes=3).own)
    assert not np.array_equal(all_of_them, read_with_fewer("centroid", pupil, size=9, n_classes=3, seed=0))


def test_a_single_speaker_is_told():
    features, labels, datasets, speakers = make(0, n_speakers=9)
    speakers[datasets == 1] = 5000
    for each in measure(features, labels, datasets, speakers):
        assert each.notes == {(0, 1): SHARED_VOICE, (1, 1): SHARED_VOICE}
        assert "this speaker only" in each.scores[0, 1].interval


def test_speakers_of_one_class_are_permuted_as_a_whole():
    features, labels, datasets, _ = make(0, sizes=(60, 60), apart=3.0)
    speakers = labels + 10 * datasets  # one speaker a class: six arrangements in each dataset, too few for a p
    linear, _ = measure(features, labels, datasets, speakers)
    assert set(linear.p_values.values()) == {None}
    assert linear.scores[0, 1].value > 0.8


def test_why_a_cell_is_empty():
    features, labels, datasets, speakers = make(0, sizes=(60, 60, 12, 4, 30), n_classes=3)
    labels[datasets == 4] = 7
    labels[datasets == 3] = [0, 1, 0, 1]
    labels[datasets == 2] = np.arange(12) % 2
    linear, _ = measure(features, labels, datasets, speakers, n_datasets=6)
    reasons = {cell: score.reason for cell, score in linear.scores.items()}
    assert reasons[0, 1] == reasons[2, 0] == ""
    assert "2 classes, the datasets share 0" in reasons[0, 4]
    assert "2 classes, the dataset has 1" in reasons[4, 4]
    assert "10 samples to learn from, there are 4" in reasons[3, 0]
    assert "10 samples to learn from, there are 9" in reasons[2, 2]
    assert "5 samples to be tested on, there are 4" in reasons[0, 3]
    assert "the dataset has 0" in reasons[5, 5]
    assert linear.scores[0, 2].value is not None
    assert linear.losses[0, 2].value is None  # it can't read itself
    assert linear.losses[0, 2].reason == reasons[2, 2]
    for cell, reason in reasons.items():
        assert (linear.scores[cell].value is None) == bool(reason)
        assert math.isnan(linear.chance[cell]) == bool(reason)
        assert linear.p_values[cell] is None or not reason


def test_a_single_dataset_has_no_transfer():
    features, labels, datasets, speakers = make(0)
    assert measure(features, labels, np.zeros_like(datasets), speakers) == ()
    assert measure(features, labels, np.ones_like(datasets), speakers, n_datasets=2) == ()
    assert measure(features, labels * 0 - 1, datasets, speakers) == ()


@pytest.mark.parametrize("scale", [1e-38, 1.0, 1e38])
@pytest.mark.parametrize("kind", ["zero", "constant", "duplicates", "one sided"])
def test_degenerate_features_give_numbers_all_the_same(kind, scale):
    features, labels, datasets, speakers = make(0, sizes=(30, 40))
    features = {
        "zero": np.zeros_like(features),
        "constant": np.ones_like(features),
        "duplicates": np.repeat(np.clip(features[:7], -1, 1), 10, axis=0),
        "one sided": np.where(datasets[:, None] == 0, 0, np.clip(features, -1, 1)),
    }[kind].astype(np.float32) * np.float32(scale)
    for each in measure(features, labels, datasets, speakers):
        for score in (*each.scores.values(), *each.losses.values()):
            assert score.bounds[0] <= score.low <= score.value <= score.high <= score.bounds[1]
        if kind in ("zero", "constant"):
            assert min(each.p_values.values()) > 0.05
            assert np.mean(list(each.loss_p_values.values())) > 0.05


def test_the_scale_of_the_features_does_not_matter():
    features, labels, datasets, speakers = make(0)
    for plain, scaled in zip(
        measure(features, labels, datasets, speakers),
        measure(features * np.float32(1e-30), labels, datasets, speakers),
        strict=True,
    ):
        assert [s.value for s in plain.scores.values()] == [s.value for s in scaled.scores.values()]


def test_unknown_samples_are_left_out_and_bad_features_refused():
    features, labels, datasets, speakers = make(0, sizes=(40, 40))
    found = measure(features, labels, datasets, speakers)
    extra = np.vstack([features, np.full((2, 12), np.nan, dtype=np.float32)])
    more = (np.append(labels, [-1, 1]), np.append(datasets, [0, -1]), np.append(speakers, [0, 1]))
    again = measure(extra, *more, n_datasets=2)
    assert [each.scores for each in again] == [each.scores for each in found]
    features[5, 5] = np.nan
    with pytest.raises(DataError, match="not finite"):
        measure(features, labels, datasets, speakers)


def test_unknown_speakers_are_one_each():
    features, labels, datasets, speakers = make(0)
    known, unknown = (measure(features, labels, datasets, each) for each in (speakers, np.full_like(speakers, -1)))
    assert [each.scores for each in known] == [each.scores for each in unknown]


def test_the_seed_alone_decides():
    inputs = make(0, apart=1.0)
    first, again, other = (measure(*inputs, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first[0].scores[0, 0] != other[0].scores[0, 0]


def test_many_samples_are_thinned_evenly(monkeypatch):
    monkeypatch.setattr(transfer, "MAX_SAMPLES", 100)
    linear, _ = measure(*make(0, sizes=(300, 30)))
    assert (linear.scores[1, 0].n, linear.scores[0, 1].n) == (70, 30)
