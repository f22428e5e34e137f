from itertools import combinations

import numpy as np
import pytest

from latentscape.errors import DataError
from latentscape.measures import cka
from latentscape.measures.cka import measure_all_cka, measure_cka


def make_pair(seed, *, n=40, d=(6, 9), shared=1.0):
    random = np.random.default_rng(seed)
    first = random.normal(size=(n, d[0])) * np.linspace(1, 0.3, d[0])
    second = shared * first @ np.random.default_rng(99).normal(size=d) + random.normal(size=(n, d[1]))
    return (first + 2).astype(np.float32), (second - 1).astype(np.float32)


def unbiased_hsic(k, m):
    """Song and others 2012, equation 5, with whole Gram matrices."""
    n, ones = len(k), np.ones(len(k))
    k, m = k - np.diag(np.diag(k)), m - np.diag(np.diag(m))
    middle = (ones @ k @ ones) * (ones @ m @ ones) / ((n - 1) * (n - 2))
    return (np.sum(k * m) + middle - 2 / (n - 2) * ((ones @ k) @ (m @ ones))) / (n * (n - 3))


def oracle(first, second):
    x, y = first.astype(np.float64), second.astype(np.float64)
    k, m = x @ x.T, y @ y.T
    return unbiased_hsic(k, m) / np.sqrt(unbiased_hsic(k, k) * unbiased_hsic(m, m))


@pytest.fixture(params=["samples", "features"])
def form(request, monkeypatch):
    """Both ways to compute it."""
    monkeypatch.setattr(cka, "_count_steps", lambda n, widths: np.inf if request.param == "samples" else -1.0)


def test_five_points_by_hand(form):
    """On lines: x = 0, 0, 0, 1, 1 and y = 0, 0, 1, 1, 1, for which the products off the diagonal are countable.

    K has ones at (3, 4), L at (2, 3), (2, 4), (3, 4). HSIC(K, K) = (2 + 2 * 2 / 12 - 2/3 * 2) / 10 = 1 / 10,
    HSIC(L, L) = (6 + 36 / 12 - 2/3 * 12) / 10 = 1 / 10, HSIC(K, L) = (2 + 12 / 12 - 2/3 * 4) / 10 = 1 / 30.
    """
    x = np.array([[0], [0], [0], [1], [1]], dtype=np.float32)
    y = np.array([[0], [0], [1], [1], [1]], dtype=np.float32)
    score = measure_cka(x, y, seed=0)
    assert score.value == pytest.approx(1 / 3)
    assert (score.n, score.better, score.bounds) == (5, "neither", (-1.0, 1.0))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("n", "d"), [(40, (6, 9)), (12, (50, 3)), (4, (2, 2)), (60, (1, 1))])
def test_equals_whole_gram_matrices(form, seed, n, d):
    first, second = make_pair(seed, n=n, d=d, shared=0.5)
    assert measure_cka(first, second, seed=0).value == pytest.approx(oracle(first, second), abs=1e-6)


def test_many_blocks_equal_one(monkeypatch):
    layers = [*make_pair(1, n=50), *make_pair(2, n=50)]
    monkeypatch.setattr(cka, "_count_steps", lambda n, widths: np.inf)
    whole = measure_all_cka(layers, seed=0)
    monkeypatch.setattr(cka, "BLOCK_NUMBERS", 7 * 50)
    blocks = measure_all_cka(layers, seed=0)
    for pair, score in whole.items():
        assert (blocks[pair].value, blocks[pair].low) == pytest.approx((score.value, score.low), abs=1e-12)


def test_all_pairs_are_those_one_by_one():
    layers = [*make_pair(1), *make_pair(2, d=(4, 30))]
    found = measure_all_cka(layers, seed=0)
    assert list(found) == list(combinations(range(4), 2))
    for (i, j), score in found.items():
        assert score.value == pytest.approx(oracle(layers[i], layers[j]), abs=1e-6)


def test_the_error_is_that_of_leaving_samples_out(form):
    first, second = make_pair(3)
    score = measure_cka(first, second, seed=0)
    left = [oracle(np.delete(first, i, axis=0), np.delete(second, i, axis=0)) for i in range(40)]
    error = np.sqrt(39 / 40 * np.sum((left - np.mean(left)) ** 2))
    width = np.arctanh(score.high) - np.arctanh(score.low)
    assert width / 3.919928 * (1 - score.value**2) == pytest.approx(error, rel=1e-4)


@pytest.mark.parametrize("shared", [0.0, 0.3, 1.0])
def test_the_interval_holds_the_truth(shared):
    truth = oracle(*make_pair(10**6, n=2_000, shared=shared))
    scores = [measure_cka(*make_pair(seed, n=60, shared=shared), seed=0) for seed in range(150)]
    assert np.mean([score.low <= truth <= score.high for score in scores]) >= 0.9
    errors = [(score.high - score.low) / 3.92 for score in scores]
    assert np.mean(errors) < 2 * np.std([score.value for score in scores])


def test_layers_with_nothing_in_common_are_at_zero_however_wide():
    """The biased form would say 0.5 and more with more features than samples."""
    values = [measure_cka(*make_pair(seed, d=(200, 200), shared=0.0), seed=0).value for seed in range(60)]
    assert np.mean(values) == pytest.approx(0, abs=4 * np.std(values) / 60**0.5)
    assert np.std(values) < 0.1


def test_turning_shifting_and_scaling_change_nothing(form):
    first, second = make_pair(4)
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(6, 6)))[0]
    turned = (1e30 * (first @ turn) + 3e30).astype(np.float32)
    expected = measure_cka(first, second, seed=0).value
    assert measure_cka(turned, second, seed=0).value == pytest.approx(expected, abs=1e-5)
    same = measure_cka(first, turned, seed=0)
    assert same.value == pytest.approx(1, abs=1e-6)
    tiny = (second * np.float32(1e-36)).astype(np.float32)
    assert measure_cka(first, tiny, seed=0).value == pytest.approx(expected, abs=1e-5)


def test_a_layer_is_itself(form):
    first, _ = make_pair(5)
    score = measure_cka(first, first, seed=0)
    assert score.value == pytest.approx(1)
    assert (score.low, score.high) == (None, None)


@pytest.mark.parametrize("flat", [np.zeros((8, 3)), np.full((8, 2), 0.1), np.eye(8), np.eye(8) * 1e-30])
def test_samples_equally_far_apart_have_none(form, flat):
    features = np.random.default_rng(0).normal(size=(8, 3)).astype(np.float32)
    score = measure_cka(features, flat.astype(np.float32), seed=0)
    assert (score.value, score.reason) == (None, "in one of the layers all samples are equally far apart")


@pytest.mark.parametrize("n", [1, 2, 3])
def test_too_few_samples(n):
    features = np.eye(n, dtype=np.float32)
    score = measure_cka(features, features, seed=0)
    assert (score.value, score.n, score.reason) == (None, n, f"an unbiased CKA needs 4 samples, there are {n}")


def test_many_wide_samples_are_sampled_and_many_narrow_ones_are_not(monkeypatch):
    first, second = make_pair(6, n=120, d=(3, 3))
    monkeypatch.setattr(cka, "PAIRED_ROWS", 100)
    assert measure_cka(first, second, seed=0).n == 120
    monkeypatch.setattr(cka, "CHEAP", 1.0)
    scores = [measure_cka(first, second, seed=seed) for seed in (0, 0, 1)]
    assert scores[0].n == 100
    assert scores[0] == scores[1] != scores[2]
    rows = np.sort(np.random.default_rng(0).choice(120, size=100, replace=False))
    assert scores[0].value == pytest.approx(oracle(first[rows], second[rows]), abs=1e-6)


def test_one_layer_has_no_pairs():
    assert measure_all_cka([np.eye(5, dtype=np.float32)], seed=0) == {}


def test_layers_must_be_of_the_same_samples_and_finite():
    with pytest.raises(DataError, match="same samples"):
        measure_all_cka([np.eye(5, dtype=np.float32), np.eye(4, dtype=np.float32)], seed=0)
    with pytest.raises(DataError, match="not finite"):
        measure_cka(np.eye(5, dtype=np.float32), np.full((5, 1), np.nan, np.float32), seed=0)
