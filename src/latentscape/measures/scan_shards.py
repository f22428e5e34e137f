"""A scan in parts, some queries against some documents each, by whatever worker, put together to the same bytes.

A part is made of whole tiles of the scan: the same queries meet the same documents in the same call of BLAS as they
would in one process, so that even what is counted in single precision comes out the same on processors of one kind.
What decides ranks is measured in double precision, and does not depend on the parts at all.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import product
from threading import Lock

import numpy as np
from jaxtyping import Float32, Float64, Int, Int32
from threadpoolctl import threadpool_limits

from latentscape.engine import Crew
from latentscape.executor import Executor, Job
from latentscape.measures.scan_field import Field, Side, lay_points
from latentscape.measures.scan_kernels import merge_shard
from latentscape.measures.scan_tiles import TILE_COLUMNS, Comparison, Pairs, compare_lines, cut_field, spread
from latentscape.progress import SILENT

DOCUMENT_BYTES = FOUND_BYTES = 2**27
"""The most that the documents of a part take, and what is found for its queries. A worker has either at most three
times: as it travels, as it is, and the documents once more as they are multiplied. That is 0.8 GB besides the shared
queries, however many queries and documents there are."""
PARTS_A_WORKER = 4
"""So many at least where there is enough, so that one that is held up does not hold up all."""
LEAST_TILES = 32
"""Tiles of documents of a part, where there are so many: with fewer the search for the nearest costs too much."""
BESIDE_ROW, A_RESULT = 28, 12
"""Bytes that travel with a document's vector, and those of one of a query's most similar documents."""


Spans = list[tuple[int, int]]
"""Where each begins, and where it ends."""


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """What decides how a scan is cut."""

    n_lines: int
    tile_rows: int
    n_documents: int
    n_right: int
    document_bytes: int
    """A document's vector, and what travels with it."""
    found_bytes: int
    """What is found for one query in one part."""
    histogram_bytes: int
    """All histograms of a part."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What every part needs: the queries, in the order of the scan, and what is known of all documents together."""

    queries: Side
    group: Int[np.ndarray, " line"]
    starts: Int[np.ndarray, " start"]
    """First right pair of each line, and behind the last one's last."""
    pair_similarity: Float64[np.ndarray, " pair"]
    center: Float64[np.ndarray, " feature"]
    """The documents' mean direction."""
    reach: float
    largest_shift: float
    n_bins: int
    k: int
    tile_rows: int


@dataclass(frozen=True, kw_only=True)
class Part:
    """Some lines, and a slice of the field: documents with numbers of their own, in the order of those of all."""

    start: int
    stop: int
    numbers: Int32[np.ndarray, " document"]
    """The number of each document among all, ascending."""
    rows: Float32[np.ndarray, "document feature"] | Float64[np.ndarray, "document feature"]
    lengths: Float64[np.ndarray, " document"]
    kinds: Int[np.ndarray, " document"]
    order: Int32[np.ndarray, " row"]
    """The documents in the order of the field."""
    shifts: Float32[np.ndarray, " row"]
    n_right: int
    left_out: Pairs
    """(line of the part, row of the slice) of what is right or ignored, by line."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """What a part has found."""

    rows: Int32[np.ndarray, "line near"]
    """The most similar wrong documents, by their numbers among all; anything where there are no more."""
    similarities: Float64[np.ndarray, "line near"]
    """Minus infinity where there are no more."""
    ahead: Int[np.ndarray, "2 pair"]
    counts: np.ndarray
    """Group of the lines x bin, in the smallest type that holds them."""


def compare_in_shards(job: Comparison, *, tile_rows: int, executor: Executor) -> None:
    """Fill the places of a comparison with what the executor's workers find, one part after the other."""
    job.rows[:], job.similarities[:] = -1, -np.inf
    rows = job.documents.rows
    sizes = Sizes(
        n_lines=len(job.lines),
        tile_rows=tile_rows,
        n_documents=len(rows),
        n_right=job.field.n_right,
        document_bytes=rows.shape[1] * rows.itemsize + BESIDE_ROW,
        found_bytes=job.rows.shape[1] * A_RESULT,
        histogram_bytes=job.counts.size * 2,
    )
    lines, slices = cut_grid(sizes, n_workers=executor.n_workers)
    told = Job(label="Comparing pairs", total=len(lines) * len(slices), name=name_part)
    for part, found in executor.run(prepare_parts, _ask(job, tile_rows), _lay_parts(job, lines, slices), job=told):
        _merge(job, part, found)


def cut_grid(sizes: Sizes, *, n_workers: int) -> tuple[Spans, Spans]:
    """Spans of lines and of rows of the field, in whole tiles; each two of them make a part.

    As many parts as keep all workers busy, and none larger than memory allows. Documents travel once for each span of
    lines, and what is found once for each span of rows; the sum of both is the least where the spans are
    as many as the square root says.
    """
    line_edges = [*range(0, sizes.n_lines, sizes.tile_rows), sizes.n_lines]
    row_edges = cut_field(sizes.n_right, sizes.n_documents)
    n_line_tiles, n_row_tiles = len(line_edges) - 1, len(row_edges) - 1
    least_lines = -(-n_line_tiles // max(1, FOUND_BYTES // (sizes.tile_rows * sizes.found_bytes)))
    least_rows = -(-n_row_tiles // max(1, DOCUMENT_BYTES // (TILE_COLUMNS * sizes.document_bytes)))
    wanted = max(PARTS_A_WORKER * n_workers, least_lines * least_rows)
    results = sizes.n_lines * sizes.found_bytes + sizes.histogram_bytes
    best = round(math.sqrt(wanted * results / (sizes.n_documents * sizes.document_bytes)))
    n_lines = max(1, least_lines, min(best, wanted // least_rows, n_line_tiles))
    n_rows = max(least_rows, min(-(-wanted // n_lines), max(1, n_row_tiles // LEAST_TILES)))
    n_lines = max(n_lines, min(-(-wanted // n_rows), n_line_tiles))  # where there are few rows
    return _cut_spans(line_edges, n_lines), _cut_spans(row_edges, n_rows)


def _cut_spans(edges: list[int], n: int) -> Spans:
    """Nearly equal spans; none of nothing."""
    n_tiles = len(edges) - 1
    return [(edges[n_tiles * each // n], edges[n_tiles * (each + 1) // n]) for each in range(n) if n_tiles]


def name_part(part: object) -> str:
    """The documents and queries of a part, for the user who has to find what kills workers."""
    if not isinstance(part, Part):
        raise AssertionError(f"{type(part)} is no part of a scan")
    first, last, n = part.numbers[0], part.numbers[-1], len(part.numbers)
    return f"{part.stop - part.start:,} queries against {n:,} documents, numbers {first:,} to {last:,}"


def _ask(job: Comparison, tile_rows: int) -> Asked:
    queries, lines, places = job.queries, job.lines, spread(job.starts, job.lines)
    sizes = job.starts[lines + 1] - job.starts[lines]
    return Asked(
        queries=Side(rows=queries.rows[lines], lengths=queries.lengths[lines], center=queries.center),
        group=job.group[lines],
        starts=np.concatenate([[0], np.cumsum(sizes)]),
        pair_similarity=job.pair_similarity[places],
        center=job.documents.center,
        reach=job.field.reach,
        largest_shift=job.field.largest_shift,
        n_bins=job.counts.shape[1],
        k=job.rows.shape[1],
        tile_rows=tile_rows,
    )


def _lay_parts(job: Comparison, lines: Spans, slices: Spans) -> Iterator[Part]:
    """The parts, each laid out when it is asked for."""
    place = np.empty_like(job.lines)
    place[job.lines] = np.arange(len(place))
    line = np.repeat(place, np.diff(job.left_out_starts))
    order = np.lexsort((line, job.left_out))
    line, row = line[order], job.left_out[order]
    for (first, last), (start, stop) in product(slices, lines):
        some = slice(*np.searchsorted(row, [first, last]))
        inside = np.flatnonzero((line[some] >= start) & (line[some] < stop))
        inside = inside[np.argsort(line[some][inside], kind="stable")]
        yield _lay_part(
            job, (start, stop), (first, last), left_out=(line[some][inside] - start, row[some][inside] - first)
        )


def _lay_part(job: Comparison, lines: tuple[int, int], rows: tuple[int, int], *, left_out: Pairs) -> Part:
    field, some = job.field, slice(*rows)
    numbers = np.sort(field.order[some])
    return Part(
        start=lines[0],
        stop=lines[1],
        numbers=numbers,
        rows=job.documents.rows[numbers],
        lengths=job.documents.lengths[numbers],
        kinds=field.kinds[numbers],
        order=np.searchsorted(numbers, field.order[some]).astype(np.int32),
        shifts=field.shifts[some],
        n_right=min(max(field.n_right - rows[0], 0), rows[1] - rows[0]),
        left_out=left_out,
    )


def prepare_parts(asked: Asked) -> Callable[[Part], Found]:
    """What a worker does with each part."""
    return partial(scan_part, asked)


def scan_part(asked: Asked, part: Part) -> Found:
    """Compare the lines of a part with its documents."""
    job = _lay_job(asked, part)
    with Crew() as crew, threadpool_limits(1, "blas"):
        compare_lines(job, tile_rows=asked.tile_rows, crew=crew, progress=SILENT)
    counts = job.counts.astype(np.min_scalar_type(int(job.counts.max())))
    return Found(rows=part.numbers[job.rows], similarities=job.similarities, ahead=job.ahead, counts=counts)


def _lay_job(asked: Asked, part: Part) -> Comparison:
    """The comparison of one part. What kernels read is copied where it is small: what came from afar is read-only."""
    lines, n, k = slice(part.start, part.stop), part.stop - part.start, min(asked.k, len(part.numbers))
    queries, group = asked.queries, asked.group[lines]
    documents = Side(rows=part.rows, lengths=part.lengths.copy(), center=asked.center)
    starts = asked.starts[part.start : part.stop + 1]
    field = Field(
        points=lay_points(documents, part.order),
        shifts=part.shifts,
        order=part.order,
        n_right=part.n_right,
        kinds=part.kinds.copy(),
        reach=asked.reach,
        largest_shift=asked.largest_shift,
    )
    return Comparison(
        queries=Side(rows=queries.rows[lines], lengths=queries.lengths[lines].copy(), center=queries.center),
        documents=documents,
        field=field,
        lines=np.arange(n),
        pair_similarity=asked.pair_similarity[starts[0] : starts[-1]],
        starts=starts - starts[0],
        left_out=part.left_out[1],
        left_out_starts=np.searchsorted(part.left_out[0], np.arange(n + 1)),
        ahead=np.zeros((2, starts[-1] - starts[0]), np.int64),
        group=group - group[0],
        counts=np.zeros((group[-1] - group[0] + 1, asked.n_bins), np.int64),
        rows=np.zeros((n, k), np.int32),
        similarities=np.full((n, k), -np.inf),
        doubtful=np.zeros(n, bool),
        lock=Lock(),
    )


def _merge(job: Comparison, part: Part, found: Found) -> None:
    """Put what a part has found in the places of the whole; in any order of the parts the same comes out."""
    lines = job.lines[part.start : part.stop]
    merge_shard(0, len(lines), lines, found.rows, found.similarities, job.rows, job.similarities)
    job.ahead[:, spread(job.starts, lines)] += found.ahead
    first = job.group[lines[0]]
    job.counts[first : first + len(found.counts)] += found.counts
