import numpy as np
import pytest
from sklearn.model_selection import StratifiedKFold

from latentscape.measures.folds import deal_groups, deal_samples


def count(folds, labels):
    """Samples of each fold (row) and class (column)."""
    table = np.zeros((folds.max() + 1, labels.max() + 1), dtype=int)
    np.add.at(table, (folds, labels), 1)
    return table


def test_five_groups_by_hand():
    groups = np.array([1, 1, 1, 1, 2, 2, 2, 3, 3, 4, 5])
    folds = deal_groups(np.zeros(11, dtype=int), groups, n_folds=2, seed=0)
    assert folds[0] == 0  # four samples, then three on the other side, two with those three, one here, one here
    assert np.bincount(folds).tolist() == [6, 5]
    assert folds[[4, 7]].tolist() == [1, 1]


@pytest.mark.parametrize("seed", range(10))
def test_no_group_is_in_two_folds_and_no_fold_is_empty(seed):
    random = np.random.default_rng(seed)
    groups = random.choice([-7, 3, 10, 11, 40, 41, 99, 100, 500], size=60)
    folds = deal_groups(random.integers(-1, 3, 60), groups, n_folds=5, seed=seed)
    assert sorted(set(folds.tolist())) == [0, 1, 2, 3, 4]
    assert all(len(set(folds[groups == group].tolist())) == 1 for group in set(groups.tolist()))


@pytest.mark.parametrize("seed", range(10))
def test_classes_are_spread_over_the_folds(seed):
    random = np.random.default_rng(seed)
    groups, labels = random.integers(0, 60, 900), random.choice(3, 900, p=[0.6, 0.3, 0.1])
    shares = count(deal_groups(labels, groups, n_folds=5, seed=seed), labels) / np.bincount(labels)
    assert abs(shares - 0.2).max() < 0.05
    alternating = np.unique(groups, return_inverse=True)[1] % 5
    assert shares.std() < (count(alternating, labels) / np.bincount(labels)).std()


def test_groups_of_one_class_each_are_spread_too():
    groups = np.repeat(np.arange(20), 5)
    folds = deal_groups(groups % 2, groups, n_folds=5, seed=3)
    assert count(folds, groups % 2).tolist() == [[10, 10]] * 5


def test_folds_of_groups_do_not_notice_labels_permuted_inside_them():
    random = np.random.default_rng(0)
    groups, labels = np.repeat(np.arange(12), 10), random.integers(0, 4, 120)
    permuted = labels.reshape(12, 10)[:, ::-1].ravel()
    assert not np.array_equal(labels, permuted)
    assert np.array_equal(*(deal_groups(each, groups, n_folds=5, seed=1) for each in (labels, permuted)))


@pytest.mark.parametrize("n_groups", [1, 2, 4])
def test_there_are_never_more_folds_than_groups(n_groups):
    groups = np.arange(12) % n_groups
    assert set(deal_groups(np.arange(12) % 3, groups, n_folds=5, seed=0).tolist()) == set(range(n_groups))


@pytest.mark.parametrize(("n", "n_folds"), [(17, 5), (100, 5), (6, 5), (23, 2), (50, 10)])
def test_samples_are_dealt_as_evenly_as_by_scikit_learn(n, n_folds):
    labels = np.random.default_rng(n).choice([0, 0, 0, 1], size=n)
    table = count(deal_samples(labels, n_folds=n_folds, seed=0), labels)
    assert np.ptp(table, axis=0).max() <= 1
    assert np.ptp(table.sum(axis=1)) <= 1
    if np.bincount(labels).min() >= n_folds:
        theirs = [labels[test] for _, test in StratifiedKFold(n_folds).split(labels, labels)]
        assert np.ptp([len(test) for test in theirs]) >= np.ptp(table.sum(axis=1))


def test_samples_are_dealt_at_random():
    labels = np.repeat([0, 1], 500)
    first, again, other = (deal_samples(labels, n_folds=5, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert np.mean(first == other) == pytest.approx(0.2, abs=0.06)
    assert np.corrcoef(first, np.arange(1000))[0, 1] == pytest.approx(0.0, abs=0.1)


@pytest.mark.parametrize("n", [0, 1, 2])
def test_the_smallest_studies(n):
    assert deal_samples(np.zeros(n, dtype=int), seed=0).tolist() == list(np.argsort(np.argsort([0, 1][:n]))) or n == 2
    assert sorted(deal_groups(np.zeros(n, dtype=int), np.arange(n), seed=0).tolist()) == list(range(n))
