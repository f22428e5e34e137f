"""Every query against every document: statistics, histogram and the ten nearest, time and memory beside plain NumPy.

python benchmarks/retrieval.py                               # 20,000 x 20,000 x 256, three processes each, Markdown
python benchmarks/retrieval.py --n 5000 --runs 1
python benchmarks/retrieval.py --n 100000 --only latentscape   # the table of cosines would have 40 GB
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

N_TOP = 10
TIME_LIMIT = 3_600
Vectors = tuple[np.ndarray, np.ndarray, np.ndarray]


def make_vectors(n: int, width: int, seed: int = 0) -> Vectors:
    """Documents in 200 clusters, a query near each document, and which document is right for each query."""
    random = np.random.default_rng(seed)
    documents = random.standard_normal((n, width), dtype=np.float32)
    documents += random.standard_normal((200, width), dtype=np.float32)[random.integers(200, size=n)]
    right = random.permutation(n)
    queries = 4 * random.standard_normal((n, width), dtype=np.float32)
    queries += documents[right]
    for each in (queries, documents):
        each /= np.linalg.norm(each, axis=1, keepdims=True)
    return queries, documents, right


def run_latentscape(vectors: Vectors) -> dict[str, float]:
    """What the study does: statistics of three populations, ranks, and intervals that the peer has none of."""
    from latentscape.measures.judgments import Judgments
    from latentscape.measures.ranking import rank_documents
    from latentscape.measures.scan import scan_pairs
    from latentscape.measures.similarity import measure_similarities

    queries, documents, right = vectors
    start = time.perf_counter()
    none = tuple(np.empty(0, dtype=np.int64) for _ in right)
    judgments = Judgments(relevant=tuple(right[:, None]), hard=none, ignored=none, n_documents=len(documents))
    scan = scan_pairs(queries, documents, judgments, k=N_TOP, seed=0)
    scanned = time.perf_counter()
    similarities = measure_similarities(queries, documents, judgments, scan, seed=0)
    compared = time.perf_counter()
    scores = similarities.scores | rank_documents(scan, judgments, seed=0).scores
    ranked = time.perf_counter()
    told = {name: scores[name].value for name in ("positive_mean", "negative_mean", "separation", "hit_at_1", "mrr")}
    parts = {
        "scan": scanned - start,
        "statistics, intervals": compared - scanned,
        "ranks, intervals": ranked - compared,
    }
    return {**parts, "all": ranked - start, **told}


def run_numpy(vectors: Vectors) -> dict[str, float]:
    """The full table of cosines, sorted: no interval, no other population, ties as they come."""
    queries, documents, right = vectors
    start = time.perf_counter()
    cosines = queries @ documents.T
    rows = np.arange(len(queries))
    positive = cosines[rows, right]
    is_negative = np.ones(cosines.shape, dtype=bool)
    is_negative[rows, right] = False
    negative = cosines[is_negative]
    counts, _ = np.histogram(negative, bins=200, range=(-1, 1))
    means, spreads = (
        [each.mean(dtype=float) for each in (positive, negative)],
        [each.std() for each in (positive, negative)],
    )
    assert counts.sum() == negative.size
    del negative
    order = np.argsort(-cosines, axis=1)
    top = order[:, :N_TOP]
    ranks = 1 + np.argmax(order == right[:, None], axis=1)
    taken = {"all": time.perf_counter() - start}
    told = {"positive_mean": means[0], "negative_mean": means[1], "hit_at_1": np.mean(top[:, 0] == right)}
    told |= {"separation": (means[0] - means[1]) / np.hypot(*spreads), "mrr": np.mean(1 / ranks)}
    return taken | {name: float(value) for name, value in told.items()}


RUNNERS: dict[str, Callable[[Vectors], dict[str, float]]] = {"latentscape": run_latentscape, "NumPy": run_numpy}


def read_peak() -> float:
    """The most memory this process has held, in MB."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return float(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))) / 1024


def run_child(name: str, n: int, width: int) -> dict[str, float]:
    """Load and compile everything on a few rows, then take the time and the memory of one call."""
    RUNNERS[name](make_vectors(600, width))
    vectors = make_vectors(n, width)
    before = read_peak()
    taken = RUNNERS[name](vectors)
    return {**taken, "MB beyond the inputs": read_peak() - before, "MB in all": read_peak()}


def run_once(name: str, n: int, width: int) -> dict[str, float]:
    """One process; what it took."""
    inherited = {key: value for key, value in os.environ.items() if key != "OMP_NUM_THREADS"}
    words = [sys.executable, __file__, "--child", name, "--n", str(n), "--width", str(width)]
    answer = subprocess.run(words, check=True, capture_output=True, text=True, timeout=TIME_LIMIT, env=inherited)
    return json.loads(answer.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=20_000, help="queries, and as many documents")
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--runs", type=int, default=3, help="processes a contestant")
    parser.add_argument("--only", choices=list(RUNNERS), help="one contestant")
    parser.add_argument("--child", choices=list(RUNNERS), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child:
        print(json.dumps(run_child(asked.child, asked.n, asked.width)))
        return
    names = [asked.only] if asked.only else list(RUNNERS)
    rounds = [{name: run_once(name, asked.n, asked.width) for name in names} for _ in range(asked.runs)]
    medians = {
        name: {part: statistics.median(each[name][part] for each in rounds) for part in rounds[0][name]}
        for name in names
    }
    print(f"{asked.n:,} queries x {asked.n:,} documents x {asked.width}, median of {asked.runs} processes\n")
    print(f"| | {' | '.join(names)} |\n| --- |{' ---: |' * len(names)}")
    for part in dict.fromkeys(part for name in names for part in medians[name]):
        cells = [f"{medians[name][part]:,.4g}" if part in medians[name] else "" for name in names]
        print(f"| {part} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
