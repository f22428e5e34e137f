"""t-SNE as a whole: its parameters, and that no number of threads changes a byte."""

import numpy as np
import pytest

from latentscape import engine
from latentscape.engine import Crew
from latentscape.maps import make_map, tsne, umap
from latentscape.maps.affinity import find_affinities
from latentscape.maps.tsne import count_tsne_neighbors, limit_perplexity
from latentscape.neighbors import find_neighbors


@pytest.mark.parametrize(
    ("n", "perplexity", "used", "k"), [(4, 30, 1, 3), (20, 30, 19 / 3, 19), (91, 30, 30, 90), (500, 7.5, 7.5, 22)]
)
def test_perplexity_and_neighbors_for_few_samples(n, perplexity, used, k):
    assert limit_perplexity(n, perplexity) == pytest.approx(used)
    assert count_tsne_neighbors(n, perplexity) == k


@pytest.mark.parametrize("room", [tsne, umap])
def test_the_number_of_threads_does_not_change_a_byte(room, monkeypatch):
    monkeypatch.setattr(engine, "ROWS_PER_SHARE", 8)
    features = np.random.default_rng(0).normal(size=(3000, 5)).astype(np.float32)
    graph = find_neighbors(features, k=90)
    monkeypatch.setattr(tsne, "PLANS", {"fast": tsne.Plan(phases=(tsne.GATHER,), cell=1 / 2)})
    monkeypatch.setattr(umap, "EPOCHS", {"fast": 40})
    maps = []
    for threads in (1, 2, 5):
        monkeypatch.setattr(room, "Crew", lambda threads=threads: Crew(threads))
        maps.append(make_map(features, graph, method=room.__name__.rpartition(".")[2], seed=0).xy.tobytes())
    assert maps[0] == maps[1] == maps[2]


@pytest.mark.slow
def test_the_divergence_is_no_worse_than_scikit_learns():
    from sklearn.manifold import TSNE

    features = np.random.default_rng(1).normal(size=(400, 10)).astype(np.float32)
    peer = TSNE(perplexity=30, init="pca", random_state=0)
    peer.fit(features)
    graph = find_neighbors(features, k=90, metric="euclidean")
    ours = make_map(features, graph, method="tsne", seed=0).parameters["divergence"]
    assert ours < peer.kl_divergence_ * 1.01
    with Crew(1) as crew:
        total = find_affinities(graph, perplexity=30, k=90, crew=crew).weights.sum()
    assert total == pytest.approx(1, rel=1e-5)
