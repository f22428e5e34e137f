"""Points in single precision, as fast products need them, and how wrong their products may be."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64

from latentscape.neighbors.ranking import Task
from latentscape.neighbors.space import Space, cut_rows


@dataclass(frozen=True, kw_only=True)
class Field:
    """Points around their mean, scaled by 2**-exponent so that squares neither overflow nor vanish."""

    points: Float32[np.ndarray, "row axis"]
    lengths: Float64[np.ndarray, " row"]
    """Squared distances from the mean, in the field's own units."""
    mean: Float64[np.ndarray, " axis"]
    exponent: int
    zeros: bool

    @property
    def unit(self) -> float:
        """A squared distance of the field times this is one of the space."""
        return 4.0**self.exponent


def lay_out(task: Task) -> tuple[Field, Field]:
    """The rows and the queries of a task in one field; distances stay when the mean is taken off, errors shrink."""
    zeros = task.space.has_zeros or task.queries.has_zeros
    mean = _average(task.space, zeros=zeros)
    largest = max(_find_largest(each, mean, zeros=zeros) for each in (task.space, task.queries))
    exponent = int(np.frexp(largest)[1])
    field = _convert(task.space, mean, exponent=exponent, zeros=zeros)
    return field, field if task.within else _convert(task.queries, mean, exponent=exponent, zeros=zeros)


def bound_errors(
    field: Field, lengths: Float64[np.ndarray, " line"], *, reach: Float64[np.ndarray, " line"]
) -> Float64[np.ndarray, " line"]:
    """How wrong |x|² + |y|² - 2xy may come out for a line of squared length |x|² and any y within its reach.

    A row y longer than |x| + reach is farther than the reach, whatever its error. Source: Higham 2002, section 3.1.
    """
    info, axes = np.finfo(np.float32), field.points.shape[1]
    others = np.minimum(field.lengths.max(), (np.sqrt(lengths) + reach) ** 2 * (1 + 1e-3))
    return float(info.eps) * (axes / 2 + 8) * (lengths + others) + float(info.tiny) * axes


def _average(space: Space, *, zeros: bool) -> Float64[np.ndarray, " axis"]:
    sums = [space.weigh(at, zeros=zeros).sum(axis=0) for at in cut_rows(space.rows)]
    return np.sum(sums, axis=0) / len(space.rows)


def _find_largest(space: Space, mean: Float64[np.ndarray, " axis"], *, zeros: bool) -> float:
    return max(float(np.abs(space.weigh(at, zeros=zeros) - mean).max()) for at in cut_rows(space.rows))


def _convert(space: Space, mean: Float64[np.ndarray, " axis"], *, exponent: int, zeros: bool) -> Field:
    points = np.empty((len(space.rows), len(mean)), np.float32)
    lengths = np.empty(len(points))
    for at in cut_rows(points):
        points[at] = np.ldexp(space.weigh(at, zeros=zeros) - mean, -exponent)
        lengths[at] = (points[at].astype(np.float64) ** 2).sum(axis=1)
    return Field(points=points, lengths=lengths, mean=mean, exponent=exponent, zeros=zeros)
