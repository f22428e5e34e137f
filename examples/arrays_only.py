"""Arrays only, no model: what one column of large numbers does to scikit-learn's wines.

You learn: `latentscape.map(array, labels=...)`, its scores, and `TSNE` and `UMAP` in a scikit-learn Pipeline.
Run: python examples/arrays_only.py [OUTPUT_FOLDER]
"""

import sys
from pathlib import Path

import numpy as np
from sklearn.datasets import load_wine
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import latentscape
from latentscape import TSNE, UMAP


def read_cultivar(places: np.ndarray, cultivars: np.ndarray) -> float:
    """Share of wines whose five neighbors on the map, themselves left out, name their cultivar."""
    near = KNeighborsClassifier(n_neighbors=5).fit(places, cultivars).kneighbors(return_distance=False)
    votes = [np.bincount(cultivars[rows], minlength=3).argmax() for rows in near]
    return float(np.mean(votes == cultivars))


def main(output: Path) -> None:
    """Draw the wines as they are and scaled, by both faces."""
    wines = load_wine()
    names = [f"cultivar {number + 1}" for number in wines.target]
    raw = latentscape.map(wines.data, labels=names, metric="euclidean", output=output.with_name(f"{output.name}_raw"))
    scaled = StandardScaler().fit_transform(wines.data)
    maps = latentscape.map(scaled, labels=names, metric="euclidean", output=output)
    print(
        f"trust:   {maps.scores['neighbor_recall_tsne'].value:.0%} of each wine's neighbors are kept by the t-SNE map"
    )

    places = make_pipeline(StandardScaler(), TSNE(random_state=0)).fit_transform(wines.data)
    umap = UMAP(random_state=0).fit(scaled[:-20])
    newcomers = umap.transform(scaled[-20:])
    print(
        f"faces:   TSNE {places.shape}, UMAP {umap.embedding_.shape} and {len(newcomers)} newcomers, no map drawn anew"
    )

    before, after = (read_cultivar(drawn.maps["tsne"].latent_map.xy, wines.target) for drawn in (raw, maps))
    print(f"finding: on the map of raw columns {before:.0%} of the wines lie with their cultivar, scaled {after:.0%}")
    print(f"page:    {output / 'explorer.html'}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "runs/arrays_only"))
