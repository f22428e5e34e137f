"""Approximate search: rows are compared with the rows of near clusters only.

How many columns that takes is read off the true neighbors of a sample, and the recall reached is measured on another
one. A cluster's rows share their columns, so that the work is products of tiles, as in exact search, on a part of
the table. No line depends on another cluster's, so the answer is the same on any number of threads.
"""

from dataclasses import dataclass
from functools import partial

import numpy as np
from jaxtyping import Float, Int, Int32
from threadpoolctl import threadpool_limits

from latentscape.engine import Crew
from latentscape.neighbors.clusters import Clusters, find_clusters
from latentscape.neighbors.exact import search_exactly
from latentscape.neighbors.field import Field, lay_out
from latentscape.neighbors.ranking import Found, Task, rank_candidates
from latentscape.neighbors.tiles import SPARE, TILE_ROWS, Choice, propose
from latentscape.progress import SILENT, Progress

GOAL = 0.99
"""Recall that is reached, or the search is exact."""
AIM = 0.993
"""Recall that the columns are chosen for, so that the sample that measures it does not fall below the goal."""
SAMPLE = 1000
"""Rows whose neighbors are searched exactly, to choose by and again as many to measure on."""
WORTHWHILE = 0.6
"""Where more than this share of the table would have to be read, exact search is as quick."""
RAISE = 1.4
"""How much farther to reach where the goal was missed."""
PARTS = 64
"""Reports of progress."""
MODERATE = 1e30
"""Distances between this and its inverse are kept in single precision."""


@dataclass(frozen=True, kw_only=True)
class _Known:
    """True neighbors of a fixed sample of lines."""

    lines: Int[np.ndarray, " line"]
    rows: Int32[np.ndarray, "line k"]

    def measure_recall(self, found: Int32[np.ndarray, "sample k"]) -> float:
        """Share of the true neighbors that were found."""
        pairs = zip(self.rows, found[self.lines], strict=True)
        return sum(len(np.intersect1d(true, some)) for true, some in pairs) / max(1, self.rows.size)


@dataclass(frozen=True, kw_only=True)
class _Search:
    task: Task
    field: Field
    clusters: Clusters
    rows: Int32[np.ndarray, "sample k"]
    distances: Float[np.ndarray, "sample k"]


def search_approximately(task: Task, *, progress: Progress = SILENT) -> Found | None:
    """The k nearest others of nearly every row; None where reaching the goal costs as much as exact search."""
    field, _ = lay_out(task)
    progress.say(f"{len(field.points)} samples: neighbors are searched among near clusters")
    to_choose, to_measure = _know_some(task, field)
    with threadpool_limits(1, "blas"):
        clusters = find_clusters(field.points)
    reach = _choose_reach(clusters, to_choose)
    search = _prepare(task, field, clusters)
    while clusters.share(reach) <= WORTHWHILE:
        _search_all(search, reach, progress)
        recall = to_measure.measure_recall(search.rows)
        if recall >= GOAL:
            return Found(rows=search.rows, distances=search.distances, recall=recall)
        reach = int(reach * RAISE)
    return None


def _know_some(task: Task, field: Field) -> tuple[_Known, _Known]:
    n = len(task.space.rows)
    lines = np.random.default_rng(1).permutation(n)[: 2 * SAMPLE]
    rows = search_exactly(task, lines, fields=(field, field)).rows
    half = len(lines) // 2
    return _Known(lines=lines[:half], rows=rows[:half]), _Known(lines=lines[half:], rows=rows[half:])


def _choose_reach(clusters: Clusters, known: _Known) -> int:
    """The columns to read for the aim: a neighbor is found where its cluster is among those read."""
    needs = [clusters.count_columns(line, rows) for line, rows in zip(known.lines.tolist(), known.rows, strict=True)]
    return max(int(np.quantile(np.concatenate(needs), AIM)), 4 * known.rows.shape[1])


def _prepare(task: Task, field: Field, clusters: Clusters) -> _Search:
    shape = len(field.points), task.k
    longest = float(task.space.name_distances(np.array([[4 * field.lengths.max() * field.unit]]))[0, 0])
    kind = np.float32 if 1 / MODERATE < longest < MODERATE else np.float64
    rows, distances = np.empty(shape, np.int32), np.empty(shape, kind)
    return _Search(task=task, field=field, clusters=clusters, rows=rows, distances=distances)


def _search_all(search: _Search, reach: int, progress: Progress) -> None:
    parts = np.linspace(0, len(search.clusters.offsets) - 1, PARTS + 1).astype(int)
    with Crew() as crew, threadpool_limits(1, "blas"):
        for part in progress.track(range(PARTS), label="neighbors", total=PARTS):
            n = int(parts[part + 1] - parts[part])
            work = partial(_search_clusters, first=int(parts[part]), search=search, reach=reach)
            crew.share(work, n, least=1)


def _search_clusters(start: int, stop: int, *, first: int, search: _Search, reach: int) -> None:
    for cluster in range(first + start, first + stop):
        lines = search.clusters.list_members(cluster)
        columns = search.clusters.list_columns(cluster, reach)
        choice = Choice(columns=columns, wanted=min(search.task.k + 1 + SPARE, len(columns)))
        for at in range(0, len(lines), TILE_ROWS):
            some = lines[at : at + TILE_ROWS]
            candidates, _ = propose(search.field, search.field, choice, lines=some)
            rows, squares = rank_candidates(search.task, candidates)
            search.rows[some], search.distances[some] = rows, search.task.space.name_distances(squares)
