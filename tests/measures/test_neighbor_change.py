import numpy as np
import pytest

from latentscape.errors import DataError
from latentscape.measures.layer_similarity import measure_layer_similarity
from latentscape.measures.neighbor_change import MOST_REFERENCES, measure_neighbor_change
from latentscape.neighbors import find_neighbors


def measure(first, second, *, k=15, seed=0):
    first, second = (np.asarray(each, dtype=np.float32) for each in (first, second))
    graphs = (find_neighbors(first, k=k), find_neighbors(second, k=k))
    return measure_neighbor_change(first, second, graphs=graphs, seed=seed)


def rank_by_brute_force(features, nearest):
    """Of all samples that are no neighbor of i, the share strictly nearer to i than each neighbor; lower quartile."""
    rows = features.astype(np.float64)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    far = []
    for i, near in enumerate(nearest):
        others = sorted(set(range(len(rows))) - {i, *near.tolist()})
        shares = [np.mean([rows[i] @ rows[j] > rows[i] @ rows[m] + 1e-12 for j in others]) for m in near]
        far.append(np.percentile(shares, 25))
    return np.array(far)


def on_circle(degrees):
    angles = np.radians(degrees)
    return np.column_stack([np.cos(angles), np.sin(angles)])


def test_five_points_by_hand():
    """One neighbor each. The last sample goes from beside sample 3 to beside sample 0.

    Before, the neighbors are 1, 0, 3, 4, 3; after, 4, 0, 3, 2, 0. To sample 0 the last one has come between it and 1
    (one of the three others). To sample 3 its old neighbor is now farthest, but its new one, 2, was next to the nearest
    in the old space: the smaller counts. To sample 4 all others are nearer than its old neighbor, and all others were
    nearer than its new one.
    """
    found = measure(on_circle([0, 10, 60, 80, 90]), on_circle([0, 10, 60, 80, -1]), k=1)
    assert found.k == 1
    assert found.kept.tolist() == [0.0, 1.0, 1.0, 0.0, 0.0]
    assert found.overlap.value == pytest.approx(2 / 5)
    assert found.moves.tolist() == pytest.approx([1 / 3, 0.0, 0.0, 1 / 3, 1.0])


@pytest.mark.parametrize("seed", range(6))
def test_moves_equal_brute_force(seed):
    random = np.random.default_rng(seed)
    first = random.normal(size=(50, 6)).astype(np.float32)
    second = (first @ random.normal(size=(6, 4)) + random.normal(size=(50, 4))).astype(np.float32)
    if seed % 2:
        first[5:9], second[20:24] = first[4], second[19]
    graphs = (find_neighbors(first, k=7), find_neighbors(second, k=7))
    found = measure_neighbor_change(first, second, graphs=graphs, seed=0)
    there = rank_by_brute_force(second, graphs[0].indices)
    back = rank_by_brute_force(first, graphs[1].indices)
    assert found.moves == pytest.approx(np.minimum(there, back), abs=1e-12)
    kept = [len(set(a) & set(b)) / 7 for a, b in zip(*(graph.indices for graph in graphs), strict=True)]
    assert found.kept == pytest.approx(kept)


def test_the_overlap_is_that_of_the_layers():
    random = np.random.default_rng(1)
    first = random.normal(size=(80, 5)).astype(np.float32)
    second = first + random.normal(size=(80, 5)).astype(np.float32)
    found = measure(first, second, k=30)
    graphs = {name: find_neighbors(each, k=30) for name, each in (("a", first), ("b", second))}
    layers = measure_layer_similarity({"a": first, "b": second}, graphs, seed=0)
    assert found.k == 15
    assert found.overlap == layers.overlap[0, 1]


def test_a_seeded_choice_stands_for_many_samples():
    random = np.random.default_rng(2)
    first = random.normal(size=(MOST_REFERENCES + 400, 4)).astype(np.float32)
    second = first + random.normal(size=first.shape).astype(np.float32)
    found, other = measure(first, second), measure(first, second, seed=5)
    assert found.moves.tobytes() != other.moves.tobytes()
    assert np.abs(found.moves - other.moves).max() < 0.06
    assert found.moves.mean() == pytest.approx(other.moves.mean(), abs=0.005)


def test_one_more_than_the_references_are_all_ranked():
    random = np.random.default_rng(3)
    first = random.normal(size=(MOST_REFERENCES + 1, 3)).astype(np.float32)
    second = first + random.normal(size=first.shape).astype(np.float32)
    assert measure(first, second).moves.tobytes() == measure(first, second, seed=9).moves.tobytes()


def test_ties_are_not_nearer():
    """Many copies of one sample: which of them are the neighbors is a matter of row numbers, and nobody moved."""
    random = np.random.default_rng(4)
    places = random.normal(size=(4, 5))[np.arange(120) % 4]
    turned = places @ np.linalg.qr(random.normal(size=(5, 5)))[0]
    order = random.permutation(120)
    found = measure(places[order], turned[order])
    assert not found.moves.any()


@pytest.mark.parametrize("seed", range(10))
def test_noise_that_all_share_moves_hardly_anybody(seed):
    """Each sample is shifted at random: of 360, at most two go so much farther than the others."""
    random = np.random.default_rng(seed)
    first = 3.0 * np.linalg.qr(random.normal(size=(32, 32)))[0][np.arange(360) % 6] + random.normal(size=(360, 32))
    for noise in (0.1, 0.3, 1.0, 3.0):
        assert len(measure(first, first + noise * random.normal(size=first.shape)).movers) <= 2


def test_movers_come_farthest_first():
    random = np.random.default_rng(5)
    first = 5.0 * np.eye(8)[np.arange(200) % 8] + 0.3 * random.normal(size=(200, 8))
    second = first.copy()
    second[[3, 50, 120]] = second[[4, 53, 121]]
    found = measure(first, second)
    assert sorted(found.movers.tolist()) == [3, 50, 120]
    assert np.all(np.diff(found.moves[found.movers]) <= 0)


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_few_samples(n):
    random = np.random.default_rng(n)
    found = measure(random.normal(size=(n, 3)), random.normal(size=(n, 2)))
    assert found.k == n - 1
    assert found.overlap.value is None
    assert found.overlap.reason
    assert found.kept.tolist() == [1.0] * n
    assert found.moves.tolist() == [0.0] * n
    assert found.movers.size == 0


@pytest.mark.parametrize("value", [0.0, 1.0, 1e-30, 1e30])
def test_collapsed_features(value):
    random = np.random.default_rng(6)
    spread, point = random.normal(size=(60, 4)), np.full((60, 3), value)
    for first, second in ((spread, point), (point, spread), (point, point)):
        found = measure(first, second)
        assert np.isfinite(found.moves).all()
        assert not found.moves.any()
        assert found.movers.size == 0
        assert found.overlap.value == pytest.approx(found.kept.mean())


def test_rows_of_zeros_have_a_place_of_their_own():
    random = np.random.default_rng(7)
    first = random.normal(size=(60, 4))
    first[:20] = 0.0
    second = first.copy()
    second[0] = 1.0
    found = measure(first, second)
    assert found.moves[0] > 0.3
    assert not found.moves[1:20].any()


def test_what_does_not_fit_is_refused():
    features = np.ones((5, 2), dtype=np.float32)
    graph, short = find_neighbors(features, k=2), find_neighbors(features[:4], k=2)
    with pytest.raises(DataError, match="same samples"):
        measure_neighbor_change(features, features, graphs=(graph, short), seed=0)
    broken = features.copy()
    broken[1, 1] = np.nan
    with pytest.raises(DataError, match="not finite"):
        measure_neighbor_change(features, broken, graphs=(graph, graph), seed=0)
