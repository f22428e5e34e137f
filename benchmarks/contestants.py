"""Who draws: ours and the peers, each from the raw matrix, in a process of its own.

    python benchmarks/contestants.py CONTESTANT FEATURES.npy FOLDER CALLS PATIENCE

Writes `report.json` (a clock reading after every stage of every call, and the peak memory) and each drawn map as
`NAME.npy` into FOLDER. The clock is the system's monotonic one, which the parent that started us reads too.
Nothing but numpy is imported before a contestant imports what it needs: its imports are part of its first call.
"""

import json
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

SEED = 0
PERPLEXITY, WIDTH = 30, 90
"""Everybody's default perplexity, and the neighbors that it needs."""
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

Lap = Callable[[str], None]
"""Called with a stage's name when the stage is over."""
Drawn = dict[str, np.ndarray]


def run_latentscape(features: np.ndarray, lap: Lap, quality="fast") -> Drawn:
    from latentscape.maps import MapOptions, make_map, neighbors_needed
    from latentscape.neighbors import find_neighbors

    lap("imports")
    options = MapOptions(quality=quality)
    graph = find_neighbors(features, k=neighbors_needed(len(features), options), metric="euclidean")
    lap("graph")
    tsne = make_map(features, graph, method="tsne", seed=SEED, options=options)
    lap("tsne")
    umap = make_map(features, graph, method="umap", seed=SEED, options=options)
    lap("umap")
    return {"tsne": tsne.xy, "umap": umap.xy}


def run_latentscape_best(features: np.ndarray, lap: Lap) -> Drawn:
    return run_latentscape(features, lap, quality="best")


def run_classic_pair(features: np.ndarray, lap: Lap) -> Drawn:
    """The pair everybody knows. A seed makes umap-learn run on one thread, as it warns."""
    import umap
    from sklearn.manifold import TSNE

    lap("imports")
    drawn = {"tsne": TSNE(init="pca", random_state=SEED, n_jobs=CORES).fit_transform(features)}
    lap("tsne")
    drawn["umap"] = umap.UMAP(random_state=SEED, n_jobs=1).fit_transform(features)
    lap("umap")
    return drawn


def run_umap_unseeded(features: np.ndarray, lap: Lap) -> Drawn:
    import umap

    lap("imports")
    drawn = umap.UMAP(n_jobs=CORES).fit_transform(features)
    lap("umap")
    return {"umap": drawn}


def run_opentsne(features: np.ndarray, lap: Lap) -> Drawn:
    from openTSNE import TSNE

    lap("imports")
    drawn = np.asarray(TSNE(initialization="pca", random_state=SEED, n_jobs=CORES).fit(features))
    lap("tsne")
    return {"tsne": drawn}


def run_scranpy(features: np.ndarray, lap: Lap) -> Drawn:
    """Its defaults, but for the threads and the graph: one exact faiss search for both maps, as ours have one."""
    import knncolle
    import scranpy

    lap("imports")
    found = run_faiss(features, lambda _: None)
    indices, distances = found["graph"].astype(np.uint32), found["distances"].astype(np.float64)
    lap("graph")
    wide = knncolle.FindKnnResults(indices, distances)
    drawn = {"tsne": scranpy.run_tsne(wide, perplexity=PERPLEXITY, num_neighbors=None, num_threads=CORES)}
    lap("tsne")
    narrow = knncolle.FindKnnResults(indices[:, :15].copy(), distances[:, :15].copy())
    drawn["umap"] = scranpy.run_umap(narrow, parallel_optimization=True, num_threads=CORES)
    lap("umap")
    return drawn


def run_graph(features: np.ndarray, lap: Lap) -> Drawn:
    from latentscape.neighbors import find_neighbors

    lap("imports")
    graph = find_neighbors(features, k=min(WIDTH, len(features) - 1), metric="euclidean")
    lap("graph")
    return {"graph": graph.indices}


def run_faiss(features: np.ndarray, lap: Lap) -> Drawn:
    """IndexFlatL2; each row finds itself too, which is taken out."""
    import faiss

    lap("imports")
    n, k = len(features), min(WIDTH, len(features) - 1)
    index = faiss.IndexFlatL2(features.shape[1])
    index.add(features)
    squares, rows = index.search(features, k + 1)
    is_other = rows != np.arange(n)[:, None]
    is_other[is_other.all(axis=1), -1] = False  # more than k duplicates crowd the row itself out
    found = {"graph": rows[is_other].reshape(n, k), "distances": np.sqrt(squares[is_other].clip(min=0)).reshape(n, k)}
    lap("graph")
    return found


FAST, BEST, CLASSIC, UNSEEDED = "latentscape", "latentscape, best", "scikit-learn + umap-learn", "umap-learn, unseeded"
GRAPH, FAISS = "our graph", "faiss IndexFlatL2"
DRAWERS = {
    FAST: run_latentscape,
    BEST: run_latentscape_best,
    CLASSIC: run_classic_pair,
    UNSEEDED: run_umap_unseeded,
    "openTSNE": run_opentsne,
    "scranpy": run_scranpy,
}
SEARCHERS = {GRAPH: run_graph, FAISS: run_faiss}


def call(run: Callable[[np.ndarray, Lap], Drawn], features: np.ndarray) -> tuple[Drawn, dict[str, float]]:
    """What was made, and the clock at the start and after each stage."""
    clock = {"start": time.monotonic()}

    def lap(stage: str) -> None:
        clock[stage] = time.monotonic()

    return run(features, lap), clock


def read_peak() -> int:
    """The most bytes this process has held. Linux hands getrusage's number down from the parent, so not that one."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


def main(name: str, source: str, folder: str, *limits: str) -> None:
    """Call once; then again, up to CALLS times, if the first call took less than PATIENCE seconds."""
    calls, patience = map(int, limits)
    run, features = {**DRAWERS, **SEARCHERS}[name], np.load(source)
    drawn, first = call(run, features)
    peak = read_peak()
    again = calls - 1 if max(first.values()) - first["start"] < patience else 0
    clocks = [first, *(call(run, features)[1] for _ in range(again))]
    for each, values in drawn.items():
        np.save(Path(folder, f"{each}.npy"), values)
    Path(folder, "report.json").write_text(json.dumps({"clocks": clocks, "peak_bytes": peak}))


if __name__ == "__main__":
    main(*sys.argv[1:])
