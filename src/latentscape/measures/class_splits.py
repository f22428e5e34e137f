"""Which classes came apart into two groups, or grew together, between two models?"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int
from threadpoolctl import threadpool_limits

from latentscape.measures.bootstrap import NORMAL_QUANTILE
from latentscape.measures.neighbor_change import direct_all
from latentscape.measures.permutations import holm, p_value_of
from latentscape.measures.plain_rows import choose_some
from latentscape.measures.score import Score
from latentscape.measures.silhouette import measure_silhouette
from latentscape.measures.tallies import ALPHA
from latentscape.neighbors import require_finite
from latentscape.shapes import FeatureMatrix, Flags, Labels, Rows

LEAST_MEMBERS = 20
"""Smaller classes are not asked: any two points of a few look like groups."""
LEAST_SHARE = 0.2
"""Of a class, in the smaller group: some strays are no half."""
GAIN = 0.2
"""Rise of the silhouette from the model in which the class is one group to that in which it is two."""
VALLEY = 0.5
"""Between two groups the samples are at most half as dense as beside the middle ..."""
SURE = 0.025
"""... and so few as an even filling would have with this probability at most."""
FLAT = 1e-12
"""Variances of rows of length 1 below this are rounding errors of single precision."""
MOST_MEMBERS, MOST_AXES = 400, 16
"""Of a class, looked at when its halves are found and tested; the others fall to the nearer half."""
LEAST_DRAWS, DRAWS_A_TEST = 999, 40
"""Classes drawn from the null: so many that the smallest p, times the number of tests, is 0.025 at most."""
N_STARTS = 3
"""Axes along which the two halves are first cut."""
ROUNDS = 50
"""Of moving two centers; most need less than ten."""
BLOCK_NUMBERS = 2**18
"""Drawn classes held at a time, in numbers."""

Kind = Literal["split", "merged"]
Halves = tuple[Int[np.ndarray, " larger"], Int[np.ndarray, " smaller"]]
PerDraw = Float64[np.ndarray, " draw"]
Sums = Float64[np.ndarray, "draw axis"]
Batch = Float64[np.ndarray, "draw member axis"]


@dataclass(frozen=True, kw_only=True)
class ClassSplit:
    """A class that is one group in one model and two in the other."""

    label: int
    kind: Kind
    """`split`: one group before, two after; `merged`: the other way round."""
    halves: Halves
    """The samples of either group, the larger first."""
    before: Score
    """Silhouette of the two groups in the first model's space."""
    after: Score
    p_value: float
    """Adjusted for all classes asked about."""


def find_class_splits(
    first: Float32[np.ndarray, "sample first"],
    second: Float32[np.ndarray, "sample second"],
    labels: Labels,
    *,
    n_classes: int,
    seed: int,
) -> tuple[ClassSplit, ...]:
    """Classes that are one group of samples in one model and two in the other, sorted by class.

    Each class is cut into two halves (2-means of its features at length 1, so that a space turned or scaled changes
    nothing) in the second model's space, asking whether it has `split` since the first, and in the first model's,
    asking whether it has `merged` since. A claim needs all of these:

    * the halves are two groups there, not the two ends of one. The test is SigClust's: the part of the class's spread
      that is left within the halves is compared with that of 2-means on draws from one normal distribution with the
      class's own variances along its (at most 16) principal axes; p = (1 + #{as little left}) / (1 + draws), times
      Holm's factors over all classes and both questions, at most 0.05;
    * there is a valley: on the line between the centers the middle third is at most half as densely filled as the two
      thirds beside it, and so sparse as an even filling would be in one of 40 cases. A class that is spread evenly
      along an arc is not normal either;
    * the silhouette of the halves (`measure_silhouette` on these samples) is higher there than in the other model's
      space by 0.2 or more, and the difference lies above 0 by its 95 % interval, the two errors taken as independent:
      the groups have not been there before;
    * the smaller half has a fifth of the class or more.

    Classes of fewer than 20 samples are not asked, and unknown labels (-1) take no part. Of more than 400 samples of a
    class a seeded 400 are cut and tested; the others join the nearer half.

    Raises:
        DataError: no samples, or a feature that is not finite.

    Source: Liu, Hayes, Nobel and Marron 2008, https://doi.org/10.1198/016214508000000454; Huang, Liu, Yuan and Marron
    2015 (Journal of Computational and Graphical Statistics 24), here with the sample variances, which are cautious.
    """
    for features in (first, second):
        require_finite(features, purpose="the search for groups in classes")
    sizes = np.bincount(labels[labels >= 0], minlength=n_classes)
    asked: list[tuple[int, Kind]] = [
        (label, kind) for label in np.flatnonzero(sizes >= LEAST_MEMBERS).tolist() for kind in get_args(Kind)
    ]
    found: list[ClassSplit] = []
    with threadpool_limits(1, "blas"):
        for label, kind in asked:
            spaces = (first, second) if kind == "split" else (second, first)
            candidate = _ask(spaces, np.flatnonzero(labels == label), n_tests=len(asked), seed=seed + label)
            if candidate is not None:
                found.append(_claim(candidate, label, kind))
    return _adjust(found, n_tests=len(asked))


@dataclass(frozen=True, kw_only=True)
class _Candidate:
    """Two halves of a class that are much more apart in one space than in the other."""

    halves: Halves
    together: Score
    apart: Score
    p_value: float


def _ask(
    spaces: tuple[Float32[np.ndarray, "sample together"], Float32[np.ndarray, "sample apart"]],
    rows: Rows,
    *,
    n_tests: int,
    seed: int,
) -> _Candidate | None:
    """The halves of a class in the latter of two spaces, if they pass all but the adjusted p."""
    points = direct_all(spaces[1][rows])
    chosen = choose_some(len(rows), most=MOST_MEMBERS, seed=seed)
    places = _find_axes(points[chosen])
    if not places.size:
        return None
    (upper,), (left,) = _halve(places[None])
    if min(upper.mean(), 1 - upper.mean()) < LEAST_SHARE or not _has_valley(places, upper):
        return None
    halves = _spread(points, upper, chosen=chosen, rows=rows)
    together, apart = (_measure(space, halves, seed=seed) for space in spaces)
    if not _has_risen(together, apart):
        return None
    n_draws = max(LEAST_DRAWS, DRAWS_A_TEST * n_tests)
    null = _draw_null(places, n_draws=n_draws, seed=seed)
    return _Candidate(halves=halves, together=together, apart=apart, p_value=p_value_of(-null, -float(left)))


def _claim(candidate: _Candidate, label: int, kind: Kind) -> ClassSplit:
    before, after = candidate.together, candidate.apart
    if kind == "merged":
        before, after = after, before
    return ClassSplit(
        label=label, kind=kind, halves=candidate.halves, before=before, after=after, p_value=candidate.p_value
    )


def _adjust(found: Sequence[ClassSplit], *, n_tests: int) -> tuple[ClassSplit, ...]:
    """Those that are still beyond chance when all questions count; the ones that came to nothing have a p of 1."""
    adjusted = holm(np.array([split.p_value for split in found] + [1.0] * (n_tests - len(found))))
    kept = zip(found, adjusted[: len(found)].tolist(), strict=True)
    return tuple(replace(split, p_value=p) for split, p in kept if p <= ALPHA)


def _find_axes(points: Float64[np.ndarray, "member feature"]) -> Float64[np.ndarray, "member axis"]:
    """The points along their principal axes, the widest first; none where all are in one place."""
    centered = points - points.mean(axis=0)
    n, d = centered.shape
    squares, vectors = np.linalg.eigh(centered.T @ centered if d <= n else centered @ centered.T)
    widest = np.argsort(-squares, kind="stable")[:MOST_AXES]
    widest = widest[squares[widest] > FLAT * n]
    return centered @ vectors[:, widest] if d <= n else vectors[:, widest] * np.sqrt(squares[widest])


def _halve(batch: Batch) -> tuple[Bool[np.ndarray, "draw member"], PerDraw]:
    """2-means of each draw, the best of some starts: who is in the upper half, and the part of the spread left."""
    batch = batch - batch.mean(axis=1, keepdims=True)
    total = np.einsum("dma,dma->d", batch, batch)
    best, chosen = np.full(len(batch), -1.0), np.zeros(batch.shape[:2], dtype=bool)
    for axis in range(min(N_STARTS, batch.shape[2])):
        upper = batch[:, :, axis] > 0
        for _ in range(ROUNDS):
            moved = _move(batch, upper)
            if np.array_equal(moved, upper):
                break
            upper = moved
        between = _spread_between(batch, upper)
        chosen[between > best] = upper[between > best]
        best = np.maximum(best, between)
    return chosen, 1.0 - best / total


def _sum_upper(batch: Batch, upper: Bool[np.ndarray, "draw member"]) -> tuple[Sums, PerDraw]:
    sums = np.matmul(upper[:, None].astype(np.float64), batch)[:, 0]
    return sums, upper.sum(axis=1).astype(np.float64)


def _move(batch: Batch, upper: Bool[np.ndarray, "draw member"]) -> Bool[np.ndarray, "draw member"]:
    """Each member to the nearer center; halves as they were where one of them would be empty."""
    (sums, size), n = _sum_upper(batch, upper), batch.shape[1]
    above, below = sums / np.maximum(size, 1)[:, None], -sums / np.maximum(n - size, 1)[:, None]
    towards = above - below
    middle = np.einsum("da,da->d", above + below, towards) / 2
    moved = np.matmul(batch, towards[:, :, None])[:, :, 0] > middle[:, None]
    is_empty = moved.all(axis=1) | ~moved.any(axis=1)
    return np.where(is_empty[:, None], upper, moved)


def _spread_between(batch: Batch, upper: Bool[np.ndarray, "draw member"]) -> PerDraw:
    """Sum of squares between the halves, about a mean of 0."""
    (sums, size), n = _sum_upper(batch, upper), batch.shape[1]
    return np.einsum("da,da->d", sums, sums) * (1.0 / np.maximum(size, 1) + 1.0 / np.maximum(n - size, 1))


def _draw_null(places: Float64[np.ndarray, "member axis"], *, n_draws: int, seed: int) -> PerDraw:
    """What 2-means leaves of the spread of classes drawn from one normal distribution of the same variances."""
    random, deviations = np.random.default_rng(seed), places.std(axis=0)
    step = max(1, BLOCK_NUMBERS // places.size)
    blocks = [
        _halve(random.normal(size=(min(step, n_draws - at), *places.shape)) * deviations)[1]
        for at in range(0, n_draws, step)
    ]
    return np.concatenate(blocks)


def _has_valley(places: Float64[np.ndarray, "member axis"], upper: Flags) -> bool:
    from scipy.special import bdtr  # noqa: PLC0415  light commands import this module and never come here

    above, below = places[upper].mean(axis=0), places[~upper].mean(axis=0)
    towards = above - below
    along = np.abs((places - (above + below) / 2) @ towards) / (towards @ towards)
    between, middle = int(np.sum(along < 1 / 2)), int(np.sum(along < 1 / 6))
    is_sparse = middle <= VALLEY * (between - middle) / 2
    return is_sparse and (between == 0 or float(bdtr(middle, between, 1 / 3)) <= SURE)


def _spread(
    points: Float64[np.ndarray, "member feature"],
    upper: Bool[np.ndarray, " chosen"],
    *,
    chosen: Int[np.ndarray, " chosen"],
    rows: Int[np.ndarray, " member"],
) -> Halves:
    """All rows of the class in two halves, the larger first; who was not cut joins the nearer center."""
    above, below = points[chosen[upper]].mean(axis=0), points[chosen[~upper]].mean(axis=0)
    in_upper = (points - (above + below) / 2) @ (above - below) > 0
    in_upper[chosen] = upper
    halves = sorted((rows[in_upper], rows[~in_upper]), key=lambda half: (-len(half), half[0]))
    return halves[0], halves[1]


def _measure(features: FeatureMatrix, halves: Halves, *, seed: int) -> Score:
    which = np.repeat([0, 1], [len(half) for half in halves])
    return measure_silhouette(features[np.concatenate(halves)], which, seed=seed)


def _has_risen(together: Score, apart: Score) -> bool:
    if together.value is None or apart.value is None:
        return False
    gain = apart.value - together.value
    return gain >= GAIN and gain > NORMAL_QUANTILE * math.hypot(_find_error(together), _find_error(apart))


def _find_error(score: Score) -> float:
    """Standard error; 0 where no sample moves the score, as in a class that is one point."""
    return 0.0 if score.low is None or score.high is None else (score.high - score.low) / (2 * NORMAL_QUANTILE)
