"""How far do samples of one class spread, measured by how far the classes lie apart?"""

import numpy as np
from jaxtyping import Float64, Int

from latentscape.measures.bootstrap import score_with
from latentscape.measures.influence import influence_interval
from latentscape.measures.plain_rows import scale_rows, take_rows
from latentscape.measures.score import Score
from latentscape.shapes import FeatureMatrix, Labels, PerSample

NAME, BOUNDS = "within_between", (0.0, float("inf"))
SAME_PLACE = 1e-12
"""Class means nearer to each other than this part of the largest feature differ by rounding only."""
FLAT = 1e-8
"""Axes along which the class means spread less than this part of their widest axis are not axes of theirs."""


def measure_within_between(features: FeatureMatrix, labels: Labels, *, seed: int) -> Score:
    """The variance within classes along the axes between class means, over the variance between them (NC1).

    trace(S_W pinv(S_B)) / C, with C classes, S_W the mean of (x - m_c)(x - m_c)' over all samples, m_c the mean
    of the sample's class, and S_B the mean of (m_c - m)(m_c - m)' over the classes, m the mean of the class means.
    Lower is better: 0 where each class has collapsed to a point, which is where training drives the last layer; above 1
    where samples spread more than classes lie apart. No upper end.

    Chance differences of class means count as distance, so with few samples a class the value is too low: compare
    layers on the same samples, not studies of different size. The interval speaks of as many other samples; it comes
    from the influence of each sample on the logarithm. Samples without a class are left out; above 20,000 samples a
    random choice is measured. None with fewer than two classes, where every class is a single sample, or where all
    class means are the same.

    Raises:
        DataError: a feature of a sample with a class is not finite.

    Source: Papyan, Han and Donoho 2020, https://doi.org/10.1073/pnas.2015509117.
    """
    known = np.flatnonzero(labels >= 0)
    if not len(known):
        return _explain(0, "no sample has a known class")
    points, rows = take_rows(features, known, purpose="the variance within and between classes", seed=seed)
    _, own, sizes = np.unique(labels[rows], return_inverse=True, return_counts=True)
    if len(sizes) < 2:
        return _explain(len(rows), "the variance between classes needs two classes, there is 1")
    if sizes.max() == 1:
        return _explain(len(rows), "every class has a single sample")
    found = _compare(scale_rows(points), own, sizes)
    if found is None:
        return _explain(len(rows), "all classes have the same mean")
    value, influences = found
    interval = influence_interval(
        value, influences, method="by the influence of each sample", scale="log", bounds=BOUNDS
    )
    return score_with(NAME, value, n=len(rows), interval=interval, better="lower", bounds=BOUNDS)


def _explain(n: int, reason: str) -> Score:
    return Score(name=NAME, value=None, n=n, better="lower", bounds=BOUNDS, reason=reason)


def _compare(
    points: Float64[np.ndarray, "sample feature"], own: Int[np.ndarray, " sample"], sizes: Int[np.ndarray, " class"]
) -> tuple[float, PerSample] | None:
    """The ratio and the influence of each sample on it; None where the class means do not differ.

    With P = sum over classes of (m_c - m)(m_c - m)' = U diag(s^2) U' the ratio is trace(S_W pinv(P)), the 1 / C of S_B
    and that of the ratio having cancelled.
    """
    order = np.argsort(own, kind="stable")
    points, own = points[order], own[order]
    starts = np.cumsum(sizes) - sizes
    first = points[0].copy()
    points -= first
    means = np.add.reduceat(points, starts, axis=0) / sizes[:, None]
    _, lengths, axes = np.linalg.svd(means - means.mean(axis=0), full_matrices=False)
    if lengths[0] <= SAME_PLACE:
        return None
    real = lengths > FLAT * lengths[0]
    residuals = points - means[own]
    influences = np.empty(len(own))
    value, influences[order] = _weigh(residuals, own, means=means, axes=axes[real], lengths=lengths[real])
    return value, influences


def _weigh(
    residuals: Float64[np.ndarray, "sample feature"],
    own: Int[np.ndarray, " sample"],
    *,
    means: Float64[np.ndarray, "class feature"],
    axes: Float64[np.ndarray, "axis feature"],
    lengths: Float64[np.ndarray, " axis"],
) -> tuple[float, PerSample]:
    """The trace, and its derivative by the weight of each sample.

    A sample with residual r in class c adds (r r' - S_W) / n to S_W and moves m_c by r / n_c. The derivative of the
    pseudoinverse at constant rank: Golub and Pereyra 1973.
    """
    n, sizes = len(own), np.bincount(own)
    along = residuals @ axes.T
    spread = residuals.T @ along / n
    inside = along.T @ along / n
    places = (means - means.mean(axis=0)) @ axes.T
    value = float(np.sum(np.diag(inside) / lengths**2))
    by_spread = np.sum(np.square(along / lengths), axis=1) - value
    turned = (residuals @ spread - along @ inside) / lengths**4 - (along / lengths**2) @ inside / lengths**2
    by_mean = np.einsum("ij,ij->i", turned, places[own])
    return value, by_spread / n + 2.0 * by_mean / sizes[own]
