"""How different are the classes as whole clouds of samples, not only in their means?"""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float, Int

from latentscape.shapes import Labels, Rows

MOST_A_CLASS = 400
"""Samples of a class that enter the kernel."""
MOST_SAMPLES = 3000
"""Samples of all classes together that do."""


@dataclass(frozen=True, kw_only=True)
class KernelSpace:
    """The similarities of all samples of the classes with at least two samples, sorted by class."""

    kernel: Float[np.ndarray, "kept kept"]
    """Zero on the diagonal: a sample is never compared with itself."""
    rows: Int[np.ndarray, " kept"]
    """Which samples they are."""
    starts: Int[np.ndarray, " usable"]
    """Where each class begins in `rows`."""
    has_place: Bool[np.ndarray, " class"]
    """Which classes these are."""
    reason: str = ""

    def measure(self, counts: Float[np.ndarray, "draw sample"]) -> Float[np.ndarray, "draw class class"]:
        """MMD of all classes when sample i is taken counts[draw, i] times; NaN for classes of fewer than two."""
        weights = counts[:, self.rows].astype(self.kernel.dtype)
        totals = np.add.reduceat(weights, self.starts, axis=1, dtype=np.float64)
        products = totals[:, :, None] * totals[:, None, :]
        own = np.arange(len(self.starts))
        products[:, own, own] -= np.add.reduceat(np.square(weights), self.starts, axis=1, dtype=np.float64)
        with np.errstate(invalid="ignore", divide="ignore"):
            means = self._sum_blocks(weights) / products
            within = means[:, own, own]
            squares = within[:, :, None] + within[:, None, :] - 2.0 * means
        found = np.full((len(counts), len(self.has_place), len(self.has_place)), np.nan)
        place = np.flatnonzero(self.has_place)
        found[:, place[:, None], place] = np.sqrt(np.maximum(squares, 0.0))
        return found

    def _sum_blocks(self, weights: Float[np.ndarray, "draw kept"]) -> Float[np.ndarray, "draw usable usable"]:
        """The weighted sum of the similarities of each class with each; the later with the earlier by symmetry."""
        edges = [*self.starts.tolist(), weights.shape[1]]
        sums = np.zeros((len(weights), len(self.starts), len(self.starts)))
        for c, (start, stop) in enumerate(pairwise(edges)):
            along = weights[:, start:stop] @ self.kernel[start:stop, start:]
            along *= weights[:, start:]
            sums[:, c, c:] = np.add.reduceat(along, self.starts[c:] - start, axis=1)
            sums[:, c:, c] = sums[:, c, c:]
        return sums

    def coarsen(self) -> "KernelSpace":
        """The same in half the bytes, for the many draws of an interval."""
        return replace(self, kernel=self.kernel.astype(np.float32))


def make_kernel_space(
    features: Float[np.ndarray, "sample feature"], labels: Labels, *, n_classes: int, seed: int
) -> KernelSpace:
    """All that the maximum mean discrepancy of every pair of classes needs.

    For classes a and b with m and n samples and the kernel k(x, y) = exp(-|x - y|^2 / (2 s^2)):

        MMD^2 = mean of k over pairs of different samples in a + the same in b - 2 * mean of k between a and b

    and the distance is the root of its part above 0. Zero: the two classes can't be told apart by this kernel. In
    [0, sqrt(2)]; larger is further apart. The estimate of MMD^2 is unbiased, so about half of equal classes come out
    below 0, that is as 0. The width s is the median distance of two samples, the same for all pairs of classes, so that
    their distances compare; where more than half of the pairs share one place it is the root mean square distance of
    those that do not. In a resampled study a sample is not compared with its own copies, which would add to every
    distance. Classes with fewer than two samples have none. Labels ascend. Of large classes a seeded 400 samples
    count, fewer where all classes together would exceed 3,000.

    Source: Gretton, Borgwardt, Rasch, Schölkopf and Smola 2012, Journal of Machine Learning Research 13, 723, Lemma 6
    and section 8, https://jmlr.org/papers/v13/gretton12a.html.
    """
    sizes = np.bincount(labels, minlength=n_classes)
    has_place = sizes >= 2
    rows = _choose_rows(labels, has_place, seed=seed)
    points = features[rows] - features[rows].mean(axis=0) if len(rows) else features[rows]
    kept = np.bincount(labels[rows], minlength=n_classes)[has_place]
    starts = np.concatenate([[0], np.cumsum(kept)[:-1]]).astype(np.int64)[: len(kept)]
    return KernelSpace(
        kernel=_compare(points / max(float(np.abs(points).max(initial=0.0)), np.finfo(float).tiny)),
        rows=rows,
        starts=starts,
        has_place=has_place,
    )


def _choose_rows(labels: Labels, has_place: Bool[np.ndarray, " class"], *, seed: int) -> Rows:
    """The samples that enter the kernel, in their order."""
    classes = np.flatnonzero(has_place)
    most = max(2, min(MOST_A_CLASS, MOST_SAMPLES // max(1, len(classes))))
    random = np.random.default_rng(seed)
    chosen = [np.empty(0, dtype=np.int64)]
    for label in classes:
        own = np.flatnonzero(labels == label)
        chosen.append(own if len(own) <= most else np.sort(random.choice(own, most, replace=False)))
    return np.concatenate(chosen)


def _compare(points: Float[np.ndarray, "kept feature"]) -> Float[np.ndarray, "kept kept"]:
    """The kernel with a zero diagonal."""
    lengths = np.einsum("ij,ij->i", points, points)
    squares = points @ points.T
    squares *= -2.0
    squares += lengths[:, None]
    squares += lengths
    # What is left of equal points is rounding.
    squares[squares < 1e-13 * lengths.max(initial=0.0)] = 0.0
    pairs = squares[np.tri(len(points), k=-1, dtype=bool)]
    width = float(np.median(pairs)) if pairs.size else 1.0
    if width == 0.0:
        width = float(pairs[pairs > 0].mean()) if pairs.any() else 1.0
    squares /= -2.0 * width
    kernel = np.exp(squares, out=squares)
    np.fill_diagonal(kernel, 0.0)
    return kernel
