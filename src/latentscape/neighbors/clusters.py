"""Rows in clusters around centers (Lloyd 1982), and which clusters lie near to which."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float32, Int, Int32

from latentscape.engine import Crew
from latentscape.executor import IN_PROCESS, Executor, InProcess
from latentscape.neighbors import spread
from latentscape.neighbors.tiles import TILE_ROWS

CLUSTERS_PER_ROOT = 4
"""There are four times the square root of n clusters: a few hundred rows each."""
ROWS_PER_CENTER = 40
"""Rows that place a center."""
ROUNDS = 6
"""Of moving centers to the middle of their rows; more changes little for the search."""


@dataclass(frozen=True, kw_only=True)
class Groups:
    """Rows dealt out among clusters: each belongs to the one whose center is nearest."""

    members: Int32[np.ndarray, " row"]
    """Row numbers, cluster after cluster."""
    offsets: Int[np.ndarray, " ends"]
    """Where each cluster begins in `members`, and where the last one ends."""
    of: Int[np.ndarray, " row"]
    """The cluster of each row."""

    @cached_property
    def sizes(self) -> Int[np.ndarray, " cluster"]:
        """Rows in each cluster."""
        return np.diff(self.offsets)

    def list_members(self, cluster: int) -> Int[np.ndarray, " member"]:
        """The rows of a cluster, ascending."""
        return self.members[self.offsets[cluster] : self.offsets[cluster + 1]].astype(np.int64)


@dataclass(frozen=True, kw_only=True)
class Clusters:
    """A partition of the rows; `near` lists for each cluster all clusters, the nearest centers first."""

    rows: Groups
    centers: Float32[np.ndarray, "cluster axis"]
    near: Int32[np.ndarray, "cluster cluster"]

    def list_columns(self, cluster: int, reach: int) -> Int32[np.ndarray, " column"]:
        """The rows of the nearest clusters, its own first, until there are `reach` of them or more."""
        members, offsets = self.rows.members, self.rows.offsets
        return np.concatenate([members[offsets[i] : offsets[i + 1]] for i in self._choose(cluster, reach)])

    def count_columns(self, cluster: int, rows: Int32[np.ndarray, " k"]) -> Int[np.ndarray, " k"]:
        """For each of some rows how far a cluster has to reach, so that it is among the columns."""
        order, sizes = self.near[cluster], self.rows.sizes
        before = np.empty(len(order), np.int64)
        before[order] = np.cumsum(sizes[order]) - sizes[order]
        return before[self.rows.of[rows]] + 1

    def share(self, lines: Groups, reach: int) -> float:
        """The part of all pairs of a line and a row that is compared."""
        read = [self.rows.sizes[self._choose(cluster, reach)].sum() for cluster in range(len(self.near))]
        return float(lines.sizes @ np.array(read)) / (float(lines.sizes.sum()) * float(self.rows.sizes.sum()))

    def _choose(self, cluster: int, reach: int) -> Int32[np.ndarray, " chosen"]:
        order = self.near[cluster]
        return order[: int(np.searchsorted(np.cumsum(self.rows.sizes[order]), reach)) + 1]


def find_clusters(points: Float32[np.ndarray, "row axis"], *, executor: Executor = IN_PROCESS) -> Clusters:
    """Cluster the rows by a fixed seed; the BLAS has to be held to one thread for the same bytes on all."""
    n = len(points)
    count = max(1, int(CLUSTERS_PER_ROOT * n**0.5))
    generator = np.random.default_rng(2)
    sample = points[np.sort(generator.permutation(n)[: ROWS_PER_CENTER * count])]
    centers = sample[generator.permutation(len(sample))[:count]]
    for _ in range(ROUNDS):
        centers = _move_centers(sample, centers, _find_nearest(sample, centers, executor))
    return Clusters(rows=deal(points, centers, executor=executor), centers=centers, near=_order_by_distance(centers))


def deal(
    points: Float32[np.ndarray, "row axis"], centers: Float32[np.ndarray, "cluster axis"], *, executor: Executor
) -> Groups:
    """Each point to its nearest center."""
    nearest = _find_nearest(points, centers, executor)
    offsets = np.concatenate([[0], np.cumsum(np.bincount(nearest, minlength=len(centers)))])
    return Groups(members=np.argsort(nearest, kind="stable").astype(np.int32), offsets=offsets, of=nearest)


def _find_nearest(
    points: Float32[np.ndarray, "row axis"], centers: Float32[np.ndarray, "center axis"], executor: Executor
) -> Int[np.ndarray, " row"]:
    """The same tiles wherever they are multiplied, and so the same bytes."""
    if not isinstance(executor, InProcess) and points.size * len(centers) > spread.QUIET_WORK:
        return spread.find_nearest(points, centers, executor=executor)
    halves = (centers**2).sum(axis=1) / 2
    nearest = np.empty(len(points), np.int64)

    def search_share(start: int, stop: int) -> None:
        spread.search_centers(points[start:stop], centers, nearest[start:stop], halves=halves)

    with Crew() as crew:
        crew.share(search_share, len(points), unit=TILE_ROWS)
    return nearest


def _move_centers(
    points: Float32[np.ndarray, "row axis"],
    centers: Float32[np.ndarray, "center axis"],
    nearest: Int[np.ndarray, " row"],
) -> Float32[np.ndarray, "center axis"]:
    """The middle of each center's rows; a center without rows stays."""
    order = np.argsort(nearest, kind="stable")
    sizes = np.bincount(nearest, minlength=len(centers))
    used = np.flatnonzero(sizes)
    sums = np.add.reduceat(points[order], (np.cumsum(sizes) - sizes)[used], axis=0)
    moved = centers.copy()
    moved[used] = sums / sizes[used, None].astype(np.float32)
    return moved


def _order_by_distance(centers: Float32[np.ndarray, "center axis"]) -> Int32[np.ndarray, "center center"]:
    """For each center all centers, itself first."""
    halves = (centers**2).sum(axis=1) / 2
    near = np.empty((len(centers), len(centers)), np.int32)
    for at in range(0, len(centers), TILE_ROWS):
        some = slice(at, min(at + TILE_ROWS, len(centers)))
        gaps = halves - centers[some] @ centers.T
        gaps[np.arange(some.stop - at), np.arange(at, some.stop)] = -np.inf
        near[some] = np.argsort(gaps, axis=1, kind="stable")
    return near
