"""How far to trust a map: what it keeps of the neighbors, the distances and the order of the feature space."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from jaxtyping import Float

from latentscape.engine import Crew
from latentscape.errors import DataError
from latentscape.maps.latent_map import LatentMap
from latentscape.measures.bootstrap import draw_counts
from latentscape.measures.recall import Nearest, score_in_common, share_in_common
from latentscape.measures.score import Score
from latentscape.measures.shepard import measure_shepard
from latentscape.measures.spaces import Space, open_space
from latentscape.measures.triplets import measure_triplets
from latentscape.measures.trustworthiness import choose_rows, judge_neighbors, score_rows
from latentscape.neighbors import Neighbors, find_neighbors, require_finite
from latentscape.shapes import Flags, PerSample

WEAK_BELOW = 0.2
"""A sample that keeps a smaller share of its neighbors than this stands in a neighborhood that is not its own."""
HIGH, FAIR = (0.95, 0.30), (0.85, 0.10)
"""What a level asks for: trustworthiness and continuity at least, neighbor recall above chance at least."""
NEIGHBORS = ("neighbor_recall", "trustworthiness", "continuity")
DISTANCES = ("shepard_spearman", "triplet_accuracy")
COMPARED = 2_000
"""Samples whose distances are compared: all of them, or a random choice."""

Level = Literal["high", "fair", "low", "unknown"]


@dataclass(frozen=True, kw_only=True)
class MapTrust:
    """How faithful a map is, as a whole and sample by sample."""

    k: int
    """Neighbors compared."""
    scores: Mapping[str, Score]
    """neighbor_recall, trustworthiness, continuity, shepard_spearman, triplet_accuracy; stability if measured; and
    laid_out_recall and placed_recall where some samples were placed beside those laid out."""
    per_point: PerSample
    """Neighbor recall, in [0, 1]; NaN where no map could do better or worse."""
    per_point_trustworthiness: PerSample
    """In [0, 1]; NaN for samples that were not measured: of a large map only a random choice is."""
    per_point_continuity: PerSample
    """As trustworthiness."""
    weak: Flags
    """Samples that keep less than `WEAK_BELOW` of their neighbors."""

    @property
    def recall(self) -> Score:
        """The mean neighbor recall."""
        return self.scores["neighbor_recall"]

    @property
    def level(self) -> Level:
        """How far to trust the map, in one word; `unknown` where k neighbors are half of the samples or more.

        | level | trustworthiness and continuity | neighbor recall above chance |
        |---|---|---|
        | high | 0.95 or more, both | 0.3 or more |
        | fair | 0.85 or more, both | 0.1 or more |
        | low | anything else | |
        | unknown | not measured, or 2k ≥ n: too few samples to tell | |

        Above chance means (recall − c) / (1 − c) with c = k / (n − 1): of 40 samples a random map keeps 38 %, and that
        is no merit.

        These thresholds are ours, set by maps whose worth is known. Recall alone would not do: it asks for the very
        same 15 samples, and the more samples there are, the more others are just as near. t-SNE of 70,000
        Fashion-MNIST images keeps 38 % and is as good a map as there is (trustworthiness 0.997); UMAP of the same
        keeps 16 %, and its groups are right (0.98) while its neighbors are not: fair. PCA of 2,000 of them is fair
        (0.92 and 20 %), of 70,000 low (0.92 and 2 %). A random layout has 0.5 and nothing: low. Trustworthiness alone
        would not do either: 0.92 sounds good, but a map that keeps no neighbors must not be read point by point.

        Source: ours.
        """
        values = [self.scores[name].value for name in ("trustworthiness", "continuity", "neighbor_recall")]
        if None in values or 2 * self.k >= self.recall.n:
            return "unknown"
        trusted, continued, recall = (value for value in values if value is not None)
        chance = self.k / (self.recall.n - 1)
        rank, lift = min(trusted, continued), (recall - chance) / (1 - chance)
        if rank >= HIGH[0] and lift >= HIGH[1]:
            return "high"
        return "fair" if rank >= FAIR[0] and lift >= FAIR[1] else "low"


def measure_map_trust(
    features: Float[np.ndarray, "sample feature"],
    neighbors: Neighbors,
    latent_map: LatentMap,
    *,
    k: int = 15,
    seed: int = 0,
    redrawn: LatentMap | None = None,
) -> MapTrust:
    """How far to trust a map of `features`, whose graph is `neighbors`.

    * `neighbor_recall`, and `stability` where `redrawn` is the same map with another seed: `share_in_common`. Where
      samples were placed beside others also that of those laid out and of those placed.
    * `trustworthiness` and `continuity`: `judge_neighbors`.
    * `shepard_spearman`: `measure_shepard`. `triplet_accuracy`: `measure_triplets`. These two see the large picture,
      which the first three do not.

    For each of them higher is better. Feature space has the metric of `neighbors`, maps are euclidean; equal distances
    are ordered by row number in both, and distances are equal where they agree in 36 bits of their square. k is cut to
    what exists: n − 1 and the width of `neighbors`. Where k is n − 1 every map keeps all neighbors, and where a map has
    all samples on one point it says nothing: reason instead of a score. Of large tables a random choice of samples is
    measured, each against all for trustworthiness and continuity; `n` of a score says how many. `seed` chooses them
    and draws the intervals, which draw samples, never neighbors, pairs or triplets: those that share a sample are not
    independent. Takes about 2 s at 70,000 samples.

    Source: Venna and Kaski 2001, https://doi.org/10.1007/3-540-44668-0_68, and those of each score.

    Raises:
        DataError: no samples, a feature or place that is not finite, or values of different samples.
    """
    maps = (latent_map,) if redrawn is None else (latent_map, redrawn)
    _require_same_samples(features, neighbors, maps)
    n, k = len(features), max(0, min(k, neighbors.indices.shape[1]))
    names = NEIGHBORS if redrawn is None else (*NEIGHBORS, "stability")
    nothing = _find_nothing_to_see(latent_map, k)
    if nothing:
        return _leave_open(n, k=k, scores=_explain((*names, *DISTANCES), n=n, reason=nothing))
    sides = open_space(features, metric=neighbors.metric), open_space(latent_map.xy, metric="euclidean")
    with Crew() as crew:
        distances = _compare_distances(sides, seed=seed, crew=crew)
        if k >= n - 1:
            reason = "so few samples are all neighbors of each other on any map"
            return _leave_open(n, k=k, scores={**_explain(names, n=n, reason=reason), **distances})
        near = neighbors.indices[:, :k]
        shown = [find_neighbors(each.xy, k=k, metric="euclidean").indices for each in maps]
        trust = _compare_neighbors(sides, near, shown, distances=distances, seed=seed, crew=crew)
    return _tell_apart(trust, latent_map, seed=seed)


def _require_same_samples(
    features: Float[np.ndarray, "sample feature"], neighbors: Neighbors, maps: Sequence[LatentMap]
) -> None:
    require_finite(features, purpose="the trust in a map")
    for each in maps:
        if not len(features) == len(neighbors.indices) == len(each.xy):
            got = f"{len(features)} samples, a graph of {len(neighbors.indices)}, a map of {len(each.xy)}"
            raise DataError(
                "features, neighbors and map must be of the same samples",
                got=got,
                hint="make the graph and the map from these very features",
                fault="data-columns",
            )
        require_finite(each.xy, purpose="the trust in a map")


def _find_nothing_to_see(latent_map: LatentMap, k: int) -> str:
    """Why no score would say anything about this map; empty if some do."""
    if len(latent_map.xy) == 1:
        return "a single sample has no neighbors"
    if not np.ptp(latent_map.xy, axis=0).any():
        return "all samples lie on one point"
    return "" if k else "the graph holds no neighbors"


def _explain(names: Sequence[str], *, n: int, reason: str) -> dict[str, Score]:
    """Scores without a value."""
    least = {"shepard_spearman": -1.0}
    return {
        name: Score(name=name, value=None, n=n, bounds=(least.get(name, 0.0), 1.0), reason=reason) for name in names
    }


def _leave_open(n: int, *, k: int, scores: Mapping[str, Score]) -> MapTrust:
    """Trust that has nothing to say of single samples."""
    nothing = np.full(n, np.nan)
    return MapTrust(
        k=k,
        scores=scores,
        per_point=nothing,
        per_point_trustworthiness=nothing,
        per_point_continuity=nothing,
        weak=np.zeros(n, dtype=bool),
    )


def _compare_distances(sides: tuple[Space, Space], *, seed: int, crew: Crew) -> dict[str, Score]:
    """The scores that need no neighbors."""
    n = len(sides[0])
    rows = np.sort(np.random.default_rng(seed).choice(n, size=min(n, COMPARED), replace=False))
    draws = np.concatenate(list(draw_counts(len(rows), seed=seed)))
    return {
        "shepard_spearman": measure_shepard(*sides, rows, draws=draws, seed=seed, crew=crew),
        "triplet_accuracy": measure_triplets(*sides, rows, draws=draws, seed=seed, crew=crew),
    }


def _compare_neighbors(
    sides: tuple[Space, Space],
    near: Nearest,
    shown: Sequence[Nearest],
    *,
    distances: Mapping[str, Score],
    seed: int,
    crew: Crew,
) -> MapTrust:
    """All of it, when the nearest in the features and on each map are known."""
    n, k = near.shape
    kept, rows = share_in_common(near, shown[0]), choose_rows(n, sides[0].features.shape[1], seed=seed)
    trusted, continued = np.full(n, np.nan), np.full(n, np.nan)
    trusted[rows] = judge_neighbors(sides[0], rows, shown[0][rows], crew=crew)
    continued[rows] = judge_neighbors(sides[1], rows, near[rows], crew=crew)
    scores = {
        "neighbor_recall": score_in_common("neighbor_recall", kept, k=k, seed=seed),
        **score_rows({"trustworthiness": trusted[rows], "continuity": continued[rows]}, seed=seed),
        **distances,
    }
    if len(shown) > 1:
        scores["stability"] = score_in_common("stability", share_in_common(*shown), k=k, seed=seed)
    return MapTrust(
        k=k,
        scores=scores,
        per_point=kept,
        per_point_trustworthiness=trusted,
        per_point_continuity=continued,
        weak=kept < WEAK_BELOW,
    )


def _tell_apart(trust: MapTrust, latent_map: LatentMap, *, seed: int) -> MapTrust:
    """With the neighbor recall of samples laid out and of samples placed, where there are both."""
    if latent_map.placed is None:
        return trust
    sides = {"laid_out_recall": ~latent_map.placed, "placed_recall": latent_map.placed}
    apart = {
        name: score_in_common(name, trust.per_point[side], k=trust.k, seed=seed)
        for name, side in sides.items()
        if side.any()
    }
    return replace(trust, scores={**trust.scores, **apart})
