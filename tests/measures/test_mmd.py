import numpy as np
import pytest
from scipy.spatial.distance import pdist
from sklearn.metrics.pairwise import rbf_kernel

from latentscape.measures.mmd import make_kernel_space


def estimate_by_hand(x, y, gamma):
    """Gretton et al. 2012, equation 3, term by term."""
    own = [(rbf_kernel(z, gamma=gamma).sum() - len(z)) / (len(z) * (len(z) - 1)) for z in (x, y)]
    return sum(own) - 2 * rbf_kernel(x, y, gamma=gamma).mean()


@pytest.mark.parametrize("seed", range(4))
def test_agrees_with_the_definition(seed):
    random = np.random.default_rng(seed)
    labels = np.repeat([0, 1, 2], [20, 2, 33])
    points = random.normal(size=(55, 5)) + labels[:, None] * 0.4 + 100
    points[5] = points[4]  # copies are samples like others
    space = make_kernel_space(points, labels, n_classes=3, seed=0)
    found = space.measure(np.ones((1, 55)))[0]
    gamma = 1 / (2 * np.median(pdist(points)) ** 2)
    for a, b in ((0, 1), (0, 2), (1, 2)):
        by_hand = estimate_by_hand(points[labels == a], points[labels == b], gamma)
        assert found[a, b] == found[b, a]
        assert found[a, b] == pytest.approx(np.sqrt(max(0, by_hand)), abs=1e-7)


def test_five_points_by_hand():
    """0, 1 against 0, 1, 2 on a line: the median distance is 1, so k = exp(-d^2 / 2)."""
    space = make_kernel_space(np.array([[0.0], [1], [0], [1], [2]]), np.array([0, 0, 1, 1, 1]), n_classes=2, seed=0)
    one, two = np.exp(-0.5), np.exp(-2.0)
    square = one + (2 * one + two) / 3 - 2 * (1 + one + two + one + 1 + one) / 6
    assert space.measure(np.ones((1, 5)))[0, 0, 1] == pytest.approx(np.sqrt(max(0, square)))
    far = make_kernel_space(np.array([[0.0], [1], [0], [5], [6]]), np.array([0, 0, 1, 1, 1]), n_classes=2, seed=0)
    assert far.measure(np.ones((1, 5)))[0, 0, 1] > 0


def test_the_square_is_unbiased_for_equal_classes():
    """About half of the estimates are cut off at 0, where a biased one would hardly ever be."""
    random = np.random.default_rng(0)
    labels = np.repeat([0, 1], 15)
    found = [
        make_kernel_space(random.normal(size=(30, 4)), labels, n_classes=2, seed=0).measure(np.ones((1, 30)))[0, 0, 1]
        for _ in range(300)
    ]
    assert 0.4 < np.mean(np.array(found) == 0) < 0.68


def test_scale_and_place_change_nothing():
    random = np.random.default_rng(0)
    points, labels = random.normal(size=(40, 6)), np.repeat([0, 1], 20)
    points[20:] += 1
    plain, *others = (
        make_kernel_space(points * scale + shift, labels, n_classes=2, seed=0).measure(np.ones((1, 40)))[0, 0, 1]
        for scale, shift in ((1, 0), (1e-40, 0), (1e40, 0), (1, 1e4))
    )
    assert others == pytest.approx([plain] * 3, rel=1e-6)


def test_points_in_one_place_are_no_distance_apart():
    labels = np.repeat([0, 1], 5)
    assert make_kernel_space(np.ones((10, 3)), labels, n_classes=2, seed=0).measure(np.ones((1, 10)))[0, 0, 1] == 0
    mostly = np.ones((10, 3))
    mostly[-1] = 2
    found = make_kernel_space(mostly, labels, n_classes=2, seed=0).measure(np.ones((1, 10)))[0, 0, 1]
    assert np.isfinite(found)


def test_a_single_sample_has_no_distance():
    space = make_kernel_space(np.eye(5), np.array([0, 0, 1, 2, 2]), n_classes=4, seed=0)
    assert space.has_place.tolist() == [True, False, True, False]
    found = space.measure(np.ones((2, 5)))
    assert np.isfinite(found[:, [0, 2]][:, :, [0, 2]]).all()
    assert np.isnan(found[:, 1]).all()
    nothing = make_kernel_space(np.empty((0, 3)), np.empty(0, dtype=int), n_classes=2, seed=0)
    assert np.isnan(nothing.measure(np.ones((1, 0)))).all()


def test_large_classes_are_thinned_by_the_seed():
    labels = np.repeat([0, 1], [1000, 50])
    points = np.random.default_rng(0).normal(size=(1050, 2))
    first, again, other = (make_kernel_space(points, labels, n_classes=2, seed=seed).rows for seed in (0, 0, 1))
    assert len(first) == 450
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
