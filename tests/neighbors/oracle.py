"""Neighbors by their definition."""

import numpy as np


def brute_force(features, k, metric):
    """Sort by (distance, row number), distances in double precision by their definition."""
    x = features.astype(np.float64)
    if metric == "euclidean":
        distances = np.sqrt(((x[:, None] - x[None]) ** 2).sum(axis=2))
    else:
        unit = x / np.linalg.norm(x, axis=1, keepdims=True)
        distances = ((unit[:, None] - unit[None]) ** 2).sum(axis=2) / 2
    np.fill_diagonal(distances, np.inf)
    rows = np.broadcast_to(np.arange(len(x)), distances.shape)
    order = np.lexsort((rows, distances), axis=1)[:, :k]
    return order, np.take_along_axis(distances, order, axis=1)
