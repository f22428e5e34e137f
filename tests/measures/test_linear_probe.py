import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, Ridge, RidgeClassifier
from sklearn.preprocessing import StandardScaler

from latentscape.measures.linear_probe import (
    PENALTIES,
    fit_linear_probe,
    predict_arrangements,
    scale_weights,
)

SHAPES = [(60, 5), (40, 39), (40, 40), (41, 40), (30, 200), (200, 64), (2, 3)]


def make(n, d, *, n_classes=3, seed=0, dtype=np.float32):
    random = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(n_classes), random.integers(0, n_classes, n)])[:n]
    mixing = random.normal(size=(d, d)) * random.lognormal(size=d)
    features = (random.normal(size=(n + 20, d)) @ mixing - 3.0).astype(dtype)
    features[:n] += random.normal(size=(n_classes, d)).astype(dtype)[labels]
    return features[:n], features[n:], labels


def weigh(probe, penalty):
    """How much each training sample has to say about each test sample, written out."""
    return 1.0 / len(probe.train) + (probe.test / (probe.squares + penalty * probe.unit)) @ probe.train.T


def predict_classes(weights, labels, *, n_classes):
    return (weights @ np.eye(n_classes)[labels]).argmax(axis=1)


def test_worked_by_hand():
    """Scaled to -sqrt(2), 0, sqrt(2) / ... : five points on a line, penalty 1 x the mean squared length of 1."""
    train, test = np.array([[-2.0], [-1.0], [0.0], [1.0], [2.0]]), np.array([[2.0], [0.0]])
    probe = fit_linear_probe(train, test)
    z = train[:, 0] / np.sqrt(2.0)
    assert probe.unit == pytest.approx(1.0)
    assert weigh(probe, 1.0)[0] == pytest.approx(0.2 + np.sqrt(2.0) * z / (5.0 + 1.0))
    assert weigh(probe, 1.0)[1] == pytest.approx(np.full(5, 0.2))
    assert probe.predict(np.array([0, 0, 0, 1, 1]), n_classes=2, penalty=1.0).tolist() == [1, 0]


@pytest.mark.parametrize(("n", "d"), SHAPES)
@pytest.mark.parametrize("penalty", PENALTIES)
def test_predictions_are_those_of_ridge_regression(n, d, penalty):
    train, test, labels = make(n, d)
    scaler = StandardScaler().fit(train.astype(np.float64))
    probe = fit_linear_probe(train, test)
    theirs = Ridge(alpha=penalty * probe.unit).fit(scaler.transform(train.astype(np.float64)), np.eye(3)[labels])
    assert weigh(probe, penalty) @ np.eye(3)[labels] == pytest.approx(
        theirs.predict(scaler.transform(test.astype(np.float64))), abs=1e-8
    )
    assert probe.unit == pytest.approx(d)


@pytest.mark.parametrize(("n", "d"), SHAPES[:-1])
def test_classes_are_those_of_scikit_learns_ridge_classifier(n, d):
    train, test, labels = make(n, d, seed=1)
    scaler = StandardScaler().fit(train.astype(np.float64))
    for penalty in PENALTIES:
        probe = fit_linear_probe(train, test)
        assert np.array_equal(
            probe.predict(labels, n_classes=3, penalty=penalty),
            predict_classes(weigh(probe, penalty), labels, n_classes=3),
        )
        theirs = RidgeClassifier(alpha=penalty * probe.unit).fit(scaler.transform(train.astype(np.float64)), labels)
        ours = predict_classes(weigh(probe, penalty), labels, n_classes=3)
        assert np.array_equal(ours, theirs.predict(scaler.transform(test.astype(np.float64))))


@pytest.mark.parametrize(("n", "d"), [(25, 4), (20, 19), (15, 60)])
def test_the_penalty_is_the_one_that_refitting_without_each_sample_finds(n, d):
    for seed in range(2):
        train, test, labels = make(n, d, seed=seed)
        probe = fit_linear_probe(train, test)
        scaled = StandardScaler().fit_transform(train.astype(np.float64))
        answers = np.eye(3)[labels]
        errors = [
            sum(
                np.square(
                    answers[i]
                    - Ridge(alpha=penalty * probe.unit)
                    .fit(np.delete(scaled, i, 0), np.delete(answers, i, 0))
                    .predict(scaled[i : i + 1])[0]
                ).sum()
                for i in range(n)
            )
            for penalty in PENALTIES
        ]
        assert probe.choose_penalty(labels, n_classes=3) == PENALTIES[int(np.argmin(errors))]


def test_a_small_penalty_is_least_squares_and_a_large_one_the_mean():
    train, test, labels = make(80, 4)
    probe, answers = fit_linear_probe(train, test), np.eye(3)[labels]
    least = LinearRegression().fit(train.astype(np.float64), answers).predict(test.astype(np.float64))
    assert weigh(probe, 1e-12) @ answers == pytest.approx(least, abs=1e-6)
    assert weigh(probe, 1e12) @ answers == pytest.approx(np.tile(answers.mean(axis=0), (20, 1)), abs=1e-6)


@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
def test_the_unit_of_a_feature_does_not_matter(scale):
    train, test, _ = make(50, 6, dtype=np.float64)
    plain = weigh(fit_linear_probe(train, test), 0.1)
    assert weigh(fit_linear_probe(train * scale + 5 * scale, test * scale + 5 * scale), 0.1) == pytest.approx(
        plain, abs=1e-7
    )


@pytest.mark.parametrize("value", [0.0, 0.1, -3e30])
def test_features_that_do_not_vary_say_nothing(value):
    train, test, labels = make(30, 4)
    padded = [np.hstack([each, np.full((len(each), 2), value, np.float32)]) for each in (train, test)]
    assert weigh(fit_linear_probe(*padded), 0.1) == pytest.approx(weigh(fit_linear_probe(train, test), 0.1))
    only = fit_linear_probe(padded[0][:, 4:], padded[1][:, 4:])
    assert weigh(only, 0.1) == pytest.approx(np.full((20, 30), 1 / 30))
    assert only.choose_penalty(labels, n_classes=3) in PENALTIES


@pytest.mark.parametrize("n", [1, 2])
def test_one_or_two_training_samples(n):
    probe = fit_linear_probe(np.arange(3.0 * n).reshape(n, 3), np.array([[9.0, 9.0, 9.0]]))
    penalty = probe.choose_penalty(np.arange(n), n_classes=2)
    assert probe.predict(np.arange(n), n_classes=2, penalty=penalty).tolist() == [n - 1]


@pytest.mark.parametrize(("n_classes", "n_draws"), [(2, 1), (3, 40), (40, 7), (5, 1500), (1500, 2)])
def test_all_arrangements_at_once_are_read_as_one_by_one(n_classes, n_draws):
    train, test, _ = make(60, 10)
    weights = weigh(fit_linear_probe(train, test), 0.1) * np.geomspace(1e-60, 1e60, 20)[:, None]
    arrangements = np.random.default_rng(0).integers(0, n_classes, (n_draws, 60))
    together = predict_arrangements(scale_weights(weights).__matmul__, arrangements, n_classes=n_classes)
    singly = [predict_classes(weights, labels, n_classes=n_classes) for labels in arrangements[:50]]
    assert np.array_equal(together[:50], singly)


def test_equal_answers_go_to_the_lower_class():
    weights = np.array([[1.0, 1.0, 0.0], [0.0, 0.0, 0.0]], np.float32)
    said = predict_arrangements(weights.__matmul__, np.array([[2, 1, 0], [0, 2, 1]]), n_classes=3)
    assert said.tolist() == [[1, 0], [0, 0]]
