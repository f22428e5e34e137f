"""The whole embeddings command on vectors, cold, beside a script that draws the original's five pictures.

python benchmarks/embeddings.py                        # 500, 2,000 and 10,000 pairs, medians of three processes each
python benchmarks/embeddings.py --sizes 500 --runs 1
python benchmarks/embeddings.py --padding pairs.json --base-model DIR    # padded tokens of a pair file, no model run
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

SIZES, WIDTH = (500, 2_000, 10_000), 256
BATCH = 32
"""Texts in a batch."""


def make_vectors(path: Path, n: int, *, seed: int = 0) -> None:
    """Queries beside their documents, in 40 topics: neither solved nor hopeless."""
    random = np.random.default_rng(seed)
    topics = random.normal(size=(40, WIDTH))[random.integers(0, 40, n)]
    own = topics + random.normal(size=(n, WIDTH))
    queries = own + 0.7 * random.normal(size=(n, WIDTH))
    documents = own + 0.7 * random.normal(size=(n, WIDTH))
    np.savez(path, queries=queries.astype(np.float32), documents=documents.astype(np.float32))


def run_peer(vectors: Path, output: Path) -> None:
    """What such a script does: both maps, a heatmap, a distribution, top documents, metrics from the whole matrix."""
    import matplotlib as mpl

    mpl.use("Agg")
    import seaborn as sns
    from matplotlib import pyplot as plt
    from sklearn.manifold import TSNE
    from umap import UMAP

    with np.load(vectors) as held:
        sides = [held["queries"], held["documents"]]
    queries, documents = (side / np.linalg.norm(side, axis=1, keepdims=True) for side in sides)
    both, n = np.concatenate([queries, documents]), len(queries)
    maps = {
        "tsne_projection": TSNE(metric="cosine", init="pca", random_state=42).fit_transform(both),
        "umap_projection": UMAP(metric="cosine", random_state=42, n_jobs=1).fit_transform(both),
    }
    for name, points in maps.items():
        plt.figure(figsize=(12, 8))
        sns.scatterplot(x=points[:, 0], y=points[:, 1], hue=["query"] * n + ["document"] * n)
        plt.savefig(output / f"{name}.png", dpi=150)
    cosines = queries @ documents.T
    positive, negative = np.diag(cosines), cosines[~np.eye(n, dtype=bool)]
    order = np.argsort(-cosines, axis=1)
    ranks = 1 + np.argmax(order == np.arange(n)[:, None], axis=1)
    print(positive.mean() - negative.mean(), np.mean(1 / ranks), np.mean(ranks <= 10))
    plt.figure(figsize=(12, 10))
    sns.heatmap(cosines[:30, :30])
    plt.savefig(output / "similarity_heatmap.png", dpi=150)
    plt.figure(figsize=(12, 6))
    sns.histplot(positive, stat="density", kde=True)
    sns.histplot(negative, stat="density", kde=False)
    plt.savefig(output / "similarity_distribution.png", dpi=150)
    figure, axes = plt.subplots(5, 1, figsize=(12, 20))
    for row, panel in enumerate(axes):
        panel.barh(range(5), cosines[row, order[row, :5]])
    figure.savefig(output / "top_k_predictions.png", dpi=150)


def run_once(name: str, vectors: Path) -> tuple[float, float]:
    """Seconds of one process from its start to its end, and its peak memory in MB."""
    with tempfile.TemporaryDirectory() as folder:
        ours = ["-m", "latentscape", "embeddings", "--vectors", vectors, "--max-samples", "0", "--quiet"]
        peer = [__file__, "--peer", vectors]
        words = [*ours, "--output", folder] if name == "latentscape" else [*peer, folder]
        start = time.perf_counter()
        child = subprocess.Popen([sys.executable, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, status, used = os.wait4(child.pid, 0)
        if status:
            raise SystemExit(f"{name} failed with {status}")
        return time.perf_counter() - start, _in_megabytes(used)


def _in_megabytes(used: resource.struct_rusage) -> float:
    return used.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def compare(sizes: list[int], runs: int) -> None:
    """The table of both, in turns."""
    names = ("latentscape", "scikit-learn + umap-learn + seaborn")
    print(f"cold processes, median of {runs}\n\n| pairs | {names[0]} | {names[1]} | times as fast | MB | MB |")
    print("|---|---:|---:|---:|---:|---:|")
    for n in sizes:
        with tempfile.TemporaryDirectory() as folder:
            vectors = Path(folder) / "vectors.npz"
            make_vectors(vectors, n)
            rounds = [[run_once(name, vectors) for name in names] for _ in range(runs)]
        (ours, our_memory), (theirs, their_memory) = (
            [statistics.median(each[place][part] for each in rounds) for part in (0, 1)] for place in (0, 1)
        )
        cells = f"{ours:.1f} s | {theirs:.1f} s | {theirs / ours:.1f} | {our_memory:.0f} | {their_memory:.0f}"
        print(f"| {n:,} | {cells} |", flush=True)


def count_padding(pairs: Path, base_model: str) -> None:
    """Padding of every text of every row in file order, against each distinct text once, sorted by length."""
    import json

    from latentscape.datasets.pairs import read_pairs
    from latentscape.features.plan import PADDED, plan_batches
    from latentscape.models.retriever import load_encoder

    rows = json.loads(pairs.read_text(encoding="utf-8"))
    every = [text for row in rows for text in (row["query"], row["pos"], *(each["text"] for each in row["hard_neg"]))]
    read = read_pairs(pairs)
    distinct = list(dict.fromkeys([*read.queries, *read.documents]))
    count = load_encoder(base_model).token_lengths
    naive, lengths = count(every), count(distinct)
    in_order = [range(at, min(at + BATCH, len(naive))) for at in range(0, len(naive), BATCH)]
    by_length = plan_batches(range(len(lengths)), lengths, batch_size=BATCH, padding=PADDED)
    print("| | texts | tokens | padding | tokens that go through the model |\n|---|---:|---:|---:|---:|")
    for name, sizes, batches in (
        ("every text, in file order", naive, in_order),
        ("each text once, by length", lengths, by_length),
    ):
        through = sum(max(sizes[row] for row in batch) * len(batch) for batch in batches)
        print(f"| {name} | {len(sizes):,} | {sum(sizes):,} | {through - sum(sizes):,} | {through:,} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="*", default=SIZES)
    parser.add_argument("--runs", type=int, default=3, help="processes a contestant")
    parser.add_argument("--padding", type=Path, help="count padded tokens of this pair file instead")
    parser.add_argument("--base-model", default="", help="whose tokenizer counts")
    parser.add_argument("--peer", type=Path, nargs=2, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.peer:
        return run_peer(*asked.peer)
    return count_padding(asked.padding, asked.base_model) if asked.padding else compare(asked.sizes, asked.runs)


if __name__ == "__main__":
    main()
