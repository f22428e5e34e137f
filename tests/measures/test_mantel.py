from itertools import combinations, permutations

import numpy as np
import pytest
from scipy.stats import spearmanr

from latentscape.measures.mantel import measure_mantel_p


def count_by_hand(first, second, n_classes):
    pairs = list(combinations(range(n_classes), 2))
    where = {pair: i for i, pair in enumerate(pairs)}
    observed = abs(spearmanr(first, second).statistic)
    hits = [
        abs(spearmanr(first, [second[where[tuple(sorted((order[a], order[b])))]] for a, b in pairs]).statistic)
        >= observed - 1e-9
        for order in permutations(range(n_classes))
    ]
    return np.mean(hits)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("n_classes", [4, 5])
def test_few_classes_are_counted_out(seed, n_classes):
    random = np.random.default_rng(seed)
    n = n_classes * (n_classes - 1) // 2
    first, second = random.random(n), random.integers(0, 3, n).astype(float)  # with ties
    assert measure_mantel_p(first, second, seed=0) == pytest.approx(count_by_hand(first, second, n_classes))


def test_draws_agree_with_all_permutations():
    random = np.random.default_rng(0)
    first = random.random(28)
    second = first + 0.8 * random.random(28)
    p = measure_mantel_p(first, second, seed=0)
    orders = np.array(list(permutations(range(8))))
    square = np.zeros((8, 8))
    a, b = np.triu_indices(8, 1)
    ranks = [values.argsort().argsort() - 13.5 for values in (first, second)]
    square[a, b] = square[b, a] = ranks[1]
    null = square[orders[:, a], orders[:, b]] @ ranks[0]
    exact = np.mean(np.abs(null) >= abs(ranks[0] @ ranks[1]) - 1e-9)
    assert p == pytest.approx(exact, abs=4 * np.sqrt(exact / 9999))
    assert p == measure_mantel_p(first, second, seed=0)


def test_the_sign_does_not_matter_and_full_agreement_is_as_rare_as_can_be():
    values = np.arange(36.0)
    assert measure_mantel_p(values, -values, seed=0) == 1 / 10000
    assert measure_mantel_p(values, values**3, seed=0) == 1 / 10000


@pytest.mark.slow
def test_luck_is_uniform():
    """Rates that hang on classes, not on distances: a usual p would be far too small."""
    random = np.random.default_rng(1)
    a, b = np.triu_indices(7, 1)
    p_values = []
    for _ in range(400):
        points, hardness = random.normal(size=(7, 2)), random.normal(size=7)
        p_values.append(
            measure_mantel_p(np.linalg.norm(points[a] - points[b], axis=1), hardness[a] + hardness[b], seed=0)
        )
    below = [np.mean(np.array(p_values) <= level) for level in (0.05, 0.2, 0.5)]
    assert 0.02 <= below[0] <= 0.085
    assert 0.14 <= below[1] <= 0.26
    assert 0.43 <= below[2] <= 0.57


@pytest.mark.parametrize("n", [0, 1, 3])
def test_few_classes_have_none(n):
    assert measure_mantel_p(np.arange(float(n)), np.arange(float(n)), seed=0) is None


def test_constant_or_broken_sides_have_none():
    values = np.arange(10.0)
    assert measure_mantel_p(np.ones(10), values, seed=0) is None
    assert measure_mantel_p(values, np.zeros(10), seed=0) is None
    assert measure_mantel_p(np.where(values == 3, np.nan, values), values, seed=0) is None


def test_what_both_owe_to_a_third_is_taken_off():
    """Two sides that follow the sizes of the classes and nothing else: plainly related, not so with sizes held."""
    random = np.random.default_rng(3)
    a, b = np.triu_indices(8, 1)
    plain, partial = [], []
    for _ in range(100):
        weights = random.random(8)
        held = weights[a] + weights[b]
        first, second = (held + 0.3 * random.random(28) for _ in range(2))
        plain.append(measure_mantel_p(first, second, seed=0))
        partial.append(measure_mantel_p(first, second, seed=0, held=held))
    assert np.mean(np.array(plain) <= 0.05) > 0.9
    assert np.mean(np.array(partial) <= 0.05) <= 0.13


def test_holding_agrees_with_partial_correlation_and_a_constant_holds_nothing():
    random = np.random.default_rng(0)
    first, second, held = random.random((3, 10))
    ranks = [values.argsort().argsort() - 4.5 for values in (first, second, held)]
    x, y = (side - ranks[2] * (side @ ranks[2]) / (ranks[2] @ ranks[2]) for side in ranks[:2])
    orders = np.array(list(permutations(range(5))))
    square = np.zeros((5, 5))
    a, b = np.triu_indices(5, 1)
    square[a, b] = square[b, a] = y
    null = np.abs(square[orders[:, a], orders[:, b]] @ x)
    assert measure_mantel_p(first, second, seed=0, held=held) == pytest.approx(np.mean(null >= abs(x @ y) - 1e-9))
    assert measure_mantel_p(first, second, seed=0, held=np.ones(10)) == measure_mantel_p(first, second, seed=0)
    assert measure_mantel_p(first, held, seed=0, held=held) is None
