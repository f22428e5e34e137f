import numpy as np
import pytest

from latentscape.errors import DataError
from latentscape.measures.label_suspects import find_label_suspects
from latentscape.neighbors import Neighbors, find_neighbors

NAMES = [f"class {number}" for number in range(8)]


def find(probabilities, neighbors, labels, **choices):
    ids = [str(row) for row in range(len(labels))]
    names = NAMES[: probabilities.shape[1]]
    return find_label_suspects(probabilities, neighbors, labels, ids=ids, class_names=names, **choices)


def rows_of(suspects):
    return {int(suspect.ids[0]) for suspect in suspects}


def soften(logits):
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def make_classes(seed, *, n=600, n_classes=6, apart=8.0, n_features=16):
    """Samples around a center for each class, and what somebody who knows the centers says of them."""
    random = np.random.default_rng(seed)
    centers = random.normal(size=(n_classes, n_features))
    centers *= apart / np.linalg.norm(centers, axis=1, keepdims=True)
    labels = random.integers(0, n_classes, n)
    features = centers[labels] + random.normal(size=(n, n_features))
    squares = np.square(features[:, None] - centers).sum(axis=2)
    return features, labels, soften(-squares / 2)


def make_rings(*sizes):
    """Groups of samples; in each everybody is everybody else's neighbor, in turn."""
    starts = np.cumsum([0, *sizes[:-1]])
    rings = [
        start + (np.arange(size)[:, None] + np.arange(1, 16)) % size for start, size in zip(starts, sizes, strict=True)
    ]
    indices = np.concatenate(rings)
    return Neighbors(indices=indices, distances=np.ones(indices.shape), metric="cosine")


def by_hand(n=20):
    """A ring of class 0, whose last, sample n, is filed under class 1; and a ring of class 1."""
    labels = np.repeat([0, 1, 1], [n, 1, 20])
    probabilities = np.repeat([[0.9, 0.1], [0.2, 0.8]], [n + 1, 20], axis=0)
    return probabilities, make_rings(n + 1, 20), labels


def test_one_planted_label_by_hand():
    (suspect,) = find(*by_hand(), splits=["train"] * 41)
    assert (suspect.kind, suspect.ids, suspect.labels, suspect.suggested) == ("label", ("20",), (1,), 0)
    assert suspect.splits == ("train",)
    assert suspect.strength == pytest.approx(1.0 * (0.9 - 0.1))
    assert suspect.reason == "15 of 15 neighbors are class 0, the model says class 0 at 0.90"


def test_each_condition_is_needed():
    probabilities, neighbors, labels = by_hand(120)
    assert rows_of(find(probabilities, neighbors, labels)) == {120}
    unsure = probabilities.copy()
    unsure[120] = [0.89, 0.11]  # less sure of class 0 than of its own samples
    assert not find(unsure, neighbors, labels)
    contradicting = probabilities.copy()
    contradicting[120] = [0.1, 0.9]
    assert not find(contradicting, neighbors, labels)
    divided = labels.copy()
    divided[:4] = 1  # 11 to 4 votes is no clear majority, 12 to 3 is
    assert 120 not in rows_of(find(probabilities, neighbors, divided))
    divided[0] = 0
    assert 120 in rows_of(find(probabilities, neighbors, divided))
    unknown = labels.copy()
    unknown[120] = -1
    assert not find(probabilities, neighbors, unknown)
    silent = labels.copy()
    silent[:11] = -1  # four neighbors that are known have no say
    assert not find(probabilities, neighbors, silent)
    silent[10] = 0
    assert rows_of(find(probabilities, neighbors, silent)) == {120}


def test_neighbors_of_unknown_class_do_not_vote():
    probabilities, neighbors, labels = by_hand()
    labels[:3] = -1
    (suspect,) = find(probabilities, neighbors, labels)
    assert suspect.reason.startswith("12 of 12 neighbors")
    assert suspect.strength == pytest.approx(0.8)


def test_votes_for_the_given_label_weaken_the_evidence():
    probabilities, neighbors, labels = by_hand(120)
    labels[:3] = 1
    found = {suspect.ids[0]: suspect for suspect in find(probabilities, neighbors, labels)}
    assert found["120"].strength == pytest.approx((12 - 3) / 15 * 0.8)
    assert found["120"].reason.startswith("12 of 15 neighbors are class 0")


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_planted_labels_are_found_exactly(seed, metric):
    features, labels, probabilities = make_classes(seed)
    random = np.random.default_rng(seed + 100)
    planted = random.choice(len(labels), 12, replace=False)
    truth = labels[planted].copy()
    labels[planted] = (truth + random.integers(1, 6, 12)) % 6
    neighbors = find_neighbors(features, k=30, metric=metric)
    suspects = find(probabilities, neighbors, labels)
    assert rows_of(suspects) == set(planted.tolist())
    assert {int(s.ids[0]): s.suggested for s in suspects} == dict(zip(planted.tolist(), truth.tolist(), strict=True))
    strengths = [suspect.strength for suspect in suspects]
    assert strengths == sorted(strengths, reverse=True)
    assert all(0 < strength <= 1 for strength in strengths)


def test_clean_labels_of_classes_apart_are_no_suspects():
    for seed in range(10):
        features, labels, probabilities = make_classes(seed, n=300)
        assert not find(probabilities, find_neighbors(features, k=15), labels)


@pytest.mark.parametrize("n_classes", [2, 4, 8])
def test_shuffled_labels_are_no_suspects(n_classes):
    alarms = 0
    for seed in range(50):
        features, labels, probabilities = make_classes(seed, n=150, n_classes=n_classes, apart=4.0, n_features=8)
        shuffled = np.random.default_rng(seed).permutation(labels)
        alarms += bool(find(probabilities, find_neighbors(features, k=15), shuffled))
    assert alarms <= 1


def test_labels_by_speaker_that_mean_nothing_are_no_suspects():
    alarms = 0
    for seed in range(30):
        random = np.random.default_rng(seed)
        speakers = np.arange(300) // 15
        features = 2 * random.normal(size=(20, 16))[speakers] + random.normal(size=(300, 16))
        labels = random.integers(0, 3, 20)[speakers]
        alarms += bool(find(soften(features @ random.normal(size=(16, 3))), find_neighbors(features, k=15), labels))
    assert alarms <= 2


def test_a_large_class_does_not_swallow_the_small_one_by_chance():
    for seed in range(20):
        random = np.random.default_rng(seed)
        labels = (random.random(300) < 0.1).astype(int)
        probabilities = np.tile([0.9, 0.1], (300, 1)) + random.uniform(-0.05, 0.05, 300)[:, None] * [1, -1]
        assert not find(probabilities, find_neighbors(random.normal(size=(300, 8)), k=15), labels)


def test_more_honest_suspects_the_more_the_classes_overlap():
    features, labels, probabilities = make_classes(0, n=1000, apart=3.0)
    found = find(probabilities, find_neighbors(features, k=15, metric="euclidean"), labels)
    assert 1 <= len(found) <= 25


@pytest.mark.parametrize("n", [1, 2, 3, 16])
def test_few_samples_are_no_evidence(n):
    labels = np.arange(n) % 2
    neighbors = find_neighbors(np.random.default_rng(0).normal(size=(n, 3)), k=15)
    assert find(np.tile([0.9, 0.1], (n, 1)), neighbors, labels) == ()


def test_one_class_equal_rows_and_a_class_without_samples():
    labels = np.zeros(50, dtype=int)
    neighbors = find_neighbors(np.ones((50, 4)), k=15)
    assert find(np.tile([0.9, 0.1], (50, 1)), neighbors, labels) == ()
    assert find(np.tile([0.1, 0.9], (50, 1)), neighbors, labels) == ()
    assert find(np.ones((50, 1)), neighbors, labels) == ()
    assert find(np.tile([0.5, 0.5], (50, 1)), neighbors, np.full(50, -1)) == ()


def test_a_probability_that_is_not_finite_is_refused():
    probabilities, neighbors, labels = by_hand()
    probabilities[3, 0] = np.nan
    with pytest.raises(DataError, match="not finite"):
        find(probabilities, neighbors, labels)
