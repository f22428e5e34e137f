"""A sequence in which all that moves is known: exactly that is found, and nothing where only the space turns."""

from itertools import pairwise

import numpy as np
import pytest

from latentscape.measures.class_splits import find_class_splits
from latentscape.measures.neighbor_change import measure_neighbor_change
from latentscape.neighbors import find_neighbors
from tests.planted_sequence import SPLIT_STEP, SWAP_STEP, plant_sequence, turn

SEEDS = [*range(5), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(5, 25))]


def measure(first, second):
    graphs = (find_neighbors(first, k=15), find_neighbors(second, k=15))
    return measure_neighbor_change(first, second, graphs=graphs, seed=0)


def list_movers(first, second):
    return sorted(measure(first, second).movers.tolist())


def follow(measure_step, features):
    """What a measure says of each step, by its number, and of all steps together."""
    found = {step: measure_step(step - 1, step) for step in range(1, len(features))}
    return found, measure_step(0, len(features) - 1)


def list_splits(first, second, planted):
    found = find_class_splits(first, second, planted.labels, n_classes=planted.n_classes, seed=0)
    return [(each.label, each.kind) for each in found]


@pytest.mark.parametrize("seed", SEEDS)
def test_exactly_the_swapped_samples_are_movers_and_only_in_their_step(seed):
    planted = plant_sequence(seed)
    graphs = [find_neighbors(each, k=15) for each in planted.features]

    def move(i, j):
        pair = (planted.features[i], planted.features[j])
        return sorted(measure_neighbor_change(*pair, graphs=(graphs[i], graphs[j]), seed=0).movers.tolist())

    steps, overall = follow(move, planted.features)
    assert steps == {step: planted.swapped.tolist() if step == SWAP_STEP else [] for step in steps}
    assert overall == planted.swapped.tolist()


@pytest.mark.parametrize("seed", SEEDS)
def test_exactly_the_class_that_came_apart_is_a_split_and_only_in_its_step(seed):
    planted = plant_sequence(seed)
    steps, overall = follow(
        lambda i, j: list_splits(planted.features[i], planted.features[j], planted), planted.features
    )
    split = [(planted.split_class, "split")]
    assert steps == {step: split if step == SPLIT_STEP else [] for step in steps}
    assert overall == split


@pytest.mark.parametrize("seed", range(3))
def test_the_halves_are_the_planted_ones_and_backwards_they_merge(seed):
    planted = plant_sequence(seed)
    first, second = planted.features[SPLIT_STEP - 1 : SPLIT_STEP + 1]
    (there,) = find_class_splits(first, second, planted.labels, n_classes=planted.n_classes, seed=0)
    (back,) = find_class_splits(second, first, planted.labels, n_classes=planted.n_classes, seed=0)
    planted_halves = sorted(half.tolist() for half in planted.halves)
    assert sorted(half.tolist() for half in there.halves) == planted_halves
    assert sorted(half.tolist() for half in back.halves) == planted_halves
    assert (there.kind, back.kind) == ("split", "merged")
    assert (there.before.value, there.after.value) == (back.after.value, back.before.value)
    assert abs(there.before.value or 0.0) < 0.1
    assert (there.after.value or 0.0) > 0.5
    assert there.p_value <= 0.05


@pytest.mark.parametrize("noise", [0.0, 0.05, 0.2])
def test_turning_scaling_and_small_noise_move_nobody(noise):
    for seed in range(3):
        planted = plant_sequence(seed, noise=noise, n_swapped=0, splits=False)
        for first, second in pairwise(planted.features[:3]):
            assert list_movers(first, second) == []
            assert list_splits(first, second, planted) == []


@pytest.mark.parametrize("seed", range(2))
def test_the_same_features_have_not_changed_at_all(seed):
    planted = plant_sequence(seed)
    for features in planted.features[2:6]:
        found = measure(features, features)
        assert found.overlap.value == 1.0
        assert not found.moves.any()
        assert found.movers.size == 0
        assert list_splits(features, features, planted) == []


@pytest.mark.parametrize("seed", range(5))
def test_a_space_in_which_everybody_has_gone_far_has_no_movers(seed):
    random = np.random.default_rng(seed)
    planted = plant_sequence(seed)
    shuffled = planted.features[0][random.permutation(len(planted.labels))]
    assert list_movers(planted.features[0], shuffled) == []
    other = random.normal(size=(len(planted.labels), 9)).astype(np.float32)
    assert list_movers(planted.features[0], other) == []
    assert list_splits(planted.features[0], other, planted) == []


def test_a_classs_place_says_nothing_of_its_samples():
    """Whole classes that move, each with all its samples, leave no neighbors behind."""
    random = np.random.default_rng(0)
    labels = np.arange(300) % 5
    inner = random.normal(size=(300, 16)) * 0.5
    spaces = [
        turn(6.0 * np.linalg.qr(random.normal(size=(16, 5)))[0].T[labels] + inner, random).astype(np.float32)
        for _ in range(2)
    ]
    found = measure(*spaces)
    assert found.movers.size == 0
    assert found.moves.max() < 0.05


@pytest.mark.parametrize("seed", range(5))
def test_some_strays_are_movers_and_no_half_of_their_class(seed):
    """Ten samples of one class, a sixth of it, that have gone to another one's place."""
    random = np.random.default_rng(seed)
    planted = plant_sequence(seed, n_swapped=0, splits=False)
    first, second = (features.copy() for features in planted.features[:2])
    strays = np.flatnonzero(planted.labels == 0)[:10]
    hosts = np.flatnonzero(planted.labels == 1)[:10]
    second[strays] = second[hosts] * (1 + 1e-3 * random.normal(size=(10, 1))).astype(np.float32)
    assert set(list_movers(first, second)) == set(strays.tolist())
    assert list_splits(first, second, planted) == []
