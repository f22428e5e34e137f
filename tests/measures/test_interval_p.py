"""A p read off an interval is that of the normal distribution the interval came from."""

import pytest
from scipy.stats import norm

from latentscape.measures.interval_p import p_above, p_apart, p_below
from latentscape.measures.score import Score


def score(value, deviation):
    half = norm.ppf(0.975) * deviation
    return Score(name="x", value=value, n=9, low=value - half, high=value + half, bounds=(-9.0, 9.0))


@pytest.mark.parametrize("value", [-2.0, -0.3, 0.0, 0.5, 3.0])
@pytest.mark.parametrize("deviation", [0.1, 0.7, 2.0])
@pytest.mark.parametrize("bound", [-0.5, 0.0, 1.0])
def test_against_the_normal_distribution(value, deviation, bound):
    given, z = score(value, deviation), (value - bound) / deviation
    assert p_above(given, bound) == pytest.approx(norm.sf(z), abs=1e-12)
    assert p_below(given, bound) == pytest.approx(norm.cdf(z), abs=1e-12)
    assert p_apart(given, bound) == pytest.approx(2 * norm.sf(abs(z)), abs=1e-12)


def test_without_an_interval_there_is_no_p():
    for bare in (Score(name="x", value=1.0, n=1), Score(name="x", value=None, n=0, reason="none")):
        assert p_above(bare, 0.0) is p_below(bare, 0.0) is p_apart(bare, 0.0) is None


def test_an_interval_without_width_is_certain():
    sure = Score(name="x", value=0.4, n=5, low=0.4, high=0.4)
    assert p_below(sure, 0.5) == 0.0 and p_above(sure, 0.5) == 1.0
    assert p_apart(sure, 0.4) == 1.0
