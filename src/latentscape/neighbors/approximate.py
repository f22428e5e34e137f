"""Approximate search: rows are compared with the rows of near clusters only.

How many columns that takes is read off the true neighbors of a sample, and the recall reached is measured on another
one. The lines of a cluster share their columns, so that the work is products of tiles, as in exact search, on a part
of the table. No line depends on another cluster's, so the answer is the same on any number of threads. Queries that
are no rows themselves belong to the cluster whose center is nearest.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from jaxtyping import Float, Int, Int32
from threadpoolctl import threadpool_limits

from latentscape.engine import Crew
from latentscape.executor import IN_PROCESS, Executor, InProcess, Job
from latentscape.neighbors.clusters import Clusters, Groups, deal, find_clusters
from latentscape.neighbors.field import Field, lay_out
from latentscape.neighbors.ranking import Found, Task, rank_candidates
from latentscape.neighbors.spread import cut_range, halve, search_lines
from latentscape.neighbors.tiles import SPARE, TILE_ROWS, Choice, propose
from latentscape.progress import Progress

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
TASK_ROWS = 8192
"""Rows of one task for a worker, more or less."""
MODERATE = 1e30
"""Distances between this and its inverse are kept in single precision."""


@dataclass(frozen=True, kw_only=True)
class _Known:
    """True neighbors of a fixed sample of lines."""

    lines: Int[np.ndarray, " line"]
    rows: Int32[np.ndarray, "line k"]

    def measure_recall(self, found: Int32[np.ndarray, "query k"]) -> float:
        """Share of the true neighbors that were found."""
        pairs = zip(self.rows, found[self.lines], strict=True)
        return sum(len(np.intersect1d(true, some)) for true, some in pairs) / max(1, self.rows.size)


@dataclass(frozen=True, kw_only=True)
class _Search:
    """What every cluster's search reads."""

    task: Task
    fields: tuple[Field, Field]
    """Of the rows, and of the queries."""
    clusters: Clusters
    lines: Groups
    """The queries."""


@dataclass(frozen=True, kw_only=True)
class _Answers:
    """What the searches write."""

    rows: Int32[np.ndarray, "query k"]
    distances: Float[np.ndarray, "query k"]

    def put(self, lines: Int[np.ndarray, " line"], found: "_Near") -> None:
        """The neighbors of some lines in their places."""
        self.rows[lines], self.distances[lines] = found


_Near = tuple[Int32[np.ndarray, "line k"], Float[np.ndarray, "line k"]]
_Range = tuple[int, int]


def search_approximately(task: Task, *, executor: Executor = IN_PROCESS) -> Found | None:
    """The k nearest rows of nearly every query; None where reaching the goal costs as much as exact search."""
    if WORTHWHILE * len(task.queries.rows) < 2 * SAMPLE:
        return None
    fields = field, queries = lay_out(task)
    executor.progress.say(f"{len(queries.points):,} samples: neighbors are searched among near clusters")
    to_choose, to_measure = _know_some(task, fields, executor)
    with threadpool_limits(1, "blas"):
        clusters = find_clusters(field.points, executor=executor)
        lines = clusters.rows if task.within else deal(queries.points, clusters.centers, executor=executor)
    reach = _choose_reach(clusters, lines, to_choose)
    search, answers = _Search(task=task, fields=fields, clusters=clusters, lines=lines), _make_room(task, fields)
    while clusters.share(lines, reach) <= WORTHWHILE:
        if isinstance(executor, InProcess):
            _search_here(search, answers, reach, progress=executor.progress)
        else:
            _search_on_workers(search, answers, reach, executor=executor)
        recall = to_measure.measure_recall(answers.rows)
        if recall >= GOAL:
            return Found(rows=answers.rows, distances=answers.distances, recall=recall)
        reach = int(reach * RAISE)
    return None


def _know_some(task: Task, fields: tuple[Field, Field], executor: Executor) -> tuple[_Known, _Known]:
    lines = np.random.default_rng(1).permutation(len(task.queries.rows))[: 2 * SAMPLE]
    rows = search_lines(task, lines, executor=executor, fields=fields).rows
    half = len(lines) // 2
    return _Known(lines=lines[:half], rows=rows[:half]), _Known(lines=lines[half:], rows=rows[half:])


def _choose_reach(clusters: Clusters, lines: Groups, known: _Known) -> int:
    """The columns to read for the aim: a neighbor is found where its cluster is among those read."""
    own = lines.of[known.lines].tolist()
    needs = [clusters.count_columns(cluster, rows) for cluster, rows in zip(own, known.rows, strict=True)]
    return max(int(np.quantile(np.concatenate(needs), AIM)), 4 * known.rows.shape[1])


def _make_room(task: Task, fields: tuple[Field, Field]) -> _Answers:
    shape = len(task.queries.rows), task.k
    farthest = max(4 * field.lengths.max() * field.unit for field in fields)
    longest = float(task.space.name_distances(np.array([[farthest]]))[0, 0])
    kind = np.float32 if 1 / MODERATE < longest < MODERATE else np.float64
    return _Answers(rows=np.empty(shape, np.int32), distances=np.empty(shape, kind))


def _search_here(search: _Search, answers: _Answers, reach: int, *, progress: Progress) -> None:
    parts = np.linspace(0, len(search.lines.sizes), PARTS + 1).astype(int)

    def search_share(start: int, stop: int, first: int) -> None:
        for lines, near in _search_clusters(search, range(first + start, first + stop), reach):
            answers.put(lines, near)

    with Crew() as crew, threadpool_limits(1, "blas"):
        for part in progress.track(range(PARTS), label="neighbors", total=PARTS):
            crew.share(partial(search_share, first=int(parts[part])), int(parts[part + 1] - parts[part]), least=1)


def _search_on_workers(search: _Search, answers: _Answers, reach: int, *, executor: Executor) -> None:
    lines = search.lines
    n_clusters = len(lines.sizes)
    cut = cut_range(n_clusters, size=max(1, n_clusters * TASK_ROWS // len(lines.members)))
    job = Job(label="neighbors", total=len(cut), name=_name_clusters, split=halve)
    shared = search, reach, answers.distances.dtype
    for (start, stop), near in executor.run(_prepare_clusters, shared, cut, job=job):
        answers.put(lines.members[lines.offsets[start] : lines.offsets[stop]], near)


def _name_clusters(task: object) -> str:
    return f"the neighbors of the rows in clusters {task}"


def _prepare_clusters(shared: tuple[_Search, int, np.dtype]) -> Callable[[_Range], _Near]:
    search, reach, kind = shared

    def search_some(task: _Range) -> _Near:
        with threadpool_limits(1, "blas"):
            found = [near for _, near in _search_clusters(search, range(*task), reach)]
        k = search.task.k
        rows = np.concatenate([np.empty((0, k), np.int32), *(rows for rows, _ in found)])
        return rows, np.concatenate([np.empty((0, k)), *(distances for _, distances in found)]).astype(kind)

    return search_some


def _search_clusters(search: _Search, some: range, reach: int) -> Iterator[tuple[Int[np.ndarray, " line"], _Near]]:
    """The lines of some clusters, a tile of them at a time, and their neighbors."""
    task, fields = search.task, search.fields
    for cluster in some:
        members = search.lines.list_members(cluster)
        columns = search.clusters.list_columns(cluster, reach) if len(members) else np.empty(0, np.int32)
        choice = Choice(columns=columns, wanted=min(task.k + task.within + SPARE, len(columns)))
        for at in range(0, len(members), TILE_ROWS):
            lines = members[at : at + TILE_ROWS]
            candidates, _ = propose(*fields, choice, lines=lines)
            rows, squares = rank_candidates(task, candidates)
            yield lines, (rows, task.space.name_distances(squares))
