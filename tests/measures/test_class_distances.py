from itertools import combinations

import numpy as np
import pytest
from scipy.spatial.distance import mahalanobis
from sklearn.covariance import LedoitWolf

from latentscape.measures.class_distances import choose_shrinkage, make_class_space, sort_by_class, whiten


def make_samples(seed, *, n=60, d=7, n_classes=4):
    random = np.random.default_rng(seed)
    labels = np.sort(random.integers(0, n_classes, n))
    scales = random.lognormal(size=d)
    return (random.normal(size=(n_classes, d))[labels] + random.normal(size=(n, d)) @ np.diag(scales)), labels


def find_residuals(points, labels):
    return points - np.stack([points[labels == c].mean(axis=0) for c in labels])


@pytest.mark.parametrize(("n", "d"), [(60, 7), (200, 3), (20, 50), (8, 300), (40, 40)])
@pytest.mark.parametrize("seed", range(3))
def test_shrinkage_is_that_of_scikit_learn(n, d, seed):
    points, labels = make_samples(seed, n=n, d=d)
    residuals = find_residuals(points, labels)
    squares = np.sum(residuals**2, axis=1)
    ours = choose_shrinkage(residuals.T @ residuals / n, squares, n_features=d)
    assert ours == pytest.approx(LedoitWolf(assume_centered=True).fit(residuals).shrinkage_, rel=1e-9)


@pytest.mark.parametrize(("n", "d"), [(60, 7), (20, 50), (12, 300)])
def test_white_distances_are_mahalanobis_distances(n, d):
    points, labels = make_samples(0, n=n, d=d)
    points -= points.mean(axis=0)
    inverse = np.linalg.inv(LedoitWolf(assume_centered=True).fit(find_residuals(points, labels)).covariance_)
    white = whiten(points, labels, n_classes=4)
    for i, j in combinations(range(0, n, 3), 2):
        assert np.linalg.norm(white[i] - white[j]) == pytest.approx(
            mahalanobis(points[i], points[j], inverse), rel=1e-7
        )


def test_two_classes_by_hand():
    """Residuals (1, 0), (-1, 0), (0, 1), (0, -1): the covariance is I / 2, so a step of 3 is 3 sqrt(2)."""
    cross = np.array([[1, 0], [-1, 0], [0, 1], [0, -1.0]])
    features = np.concatenate([cross, cross + np.array([3, 0])])
    samples = sort_by_class(features, np.repeat([0, 1], 4), np.zeros(8, dtype=int))
    space = make_class_space(samples, metric="mahalanobis", n_classes=2, seed=0)
    assert space.measure(np.ones((1, 8)))[0, 0, 1] == pytest.approx(3 * np.sqrt(2))


def test_constant_and_doubled_features_are_no_obstacle():
    points, labels = make_samples(0)
    wide = np.concatenate([points, points, np.full((60, 2), 5.0)], axis=1)
    space = make_class_space(sort_by_class(wide, labels, labels), metric="mahalanobis", n_classes=4, seed=0)
    found = space.measure(np.ones((1, 60)))[0]
    assert np.isfinite(found).all()
    assert (found[~np.eye(4, dtype=bool)] > 0).all()


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
@pytest.mark.parametrize("coarse", [False, True])
def test_counting_a_sample_twice_is_having_it_twice(metric, coarse):
    points, labels = make_samples(2)
    points += 20  # a direction that all share costs the coarse sums nothing
    counts = np.random.default_rng(0).integers(0, 4, size=(5, 60)).astype(float)
    space = make_class_space(sort_by_class(points, labels, labels), metric=metric, n_classes=4, seed=0)
    found = (space.coarsen() if coarse else space).measure(counts)
    for draw, count in zip(found, counts, strict=True):
        rows = np.repeat(np.arange(60), count.astype(int))
        drawn = sort_by_class(points[rows], labels[rows], labels[rows])
        by_hand = make_class_space(drawn, metric=metric, n_classes=4, seed=0).measure(np.ones((1, len(rows))))[0]
        assert draw == pytest.approx(by_hand, rel=1e-3 if coarse else 1e-7, abs=1e-7)


@pytest.mark.parametrize("coarse", [False, True])
def test_a_resampled_discrepancy_leaves_out_copies_of_the_same_sample(coarse):
    points, labels = make_samples(2)
    counts = np.random.default_rng(0).integers(0, 4, size=(3, 60)).astype(float)
    space = make_class_space(sort_by_class(points, labels, labels), metric="mmd", n_classes=4, seed=0)
    found = (space.coarsen() if coarse else space).measure(counts)
    squares = np.sum((points[:, None] - points) ** 2, axis=2)
    width = np.median(squares[np.triu_indices(60, k=1)])
    for draw, count in zip(found, counts, strict=True):
        rows = np.repeat(np.arange(60), count.astype(int))
        kernel = np.exp(-squares / (2 * width))[np.ix_(rows, rows)]
        different = rows[:, None] != rows
        for a, b in combinations(range(4), 2):
            cells = [np.ix_(labels[rows] == x, labels[rows] == y) for x, y in ((a, a), (b, b), (a, b))]
            own_a, own_b, both = (kernel[cell][different[cell]] for cell in cells)
            square = own_a.mean() + own_b.mean() - 2 * both.mean()
            assert draw[a, b] == pytest.approx(np.sqrt(max(square, 0)), abs=2e-3 if coarse else 1e-7)


def test_a_class_that_is_not_drawn_has_no_distance():
    points, labels = make_samples(1)
    for metric in ("cosine", "euclidean", "mahalanobis", "mmd"):
        space = make_class_space(sort_by_class(points, labels, labels), metric=metric, n_classes=4, seed=0)
        found = space.measure((labels != 2).astype(float)[None])[0]
        assert np.isnan(found[2]).all()
        assert np.isfinite(np.delete(np.delete(found, 2, axis=0), 2, axis=1)).all()
