import numpy as np
import pytest

from latentscape.measures.equal_pairs import EqualPairs
from latentscape.measures.response_bins import (
    Units,
    choose_edges,
    choose_units,
    enclose_bins,
    find_breaks,
    find_flat,
    resample_bins,
)


@pytest.mark.parametrize(
    ("differences", "edges"),
    [
        ([0] * 5 + [1] * 30 + [2] * 40, [0, 0, 1, 2]),
        ([1] * 30 + [2] * 40, [0, 1, 2]),
        ([1] * 2 + [2] * 40, [0, 1, 2]),
        ([0] * 30 + [2] * 3, [0, 0, 2]),
        ([1] * 5 + [2] * 5 + [3] * 9, [1, 2, 3]),
    ],
)
def test_edges_part_no_equal_differences(differences, edges):
    assert choose_edges(np.array(differences, dtype=float)).tolist() == edges


@pytest.mark.parametrize("seed", range(6))
def test_every_difference_has_a_bin_that_is_not_empty(seed):
    random = np.random.default_rng(seed)
    differences = random.choice([random.random(300), random.integers(0, 5, 300) / 2][seed % 2], 300)
    differences[0] = 7.0
    edges = choose_edges(differences)
    bins = np.searchsorted(edges[1:-1], differences, side="left")
    assert np.bincount(bins, minlength=len(edges) - 1).min() > 0
    assert (edges[-1], len(edges) <= 12) == (7.0, True)
    for value in np.unique(differences):
        assert len(np.unique(bins[differences == value])) == 1


def make_pairs(groups):
    first = 2 * np.arange(len(groups))
    return EqualPairs(first, first + 1, np.array(groups), np.ones(len(groups)))


def test_groups_are_resampled_where_there_are_many():
    assert choose_units(make_pairs([*range(25)])).n == 25
    assert choose_units(make_pairs([*range(25)])).word == "groups of documents"
    few = choose_units(make_pairs([*range(25), *[0] * 40]))
    assert (few.word, few.n, len(few.sides)) == ("documents", 130, 2)


def test_resampled_groups_spread_as_their_means_do():
    random = np.random.default_rng(0)
    group, bins = np.repeat(np.arange(50), 4), np.tile([0, 0, 1, 1], 50)
    cosines = 0.5 + 0.1 * random.normal(size=50)[group] + 0.2 * bins
    draws = resample_bins(Units((group,), 50, "groups of documents"), bins, cosines, seed=0)
    means = cosines.reshape(50, 4)[:, 0]
    assert draws.shape == (1000, 2)
    assert draws[:, 0].std() == pytest.approx(means.std() / np.sqrt(50), rel=0.1)
    assert np.std(draws[:, 1] - draws[:, 0]) < 1e-9, "the groups are whole: both bins move together"


def test_bins_of_a_few_groups_know_nothing():
    group, bins = np.arange(30), np.array([0] * 26 + [1] * 4)
    draws = resample_bins(Units((group,), 30, "groups of documents"), bins, np.linspace(0, 1, 30), seed=0)
    assert np.isnan(draws[:, 1]).all()
    low, high = enclose_bins(draws)
    assert (low[1], high[1]) == (-1, 1)
    assert 0 < low[0] < high[0] < 1
    similarity = np.array([0.4, 0.95])
    assert find_breaks(similarity, draws) == ()
    assert find_flat(np.array([0.0, 1.0]), similarity, counts=np.array([26, 4]), draws=draws) == 0


def spread(means, error):
    return np.array(means) + error * np.random.default_rng(0).normal(size=(1000, len(means)))


@pytest.mark.parametrize(
    ("means", "error", "breaks", "flat"),
    [
        ([1, 0.8, 0.6, 0.4, 0.2, 0], 0.01, (), None),
        ([1, 0.7, 0.4, 0.4, 0.4, 0.4], 0.01, (), 2),
        ([1, 0.7, 0.4, 0.6, 0.8, 0.9], 0.01, (3, 4, 5), 2),
        ([0.5, 0.5, 0.5, 0.5, 0.5, 0.5], 0.01, (), 0),
        ([0.5, 0.51, 0.49, 0.5, 0.52, 0.5], 0.02, (), 0),
        ([1, 0.7, 0.4, 0.41, 0.4, 0.4], 0.3, (), 0),
        ([0, 0.2, 0.4, 0.6, 0.8, 1], 0.01, (1, 2, 3, 4, 5), 0),
    ],
)
def test_where_curves_break_and_where_they_end(means, error, breaks, flat):
    similarity, draws = np.array(means, dtype=float), spread(means, error)
    assert find_breaks(similarity, draws) == breaks
    assert find_flat(np.arange(6.0), similarity, counts=np.full(6, 50), draws=draws) == flat
