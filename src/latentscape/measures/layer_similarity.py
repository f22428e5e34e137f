"""How alike are two layers: in the geometry of all samples, and in who is near whom?"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import combinations

from latentscape.errors import DataError
from latentscape.measures.cka import measure_all_cka
from latentscape.measures.recall import score_in_common, share_in_common
from latentscape.measures.score import Score
from latentscape.neighbors import Neighbors
from latentscape.shapes import FeatureMatrix

K = 15
"""Neighbors compared."""


@dataclass(frozen=True, kw_only=True)
class LayerSimilarity:
    """Every pair of layers compared; keys are positions (i, j), i < j, in `layers`."""

    layers: tuple[str, ...]
    cka: Mapping[tuple[int, int], Score]
    overlap: Mapping[tuple[int, int], Score]


def measure_layer_similarity(
    features: Mapping[str, FeatureMatrix], neighbors: Mapping[str, Neighbors], *, seed: int
) -> LayerSimilarity:
    """Compare every pair of layers twice: by `measure_cka` and by the neighbors that samples keep (`neighbor_overlap`).

    The overlap is the mean over samples of |N_k(one layer) ∩ N_k(other layer)| / k, with k = 15 or the width of the
    narrower graph. In [0, 1]: 1 where all samples keep their neighbors, k / (n - 1) where the layers have nothing in
    common. Neither is better. CKA weighs the large distances and the overlap the small ones, so they may disagree. The
    interval draws samples. None where k is all other samples.

    Raises:
        DataError: layers without a graph or of different samples, or a feature that is not finite.

    Source: the overlap as neighborhood preservation in Venna, Peltonen, Nybo, Aidos and Kaski 2010 (JMLR 11, p. 451).
    """
    names = tuple(features)
    counts = {len(features[name]) for name in names}
    counts |= {len(neighbors[name].indices) for name in names if name in neighbors}
    if len(counts) > 1 or not set(names) <= set(neighbors):
        got = f"samples {sorted(counts)}, layers {', '.join(names)}, graphs of {', '.join(neighbors)}"
        raise DataError(
            "every layer needs a neighbor graph, and all must be of the same samples",
            got=got,
            hint="read every layer from the same samples, and find the neighbors of each",
            fault="data-columns",
        )
    overlap = {
        (i, j): _measure_overlap(neighbors[names[i]], neighbors[names[j]], seed=seed)
        for i, j in combinations(range(len(names)), 2)
    }
    cka = measure_all_cka(list(features.values()), seed=seed)
    return LayerSimilarity(layers=names, cka=cka, overlap=overlap)


def _measure_overlap(first: Neighbors, second: Neighbors, *, seed: int) -> Score:
    n, k = len(first.indices), min(K, first.indices.shape[1], second.indices.shape[1])
    if k == 0 or k >= n - 1:
        reason = "so few samples are all neighbors of each other" if k else "the graph holds no neighbors"
        return Score(name="neighbor_overlap", value=None, n=n, better="neither", reason=reason)
    shares = share_in_common(first.indices[:, :k], second.indices[:, :k])
    return replace(score_in_common("neighbor_overlap", shares, k=k, seed=seed), better="neither")
