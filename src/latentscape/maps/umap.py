"""UMAP: the neighbor graph made fuzzy, drawn by attraction along its edges and repulsion (McInnes et al. 2018)."""

import numpy as np

from latentscape.maps.distinct import Distinct, Layout, Wishes, cut_graph
from latentscape.maps.pca import choose_start
from latentscape.neighbors import Neighbors
from latentscape.shapes import Points

START_REACH = 10.0
"""Largest coordinate of the start, as in UMAP's own spectral start."""
EPOCHS, FULL_EPOCHS_UP_TO = 500, 10_000


def draw_umap(distinct: Distinct, wishes: Wishes) -> Layout:
    """umappp (through scranpy) on our graph, started from principal components, on one thread."""
    n = len(distinct.features)
    k = count_umap_neighbors(n, wishes.n_neighbors)
    start = choose_start(distinct, seed=wishes.seed)
    start *= START_REACH / np.abs(start).max()
    parameters = {"n_neighbors": k, "min_dist": wishes.min_dist, "epochs": _count_epochs(n)}
    once = wishes.progress.track(range(1), label="UMAP", total=1)
    [xy] = [_optimize(cut_graph(distinct.neighbors, k), start, wishes=wishes) for _ in once]
    return Layout(xy=xy, parameters=parameters)


def count_umap_neighbors(n: int, n_neighbors: int) -> int:
    """How many neighbors are used for n rows: those asked for, of the n - 1 there are."""
    return min(n - 1, n_neighbors)


def _count_epochs(n: int) -> int:
    """Fewer passes over more edges: the sampled moves of 500 passes are more than large graphs need."""
    return EPOCHS if n <= FULL_EPOCHS_UP_TO else 200 + 300 * FULL_EPOCHS_UP_TO // n


def _optimize(neighbors: Neighbors, start: Points, *, wishes: Wishes) -> Points:
    import knncolle  # noqa: PLC0415  scranpy costs half a second that no other map should pay
    import scranpy  # noqa: PLC0415  as above

    graph = knncolle.FindKnnResults(index=neighbors.indices.astype(np.uint32), distance=neighbors.distances)
    xy = scranpy.run_umap(
        graph,
        min_dist=wishes.min_dist,
        initialize_method="none",
        initial_coordinates=start,
        num_epochs=_count_epochs(len(start)),
        optimize_seed=wishes.seed,
        num_threads=1,
    )
    return np.ascontiguousarray(xy)
