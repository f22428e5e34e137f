import doctest

import numpy as np
import pytest
from scipy.stats import permutation_test

from latentscape.measures import exchange
from latentscape.measures.exchange import exchange_p_values


@pytest.mark.parametrize("n", [6, 9, 12])
def test_few_units_are_exchanged_in_every_way(n):
    """SciPy's paired permutation test lists all patterns too."""
    random = np.random.default_rng(n)
    first, second = random.random((2, n)) + np.array([[0], [0.2]])
    expected = permutation_test((second - first,), np.mean, permutation_type="samples", n_resamples=np.inf)
    p_values = exchange_p_values((second - first)[:, None], seed=0)
    assert p_values == pytest.approx([expected.pvalue], abs=1e-12)


def test_many_units_are_exchanged_at_random():
    random = np.random.default_rng(1)
    differences = random.normal(0.12, 1.0, 200)
    found = exchange_p_values(differences[:, None], seed=0)
    expected = permutation_test((differences,), np.mean, permutation_type="samples", n_resamples=19999, rng=random)
    assert found == pytest.approx([expected.pvalue], abs=0.015)
    assert 0.02 < expected.pvalue < 0.5


def test_more_than_five_thousand_units_change_sign_in_groups():
    random = np.random.default_rng(0)
    p_values = exchange_p_values(random.normal([0.0, 0.08], 1.0, (6000, 2)), seed=0)
    assert p_values[0] > 0.05
    assert p_values[1] == pytest.approx(1e-4)


def test_six_units_by_hand():
    """Two of 64 patterns have all units on one side; with one unit the other way 14 are as far off."""
    assert exchange_p_values(np.ones((6, 1)), seed=0) == pytest.approx([2 / 64])
    assert exchange_p_values(np.array([[1.0]] * 5 + [[-1.0]]), seed=0) == pytest.approx([14 / 64])


def test_too_few_units_have_no_p():
    assert exchange_p_values(np.ones((5, 1)), seed=0) is None
    assert exchange_p_values(np.ones((0, 1)), seed=0) is None


@pytest.mark.parametrize("n", [6, 40, 6000])
def test_units_that_do_not_differ_have_a_p_of_one(n):
    assert exchange_p_values(np.zeros((n, 2)), seed=0).tolist() == [1.0, 1.0]


def test_columns_are_judged_as_if_each_were_alone():
    differences = np.random.default_rng(0).normal(0.2, 1.0, (50, 3))
    together = exchange_p_values(differences, seed=3)
    assert together.tolist() == [exchange_p_values(differences[:, [i]], seed=3)[0] for i in range(3)]


def test_examples():
    assert doctest.testmod(exchange).failed == 0
