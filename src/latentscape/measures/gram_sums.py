"""The products of all vectors' numbers with each other, summed: over fixed blocks of rows, by whoever, in one order."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from jaxtyping import Float, Float64
from threadpoolctl import threadpool_limits

from latentscape.executor import Executor, InProcess, Job
from latentscape.measures.unit_rows import cut_blocks, take_unit_rows

MOST_BLOCKS, MOST_NUMBERS = 16, 2**22
"""Blocks of rows a task, and numbers that its sums take in all."""


@dataclass(frozen=True, kw_only=True)
class SomeRows:
    """Rows of the table, from `start` on, and where each block of them lies among these."""

    place: int
    start: int
    rows: Float[np.ndarray, "row feature"]
    blocks: tuple[slice, ...]


def sum_squares_about(
    vectors: Float[np.ndarray, "row feature"], center: Float64[np.ndarray, " feature"], *, executor: Executor
) -> Float64[np.ndarray, "feature feature"]:
    """The sum of (u - center)(u - center)' over all rows u at length 1.

    The sum of each block is a matrix of its own, and they are added in the order of the rows: the same bytes on any
    number of workers.
    """
    total, blocks = np.zeros((len(center), len(center))), cut_blocks(len(vectors), width=len(center))
    size = max(1, min(MOST_BLOCKS, MOST_NUMBERS // len(center) ** 2))
    if isinstance(executor, InProcess) or len(blocks) <= size:
        for block in blocks:
            total += _sum_block(vectors, block, center=center)
        return total
    tasks = [tuple(blocks[at : at + size]) for at in range(0, len(blocks), size)]
    told = Job(label="Summing products", total=len(tasks), name=name_rows)
    waiting: dict[int, Float64[np.ndarray, "block feature feature"]] = {}
    place = 0
    for task, sums in executor.run(prepare_sums, center, _lay_tasks(vectors, tasks), job=told):
        waiting[task.place] = sums
        while place in waiting:
            for each in waiting.pop(place):
                total += each
            place += 1
    return total


def name_rows(task: object) -> str:
    """The rows of a task, for the user who has to find what kills workers."""
    if not isinstance(task, SomeRows):
        raise AssertionError(f"{type(task)} is no task of this sum")
    return f"products of documents {task.start:,} to {task.start + len(task.rows) - 1:,}"


def _lay_tasks(vectors: Float[np.ndarray, "row feature"], tasks: list[tuple[slice, ...]]) -> Iterator[SomeRows]:
    for place, blocks in enumerate(tasks):
        first = blocks[0].start
        local = tuple(slice(block.start - first, block.stop - first) for block in blocks)
        yield SomeRows(place=place, start=first, rows=vectors[first : blocks[-1].stop], blocks=local)


def prepare_sums(center: Float64[np.ndarray, " feature"]) -> Callable[[SomeRows], np.ndarray]:
    """What a worker does with each task."""
    return partial(_sum_blocks, center)


def _sum_blocks(
    center: Float64[np.ndarray, " feature"], task: SomeRows
) -> Float64[np.ndarray, "block feature feature"]:
    with threadpool_limits(1, "blas"):
        return np.stack([_sum_block(task.rows, block, center=center) for block in task.blocks])


def _sum_block(
    vectors: Float[np.ndarray, "row feature"], block: slice, *, center: Float64[np.ndarray, " feature"]
) -> Float64[np.ndarray, "feature feature"]:
    rest = take_unit_rows(vectors, block) - center
    return rest.T @ rest
