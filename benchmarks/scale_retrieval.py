"""Retrieval in shards: what a part costs a worker and the driver, and what that makes of 1 to 64 workers.

OMP_NUM_THREADS=1 python benchmarks/scale_retrieval.py           # two minutes, writes scale_retrieval.json
OMP_NUM_THREADS=1 python benchmarks/scale_retrieval.py --runs 1
OMP_NUM_THREADS=1 python benchmarks/scale_retrieval.py --ray     # two minutes: beside a cluster of 1 and 2 workers

A part of n queries and m documents of d numbers takes 2 n m d operations in single precision, and for each of its
lines the cosines of the k + 16 nearest candidates and of whatever lies within the rounding errors of a limit in
double precision. Times are those of the processor, with one thread: other programs on the machine don't count.
"""

import argparse
import heapq
import json
import pickle
import statistics
import time
import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from latentscape.executor import IN_PROCESS, Job
from latentscape.measures import scan_shards
from latentscape.measures.judgments import Judgments
from latentscape.measures.scan import scan_pairs
from latentscape.measures.scan_field import lay_field, lay_sides
from latentscape.progress import SILENT
from latentscape.ray_cluster import open_executor

RESULTS = Path(__file__).with_suffix(".json")
SHAPES = ((1024, 8192, 128), (4096, 8192, 128), (4096, 32768, 128), (4096, 32768, 256), (4096, 65536, 256))
"""Queries, documents and numbers a vector of one part."""
K = 50
ON_RAY = (4096, 400_000, 128)
WORKERS = (1, 2, 4, 8, 16, 32, 64)
LARGE = (1_000_000, 10_000_000, 256)


def make_vectors(n: int, m: int, d: int) -> tuple[np.ndarray, np.ndarray, Judgments]:
    """Documents in 200 clusters, a query near each of some of them."""
    random = np.random.default_rng(0)
    documents = random.standard_normal((m, d), dtype=np.float32)
    documents += random.standard_normal((200, d), dtype=np.float32)[random.integers(200, size=m)]
    right = random.choice(m, size=n)
    queries = documents[right] + 2 * random.standard_normal((n, d), dtype=np.float32)
    none = tuple(np.empty(0, np.int64) for _ in range(n))
    return queries, documents, Judgments(relevant=tuple(right[:, None]), hard=none, ignored=none, n_documents=m)


class Replay:
    """An executor of one worker that keeps the time and the bytes of everything; results come through a pickle."""

    progress = SILENT

    def __init__(self, n_workers: int = 1) -> None:
        self.n_workers = n_workers
        self.laying: list[float] = []
        self.computing: list[float] = []
        self.merging: list[float] = []
        self.pickling: list[float] = []
        self.bytes: dict[str, list[int]] = {"shared": [], "task": [], "result": []}
        self.peaks: list[int] = []

    def run(self, prepare: Callable, shared: object, tasks: object, *, job: Job):
        """Every task, timed."""
        _, shared = self._send("shared", shared)
        work, tasks = prepare(shared), iter(tasks)
        while True:
            start = time.process_time()
            task = next(tasks, None)
            if task is None:
                return
            self.laying.append(time.process_time() - start)
            seconds, sent = self._send("task", task)
            start = time.process_time()
            found = work(sent)
            self.computing.append(time.process_time() - start)
            back, found = self._send("result", found)
            self.pickling.append(seconds + back)
            start = time.process_time()
            yield task, found
            self.merging.append(time.process_time() - start)

    def _send(self, what: str, value: object) -> tuple[float, object]:
        start = time.process_time()
        words = pickle.dumps(value, protocol=5)
        taken = time.process_time() - start
        self.bytes[what].append(len(words))
        return taken, pickle.loads(words)


def simulate(
    shard_seconds: Sequence[float],
    n_workers: int,
    *,
    driver_seconds_a_shard: float,
    layout_seconds: float,
    put_seconds: float,
) -> float:
    """Wall time of greedy scheduling: whoever is free takes the next part, which the driver has laid out by then.

    The driver lays out and merges one part at a time, `driver_seconds_a_shard` for both, and parts wait for it.
    """
    start = layout_seconds + put_seconds
    free, driver, end = [start] * n_workers, start, start
    heapq.heapify(free)
    for seconds in shard_seconds:
        driver = max(driver, heapq.heappop(free) - driver_seconds_a_shard) + driver_seconds_a_shard
        heapq.heappush(free, driver + seconds)
        end = max(end, driver + seconds)
    return end + driver_seconds_a_shard


def time_layout(n: int, m: int, d: int) -> dict[str, float]:
    """Seconds for what the driver does before the first part."""
    queries, documents, judgments = make_vectors(n, m, d)
    is_right = np.isin(np.arange(m), np.concatenate(judgments.relevant))
    start = time.process_time()
    sides = lay_sides(queries, documents)
    sided = time.process_time()
    lay_field(*sides, is_right, with_points=False)
    return {"sides": sided - start, "field": time.process_time() - sided, "all": time.process_time() - start}


def time_part(n: int, m: int, d: int, *, with_memory: bool) -> dict[str, float]:
    """What one part of this shape takes."""
    queries, documents, judgments = make_vectors(n, m, d)
    replay = Replay()
    whole, scan_shards.PARTS_A_WORKER = scan_shards.PARTS_A_WORKER, 1
    if with_memory:
        work = scan_shards.scan_part

        def watch(asked: scan_shards.Asked, part: scan_shards.Part) -> scan_shards.Found:
            tracemalloc.start()
            found = work(asked, part)
            replay.peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
            return found

        scan_shards.scan_part = watch
    try:
        scan_pairs(queries, documents, judgments, k=K, seed=0, executor=replay)
    finally:
        scan_shards.PARTS_A_WORKER = whole
        if with_memory:
            scan_shards.scan_part = work
    assert len(replay.computing) == 1
    seconds = replay.computing[0]
    told = {
        "seconds": seconds,
        "gflops": 2e-9 * n * m * d / seconds,
        "lay_seconds": replay.laying[0],
        "pickle_seconds": replay.pickling[0],
        "merge_seconds": replay.merging[0],
    }
    told |= {f"{what}_MB": max(each) / 1e6 for what, each in replay.bytes.items()}
    return {"peak_MB": replay.peaks[0] / 1e6} if with_memory else told


def time_product(d: int) -> float:
    """Billions of operations a second of the tile products alone, as fast as a part could be."""
    random = np.random.default_rng(0)
    points, rows = (random.standard_normal((size, d), dtype=np.float32) for size in (1024, 512 * 64))
    out, start = np.empty((1024, 512), np.float32), time.process_time()
    for at in range(0, len(rows), 512):
        np.matmul(points, rows[at : at + 512].T, out=out)
    return 2e-9 * 1024 * len(rows) * d / (time.process_time() - start)


def replay_whole(n: int, m: int, d: int) -> dict[str, object]:
    """A whole scan in parts cut for 64 workers, its times put on 1 to 64; beside it the scan in one process."""
    queries, documents, judgments = make_vectors(n, m, d)
    replay, layout = Replay(WORKERS[-1]), time_layout(n, m, d)["all"]
    start = time.process_time()
    scan_pairs(queries, documents, judgments, k=K, seed=0, executor=IN_PROCESS)
    alone = time.process_time() - start
    scan_pairs(queries, documents, judgments, k=K, seed=0, executor=replay)
    driver = statistics.median(np.sum([replay.laying, replay.pickling, replay.merging], axis=0))
    walls = {
        str(workers): simulate(
            replay.computing, workers, driver_seconds_a_shard=driver, layout_seconds=layout, put_seconds=0.0
        )
        for workers in WORKERS
    }
    return {
        "in_process_seconds": alone,
        "layout_seconds": layout,
        "parts": len(replay.computing),
        "part_seconds": [round(each, 4) for each in replay.computing],
        "driver_seconds_a_part": driver,
        "seconds_by_workers": walls,
    }


def compare_with_ray(n: int, m: int, d: int, *, runs: int) -> dict[str, object]:
    """Seconds by the clock on a cluster that runs already, beside what the times of its parts foretell."""
    queries, documents, judgments = make_vectors(n, m, d)
    few, layout = make_vectors(1024, 8192, d), time_layout(n, m, d)["all"]
    told: dict[str, object] = {"queries": n, "documents": m, "width": d, "runs": runs}
    start = time.perf_counter()
    scan_pairs(queries, documents, judgments, k=K, seed=0, executor=IN_PROCESS)
    told["in_process_seconds"] = time.perf_counter() - start
    for workers in (1, 2):
        replay, clocks = Replay(workers), []
        scan_pairs(queries, documents, judgments, k=K, seed=0, executor=replay)
        driver = statistics.median(np.sum([replay.laying, replay.pickling, replay.merging], axis=0))
        foretold = simulate(
            replay.computing, workers, driver_seconds_a_shard=driver, layout_seconds=layout, put_seconds=0.0
        )
        with open_executor(SimpleNamespace(engine="ray", workers=workers)) as cluster:
            scan_pairs(*few, k=K, seed=0, executor=cluster)
            for _ in range(runs):
                start = time.perf_counter()
                scan_pairs(queries, documents, judgments, k=K, seed=0, executor=cluster)
                clocks.append(time.perf_counter() - start)
        told[f"{workers} workers"] = {
            "parts": len(replay.computing),
            "foretold_seconds": foretold,
            "measured_seconds": statistics.median(clocks),
            "all_measured": clocks,
        }
    return told


def project(n: int, m: int, d: int, *, gflops: float, driver_gb_a_second: float) -> dict[str, object]:
    """What a large scan means on 64 workers: arithmetic, bytes, and time if every core is as fast as this one."""
    sizes = scan_shards.Sizes(
        n_lines=n,
        tile_rows=1024,
        n_documents=m,
        n_right=min(n, m),
        document_bytes=d * 4 + scan_shards.BESIDE_ROW,
        found_bytes=K * scan_shards.A_RESULT,
        histogram_bytes=500 * 4001 * 2,
    )
    lines, slices = scan_shards.cut_grid(sizes, n_workers=64)
    n_parts = len(lines) * len(slices)
    sent = len(lines) * m * sizes.document_bytes / 1e9
    back = len(slices) * n * sizes.found_bytes / 1e9 + n_parts * sizes.histogram_bytes / len(lines) / 1e9
    seconds, driver = 2e-9 * n * m * d / gflops / n_parts, (sent + back) / driver_gb_a_second / n_parts
    wall = simulate([seconds] * n_parts, 64, driver_seconds_a_shard=driver, layout_seconds=0.0, put_seconds=0.0)
    return {
        "queries": n,
        "documents": m,
        "width": d,
        "parts": n_parts,
        "line_spans": len(lines),
        "row_spans": len(slices),
        "operations": 2.0 * n * m * d,
        "GB_sent": sent,
        "GB_back": back,
        "seconds_a_part": seconds,
        "driver_seconds": driver * n_parts,
        "hours_on_64": wall / 3600,
        "core_hours": seconds * n_parts / 3600,
    }


def take_medians(runs: list[dict[str, float]]) -> dict[str, float]:
    """Each number's median."""
    return {name: statistics.median(each[name] for each in runs) for name in runs[0]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--ray", action="store_true")
    asked = parser.parse_args()
    if asked.ray:
        kept = json.loads(RESULTS.read_text(encoding="utf-8"))
        kept["on Ray"] = compare_with_ray(*ON_RAY, runs=asked.runs)
        RESULTS.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
        print(json.dumps(kept["on Ray"], indent=1))
        return
    time_part(64, 1024, 16, with_memory=False)  # loads the kernels
    parts = {}
    for shape in SHAPES:
        runs = [time_part(*shape, with_memory=False) for _ in range(asked.runs)]
        parts[" x ".join(map(str, shape))] = take_medians(runs) | time_part(*shape, with_memory=True)
    product = {str(d): statistics.median(time_product(d) for _ in range(asked.runs)) for d in (128, 256)}
    largest = parts[" x ".join(map(str, SHAPES[-1]))]
    driver = largest["lay_seconds"] + largest["pickle_seconds"] + largest["merge_seconds"]
    speed = (largest["task_MB"] + largest["result_MB"]) / 1e3 / driver
    told = {
        "k": K,
        "runs": asked.runs,
        "part": parts,
        "product_gflops": product,
        "layout": {"4096 x 200000 x 128": take_medians([time_layout(4096, 200_000, 128) for _ in range(asked.runs)])},
        "driver_GB_a_second": speed,
        "whole": {" x ".join(map(str, ON_RAY)): replay_whole(*ON_RAY)},
        "large": [
            project(*shape, gflops=largest["gflops"], driver_gb_a_second=speed)
            for shape in (LARGE, (LARGE[1], LARGE[0], LARGE[2]))
        ],
    }
    if RESULTS.exists() and "on Ray" in (kept := json.loads(RESULTS.read_text(encoding="utf-8"))):
        told["on Ray"] = kept["on Ray"]
    RESULTS.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(told, indent=1))


if __name__ == "__main__":
    main()
