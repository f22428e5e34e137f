"""Triplet accuracy against asking one triplet after the other, and how ties are answered."""

from itertools import permutations

import numpy as np
import pytest

from latentscape.engine import Crew
from latentscape.measures import triplets
from latentscape.measures.bootstrap import draw_counts
from latentscape.measures.spaces import open_space
from latentscape.measures.triplets import measure_triplets


def measure(features, xy, *, metric="euclidean", seed=0):
    n = len(features)
    draws = np.concatenate(list(draw_counts(n, seed=seed, n_draws=400)))
    with Crew(2) as crew:
        sides = (
            open_space(np.asarray(features, float), metric=metric),
            open_space(np.asarray(xy, float), metric="euclidean"),
        )
        return measure_triplets(*sides, np.arange(n), draws=draws, seed=seed, crew=crew)


def ask_one_by_one(features, xy):
    near, shown = (((np.asarray(side)[:, None] - np.asarray(side)[None]) ** 2).sum(axis=2) for side in (features, xy))
    answers = np.sign(shown[:, :, None] - shown[:, None, :])
    return [
        (1 - answers[i, j, other]) / 2
        for i, j, other in permutations(range(len(features)), 3)
        if near[i, j] < near[i, other]
    ]


def test_three_samples_by_hand():
    # 0 1 3 drawn at 0 1 1.4: asked from the first and the last sample the map is right, from the middle one it is wrong
    score = measure([[0], [1], [3]], [[0, 0], [1, 0], [1.4, 0]])
    assert score.value == pytest.approx(2 / 3)
    assert (score.n, score.better, score.bounds) == (3, "higher", (0.0, 1.0))


@pytest.mark.parametrize("n", [3, 5, 12, 30])
def test_over_all_triplets_it_is_the_share_of_right_answers(n):
    rng = np.random.default_rng(n)
    features, xy = rng.integers(0, 5, size=(n, 2)), rng.integers(0, 4, size=(n, 2))
    assert measure(features, xy).value == pytest.approx(np.mean(ask_one_by_one(features, xy)))


def test_random_triplets_come_near_all_of_them():
    rng = np.random.default_rng(1)
    features = rng.normal(size=(60, 3))
    xy = features[:, :2] + 0.5 * rng.normal(size=(60, 2))
    score = measure(features, xy, seed=1)
    assert score.value == pytest.approx(np.mean(ask_one_by_one(features, xy)), abs=0.01)
    assert score.low < score.value < score.high
    assert score == measure(features, xy, seed=1)
    assert score.value != measure(features, xy, seed=2).value


@pytest.mark.parametrize("n", [50, 51, 1000])
def test_drawn_triplets_are_of_three_samples_and_even(n):
    drawn = triplets._draw_triplets(n, seed=0)
    i, j, other = drawn.T
    assert ((i != j) & (i != other) & (j != other)).all()
    assert (drawn.min(), drawn.max()) == (0, n - 1)
    if n == 50:
        for column in drawn.T:
            np.testing.assert_allclose(np.bincount(column), len(drawn) / n, rtol=0.25)


def test_all_triplets_are_each_there_once():
    drawn = triplets._draw_triplets(5, seed=0)
    assert len(drawn) == 5 * 6
    assert len({(i, frozenset((j, other))) for i, j, other in drawn.tolist()}) == 30


def test_a_map_of_two_points_answers_half_of_what_it_can_not_tell():
    # 0 1 3 drawn at 0 0 1: from the first right, from the middle right, from the last a tie
    assert measure([[0], [1], [3]], [[0, 0], [0, 0], [1, 0]]).value == pytest.approx(2.5 / 3)


@pytest.mark.parametrize(
    ("features", "reason"),
    [(np.zeros((1, 1)), "three samples"), (np.zeros((2, 1)), "three samples"), (np.eye(4), "equally far apart")],
)
def test_where_no_triplet_asks_there_is_a_reason(features, reason):
    score = measure(features, np.random.default_rng(0).normal(size=(len(features), 2)))
    assert score.value is None
    assert reason in score.reason


def test_an_interval_that_most_draws_do_not_have_is_none():
    score = measure([[0], [1], [3]], [[0, 0], [1, 0], [1.4, 0]])
    assert (score.low, score.high) == (None, None)
