"""Exact search: products of whole tiles of rows propose in single precision, and double precision decides.

A bound on the rounding errors proves that nothing nearer was left out. Rows for which it can't be proved (grids, far
clusters) are searched again in double precision. The answer depends neither on threads nor on the BLAS.
"""

from dataclasses import dataclass
from functools import partial

import numpy as np
from jaxtyping import Bool, Float, Int, Int32
from threadpoolctl import threadpool_limits

from latentscape.engine import Crew
from latentscape.neighbors.field import Field, bound_errors, lay_out
from latentscape.neighbors.ranking import Candidates, Found, Task, rank_candidates, widen
from latentscape.neighbors.space import cut_rows
from latentscape.neighbors.tiles import SPARE, TILE_COLUMNS, TILE_ROWS, Choice, propose
from latentscape.progress import SILENT, Progress

PART_ROWS = 2**14
"""Rows searched between two reports of progress."""
GLANCE_ROWS, GLANCE_SHARE = 8192, 16
"""From this many rows on, a sixteenth of them, chosen at random, tells how far the nearest of all may be."""
DOUBLE_NUMBERS = 2**21
"""Largest temporary array of the search in double precision, in numbers (16 MB)."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """An exact search for some lines, and where its answers go: one place a line."""

    task: Task
    lines: Int[np.ndarray, " line"]
    queries: Field
    field: Field
    choice: Choice
    rows: Int32[np.ndarray, "line k"]
    distances: Float[np.ndarray, "line k"]
    doubtful: Bool[np.ndarray, " line"]


def search_exactly(
    task: Task,
    lines: Int[np.ndarray, " line"],
    *,
    fields: tuple[Field, Field] | None = None,
    progress: Progress = SILENT,
) -> Found:
    """The k nearest rows of the queries numbered `lines`; `fields` where they are laid out already."""
    job = _prepare(task, lines, fields or lay_out(task))
    parts = range(0, len(lines), PART_ROWS)
    with Crew() as crew, threadpool_limits(1, "blas"):
        for at in progress.track(parts, label="neighbors", total=len(parts)):
            n = min(PART_ROWS, len(lines) - at)
            crew.share(partial(_search_share, first=at, job=job), n, unit=TILE_ROWS // 4, least=TILE_ROWS // 4)
        doubtful = np.flatnonzero(job.doubtful)
        crew.share(partial(_search_again, doubtful=doubtful, job=job), len(doubtful), least=1)
    return Found(rows=job.rows, distances=job.distances)


def _prepare(task: Task, lines: Int[np.ndarray, " line"], fields: tuple[Field, Field]) -> Job:
    field, queries = fields
    shape = len(lines), task.k
    return Job(
        task=task,
        lines=lines,
        queries=queries,
        field=field,
        choice=_choose_columns(len(field.points), task),
        rows=np.empty(shape, np.int32),
        distances=np.empty(shape),
        doubtful=np.zeros(len(lines), bool),
    )


def _choose_columns(n: int, task: Task) -> Choice:
    """All columns. Where there are many they come in random order, so that the first of them speak for all."""
    wanted = min(task.k + task.within + SPARE, n)
    if n < GLANCE_ROWS:
        return Choice(columns=np.arange(n, dtype=np.int32), wanted=wanted)
    glance = -(-n // (GLANCE_SHARE * TILE_COLUMNS)) * TILE_COLUMNS
    expected = wanted * glance / n
    rank = min(wanted, int(expected + 3.7 * expected**0.5 + 2))  # 1 line in 10,000 is left with too few candidates
    columns = np.random.default_rng(0).permutation(n).astype(np.int32)
    return Choice(columns=columns, wanted=wanted, glance=glance, glance_rank=rank)


def _search_share(start: int, stop: int, *, first: int, job: Job) -> None:
    for at in range(first + start, first + stop, TILE_ROWS):
        places = slice(at, min(at + TILE_ROWS, first + stop))
        candidates, limits = propose(job.field, job.queries, job.choice, lines=job.lines[places])
        rows, squares = rank_candidates(job.task, candidates)
        job.rows[places], job.distances[places] = rows, job.task.space.name_distances(squares)
        farthest = widen(squares[:, -1], job.task.space)
        lengths = job.queries.lengths[candidates.lines]
        error = bound_errors(job.field, lengths, reach=np.sqrt(farthest / job.field.unit))
        job.doubtful[places] = ~((limits + lengths - error) * job.field.unit > farthest)


def _search_again(start: int, stop: int, *, doubtful: Int[np.ndarray, " _"], job: Job) -> None:
    """Decide the doubtful lines among all rows that may be their nearest, judged in double precision."""
    step = max(1, DOUBLE_NUMBERS // len(job.field.points))
    for at in range(start, stop, step):
        places = doubtful[at : min(at + step, stop)]
        near = _judge(job, job.lines[places])
        for place, rows in zip(places, near, strict=True):
            found = Candidates(
                lines=job.lines[place : place + 1],
                rows=np.flatnonzero(rows).astype(np.int32)[None],
                counts=np.array([np.count_nonzero(rows)]),
            )
            ranked, squares = rank_candidates(job.task, found)
            job.rows[place], job.distances[place] = ranked[0], job.task.space.name_distances(squares)[0]


def _judge(job: Job, lines: Int[np.ndarray, " line"]) -> Bool[np.ndarray, "line row"]:
    """For each line the rows that may be among its k nearest."""
    task, field = job.task, job.field
    queries = task.queries.weigh(lines, zeros=field.zeros) - field.mean
    lengths = (queries**2).sum(axis=1)
    squares, longest = np.empty((len(lines), len(field.points))), 0.0
    for at in cut_rows(field.points):
        points = task.space.weigh(at, zeros=field.zeros) - field.mean
        others = (points**2).sum(axis=1)
        squares[:, at] = lengths[:, None] + others - 2 * queries @ points.T
        longest = max(longest, float(others.max()))
    error = np.finfo(np.float64).eps * (queries.shape[1] + 8) * (lengths + longest)
    last = task.k + task.within - 1
    limits = widen(np.partition(squares, last)[:, last] + error, task.space) + error
    return squares <= limits[:, None]
