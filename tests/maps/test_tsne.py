"""t-SNE: what we hand to the library and what may not change the answer."""

import numpy as np
import pytest
from openTSNE import nearest_neighbors

from latentscape.maps import make_map, tsne
from latentscape.maps.tsne import count_tsne_neighbors, limit_perplexity
from latentscape.neighbors import find_neighbors


@pytest.fixture
def features():
    return np.random.default_rng(0).normal(size=(90, 5)).astype(np.float32)


def test_the_number_of_threads_does_not_change_a_byte(features, monkeypatch):
    monkeypatch.setattr(tsne, "ROUND", 5)
    graph = find_neighbors(features, k=89)
    one = make_map(features, graph, method="tsne", seed=0)
    monkeypatch.setattr(tsne, "THREADS_FROM", 0)
    assert make_map(features, graph, method="tsne", seed=0).xy.tobytes() == one.xy.tobytes()


def test_the_library_gets_our_graph_without_the_samples_themselves(features, monkeypatch):
    seen = []

    class Spy(nearest_neighbors.PrecomputedNeighbors):
        def build(self):
            seen.append((self.indices, self.distances))
            return super().build()

    monkeypatch.setattr(nearest_neighbors, "PrecomputedNeighbors", Spy)
    graph = find_neighbors(features, k=89, metric="euclidean")
    make_map(features, graph, method="tsne", seed=0, perplexity=10)
    [(indices, distances)] = seen
    np.testing.assert_array_equal(indices, graph.indices[:, :30])
    assert not (indices == np.arange(90)[:, None]).any()
    np.testing.assert_allclose(
        distances / distances[:, :1], graph.distances[:, :30] / graph.distances[:, :1]
    )  # each row in its own unit


def test_many_points_are_drawn_by_interpolation(features, monkeypatch):
    monkeypatch.setattr(tsne, "FFT_FROM", 90)
    monkeypatch.setattr(tsne, "ROUND", 3)
    drawn = make_map(features, find_neighbors(features, k=89), method="tsne", seed=0, perplexity=10)
    assert drawn.parameters["gradient"] == "fft"
    assert np.isfinite(drawn.xy).all()


@pytest.mark.parametrize(
    ("n", "perplexity", "used", "k"), [(4, 30, 1, 3), (20, 30, 19 / 3, 19), (91, 30, 30, 90), (500, 7.5, 7.5, 22)]
)
def test_perplexity_and_neighbors_for_few_samples(n, perplexity, used, k):
    assert limit_perplexity(n, perplexity) == pytest.approx(used)
    assert count_tsne_neighbors(n, perplexity) == k
