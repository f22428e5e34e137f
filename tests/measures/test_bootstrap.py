import numpy as np
import pytest
from scipy.stats import binomtest

from latentscape.measures.bootstrap import (
    bootstrap_interval,
    draw_counts,
    mean_share_interval,
    resample_sums,
    score_share,
    wilson,
    wilson_interval,
)


@pytest.mark.parametrize(("hits", "n"), [(0, 1), (1, 1), (0, 30), (30, 30), (7, 12), (1, 1000), (4096, 5000)])
def test_wilson_agrees_with_scipy(hits, n):
    theirs = binomtest(hits, n).proportion_ci(method="wilson")
    assert wilson_interval(hits, n) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


@pytest.mark.parametrize(("hits", "n"), [(0, 5), (5, 5), (0, 2000), (2000, 2000)])
def test_wilson_contains_its_share_and_keeps_a_width(hits, n):
    low, high = wilson_interval(hits, n)
    assert 0.0 <= low <= hits / n <= high <= 1.0
    assert high > low


def test_wilson_of_nothing_is_no_interval():
    assert wilson(0.0, 0).low is None
    assert score_share("x", 0, 0, reason="nobody came").reason == "nobody came"


def test_every_draw_takes_n_units():
    counts = np.concatenate(list(draw_counts(7, seed=3, n_draws=250)))
    assert counts.shape == (250, 7)
    assert (counts.sum(axis=1) == 7).all()
    assert counts.mean(axis=0) == pytest.approx(np.ones(7), abs=0.25)


def test_the_seed_alone_decides():
    first, again, other = (resample_sums(np.arange(20.0)[:, None], seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_resampled_sums_are_sums_of_the_units_drawn():
    values = np.array([[1.0, 10.0], [2.0, 20.0], [4.0, 40.0]])
    counts = np.concatenate(list(draw_counts(3, seed=5, n_draws=40)))
    expected = [sum(count * value for count, value in zip(row, values, strict=True)) for row in counts]
    assert resample_sums(values, seed=5, n_draws=40) == pytest.approx(np.array(expected))


def test_interval_of_a_mean_is_about_two_standard_errors():
    values = np.random.default_rng(0).normal(3.0, 1.0, size=(400, 1))
    draws = resample_sums(values, seed=0)[:, 0] / 400
    interval = bootstrap_interval(draws, unit="samples", n_units=400)
    assert interval.high - interval.low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.1)
    assert interval.low < values.mean() < interval.high


def test_a_single_unit_has_no_interval():
    assert bootstrap_interval(np.ones(1000), unit="samples", n_units=1).low is None
    assert mean_share_interval(np.ones(1000), 1.0, unit="samples", n_units=1).low is None


def test_undefined_draws_are_left_out_until_they_are_the_majority():
    draws = np.array([np.nan] * 40 + list(np.linspace(0, 1, 60)))
    interval = bootstrap_interval(draws, unit="samples", n_units=9)
    assert (interval.low, interval.high) == pytest.approx((0.025, 0.975))
    assert bootstrap_interval(np.append(draws, [np.nan] * 21), unit="samples", n_units=9).low is None


def test_units_that_all_agree_get_wilsons_interval():
    interval = mean_share_interval(np.ones(1000), 1.0, unit="queries", n_units=20)
    assert (interval.low, interval.high) == wilson_interval(20, 20)
    assert "Wilson" in interval.method


def test_many_units_are_drawn_in_groups_that_vary_as_they_do():
    values = np.random.default_rng(3).normal(size=(12_345, 2)) * [1.0, 5.0] + [0.0, 40.0]
    drawn = resample_sums(values, seed=0) / len(values)
    np.testing.assert_allclose(drawn.mean(axis=0), values.mean(axis=0), atol=0.02 * values.std(axis=0).max())
    expected = values.std(axis=0) / np.sqrt(len(values))
    np.testing.assert_allclose(drawn.std(axis=0), expected, rtol=0.1)
    assert np.array_equal(drawn, resample_sums(values, seed=0) / len(values))
