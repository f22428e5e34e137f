"""Maps against peers in the same run: seconds, the ratio, and how faithful each map is.

    make bench                                   # a synthetic set, always available
    python benchmarks/maps.py features.npy 2000  # your own matrix, a random sample of it

Every row is the median of three runs after one warm-up; peers get the raw matrix and their own defaults, seeded.
"""

import statistics
import sys
import time
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from latentscape.maps import make_map, neighbors_needed
from latentscape.neighbors import find_neighbors

SIZES = (500, 2000)
SEED = 0


def sample_features(n: int) -> np.ndarray:
    """Twelve overlapping Gaussian classes in 64 dimensions, or a random sample of the file named first."""
    generator = np.random.default_rng(SEED)
    if len(sys.argv) > 1:
        features = np.load(Path(sys.argv[1]), mmap_mode="r")
        return np.ascontiguousarray(features[np.sort(generator.permutation(len(features))[:n])], dtype=np.float32)
    centers = generator.normal(size=(12, 64))
    return (centers[generator.integers(12, size=n)] + generator.normal(scale=0.9, size=(n, 64))).astype(np.float32)


def draw_ours(features, method):
    graph = find_neighbors(features, k=neighbors_needed(len(features)), metric="euclidean")
    return make_map(features, graph, method=method, seed=SEED).xy


def draw_sklearn_tsne(features, _):
    from sklearn.manifold import TSNE

    return TSNE(random_state=SEED, init="pca").fit_transform(features)


def draw_umap_learn(features, _):
    import umap

    return umap.UMAP(random_state=SEED, n_jobs=1).fit_transform(features)


def judge(features, xy) -> tuple[float, float]:
    """Share of the 15 nearest neighbors kept, and Spearman's rho of distances between 500 random points."""
    high = find_neighbors(features, k=15, metric="euclidean").indices
    low = find_neighbors(np.ascontiguousarray(xy, dtype=np.float32), k=15, metric="euclidean").indices
    kept = np.mean([len(np.intersect1d(a, b)) / 15 for a, b in zip(high, low, strict=True)])
    rows = np.random.default_rng(SEED).permutation(len(xy))[:500]
    upper = np.triu_indices(len(rows), 1)
    far = [np.linalg.norm(side[rows][:, None] - side[rows][None], axis=2)[upper] for side in (features, xy)]
    return float(kept), float(spearmanr(*far).statistic)


def measure(draw, features, method):
    draw(features, method)
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        xy = draw(features, method)
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds), *judge(features, xy)


def main():
    pairs = {"tsne": ("scikit-learn", draw_sklearn_tsne), "umap": ("umap-learn", draw_umap_learn)}
    print(f"{'n':>6} {'map':<6} {'ours s':>8} {'peer s':>8} {'ratio':>6}   ours recall@15/rho   peer recall@15/rho")
    for n in [int(sys.argv[2])] if len(sys.argv) > 2 else SIZES:
        features = sample_features(n)
        for method, (peer, draw_peer) in pairs.items():
            ours, theirs = measure(draw_ours, features, method), measure(draw_peer, features, method)
            print(
                f"{len(features):>6} {method:<6} {ours[0]:>8.2f} {theirs[0]:>8.2f} {theirs[0] / ours[0]:>5.1f}x"
                f"   {ours[1]:.3f} / {ours[2]:.2f}         {theirs[1]:.3f} / {theirs[2]:.2f}   ({peer})"
            )


if __name__ == "__main__":
    main()
