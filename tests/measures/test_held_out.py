import doctest
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from latentscape.measures import held_out
from latentscape.measures.held_out import Quiz, thin_out, weigh_held_out
from latentscape.measures.linear_probe import PENALTIES, fit_linear_probe


def fit_ridge(train, answers, test, *, penalty):
    """Ridge regression with a free intercept, by the normal equations."""
    center = train.mean(axis=0)
    z = train - center
    slopes = np.linalg.solve(z.T @ z + penalty * np.eye(z.shape[1]), z.T @ (answers - answers.mean(axis=0)))
    return answers.mean(axis=0) + (test - center) @ slopes


def leave_each_out(train, answers, *, penalty):
    """The squared error when each sample in turn is predicted by the others."""
    rows = np.arange(len(train))
    errors = [
        fit_ridge(train[rows != i], answers[rows != i], train[i : i + 1], penalty=penalty) - answers[i] for i in rows
    ]
    return float(np.square(errors).sum())


def make(n, width, *, seed=0):
    random = np.random.default_rng(seed)
    labels = np.arange(n) % 3
    features = random.normal(size=(n, width)) + 1.5 * random.normal(size=(3, width))[labels]
    return features.astype(np.float32), labels, np.arange(n) // 3 % 4


def weigh(features, labels, folds, *, n_classes):
    """How much each sample has to say about each other one, by the reader without its fold."""
    probe, weights = fit_linear_probe(features, features[:0]), np.zeros((len(labels), len(labels)))
    (own,) = weigh_held_out(probe, [Quiz(labels, folds, n_classes)])
    for inside, outside, heard in own:
        weights[np.ix_(inside, outside)] = heard
    return weights


@pytest.mark.parametrize(("n", "width"), [(24, 5), (24, 40), (25, 24)])
def test_held_out_weights_are_those_of_a_probe_fitted_without_the_fold(n, width):
    features, labels, folds = make(n, width)
    weights = weigh(features, labels, folds, n_classes=3)
    scaled = features.astype(np.float64)
    scaled = (scaled - scaled.mean(axis=0)) / scaled.std(axis=0)
    answers = np.eye(3)[labels]
    for fold in range(4):
        inside, outside = folds == fold, folds != fold
        errors = [leave_each_out(scaled[outside], answers[outside], penalty=p * width) for p in PENALTIES]
        best = PENALTIES[int(np.argmin(errors))] * width
        expected = fit_ridge(scaled[outside], answers[outside], scaled[inside], penalty=best)
        assert weights[inside] @ answers == pytest.approx(expected, abs=1e-6)


def test_a_sample_hears_nothing_from_its_own_fold():
    features, labels, folds = make(24, 5)
    weights = weigh(features, labels, folds, n_classes=3)
    assert (weights[folds[:, None] == folds] == 0).all()
    assert weights.sum(axis=1) == pytest.approx(np.ones(24))


def test_no_label_of_a_fold_reaches_its_own_weights():
    features, labels, folds = make(24, 40)
    changed = np.where(folds == 1, (labels + 1) % 3, labels)
    first, second = (weigh(features, each, folds, n_classes=3)[folds == 1] for each in (labels, changed))
    assert np.array_equal(first, second) or first == pytest.approx(second, abs=1e-12)


@pytest.mark.parametrize("threads", [0, 1, 3])
def test_quizzes_read_together_are_read_as_each_alone(threads):
    features, labels, folds = make(36, 50)
    quizzes = [
        Quiz(labels, folds, 3),
        Quiz(np.random.default_rng(1).integers(0, 2, 36), folds, 2),
        Quiz(np.random.default_rng(2).integers(0, 4, 36), np.arange(36) % 3, 4),
    ]
    probe = fit_linear_probe(features, features[:0])
    with ThreadPoolExecutor(max(1, threads)) as pool:
        together = weigh_held_out(probe, quizzes, pool=pool if threads else None)
    for quiz, own in zip(quizzes, together, strict=True):
        assert [fold.inside.tolist() for fold in own] == [
            np.flatnonzero(quiz.folds == fold).tolist() for fold in range(quiz.folds.max() + 1)
        ]
        (alone,) = weigh_held_out(probe, [quiz])
        assert all(np.array_equal(a.weights, b.weights) for a, b in zip(own, alone, strict=True))


@pytest.mark.parametrize("features", [np.zeros((20, 3)), np.ones((20, 0)), np.repeat(np.eye(4), 5, axis=0)])
def test_constant_and_repeated_features_have_weights(features):
    weights = weigh(features.astype(np.float32), np.arange(20) % 2, np.arange(20) % 5, n_classes=2)
    assert np.isfinite(weights).all()
    assert weights.sum(axis=1) == pytest.approx(np.ones(20))


def test_thinning_takes_the_same_part_of_each_stratum():
    strata = np.repeat([0, 1, 2], [60, 30, 10])
    kept = thin_out(strata, size=20, seed=1)
    assert np.bincount(strata[kept]).tolist() == [12, 6, 2]
    assert (np.diff(kept) > 0).all()
    assert not np.array_equal(kept, thin_out(strata, size=20, seed=2))
    assert np.array_equal(kept, thin_out(strata, size=20, seed=1))
    assert np.array_equal(thin_out(strata, size=1000, seed=1), np.arange(100))


def test_examples_in_docstrings_hold():
    assert doctest.testmod(held_out).failed == 0
