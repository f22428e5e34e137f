"""Features as rows that a measure can multiply: finite, in double precision, and not too many."""

import numpy as np
from jaxtyping import Float, Float64, Int

from latentscape.errors import DataError
from latentscape.neighbors import require_finite
from latentscape.shapes import FeatureMatrix, Rows

MOST_ROWS = 20_000
"""Samples that measures of cost n * features take; of more, a random choice."""


def refuse_not_finite(features: Float[np.ndarray, "sample feature"], *, failure: str) -> None:
    """Raise DataError, beginning with what fails, unless every value is finite; no rows are fine."""
    n_bad = int(np.sum(~np.isfinite(features)))
    if n_bad:
        raise DataError(
            f"{failure}: a feature is not finite",
            got=f"{n_bad} NaN or infinite values",
            expected="finite features",
            hint="drop the samples with non-finite features first",
        )


def choose_some(n: int, *, most: int, seed: int) -> Rows:
    """All of n row numbers, or a random choice of `most` of them, ascending."""
    return np.arange(n) if n <= most else np.sort(np.random.default_rng(seed).choice(n, size=most, replace=False))


def take_rows(
    features: FeatureMatrix, rows: Rows, *, purpose: str, most: int = MOST_ROWS, seed: int
) -> tuple[Float64[np.ndarray, "taken feature"], Int[np.ndarray, " taken"]]:
    """Some of the rows in double precision, at most `most`, and their numbers.

    Raises:
        DataError: no rows, no columns, or a value among the rows that is not finite.
    """
    is_all = len(rows) == len(features) and np.array_equal(rows, np.arange(len(rows)))  # then no copy of a large table
    require_finite(features if is_all else features[rows], purpose=purpose)
    chosen = rows[choose_some(len(rows), most=most, seed=seed)]
    return features[chosen].astype(np.float64), chosen


def scale_rows(rows: Float[np.ndarray, "row feature"]) -> Float64[np.ndarray, "row feature"]:
    """All rows times one power of two, so that neither their squares nor products of those leave double precision."""
    exponent = int(np.frexp(np.abs(rows).max(initial=0.0))[1])
    return np.ldexp(rows.astype(np.float64), -exponent)


def direct_rows(
    rows: Float64[np.ndarray, "row feature"], numbers: Rows
) -> tuple[Float64[np.ndarray, "kept feature"], Int[np.ndarray, " kept"]]:
    """The rows that have a direction, at length 1, and their numbers; a row of zeros has none."""
    lengths = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    kept = lengths > 0
    return rows[kept] / lengths[kept, None], numbers[kept]
