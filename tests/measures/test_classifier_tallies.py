import numpy as np
import pytest
from sklearn.metrics import accuracy_score, balanced_accuracy_score, log_loss

from latentscape.errors import DataError
from latentscape.measures.classification import count_confusions, measure_accuracy, measure_balanced_accuracy
from latentscape.measures.classifier_tallies import tally_classifier
from latentscape.measures.tallies import measure_change, score_tally, value_of

NAMES = ["accuracy", "balanced_accuracy", "true_probability", "log_loss"]


def judge(labels, probabilities, predictions=None):
    labels, probabilities = np.asarray(labels), np.asarray(probabilities, dtype=float)
    predictions = probabilities.argmax(axis=1) if predictions is None else predictions
    return tally_classifier(labels, predictions, probabilities, n_classes=probabilities.shape[1])


def test_four_samples_by_hand():
    found = judge([0, 0, 1, -1], [[0.8, 0.2], [0.4, 0.6], [0.5, 0.5], [0.1, 0.9]])
    values = {name: value_of(tally) for name, tally in found.items()}
    assert list(values) == NAMES
    assert values["accuracy"] == pytest.approx(1 / 3)  # at 0.5 the first class is said
    assert values["balanced_accuracy"] == pytest.approx((1 / 2 + 0) / 2)
    assert values["true_probability"] == pytest.approx((0.8 + 0.4 + 0.5) / 3)
    assert values["log_loss"] == pytest.approx(-np.log([0.8, 0.4, 0.5]).mean())
    assert (found["log_loss"].better, round(found["log_loss"].bounds[1], 2)) == ("lower", 27.63)


@pytest.mark.parametrize("seed", range(5))
def test_agrees_with_scikit_learn_and_with_the_study_of_one_model(seed):
    random = np.random.default_rng(seed)
    labels, probabilities = random.integers(-1, 4, 120), random.dirichlet(np.ones(5), 120)
    found, known, said = judge(labels, probabilities), labels >= 0, probabilities.argmax(axis=1)
    values = {name: value_of(tally) for name, tally in found.items()}
    assert values["accuracy"] == pytest.approx(accuracy_score(labels[known], said[known]), abs=1e-12)
    assert values["log_loss"] == pytest.approx(log_loss(labels[known], probabilities[known], labels=range(5)))
    confusions = count_confusions(labels, said, n_classes=5)
    recalls = [np.mean(said[labels == c] == c) for c in range(4)]  # the fifth class has no samples
    assert values["balanced_accuracy"] == pytest.approx(np.mean(recalls), abs=1e-12)
    assert values["balanced_accuracy"] == pytest.approx(measure_balanced_accuracy(confusions, seed=0).value, abs=1e-12)
    assert values["accuracy"] == measure_accuracy(labels, said).value
    score = score_tally(found["accuracy"], clusters=np.arange(120), cluster_name="samples", seed=0)
    assert (score.name, score.n, score.bounds) == ("accuracy", known.sum(), (0.0, 1.0))


def test_balanced_accuracy_is_scikit_learns():
    random = np.random.default_rng(0)
    labels, probabilities = random.integers(0, 5, 200), random.dirichlet(np.ones(5), 200)
    expected = balanced_accuracy_score(labels, probabilities.argmax(axis=1))
    assert value_of(judge(labels, probabilities)["balanced_accuracy"]) == pytest.approx(expected, abs=1e-12)


def test_a_sample_given_up_for_lost_is_worth_a_limited_loss():
    found = judge([1, 0], [[1.0, 0.0], [1.0, 0.0]])
    assert value_of(found["log_loss"]) == pytest.approx(-np.log(1e-12) / 2)


def test_without_a_known_class_there_are_reasons():
    for labels, predictions in (([-1, -1], None), ([0, 1], np.array([-1, -1]))):
        for tally in judge(labels, [[0.5, 0.5], [0.1, 0.9]], predictions).values():
            score = score_tally(tally, clusters=np.arange(2), cluster_name="samples", seed=0)
            assert (score.value, score.n) == (None, 0)
            assert score.reason
    assert value_of(judge(np.zeros(0, dtype=int), np.zeros((0, 3)))["accuracy"]) is None


def test_one_class_and_one_sample():
    for name, tally in judge([0], [[1.0]]).items():
        assert value_of(tally) == pytest.approx(0.0 if name == "log_loss" else 1.0)
        change = measure_change(tally, tally, clusters=np.zeros(1, dtype=int), cluster_name="speakers", seed=0)
        assert change.score.value == 0.0


@pytest.mark.parametrize(
    ("labels", "probabilities", "words"),
    [([3], [[0.5, 0.5]], "out of range"), ([0], [[np.nan, 1.0]], "not a finite number")],
)
def test_bad_input_is_refused(labels, probabilities, words):
    with pytest.raises(DataError, match=words):
        judge(labels, probabilities)
