"""Where an iterative layout begins: it decides the global arrangement, so it is never random alone."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from latentscape.maps.distinct import Distinct, Wishes
from latentscape.maps.edges import Edges
from latentscape.maps.pca import find_components
from latentscape.shapes import Points

JITTER = 0.01
"""Noise on a starting position, as a share of its spread: points that start in one place feel the same forces."""
FIT_ROWS = 50_000
"""Components of a larger table are found on about so many of its rows."""
DENSE_UP_TO = 200
"""Eigenvectors of so small a graph are found without iterations."""


@dataclass(frozen=True, kw_only=True)
class Start:
    """A place of spread 1 along x for each row, how it was found, and a sentence when that was not as asked."""

    xy: Points
    name: str
    notice: str = ""


def choose_start(distinct: Distinct, edges: Edges, wishes: Wishes) -> Start:
    """The anchors that were given, or principal components of what the graph measures, or eigenvectors of the graph."""
    if wishes.anchors is not None:
        return Start(xy=_shake(wishes.anchors, seed=wishes.seed), name="anchors")
    if wishes.options.start == "spectral":
        xy, reason = find_eigenvectors(edges, seed=wishes.seed)
        if not reason:
            return Start(xy=_shake(xy, seed=wishes.seed), name="spectral")
        notice = f"Started from principal components: {reason}."
        return Start(xy=_shake(find_scores(distinct), seed=wishes.seed), name="pca", notice=notice)
    return Start(xy=_shake(find_scores(distinct), seed=wishes.seed), name="pca")


def find_eigenvectors(edges: Edges, *, seed: int) -> tuple[Float[np.ndarray, "row 2"], str]:
    """The eigenvectors after the first of the graph's normalized Laplacian, and why there are none, if so.

    Those of the largest eigenvalues of D^-1/2 W D^-1/2 (Belkin and Niyogi 2003). A graph in several parts has an
    eigenvector for each part, which says nothing of what lies within the parts.
    """
    from scipy.sparse import csr_array, diags_array  # noqa: PLC0415  PCA starts do without
    from scipy.sparse.csgraph import connected_components  # noqa: PLC0415  as above
    from scipy.sparse.linalg import ArpackNoConvergence, eigsh  # noqa: PLC0415  as above

    n = len(edges)
    graph = csr_array((edges.weights.astype(np.float64), edges.others.astype(np.int64), edges.starts), shape=(n, n))
    nothing = np.zeros((n, 2))
    n_parts = connected_components(graph, directed=False, return_labels=False)
    if n_parts > 1:
        return nothing, f"the neighbor graph falls into {n_parts} parts"
    scale = diags_array(1 / np.sqrt(graph.sum(axis=1)))
    normalized = scale @ graph @ scale
    if n <= DENSE_UP_TO:
        return _turn(np.linalg.eigh(normalized.toarray())[1][:, [-2, -3]]), ""
    try:
        v0 = np.random.default_rng(seed).normal(size=n)
        values, vectors = eigsh(normalized, k=3, which="LA", v0=v0, tol=1e-7, maxiter=n * 5)  # pyright: ignore[reportArgumentType]  a float is what it means
    except ArpackNoConvergence:
        return nothing, "the eigenvectors of the graph did not converge"
    return _turn(vectors[:, np.argsort(values)[[1, 0]]]), ""


def _turn(vectors: Float[np.ndarray, "row 2"]) -> Float[np.ndarray, "row 2"]:
    """A sign for each vector that does not depend on the library: the largest entry is positive."""
    return vectors * np.sign(vectors[np.abs(vectors).argmax(axis=0), [0, 1]])


def find_scores(distinct: Distinct) -> Points:
    """Scores on principal components: of the directions where the graph measures angles."""
    step = max(1, len(distinct.counts) // FIT_ROWS)
    is_angular = distinct.neighbors.metric == "cosine"
    return find_components(distinct.features, distinct.counts, directions=is_angular, step=step)[0]


def _shake(xy: Points, *, seed: int) -> Points:
    noise = np.random.default_rng(seed).normal(size=xy.shape)
    return xy / (xy[:, 0].std() or 1.0) + JITTER * noise
