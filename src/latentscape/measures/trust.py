"""How far to trust a map: are the samples that are near in feature space near on the map?"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int

from latentscape.maps.latent_map import LatentMap
from latentscape.measures.score import Score
from latentscape.neighbors import Neighbors, find_neighbors
from latentscape.shapes import PerSample

RESAMPLES = 2000
INTERVAL = "percentile bootstrap over samples, 95 %"


@dataclass(frozen=True, kw_only=True)
class MapTrust:
    """Neighbor recall of a map, for each sample and on the whole.

    `per_point` is in [0, 1], NaN where no map could do better or worse. `k` is the number of neighbors compared.
    """

    per_point: PerSample
    recall: Score
    k: int


def measure_map_trust(neighbors: Neighbors, latent_map: LatentMap, *, k: int = 15, seed: int = 0) -> MapTrust:
    """Share of each sample's k nearest in feature space that are also among its k nearest on the map.

    recall = mean over samples of |N_k(features) ∩ N_k(map)| / k, in [0, 1], higher is better. The map side is
    euclidean; ties go to the lower row number on both sides. A map that places samples at random scores k / (n - 1).
    `k` is cut to what exists: n - 1 and the width of `neighbors`. Where k is n - 1, or where all samples share one
    place, every map would score the same: there is no recall, and the score says why.
    Source: Venna, Peltonen, Nybo, Aidos, Kaski 2010 (JMLR 11, section 2), recall with equal neighborhood sizes.
    """
    k = min(k, neighbors.indices.shape[1])
    reason = _explain_nothing_to_compare(latent_map, k)
    if reason:
        n = len(latent_map.xy)
        return MapTrust(
            per_point=np.full(n, np.nan), recall=Score(name="neighbor_recall", value=None, n=n, reason=reason), k=k
        )
    on_map = find_neighbors(latent_map.xy, k=k, metric="euclidean").indices
    kept = _members(neighbors.indices[:, :k], on_map)
    return MapTrust(per_point=kept.mean(axis=1), recall=_score_recall(kept.sum(axis=1), k=k, seed=seed), k=k)


def _members(wanted: Int[np.ndarray, "sample k"], found: Int[np.ndarray, "sample k"]) -> Bool[np.ndarray, "sample k"]:
    """Whether each wanted row number is anywhere in the same line of `found`."""
    n = len(wanted)
    lines = np.arange(n)[:, None] * n
    return np.isin(lines + wanted, lines + found)


def _score_recall(kept: Int[np.ndarray, " sample"], *, k: int, seed: int) -> Score:
    """The mean recall and its interval. Only how many samples kept 0, 1, ... k neighbors matters to a resample."""
    n, how_many = len(kept), np.bincount(kept, minlength=k + 1)
    resamples = np.random.default_rng(seed).multinomial(n, how_many / n, size=RESAMPLES)
    low, high = np.percentile(resamples @ np.arange(k + 1) / (n * k), [2.5, 97.5])
    value = float(kept.sum() / (n * k))
    return Score(name="neighbor_recall", value=value, n=n, low=float(low), high=float(high), interval=INTERVAL)


def _explain_nothing_to_compare(latent_map: LatentMap, k: int) -> str:
    """Why a recall would say nothing about this map; empty if it says something."""
    if k < 1:
        return "a single sample has no neighbors"
    if k >= len(latent_map.xy) - 1:
        return "so few samples are all neighbors of each other on any map"
    return "" if np.ptp(latent_map.xy, axis=0).any() else "all samples lie on one point"
