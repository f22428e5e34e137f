import doctest

import numpy as np
import pytest

from latentscape.measures import outcomes
from latentscape.measures.outcomes import sort_outcomes


@pytest.mark.parametrize("n", [0, 1, 50])
def test_every_sample_has_exactly_one_outcome(n):
    first, second = np.random.default_rng(n).random((2, n)) < 0.5
    found = sort_outcomes(first, second)
    assert sorted(np.concatenate(list(found.values())).tolist()) == list(range(n))
    for name, rows in found.items():
        was, is_now = {
            "fixed": (False, True), "broken": (True, False), "still wrong": (False, False), "still right": (True, True)
        }[name]  # fmt: skip
        assert np.all(first[rows] == was)
        assert np.all(second[rows] == is_now)


def test_fixed_and_broken_make_up_the_difference():
    first, second = np.random.default_rng(1).random((2, 80)) < [[0.4], [0.6]]
    found = sort_outcomes(first, second)
    assert len(found["fixed"]) - len(found["broken"]) == second.sum() - first.sum()


def test_examples():
    assert doctest.testmod(outcomes).failed == 0
