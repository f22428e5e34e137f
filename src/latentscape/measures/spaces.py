"""The two spaces a measure of faithfulness compares, each as points whose squared distances order it."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64, Int

from latentscape.engine import Crew
from latentscape.measures.rank_kernels import square_pairs

SAME_DIRECTION = 2.0**-49
"""Squared distances of unit rows below this are 0: the angle is smaller than single precision can write."""

Pairs = Int[np.ndarray, "pair 2"]


@dataclass(frozen=True, kw_only=True)
class Space:
    """Features and how far apart two of them are. Points are made when asked for: features may lie on disk."""

    features: Float[np.ndarray, "sample feature"]
    metric: str
    exponent: int
    """Points are features times 2**-exponent: no digit changes, and squares neither overflow nor vanish."""

    def __len__(self) -> int:
        return len(self.features)

    @property
    def blur(self) -> float:
        """Squared distances below this count as 0."""
        return SAME_DIRECTION if self.metric == "cosine" else 0.0

    def place(self, rows: slice | Int[np.ndarray, " row"]) -> Float64[np.ndarray, "row axis"]:
        """Points of these rows: squared euclidean distances between them order the samples as the metric does."""
        points = np.asarray(self.features[rows], dtype=np.float64)
        return _direct(points) if self.metric == "cosine" else np.ldexp(points, -self.exponent)


def open_space(features: Float[np.ndarray, "sample feature"], *, metric: str) -> Space:
    """The space of features of which at least one exists."""
    largest = max(float(features.max()), -float(features.min())) if metric == "euclidean" else 1.0
    return Space(features=features, metric=metric, exponent=int(np.frexp(largest)[1]))


def measure_pairs(
    space: Space, rows: Int[np.ndarray, " row"], pairs: Pairs, *, crew: Crew
) -> Float64[np.ndarray, " pair"]:
    """Squared distance of each pair of positions in `rows`, equal where only rounding errors differ."""
    squares = np.empty(len(pairs))
    crew.share(square_pairs, len(pairs), space.place(rows), np.ascontiguousarray(pairs), space.blur, squares)
    return squares


def _direct(points: Float64[np.ndarray, "row feature"]) -> Float64[np.ndarray, "row axis"]:
    """Unit rows; rows of zeros have no direction: they lie on an axis of their own, at a right angle to all others."""
    exponents = np.frexp(np.abs(points).max(axis=1, keepdims=True))[1]
    points = np.ldexp(points, -exponents)
    lengths = np.linalg.norm(points, axis=1, keepdims=True)
    return np.hstack([points / np.where(lengths == 0, 1.0, lengths), (lengths == 0).astype(np.float64)])
