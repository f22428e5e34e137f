import numpy as np
import pytest

from latentscape.measures.copy_suspects import find_copy_suspects, find_near_copies
from latentscape.neighbors import find_neighbors

METRICS = ["cosine", "euclidean"]


def name_rows(n):
    return [f"clip {row}" for row in range(n)]


def find(features, *, metric="cosine", known=(), k=15, **choices):
    neighbors = find_neighbors(features, k=k, metric=metric)
    labels = choices.pop("labels", np.zeros(len(features), dtype=int))
    return find_near_copies(features, neighbors, ids=name_rows(len(features)), labels=labels, known=known, **choices)


def groups_of(suspects):
    return {tuple(int(name.removeprefix("clip ")) for name in suspect.ids) for suspect in suspects}


def make_clusters(random, n, n_features):
    centers, spreads = 4 * random.normal(size=(6, n_features)), np.exp(0.6 * random.normal(size=6))
    own = random.integers(0, 6, n)
    return centers[own] + spreads[own, None] * random.normal(size=(n, n_features))


def make_speakers(random, n, n_features):
    """Four samples of each speaker, close together in all of the data set."""
    places = 2 * random.normal(size=(n // 4 + 1, n_features))
    return places[np.arange(n) // 4] + 0.3 * random.normal(size=(n, n_features))


NULLS = {
    "normal": lambda random, n, d: random.normal(size=(n, d)),
    "uniform": lambda random, n, d: random.uniform(size=(n, d)),
    "clusters": make_clusters,
    "speakers": make_speakers,
    "heavy tails": lambda random, n, d: random.standard_t(3, size=(n, d)),
    "few dimensions": lambda random, n, d: np.tanh(random.normal(size=(n, 3)) @ random.normal(size=(3, d + 3))),
    "rectified": lambda random, n, d: np.maximum(random.normal(size=(n, d)) + 0.5, 0),
    "whole numbers": lambda random, n, d: random.integers(0, 4, size=(n, d)).astype(float),
}


def test_kinds_of_exact_copies_by_hand():
    labels = np.array([0, 1, 2, 2, 3, 3, -1, 3])
    splits = ["train", "train", "train", "validation", "train", "train", "train", "train"]
    suspects = find_copy_suspects([[4, 7], [2, 3], [1, 0], [5, 6]], ids=name_rows(8), labels=labels, splits=splits)
    assert [suspect.kind for suspect in suspects] == ["conflicting_copies", "leaking_copies", "copies", "copies"]
    assert [suspect.ids for suspect in suspects][:2] == [("clip 0", "clip 1"), ("clip 2", "clip 3")]
    assert (suspects[0].labels, suspects[0].strength) == ((0, 1), 2.0)
    assert suspects[0].reason == "2 samples have the same content, they are filed under 2 classes"
    assert suspects[1].splits == ("train", "validation")
    assert suspects[1].reason == "2 samples have the same content, they are on both sides of the split"
    assert suspects[3].labels == (3, -1)  # an unknown class contradicts none


def test_conflicting_copies_on_both_sides_say_both_and_larger_groups_come_first():
    groups = [[0, 1], [2, 3, 4]]
    suspects = find_copy_suspects(
        groups, ids=name_rows(5), labels=np.arange(5), splits=["train", "validation", "train", "train", "train"]
    )
    assert [suspect.strength for suspect in suspects] == [3.0, 2.0]
    assert suspects[1].reason.endswith("filed under 2 classes, they are on both sides of the split")
    assert find_copy_suspects([], ids=[], labels=np.empty(0, int), splits=[]) == ()


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("seed", range(4))
def test_planted_near_copies_are_found_exactly(seed, metric):
    random = np.random.default_rng(seed)
    features = make_clusters(random, 400, 32)
    features[1] = features[0] * (1 + 1e-4 * random.normal(size=32))
    features[3:6] = features[2] + 1e-3 * random.normal(size=(3, 32))
    features[399] = features[10]
    suspects = find(features.astype(np.float32), metric=metric)
    assert groups_of(suspects) == {(0, 1), (2, 3, 4, 5), (10, 399)}
    assert suspects[0].ids == ("clip 10", "clip 399")
    assert suspects[0].reason == "they are in one and the same place"
    strengths = [suspect.strength for suspect in suspects]
    assert strengths == sorted(strengths, reverse=True) and strengths[-1] >= 10 and strengths[0] == 1e6


@pytest.mark.parametrize("data", NULLS)
@pytest.mark.slow
def test_no_near_copies_in_data_without_any(data):
    alarms = 0
    for seed in range(25):
        random = np.random.default_rng(seed)
        n, n_features = int(random.choice([40, 150, 400])), int(random.choice([2, 3, 5, 10, 40]))
        features = NULLS[data](random, n, n_features)
        alarms += sum(bool(find(features, metric=metric)) for metric in METRICS)
    assert alarms <= 1


def test_a_gap_that_chance_explains_is_no_copy():
    # in three dimensions a pair ten times closer than usual turns up in every other data set of a thousand
    features = np.random.default_rng(0).normal(size=(1000, 3))
    features[1] = features[0] + 0.01 * features[2]
    assert find(features, metric="euclidean") == ()
    features[1] = features[0] + 1e-7 * features[2]
    assert groups_of(find(features, metric="euclidean")) == {(0, 1)}


def test_the_ratio_is_that_of_the_lengths():
    random = np.random.default_rng(0)
    features = random.normal(size=(200, 64))
    features[1] = features[0] + 0.01 * features[2]
    (suspect,) = find(features, metric="euclidean")
    lengths = np.linalg.norm(features[:2, None] - features, axis=2)
    wanted = np.delete(lengths, [0, 1], axis=1).min() / lengths[0, 1]
    assert suspect.strength == pytest.approx(wanted)
    assert suspect.reason == f"they are {wanted:,.0f} times closer to each other than to any other sample"


def test_exact_copies_by_content_are_not_told_twice():
    random = np.random.default_rng(0)
    features = random.normal(size=(200, 32)).astype(np.float32)
    features[1] = features[0]  # the same content, the same place
    features[3] = features[2] + np.float32(1e-6)  # the same content, not quite the same place
    features[5] = features[4]  # other content in the same place
    features[7:9] = features[6] + np.float32(1e-4)  # 6 and 7 have the same content, 8 has not
    known = [("elsewhere", "clip 0", "clip 1"), ("clip 2", "clip 3"), ("clip 7", "clip 6")]
    assert groups_of(find(features, known=known)) == {(4, 5), (6, 7, 8)}
    assert groups_of(find(features)) == {(0, 1), (2, 3), (4, 5), (6, 7, 8)}


def test_labels_and_splits_are_those_of_the_samples():
    features = np.random.default_rng(0).normal(size=(60, 32))
    features[59] = features[0]
    labels = np.arange(60) - 1
    (suspect,) = find(features, labels=labels, splits=["train"] * 59 + ["validation"])
    assert (suspect.labels, suspect.splits) == ((-1, 58), ("train", "validation"))
    assert find(features)[0].splits == ("validation", "validation")


@pytest.mark.parametrize("scale", [1e-18, 1e18])
def test_the_size_of_the_features_does_not_matter(scale):
    features = np.random.default_rng(0).normal(size=(100, 32)).astype(np.float32)
    features[1] = features[0] + np.float32(1e-4)
    for metric in METRICS:
        assert groups_of(find(features * np.float32(scale), metric=metric)) == {(0, 1)}


@pytest.mark.parametrize("n", [1, 2, 3, 16, 29])
def test_few_samples_say_nothing(n):
    features = np.random.default_rng(0).normal(size=(n, 8))
    features[-1] = features[0]
    assert find(features) == ()


@pytest.mark.parametrize("k", [1, 3, 7])
def test_a_narrow_graph_finds_only_what_is_in_one_place(k):
    features = np.random.default_rng(0).normal(size=(60, 16))
    features[1] = features[0]
    assert groups_of(find(features, k=k)) <= {(0, 1)}


def test_layers_in_which_places_are_shared_by_nature_say_nothing():
    random = np.random.default_rng(0)
    assert find(np.ones((100, 8))) == ()
    assert find(np.zeros((100, 8))) == ()
    assert find(np.repeat(random.normal(size=(100, 8)), 2, axis=0)) == ()
    silent = random.normal(size=(100, 8))
    silent[:12] = 0
    assert find(silent) == ()
    assert find(np.hstack([random.normal(size=(100, 1)), np.zeros((100, 5))]), metric="euclidean") == ()


def test_near_is_ten_times_nearer_than_anything_else():
    random = np.random.default_rng(0)
    features = random.normal(size=(200, 128))
    features[1] = features[0] + 0.2 * random.normal(size=128)  # far from chance, and yet no copy
    assert find(features) == ()
    features[1] = features[0] + 0.05 * random.normal(size=128)
    assert groups_of(find(features)) == {(0, 1)}


def test_where_all_samples_come_in_pairs_a_pair_is_usual():
    random = np.random.default_rng(0)
    features = np.repeat(random.normal(size=(100, 64)), 2, axis=0) + 0.01 * random.normal(size=(200, 64))
    assert find(features) == ()
    features[1] = features[0] + 1e-6 * random.normal(size=64)
    assert groups_of(find(features)) == {(0, 1)}
