"""Along how many axes do the features of a layer spread?"""

import math

import numpy as np
from jaxtyping import Float64

from latentscape.measures.bootstrap import score_with
from latentscape.measures.influence import influence_interval
from latentscape.measures.plain_rows import MOST_ROWS, scale_rows, take_rows
from latentscape.measures.score import Score
from latentscape.shapes import FeatureMatrix, PerSample

NAME = "effective_rank"
WIDE, MOST_WIDE = 2_000, 3_000
"""Of features wider than the first number, at most the second number of samples are taken: the axes cost their cube."""
FLAT = 1e-12
"""Squared singular values below this part of the largest are rounding errors of single precision."""


def measure_effective_rank(features: FeatureMatrix, *, seed: int) -> Score:
    """How many axes the features use, an axis counting by its share of the spread (RankMe).

    exp(-sum_k p_k log p_k), with p_k = s_k / sum(s) and s the singular values of the feature matrix: the exponential of
    their entropy. As in the paper the features are not centered, so a mean far from 0 is an axis as well, and can hide
    the others. From 1 (all features along one axis) to the smaller of samples and features (all axes alike). Higher is
    better where a layer is to serve other tasks: it says that no axes have collapsed; a layer close to the answer may
    do with fewer. It grows with the number of samples: compare layers on the same samples. Singular values below
    a millionth of the largest count as 0, where the paper adds 1e-7 to each p_k.

    The interval speaks of as many other samples; it comes from the influence of each sample on the logarithm. None
    where all features are 0. Above 20,000 samples (3,000 of more than 2,000 features) a random choice is measured.

    Raises:
        DataError: no samples, or a feature that is not finite.

    Source: Garrido, Balestriero, Najman and LeCun 2023, https://arxiv.org/abs/2210.02885; Roy and Vetterli 2007
    (EUSIPCO), where it was called effective rank.
    """
    n, d = features.shape
    most = MOST_ROWS if d <= WIDE else MOST_WIDE
    points, rows = take_rows(features, np.arange(n), purpose="the effective rank", most=most, seed=seed)
    bounds = (1.0, float(min(len(rows), d)))
    if not points.any():
        return Score(name=NAME, value=None, n=len(rows), bounds=bounds, reason="all features are 0")
    value, influences = _measure(scale_rows(points))
    interval = influence_interval(
        value, influences, method="by the influence of each sample", scale="log", bounds=bounds
    )
    return score_with(NAME, value, n=len(rows), interval=interval, bounds=bounds)


def _measure(points: Float64[np.ndarray, "sample feature"]) -> tuple[float, PerSample]:
    """The effective rank, and its derivative by the weight of each sample.

    A sample x adds (x . v_k)^2 to the square of the singular value of axis v_k.
    """
    lengths, squares = _find_axes(points)
    shares = lengths / lengths.sum()
    entropy = -float(np.sum(shares * np.log(shares)))
    slopes = -(np.log(shares) + entropy) / lengths.sum()
    value = min(max(math.exp(entropy), 1.0), float(min(points.shape)))
    return value, value * (squares @ (slopes / (2.0 * lengths)))


def _find_axes(
    points: Float64[np.ndarray, "sample feature"],
) -> tuple[Float64[np.ndarray, " axis"], Float64[np.ndarray, "sample axis"]]:
    """The singular values above 0, and each sample's squared place along their axes; from the smaller product."""
    n, d = points.shape
    values, vectors = np.linalg.eigh(points.T @ points if d <= n else points @ points.T)
    real = values > FLAT * values[-1]
    values, vectors = values[real], vectors[:, real]
    return np.sqrt(values), np.square(points @ vectors if d <= n else vectors * np.sqrt(values))
