from itertools import combinations

import numpy as np
import pytest
from scipy.stats import hypergeom

from latentscape.datasets.attributes import Attribute
from latentscape.measures.group_ranks import exact_share_p, measure_group_ranks
from latentscape.measures.ranking import Ranking


def ranking_of(best_rank):
    best = np.asarray(best_rank, dtype=np.int64)
    zeros, one = np.zeros(len(best)), np.zeros((len(best), 1))
    return Ranking(
        best_rank=best,
        best_rank_without_hard=best,
        average_precision=zeros,
        ndcg=zeros,
        top=one.astype(np.int64),
        top_similarity=one,
        top_right=one.astype(bool),
        scores={},
    )


def category(values, names=("a", "b", "c")):
    return Attribute(
        name="district", kind="category", queries=np.asarray(values, float), documents=np.empty(0), values=names
    )


def number(values, unit="triệu"):
    return Attribute(name="price", kind="number", queries=np.asarray(values, float), documents=np.empty(0), unit=unit)


def test_groups_by_hand():
    """a finds 1 of 2 at once (ranks 1 and 4), b 2 of 3 (ranks 1, 1, 2); one is unknown, one has no right document."""
    found = measure_group_ranks(ranking_of([1, 4, 1, 1, 2, 3, 0]), category([0, 0, 1, 1, 1, np.nan, np.nan]), seed=0)
    assert [group.value for group in found.groups] == ["a", "b"]
    assert found.groups[0].hit_at_1.value == pytest.approx(1 / 2)
    assert found.groups[1].hit_at_1.value == pytest.approx(2 / 3)
    assert found.groups[0].mrr.value == pytest.approx((1 + 1 / 4) / 2)
    assert found.groups[1].mrr.value == pytest.approx((1 + 1 + 1 / 2) / 3)
    assert (found.n_unknown, found.groups[1].mrr.n) == (1, 3)
    assert [group.p_value for group in found.groups] == [None, None]


def test_values_that_no_query_has_are_no_group():
    found = measure_group_ranks(ranking_of([1, 2]), category([2, 0]), seed=0)
    assert [group.value for group in found.groups] == ["a", "c"] or [g.value for g in found.groups] == ["c", "a"]
    assert found.groups[0].value == "a"


def test_numbers_are_divided_at_their_quartiles():
    values = [3, 3.5, 4, 4.5, 5, 5.5, 6, 6.5]
    found = measure_group_ranks(ranking_of([1, 1, 2, 2, 1, 2, 1, 1]), number(values), seed=0)
    shares = {group.value: group.hit_at_1.value for group in found.groups}
    assert shares == {"3–3.5 triệu": 1.0, "4–4.5 triệu": 0.0, "5–5.5 triệu": 0.5, "6–6.5 triệu": 1.0}


@pytest.mark.parametrize("values", [[5, 5, 5, 7], [1, 1, 1, 1, 2], [np.nan, 2, 2, 9], [-3, 0.5, 1e9, 1e9]])
def test_each_known_number_is_in_the_group_that_names_it(values):
    found = measure_group_ranks(ranking_of([1] * len(values)), number(values, unit=""), seed=0)
    assert sum(group.hit_at_1.n for group in found.groups) == np.isfinite(values).sum()
    for group in found.groups:
        low, _, high = group.value.partition("–")
        inside = [float(low) <= value <= float(high or low) for value in values]
        assert sum(inside) == group.hit_at_1.n


@pytest.mark.parametrize(
    ("attribute", "reason"),
    [
        (category([0, 0, np.nan]), "have the same"),
        (category([np.nan] * 3), "no query has a known district"),
        (number([np.nan] * 3), "no query has a known price"),
        (number([4, 4, 4]), "have the same"),
    ],
)
def test_where_there_is_nothing_to_compare(attribute, reason):
    score = measure_group_ranks(ranking_of([1, 2, 3]), attribute, seed=0)
    assert score.value is None
    assert reason in score.reason


def brute_force(hits, size, n_hits, n):
    """All ways to deal the hits out, one by one."""
    gap = abs(hits / size - (n_hits - hits) / (n - size))
    ways = [sum(member < size for member in dealt) for dealt in combinations(range(n), n_hits)]
    gaps = [abs(own / size - (n_hits - own) / (n - size)) for own in ways]
    return np.mean([each >= gap - 1e-12 for each in gaps])


@pytest.mark.parametrize("size", [1, 3, 6, 8])
@pytest.mark.parametrize("n_hits", [0, 1, 4, 8, 9])
def test_the_exact_p_equals_all_permutations(size, n_hits):
    for hits in range(max(0, n_hits - (9 - size)), min(size, n_hits) + 1):
        assert exact_share_p(hits, size, n_hits=n_hits, n=9) == pytest.approx(brute_force(hits, size, n_hits, 9))


def test_the_exact_p_of_many_queries_equals_the_hypergeometric_distribution():
    n, n_hits, size = 2000, 1700, 120
    counts = np.arange(0, size + 1)
    gaps = np.abs(counts / size - (n_hits - counts) / (n - size))
    for hits in (60, 90, 100, 102, 119):
        expected = hypergeom(n, n_hits, size).pmf(counts)[gaps >= gaps[hits] - 1e-12].sum()
        assert exact_share_p(hits, size, n_hits=n_hits, n=n) == pytest.approx(expected, rel=1e-8)


def test_a_planted_bad_group_is_found_and_named_first():
    random = np.random.default_rng(0)
    values = random.integers(0, 5, size=400)
    hit = random.random(400) < np.where(values == 3, 0.5, 0.9)
    found = measure_group_ranks(ranking_of(np.where(hit, 1, 5)), category(values, tuple("abcde")), seed=0)
    assert found.groups[0].value == "d"
    assert found.groups[0].p_value < 0.001
    # d is among what the others are compared with, so they may stand out too, but as better ones
    assert all(group.p_value > 0.05 or group.hit_at_1.value > hit.mean() for group in found.groups[1:])


def test_chance_alone_raises_few_alarms():
    """Holm keeps the chance of any false claim about an attribute at 5 %; 17 of 150 would be beyond all luck."""
    alarms = 0
    for seed in range(150):
        random = np.random.default_rng(seed)
        ranks = np.where(random.random(120) < 0.7, 1, 3)
        found = measure_group_ranks(ranking_of(ranks), category(random.integers(0, 5, 120), tuple("abcde")), seed=0)
        alarms += min(group.p_value for group in found.groups if group.p_value is not None) < 0.05
    assert alarms < 17


def test_two_groups_ask_one_question():
    values = np.repeat([0, 1], 20)
    ranks = np.where(np.arange(40) % 20 < np.where(values == 0, 8, 17), 1, 2)
    found = measure_group_ranks(ranking_of(ranks), category(values), seed=0)
    expected = exact_share_p(8, 20, n_hits=25, n=40)
    assert [group.p_value for group in found.groups] == pytest.approx([expected, expected])


def test_small_groups_come_last_and_have_no_p():
    found = measure_group_ranks(ranking_of([2, 2] + [1] * 10 + [2] * 6), category([2] * 2 + [0] * 10 + [1] * 6), seed=0)
    assert [group.value for group in found.groups] == ["b", "a", "c"]
    assert found.groups[2].p_value is None
    assert found.groups[0].p_value is not None
