"""How far apart are the classes, for the samples at hand and for any other draw of them?"""

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from latentscape.measures.classification import find_known
from latentscape.measures.mmd import KernelSpace, make_kernel_space
from latentscape.measures.plain_rows import refuse_not_finite
from latentscape.shapes import Labels

Metric = Literal["cosine", "euclidean", "mahalanobis", "mmd", "map"]
LEAST_SHRINKAGE = 1e-6
"""Shrinkage that is always applied, so that the covariance can be inverted."""
NO_SPREAD = "the samples of each class share one place, so there is no spread to measure distances by"
ROUNDING = 1e-13
"""What is smaller, next to the numbers it was made of, is rounding."""


class ClassSamples(NamedTuple):
    """Samples sorted by class, so that each class is one slice."""

    features: Float[np.ndarray, "sample feature"]
    labels: Labels
    predictions: Labels


@dataclass(frozen=True, kw_only=True)
class CentroidSpace:
    """Classes stand where their centroids are."""

    points: Float[np.ndarray, "sample axis"]
    """Samples around their mean."""
    shift: Float[np.ndarray, " axis"]
    """Where the origin of distances lies from there: only angles need one."""
    labels: Labels
    """Ascending."""
    unit: float
    """How long one unit of `points` is."""
    angular: bool
    """Whether distances are 1 - cosine or Euclidean."""
    has_place: Bool[np.ndarray, " class"]
    """Which classes have a place."""
    reason: str = ""
    """Why classes with samples have none; empty where the class alone is to blame."""

    def measure(self, counts: Float[np.ndarray, "draw sample"]) -> Float[np.ndarray, "draw class class"]:
        """The distances of all classes when sample i is taken counts[draw, i] times; NaN where a class has no place."""
        n_classes = len(self.has_place)
        totals = sum_classes(np.ones((len(self.labels), 1)), self.labels, counts, n_classes=n_classes)
        weights = counts.astype(self.points.dtype)
        sums = sum_classes(self.points, self.labels, weights, n_classes=n_classes)
        sums[:, ~self.has_place] = np.nan
        if self.angular:
            return _measure_cosine(sums + totals * self.shift)
        with np.errstate(invalid="ignore", divide="ignore"):
            return self.unit * _measure_euclidean(sums / totals)

    def coarsen(self) -> "CentroidSpace":
        """The same in half the bytes, for the many draws of an interval."""
        return replace(self, points=self.points.astype(np.float32))


ClassSpace = CentroidSpace | KernelSpace
"""A place for every class, and the distances between them."""


def sort_by_class(features: Float[np.ndarray, "sample feature"], labels: Labels, predictions: Labels) -> ClassSamples:
    """The samples with a class and a prediction, those of each class together.

    Raises:
        DataError: a feature of these samples is not finite.
    """
    known = np.flatnonzero(find_known(labels, predictions))
    rows = known[np.argsort(labels[known], kind="stable")]
    kept = features[rows].astype(np.float64)
    refuse_not_finite(kept, failure="class centroids can't be computed")
    return ClassSamples(kept, labels[rows], predictions[rows])


def sum_classes(
    points: Float[np.ndarray, "sample axis"],
    labels: Labels,
    counts: Float[np.ndarray, "draw sample"],
    *,
    n_classes: int,
) -> Float[np.ndarray, "draw class axis"]:
    """The sum of every class when sample i is taken counts[draw, i] times; labels ascend."""
    edges = np.searchsorted(labels, np.arange(n_classes + 1))
    sums = np.empty((len(counts), n_classes, points.shape[1]))
    for c, (start, stop) in enumerate(pairwise(edges)):
        sums[:, c] = counts[:, start:stop] @ points[start:stop]
    return sums


def make_class_space(samples: ClassSamples, *, metric: Metric, n_classes: int, seed: int) -> ClassSpace:
    """The places of the classes under one metric.

    * cosine: 1 - cosine of two centroids, in [0, 2]. A class whose centroid is zero has no direction and no place.
    * euclidean, and map for coordinates on a map: length of the difference of two centroids.
    * mahalanobis: that in units of the spread within classes, see `whiten`; no class has a place when there is none.
    * mmd: see `make_kernel_space`. A class of one sample has no place.
    """
    if metric == "mmd":
        return make_kernel_space(samples.features, samples.labels, n_classes=n_classes, seed=seed)
    has_place = np.bincount(samples.labels, minlength=n_classes) > 0
    unit = float(np.abs(samples.features).max(initial=0.0)) or 1.0
    points, reason = samples.features / unit, ""
    shift = points.mean(axis=0) if len(points) else np.zeros(points.shape[1])
    if metric == "cosine":
        has_place &= _have_direction(points, samples.labels, n_classes=n_classes)
    points -= shift
    if metric == "mahalanobis" and (white := whiten(points, samples.labels, n_classes=n_classes)) is not None:
        points, unit = white, 1.0
    elif metric == "mahalanobis":
        has_place, reason = np.zeros_like(has_place), NO_SPREAD
    return CentroidSpace(
        points=points,
        shift=shift if metric == "cosine" else np.zeros(points.shape[1]),
        labels=samples.labels,
        unit=unit,
        angular=metric == "cosine",
        has_place=has_place,
        reason=reason,
    )


def _have_direction(
    points: Float[np.ndarray, "sample axis"], labels: Labels, *, n_classes: int
) -> Bool[np.ndarray, " class"]:
    """Classes whose samples do not cancel out."""
    sums = sum_classes(points, labels, np.ones((1, len(labels))), n_classes=n_classes)[0]
    lengths = np.bincount(labels, weights=np.linalg.norm(points, axis=1), minlength=n_classes)
    return np.linalg.norm(sums, axis=1) > ROUNDING * lengths


def _measure_cosine(sums: Float[np.ndarray, "draw class axis"]) -> Float[np.ndarray, "draw class class"]:
    """1 - cosine of the classes' sums, which point where their centroids point; NaN where a sum is zero."""
    products = sums @ np.swapaxes(sums, -1, -2)
    lengths = np.sqrt(np.diagonal(products, axis1=-2, axis2=-1))
    with np.errstate(invalid="ignore", divide="ignore"):
        distances = 1.0 - np.clip(products / lengths[:, :, None] / lengths[:, None, :], -1.0, 1.0)
    return np.where(distances < ROUNDING, 0.0, distances)


def _measure_euclidean(centroids: Float[np.ndarray, "draw class axis"]) -> Float[np.ndarray, "draw class class"]:
    """The distances of points near the origin; NaN where a centroid is."""
    products = centroids @ np.swapaxes(centroids, -1, -2)
    lengths = np.diagonal(products, axis1=-2, axis2=-1)
    both = lengths[:, :, None] + lengths[:, None, :]
    squares = both - 2.0 * products
    return np.sqrt(np.where(squares < ROUNDING * both, 0.0, squares))


def whiten(
    points: Float[np.ndarray, "sample axis"], labels: Labels, *, n_classes: int
) -> Float[np.ndarray, "sample white"] | None:
    """The points in units of the spread within classes: Euclidean distances of the result are Mahalanobis distances.

    With S the pooled covariance within classes (the n residuals from the class means, over n) and m = trace(S) / d,
    distances are measured by the inverse of (1 - g) S + g m I. The shrinkage g is the one with the least expected
    squared error, never below one in a million; without it S could not be inverted where features outnumber samples.
    None where no sample differs from its class's mean.

    Source: Mahalanobis 1936, Proceedings of the National Institute of Sciences of India 2, 49; the shrinkage: Ledoit
    and Wolf 2004, https://doi.org/10.1016/S0047-259X(03)00096-4.
    """
    from scipy.linalg import cholesky, solve_triangular  # noqa: PLC0415  only this metric needs it

    n, d = points.shape
    inside = points if d <= n else np.transpose(np.linalg.qr(points.T, mode="r"))  # the same lengths, on n axes
    sums = sum_classes(inside, labels, np.ones((1, n)), n_classes=n_classes)[0]
    means = sums / np.maximum(np.bincount(labels, minlength=n_classes), 1)[:, None]
    residuals = inside - means[labels]
    squares = np.einsum("ij,ij->i", residuals, residuals)
    if not (squares > ROUNDING**2 * np.einsum("ij,ij->i", inside, inside)).any():
        return None
    covariance = residuals.T @ residuals / n
    shrinkage = choose_shrinkage(covariance, squares, n_features=d)
    covariance *= 1.0 - shrinkage
    covariance[np.diag_indices_from(covariance)] += shrinkage * squares.sum() / (n * d)
    return solve_triangular(cholesky(covariance, lower=True), inside.T, lower=True).T


def choose_shrinkage(
    covariance: Float[np.ndarray, "axis axis"], squares: Float[np.ndarray, " sample"], *, n_features: int
) -> float:
    """The share of the identity in the covariance that has the least expected squared error.

    With S the covariance of n centered samples x over d features, m = trace(S) / d and |A|^2 the sum of squares of a
    matrix: min(1, b / D) with D = |S - m I|^2 and b = sum of |x x' - S|^2 / n^2. In [1e-6, 1]; 1 where D = 0. The
    covariance may be given on fewer axes that hold all samples; `squares` are the samples' squared lengths.

    Source: Ledoit and Wolf 2004, section 3.3, https://doi.org/10.1016/S0047-259X(03)00096-4.
    """
    n, norm, trace = len(squares), float(np.sum(np.square(covariance))), float(np.trace(covariance))
    dispersion = norm - trace**2 / n_features
    error = (float(np.sum(np.square(squares))) / n - norm) / n
    if dispersion <= ROUNDING * norm:
        return 1.0
    return float(np.clip(error / dispersion, LEAST_SHRINKAGE, 1.0))
