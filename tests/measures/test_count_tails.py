import numpy as np
import pytest
from scipy.stats import binom, nbinom, poisson

from latentscape.measures.count_tails import measure_tails


def spread(value):
    return np.full(12, float(value))


@pytest.mark.parametrize(("n", "p"), [(40, 0.1), (11, 0.5), (1000, 0.003), (12, 0.95)])
def test_less_variance_than_the_mean_is_binomial(n, p):
    counts = np.arange(12.0)
    low, high = measure_tails(counts, spread(n * p), spread(n * p * (1 - p)))
    assert low == pytest.approx(binom.cdf(counts, n, p), rel=1e-8, abs=1e-14)
    within = counts <= n
    assert high[within] == pytest.approx(binom.sf(counts - 1, n, p)[within], rel=1e-8)


@pytest.mark.parametrize(("size", "p"), [(3.5, 0.4), (0.2, 0.9), (50, 0.97)])
def test_more_variance_than_the_mean_is_negative_binomial(size, p):
    counts, mean = np.arange(12.0), size * (1 - p) / p
    low, high = measure_tails(counts, spread(mean), spread(mean / p))
    assert low == pytest.approx(nbinom.cdf(counts, size, p), rel=1e-8)
    assert high == pytest.approx(nbinom.sf(counts - 1, size, p), rel=1e-7)


@pytest.mark.parametrize("mean", [1e-6, 0.3, 7.0])
def test_equal_variance_is_poisson(mean):
    counts = np.arange(12.0)
    low, high = measure_tails(counts, spread(mean), spread(mean))
    assert low == pytest.approx(poisson.cdf(counts, mean), rel=1e-9)
    assert high == pytest.approx(poisson.sf(counts - 1, mean), rel=1e-9)


def test_a_count_beyond_the_trials_is_unlikely_not_impossible():
    low, high = measure_tails(np.array([10.0]), np.array([4.0]), np.array([1.0]))
    assert low[0] == 1
    assert high[0] == pytest.approx(0.4**10)
