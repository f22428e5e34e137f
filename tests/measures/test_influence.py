import math

import numpy as np
import pytest

from latentscape.measures.bootstrap import Interval
from latentscape.measures.influence import influence_interval, weigh_left_out

FREE = (-math.inf, math.inf)


def test_a_mean_has_its_textbook_interval():
    values = np.array([1.0, 2.0, 4.0, 5.0, 8.0])
    found = influence_interval(4.0, (values - 4.0) / 5, method="m", bounds=FREE)
    half = 1.959963984540054 * math.sqrt(30.0) / 5
    assert (found.low, found.high) == pytest.approx((4 - half, 4 + half))
    assert found.method == "95 % m, n = 5"


def test_leaving_out_gives_a_mean_the_unbiased_error():
    values = np.array([1.0, 2.0, 4.0, 5.0, 8.0])
    left = (values.sum() - values) / 4
    assert np.sum(weigh_left_out(left) ** 2) == pytest.approx(values.var(ddof=1) / 5)
    assert np.corrcoef(weigh_left_out(left), values)[0, 1] == pytest.approx(1)


def test_scales_by_hand():
    influences = np.array([0.1, -0.1, 0.0])
    reach = 1.959963984540054 * math.sqrt(0.02)
    log = influence_interval(2.0, influences, method="m", scale="log", bounds=FREE)
    assert (log.low, log.high) == pytest.approx((2 * math.exp(-reach / 2), 2 * math.exp(reach / 2)))
    fisher = influence_interval(0.5, influences, method="m", scale="fisher", bounds=(-1, 1))
    ends = np.tanh(math.atanh(0.5) + np.array([-1, 1]) * reach / 0.75)
    assert (fisher.low, fisher.high) == pytest.approx(tuple(ends))


def test_ends_are_cut_to_the_bounds():
    found = influence_interval(0.9, np.array([0.3, -0.3, 0.0]), method="m", bounds=(-1.0, 1.0))
    assert found.high == 1.0
    assert found.low < 0.9


@pytest.mark.parametrize(
    ("value", "influences", "scale"),
    [
        (1.0, [0.0, 0.0, 0.0], "plain"),
        (1.0, [1.0, -1.0], "plain"),
        (1.0, [1, 2, -3], "fisher"),
        (0.0, [1, 2, -3], "log"),
    ],
)
def test_nothing_to_go_by_is_no_interval(value, influences, scale):
    found = influence_interval(value, np.array(influences, float), method="m", scale=scale, bounds=FREE)
    assert found == Interval()


def test_a_huge_error_does_not_overflow():
    found = influence_interval(1.0, np.array([1e5, -1e5, 1.0]), method="m", scale="log", bounds=(0.0, math.inf))
    assert found.low == pytest.approx(0)
    assert math.isfinite(found.high)
