"""Principal components: the map that shows directions as they are, and the place where the other maps start."""

import numpy as np
from jaxtyping import Float, Float64, Int
from scipy.linalg import eigh
from threadpoolctl import threadpool_limits

from latentscape.maps.distinct import Distinct, Layout, Wishes
from latentscape.shapes import PerSample, Points

NOTHING_LEFT = 1e-28
"""Share of the variance below which an axis holds rounding errors only."""
JITTER = 0.01
"""Noise on a starting position, as a share of its spread: points that start in one place feel the same forces."""


def draw_pca(distinct: Distinct, wishes: Wishes) -> Layout:
    """The first two principal components, in the features' own units; the seed plays no part."""
    xy, shares = find_components(distinct.features, distinct.counts)
    return Layout(xy=xy, parameters={"explained_x": float(shares[0]), "explained_y": float(shares[1])})


def find_components(
    features: Float[np.ndarray, "row feature"], counts: Int[np.ndarray, " row"]
) -> tuple[Float64[np.ndarray, "row 2"], Float64[np.ndarray, "2"]]:
    """Scores on the first two principal components and the share of the variance each explains, in [0, 1].

    A row counts `counts` times. A component's sign is the one that makes its largest score positive. Where there is no
    second direction (one feature, rank one, equal rows) its scores are 0.
    """
    exponent = int(np.frexp(np.abs(features).max(initial=0))[1])
    points = np.ldexp(features.astype(np.float64), -exponent)  # a change of exponents only, against overflow
    weights = counts / counts.sum()
    points -= weights @ points
    with threadpool_limits(1, "blas"):  # sums over another number of threads end in other digits
        first, rest = _split_off_component(points, weights)
        second, _ = _split_off_component(rest, weights)
    scores = np.column_stack([first, second])
    total = weights @ (points**2).sum(axis=1)
    shares = weights @ scores**2 / (total or 1.0)
    return np.ldexp(np.where(shares > NOTHING_LEFT, scores, 0.0), exponent), shares


def choose_start(distinct: Distinct, *, seed: int) -> Points:
    """Where an iterative method begins: principal components of what the graph measures, of spread 1, plus noise."""
    features = distinct.features.astype(np.float64)
    if distinct.neighbors.metric == "cosine":
        features = np.ldexp(features, -np.frexp(np.abs(features).max(axis=1, keepdims=True))[1])
        lengths = np.linalg.norm(features, axis=1, keepdims=True)
        features = features / np.where(lengths == 0, 1.0, lengths)
    scores, _ = find_components(features, distinct.counts)
    noise = np.random.default_rng(seed).normal(size=scores.shape)
    return scores / (scores[:, 0].std() or 1.0) + JITTER * noise


def _split_off_component(
    points: Float64[np.ndarray, "row feature"], weights: PerSample
) -> tuple[Float64[np.ndarray, " row"], Float64[np.ndarray, "row feature"]]:
    """Scores on the component of largest variance, and what is left of the points without it.

    Taken one after the other, a weak second component keeps its digits beside a strong first one.
    """
    direction = _find_direction(points * np.sqrt(weights)[:, None])
    scores = points @ direction
    turn = np.sign(scores[np.abs(scores).argmax()]) or 1.0
    return turn * scores, points - np.outer(scores, direction)


def _find_direction(points: Float64[np.ndarray, "row feature"]) -> Float64[np.ndarray, " feature"]:
    """The first right singular vector, through the smaller of the two Gram matrices."""
    n, d = points.shape
    if d <= n:
        return _find_last_eigenvector(points.T @ points)
    direction = points.T @ _find_last_eigenvector(points @ points.T)
    return direction / (np.linalg.norm(direction) or 1.0)


def _find_last_eigenvector(gram: Float64[np.ndarray, "row row"]) -> Float64[np.ndarray, " row"]:
    return eigh(gram, subset_by_index=[len(gram) - 1, len(gram) - 1])[1][:, 0]
