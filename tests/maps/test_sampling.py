"""UMAP's epoch: its curve, its hash, its forces against full sums, and what threads may not change."""

import numpy as np
import pytest
from scipy.optimize import curve_fit

from latentscape.engine import Crew
from latentscape.maps.edges import Edges, join_directions
from latentscape.maps.objective import measure_cross_entropy
from latentscape.maps.sampling import DAMPING, NEGATIVES, Curve, Epoch, _mix, _power, fit_curve, run_epoch
from tests.maps.toys import CREW, all_gaps, make_edges, make_places, to_dense

CURVE = Curve(a=1.5, b=0.9)


def move(edges, places, *, rate=1.0, key=7, curve=CURVE, crew=CREW):
    moved = np.empty_like(places)
    run_epoch(edges, places, moved, curve=curve, epoch=Epoch(rate=rate, key=np.uint32(key)), crew=crew)
    return moved.astype(np.float64) - places


@pytest.mark.parametrize("min_dist", [0.0, 0.001, 0.1, 0.25, 0.5, 0.8, 1.0])
def test_the_curve_is_scipys_least_squares_fit(min_dist):
    d = np.linspace(0, 3, 300)
    wanted = np.where(d < min_dist, 1.0, np.exp(-(d - min_dist)))
    (a, b), _ = curve_fit(lambda x, a, b: 1 / (1 + a * x ** (2 * b)), d, wanted)
    curve = fit_curve(min_dist)
    assert (curve.a, curve.b) == (pytest.approx(a, rel=1e-3), pytest.approx(b, rel=1e-3))


def test_the_power_is_close_to_the_librarys():
    x = np.logspace(-12, 6, 2000).astype(np.float32)
    for b in (0.2, 0.5, 0.895, 1.0, 1.9):
        ours = np.array([_power.py_func(np.float32(value), np.float32(b)) for value in x[::50]])
        exact = x[::50].astype(np.float64) ** b
        np.testing.assert_allclose(ours, exact, rtol=1e-3)


def test_the_hash_spreads_evenly():
    with np.errstate(over="ignore"):
        draws = np.array([_mix.py_func(np.uint32(i * 0x9E3779B9 & 0xFFFFFFFF)) for i in range(4000)], dtype=np.uint64)
    counts = np.bincount((draws * 16) >> 32, minlength=16)
    assert ((counts - 250) ** 2 / 250).sum() < 37.7  # chi square, 15 degrees of freedom, 1 in 1,000
    assert len(np.unique(draws)) == 4000


def test_without_edges_nothing_moves():
    nothing = Edges(starts=np.zeros(11, np.int64), others=np.zeros(0, np.uint32), weights=np.zeros(0, np.float32))
    assert not move(nothing, make_places(10)).any()


def test_two_points_by_hand():
    """a = b = 1 at distance 1: the pull is 4 / 2 = 2, damped by 1 + 0.3 * 2; every draw is oneself or the other."""
    edges = join_directions(np.array([[1], [0]], np.int32), np.ones((2, 1), np.float32), union=True, crew=CREW)
    places = np.array([[0, 0], [1, 0]], np.float32)
    pulls = 2.0
    push_each = 2 / (1.001 * 2) * NEGATIVES / 6  # six draws stand for five
    steps = [move(edges, places, curve=Curve(a=1, b=1), key=key)[0, 0] for key in range(300)]
    pushes = (pulls - np.array(steps) * (1 + DAMPING * pulls)) / push_each
    np.testing.assert_allclose(pushes, np.round(pushes), atol=5e-3)
    assert set(np.round(pushes)) <= set(range(7))
    assert np.mean(pushes) == pytest.approx(3, abs=0.3)


def test_the_mean_over_many_draws_is_the_slope_of_the_loss():
    """The expected step, undamped, is rate times minus the gradient of the cross entropy that is measured."""
    n = 25
    edges = make_edges(n, 4, union=True)
    lattice = 2 * np.stack(np.meshgrid(range(5), range(5)), axis=-1).reshape(-1, 2)  # no push is near its limit
    places = (lattice + make_places(n, reach=0.3)).astype(np.float32)
    gaps, squares = all_gaps(places)
    power = squares**CURVE.b
    with np.errstate(divide="ignore", invalid="ignore"):
        pull = 4 * CURVE.a * CURVE.b * power / squares / (1 + CURVE.a * power)
        push = 2 * CURVE.b / ((0.001 + squares) * (1 + CURVE.a * power))
    np.fill_diagonal(pull, 0)
    np.fill_diagonal(push, 0)
    weights = to_dense(edges)
    stiffness = (weights * pull).sum(axis=1)
    attraction = -((weights * pull)[..., None] * gaps).sum(axis=1)
    repulsion = NEGATIVES * weights.sum(axis=1)[:, None] * (push[..., None] * gaps).sum(axis=1) / n
    expected = (attraction + repulsion) / (1 + DAMPING * stiffness)[:, None]
    steps = np.mean([move(edges, places, key=key) for key in range(3000)], axis=0)
    np.testing.assert_allclose(steps, expected, atol=0.03 * np.abs(expected).max())

    def loss(y):
        square = ((y[:, None] - y) ** 2).sum(axis=2)
        np.fill_diagonal(square, 1)
        v = 1 / (1 + CURVE.a * square**CURVE.b)
        pulls = -(weights * np.log(v)).sum()
        others = ~np.eye(n, dtype=bool)
        pushes = (weights.sum(axis=1) * np.where(others, -np.log1p(-np.where(others, v, 0)), 0).sum(axis=1)).sum()
        return (pulls + NEGATIVES * pushes / (n - 1)) / weights.sum()

    assert measure_cross_entropy(edges, places, curve=CURVE, seed=0, crew=CREW) == pytest.approx(
        loss(places.astype(np.float64)), rel=0.15
    )


def test_few_points_are_compared_with_all_others():
    edges, places = make_edges(3, 2, union=True), make_places(3)
    values = {round(measure_cross_entropy(edges, places, curve=CURVE, seed=s, crew=CREW), 12) for s in range(40)}
    assert len(values) <= 3  # two steps are drawn of two


def test_any_number_of_threads_gives_the_same_bytes():
    edges, places = make_edges(2000, 6, union=True), make_places(2000)
    assert move(edges, places, crew=Crew(1)).tobytes() == move(edges, places, crew=Crew(4)).tobytes()


def test_no_push_is_cut_beyond_its_limit_and_coincident_points_stay_finite():
    edges = make_edges(20, 3, union=True)
    steps = move(edges, np.zeros((20, 2), np.float32))
    assert np.isfinite(steps).all()
