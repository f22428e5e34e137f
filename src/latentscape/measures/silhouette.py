"""Does each sample lie nearer to its own class than to the nearest other one?"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int

from latentscape.measures.bootstrap import score_with
from latentscape.measures.influence import influence_interval
from latentscape.measures.plain_rows import direct_rows, take_rows
from latentscape.measures.score import Score
from latentscape.shapes import FeatureMatrix, Flags, Labels, PerSample

NAME, BOUNDS = "silhouette", (-1.0, 1.0)
SAME_PLACE = 1e-12
"""Mean distances below this are rounding errors of 0."""

Directions = Float64[np.ndarray, "sample feature"]
Sizes = Int[np.ndarray, " class"]


def measure_silhouette(features: FeatureMatrix, labels: Labels, *, seed: int) -> Score:
    """How much nearer samples lie to their own class than to the nearest other class, by cosine distance.

    With a_i the mean distance (1 - cosine) of sample i to the others of its class and b_i the smallest mean distance to
    the samples of another class: s_i = (b_i - a_i) / max(a_i, b_i), and the score is the mean of all s_i. In [-1, 1],
    higher is better: 1 for classes that are points far from each other, about 0 where they overlap, below 0 where
    samples lie nearer to another class than to their own. A sample that is alone in its class has s_i = 0, and so has
    one at distance 0 from both.

    Exact without all pairs: the mean distance to a class is 1 - u_i . mean(u), u being features at length 1. Samples
    without a class are left out, and so are rows of zeros, which have no direction; above 20,000 samples a random
    choice is measured (`n` says how many). None with fewer than two classes, or where every class is a single sample.
    The interval comes from the influence of each sample on the mean, through its own s_i and the means of others.

    Raises:
        DataError: a feature of a sample with a class is not finite.

    Source: Rousseeuw 1987, https://doi.org/10.1016/0377-0427(87)90125-7.
    """
    known = np.flatnonzero(labels >= 0)
    if not len(known):
        return _explain(0, "no sample has a known class")
    points, rows = direct_rows(*take_rows(features, known, purpose="the silhouette", seed=seed))
    _, own, sizes = np.unique(labels[rows], return_inverse=True, return_counts=True)
    if len(sizes) < 2:
        return _explain(len(rows), f"a silhouette needs two classes with a direction, there is {len(sizes) or 'none'}")
    if sizes.max() == 1:
        return _explain(len(rows), "every class has a single sample")
    gaps = _find_gaps(points, own, sizes)
    value, influences = float(gaps.widths.mean()), _find_influences(points, own, gaps=gaps, sizes=sizes)
    interval = influence_interval(value, influences, method="by the influence of each sample", bounds=BOUNDS)
    return score_with(NAME, value, n=len(rows), interval=interval, bounds=BOUNDS)


def _explain(n: int, reason: str) -> Score:
    return Score(name=NAME, value=None, n=n, bounds=BOUNDS, reason=reason)


@dataclass(frozen=True, kw_only=True)
class _Gaps:
    """Mean distance of each sample to its own class and to the nearest other one, and the silhouette of each."""

    own: PerSample
    other: PerSample
    nearest: Int[np.ndarray, " sample"]
    open: Flags
    """Samples whose silhouette depends on distances at all."""

    @property
    def widths(self) -> PerSample:
        """s_i."""
        largest = np.where(self.open, np.maximum(self.own, self.other), 1.0)
        return np.where(self.open, (self.other - self.own) / largest, 0.0)

    @property
    def slopes(self) -> tuple[PerSample, PerSample]:
        """How s_i changes with the distance to its own class, and with that to the other one."""
        largest = np.where(self.open, np.maximum(self.own, self.other), 1.0)
        ratio = np.where(self.own < self.other, self.own / largest, self.other / largest)
        near = np.where(self.own < self.other, 1.0, ratio) / largest * self.open
        far = np.where(self.own < self.other, ratio, 1.0) / largest * self.open
        return -near, far


def _find_gaps(points: Directions, own: Int[np.ndarray, " sample"], sizes: Sizes) -> _Gaps:
    each = np.arange(len(own))
    cosines = points @ _sum_groups(points, own, len(sizes)).T
    alone = sizes[own] == 1
    inner = 1.0 - (cosines[each, own] - 1.0) / np.maximum(sizes[own] - 1, 1)
    outer = 1.0 - cosines / sizes
    outer[each, own] = np.inf
    nearest = outer.argmin(axis=1)
    inner, other = (np.where(gap > SAME_PLACE, gap, 0.0) for gap in (inner, outer[each, nearest]))
    return _Gaps(own=inner, other=other, nearest=nearest, open=~alone & (np.maximum(inner, other) > 0))


def _sum_groups(
    values: Float64[np.ndarray, "sample column"], groups: Int[np.ndarray, " sample"], n_groups: int
) -> Float64[np.ndarray, "group column"]:
    sums = np.zeros((n_groups, values.shape[1]))
    order = np.argsort(groups, kind="stable")
    present, starts = np.unique(groups[order], return_index=True)
    sums[present] = np.add.reduceat(values[order], starts, axis=0)
    return sums


def _find_influences(points: Directions, own: Int[np.ndarray, " sample"], *, gaps: _Gaps, sizes: Sizes) -> PerSample:
    """The change of the mean by one more sample like each: by its own s, and by the mean distances it takes part in.

    One more sample j in class c moves a_i of each i in c by (d_ij - a_i) / (n_c - 1), and b_i of each i whose nearest
    other class is c by (d_ij - b_i) / n_c; times the slopes and summed over i, that is a product with sums of classes.
    """
    near, far = gaps.slopes
    inner = _gather(points, own, groups=own, weights=near, means=gaps.own, n_groups=len(sizes)) + near * gaps.own
    outer = _gather(points, own, groups=gaps.nearest, weights=far, means=gaps.other, n_groups=len(sizes))
    moved = inner / np.maximum(sizes[own] - 1, 1) + outer / sizes[own]
    return (gaps.widths - gaps.widths.mean() + moved) / len(own)


def _gather(
    points: Directions,
    own: Int[np.ndarray, " sample"],
    *,
    groups: Int[np.ndarray, " sample"],
    weights: PerSample,
    means: PerSample,
    n_groups: int,
) -> PerSample:
    """For each sample j the sum of w_i (d_ij - m_i) over the samples i whose group is j's own class."""
    totals = np.bincount(groups, weights=weights * (1.0 - means), minlength=n_groups)
    sums = _sum_groups(points * weights[:, None], groups, n_groups)
    return totals[own] - np.einsum("ij,ij->i", points, sums[own])
