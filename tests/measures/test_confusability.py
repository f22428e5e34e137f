import numpy as np
import pytest
from scipy.optimize import minimize

from latentscape.measures.bootstrap import wilson_interval
from latentscape.measures.confusability import measure_confusability
from latentscape.measures.permutations import holm


def draw_table(random, *, n_classes, n, accuracy):
    """Mistakes that are spread by the classes' margins alone."""
    named = random.dirichlet(np.full(n_classes, 3))
    missed = np.clip((1 - accuracy) * n_classes * random.dirichlet(np.full(n_classes, 3)), 0, 0.9)
    shares = np.tile(named, (n_classes, 1))
    np.fill_diagonal(shares, 0)
    shares *= (missed / shares.sum(axis=1))[:, None]
    shares[np.diag_indices(n_classes)] = 1 - missed
    sizes = random.integers(n // 2, 2 * n, n_classes)
    return np.stack([random.multinomial(size, share) for size, share in zip(sizes, shares, strict=True)])


def expect_by_hand(confusions, first, second):
    """Poisson regression on rows and columns over the cells outside the pair, by a general optimizer."""
    n = len(confusions)
    outside = ~np.eye(n, dtype=bool)
    outside[first, second] = outside[second, first] = False
    a, b = np.nonzero(outside)
    counts = (confusions + 0.5 / (n - 1))[a, b]

    def loss(weights):
        logs = weights[a] + weights[n + b]
        slope = np.exp(logs) - counts
        gradient = np.concatenate([np.bincount(side, weights=slope, minlength=n) for side in (a, b)])
        return np.sum(np.exp(logs) - counts * logs), gradient

    best = minimize(loss, np.zeros(2 * n), jac=True, method="BFGS", options={"gtol": 1e-7, "maxiter": 2000}).x
    sizes = confusions[[first, second]].sum()
    return (np.exp(best[first] + best[n + second]) + np.exp(best[second] + best[n + first])) / sizes


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("n_classes", [4, 6])
def test_the_expectation_is_the_likeliest_of_the_other_cells(seed, n_classes):
    confusions = draw_table(np.random.default_rng(seed), n_classes=n_classes, n=80, accuracy=0.7)
    for pair in measure_confusability(confusions):
        assert pair.expected == pytest.approx(expect_by_hand(confusions, pair.first, pair.second), rel=1e-3)


def test_five_classes_by_hand():
    """All cells hold 4 but one pair with 30 each way: 8 of 200 are expected, half a mistake a class aside."""
    confusions = np.full((5, 5), 4)
    np.fill_diagonal(confusions, 84)
    confusions[1, 3] = confusions[3, 1] = 30
    confusions[1, 1] = confusions[3, 3] = 58
    found = {(pair.first, pair.second): pair for pair in measure_confusability(confusions)}
    special = found.pop((1, 3))
    assert (special.count, special.rate.value, special.rate.n) == (60, 0.3, 200)
    assert (special.rate.low, special.rate.high) == pytest.approx(wilson_interval(60, 200))
    assert special.rate.better == "lower"
    assert special.expected == pytest.approx(2 * 4.125 / 200)
    assert special.p_value < 1e-5
    for pair in found.values():  # for these the special pair is left out
        assert pair.expected == pytest.approx(2 * 4.125 / 200, rel=1e-4)
        assert 0.3 < pair.p_value < 0.8


def test_a_class_that_is_often_missed_makes_no_pair_special():
    random = np.random.default_rng(0)
    shares = np.full((6, 6), 0.02)
    shares[2] = 0.12
    shares[:, 4] *= 2
    np.fill_diagonal(shares, 0)
    np.fill_diagonal(shares, 1 - shares.sum(axis=1))
    confusions = np.stack([random.multinomial(300, share) for share in shares])
    found = measure_confusability(confusions)
    rates = [pair.rate.value for pair in found]
    assert max(rates) > 3 * np.median(rates)
    assert min(holm(np.array([pair.p_value for pair in found]))) > 0.05


@pytest.mark.parametrize("accuracy", [0.6, 0.8, 0.95, 1.0])
def test_one_planted_pair_is_the_only_one_named(accuracy):
    random = np.random.default_rng(1)
    shares = np.full((8, 8), (1 - accuracy) / 7)
    np.fill_diagonal(shares, accuracy)
    for a, b in ((2, 6), (6, 2)):
        shares[a, b] += 0.2
        shares[a, a] -= 0.2
    confusions = np.stack([random.multinomial(100, share) for share in shares])
    found = measure_confusability(confusions)
    adjusted = holm(np.array([pair.p_value for pair in found]))
    assert [(pair.first, pair.second) for pair, p in zip(found, adjusted, strict=True) if p <= 0.01] == [(2, 6)]
    assert found[int(np.argmin(adjusted))].expected < 0.12


@pytest.mark.parametrize(("n_classes", "n", "accuracy"), [(4, 40, 0.6), (5, 200, 0.9), (8, 100, 0.6), (8, 100, 0.9)])
@pytest.mark.slow
def test_margins_alone_raise_no_alarm(n_classes, n, accuracy):
    random = np.random.default_rng(n_classes * n)
    alarms, p_values = 0, []
    for _ in range(150):
        own = [
            pair.p_value
            for pair in measure_confusability(draw_table(random, n_classes=n_classes, n=n, accuracy=accuracy))
        ]
        known = np.array([p for p in own if p is not None])
        alarms += known.size > 0 and holm(known).min() <= 0.05
        p_values += known.tolist()
    assert alarms <= 12  # 5 % of 150, and twice the deviation of that
    assert np.mean(np.array(p_values) <= 0.05) <= 0.06
    assert 0.1 <= np.mean(np.array(p_values) <= 0.2) <= 0.23


def test_classes_without_samples_form_no_pair_but_may_be_named():
    confusions = np.zeros((7, 7), dtype=int)
    confusions[:5, :5] = draw_table(np.random.default_rng(0), n_classes=5, n=50, accuracy=0.7)
    found = measure_confusability(confusions)
    assert {pair.second for pair in found} == {1, 2, 3, 4}
    plain = measure_confusability(confusions[:5, :5])
    assert found == plain
    confusions[0, 6] = 5
    assert len(measure_confusability(confusions)) == 10
    assert measure_confusability(confusions) != plain


@pytest.mark.parametrize(
    "confusions",
    [
        np.zeros((0, 0)),
        np.zeros((3, 3)),
        np.array([[5]]),
        np.array([[3, 1], [2, 0]]),
        np.full((3, 3), 4),
        np.diag([3] * 5),
    ],
)
def test_nothing_to_judge_is_no_p(confusions):
    for pair in measure_confusability(confusions.astype(int)):
        assert pair.p_value is None
        assert pair.expected == pair.rate.value
