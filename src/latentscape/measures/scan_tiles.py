"""Tiles of a scan: the cosines of some queries with all documents, counted, compared and collected at BLAS speed."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from threading import Lock
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int, Int32

from latentscape.engine import Crew
from latentscape.measures.scan_field import SINGLE, Field, Side, bound_errors
from latentscape.measures.scan_kernels import (
    ahead_double,
    ahead_single,
    count_bins,
    pairs_double,
    pairs_single,
    top_double,
    top_single,
)
from latentscape.neighbors.kernels import collect_nearest, keep_nearest
from latentscape.progress import SILENT, Progress

N_FINE = 4000
"""Bins of each group's histogram, 0.0005 wide."""
TILE_ROWS, LEAST_TILE_ROWS, TILE_COLUMNS = 1024, 64, 512
"""A tile of products fits into a core's cache; few queries are cut into smaller tiles, so that every core has some."""
TILES_AT_ONCE = 16
"""Tiles of queries between two reports of progress."""
SPARE, ROOM = 16, 256
"""Candidates kept beyond those needed, and further ones a line may hold before the least similar are dropped."""

Pairs = tuple[Int[np.ndarray, " _"], Int[np.ndarray, " _"]]
"""Query and document of each of some pairs."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """All that the tiles of one scan read, and the places they write to: each line has its own."""

    queries: Side
    documents: Side
    field: Field
    lines: Int[np.ndarray, " query"]
    """Queries in the order of the scan, group by group."""
    pair_similarity: Float64[np.ndarray, " pair"]
    """The cosines of right (query, document) pairs, by query, then descending."""
    starts: Int[np.ndarray, " start"]
    """First pair of each query, and behind the last one's last."""
    left_out: Int[np.ndarray, " entry"]
    """Rows of the field that are right or ignored, by query."""
    left_out_starts: Int[np.ndarray, " start"]
    ahead: Int[np.ndarray, "2 pair"]
    """By whether the wrong document is right for some query, or for none."""
    group: Int[np.ndarray, " query"]
    counts: Int[np.ndarray, "group column"]
    rows: Int32[np.ndarray, "query k"]
    """The most similar wrong documents; anything where there are no more."""
    similarities: Float64[np.ndarray, "query k"]
    """Minus infinity where there are no more."""
    doubtful: Bool[np.ndarray, " query"]
    lock: Lock

    @property
    def sides(self) -> tuple[Any, ...]:
        """What kernels need to measure a cosine."""
        return self.queries.rows, self.queries.lengths, self.documents.rows, self.documents.lengths

    @property
    def is_double(self) -> bool:
        """Whether vectors came in double precision."""
        return self.queries.rows.dtype == np.float64


@dataclass(frozen=True, kw_only=True)
class Tile:
    """Some queries as they are multiplied, and what their keys mean: cosine = base - key, wrong by at most `errors`."""

    lines: Int[np.ndarray, " line"]
    points: Float32[np.ndarray, "line feature"]
    """Negative, so that the most similar documents have the smallest keys."""
    bases: Float64[np.ndarray, " line"]
    errors: Float64[np.ndarray, " line"]


def measure_pairs(sides: tuple[Side, Side], pairs: Pairs, *, crew: Crew) -> Float64[np.ndarray, " pair"]:
    """The cosine of each pair."""
    (queries, documents), cosines = sides, np.empty(len(pairs[0]))
    measure = pairs_double if queries.rows.dtype == np.float64 else pairs_single
    values = queries.rows, queries.lengths, documents.rows, documents.lengths, *pairs, cosines
    crew.share(measure, len(cosines), *values)
    return cosines


def choose_tile_rows(n_lines: int) -> int:
    """Lines of a tile, the same number whoever works on it."""
    return min(TILE_ROWS, max(LEAST_TILE_ROWS, -(-n_lines // 8)))


def cut_field(n_right: int, n_rows: int) -> list[int]:
    """Where the runs of the field's rows begin that are multiplied at once, and where the last one ends."""
    return [*range(0, n_right, TILE_COLUMNS), *range(n_right, n_rows, TILE_COLUMNS), n_rows]


def compare_lines(job: Comparison, *, tile_rows: int, crew: Crew, progress: Progress) -> None:
    """Every line with the whole field: a pass over all, then one over those that it has left in doubt."""
    _share_tiles(scan_tile, _cut_lines(job.lines, tile_rows), job, crew=crew, progress=progress)
    doubtful = job.lines[job.doubtful[job.lines]]
    tiles = _cut_lines(doubtful, choose_tile_rows(len(doubtful)))
    _share_tiles(settle_tile, tiles, job, crew=crew, progress=SILENT)


def _cut_lines(lines: Int[np.ndarray, " line"], size: int) -> list[Int[np.ndarray, " _"]]:
    return [lines[at : at + size] for at in range(0, len(lines), size)]


def _share_tiles(
    work: Callable[[Comparison, Tile], None],
    tiles: list[Int[np.ndarray, " _"]],
    job: Comparison,
    *,
    crew: Crew,
    progress: Progress,
) -> None:
    """Let the crew work on all tiles."""

    def work_on(start: int, stop: int, some: list[Int[np.ndarray, " _"]]) -> None:
        for each in some[start:stop]:
            work(job, _lay_tile(job, each))

    parts = range(0, len(tiles), TILES_AT_ONCE)
    for at in progress.track(parts, label="Comparing pairs", total=len(parts)):
        some = tiles[at : at + TILES_AT_ONCE]
        crew.share(work_on, len(some), some, least=1)


def _lay_tile(job: Comparison, lines: Int[np.ndarray, " line"]) -> Tile:
    points = job.queries.direct(lines)
    errors = bound_errors(job.field, np.sqrt((points**2).sum(axis=1)))
    bases = (points + job.queries.center) @ job.documents.center
    return Tile(lines=lines, points=-points.astype(np.float32), bases=bases, errors=errors)


def _multiply(
    job: Comparison, tile: Tile, use: Callable[[slice, Float32[np.ndarray, "line _"], Float32[np.ndarray, " _"]], None]
) -> None:
    """Call `use` for each run of the field's rows, with products and shifts; what does not count is at infinity."""
    field, n = job.field, len(job.field.points)
    line, row = _gather_left_out(job, tile.lines)
    products = np.zeros((len(tile.lines), TILE_COLUMNS), np.float32)
    for start, stop in pairwise(cut_field(field.n_right, n)):
        np.matmul(tile.points, field.points[start:stop].T, out=products[:, : stop - start])
        out = slice(*np.searchsorted(row, [start, stop]))
        products[line[out], row[out] - start] = np.inf
        shifts = np.full(TILE_COLUMNS, np.inf, np.float32)
        shifts[: stop - start] = field.shifts[start:stop]
        use(slice(start, stop), products, shifts)


def _gather_left_out(job: Comparison, lines: Int[np.ndarray, " line"]) -> Pairs:
    """(place of the line, row of the field) of all that does not count for these lines, by row."""
    row = job.left_out[spread(job.left_out_starts, lines)]
    order = np.argsort(row, kind="stable")
    sizes = job.left_out_starts[lines + 1] - job.left_out_starts[lines]
    return np.repeat(np.arange(len(lines)), sizes)[order], row[order]


def spread(starts: Int[np.ndarray, " start"], lines: Int[np.ndarray, " line"]) -> Int[np.ndarray, " place"]:
    """Places of all entries of these lines, line by line."""
    sizes = starts[lines + 1] - starts[lines]
    ends = np.cumsum(sizes)
    return np.arange(sizes.sum()) + np.repeat(starts[lines] - ends + sizes, sizes)


def _pad(order: Int32[np.ndarray, " some"]) -> Int32[np.ndarray, " column"]:
    columns = np.zeros(TILE_COLUMNS, np.int32)
    columns[: len(order)] = order
    return columns


def scan_tile(job: Comparison, tile: Tile) -> None:
    """Count and collect for the lines of a tile, in one pass over all documents."""
    n, k, field = len(tile.lines), job.rows.shape[1], job.field
    keys, rows = np.empty((n, k + SPARE + ROOM), np.float32), np.empty((n, k + SPARE + ROOM), np.int32)
    held = keys, rows, np.zeros(n, np.int64), np.full(n, np.inf, np.float32)
    places = spread(job.starts, tile.lines)
    ends = np.cumsum(job.starts[tile.lines + 1] - job.starts[tile.lines])
    wanted = np.concatenate([[0], ends]), _limit_keys(job, tile, places), job.pair_similarity[places]
    ahead, counts = np.zeros((2, len(places)), np.int64), _Bins(job, tile)
    count_ahead = ahead_double if job.is_double else ahead_single

    def use(run: slice, products: Float32[np.ndarray, "line _"], shifts: Float32[np.ndarray, " _"]) -> None:
        columns, count = _pad(field.order[run]), ahead[int(run.start >= field.n_right)]
        collect_nearest(0, n, products, shifts, columns, k + SPARE, *held)
        count_bins(0, n, products, shifts, *counts.values)
        count_ahead(0, n, products, shifts, columns, *wanted, *job.sides, tile.lines, field.kinds, count)

    _multiply(job, tile, use)
    keep_nearest(0, n, k + SPARE, *held)
    job.ahead[:, places] = ahead
    counts.add()
    near = _choose_near(keys[:, : k + SPARE], held[2], k=k, errors=tile.errors)
    _rank_near(job, tile, rows[:, : k + SPARE], near=near, limits=held[3])


class _Bins:
    """The histograms of a tile's groups, added to the job's at the end: whole numbers, so the order is free."""

    def __init__(self, job: Comparison, tile: Tile) -> None:
        groups, scale = job.group[tile.lines], N_FINE / 2
        self.job, self.first = job, int(groups[0])
        self.counts = np.zeros((int(groups[-1]) - self.first + 1, N_FINE + 1), np.int64)
        bases = ((tile.bases + 1) * scale).astype(np.float32)
        self.values = bases, np.float32(scale), groups - self.first, self.counts

    def add(self) -> None:
        """Add what was counted."""
        with self.job.lock:
            self.job.counts[self.first : self.first + len(self.counts)] += self.counts


def _limit_keys(job: Comparison, tile: Tile, places: Int[np.ndarray, " pair"]) -> Float32[np.ndarray, "pair 2"]:
    """Below the first limit of a pair a key is surely ahead of it, above the second surely not."""
    line = np.repeat(np.arange(len(tile.lines)), job.starts[tile.lines + 1] - job.starts[tile.lines])
    keys = tile.bases[line] - job.pair_similarity[places]
    return np.stack([_round(keys - tile.errors[line], -1), _round(keys + tile.errors[line], 1)], axis=1)


def _round(values: Float64[np.ndarray, " _"], toward: int) -> Float32[np.ndarray, " _"]:
    """In single precision, and surely not on the wrong side of what they were: down for -1, up for 1."""
    return np.nextafter(values.astype(np.float32), np.float32(toward * SINGLE.max))


def _choose_near(
    keys: Float32[np.ndarray, "line held"],
    counts: Int[np.ndarray, " line"],
    *,
    k: int,
    errors: Float64[np.ndarray, " line"],
) -> Bool[np.ndarray, "line held"]:
    """The candidates that may be among the k most similar; the others are only there for the proof."""
    is_held = np.arange(keys.shape[1]) < counts[:, None]
    last = np.partition(np.where(is_held, keys, np.inf), k - 1)[:, k - 1]
    return is_held & (keys <= (last + 2.001 * errors)[:, None])


def _rank_near(
    job: Comparison,
    tile: Tile,
    rows: Int32[np.ndarray, "line held"],
    *,
    near: Bool[np.ndarray, "line held"],
    limits: Float32[np.ndarray, " line"],
) -> None:
    """Order the candidates by their cosines; a line is doubtful where something outside them may be as similar."""
    lines, k = tile.lines, job.rows.shape[1]
    line, place = np.nonzero(near)
    similarities, numbers, measured = np.full(rows.shape, -np.inf), np.where(near, rows, -1), np.empty(len(line))
    measure = pairs_double if job.is_double else pairs_single
    measure(0, len(line), *job.sides, lines[line], rows[line, place].astype(np.int64), measured)
    similarities[line, place] = measured
    order = np.lexsort((numbers, -similarities))[:, :k]
    job.rows[lines] = np.take_along_axis(numbers, order, axis=1)
    job.similarities[lines] = np.take_along_axis(similarities, order, axis=1)
    is_proven = job.similarities[lines, k - 1] > tile.bases - limits + tile.errors
    job.doubtful[lines] = ~(is_proven | np.isposinf(limits))  # no limit: nothing was left out


def settle_tile(job: Comparison, tile: Tile) -> None:
    """Find the most similar wrong documents of doubtful lines among all that may be as similar as those known."""
    n, k, field = len(tile.lines), job.rows.shape[1], job.field
    limits = _round(tile.bases - job.similarities[tile.lines, k - 1] + tile.errors, 1)
    rows, similarities = np.full((n, k), -1, np.int32), np.full((n, k), -np.inf)
    settle = top_double if job.is_double else top_single

    def use(run: slice, products: Float32[np.ndarray, "line _"], shifts: Float32[np.ndarray, " _"]) -> None:
        columns = _pad(field.order[run])
        settle(0, n, products, shifts, columns, limits, *job.sides, tile.lines, field.kinds, rows, similarities)

    _multiply(job, tile, use)
    job.rows[tile.lines], job.similarities[tile.lines] = rows, similarities
