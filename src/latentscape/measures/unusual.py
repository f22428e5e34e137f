"""How far apart neighbors usually are in a layer, so that what is unusual can be told from chance."""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from jaxtyping import Float, Float64, Int

from latentscape.neighbors import Neighbors

FALSE_ALARM = 0.001
"""Chance of a false alarm in a whole data set."""
LEAST_PLACES = 30
"""With fewer different places nobody can say what is usual."""
MOST_TIES = 0.01
"""Share of neighboring distances that are equal by chance in features that vary smoothly: practically none."""
SMALLEST = float(np.finfo(np.float64).tiny)
"""Stands for a distance that is lost in rounding, so that it has a logarithm."""
MAD_TO_DEVIATION = 1.482602218505602
"""Standard deviation over median absolute deviation of a normal distribution."""


@dataclass(frozen=True, kw_only=True)
class Places:
    """The different places that samples have in a layer, and how far each is from its nearest others."""

    of: Int[np.ndarray, " sample"]
    """The place of each sample."""
    nearest: Int[np.ndarray, "place k"]
    lengths: Float64[np.ndarray, "place k"]
    """Distances to them, ascending and above 0: euclidean ones, or between unit vectors for the cosine metric."""

    @property
    def are_comparable(self) -> bool:
        """Whether there are enough places, and distances vary smoothly: whole numbers repeat themselves by chance."""
        n, k = self.lengths.shape
        if n < LEAST_PLACES or k < 2:
            return False
        equal = (self.lengths[:, 1:] == self.lengths[:, :-1]) | (self.lengths[:, :-1] == SMALLEST)
        return bool(equal.mean() < MOST_TIES)


def find_places(neighbors: Neighbors, *, k: int) -> Places:
    """The places behind a neighbor graph, each with at most k nearest others."""
    kinds = neighbors.kinds
    graph = kinds.neighbors if kinds else neighbors
    distances = graph.distances[:, :k].astype(np.float64)
    # 1 - cos is half the squared distance of the unit vectors
    lengths = np.sqrt(2 * distances) if neighbors.metric == "cosine" else distances
    return Places(
        of=kinds.group if kinds else np.arange(len(neighbors.indices)),
        nearest=graph.indices[:, :k],
        lengths=np.maximum(lengths, SMALLEST),
    )


def find_usual(logs: Float[np.ndarray, " place"]) -> tuple[float, float, float]:
    """The lowest usual value, the median and the highest usual one: median -+ z times 1.4826 median deviations.

    z makes a value outside less probable than 0.1 % in the whole data set if the values are normal. The median
    deviation does not mind a few values far away. Bonferroni's bound over the values.
    """
    middle = float(np.median(logs))
    deviation = MAD_TO_DEVIATION * float(np.median(np.abs(logs - middle)))
    reach = deviation * NormalDist().inv_cdf(1 - FALSE_ALARM / len(logs))
    return middle - reach, middle, middle + reach


def judge_spacing(
    spacing: Float[np.ndarray, "..."], usual: Float[np.ndarray, "..."], m: int
) -> Float[np.ndarray, "..."]:
    """Chance of a spacing at least as large, when it and the m spacings of mean `usual` are of one exponential law.

    Their ratio is then Fisher's F with 2 and 2m degrees of freedom: p = (1 + spacing / (m usual))^-m. 1 where `usual`
    is 0: without any spread nothing can be said.
    """
    ratio = np.divide(spacing, m * usual, out=np.zeros_like(spacing), where=usual > 0)
    return (1 + ratio) ** -m
