"""Where on a map does a class's name belong? Where its own samples are."""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from latentscape.shapes import Labels, Points

SHARE = 16
"""A place is judged by how far the nearest sixteenth of the class is."""
REACH = 1.5
"""A place lies within its class while that is at most so many times what it is for the class's own samples."""
FEW = 4
"""Between fewer samples than these there is only empty space."""
MOST = 200
"""Samples of one class that are compared with each other: evenly spread over its rows where it has more."""


@dataclass(frozen=True, kw_only=True)
class LabelPlaces:
    """A place for the name of each class that has samples, in the map's units."""

    classes: Int[np.ndarray, " class"]
    """Class numbers, ascending."""
    sizes: Int[np.ndarray, " class"]
    """Samples of each class."""
    centroids: Float[np.ndarray, "class 2"]
    """The mean of each class's samples on the map."""
    spots: Float[np.ndarray, "class 2"]
    """The centroid where it lies among the class's own samples; else the sample in the middle of the densest part."""

    @property
    def moved(self) -> Bool[np.ndarray, " class"]:
        """Classes whose centroid lies in empty space, or among others."""
        return (self.spots != self.centroids).any(axis=1)


def find_label_places(xy: Points, labels: Labels) -> LabelPlaces:
    """The centroid and the place of the name for every class that has samples; samples of class -1 have none.

    Let r(p) be the distance from a place p to the q-th nearest of the class's m samples (a sample does not count
    itself), q = ceil(m / 16), but at least min(3, m // 4), as single distances say little. The centroid c is the
    place of the name while r(c) <= 1.5 median r(sample): it has its own around it nearly as close as a sample of the
    class usually has. Otherwise the place is the sample with the smallest r, the lower row among equals: the middle of
    the densest part, a mode after the idea of the shortest half (Grübel 1988, Annals of Statistics 16). A class of
    fewer than four samples is named at a sample, unless all share one place: its medoid, the sample with the least
    summed distance to the others. Of classes with more than 200 samples, 200 evenly spread over their rows are looked
    at; the centroid is always that of all.
    """
    sizes = np.bincount(labels[labels >= 0])
    classes = np.flatnonzero(sizes)
    # Small integers are sorted by counting, which matters for a million samples.
    order = np.argsort(labels.astype(np.min_scalar_type(-1 - len(sizes))), kind="stable")
    ends = (labels < 0).sum() + np.cumsum(sizes[classes])
    members = [xy[order[end - size : end]] for end, size in zip(ends, sizes[classes], strict=True)]
    centroids = [own.mean(axis=0) for own in members]
    spots = [_place(own, centroid) for own, centroid in zip(members, centroids, strict=True)]
    return LabelPlaces(
        classes=classes,
        sizes=sizes[classes],
        centroids=np.array(centroids, dtype=float).reshape(-1, 2),
        spots=np.array(spots, dtype=float).reshape(-1, 2),
    )


def _place(own: Float[np.ndarray, "member 2"], centroid: Float[np.ndarray, "2"]) -> Float[np.ndarray, "2"]:
    some = own[_spread(len(own))]
    if not np.ptp(some, axis=0).any():
        return centroid
    apart = np.linalg.norm(some[:, None] - some[None], axis=2)
    if len(some) < FEW:
        return some[np.argmin(apart.sum(axis=1))]
    rank = max(math.ceil(len(some) / SHARE), min(3, len(some) // 4))
    # The nearest of all is the sample itself, which does not count.
    around = np.partition(apart, rank, axis=1)[:, rank]
    here = np.partition(np.linalg.norm(some - centroid, axis=1), rank - 1)[rank - 1]
    return centroid if here <= REACH * np.median(around) else some[np.argmin(around)]


def _spread(n: int) -> Int[np.ndarray, " some"]:
    """At most MOST of n row numbers, at equal steps."""
    return np.arange(n) if n <= MOST else np.arange(MOST) * n // MOST
