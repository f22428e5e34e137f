"""Which of two samples is nearer to a third: does the map give the same answer as the features?"""

from itertools import combinations

import numpy as np
from jaxtyping import Float64, Int

from latentscape.engine import Crew
from latentscape.measures.bootstrap import Interval, mean_share_interval, score_with
from latentscape.measures.rank_kernels import average_draws
from latentscape.measures.score import Score
from latentscape.measures.spaces import Space, measure_pairs
from latentscape.shapes import Rows

N_TRIPLETS = 20_000
"""Triplets asked for; all triplets where there are fewer."""
NAME = "triplet_accuracy"

Triplets = Int[np.ndarray, "triplet 3"]


def measure_triplets(
    features: Space, latent_map: Space, rows: Rows, *, draws: Float64[np.ndarray, "draw row"], seed: int, crew: Crew
) -> Score:
    """Share of random triplets (i, j, l) of `rows` in which the map, like the features, has j nearer to i than l.

    In [0, 1], higher is better; a map that places samples at random scores 0.5. A triplet whose j and l are equally far
    from i in feature space asks nothing and is left out; where they are equally far on the map only, it answers half.
    `n` is the number of samples that form triplets.

    The interval draws samples: in a draw that holds sample i c_i times (`draws`), the triplet weighs c_i c_j c_l. What
    triplets have in common by sharing a sample, as anchor or not, is in the interval; where few share one, it is too
    wide rather than too narrow. At most 2,000 seeded samples form 20,000 triplets; all of them where there are fewer.
    None with fewer than three samples, or where no triplet asks.

    Source: Wang, Huang, Rudin, Shaposhnik 2021, https://jmlr.org/papers/v22/20-1061.html (random triplet accuracy).
    """
    triplets = _draw_triplets(len(rows), seed=seed)
    asked = _order(features, rows, triplets, crew=crew)
    triplets, asked = triplets[asked != 0], asked[asked != 0]
    if not len(triplets):
        many = "all samples are equally far apart in feature space"
        reason = many if len(rows) > 2 else "triplets need three samples"
        return Score(name=NAME, value=None, n=len(rows), reason=reason)
    right = (1 + asked * _order(latent_map, rows, triplets, crew=crew)) / 2
    drawn = np.empty(len(draws))
    crew.share(average_draws, len(draws), draws, triplets, right, drawn, least=8)
    return score_with(NAME, float(right.mean()), n=len(rows), interval=_enclose(drawn, float(right.mean()), len(rows)))


def _enclose(draws: Float64[np.ndarray, " draw"], share: float, n: int) -> Interval:
    """The interval of a mean of which a draw may have none."""
    defined = draws[np.isfinite(draws)]
    if 2 * len(defined) < len(draws):
        return Interval()
    return mean_share_interval(defined, share, unit="samples", n_units=n)


def _draw_triplets(n: int, *, seed: int) -> Triplets:
    """`N_TRIPLETS` triplets of three different positions, the anchor first; all of them if there are fewer."""
    if n * (n - 1) * (n - 2) // 2 <= N_TRIPLETS:
        all_of_them = [(i, *pair) for i in range(n) for pair in combinations(range(n), 2) if i not in pair]
        return np.array(all_of_them, dtype=np.int64).reshape(-1, 3)
    random = np.random.default_rng(seed)
    i = random.integers(0, n, size=N_TRIPLETS)
    j = (i + random.integers(1, n, size=N_TRIPLETS)) % n
    between = random.integers(1, n - 1, size=N_TRIPLETS)  # steps from i to l that skip j
    return np.column_stack([i, j, (i + between + (between >= (j - i) % n)) % n])


def _order(space: Space, rows: Rows, triplets: Triplets, *, crew: Crew) -> Float64[np.ndarray, " triplet"]:
    """-1 where j is nearer to the anchor, 1 where l is, 0 where both are equally near."""
    near = measure_pairs(space, rows, triplets[:, :2], crew=crew)
    return np.sign(near - measure_pairs(space, rows, triplets[:, ::2], crew=crew))
