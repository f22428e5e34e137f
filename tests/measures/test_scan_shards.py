import pickle
import tracemalloc
from itertools import pairwise

import numpy as np
import pytest

from latentscape.executor import InProcess
from latentscape.measures import scan_shards, scan_tiles
from latentscape.measures.judgments import Judgments
from latentscape.measures.scan import scan_pairs
from latentscape.measures.scan_shards import Sizes, cut_grid
from latentscape.progress import SILENT
from tests.scattered import Scattered, same

WIDTH = 16


class Frozen:
    """One worker, to whom everything comes as arrays that can't be written, and whose results come back so."""

    progress, n_workers = SILENT, 1

    def __init__(self):
        self.tasks, self.results, self.told = [], [], None

    def run(self, prepare, shared, tasks, *, job):
        work, self.told = prepare(freeze(shared)), job
        for task in tasks:
            self.tasks.append(freeze(task))
            self.results.append(freeze(work(self.tasks[-1])))
            yield task, self.results[-1]

    def read_files(self, read, paths):
        return [read(path) for path in paths]


def freeze(value):
    buffers = []
    words = pickle.dumps(value, protocol=5, buffer_callback=lambda each: buffers.append(bytes(each.raw())))
    return pickle.loads(words, buffers=buffers)


def cut_finely(monkeypatch, *, columns=32, lines=40):
    """Small tiles, one to a part, and few lines a part."""
    monkeypatch.setattr(scan_tiles, "TILE_COLUMNS", columns)
    monkeypatch.setattr(scan_shards, "TILE_COLUMNS", columns)
    monkeypatch.setattr(scan_tiles, "LEAST_TILE_ROWS", lines)
    monkeypatch.setattr(scan_shards, "LEAST_TILES", 1)
    monkeypatch.setattr(scan_shards, "DOCUMENT_BYTES", columns * (WIDTH * 8 + scan_shards.BESIDE_ROW))
    monkeypatch.setattr(scan_shards, "FOUND_BYTES", lines * 12 * scan_shards.A_RESULT)


def judge(random, n_queries, n_documents, *, share_right=0.5, most=4):
    """Up to `most` right, hard and ignored documents a query, the first of `share_right` of all documents right."""
    lists, cut = ([], [], []), int(share_right * n_documents)
    for _ in range(n_queries):
        right, rest = random.permutation(cut), cut + random.permutation(n_documents - cut)
        sizes = random.integers(0, most + 1, size=3)
        some = (
            right[: sizes[0]],
            rest[: sizes[1]],
            np.concatenate([right[sizes[0] :][:1], rest[sizes[1] :][: sizes[2]]]),
        )
        for each, chosen in zip(lists, some, strict=True):
            each.append(np.sort(chosen))
    relevant, hard, ignored = map(tuple, lists)
    return Judgments(relevant=relevant, hard=hard, ignored=ignored, n_documents=n_documents)


def make(kind, random, n_queries, n_documents):
    queries, documents = (random.normal(size=(n, WIDTH)) for n in (n_queries, n_documents))
    if kind == "ties":  # few distinct cosines
        queries, documents = np.rint(queries[:, :4]) + 0.0, np.rint(documents[:, :4]) + 0.0
        queries[:, 0], documents[:, 0] = 1, np.where(random.random(n_documents) < 0.5, 1, -1)
    if kind == "duplicates":
        documents = documents[random.integers(0, -(-n_documents // 9), size=n_documents)]
    if kind == "one place":
        documents = np.repeat(documents[:1], n_documents, axis=0)
    if kind == "near parallel":
        documents, queries = documents[0] + 1e-5 * documents, documents[0] + 1e-5 * queries
    if kind == "norms":
        documents *= 10.0 ** random.integers(-15, 16, size=(n_documents, 1))
        queries *= 10.0 ** random.integers(-15, 16, size=(n_queries, 1))
    return queries, documents


def assert_same_bytes(vectors, judgments, *, k, executor=None):
    here = scan_pairs(*vectors, judgments, k=k, seed=3)
    afar = scan_pairs(*vectors, judgments, k=k, seed=3, executor=executor or Scattered(seed=len(vectors[1])))
    for name in vars(here):
        assert same(getattr(here, name), getattr(afar, name)), name


@pytest.mark.parametrize("kind", ["plain", "ties", "duplicates", "one place", "near parallel", "norms"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_shards_give_the_bytes_of_one_process(kind, dtype, monkeypatch):
    cut_finely(monkeypatch)
    random = np.random.default_rng(7)
    vectors = [each.astype(dtype) for each in make(kind, random, 150, 333)]
    assert_same_bytes(vectors, judge(random, 150, 333), k=12)


@pytest.mark.parametrize(
    ("shape", "k"),
    [((1, 200), 5), ((1, 1), 1), ((90, 33), 50), ((41, 300), 200), ((3, 32), 2), ((0, 40), 2)],
    ids=["one query", "one pair", "k beyond every shard", "k of several shards", "one tile", "no queries"],
)
def test_shapes_at_their_ends(shape, k, monkeypatch):
    cut_finely(monkeypatch)
    random = np.random.default_rng(shape[1])
    for dtype in (np.float32, np.float64):
        vectors = [each.astype(dtype) for each in make("plain", random, *shape)]
        assert_same_bytes(vectors, judge(random, *shape), k=k)


@pytest.mark.parametrize("share_right", [0.0, 1.0])
def test_all_documents_right_for_some_query_or_none(share_right, monkeypatch):
    cut_finely(monkeypatch)
    random = np.random.default_rng(1)
    vectors = make("duplicates", random, 60, 150)
    assert_same_bytes(vectors, judge(random, 60, 150, share_right=share_right, most=40), k=9)


def test_nothing_wrong_at_all(monkeypatch):
    cut_finely(monkeypatch)
    numbers, none = np.arange(70), np.empty(0, np.int64)
    lists = (numbers, none, numbers[:50]), (none, none, none), (none, numbers, numbers[50:])
    judgments = Judgments(relevant=lists[0], hard=lists[1], ignored=lists[2], n_documents=70)
    vectors = make("plain", np.random.default_rng(2), 3, 70)
    assert_same_bytes(vectors, judgments, k=60)
    assert (scan_pairs(*vectors, judgments, k=60, seed=0, executor=Scattered()).mined == -1).all()


def test_lines_in_doubt_are_settled_within_their_shard(monkeypatch):
    settled, settle = [], scan_tiles.settle_tile
    monkeypatch.setattr(
        scan_tiles, "settle_tile", lambda job, tile: (settled.append(len(tile.lines)), settle(job, tile))
    )
    cut_finely(monkeypatch, columns=512)
    random = np.random.default_rng(0)
    vectors = make("ties", random, 80, 4000)
    assert_same_bytes(vectors, judge(random, 80, 4000), k=4)
    assert sum(settled) > 80


def test_tiles_as_they_are_and_what_can_not_be_written(monkeypatch):
    monkeypatch.setattr(scan_shards, "LEAST_TILES", 1)
    random, executor = np.random.default_rng(5), Frozen()
    vectors = [each.astype(np.float32) for each in make("plain", random, 700, 4200)]
    judgments = judge(random, 700, 4200)
    assert_same_bytes(vectors, judgments, k=20, executor=executor)
    assert executor.told.total == len(executor.tasks) >= scan_shards.PARTS_A_WORKER
    assert sum((task.stop - task.start) * len(task.numbers) for task in executor.tasks) == 700 * 4200
    assert all(found.counts.dtype.itemsize < 8 for found in executor.results)


def test_a_part_is_named_by_its_documents(monkeypatch):
    cut_finely(monkeypatch)
    random, executor = np.random.default_rng(5), Frozen()
    vectors = make("plain", random, 10, 100)
    assert_same_bytes(vectors, judge(random, 10, 100), k=3, executor=executor)
    named = [executor.told.name(task) for task in executor.tasks]
    first = executor.tasks[0].numbers
    assert named[0] == f"10 queries against {len(first)} documents, numbers {first[0]} to {first[-1]}"
    assert len(set(named)) == len(named)
    with pytest.raises(AssertionError, match="no part"):
        executor.told.name("something else")


@pytest.mark.parametrize("n_workers", [1, 2, 64])
@pytest.mark.parametrize(
    "sizes", [(10, 10), (2_000, 10**6), (10**6, 2_000), (10**5, 10**5), (10**6, 10**7), (10**7, 10**6)]
)
def test_parts_are_many_enough_and_small_enough_whatever_the_sizes(sizes, n_workers):
    laid = Sizes(
        n_lines=sizes[0],
        tile_rows=1024,
        n_documents=sizes[1],
        n_right=sizes[1] // 3,
        document_bytes=256 * 4 + scan_shards.BESIDE_ROW,
        found_bytes=50 * scan_shards.A_RESULT,
        histogram_bytes=min(sizes[0], 500) * 8002,
    )
    lines, rows = cut_grid(laid, n_workers=n_workers)
    for spans, n in ((lines, sizes[0]), (rows, sizes[1])):
        assert (spans[0][0], spans[-1][1]) == (0, n)
        assert all(start < stop for start, stop in spans)
        assert all(before[1] == after[0] for before, after in pairwise(spans))
    assert max(stop - start for start, stop in lines) * 50 * scan_shards.A_RESULT <= scan_shards.FOUND_BYTES
    assert max(stop - start for start, stop in rows) * 256 * 4 <= scan_shards.DOCUMENT_BYTES
    n_parts = len(lines) * len(rows)
    enough = sizes[0] * sizes[1] / (1024 * 512 * scan_shards.LEAST_TILES)  # parts that would be as small as may be
    assert n_parts >= min(scan_shards.PARTS_A_WORKER * n_workers, enough / 3)
    moved = len(lines) * sizes[1] * 256 * 4 + len(rows) * sizes[0] * 50 * scan_shards.A_RESULT
    assert moved < 200e9


def test_the_driver_holds_one_part_at_a_time(monkeypatch):
    monkeypatch.setattr(scan_shards, "LEAST_TILES", 1)
    monkeypatch.setattr(scan_shards, "DOCUMENT_BYTES", 2**18)
    random = np.random.default_rng(0)
    queries, documents = (random.normal(size=(n, 64)).astype(np.float32) for n in (30, 30_000))
    judgments = judge(random, 30, 30_000)

    class Count(Frozen):
        def run(self, prepare, shared, tasks, *, job):
            work, found = prepare(shared), None
            tracemalloc.start()
            for task in tasks:
                found = found or work(task)
                yield task, found
            self.peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()

    count = Count()
    scan_pairs(queries, documents, judgments, k=5, seed=0, executor=count)
    assert count.peak < 0.4 * documents.nbytes  # of which the histograms of a part are 1 MB


def test_in_process_nothing_is_cut(monkeypatch):
    monkeypatch.setattr("latentscape.measures.scan.compare_in_shards", None)
    random = np.random.default_rng(0)
    scan_pairs(*make("plain", random, 5, 9), judge(random, 5, 9), k=3, seed=0, executor=InProcess())
