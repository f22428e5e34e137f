import numpy as np
import pytest
from sklearn.isotonic import IsotonicRegression

from latentscape.measures.surprise import measure_surprise


def expect_by_hand(distances, rates, sizes, left_out):
    """Isotonic regression of the others by scikit-learn, and half a confusion of shrinkage."""
    rest = np.arange(len(rates)) != left_out
    fit = IsotonicRegression(increasing=False, out_of_bounds="clip")
    fit.fit(distances[rest], rates[rest], sample_weight=sizes[rest])
    level = fit.predict(distances)
    behind = [sizes[rest][level[rest] == step].sum() for step in level[rest]]
    order = np.argsort(distances[rest])
    samples = np.interp(distances[left_out], distances[rest][order], np.array(behind)[order])
    mean = (np.sum(rates[rest] * sizes[rest]) + 0.5) / (sizes[rest].sum() + 1)
    return (level[left_out] * samples + 0.5) / (samples + 0.5 / mean)


@pytest.mark.parametrize("seed", range(3))
def test_the_expectation_is_isotonic_regression_of_the_others(seed):
    random = np.random.default_rng(seed)
    distances, sizes = random.random(21), random.integers(20, 200, 21)
    rates = random.binomial(sizes, 0.3 * (1 - distances)) / sizes
    found = measure_surprise(distances, rates, sizes)
    by_hand = [expect_by_hand(distances, rates, sizes, i) for i in range(21)]
    assert found.expected == pytest.approx(by_hand, abs=1e-9)


def test_five_pairs_by_hand():
    """Four pairs with 10 of 100 expect 10 % of the fifth; 40 of 100 is many, and three degrees of freedom temper it."""
    rates = np.array([0.1, 0.1, 0.1, 0.1, 0.4])
    found = measure_surprise(np.arange(5.0), rates, np.full(5, 100))
    assert found.expected[4] == pytest.approx(0.1, abs=2e-3)
    assert 2 < found.surprise[4] < 4
    assert found.surprise[4] == found.surprise.max()


def test_a_far_pair_that_is_never_mixed_up_surprises_nobody():
    distances = np.arange(10.0)
    rates = np.array([0.2, 0.2, 0.2, 0.2, 0.2, 0, 0, 0, 0, 0])
    surprise = measure_surprise(distances, rates, np.full(10, 100)).surprise
    assert np.abs(surprise[6:]).max() < 1
    assert np.abs(surprise).max() < 2  # at the edge it might have been either
    near = measure_surprise(distances, np.where(distances == 2, 0, rates), np.full(10, 100)).surprise
    assert near[2] < -2
    assert near[2] == near.min()


@pytest.mark.parametrize(("n", "rate", "between"), [(20, 0.05, 0), (100, 0.01, 0), (400, 0.05, 0), (200, 0.1, 0.02)])
def test_chance_is_hardly_ever_surprising(n, rate, between):
    """Rates that have nothing to do with distances, equal or scattered: all surprises are noise of size 1."""
    random, found = np.random.default_rng(n), []
    for _ in range(60):
        classes = random.integers(n // 2, 2 * n, 8)
        a, b = np.triu_indices(8, 1)
        sizes = classes[a] + classes[b]
        chances = random.beta(rate / between - rate, (1 - rate) * (1 / between - 1), 28) if between else rate
        found.append(measure_surprise(random.random(28), random.binomial(sizes, chances) / sizes, sizes).surprise)
    found = np.array(found)
    assert np.mean(np.abs(found) > 3) <= 0.008
    assert np.mean(np.abs(found) > 2) <= 0.08
    assert 0.7 < found.std() < 1.2
    assert abs(np.median(found)) < 0.25


@pytest.mark.parametrize("n", [0, 1, 3])
def test_few_pairs_expect_nothing(n):
    found = measure_surprise(np.arange(float(n)), np.zeros(n), np.ones(n, dtype=int))
    assert len(found.expected) == len(found.surprise) == 0


@pytest.mark.parametrize("rate", [0.0, 1.0])
def test_extreme_rates_and_distances_are_finite(rate):
    for distances in (np.zeros(6), np.array([0, 0, 1, 1, 1e300, 1e300])):
        found = measure_surprise(distances, np.full(6, rate), np.full(6, 2))
        assert np.isfinite(found.expected).all()
        assert np.abs(found.surprise).max() < 1
        one = np.full(6, rate)
        one[3] = 1 - rate
        assert np.isfinite(measure_surprise(distances, one, np.full(6, 10**6)).surprise).all()


def test_many_pairs_are_left_out_together_with_little_effect():
    random = np.random.default_rng(0)
    distances, sizes = random.random(780), random.integers(50, 150, 780)
    rates = random.binomial(sizes, 0.2 * (1 - distances)) / sizes
    found = measure_surprise(distances, rates, sizes)
    for i in range(0, 780, 97):
        assert found.expected[i] == pytest.approx(expect_by_hand(distances, rates, sizes, i), abs=0.02)
