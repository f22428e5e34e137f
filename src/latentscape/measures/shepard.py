"""Are samples that are far apart in feature space far apart on the map?"""

import numpy as np
from jaxtyping import Float64, Int

from latentscape.engine import Crew
from latentscape.measures.bootstrap import bootstrap_interval, score_with
from latentscape.measures.rank_kernels import correlate_draws
from latentscape.measures.score import Score
from latentscape.measures.spaces import Pairs, Space, measure_pairs
from latentscape.shapes import Rows

N_PAIRS = 10_000
"""Pairs compared; all pairs where there are fewer."""
NAME = "shepard_spearman"

Codes = Int[np.ndarray, " pair"]


def measure_shepard(
    features: Space, latent_map: Space, rows: Rows, *, draws: Float64[np.ndarray, "draw row"], seed: int, crew: Crew
) -> Score:
    """Spearman's rank correlation of the distances in feature space and on the map, over random pairs of `rows`.

    In [-1, 1], higher is better: 1 means that the map keeps the order of all distances, 0 that it has none. Pairs of
    equal distance share their mean rank (Spearman 1904). `n` is the number of samples that form pairs.

    The interval draws samples, not pairs: in a draw that holds sample i c_i times (`draws`), the pair (i, j) weighs
    c_i c_j, and the distances are ranked anew. Pairs that share a sample are not independent; drawing pairs would hide
    that. Where few pairs share one, the interval is too wide rather than too narrow: up to twice as wide as it need
    be. At most 2,000 seeded samples form at most 10,000 different pairs; all of them where there are fewer. None with
    fewer than three samples, or where all distances are equal.

    Source: Shepard 1962, https://doi.org/10.1007/BF02289630 (distances against distances); Spearman 1904,
    https://doi.org/10.2307/1412159.
    """
    pairs = _draw_pairs(len(rows), seed=seed)
    far, shown = (_code(measure_pairs(space, rows, pairs, crew=crew)) for space in (features, latent_map))
    value = _correlate(np.ones((1, len(rows))), pairs, (far, shown), crew=crew)[0]
    if not np.isfinite(value):
        return Score(name=NAME, value=None, n=len(rows), bounds=(-1.0, 1.0), reason=_explain(far, shown))
    drawn = _correlate(draws, pairs, (far, shown), crew=crew)
    interval = bootstrap_interval(drawn, unit="samples", n_units=len(rows))
    return score_with(NAME, float(value), n=len(rows), interval=interval, bounds=(-1.0, 1.0))


def _draw_pairs(n: int, *, seed: int) -> Pairs:
    """`N_PAIRS` different pairs of n positions, the smaller first; all pairs if there are fewer."""
    total = n * (n - 1) // 2
    numbers = np.arange(total)
    if total > N_PAIRS:
        numbers = np.sort(np.random.default_rng(seed).choice(total, size=N_PAIRS, replace=False))
    larger = ((1 + np.sqrt(1 + 8 * numbers)) / 2).astype(np.int64)
    return np.column_stack([numbers - larger * (larger - 1) // 2, larger])


def _code(squares: Float64[np.ndarray, " pair"]) -> Codes:
    """Number the different distances from the smallest to the largest."""
    return np.unique(squares, return_inverse=True)[1].astype(np.int64)


def _correlate(
    counts: Float64[np.ndarray, "draw sample"], pairs: Pairs, codes: tuple[Codes, Codes], *, crew: Crew
) -> Float64[np.ndarray, " draw"]:
    """Spearman's correlation in each draw; NaN where it does not exist."""
    correlations = np.empty(len(counts))
    crew.share(correlate_draws, len(counts), counts, pairs, *codes, correlations, least=8)
    return correlations


def _explain(far: Codes, shown: Codes) -> str:
    """Why no correlation exists."""
    if len(far) < 3:
        return "a rank correlation of distances needs three samples"
    where = "in feature space" if far.max() == 0 else "on the map"
    return f"all samples are equally far apart {where}"
