"""What the tasks of a graph and of a map with placed samples cost, one thread each: numbers of the cost model.

    OMP_NUM_THREADS=1 python benchmarks/scale_maps.py shards
    OMP_NUM_THREADS=1 python benchmarks/scale_maps.py map                      # 60,000 rows, 10,000 of them laid out
    OMP_NUM_THREADS=1 python benchmarks/scale_maps.py map-some 300000 50000    # without all laid out

A minute each, but for the last. Writes its part of benchmarks/scale_maps.json. Seconds are of the processor, so that a
machine that does other work as well gives the same numbers; those of maps are also told as a clock shows them. `shards`
ends with what the model says of ten and of fifty million rows of 256 columns on 64 cores; `map` lays out some of the
rows, then all, and says what the places are worth; `map-some` leaves the second out.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import numpy as np
from scipy.stats import binom
from threadpoolctl import threadpool_limits

from latentscape.layer_maps import MapPlan, map_layer
from latentscape.maps import LatentMap, place_samples
from latentscape.maps.laid_out import BLOCK_ROWS, ENOUGH
from latentscape.maps.new_samples import NEIGHBORS
from latentscape.neighbors import Neighbors, approximate
from latentscape.neighbors.clusters import CLUSTERS_PER_ROOT, ROUNDS, ROWS_PER_CENTER, deal, find_clusters
from latentscape.neighbors.exact import search_exactly
from latentscape.neighbors.field import lay_out
from latentscape.neighbors.kinds import find_kinds
from latentscape.neighbors.ranking import Task
from latentscape.neighbors.space import choose_exponent, place
from latentscape.neighbors.spread import STEPS_A_PAIR, search_centers
from latentscape.store import RunFolder

FILE = Path(__file__).with_suffix(".json")
CLUSTERS, SEED = 200, 0
LINES, POINTS = 1024, 16384
Value = TypeVar("Value")


def draw_table(rows: int, columns: int) -> np.ndarray:
    """Overlapping Gaussian clusters, as in million.py."""
    random = np.random.default_rng(SEED)
    centers, scales = random.normal(size=(CLUSTERS, columns)), random.gamma(2.0, 0.25, size=(CLUSTERS, columns))
    labels = random.integers(CLUSTERS, size=rows)
    return (centers[labels] + scales[labels] * random.normal(size=(rows, columns))).astype(np.float32)


def clock(work: Callable[[], Value]) -> tuple[float, Value]:
    """Seconds of the processor, and what came of it."""
    began = time.process_time()
    value = work()
    return time.process_time() - began, value


def open_task(rows: int, columns: int, k: int, *, queries: int = 0) -> Task:
    """The rows' own neighbors, or those of so many others among them."""
    features = draw_table(rows + queries, columns)
    exponent = choose_exponent(features)
    space = place(features[:rows], metric="euclidean", exponent=exponent)
    asked = place(features[rows:], metric="euclidean", exponent=exponent) if queries else space
    return Task(queries=asked, space=space, k=k)


def measure_exact(rows: int, columns: int, k: int) -> dict[str, Any]:
    """A task of exact search; steps are lines * rows * (columns + STEPS_A_PAIR)."""
    task = open_task(rows, columns, k)
    fields = lay_out(task)
    search_exactly(task, np.arange(64), fields=fields)
    seconds, _ = clock(lambda: search_exactly(task, np.arange(LINES), fields=fields))
    steps = LINES * rows * (columns + STEPS_A_PAIR)
    return {"rows": rows, "columns": columns, "k": k, "seconds": seconds, "steps_per_second": steps / seconds}


def measure_approximate(rows: int, columns: int, k: int, *, queries: int = 0) -> dict[str, Any]:
    """What comes before the search, on the driver; then tasks of centers and of clusters."""
    task = open_task(rows, columns, k, queries=queries)
    kinds, _ = clock(lambda: find_kinds(task.space))
    layout, fields = clock(lambda: lay_out(task))
    known, (to_choose, _) = clock(lambda: approximate._know_some(task, fields, approximate.IN_PROCESS))
    with threadpool_limits(1, "blas"):
        clustering, clusters = clock(lambda: find_clusters(fields[0].points))
        centers, near = clusters.centers, np.empty(POINTS, np.int64)
        halves = (centers**2).sum(axis=1) / 2
        assigning, _ = clock(lambda: search_centers(fields[1].points[:POINTS], centers, near, halves=halves))
        lines = deal(fields[1].points, centers, executor=approximate.IN_PROCESS) if queries else clusters.rows
    reach = approximate._choose_reach(clusters, lines, to_choose)
    shared = approximate._Search(task=task, fields=fields, clusters=clusters, lines=lines), reach, np.dtype(np.float32)
    search = approximate._prepare_clusters(shared)
    count = max(1, len(centers) * approximate.TASK_ROWS // len(task.queries.rows))
    search((0, 1))
    seconds, found = clock(lambda: search((count, 2 * count)))
    n_columns = clusters.share(lines, reach) * rows
    return {
        "rows": rows,
        "queries": len(task.queries.rows),
        "columns": columns,
        "k": k,
        "driver": {"kinds": kinds, "lay_out": layout, "true_neighbors": known, "clusters": clustering},
        "reach": reach,
        "columns_read_a_row": n_columns,
        "task_rows": len(found[0]),
        "task_seconds": seconds,
        "steps_per_second": len(found[0]) * n_columns * (columns + STEPS_A_PAIR) / seconds,
        "center_steps_per_second": POINTS * len(centers) * columns / assigning,
    }


def measure_placing(k: int) -> dict[str, Any]:
    """A task of placing beside a million laid-out samples."""
    random = np.random.default_rng(SEED)
    drawn = LatentMap(xy=random.normal(size=(1_000_000, 2)), method="tsne")
    indices = random.integers(1_000_000, size=(BLOCK_ROWS, k)).astype(np.int32)
    distances = np.sort(random.random((BLOCK_ROWS, k)), axis=1)
    near = Neighbors(indices=indices, distances=distances, metric="euclidean")
    place_samples(drawn, near)
    seconds, _ = clock(lambda: place_samples(drawn, near))
    return {"k": k, "rows": BLOCK_ROWS, "seconds": seconds, "rows_per_second": BLOCK_ROWS / seconds}


def estimate(parts: dict[str, Any], *, rows: int, columns: int, laid_out: int, k: int, cores: int) -> dict[str, Any]:
    """Seconds of a map by the model: the tasks' work over the cores, and what the driver does alone."""
    near = max(parts["approximate"], key=lambda each: (each["rows"], each["columns"]))
    exact_rate = min(each["steps_per_second"] for each in parts["exact"] if each["k"] == near["k"])
    numbers = rows * columns
    alone = sum(near["driver"][name] for name in ("kinds", "lay_out")) / (near["rows"] * near["columns"]) * numbers
    few = float(binom.cdf(ENOUGH - 1, k, laid_out / rows))
    placing = min(each["rows_per_second"] for each in parts["placing"])
    work = {
        "graph of all": model_search(rows, rows, columns, near=near, exact_rate=exact_rate),
        "graph of those laid out": model_search(laid_out, laid_out, columns, near=near, exact_rate=exact_rate),
        "neighbors among those laid out": model_search(
            round(rows * few), laid_out, columns, near=parts["among"], exact_rate=exact_rate
        ),
        "placing, a map": rows / placing,
    }
    return {
        "rows": rows,
        "columns": columns,
        "laid_out": laid_out,
        "k": k,
        "cores": cores,
        "core_seconds": work,
        "seconds_on_workers": sum(work.values()) / cores,
        "seconds_on_driver_before": alone,
        "share_searched": few,
        "bytes_shared_a_node": numbers * 8 + rows * 60,
        "bytes_of_answers": rows * k * 8,
    }


def model_search(queries: int, rows: int, columns: int, *, near: dict[str, Any], exact_rate: float) -> float:
    """Core seconds: true neighbors of the sample, centers, and queries against the columns that they read."""
    n_centers = CLUSTERS_PER_ROOT * rows**0.5
    known = 2 * approximate.SAMPLE * rows * (columns + STEPS_A_PAIR) / exact_rate
    assigned = queries + ROUNDS * min(rows, ROWS_PER_CENTER * n_centers)
    centers = assigned * n_centers * columns / near["center_steps_per_second"]
    read = near["columns_read_a_row"] + rows**0.5 / 4 - near["rows"] ** 0.5 / 4
    return known + centers + queries * read * (columns + STEPS_A_PAIR) / near["steps_per_second"]


def measure_shards() -> dict[str, Any]:
    exact = ((25_000, 64, 90), (50_000, 64, 90), (50_000, 64, 15), (50_000, 256, 90))
    near = ((50_000, 64), (100_000, 64), (100_000, 256))
    parts = {
        "exact": [_tell(measure_exact(n, d, k)) for n, d, k in exact],
        "approximate": [_tell(measure_approximate(n, d, 90)) for n, d in near],
        "among": _tell(measure_approximate(100_000, 256, NEIGHBORS, queries=200_000)),
        "placing": [_tell(measure_placing(k)) for k in (5, 15)],
    }
    wanted = {"columns": 256, "laid_out": 1_000_000, "k": 90, "cores": 64}
    return {**parts, "model": [estimate(parts, rows=rows, **wanted) for rows in (10_000_000, 50_000_000)]}


def _tell(found: dict[str, Any]) -> dict[str, Any]:
    print(json.dumps(found), flush=True)
    return found


def measure_map(rows: int, laid_out: int, *, with_all: bool) -> dict[str, Any]:
    """t-SNE of a table, part of it laid out, then all of it; the seconds of the graph count for the first."""
    features, found = draw_table(rows, 32), {}
    with TemporaryDirectory() as place, RunFolder(Path(place, "run")) as folder:
        for name, most in (("some laid out", laid_out), ("all laid out", rows))[: 1 + with_all]:
            plan = MapPlan(methods=("tsne",), seed=SEED, metric="euclidean", layout_samples=most)
            began, worked = time.monotonic(), time.process_time()
            made = map_layer(folder, features, layer="table", plan=plan, inputs={})
            seconds = {"clock": time.monotonic() - began, "processor": time.process_time() - worked}
            scores = {key: score.value for key, score in made.maps["tsne"].trust.scores.items()}
            found |= _tell({name: {"seconds": seconds, "graph_recall": made.neighbors.recall, "scores": scores}})
    return {"rows": rows, "columns": 32, "laid_out": laid_out, **found}


def main(what: str, *sizes: str) -> None:
    known = json.loads(FILE.read_text()) if FILE.exists() else {}
    if what == "shards":
        known |= {"shards": measure_shards()}
    else:
        rows, laid_out = map(int, sizes or ("60000", "10000"))
        known["map"] = known.get("map", {}) | {str(rows): measure_map(rows, laid_out, with_all=what == "map")}
    FILE.write_text(json.dumps(known, indent=1) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
