import numpy as np
import pytest
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    confusion_matrix,
    f1_score,
    precision_score,
    recall_score,
)

from latentscape.errors import DataError
from latentscape.measures.bootstrap import wilson_interval
from latentscape.measures.classification import (
    count_confusions,
    measure_accuracy,
    measure_balanced_accuracy,
    measure_chance_accuracy,
    measure_class_f1s,
    measure_class_precisions,
    measure_class_recalls,
    name_scores,
)

LABELS = np.array([0, 0, 0, 1, 1, 2, -1, 2])
PREDICTIONS = np.array([0, 1, 0, 1, 0, 2, 1, -1])
BY_HAND = np.array([[2, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]])


def test_counts_by_hand():
    assert np.array_equal(count_confusions(LABELS, PREDICTIONS, n_classes=4), BY_HAND)


def test_unknown_labels_and_predictions_are_left_out_and_n_shows_it():
    score = measure_accuracy(LABELS, PREDICTIONS)
    assert (score.value, score.n) == (pytest.approx(4 / 6), 6)
    assert (score.low, score.high) == wilson_interval(4, 6)


def test_recalls_by_hand():
    recalls = measure_class_recalls(BY_HAND, ["Happy", "Very sad", "Angry", "Calm"])
    assert [score.value for score in recalls.values()] == [pytest.approx(2 / 3), 0.5, 1.0, None]
    assert [score.n for score in recalls.values()] == [3, 2, 1, 0]
    assert list(recalls) == ["recall_happy", "recall_very_sad", "recall_angry", "recall_calm"]
    assert recalls["recall_calm"].reason == "the class Calm has no samples"
    assert all(name == score.name for name, score in recalls.items())


def test_class_names_that_become_equal_stay_apart():
    recalls = measure_class_recalls(np.eye(4, dtype=int), ["a-b", "A b", "a_b_2", "a b"])
    assert len(recalls) == 4
    assert list(recalls)[:2] == ["recall_a_b", "recall_a_b_2"]


def test_vietnamese_class_names_keep_their_letters_in_either_unicode_form():
    composed, decomposed = "Buồn", "Buồn"
    assert list(measure_class_recalls(np.eye(1, dtype=int), [composed])) == ["recall_buồn"]
    assert list(measure_class_recalls(np.eye(1, dtype=int), [decomposed])) == ["recall_buồn"]


def test_balanced_accuracy_and_chance_by_hand():
    balanced = measure_balanced_accuracy(BY_HAND, seed=0)
    assert balanced.value == pytest.approx((2 / 3 + 1 / 2 + 1) / 3)
    assert balanced.low < balanced.value < balanced.high
    chance = measure_chance_accuracy(BY_HAND)
    assert (chance.value, chance.n, chance.better) == (0.5, 6, "neither")


@pytest.mark.parametrize("seed", range(5))
def test_agrees_with_scikit_learn(seed):
    random = np.random.default_rng(seed)
    labels, predictions = random.integers(0, 6, size=(2, 300))
    confusions = count_confusions(labels, predictions, n_classes=6)
    assert np.array_equal(confusions, confusion_matrix(labels, predictions))
    assert measure_accuracy(labels, predictions).value == pytest.approx(accuracy_score(labels, predictions))
    recalls = [score.value for score in measure_class_recalls(confusions, list("abcdef")).values()]
    assert recalls == pytest.approx(recall_score(labels, predictions, average=None))
    balanced = measure_balanced_accuracy(confusions, seed=0)
    assert balanced.value == pytest.approx(balanced_accuracy_score(labels, predictions))


def test_score_names_are_flat_and_never_what_another_score_calls_its_facts():
    owners = ["Happy", "happy", "Ｈappy", "a", "a n", "a-low", "a high", "a_reason", "a n 2", "n", ""]
    names = name_scores("recall", owners)
    assert names[:2] == ["recall_happy", "recall_happy_2"]
    keys = [name + ending for name in names for ending in ("", "_n", "_low", "_high", "_reason")]
    assert len(keys) == len(set(keys))


def test_nothing_known_is_a_reason_not_a_zero():
    nothing = np.array([-1, -1])
    confusions = count_confusions(nothing, nothing, n_classes=2)
    scores = [
        measure_accuracy(nothing, nothing),
        measure_balanced_accuracy(confusions, seed=0),
        measure_chance_accuracy(confusions),
    ]
    assert [(score.value, score.n) for score in scores] == [(None, 0)] * 3
    assert all(score.reason for score in scores)


def test_one_class_is_fully_recalled_and_chance_is_certain():
    ones = np.zeros(5, dtype=int)
    confusions = count_confusions(ones, ones, n_classes=1)
    assert measure_chance_accuracy(confusions).value == 1.0
    balanced = measure_balanced_accuracy(confusions, seed=0)
    assert (balanced.value, balanced.low, balanced.high) == (1.0, *wilson_interval(5, 5))


def test_the_interval_of_balanced_accuracy_covers_the_truth():
    random, covered = np.random.default_rng(0), 0
    for trial in range(200):
        labels = np.repeat([0, 1], [200, 40])
        right = random.random(240) < np.where(labels == 0, 0.9, 0.6)
        confusions = count_confusions(labels, np.where(right, labels, 1 - labels), n_classes=2)
        score = measure_balanced_accuracy(confusions, seed=trial)
        covered += score.low <= 0.75 <= score.high
    assert 0.88 <= covered / 200 <= 0.99


@pytest.mark.parametrize("wrong", [3, -2])
def test_a_class_number_out_of_range_is_refused(wrong):
    with pytest.raises(DataError, match="out of range"):
        count_confusions(np.array([0, 1]), np.array([0, wrong]), n_classes=3)


def test_precisions_and_f1s_by_hand():
    names = ["Happy", "Very sad", "Angry", "Calm"]
    precisions, f1s = measure_class_precisions(BY_HAND, names), measure_class_f1s(BY_HAND, names)
    assert [score.value for score in precisions.values()] == [pytest.approx(2 / 3), 0.5, 1.0, None]
    assert [score.n for score in precisions.values()] == [3, 2, 1, 0]
    assert list(precisions)[:2] == ["precision_happy", "precision_very_sad"]
    assert precisions["precision_calm"].reason == "no sample was predicted as Calm"
    assert [score.value for score in f1s.values()] == [pytest.approx(2 / 3), pytest.approx(0.5), 1.0, None]
    assert [score.n for score in f1s.values()] == [4, 3, 1, 0]
    assert list(f1s)[2:] == ["f1_angry", "f1_calm"]
    assert f1s["f1_calm"].reason == "no sample is Calm or was predicted as it"
    assert all(name == score.name for name, score in (precisions | f1s).items())


@pytest.mark.parametrize("seed", range(5))
def test_precision_and_f1_agree_with_scikit_learn(seed):
    random = np.random.default_rng(seed)
    labels, predictions = random.integers(0, 6, size=(2, 40))
    predictions[predictions == 5] = 0  # a class that is never predicted
    confusions = count_confusions(labels, predictions, n_classes=6)
    precisions = [score.value for score in measure_class_precisions(confusions, list("abcdef")).values()]
    wanted = precision_score(labels, predictions, labels=range(6), average=None, zero_division=np.nan)
    assert precisions[:5] == pytest.approx(wanted[:5].tolist())
    assert precisions[5] is None and np.isnan(wanted[5])
    f1s = measure_class_f1s(confusions, list("abcdef"))
    assert [score.value for score in f1s.values()] == pytest.approx(
        f1_score(labels, predictions, labels=range(6), average=None).tolist()
    )
    assert all(score.low <= score.value <= score.high for score in f1s.values())


def test_the_interval_of_f1_covers_the_truth():
    random, covered = np.random.default_rng(0), 0
    shares = np.array([0.25, 0.1, 0.05, 0.6])  # class and said so, class only, said only, neither
    truth = 2 * shares[0] / (2 * shares[0] + shares[1] + shares[2])
    for counts in random.multinomial(120, shares, size=400):
        score = measure_class_f1s(counts.reshape(2, 2), ["a", "b"])["f1_a"]
        covered += score.low <= truth <= score.high
    assert 0.91 <= covered / 400 <= 0.985


def test_a_class_never_hit_has_an_f1_of_zero():
    scores = measure_class_f1s(np.array([[0, 3], [0, 5]]), ["a", "b"])
    assert (scores["f1_a"].value, scores["f1_a"].low, scores["f1_a"].n) == (0.0, 0.0, 3)
    assert scores["f1_b"].value == pytest.approx(10 / 13)
