"""Ranks are better than chance only where the right documents belong to their queries."""

import numpy as np
import pytest

from latentscape.measures.rank_chance import MOST_QUERIES, measure_rank_chance


def one_each(n):
    return tuple(np.array([row]) for row in range(n))


def draw_top(rng, n, *, k=10, n_documents=80):
    return np.stack([rng.permutation(n_documents)[:k] for _ in range(n)])


def test_perfect_ranks_have_the_smallest_p_there_is():
    top = (np.arange(30)[:, None] + np.arange(5)) % 30
    assert measure_rank_chance(top, one_each(30), seed=0) == pytest.approx(0.001)


def test_p_of_three_queries_by_hand():
    # Of the 6 ways to deal three documents to three queries, one is the real one: p is about 1 / 6, but 6 are too few.
    top = np.arange(3)[:, None]
    assert measure_rank_chance(top, one_each(3), seed=0) is None
    # With four queries 1 of 24 arrangements is as good: 1 + Binomial(999, 1 / 24) in 1,000.
    assert measure_rank_chance(np.arange(4)[:, None], one_each(4), seed=0) == pytest.approx(1 / 24, abs=0.02)


def test_against_every_permutation_counted_in_full():
    from itertools import permutations

    rng = np.random.default_rng(3)
    top, relevant = draw_top(rng, 6, k=3, n_documents=7), tuple(np.array([row % 5, 5 + row % 2]) for row in range(6))

    def gain(order):
        return sum(
            np.isin(top[query], relevant[owner]) @ (1 / np.log2(np.arange(3) + 2)) for query, owner in enumerate(order)
        )

    gains = np.array([gain(order) for order in permutations(range(6))])
    exact = float((gains >= gain(range(6)) - 1e-9).mean())
    assert measure_rank_chance(top, relevant, seed=0) == pytest.approx(exact, abs=0.05)


@pytest.mark.slow
def test_nothing_is_found_in_nothing():
    rng = np.random.default_rng(0)
    p_values = [
        measure_rank_chance(draw_top(rng, 40), tuple(rng.choice(80, 2, replace=False) for _ in range(40)), seed=seed)
        for seed in range(200)
    ]
    assert sum(p <= 0.01 for p in p_values) <= 7
    assert 0.35 < np.mean(p_values) < 0.65


def test_popular_documents_first_for_everybody_is_no_skill():
    rng = np.random.default_rng(1)
    top = np.tile(np.arange(10), (60, 1))
    popular = tuple(np.array([document]) for document in rng.choice(20, 60, p=np.arange(20, 0, -1) / 210))
    assert measure_rank_chance(top, popular, seed=0) == 1.0


def test_the_same_right_documents_for_all_tell_nothing():
    top = np.tile(np.arange(5), (50, 1))
    assert measure_rank_chance(top, (np.array([0]),) * 50, seed=0) is None


def test_gaps_in_top_and_queries_without_right_documents_do_not_count():
    top = np.full((40, 5), -1)
    top[:, 0] = np.arange(40)
    relevant = (*one_each(40)[:-3], *(np.array([], dtype=np.int64),) * 3)
    assert measure_rank_chance(top, relevant, seed=0) == pytest.approx(0.001)
    assert measure_rank_chance(np.full((40, 5), -1), one_each(40), seed=0) == 1.0
    assert measure_rank_chance(top, (np.array([], dtype=np.int64),) * 40, seed=0) is None


def test_many_queries_are_sampled_and_the_seed_decides():
    n = MOST_QUERIES + 500
    top = np.arange(n)[:, None]
    p = measure_rank_chance(top, one_each(n), seed=0)
    assert p == measure_rank_chance(top, one_each(n), seed=0) == pytest.approx(0.001)
