from collections import Counter

import numpy as np
import pytest
from sklearn.model_selection import GroupShuffleSplit

from latentscape.datasets.speech import read_speech
from latentscape.datasets.splits import split_by_speaker, stratified_sample
from latentscape.errors import DataError, UsageError


def people(*counts):
    """Speakers p00, p01, ... with so many samples each, shuffled, as one data set."""
    names = [f"d/p{number:02}" for number, count in enumerate(counts) for _ in range(count)]
    np.random.default_rng(3).shuffle(names)
    return names, np.zeros(len(names), dtype=int)


@pytest.mark.parametrize("seed", [0, 1, 42])
@pytest.mark.parametrize("val_split", [0.1, 0.2, 0.5, 0.75])
def test_same_speakers_as_the_original_tools_draw(val_split, seed):
    speakers, dataset_ids = people(*range(1, 25))
    train, validation = split_by_speaker(speakers, dataset_ids, val_split=val_split, seed=seed)
    oracle = GroupShuffleSplit(n_splits=1, test_size=val_split, random_state=seed)
    expected_train, expected_validation = next(oracle.split(speakers, groups=speakers))
    np.testing.assert_array_equal(train, expected_train)
    np.testing.assert_array_equal(validation, expected_validation)


def test_each_data_set_is_split_by_itself():
    a, _ = people(5, 5, 5, 5, 5)
    b, _ = people(2, 2)
    b = [name.replace("d/", "e/") for name in b]
    dataset_ids = np.array([0] * len(a) + [1] * len(b))
    train, validation = split_by_speaker(a + b, dataset_ids, val_split=0.2, seed=7)
    alone = split_by_speaker(a, np.zeros(len(a), dtype=int), val_split=0.2, seed=7)
    assert validation[validation < len(a)].tolist() == alone[1].tolist()
    assert Counter(dataset_ids[validation].tolist()) == {0: 5, 1: 2}
    assert sorted([*train, *validation]) == list(range(len(a) + len(b)))


def test_no_speaker_is_on_both_sides_and_both_sides_have_one():
    for n_speakers in range(2, 12):
        for val_split in (0.01, 0.2, 0.5, 0.99):
            speakers, dataset_ids = people(*[3] * n_speakers)
            train, validation = split_by_speaker(speakers, dataset_ids, val_split=val_split, seed=42)
            sides = [{speakers[row] for row in rows} for rows in (train, validation)]
            assert not sides[0] & sides[1]
            assert all(sides)


def test_one_speaker_names_the_data_set():
    speakers = ["crema-d/1001", "crema-d/1002", "solo/x", "solo/x"]
    with pytest.raises(DataError, match="the dataset `solo` has only one speaker"):
        split_by_speaker(speakers, np.array([0, 0, 1, 1]), val_split=0.2, seed=1)


@pytest.mark.parametrize("val_split", [0.0, 1.0, -0.1, 1.5, float("nan")])
def test_shares_that_leave_one_side_empty(val_split):
    with pytest.raises(UsageError, match="val_split"):
        split_by_speaker(["a", "b"], np.array([0, 0]), val_split=val_split, seed=1)


def test_nothing_to_split():
    with pytest.raises(DataError, match="no samples"):
        split_by_speaker([], np.array([], dtype=int), val_split=0.2, seed=1)


def test_real_validation_speakers(shared_data):
    speech = shared_data / "speech"
    samples = read_speech([("ravdess", speech / "ravdess"), ("crema-d", speech / "crema-d")])
    train, validation = split_by_speaker(samples.speakers, samples.dataset_ids, val_split=0.2, seed=42)
    assert sorted({samples.speakers[row] for row in validation}) == ["crema-d/1001", "crema-d/1002", "ravdess/02"]
    assert (len(train), len(validation)) == (508, 223)


def test_a_sample_keeps_the_proportions():
    groups = [(0, "a")] * 60 + [(1, "a")] * 30 + [(1, "b")] * 10
    rows = stratified_sample(groups, n=20, seed=1)
    assert Counter(groups[row] for row in rows) == {(0, "a"): 12, (1, "a"): 6, (1, "b"): 2}
    assert rows.tolist() == sorted(set(rows.tolist()))


def test_small_groups_keep_one_each():
    groups = ["big"] * 997 + ["x", "y", "z"]
    assert Counter(groups[row] for row in stratified_sample(groups, n=10, seed=1)) == {"big": 7, "x": 1, "y": 1, "z": 1}


def test_fewer_than_groups_takes_the_largest():
    groups = ["a"] * 3 + ["b"] * 5 + ["c"] * 4
    assert sorted(groups[row] for row in stratified_sample(groups, n=2, seed=1)) == ["b", "c"]


@pytest.mark.parametrize("seed", range(5))
def test_exactly_n_for_every_n_and_never_more_than_a_group_has(seed):
    random = np.random.default_rng(seed)
    groups = random.choice(7, size=41, p=random.dirichlet(np.ones(7) / 2)).tolist()
    sizes = Counter(groups)
    for n in range(1, 41):
        rows = stratified_sample(groups, n=n, seed=seed)
        counts = Counter(groups[row] for row in rows)
        assert len(set(rows.tolist())) == n
        assert all(counts[group] <= sizes[group] for group in counts)
        assert n < len(sizes) or set(counts) == set(sizes)


def test_all_when_zero_or_enough_and_the_same_for_the_same_seed():
    groups = ["a", "b"] * 10
    for n in (0, 20, 99):
        assert stratified_sample(groups, n=n, seed=1).tolist() == list(range(20))
    draws = [stratified_sample(groups, n=6, seed=seed).tolist() for seed in (1, 1, 2)]
    assert draws[0] == draws[1] != draws[2]
    assert stratified_sample([], n=5, seed=1).tolist() == []
    with pytest.raises(UsageError):
        stratified_sample(groups, n=-1, seed=1)
