import doctest

import numpy as np
import pytest
from scipy.stats import binomtest, bootstrap
from scipy.stats import t as student

from latentscape.errors import DataError
from latentscape.measures import tallies
from latentscape.measures.bootstrap import wilson_interval
from latentscape.measures.exchange import MOST_LISTED, exchange_p_values
from latentscape.measures.permutations import holm
from latentscape.measures.tallies import (
    Tally,
    adjust_changes,
    measure_change,
    measure_changes,
    score_tallies,
    score_tally,
    take_units,
    value_of,
)


def tally(values, *, name="accuracy", below=None, weights=(1.0,), better="higher", bounds=(0.0, 1.0)):
    above = np.asarray(values, dtype=float)
    above = above[:, None] if above.ndim == 1 else above
    below = np.ones(above.shape) if below is None else np.asarray(below, dtype=float).reshape(above.shape)
    return Tally(
        name=name, above=above, below=below, weights=np.array(weights, dtype=float), better=better, bounds=bounds
    )


def compare(first, second, clusters=None, *, name="samples", seed=0):
    clusters = np.arange(len(first.above)) if clusters is None else clusters
    return measure_change(first, second, clusters=clusters, cluster_name=name, seed=seed)


def score(one, clusters=None, *, name="samples", seed=0):
    clusters = np.arange(len(one.above)) if clusters is None else clusters
    return score_tally(one, clusters=clusters, cluster_name=name, seed=seed)


def test_five_answers_worked_by_hand():
    first, second = tally([1, 0, 0, 0, 1]), tally([1, 1, 1, 0, 0])
    change = compare(first, second)
    assert change.score.value == pytest.approx(1 / 5)  # two fixed, one broken
    assert (change.score.name, change.score.bounds, change.score.n) == ("accuracy_delta", (-1.0, 1.0), 5)
    assert change.p_value == pytest.approx(1.0)  # 2 of 3, or 1 of 3: always
    assert change.test == "McNemar, exact"
    assert change.adjusted is None
    assert not change.is_detected


def test_a_margin_and_a_mean_over_classes_by_hand():
    margin = tally([[1.8, 0.9], [0.9, 0.3]], below=[[2, 3], [1, 1]], weights=(1.0, -1.0), bounds=(-2.0, 2.0))
    assert value_of(margin) == pytest.approx(2.7 / 3 - 1.2 / 4)
    by_class = tally([[1, 0], [0, 0], [0, 1]], below=[[1, 0], [1, 0], [0, 1]], weights=(0.5, 0.5))
    assert value_of(by_class) == pytest.approx((1 / 2 + 1) / 2)
    assert value_of(take_units(by_class, np.array([0, 1]))) == pytest.approx(1 / 2)  # the class that is left
    assert value_of(take_units(margin, np.array([], dtype=int))) is None


@pytest.mark.parametrize("seed", range(4))
def test_a_yes_or_no_change_is_judged_as_the_binomial_test_judges(seed):
    random = np.random.default_rng(seed)
    first, second = random.random((2, 150)) < [[0.5], [0.5 + 0.08 * seed]]
    change = compare(tally(first), tally(second))
    fixed, broken = int(np.sum(second & ~first)), int(np.sum(first & ~second))
    assert change.p_value == pytest.approx(binomtest(fixed, fixed + broken, 0.5).pvalue, rel=1e-9)
    assert change.score.value == pytest.approx((fixed - broken) / 150)


def test_a_change_of_means_is_judged_by_exchange():
    first, second = np.random.default_rng(5).random((2, 30)) + np.array([[0], [0.1]])
    change = compare(tally(first), tally(second))
    assert change.p_value == exchange_p_values((second - first)[:, None] / 30, seed=0)[0]
    assert change.test == "models exchanged within samples"


def test_too_few_units_have_no_p():
    change = compare(tally([0.1, 0.2, 0.3]), tally([0.4, 0.6, 0.8]))
    assert (change.p_value, change.test, change.is_detected) == (None, "", False)


def test_a_mcnemar_of_few_says_what_it_can():
    assert compare(tally([0, 0, 0]), tally([1, 1, 1])).p_value == pytest.approx(0.25)


@pytest.mark.parametrize("values", [np.arange(40) % 3 == 0, np.arange(40) / 40, np.ones(40)])
def test_equal_answers_do_not_differ_and_are_not_certain_of_it(values):
    change = compare(tally(values), tally(values))
    assert (change.score.value, change.p_value) == (0.0, 1.0)
    end = wilson_interval(0, 40)[1]
    assert (change.score.low, change.score.high) == pytest.approx((-end, end))
    assert "samples that differ" in change.score.interval


def test_rounding_is_no_difference():
    """The same weights in other batches: every cosine a little larger, and none of it means anything."""
    values = np.random.default_rng(0).random(300)
    change = compare(tally(values), tally(values + 2e-8))
    assert change.p_value == 1.0
    assert change.score.high - change.score.low > 0.01
    assert compare(tally(values), tally(values + 1e-3)).p_value < 0.001


def test_units_that_all_gain_as_much_keep_an_interval():
    change = compare(tally(np.full(50, 0.2)), tally(np.full(50, 0.5)))
    assert change.score.value == pytest.approx(0.3)
    assert change.score.low < 0.29 < 0.31 < change.score.high
    assert change.p_value == pytest.approx(1e-4)


def test_the_interval_is_that_of_scipys_paired_bootstrap():
    random = np.random.default_rng(2)
    first = random.random(400)
    second = first + random.normal(0.02, 0.1, 400)
    change = compare(tally(first), tally(second))
    found = bootstrap((second - first,), np.mean, method="percentile", n_resamples=5000, rng=random)
    assert change.score.low == pytest.approx(found.confidence_interval.low, abs=0.002)
    assert change.score.high == pytest.approx(found.confidence_interval.high, abs=0.002)
    apart = np.hypot(*(score(each).high - score(each).low for each in (tally(first), tally(second))))
    assert change.score.high - change.score.low < 0.5 * apart  # what is hard for both cancels


def test_clusters_are_drawn_whole():
    """Twenty speakers of whom each answers everything alike: twenty facts, not two hundred."""
    speakers = np.arange(200) // 10
    hits = (speakers % 2).astype(float)
    own, together = score(tally(hits)), score(tally(hits), speakers, name="speakers")
    assert together.interval == "95 % bootstrap of 20 speakers"
    assert together.high - together.low > 2 * (own.high - own.low)
    spread = student.ppf(0.975, 19) * np.std(hits[::10], ddof=1) / np.sqrt(20)
    assert together.high - 0.5 == pytest.approx(spread, rel=0.15)


def test_few_clusters_are_named_and_their_samples_drawn():
    hits = np.random.default_rng(0).random(200) < 0.7
    for n, words in ((3, "these 3 speakers only"), (1, "this speaker only")):
        found = score(tally(hits), np.arange(200) % n, name="speakers")
        assert found.interval == f"95 % bootstrap of 200 samples ({words})"
    change = compare(tally(hits), tally(~hits), np.arange(200) % 3, name="speakers")
    assert change.test == "McNemar, exact (these 3 speakers only)"
    assert "these 3 speakers only" in change.score.interval


def test_few_queries_are_just_few():
    assert score(tally([0.1, 0.4, 0.3]), name="queries").interval == "95 % bootstrap of 3 queries"


def test_unknown_clusters_are_each_their_own():
    values = np.random.default_rng(0).random(50)
    assert score(tally(values), np.full(50, -1)) == score(tally(values), np.arange(50))


def test_speakers_whom_one_model_happens_to_fit_are_no_independent_witnesses():
    """Six of ten speakers all fixed, four all broken: McNemar alone would be sure."""
    speakers = np.arange(400) // 40
    fixed = speakers < 6
    first, second = tally(~fixed), tally(fixed)
    assert compare(first, second).p_value < 1e-4
    change = compare(first, second, speakers, name="speakers")
    assert change.p_value > 0.5
    assert "within speakers" in change.test


def test_units_that_take_no_part_change_nothing():
    random = np.random.default_rng(0)
    values, known = random.random((2, 60)), np.arange(60) < 40
    first, second = (tally(np.where(known, each, 0), below=known) for each in values)
    whole, part = compare(first, second), compare(*(take_units(each, np.arange(40)) for each in (first, second)))
    assert whole == part
    assert whole.score.n == 40


def test_no_unit_at_all_has_a_reason():
    nothing = tally(np.zeros(5), below=np.zeros(5))
    for found in (score(nothing), compare(nothing, nothing).score, score(take_units(nothing, np.array([], dtype=int)))):
        assert (found.value, found.low, found.n) == (None, None, 0)
        assert found.reason
    assert compare(nothing, nothing).p_value is None


def test_a_single_unit_has_a_value_and_no_interval():
    found, change = score(tally([1.0])), compare(tally([1.0]), tally([0.0]))
    assert (found.value, found.low, change.score.value, change.score.low) == (1.0, None, -1.0, None)
    assert change.p_value == 1.0


def test_where_all_agree_the_interval_is_wilsons():
    ends = wilson_interval(30, 30)
    assert (score(tally(np.ones(30))).low, score(tally(np.ones(30))).high) == pytest.approx(ends)
    margin = score(tally(np.full(30, 1.0), bounds=(-2.0, 2.0)))
    low, high = wilson_interval(22.5, 30)
    assert (margin.low, margin.high) == pytest.approx((4 * low - 2, 4 * high - 2))
    assert score(tally(np.full(30, 1.0), bounds=(0.0, np.inf))).low is None


def test_a_rare_class_that_a_draw_misses_is_left_out_of_its_mean():
    labels = np.array([0] * 30 + [1])
    members = np.eye(2)[labels]
    right = members * (np.arange(31) % 2)[:, None]
    found = score(tally(right, below=members, weights=(0.5, 0.5)))
    assert found.value == pytest.approx(0.25)
    assert 0 <= found.low < found.value < found.high <= 1


def test_a_difference_that_most_draws_have_not_has_no_interval():
    below = np.column_stack([np.ones(40), np.arange(40) == 3])
    found = score(tally(below * 0.5, below=below, weights=(1.0, -1.0), bounds=(-2.0, 2.0)))
    assert found.value == 0.0
    assert found.low is not None  # one in three draws lacks the only negative
    rare = tally(below * np.arange(40)[:, None] / 40, below=below, weights=(1.0, -1.0), bounds=(-2.0, 2.0))
    assert np.isfinite([score(rare).low, score(rare).high]).all()


def test_the_other_way_round_is_the_opposite():
    first, second = (tally(each, better="lower") for each in np.random.default_rng(3).random((2, 80)))
    one, other = compare(first, second), compare(second, first)
    assert (one.score.better, one.p_value) == ("lower", other.p_value)
    assert (one.score.value, one.score.low) == pytest.approx((-other.score.value, -other.score.high))


def test_several_at_once_are_the_same_as_one_by_one():
    random = np.random.default_rng(4)
    speakers, known = np.arange(90) % 11, np.arange(90) % 7 > 0
    pairs = {
        "hits": (tally(random.random(90) < 0.5), tally(random.random(90) < 0.6)),
        "means": (tally(random.random(90), name="m"), tally(random.random(90), name="m")),
        "some": tuple(tally(random.random(90) * known, below=known, name="s") for _ in range(2)),
    }
    together = measure_changes(pairs, clusters=speakers, cluster_name="speakers", seed=5)
    scores = score_tallies(
        {key: first for key, (first, _) in pairs.items()}, clusters=speakers, cluster_name="speakers", seed=5
    )
    assert list(together) == list(scores) == list(pairs)
    for key, (first, second) in pairs.items():
        alone = compare(first, second, speakers, name="speakers", seed=5)
        assert together[key].p_value == alone.p_value
        for one, other in (
            (together[key].score, alone.score),
            (scores[key], score(first, speakers, name="speakers", seed=5)),
        ):
            assert (one.value, one.low, one.high) == pytest.approx((other.value, other.low, other.high), abs=1e-12)


def test_different_scores_or_samples_are_refused():
    for other in (tally([1.0, 0.0], name="mrr"), tally([1.0]), tally([[1.0, 0.0]] * 2, weights=(0.5, 0.5))):
        with pytest.raises(DataError, match="same score on the same samples"):
            compare(tally([1.0, 0.0]), other)


def test_adjusting_is_holms_and_leaves_out_what_has_no_p():
    random = np.random.default_rng(0)
    changes = {i: compare(tally(random.random(30) < 0.3), tally(random.random(30) < 0.3 + 0.1 * i)) for i in range(5)}
    changes["none"] = compare(tally([0.1]), tally([0.2]))
    found = adjust_changes(changes)
    expected = holm(np.array([changes[i].p_value for i in range(5)]))
    assert [found[i].adjusted for i in range(5)] == pytest.approx(expected)
    assert (found["none"].adjusted, found["none"].is_detected) == (None, False)
    assert list(found) == list(changes)
    assert adjust_changes({}) == {}


def draw_hits(random, *, n, speakers=None, gain=0.0):
    """Two models of equal skill on the same samples, some of which are hard; speakers suit the one or the other."""
    hard, own = random.normal(size=n), random.normal(size=(2, n)) * 0.7
    if speakers is not None:
        own += random.normal(size=(2, speakers.max() + 1))[:, speakers] * 0.7
    return hard + own[0] > 0, hard + own[1] > -gain


@pytest.mark.parametrize("n_speakers", [None, 10, 24])
@pytest.mark.slow
def test_equally_good_models_are_rarely_told_apart(n_speakers):
    speakers = None if n_speakers is None else np.arange(240) % n_speakers
    found, inside = 0, 0
    for seed in range(300):
        pair = map(tally, draw_hits(np.random.default_rng(seed), n=240, speakers=speakers))
        change = adjust_changes({0: compare(*pair, speakers, seed=seed)})[0]
        found, inside = found + change.is_detected, inside + (change.score.low <= 0 <= change.score.high)
    assert found / 300 <= 0.06
    assert inside / 300 >= 0.91


@pytest.mark.slow
def test_equal_means_are_rarely_told_apart():
    """Reciprocal ranks of sixty queries."""
    found = 0
    for seed in range(300):
        random = np.random.default_rng(seed)
        ranks = 1 + np.floor(np.exp(random.normal(size=(2, 60)) + random.normal(size=60)))
        found += compare(*(tally(1 / each) for each in ranks), name="queries").p_value <= 0.05
    assert 0.01 < found / 300 <= 0.06


def test_a_better_model_is_found():
    for speakers in (None, np.arange(600) % 24):
        found = 0
        for seed in range(40):
            pair = map(tally, draw_hits(np.random.default_rng(seed), n=600, speakers=speakers, gain=0.8))
            found += adjust_changes({0: compare(*pair, speakers, seed=seed)})[0].is_detected
        assert found >= 36


def test_the_same_seed_is_the_same_answer():
    first, second = (tally(each) for each in np.random.default_rng(0).random((2, MOST_LISTED + 8)))
    assert compare(first, second, seed=3) == compare(first, second, seed=3)
    assert compare(first, second, seed=3).score != compare(first, second, seed=4).score


@pytest.mark.parametrize("seed", range(60))
def test_whatever_takes_part_there_is_a_number_or_a_reason(seed):
    """One or no unit, one cluster, unknown ones, terms without units, answers that are all the same."""
    random = np.random.default_rng(seed)
    n, n_terms = random.choice([0, 1, 2, 5, 7, 30]), random.integers(1, 4)
    weights = (1.0, -1.0) if n_terms == 2 else np.full(n_terms, 1 / n_terms)
    below = random.integers(0, 2 + seed % 2, (n, n_terms)) * (random.random(n_terms) < 0.8)
    clusters = random.integers(-1, random.choice([1, 3, 20]), n)
    first, second = (
        tally(random.random((n, n_terms)).round(seed % 3) * below, below=below, weights=weights, bounds=(-1.0, 1.0))
        for _ in range(2)
    )
    change = adjust_changes({0: compare(first, second, clusters, name="speakers")})[0]
    for found in (score(first, clusters, name="speakers"), change.score):
        assert (found.value is None) == bool(found.reason)
        assert (found.low is None) == (found.high is None) == (not found.interval)
        if found.low is not None:
            assert found.bounds[0] <= found.low < found.high <= found.bounds[1]
        assert found.value is None or np.isfinite(found.value)
    assert change.p_value is None or 0 < change.p_value <= 1


def test_examples():
    assert doctest.testmod(tallies).failed == 0
