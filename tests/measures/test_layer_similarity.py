from itertools import pairwise

import numpy as np
import pytest

from latentscape.errors import DataError
from latentscape.measures.cka import measure_cka
from latentscape.measures.layer_similarity import measure_layer_similarity
from latentscape.neighbors import find_neighbors


def make_layers(seed, *, n=60):
    random = np.random.default_rng(seed)
    first = random.normal(size=(n, 8))
    second = first + 0.3 * random.normal(size=(n, 8))
    layers = {"cnn": first, "encoder": second, "logits": random.normal(size=(n, 3))}
    return {name: layer.astype(np.float32) for name, layer in layers.items()}


def measure(layers, *, k=30, seed=0):
    graphs = {name: find_neighbors(layer, k=k) for name, layer in layers.items()}
    return measure_layer_similarity(layers, graphs, seed=seed), graphs


def test_keys_are_positions_in_the_order_of_the_layers():
    found, _ = measure(make_layers(0))
    assert found.layers == ("cnn", "encoder", "logits")
    assert set(found.cka) == set(found.overlap) == {(0, 1), (0, 2), (1, 2)}
    assert {score.name for score in found.cka.values()} == {"cka"}
    assert {score.name for score in found.overlap.values()} == {"neighbor_overlap"}
    assert {score.better for score in (*found.cka.values(), *found.overlap.values())} == {"neither"}


def test_overlap_equals_sets_of_fifteen_neighbors():
    found, graphs = measure(make_layers(1))
    names = found.layers
    for (i, j), score in found.overlap.items():
        pairs = zip(graphs[names[i]].indices, graphs[names[j]].indices, strict=True)
        shares = [len(set(a[:15]) & set(b[:15])) / 15 for a, b in pairs]
        assert score.value == pytest.approx(np.mean(shares))
        assert (score.n, score.low < score.value < score.high) == (60, True)


def test_cka_is_that_of_the_pair():
    layers = make_layers(2)
    found, _ = measure(layers)
    alone = measure_cka(layers["cnn"], layers["logits"], seed=0)
    assert found.cka[0, 2].value == pytest.approx(alone.value, abs=1e-9)


def test_five_points_by_hand():
    """On two lines, one neighbor each: a sample and the next keep theirs, the others do not."""
    layers = {
        "a": np.array([[0], [1], [5], [6.5], [20]], dtype=np.float32),
        "b": np.array([[0], [1], [5], [20], [6.5]], dtype=np.float32),
    }
    graphs = {name: find_neighbors(layer, k=1, metric="euclidean") for name, layer in layers.items()}
    assert [graph.indices.ravel().tolist() for graph in graphs.values()] == [[1, 0, 3, 2, 3], [1, 0, 4, 4, 2]]
    assert measure_layer_similarity(layers, graphs, seed=0).overlap[0, 1].value == pytest.approx(2 / 5)


def test_unrelated_layers_share_what_chance_gives():
    values = []
    for seed in range(40):
        found, _ = measure(make_layers(seed), k=15)
        values.append(found.overlap[0, 2].value)
    assert np.mean(values) == pytest.approx(15 / 59, abs=0.01)


def test_like_layers_are_more_alike():
    found, _ = measure(make_layers(3))
    for scores in (found.cka, found.overlap):
        assert scores[0, 1].low > max(scores[0, 2].high, scores[1, 2].high)


def test_the_same_seed_gives_the_same_scores():
    layers = make_layers(4)
    assert measure(layers)[0] == measure(layers)[0]
    ends = [measure(layers, seed=seed)[0].overlap[0, 1].low for seed in range(4)]
    assert any(a != b for a, b in pairwise(ends))


@pytest.mark.parametrize(("n", "reason"), [(16, "all neighbors of each other"), (1, "holds no neighbors")])
def test_so_few_samples_that_all_are_neighbors(n, reason):
    found, _ = measure(make_layers(0, n=n))
    assert found.overlap[0, 1].value is None
    assert reason in found.overlap[0, 1].reason


def test_one_layer_is_like_nothing():
    layers = {"cnn": make_layers(0)["cnn"]}
    found, _ = measure(layers)
    assert (found.layers, found.cka, found.overlap) == (("cnn",), {}, {})


def test_layers_and_graphs_must_fit():
    layers = make_layers(0)
    graphs = {name: find_neighbors(layer, k=15) for name, layer in layers.items()}
    with pytest.raises(DataError, match="neighbor graph"):
        measure_layer_similarity(layers, {"cnn": graphs["cnn"]}, seed=0)
    with pytest.raises(DataError, match="same samples"):
        measure_layer_similarity({**layers, "cnn": layers["cnn"][:9]}, graphs, seed=0)
