"""Both maps of a table that is too large to be looked at any other way, read from disk.

    python benchmarks/million.py ROWS FOLDER

Writes clustered rows of 64 columns, their labels and the maps into FOLDER, and measures in this process: seconds of the
graph and of each map, and the peak memory so far (all that is resident, the table's own pages included). What the maps
are worth is measured after that and not counted.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
from contestants import read_peak

from latentscape.maps import make_map, neighbors_needed
from latentscape.measures.faithfulness import measure_map_trust
from latentscape.neighbors import find_neighbors

COLUMNS, CLUSTERS, BLOCK = 64, 200, 50_000
SEED = 0


def write_table(file: Path, rows: int) -> None:
    """200 overlapping Gaussian clusters of unequal sizes, each stretched its own way, and written block by block."""
    random = np.random.default_rng(SEED)
    centers, shares = random.normal(size=(CLUSTERS, COLUMNS)), random.dirichlet(np.full(CLUSTERS, 2.0))
    scales = random.gamma(2.0, 0.25, size=(CLUSTERS, COLUMNS))
    drawn = np.empty(rows, np.int16)
    table = np.lib.format.open_memmap(file, mode="w+", dtype=np.float32, shape=(rows, COLUMNS))
    for at in range(0, rows, BLOCK):
        labels = random.choice(CLUSTERS, size=min(BLOCK, rows - at), p=shares)
        drawn[at : at + BLOCK] = labels
        table[at : at + BLOCK] = centers[labels] + scales[labels] * random.normal(size=(len(labels), COLUMNS))
    table.flush()
    np.save(file.with_name("labels.npy"), drawn)


def main(rows: str, folder: str) -> None:
    file = Path(folder, "table.npy")
    write_table(file, int(rows))
    features, seconds, maps = np.load(file, mmap_mode="r"), {}, []
    began = time.monotonic()
    graph = find_neighbors(features, k=neighbors_needed(len(features)), metric="euclidean")
    seconds["graph"] = time.monotonic() - began
    for method in ("tsne", "umap"):
        began = time.monotonic()
        maps.append(make_map(features, graph, method=method, seed=SEED))
        seconds[method] = time.monotonic() - began
        np.save(Path(folder, f"{method}.npy"), maps[-1].xy)
    peak = read_peak()
    trust = {each.method: measure_map_trust(features, graph, each).scores for each in maps}
    scores = {method: {name: score.value for name, score in each.items()} for method, each in trust.items()}
    report = {"rows": int(rows), "seconds": seconds, "peak_bytes": peak, "graph_recall": graph.recall, "scores": scores}
    Path(folder, "report.json").write_text(json.dumps(report))


if __name__ == "__main__":
    main(*sys.argv[1:])
