"""A second look at all pairs, in double precision: where wrong ones lie among right ones, counted in parts by whoever.

A part is made of whole blocks: the same queries meet the same documents in the same call of BLAS, on one thread,
wherever it is done, so that every cosine has the same bits. Counts are added and cosines sorted: the order of the
parts changes nothing.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import cast

import numpy as np
from jaxtyping import Float, Int, UInt
from threadpoolctl import threadpool_limits

from latentscape.executor import IN_PROCESS, Executor, InProcess, Job
from latentscape.measures.pair_cosines import Pairs
from latentscape.measures.pair_slots import Points, find_slots, thin_points
from latentscape.measures.unit_rows import take_unit_rows

QUERIES_AT_ONCE = 512
DOCUMENTS_AT_ONCE = 2048
PART_PAIRS = 2**27
"""Pairs of a part, a few seconds of a core; fewer than these are not worth a worker."""

Span = tuple[int, int]
Part = tuple[Span, Span]
"""Some queries and some documents: where they begin, and where they end."""
Places = tuple[Int[np.ndarray, " pair"], Int[np.ndarray, " pair"]]
"""The query and the document of each pair."""


@dataclass(frozen=True, kw_only=True)
class Resolved:
    """What a second look at all pairs finds."""

    negative: Int[np.ndarray, " slot"]
    """How many wrong pairs lie in each slot around the points."""
    by_group: Int[np.ndarray, "group thin_slot"]
    """The same for each group, around the thinned points."""
    above: tuple[int, ...]
    """For each range asked for, how many wrong pairs lie above it."""
    inside: tuple[Float[np.ndarray, " _"], ...]
    """And the cosines of those in it, descending."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What every part needs."""

    queries: Float[np.ndarray, "query feature"]
    documents: Float[np.ndarray, "document feature"]
    left_out: Places
    """The pairs that don't count, by query."""
    group: Int[np.ndarray, " query"]
    n_groups: int
    points: Points
    joined: Int[np.ndarray, " slot"]
    """For each slot around the points the one around the thinned points; last what does not count, in either."""
    ranges: tuple[tuple[float, float], ...]


@dataclass(frozen=True, kw_only=True)
class Counted:
    """What a part has found; counts are of the smallest type that holds them, and end with what does not count."""

    negative: UInt[np.ndarray, " slot"]
    by_group: UInt[np.ndarray, " flat"]
    """Group x thinned slot, in one row."""
    above: tuple[int, ...]
    inside: tuple[Float[np.ndarray, " _"], ...]


def resolve_pairs(
    queries: Float[np.ndarray, "query feature"],
    documents: Float[np.ndarray, "document feature"],
    *,
    left_out: Pairs,
    group: Int[np.ndarray, " query"],
    points: Points,
    ranges: tuple[tuple[float, float], ...] = (),
    executor: Executor = IN_PROCESS,
) -> Resolved:
    """Count all wrong pairs around points, in blocks; `left_out` are the pairs that don't count, right or ignored."""
    thinned, n_groups = thin_points(points), int(group.max(initial=-1)) + 1
    asked = Asked(
        queries=queries,
        documents=documents,
        left_out=(left_out.query, left_out.document),
        group=group,
        n_groups=n_groups,
        points=points,
        joined=np.append(_join_slots(points, thinned), thinned.n_slots),
        ranges=ranges,
    )
    counts = np.zeros(points.n_slots + 1, dtype=np.int64)
    by_group = np.zeros(n_groups * (thinned.n_slots + 1), dtype=np.int64)
    above, inside = [0] * len(ranges), [[np.empty(0)] for _ in ranges]
    parts = cut_parts(len(queries), len(documents))
    if len(queries) * len(documents) <= PART_PAIRS:
        executor = InProcess(executor.progress)
    told = Job(label="Comparing pairs exactly", total=len(parts), name=name_part, split=halve_part)
    for _, found in executor.run(prepare_counts, asked, parts, job=told):
        counts += found.negative
        by_group += found.by_group
        for place in range(len(ranges)):
            above[place] += found.above[place]
            inside[place].append(found.inside[place])
    return Resolved(
        negative=counts[:-1],
        by_group=by_group.reshape(n_groups, thinned.n_slots + 1)[:, :-1],
        above=tuple(above),
        inside=tuple(np.sort(np.concatenate(each))[::-1] for each in inside),
    )


def _join_slots(points: Points, thinned: Points) -> Int[np.ndarray, " slot"]:
    """For each slot around the points the slot around the thinned ones that it is part of."""
    joined = np.empty(points.n_slots, dtype=np.int64)
    joined[1::2] = find_slots(thinned, points.values)
    joined[::2] = 2 * np.append(np.searchsorted(thinned.values, points.values), thinned.values.size)
    return joined


def cut_parts(n_queries: int, n_documents: int) -> list[Part]:
    """All pairs in parts of whole blocks: some blocks of queries with all documents, or one with some of them."""
    lines = min(n_queries, QUERIES_AT_ONCE)
    rows = max(1, PART_PAIRS // max(1, lines * n_documents)) * QUERIES_AT_ONCE
    columns = max(1, PART_PAIRS // max(1, lines * DOCUMENTS_AT_ONCE)) * DOCUMENTS_AT_ONCE
    return list(product(_cut_spans(n_queries, rows), _cut_spans(n_documents, columns)))


def _cut_spans(n: int, size: int) -> list[Span]:
    return [(at, min(at + size, n)) for at in range(0, n, size)]


def halve_part(part: object) -> Sequence[Part]:
    """Both halves of a part, by queries or else by documents, in whole blocks; none of a single block."""
    (start, stop), (first, last) = cast("Part", part)
    if middle := _find_middle(start, stop, QUERIES_AT_ONCE):
        return [((start, middle), (first, last)), ((middle, stop), (first, last))]
    if middle := _find_middle(first, last, DOCUMENTS_AT_ONCE):
        return [((start, stop), (first, middle)), ((start, stop), (middle, last))]
    return []


def _find_middle(start: int, stop: int, size: int) -> int:
    """Where a span that begins on a block is cut between two blocks; 0 where it is one."""
    n_blocks = -(-(stop - start) // size)
    return start + n_blocks // 2 * size if n_blocks > 1 else 0


def name_part(part: object) -> str:
    """The queries and documents of a part, for the user who has to find what kills workers."""
    (start, stop), (first, last) = cast("Part", part)
    return f"queries {start:,} to {stop - 1:,} against documents {first:,} to {last - 1:,}"


def prepare_counts(asked: Asked) -> Callable[[Part], Counted]:
    """What a worker does with each part."""
    return partial(count_part, asked)


def count_part(asked: Asked, part: Part) -> Counted:
    """Look at the pairs of a part."""
    points, joined, group = asked.points, asked.joined, asked.group
    n_thin = int(joined[-1]) + 1
    counts, by_group = np.zeros(joined.size, dtype=np.int64), np.zeros(asked.n_groups * n_thin, dtype=np.int64)
    above, inside = [0] * len(asked.ranges), [[np.empty(0)] for _ in asked.ranges]
    for rows, cosines, unwanted in _walk(asked, part):
        slots = find_slots(points, cosines)
        slots[unwanted] = points.n_slots
        counts += np.bincount(slots.ravel(), minlength=counts.size)
        flat = joined[slots]
        flat += group[rows, None] * n_thin
        by_group += np.bincount(flat.ravel(), minlength=by_group.size)
        cosines[unwanted] = -np.inf
        for place, (low, high) in enumerate(asked.ranges):
            near = cosines[cosines >= low]
            inside[place].append(near[near <= high])
            above[place] += int(np.count_nonzero(near > high))
    return Counted(
        negative=_pack(counts),
        by_group=_pack(by_group),
        above=tuple(above),
        inside=tuple(map(np.concatenate, inside)),
    )


def _pack(counts: Int[np.ndarray, " n"]) -> UInt[np.ndarray, " n"]:
    return counts.astype(np.min_scalar_type(int(counts.max(initial=0))))


def _walk(asked: Asked, part: Part) -> Iterator[tuple[slice, Float[np.ndarray, "row column"], Places]]:
    """Some queries, their cosines with some documents, and which places of these don't count, block by block."""
    (start, stop), (first, last) = part
    for begin in range(start, stop, QUERIES_AT_ONCE):
        rows = slice(begin, min(begin + QUERIES_AT_ONCE, stop))
        units = take_unit_rows(asked.queries, rows)
        mine = slice(*np.searchsorted(asked.left_out[0], (rows.start, rows.stop)))
        query, document = asked.left_out[0][mine] - rows.start, asked.left_out[1][mine]
        for at in range(first, last, DOCUMENTS_AT_ONCE):
            block = take_unit_rows(asked.documents, slice(at, min(at + DOCUMENTS_AT_ONCE, last)))
            here = (document >= at) & (document < at + len(block))
            with threadpool_limits(1, "blas"):
                cosines = units @ block.T
            yield rows, np.clip(cosines, -1.0, 1.0), (query[here], document[here] - at)
