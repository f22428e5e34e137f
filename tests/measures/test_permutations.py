from itertools import permutations

import numpy as np
import pytest

from latentscape.measures.permutations import count_arrangements, holm, p_value_of, permute_labels


def list_arrangements(labels, groups, *, within=None):
    return {tuple(row) for row in permute_labels(labels, groups, n=4000, seed=0, within=within).tolist()}


def test_labels_that_vary_inside_groups_stay_inside_them():
    labels, groups = np.array([0, 1, 2, 5, 5, 6, 9]), np.array([4, 4, 4, 7, 7, 7, 1])
    found = list_arrangements(labels, groups)
    expected = {(*a, *b, 9) for a in permutations([0, 1, 2]) for b in permutations([5, 5, 6])}
    assert found == expected
    assert count_arrangements(labels, groups) == len(expected) == 18


def test_groups_of_one_label_trade_as_a_whole():
    labels, groups = np.array([0, 0, 0, 1, 1, 2]), np.array([8, 8, 8, 3, 3, 5])
    expected = {(a, a, a, b, b, c) for a, b, c in permutations([0, 1, 2])}
    assert list_arrangements(labels, groups) == expected
    assert count_arrangements(labels, groups) == 6


def test_samples_that_are_groups_of_their_own_are_permuted_freely():
    labels = np.array([0, 0, 1, 1, 1])
    assert list_arrangements(labels, np.arange(5)) == set(permutations(labels.tolist()))
    assert count_arrangements(labels, np.arange(5)) == 10


def test_mixed_groups_and_single_labels_do_not_trade_with_each_other():
    labels, groups = np.array([0, 1, 0, 1, 2]), np.array([1, 1, 2, 3, 4])
    expected = {(*a, *b) for a in permutations([0, 1]) for b in permutations([0, 1, 2])}
    assert list_arrangements(labels, groups) == expected
    assert count_arrangements(labels, groups) == 12


def test_labels_stay_within_what_they_are_told_to():
    labels, within = np.array([0, 1, 0, 2, 2, 0]), np.array([9, 9, 9, 1, 1, 1])
    expected = {(*a, *b) for a in permutations([0, 1, 0]) for b in permutations([2, 2, 0])}
    for groups in (np.arange(6), np.zeros(6, dtype=int)):
        assert list_arrangements(labels, groups, within=within) == expected
        assert count_arrangements(labels, groups, within=within) == len(expected) == 9


def test_every_arrangement_is_as_likely():
    draws = permute_labels(np.array([0, 0, 1, 2]), np.arange(4), n=12000, seed=3)
    counts = np.unique(draws, axis=0, return_counts=True)[1]
    assert len(counts) == 12
    assert np.square(counts - 1000).sum() / 1000 < 31.3  # chi-square with 11 degrees of freedom, p = 0.001


def test_the_seed_alone_decides_and_the_input_is_left_alone():
    labels, groups = np.random.default_rng(0).integers(0, 5, 200), np.random.default_rng(1).integers(0, 20, 200)
    before = labels.copy()
    first, again, other = (permute_labels(labels, groups, n=50, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert np.array_equal(labels, before)
    for group in range(20):
        assert (np.sort(first[:, groups == group], axis=1) == np.sort(labels[groups == group])).all()


@pytest.mark.parametrize("n", [0, 1, 2])
def test_nothing_to_permute(n):
    labels = np.zeros(n, dtype=int)
    assert permute_labels(labels, labels, n=3, seed=0).shape == (3, n)
    assert count_arrangements(labels, labels) == 1


def test_p_counts_the_real_labels_as_one_arrangement():
    null = np.array([0.1, 0.2, 0.3, 0.4])
    assert [p_value_of(null, observed) for observed in (0.5, 0.4, 0.15, 0.0)] == [0.2, 0.4, 0.8, 1.0]
    assert p_value_of(np.array([0.1 + 0.2]), 0.3) == 1.0  # equal but for rounding
    assert p_value_of(np.empty(0), 1.0) == 1.0


@pytest.mark.parametrize("n", [0, 1, 2, 3, 7, 12])
@pytest.mark.parametrize("seed", range(5))
def test_holm_as_in_the_paper(n, seed):
    """Against the definition: in ascending order, stop at the first that fails; adjusted p is where it starts to."""
    p_values = (np.random.default_rng(seed).random(n) ** 3).round(1 + seed).tolist()
    adjusted = holm(np.array(p_values))
    order = np.argsort(p_values, kind="stable")
    largest = 0.0
    for rank, place in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[place]))
        assert adjusted[place] == pytest.approx(largest)


def test_holm_keeps_false_alarms_at_the_level():
    random = np.random.default_rng(0)
    alarms = [bool((holm(random.random(10)) <= 0.05).any()) for _ in range(2000)]
    assert 0.03 < np.mean(alarms) < 0.07
