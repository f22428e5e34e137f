"""t-SNE: who is whose neighbor, drawn so that neighbors stay together (van der Maaten, Hinton 2008)."""

import numpy as np

from latentscape.maps.distinct import Distinct, Layout, Wishes, cut_graph
from latentscape.maps.pca import choose_start
from latentscape.neighbors import Neighbors
from latentscape.progress import Progress
from latentscape.shapes import Points

START_SPREAD = 1e-4
"""Standard deviation of the start: small, so that the first steps are made by the attraction alone."""
ROUND = 50
"""Iterations between two reports of progress."""
GATHERING_ROUNDS, ROUNDS = 5, 15
"""The first five of fifteen rounds exaggerate the attraction, so that clusters form while everything is close."""
EXAGGERATION = 12
FFT_FROM = 10_000
"""From this many points on interpolation is faster than a Barnes-Hut tree."""
THREADS_FROM = 5_000
"""From this many points on a second thread is worth its overhead. The map is the same on any number."""


def draw_tsne(distinct: Distinct, wishes: Wishes) -> Layout:
    """openTSNE on our graph, from a start by principal components.

    The learning rate is n / exaggeration (Belkina et al. 2019).
    """
    n = len(distinct.features)
    perplexity, k = limit_perplexity(n, wishes.perplexity), count_tsne_neighbors(n, wishes.perplexity)
    start = START_SPREAD * choose_start(distinct, seed=wishes.seed)
    xy = _optimize(cut_graph(distinct.neighbors, k), start, perplexity=perplexity, progress=wishes.progress)
    parameters = {"perplexity": perplexity, "n_neighbors": k, "iterations": ROUND * ROUNDS, "gradient": _gradient(n)}
    return Layout(xy=xy, parameters=parameters)


def limit_perplexity(n: int, perplexity: float) -> float:
    """The perplexity used for n rows: at most a third of the other rows, for it needs three neighbors a unit."""
    return min(float(perplexity), (n - 1) / 3)


def count_tsne_neighbors(n: int, perplexity: float) -> int:
    """How many neighbors the perplexity needs, of the n - 1 there are."""
    return max(1, min(n - 1, int(3 * perplexity)))


def _optimize(neighbors: Neighbors, start: Points, *, perplexity: float, progress: Progress) -> Points:
    import openTSNE  # noqa: PLC0415  it brings scikit-learn: a second that no other map should pay
    from openTSNE.affinity import PerplexityBasedNN  # noqa: PLC0415
    from openTSNE.nearest_neighbors import PrecomputedNeighbors  # noqa: PLC0415

    n = len(start)
    jobs = -1 if n >= THREADS_FROM else 1
    graph = PrecomputedNeighbors(neighbors.indices, neighbors.distances)
    affinities = PerplexityBasedNN(
        knn_index=graph,
        perplexity=perplexity,  # pyright: ignore[reportArgumentType]  a float is fine, its default of 30 hides it
        n_jobs=jobs,
    )
    method = openTSNE.TSNE(learning_rate="auto", negative_gradient_method=_gradient(n), n_jobs=jobs)
    embedding = method.prepare_initial(affinities=affinities, initialization=start)
    for done in progress.track(range(ROUNDS), label="t-SNE", total=ROUNDS):
        embedding.optimize(n_iter=ROUND, exaggeration=EXAGGERATION if done < GATHERING_ROUNDS else 1, inplace=True)
    return np.array(embedding)


def _gradient(n: int) -> str:
    return "bh" if n < FFT_FROM else "fft"
