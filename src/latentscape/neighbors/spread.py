"""Searches cut into tasks for other processes: a line's answer depends on that line alone, whoever finds it."""

from collections.abc import Callable, Sequence
from typing import cast

import numpy as np
from jaxtyping import Float32, Int
from threadpoolctl import threadpool_limits

from latentscape.executor import Executor, InProcess, Job
from latentscape.neighbors.exact import search_exactly
from latentscape.neighbors.field import Field, lay_out
from latentscape.neighbors.ranking import Found, Task
from latentscape.neighbors.tiles import TILE_ROWS
from latentscape.progress import SILENT

TASK_STEPS = 1e11
"""Steps of one task of exact search, lines * rows * (columns + STEPS_A_PAIR): a few seconds on a core."""
TASK_POINTS = 16 * TILE_ROWS
"""Points of one task that finds nearest centers."""
STEPS_A_PAIR = 40
"""Keeping the nearest costs as much as this many more columns."""
QUIET_WORK = 5e10
"""Fewer steps than this take less than a second: nobody needs to see progress, or to help."""

Range = tuple[int, int]
Points = tuple[int, Float32[np.ndarray, "row axis"]]
"""Where some of the points begin, and these points."""


def search_lines(
    task: Task, lines: Int[np.ndarray, " line"], *, executor: Executor, fields: tuple[Field, Field] | None = None
) -> Found:
    """`search_exactly`, its lines shared among the workers where that is worth it."""
    n, axes = task.space.rows.shape
    steps = n * (axes + STEPS_A_PAIR)
    if isinstance(executor, InProcess) or len(lines) * steps <= QUIET_WORK:
        progress = executor.progress if len(lines) * steps > QUIET_WORK else SILENT
        return search_exactly(task, lines, fields=fields, progress=progress)
    found = Found(rows=np.empty((len(lines), task.k), np.int32), distances=np.empty((len(lines), task.k)))
    cut = cut_range(len(lines), size=max(TILE_ROWS // 4, int(TASK_STEPS / steps)))
    job = Job(label="neighbors", total=len(cut), name=name_rows, split=halve)
    shared = task, lines, fields or lay_out(task)
    for (start, stop), (rows, distances) in executor.run(_prepare_lines, shared, cut, job=job):
        found.rows[start:stop], found.distances[start:stop] = rows, distances
    return found


def find_nearest(
    points: Float32[np.ndarray, "row axis"], centers: Float32[np.ndarray, "center axis"], *, executor: Executor
) -> Int[np.ndarray, " row"]:
    """For each point the number of its nearest center, found by workers: points travel with the tasks."""
    nearest = np.empty(len(points), np.int64)
    cut = cut_range(len(points), size=TASK_POINTS)
    tasks = ((start, points[start:stop]) for start, stop in cut)
    job = Job(label="clusters", total=len(cut), name=_name_points)
    for (start, some), found in executor.run(_prepare_points, centers, tasks, job=job):
        nearest[start : start + len(some)] = found
    return nearest


def search_centers(
    points: Float32[np.ndarray, "row axis"],
    centers: Float32[np.ndarray, "center axis"],
    nearest: Int[np.ndarray, " row"],
    *,
    halves: Float32[np.ndarray, " center"],
) -> None:
    """Write into `nearest` the center nearest to each point; `halves` are half the centers' squared lengths."""
    for at in range(0, len(points), TILE_ROWS):
        some = slice(at, at + TILE_ROWS)
        nearest[some] = (halves - points[some] @ centers.T).argmin(axis=1)


def cut_range(n: int, *, size: int) -> list[Range]:
    """The rows 0 to n in ranges of `size`."""
    return [(at, min(at + size, n)) for at in range(0, n, size)]


def halve(task: object) -> Sequence[Range]:
    """Both halves of a range; none of a single row."""
    start, stop = cast("Range", task)
    middle = (start + stop) // 2
    return [(start, middle), (middle, stop)] if start < middle else []


def name_rows(task: object) -> str:
    """A range in words."""
    start, stop = cast("Range", task)
    return f"the neighbors of rows {start:,} to {stop - 1:,}"


def _name_points(task: object) -> str:
    start, points = cast("Points", task)
    return f"the clusters of rows {start:,} to {start + len(points) - 1:,}"


def _prepare_lines(
    shared: tuple[Task, Int[np.ndarray, " line"], tuple[Field, Field]],
) -> Callable[[Range], tuple[np.ndarray, np.ndarray]]:
    task, lines, fields = shared

    def search(some: Range) -> tuple[np.ndarray, np.ndarray]:
        found = search_exactly(task, lines[slice(*some)], fields=fields)
        return found.rows, found.distances

    return search


def _prepare_points(centers: Float32[np.ndarray, "center axis"]) -> Callable[[Points], np.ndarray]:
    halves = (centers**2).sum(axis=1) / 2

    def search(task: Points) -> np.ndarray:
        nearest = np.empty(len(task[1]), np.int64)
        with threadpool_limits(1, "blas"):
            search_centers(task[1], centers, nearest, halves=halves)
        return nearest

    return search
