"""Exact search among points of few columns, such as places on a map: a KD-tree proposes, double precision decides."""

from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64, Int

from latentscape.engine import Crew
from latentscape.neighbors.ranking import Candidates, Found, Task, rank_candidates, widen
from latentscape.progress import SILENT, Progress

TREE_AXES = 3
"""Up to this many columns a tree is faster than comparing all rows."""
TREE_ROWS = 4096
"""Fewer rows are compared all with all."""
SPARE = 4
"""Rows asked for beyond those needed, to see that the last one needed has no equal."""
PART_ROWS = 2**16
"""Rows searched between two reports of progress."""
SLACK = 1e-12
"""How wrong the tree's squared distances may be, relatively."""


def search_tree(task: Task, *, progress: Progress = SILENT) -> Found:
    """The k nearest other rows of every row."""
    from scipy.spatial import KDTree  # noqa: PLC0415  a tenth of a second that few searches need

    points = task.space.weigh(slice(None), zeros=task.space.has_zeros)
    exponent = int(np.frexp(np.abs(points).max())[1])
    points = np.ldexp(points, -exponent)
    tree = KDTree(points, balanced_tree=False, compact_nodes=False)
    n = len(points)
    rows, distances = np.empty((n, task.k), np.int32), np.empty((n, task.k))
    parts = range(0, n, PART_ROWS)
    with Crew() as crew:
        for at in progress.track(parts, label="neighbors", total=len(parts)):
            lines = tree.indices[at : at + PART_ROWS]  # leaf after leaf: what is near stays in the cache
            work = partial(_search_share, lines=lines, task=task, planted=(tree, points, 4.0**exponent))
            answers = crew.share(work, len(lines))
            rows[lines] = np.concatenate([each[0] for each in answers])
            distances[lines] = task.space.name_distances(np.concatenate([each[1] for each in answers]))
    return Found(rows=rows, distances=distances)


def _search_share(
    start: int, stop: int, *, lines: Int[np.ndarray, " line"], task: Task, planted: tuple[Any, np.ndarray, float]
) -> tuple[Int[np.ndarray, "_ k"], Float64[np.ndarray, "_ k"]]:
    """Ask for more and more rows until the last one is farther than the last that is needed."""
    some, wanted = lines[start:stop], task.k + 1 + SPARE
    rows, squares, proven = _ask(some, task, planted, wanted=wanted)
    while not proven.all():
        wanted *= 2
        again = np.flatnonzero(~proven)
        rows[again], squares[again], proven[again] = _ask(some[again], task, planted, wanted=wanted)
    return rows, squares


def _ask(
    lines: Int[np.ndarray, " line"], task: Task, planted: tuple[Any, np.ndarray, float], *, wanted: int
) -> tuple[Int[np.ndarray, "line k"], Float64[np.ndarray, "line k"], Bool[np.ndarray, " line"]]:
    tree, points, unit = planted
    wanted = min(wanted, len(points))
    reached, near = tree.query(points[lines], k=np.arange(1, wanted + 1))
    candidates = Candidates(lines=lines, rows=near.astype(np.int32), counts=np.full(len(lines), wanted))
    rows, squares = rank_candidates(task, candidates)
    floor = reached[:, -1] ** 2 * unit * (1 - SLACK)
    proven = (wanted == len(points)) | (floor > widen(squares[:, -1], task.space))
    return rows, squares, proven
