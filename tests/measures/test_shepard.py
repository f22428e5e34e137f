"""Spearman's correlation of distances: SciPy as an oracle, ties, and an interval over samples."""

import numpy as np
import pytest
from scipy.spatial.distance import pdist
from scipy.stats import spearmanr

from latentscape.engine import Crew
from latentscape.measures import shepard
from latentscape.measures.bootstrap import draw_counts
from latentscape.measures.shepard import measure_shepard
from latentscape.measures.spaces import open_space


def measure(features, xy, *, metric="euclidean", rows=None, seed=0):
    rows = np.arange(len(features)) if rows is None else rows
    draws = np.concatenate(list(draw_counts(len(rows), seed=seed, n_draws=400)))
    with Crew(2) as crew:
        sides = (
            open_space(np.asarray(features, float), metric=metric),
            open_space(np.asarray(xy, float), metric="euclidean"),
        )
        return measure_shepard(*sides, rows, draws=draws, seed=seed, crew=crew)


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("n", [3, 4, 10, 60, 141])
def test_over_all_pairs_it_is_scipys(n, metric):
    rng = np.random.default_rng(n)
    features = rng.normal(size=(n, 6))
    xy = features[:, :2] + rng.normal(size=(n, 2))
    expected = spearmanr(pdist(features, metric), pdist(xy)).statistic
    assert measure(features, xy, metric=metric).value == pytest.approx(expected, abs=1e-12)


def test_ties_share_the_mean_rank_as_in_scipy():
    grid = np.stack(np.meshgrid(range(6), range(6)), axis=-1).reshape(-1, 2)
    xy = np.random.default_rng(0).integers(0, 4, size=(36, 2))
    assert measure(grid, xy).value == pytest.approx(spearmanr(pdist(grid), pdist(xy)).statistic, abs=1e-12)


def test_random_pairs_come_near_all_pairs(monkeypatch):
    rng = np.random.default_rng(1)
    features = rng.normal(size=(400, 3))
    xy = features[:, :2] + 0.5 * rng.normal(size=(400, 2))
    some = measure(features, xy, seed=1)
    assert some.value == pytest.approx(spearmanr(pdist(features), pdist(xy)).statistic, abs=0.03)
    assert some.value != measure(features, xy, seed=2).value
    assert some == measure(features, xy, seed=1)
    assert (some.n, some.bounds, some.better) == (400, (-1.0, 1.0), "higher")


def test_drawn_pairs_are_different_pairs():
    pairs = shepard._draw_pairs(400, seed=0)
    assert len(np.unique(pairs, axis=0)) == len(pairs) == shepard.N_PAIRS
    assert (pairs[:, 0] < pairs[:, 1]).all()
    assert (pairs.min(), pairs.max() < 400) == (0, True)
    assert shepard._draw_pairs(4, seed=0).tolist() == [[0, 1], [0, 2], [1, 2], [0, 3], [1, 3], [2, 3]]


def test_a_sample_drawn_twice_weighs_like_two_samples():
    rng = np.random.default_rng(3)
    features, xy = rng.normal(size=(8, 3)), rng.normal(size=(8, 2))
    pairs = shepard._draw_pairs(8, seed=0)
    far, shown = pdist(features)[order_of(pairs, 8)], pdist(xy)[order_of(pairs, 8)]
    counts = np.array([[2, 0, 1, 1, 3, 0, 1, 1.0]])
    weights = (counts[0][pairs[:, 0]] * counts[0][pairs[:, 1]]).astype(int)
    expected = spearmanr(np.repeat(far, weights), np.repeat(shown, weights)).statistic
    with Crew(1) as crew:
        found = shepard._correlate(counts, pairs, (shepard._code(far), shepard._code(shown)), crew=crew)
    assert found[0] == pytest.approx(expected, abs=1e-12)


def order_of(pairs, n):
    """Where SciPy's list of distances has these pairs."""
    i, j = pairs.T
    return n * i - i * (i + 1) // 2 + j - i - 1


def test_the_interval_is_one_over_samples():
    rng = np.random.default_rng(4)
    features = rng.normal(size=(60, 2))
    xy = features + rng.normal(size=(60, 2))
    score = measure(features, xy)
    again = []
    for _ in range(300):  # new samples of the same kind: what the interval is about
        fresh = rng.normal(size=(60, 2))
        again.append(spearmanr(pdist(fresh), pdist(fresh + rng.normal(size=(60, 2)))).statistic)
    low, high = np.percentile(again, [2.5, 97.5])
    assert score.low < score.value < score.high
    assert score.high - score.low == pytest.approx(high - low, rel=0.5)


@pytest.mark.parametrize(
    ("features", "xy", "reason"),
    [
        (np.zeros((2, 1)), np.eye(2), "three samples"),
        (np.eye(3), [[0, 0], [1, 0], [3, 0]], "equally far apart in feature space"),
        ([[0], [1], [3.0]], np.ones((3, 2)), "equally far apart on the map"),
    ],
)
def test_without_an_order_there_is_a_reason(features, xy, reason):
    score = measure(features, xy)
    assert score.value is None
    assert reason in score.reason
