import tracemalloc
from itertools import combinations

import numpy as np
import pytest

from latentscape.measures.equal_pairs import find_equal_pairs


def make_case(seed, n=80):
    random = np.random.default_rng(seed)
    values = random.integers(0, 6, n) / 2
    others = [random.integers(0, 3, n).astype(float) for _ in range(2)]
    for column in (values, *others):
        column[random.random(n) < 0.2] = np.nan
    return values, others


def pair_by_hand(values, others):
    def same(a, b):
        return a == b or (np.isnan(a) and np.isnan(b))

    known = np.flatnonzero(np.isfinite(values)).tolist()
    return {(a, b) for a, b in combinations(known, 2) if all(same(each[a], each[b]) for each in others)}


@pytest.mark.parametrize("seed", range(10))
def test_finds_all_pairs_and_no_other(seed):
    values, others = make_case(seed)
    found = find_equal_pairs(values, others, seed=0)
    pairs = [(min(a, b), max(a, b)) for a, b in zip(found.first.tolist(), found.second.tolist(), strict=True)]
    assert len(set(pairs)) == len(pairs)
    assert set(pairs) == pair_by_hand(values, others)
    assert found.difference == pytest.approx(np.abs(values[found.first] - values[found.second]))
    for group in np.unique(found.group):
        members = np.unique([found.first[found.group == group], found.second[found.group == group]])
        assert np.sum(found.group == group) == len(members) * (len(members) - 1) // 2


def test_a_sample_of_many_pairs():
    random = np.random.default_rng(0)
    values, others = random.random(3_000), [random.integers(0, 2, 3_000).astype(float)]
    found = find_equal_pairs(values, others, most=5_000, seed=1)
    again, other = (find_equal_pairs(values, others, most=5_000, seed=seed) for seed in (1, 2))
    assert np.array_equal(found.first, again.first)
    assert not np.array_equal(found.first, other.first)
    assert len(found.first) == 5_000
    assert len(np.unique(found.first * 3_000 + found.second)) == 5_000
    assert np.array_equal(others[0][found.first], others[0][found.second])
    assert not np.any(found.first == found.second)
    assert found.difference.mean() == pytest.approx(1 / 3, abs=0.02), "a third is the mean distance of two of [0, 1]"


def test_no_list_of_all_pairs_is_made():
    values = np.random.default_rng(0).random(50_000)  # 10 GB of pairs
    tracemalloc.start()
    found = find_equal_pairs(values, [], most=5_000, seed=1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(found.first) == 5_000
    assert peak < 16e6


def test_equal_differences_are_equal():
    found = find_equal_pairs(np.array([5.6, 5.5, 3.1, 3.0]), [np.array([0.0, 0, 1, 1])], seed=0)
    assert found.difference[0] == found.difference[1]


@pytest.mark.parametrize("values", [[], [1.0], [np.nan, np.nan], [np.nan, 2.0], [np.inf, 1.0]])
def test_no_pairs(values):
    assert len(find_equal_pairs(np.array(values), [np.zeros(len(values))], seed=0).first) == 0


def test_all_zero():
    assert find_equal_pairs(np.zeros(3), [], seed=0).difference.tolist() == [0, 0, 0]
