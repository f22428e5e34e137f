import doctest

import numpy as np
import pytest
from scipy.stats import binomtest

from latentscape.measures import paired_hits
from latentscape.measures.bootstrap import wilson_interval
from latentscape.measures.paired_hits import mcnemar_p, score_hits, score_loss


def flags(*numbers):
    return np.array(numbers, dtype=bool)


def test_five_answers_worked_by_hand():
    own, other = flags(1, 1, 1, 0, 1), flags(1, 0, 0, 0, 0)
    assert mcnemar_p(own, other) == pytest.approx(2 * 0.5**3)  # three only the first reads, none only the second
    loss = score_loss("loss", own, other, speaker_ids=np.arange(5), seed=0)
    assert (loss.value, loss.n, loss.better, loss.bounds) == (pytest.approx(0.6), 5, "lower", (-1.0, 1.0))
    assert score_hits("hits", own, np.arange(5), seed=0).value == pytest.approx(0.8)


@pytest.mark.parametrize(("only_own", "only_other"), [(0, 0), (1, 0), (3, 3), (4, 3), (9, 2), (0, 40), (300, 260)])
def test_mcnemar_agrees_with_the_binomial_test(only_own, only_other):
    own = np.repeat([True, False, True, False], [only_own, only_other, 7, 5])
    other = np.repeat([False, True, True, False], [only_own, only_other, 7, 5])
    n = only_own + only_other
    expected = binomtest(only_own, n, 0.5).pvalue if n else 1.0
    assert mcnemar_p(own, other) == pytest.approx(expected, rel=1e-9)
    assert mcnemar_p(other, own) == pytest.approx(expected, rel=1e-9)


def test_few_speakers_are_named_and_many_are_resampled():
    hits = np.random.default_rng(0).random(200) < 0.7
    few = score_hits("hits", hits, np.arange(200) % 3, seed=0)
    assert (few.low, few.high) == wilson_interval(float(hits.mean()) * 200, 200)
    assert "these 3 speakers only" in few.interval
    assert "this speaker only" in score_hits("hits", hits, np.zeros(200, dtype=int), seed=0).interval
    assert "20 speakers" in score_hits("hits", hits, np.arange(200) % 20, seed=0).interval


def test_speakers_who_differ_widen_the_interval():
    hits, apart = np.arange(200) < 100, np.arange(200) // 10
    alike = np.random.default_rng(0).permutation(apart)
    narrow, wide = (score_hits("hits", hits, speakers, seed=0) for speakers in (alike, apart))
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)


def test_readers_who_always_agree_keep_an_interval():
    hits = np.ones(30, dtype=bool)
    loss = score_loss("loss", hits, hits, speaker_ids=np.arange(30), seed=0)
    assert loss.value == 0.0
    assert loss.low < -0.05 < 0.05 < loss.high


def test_a_loss_interval_holds_the_loss_of_endless_samples():
    inside = []
    for seed in range(80):
        random = np.random.default_rng(seed)
        own, other = random.random(150) < 0.8, random.random(150) < 0.6
        loss = score_loss("loss", own, other, speaker_ids=np.arange(150), seed=seed)
        inside.append(loss.low <= 0.2 <= loss.high)
    assert np.mean(inside) >= 0.88


def test_nine_speakers_who_differ_say_how_the_next_will():
    inside = []
    for seed in range(120):
        random = np.random.default_rng(seed)
        speakers = np.repeat(np.arange(9), 12)
        own, other = random.random(108) < random.random(9)[speakers], random.random(108) < random.random(9)[speakers]
        loss = score_loss("loss", own, other, speaker_ids=speakers, seed=seed)
        inside.append(loss.low <= 0.0 <= loss.high)
    assert np.mean(inside) >= 0.92


def test_examples_in_docstrings_hold():
    assert doctest.testmod(paired_hits).failed == 0
