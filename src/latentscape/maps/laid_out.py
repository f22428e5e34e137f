"""Maps of more samples than one machine lays out: a random choice is laid out, the others are placed beside it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import cast

import numpy as np
from jaxtyping import Float, Int

from latentscape.executor import Executor, Job
from latentscape.maps.latent_map import LatentMap
from latentscape.maps.new_samples import NEIGHBORS, find_width, place_samples
from latentscape.neighbors import Kinds, Neighbors, find_neighbors_among
from latentscape.shapes import Points, Rows

ENOUGH = 3
"""So many laid-out samples among a sample's neighbors in the graph place it; with fewer a search finds them."""
BLOCK_ROWS = 2**14
"""Samples placed at a time."""

Numbers = Int[np.ndarray, " _"]
Task = tuple[Numbers, Neighbors]
"""Numbers of some kinds, and their nearest laid-out samples."""


def choose_laid_out(graphs: Sequence[Neighbors], *, most: int, seed: int) -> Rows | None:
    """The samples to lay out, ascending, where there are more than `most` distinct ones; None where all can be.

    `graphs` are those of all frames in which the same samples are to be laid out. At most `most` distinct rows are
    drawn at random, all alike, and with them whatever equals one of them in every frame.
    """
    n = len(graphs[0].indices)
    kinds = [graph.kinds for graph in graphs if graph.kinds]
    is_first = np.full(n, len(kinds) < len(graphs))
    for each in kinds:
        is_first[each.first] = True
    distinct = np.flatnonzero(is_first)
    if len(distinct) <= most:
        return None
    drawn = np.random.default_rng(seed).choice(distinct, size=most, replace=False)
    if not kinds or len(kinds) < len(graphs):
        return np.sort(drawn)
    is_laid_out = np.ones(n, bool)
    for each in kinds:
        is_drawn = np.zeros(len(each.first), bool)
        is_drawn[each.group[drawn]] = True
        is_laid_out &= is_drawn[each.group]
    return np.flatnonzero(is_laid_out)


def place_others(
    laid_out: LatentMap,
    rows: Rows,
    *,
    features: Float[np.ndarray, "sample feature"],
    graph: Neighbors,
    drawn: Neighbors,
    executor: Executor,
) -> LatentMap:
    """The map of all samples, when those numbered `rows` have their places: each other one beside its nearest of them.

    `graph` is that of all `features`, `drawn` that of the rows laid out. The nearest are read off the graph where
    `ENOUGH` of them are in it, else searched for, among near clusters where there are many; the place is that of
    `place_samples`. Equal rows have equal places, and a place is the same whichever worker finds it.
    """
    kinds = graph.kinds or Kinds(first=np.arange(len(features)), group=np.arange(len(features)), neighbors=graph)
    home = np.full(len(kinds.first), -1, np.int32)
    home[kinds.group[rows]] = np.arange(len(rows), dtype=np.int32)
    others = np.flatnonzero(home < 0)
    if not len(others):
        return replace(laid_out, xy=laid_out.xy[home[kinds.group]])
    widths = _count_laid_out(kinds.neighbors, home, others)
    alone, known = others[widths < ENOUGH], [others[widths == width] for width in range(ENOUGH, NEIGHBORS + 1)]
    found = _search(alone, home, kinds=kinds, features=features, executor=executor)
    tasks = (task for some in (_read(known, kinds.neighbors, home), _cut(alone, found)) for task in some)
    total = sum(-(-len(each) // BLOCK_ROWS) for each in (*known, alone))
    xy = np.empty((len(home), 2))
    xy[home >= 0] = laid_out.xy[home[home >= 0]]
    job = Job(label="placing", total=total, name=_name_task, split=_halve)
    shared = laid_out, find_width(laid_out, drawn)
    for (numbers, _), places in executor.run(_prepare, shared, tasks, job=job):
        xy[numbers] = places
    placed = (home < 0)[kinds.group]
    return _describe(replace(laid_out, xy=xy[kinds.group], placed=placed))


def _describe(whole: LatentMap) -> LatentMap:
    """With a sentence that says which samples are meant."""
    placed = np.zeros(0, bool) if whole.placed is None else whole.placed
    n, n_placed = len(placed), int(placed.sum())
    said = f"{n_placed:,} of {n:,} samples were placed beside the {n - n_placed:,} that were laid out."
    before = f"{whole.notice.removesuffix('.')}. " if whole.notice else ""
    parameters = {**whole.parameters, "n_laid_out": n - n_placed}
    return replace(whole, notice=f"{before}{said}", parameters=parameters)


def _blocks(numbers: Numbers) -> Iterator[Numbers]:
    return (numbers[at : at + BLOCK_ROWS] for at in range(0, len(numbers), BLOCK_ROWS))


def _count_laid_out(among: Neighbors, home: Numbers, others: Numbers) -> Numbers:
    """How many neighbors of each are laid out; more than are used count as so many."""
    counts = [(home[among.indices[some]] >= 0).sum(axis=1).clip(max=NEIGHBORS) for some in _blocks(others)]
    return np.concatenate(counts)


def _read(known: Sequence[Numbers], among: Neighbors, home: Numbers) -> Iterator[Task]:
    """The nearest laid-out neighbors in the graph; each of `known` holds the kinds that have equally many."""
    for width, numbers in enumerate(known, start=ENOUGH):
        for some in _blocks(numbers):
            near = home[among.indices[some]]
            is_used = near >= 0
            is_used &= np.cumsum(is_used, axis=1) <= width
            indices, distances = near[is_used], among.distances[some][is_used]
            shape = len(some), width
            yield some, replace(among, indices=indices.reshape(shape), distances=distances.reshape(shape), kinds=None)


def _search(
    alone: Numbers, home: Numbers, *, kinds: Kinds, features: Float[np.ndarray, "sample feature"], executor: Executor
) -> Neighbors:
    """The nearest laid-out kinds, as in the graph: equal rows count once."""
    metric = kinds.neighbors.metric
    if not len(alone):
        return Neighbors(indices=np.empty((0, 1), np.int32), distances=np.empty((0, 1)), metric=metric)
    laid_out = np.flatnonzero(home >= 0)
    tables = [np.asarray(features[kinds.first[each]]) for each in (alone, laid_out)]
    found = find_neighbors_among(*tables, k=NEIGHBORS, metric=metric, is_exact=False, executor=executor)
    return replace(found, indices=home[laid_out][found.indices])


def _cut(numbers: Numbers, near: Neighbors) -> Iterator[Task]:
    for at in range(0, len(numbers), BLOCK_ROWS):
        some = slice(at, at + BLOCK_ROWS)
        yield numbers[some], _take(near, some)


def _take(near: Neighbors, some: slice) -> Neighbors:
    return replace(near, indices=near.indices[some], distances=near.distances[some])


def _prepare(shared: tuple[LatentMap, float]) -> Callable[[Task], Points]:
    laid_out, width = shared
    return lambda task: place_samples(laid_out, task[1], width=width)


def _name_task(task: object) -> str:
    numbers, _ = cast("Task", task)
    return f"the places of {len(numbers):,} rows from row {numbers[0]:,} on"


def _halve(task: object) -> Sequence[Task]:
    numbers, near = cast("Task", task)
    middle = len(numbers) // 2
    halves = slice(0, middle), slice(middle, None)
    return [(numbers[half], _take(near, half)) for half in halves] if middle else []
