"""How many directions can a sample move in without leaving the others?"""

import math

import numpy as np
from jaxtyping import Float64, Int

from latentscape.measures.bootstrap import Interval, score_with
from latentscape.measures.score import Score
from latentscape.neighbors import Neighbors

NAME, BOUNDS = "intrinsic_dimension", (0.0, float("inf"))
KEPT = 0.9
"""Part of the ratios that are used as they are; the largest are the least like the theory."""
ROWS_COMPARED = 3_000
"""At most so many samples tell how much samples depend on each other."""

Triples = Int[np.ndarray, "place 3"]
"""A place and its two nearest others."""


def measure_intrinsic_dimension(neighbors: Neighbors) -> Score:
    """The dimension of the surface that samples lie on, from the distances to their two nearest others (TwoNN).

    Where samples are spread evenly as far as the second neighbor, the logarithm of the ratio r2 / r1 of the two
    distances is exponential with rate d. The estimate is the maximum likelihood of that with the largest tenth of the
    ratios known only to be large, as Facco and others leave them out of their fit of a line: with l_1 <= .. <= l_n the
    logarithms and m = floor(0.9 n), d = (m - 1) / (l_1 + .. + l_m + (n - m) l_m), which is unbiased.

    The interval is that of the gamma distribution, exact for m independent ratios (Epstein and Sobel 1953). Ratios of
    samples that have each other or a neighbor in common are not independent: the sum of products of their residuals
    says how many independent ones they are worth, m or fewer, and the interval is that of so many.

    Above 0, neither is better: it falls where a layer keeps only what the answer needs. From about ten on the value is
    too low unless there are very many samples. Under cosine the distances are chords, sqrt(2 - 2 cosine), and the
    dimension is that of the directions: lengths do not count. Samples in one place count once, for their distance 0 has
    no logarithm; `n` says how many places remain. None with fewer than three of them or a graph of one neighbor, or
    where first and second neighbors are equally far.

    Source: Facco, d'Errico, Rodriguez and Laio 2017, https://doi.org/10.1038/s41598-017-11873-y.
    """
    graph = neighbors.kinds.neighbors if neighbors.kinds else neighbors
    if graph.distances.shape[1] < 2:
        return _explain(len(graph.distances), "each place needs two others next to it in the graph")
    first, second = graph.distances[:, :2].astype(np.float64).T
    apart = np.flatnonzero(first > 0)
    if len(apart) < 3:
        return _explain(len(apart), f"a dimension needs three different places, there are {len(apart)}")
    ratios = np.log(second[apart] / first[apart])
    logs = ratios / 2 if graph.metric == "cosine" else ratios  # 1 - cos is half the square of the chord
    m = max(2, math.floor(KEPT * len(logs)))
    last = np.partition(logs, m - 1)[m - 1]
    total = float(np.minimum(logs, last).sum())
    if total <= 0:
        return _explain(len(logs), "the two nearest neighbors are equally far from nearly every sample")
    residuals = (logs <= last) - m / total * np.minimum(logs, last)
    triples = np.column_stack([apart, graph.indices[apart, :2]]).astype(np.int64)
    interval = _enclose(m, total, inflation=_find_inflation(residuals, triples))
    return score_with(NAME, (m - 1) / total, n=len(logs), interval=interval, better="neither", bounds=BOUNDS)


def _explain(n: int, reason: str) -> Score:
    return Score(name=NAME, value=None, n=n, better="neither", bounds=BOUNDS, reason=reason)


def _find_inflation(residuals: Float64[np.ndarray, " place"], triples: Triples) -> float:
    """How much more the sum of the residuals varies than that of independent ones; at least 1.

    The sum of r_i r_j over all i, j whose triples meet, over that with i = j: the variance under local dependence,
    Chen and Shao 2004 (Annals of Probability 32, p. 1985).
    """
    from scipy.sparse import csr_array  # noqa: PLC0415  light commands import this module and never come here

    n, width = len(triples), int(triples.max()) + 1
    members = csr_array((np.ones(triples.size, np.float32), (np.arange(n).repeat(3), triples.ravel())), (n, width))
    some = np.arange(0, n, -(-n // ROWS_COMPARED))
    meet = members[some] @ members.T
    meet.data[:] = 1.0
    alone = float(np.square(residuals[some]).sum())
    return max(1.0, float(residuals[some] @ (meet @ residuals)) / alone) if alone > 0 else 1.0


def _enclose(m: int, total: float, *, inflation: float) -> Interval:
    """The gamma interval of as many independent ratios as these are worth."""
    from scipy.special import gammaincinv  # noqa: PLC0415  light commands import this module and never come here

    worth = max(m / inflation, 1.0)
    low, high = (float(gammaincinv(worth, share)) * m / worth / total for share in (0.025, 0.975))
    return Interval(low=low, high=high, method=f"95 % gamma, {m} ratios worth {worth:.0f} independent ones")
