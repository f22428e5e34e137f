import numpy as np
import pytest

from latentscape.errors import DataError
from latentscape.measures.bootstrap import wilson_interval
from latentscape.measures.calibration import find_confident_mistakes, measure_calibration

BY_HAND = np.array([[0.9, 0.1], [0.9, 0.1], [0.4, 0.6], [0.3, 0.7], [0.52, 0.48]])
LABELS = np.array([0, 1, 1, 1, -1])


def draw(seed, n, *, n_classes=2, over=0.0):
    """Probabilities of two classes and labels that are right `over` less often than they say."""
    random = np.random.default_rng(seed)
    sure = 0.5 + 0.5 * random.beta(3, 1.5, n)
    wrong = random.random(n) >= sure - over
    return np.column_stack([sure, 1 - sure]), wrong.astype(int)


def slow_error(probabilities, labels, n_bins=15):
    total = 0.0
    for b in range(n_bins):
        inside = [
            (max(p), float(list(p).index(max(p)) == label))
            for p, label in zip(probabilities.tolist(), labels.tolist(), strict=True)
            if label >= 0 and b < max(p) * n_bins <= b + 1
        ]
        if inside:
            sure, right = zip(*inside, strict=True)
            total += abs(sum(sure) / len(sure) - sum(right) / len(right)) * len(inside)
    return total / np.sum(labels >= 0)


def slow_brier(probabilities, labels):
    known = [(p, label) for p, label in zip(probabilities.tolist(), labels.tolist(), strict=True) if label >= 0]
    return sum(sum((x - (c == label)) ** 2 for c, x in enumerate(p)) for p, label in known) / len(known)


def test_five_samples_by_hand():
    found = measure_calibration(BY_HAND, LABELS, seed=0)
    # 0.6 is the upper edge of bin 8, 0.7 in bin 10, 0.9 (one right, one wrong) in bin 13; the last class is unknown
    assert np.array_equal(np.flatnonzero(found.counts), [8, 10, 13])
    assert found.counts[[8, 10, 13]].tolist() == [1, 1, 2]
    assert found.confidence[[8, 10, 13]] == pytest.approx([0.6, 0.7, 0.9])
    assert found.accuracy[[8, 10, 13]] == pytest.approx([1.0, 1.0, 0.5])
    assert (found.low[13], found.high[13]) == wilson_interval(1, 2)
    assert np.isnan(found.accuracy[0]) and np.isnan(found.low[0]) and np.isnan(found.confidence[0])
    assert found.scores["calibration_error"].value == pytest.approx((0.4 + 0.3 + 2 * 0.4) / 4)
    assert found.scores["overconfidence"].value == pytest.approx((0.9 + 0.9 + 0.6 + 0.7) / 4 - 3 / 4)
    assert found.scores["brier"].value == pytest.approx((0.02 + 1.62 + 0.32 + 0.18) / 4)
    assert {score.n for score in found.scores.values()} == {4}
    assert all(name == score.name for name, score in found.scores.items())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_classes", [2, 3, 10])
def test_agrees_with_plain_loops(n_classes, dtype):
    random = np.random.default_rng(n_classes)
    probabilities = random.dirichlet(np.full(n_classes, 0.4), size=200).astype(dtype)
    probabilities[:20] = np.eye(n_classes)[random.integers(0, n_classes, 20)]  # certain ones
    probabilities[20:40] = 1 / n_classes  # ties
    labels = random.integers(-1, n_classes, 200)
    scores = measure_calibration(probabilities, labels, seed=0).scores
    assert scores["calibration_error"].value == pytest.approx(slow_error(probabilities, labels))
    assert scores["brier"].value == pytest.approx(slow_brier(probabilities, labels), rel=1e-5)
    known = labels >= 0
    accuracy = np.mean(probabilities[known].argmax(axis=1) == labels[known])
    assert scores["overconfidence"].value == pytest.approx(probabilities[known].max(axis=1).mean() - accuracy, abs=1e-6)
    assert all(score.low <= score.value <= score.high for score in scores.values())


def test_a_confidence_on_an_edge_is_in_the_lower_bin():
    probabilities = np.array([[1.0, 0.0], [0.8, 0.2], [0.6, 0.4]])
    assert np.flatnonzero(measure_calibration(probabilities, np.zeros(3, int), seed=0).counts).tolist() == [8, 11, 14]


def test_the_bins_hold_every_known_sample():
    found = measure_calibration(*draw(0, 500), seed=0)
    assert found.counts.sum() == 500
    assert np.nansum(found.accuracy * found.counts) == pytest.approx(np.sum(draw(0, 500)[1] == 0))
    full = found.counts > 0
    assert np.all(found.low[full] <= found.accuracy[full]) and np.all(found.accuracy[full] <= found.high[full])


def test_intervals_cover_the_truth():
    trials, covered = 60, {"honest": 0, "calibrated": 0, "overconfident": 0, "error": 0}
    for seed in range(trials):
        honest = measure_calibration(*draw(seed, 300), seed=seed).scores
        covered["honest"] += honest["overconfidence"].low <= 0 <= honest["overconfidence"].high
        covered["calibrated"] += honest["calibration_error"].low <= 0.005
        promising = measure_calibration(*draw(seed, 300, over=0.15), seed=seed).scores
        covered["overconfident"] += promising["overconfidence"].low <= 0.15 <= promising["overconfidence"].high
        covered["error"] += promising["calibration_error"].low <= 0.15 <= promising["calibration_error"].high
        assert promising["calibration_error"].low > 0
    assert all(count / trials >= 0.88 for count in covered.values()), covered
    assert covered["honest"] < trials and covered["overconfident"] < trials


def test_certain_and_right_is_a_perfect_score_that_does_not_claim_certainty():
    scores = measure_calibration(np.eye(3)[[0, 1, 2, 1]], np.array([0, 1, 2, 1]), seed=0).scores
    low, high = wilson_interval(0, 4)
    assert (scores["calibration_error"].value, scores["brier"].value, scores["overconfidence"].value) == (0, 0, 0)
    assert scores["calibration_error"].high == pytest.approx(high)
    assert scores["brier"].high == pytest.approx(2 * high)
    assert scores["overconfidence"].low < 0 < scores["overconfidence"].high
    assert low == 0


def test_certain_and_wrong_is_the_worst_score():
    scores = measure_calibration(np.eye(2)[[0, 0, 0]], np.array([1, 1, 1]), seed=0).scores
    assert [scores[name].value for name in ("calibration_error", "overconfidence", "brier")] == [1.0, 1.0, 2.0]
    assert all(score.low < score.value == score.high == score.bounds[1] for score in scores.values())


@pytest.mark.parametrize("labels", [[-1, -1], []])
def test_nothing_known_is_a_reason(labels):
    found = measure_calibration(np.full((len(labels), 2), 0.5), np.array(labels, dtype=int), seed=0)
    assert all(score.value is None and score.reason and score.n == 0 for score in found.scores.values())
    assert found.counts.sum() == 0 and len(found.edges) == 16
    assert np.isnan(found.accuracy).all()


def test_one_sample_has_values_but_no_interval():
    scores = measure_calibration(np.array([[0.7, 0.3]]), np.array([0]), seed=0).scores
    assert scores["calibration_error"].value == pytest.approx(0.3)
    assert all(score.low is None and score.high is None for score in scores.values())


def test_the_same_seed_gives_the_same_scores():
    first, again, other = (measure_calibration(*draw(0, 100), seed=seed).scores for seed in (3, 3, 4))
    assert first == again
    assert first != other


@pytest.mark.parametrize("bad", [[np.nan, 1.0], [np.inf, 0.0], [2.0, -1.0], [0.5, 0.2], [3.1, 0.4]])
def test_what_is_no_probability_is_refused(bad):
    with pytest.raises(DataError, match="row 1"):
        measure_calibration(np.array([[0.5, 0.5], bad]), np.array([0, 0]), seed=0)


def test_mistakes_by_confidence_ties_by_row():
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8], [0.1, 0.9], [0.6, 0.4], [0.9, 0.1], [0.99, 0.01]])
    labels = np.array([1, 1, 0, 1, 1, -1])
    assert find_confident_mistakes(probabilities, labels, most=10).tolist() == [0, 2, 4, 3]
    assert find_confident_mistakes(probabilities, labels, most=2).tolist() == [0, 2]
    assert find_confident_mistakes(probabilities, labels, most=0).tolist() == []
    assert find_confident_mistakes(probabilities[:0], labels[:0], most=2).tolist() == []
