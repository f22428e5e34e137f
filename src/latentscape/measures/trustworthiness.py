"""Which neighbors does a map make up, and which does it tear away? Weighed by how far they come from."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float, Int

from latentscape.engine import Crew
from latentscape.measures.bootstrap import mean_share_interval, resample_sums, score_with
from latentscape.measures.ranks import count_ranks
from latentscape.measures.score import Score
from latentscape.measures.spaces import Space
from latentscape.shapes import Rows

ALL_ROWS = 3_000
"""Up to so many samples all of them are judged; beyond, a random choice of at most as many."""
LEAST_ROWS = 1_000
"""However many samples there are, at least so many are judged: means are then right to about 0.005."""
WORK = 2 * 10**10
"""Products of features that judging may take: a second or so."""


def choose_rows(n: int, n_features: int, *, seed: int) -> Rows:
    """Samples that trustworthiness and continuity are measured on: all of them while that is quick, else a seeded few.

    Each of them is ranked among all n samples.
    """
    if n <= ALL_ROWS:
        return np.arange(n)
    wanted = int(np.clip(WORK // (n * n_features), LEAST_ROWS, ALL_ROWS))
    return np.sort(np.random.default_rng(seed).choice(n, size=wanted, replace=False))


def judge_neighbors(
    space: Space, rows: Rows, nearest: Int[np.ndarray, "row k"], *, crew: Crew
) -> Float[np.ndarray, " row"]:
    """For each of `rows`, how near in `space` its k nearest of the other space are: 1 among the k nearest, 0 farthest.

    t_i = 1 − Σ over j of max(0, r(i, j) − k) / w, with r(i, j) the rank of j among the n − 1 others by distance from i
    in `space`, j over the k `nearest` of the other space, and w the largest sum possible, so that 0 is the worst map:
    k (2n − 3k − 1) / 2 for k < n / 2, as in scikit-learn, else (n − k) (n − k − 1) / 2. Defined for k < n − 1.

    * `trustworthiness` is the mean over i where `nearest` are those on the map and `space` holds the features: are
      false neighbors at least from nearby?
    * `continuity` is the mean where they change places: are lost neighbors at least not far?

    In [0, 1], higher is better; a map that places samples at random scores 0.5, or 1 − k / (n − 1) for k ≥ n / 2. All
    samples up to 3,000; beyond, a seeded choice of 3,000 (of 1,000 where samples and features are many), each ranked
    among all n, and the others have no value. Ranks are exact: single precision proposes, double precision decides
    wherever rounding could matter. Equal distances are ordered by row number.

    Source: Venna and Kaski 2001, https://doi.org/10.1007/3-540-44668-0_68, and 2006,
    https://doi.org/10.1016/j.neunet.2006.05.014.
    """
    n, k = len(space), nearest.shape[1]
    excess = np.maximum(count_ranks(space, rows, nearest, crew=crew) - k, 0).sum(axis=1)
    worst = k * (2 * n - 3 * k - 1) if 2 * k < n else (n - k) * (n - k - 1)
    return 1 - 2 * excess / worst


def score_rows(values: Mapping[str, Float[np.ndarray, " row"]], *, seed: int) -> dict[str, Score]:
    """The means over the rows judged by name, each with a bootstrap interval over them; `n` is their number."""
    n = len(next(iter(values.values())))
    draws = resample_sums(np.column_stack(list(values.values())), seed=seed) / n
    scores = {}
    for (name, each), means in zip(values.items(), draws.T, strict=True):
        interval = mean_share_interval(means, float(each.mean()), unit="samples", n_units=n)
        scores[name] = score_with(name, float(each.mean()), n=n, interval=interval)
    return scores
