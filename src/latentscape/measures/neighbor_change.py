"""Which samples have other neighbors than before, and which have left theirs far behind?"""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Float32, Float64, Int

from latentscape.errors import DataError
from latentscape.measures.layer_similarity import K
from latentscape.measures.plain_rows import choose_some
from latentscape.measures.recall import score_in_common, share_in_common
from latentscape.measures.score import Score
from latentscape.neighbors import Neighbors, require_finite
from latentscape.shapes import PerSample, Rows

MOST_REFERENCES = 2_000
"""Samples that neighbors are ranked among; of more, a seeded choice."""
NEAREST_SHARE = 25.0
"""Percentile over a sample's neighbors: a quarter of them staying near is enough not to have left."""
FAR = 0.05
"""A mover's nearest former neighbors are behind a twentieth of all other samples."""
FENCE = 3.0
"""A mover lies so many interquartile ranges above the upper quartile of all samples."""
MOST_MOVERS = 0.05
"""Largest share of the samples that can be movers; where more have gone far, that is how this step is."""
LEAST_SAMPLES = 30
"""Among fewer nobody stands out."""
SAME_COSINE = 1e-12
"""Cosines that differ by less differ by rounding only."""
BLOCK_NUMBERS = 2**20
"""Largest temporary array, in numbers."""


@dataclass(frozen=True, kw_only=True)
class NeighborChange:
    """How the neighborhoods of the same samples differ between two models; a space turned or scaled changes nothing."""

    k: int
    """Neighbors compared."""
    overlap: Score
    """`neighbor_overlap`: the mean of `kept`."""
    kept: PerSample
    """Share of each sample's k neighbors that it has in both, in [0, 1]."""
    moves: PerSample
    """How far each sample has gone from its neighbors, in [0, 1]: 0 where they are nearest still."""
    movers: Rows
    """Samples that have gone much farther than the others, the farthest first."""


def measure_neighbor_change(
    first: Float32[np.ndarray, "sample first"],
    second: Float32[np.ndarray, "sample second"],
    *,
    graphs: tuple[Neighbors, Neighbors],
    seed: int,
) -> NeighborChange:
    """Whose neighbors are others than before, and who has left them, however the space as a whole has turned.

    `kept` is |N_k(first) ∩ N_k(second)| / k of each sample, in [0, 1], with k = 15 or the width of the narrower graph
    (0 in a graph without neighbors: then nothing can be lost and it is 1); `neighbor_overlap` is its mean, with a
    bootstrap interval over samples, and None where k is all other samples.

    `moves` says how far a sample has gone: of all samples that are not its old neighbors, the share that is now
    strictly nearer (by cosine) than an old neighbor, taken at the lower quartile of its k old neighbors; the same of
    its new neighbors in the old space; and of the two the smaller. In [0, 1]: 0 where the neighbors are nearest still,
    about a fifth where they lie anywhere. A quarter of the neighbors staying near is enough for a small number, either
    way: neither the samples of a class that comes apart into two groups have gone far (their group has come along),
    nor those of two groups that have grown together. A class that has moved as a whole has not moved from its
    neighbors. Of more than 2,001 samples a seeded 2,000 stand for the others.

    `movers` have gone 0.05 or more (a twentieth of all others have come between), and arcsin(sqrt(move)), which varies
    about equally for small and large shares, lies above its upper quartile by more than 3 interquartile ranges: Tukey's
    fence for what is far out. The first keeps out tiny moves in a space that is at rest; the second a space in which
    all have gone far, such as that of another model, where going far is nothing special. They are at most 5 % of the
    samples: where more pass, that is how this step is, nobody stands out of it, and there are none. None among fewer
    than 30 samples. Neither is better: what has moved may have found its place.

    Raises:
        DataError: spaces or graphs of different samples, no samples, or a feature that is not finite.

    Source: the overlap as neighborhood preservation in Venna, Peltonen, Nybo, Aidos and Kaski 2010,
    https://jmlr.org/papers/v11/venna10a.html; the fence Tukey 1977, Exploratory Data Analysis; moves are ours.
    """
    _refuse_misfits(first, second, graphs)
    k = min(K, *(graph.indices.shape[1] for graph in graphs))
    old, new = (np.ascontiguousarray(graph.indices[:, :k]) for graph in graphs)
    kept = share_in_common(old, new) if k else np.ones(len(first))
    references = choose_some(len(first), most=MOST_REFERENCES + (len(first) == MOST_REFERENCES + 1), seed=seed)
    moves = np.minimum(_rank_far(second, old, references), _rank_far(first, new, references))
    return NeighborChange(
        k=k, overlap=_score_overlap(kept, k=k, seed=seed), kept=kept, moves=moves, movers=_find_movers(moves)
    )


def _refuse_misfits(first: np.ndarray, second: np.ndarray, graphs: tuple[Neighbors, Neighbors]) -> None:
    counts = [len(first), len(second), *(len(graph.indices) for graph in graphs)]
    if len(set(counts)) > 1:
        got = f"{counts[0]} and {counts[1]} samples, graphs of {counts[2]} and {counts[3]}"
        raise DataError(
            "neighbors can be compared between models only of the same samples",
            got=got,
            hint="give both models' features and graphs of the samples they share, in one order",
            fault="data-columns",
        )
    for features in (first, second):
        require_finite(features, purpose="the comparison of neighbors")


def _score_overlap(kept: PerSample, *, k: int, seed: int) -> Score:
    n = len(kept)
    if k == 0 or k >= n - 1:
        reason = "so few samples are all neighbors of each other" if k else "the graph holds no neighbors"
        return Score(name="neighbor_overlap", value=None, n=n, better="neither", reason=reason)
    return replace(score_in_common("neighbor_overlap", kept, k=k, seed=seed), better="neither")


def _rank_far(
    features: Float32[np.ndarray, "sample feature"], nearest: Int[np.ndarray, "sample k"], references: Rows
) -> PerSample:
    """For each sample the lower quartile, over some others, of the share of all the rest that is nearer in a space."""
    (n, k), far = nearest.shape, np.zeros(len(nearest))
    if k == 0:
        return far
    place = np.full(n, len(references))
    place[references] = np.arange(len(references))
    towards = direct_all(features[references])
    step = max(1, BLOCK_NUMBERS // (k * max(len(references), features.shape[1])))
    for at in range(0, n, step):
        rows = np.arange(at, min(at + step, n))
        points, near = direct_all(features[rows]), direct_all(features[nearest[rows].ravel()])
        cosines = np.einsum("id,ikd->ik", points, near.reshape(len(rows), k, -1))
        others = np.column_stack([points @ towards.T, np.zeros(len(rows))])
        apart = np.column_stack([place[rows], place[nearest[rows]]])
        np.put_along_axis(others, apart, -np.inf, axis=1)
        shares = _count_nearer(others[:, :-1], cosines)
        far[rows] = np.percentile(shares, NEAREST_SHARE, axis=1)
    return far


def _count_nearer(
    others: Float64[np.ndarray, "row reference"], cosines: Float64[np.ndarray, "row k"]
) -> Float64[np.ndarray, "row k"]:
    """The share of the others (those that take part) that is strictly nearer than each neighbor; 0 without others."""
    counts = (others[:, None, :] > cosines[:, :, None] + SAME_COSINE).sum(axis=2)
    return counts / np.maximum(np.isfinite(others).sum(axis=1), 1)[:, None]


def direct_all(features: Float[np.ndarray, "sample feature"]) -> Float64[np.ndarray, "sample axis"]:
    """Rows at length 1 in double precision; a row of zeros has an axis of its own, as in the neighbor graph."""
    rows = features.astype(np.float64)
    lengths = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    rows /= np.where(lengths > 0, lengths, 1.0)[:, None]
    return np.column_stack([rows, lengths == 0])


def _find_movers(moves: PerSample) -> Rows:
    if len(moves) < LEAST_SAMPLES:
        return np.empty(0, dtype=np.int64)
    angles = np.arcsin(np.sqrt(moves))
    lower, upper = np.percentile(angles, [25.0, 75.0])
    far = np.flatnonzero((moves >= FAR) & (angles > upper + FENCE * (upper - lower)))
    if len(far) > MOST_MOVERS * len(moves):
        return np.empty(0, dtype=np.int64)
    return far[np.argsort(-moves[far], kind="stable")]
