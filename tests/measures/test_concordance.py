import numpy as np
import pytest
from scipy.stats import kendalltau

from latentscape.measures.concordance import correlate_concordance, count_below


def make_case(seed):
    random = np.random.default_rng(seed)
    n = random.integers(2, 40)
    return random.integers(0, random.integers(1, 12) + 1, n).astype(float), random.integers(0, 8, n) / 8


def test_five_items_by_hand():
    """x = 1 2 3 4 5, y = 2 1 3 5 5: nine pairs that differ in y, eight concordant, one not; tau-b = 7 / sqrt(90)."""
    tau, slopes = correlate_concordance(np.arange(5.0), np.array([2.0, 1, 3, 5, 5]))
    assert tau == pytest.approx(7 / np.sqrt(90))
    assert slopes.sum() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("seed", range(60))
def test_agrees_with_scipy_and_with_counting(seed):
    x, y = make_case(seed)
    below = ((x[None] < x[:, None]) & (y[None] < y[:, None])).sum(axis=1)
    assert count_below(x, y).tolist() == below.tolist()
    tau, _ = correlate_concordance(x, y)
    expected = kendalltau(x, y).statistic if np.ptp(x) and np.ptp(y) else None
    assert tau == (None if expected is None else pytest.approx(expected, abs=1e-12))


@pytest.mark.parametrize("seed", range(8))
def test_slopes_are_those_of_weights(seed):
    """An item of weight 1 + e, as a sum over all pairs of items, moves tau by e times its slope."""
    x, y = make_case(100 + seed)

    def weigh(weights):
        both = np.outer(weights, weights)
        a, b = np.sign(x[:, None] - x), np.sign(y[:, None] - y)
        return (both * a * b).sum() / np.sqrt((both * a**2).sum() * (both * b**2).sum())

    tau, slopes = correlate_concordance(x, y)
    assert weigh(np.ones(len(x))) == pytest.approx(tau)
    for item in range(len(x)):
        up, down = (np.where(np.arange(len(x)) == item, 1 + step, 1.0) for step in (1e-5, -1e-5))
        assert slopes[item] == pytest.approx((weigh(up) - weigh(down)) / 2e-5, abs=1e-6)


def test_nothing_varies():
    assert correlate_concordance(np.zeros(4), np.arange(4.0))[0] is None
    assert correlate_concordance(np.arange(4.0), np.zeros(4))[0] is None
    assert correlate_concordance(np.zeros(1), np.zeros(1))[0] is None
