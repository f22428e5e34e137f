"""Which samples are like no other?"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64

from latentscape.measures.suspects import Filing, Suspect
from latentscape.measures.unusual import FALSE_ALARM, LEAST_PLACES, find_places, find_usual, judge_spacing
from latentscape.neighbors import Neighbors
from latentscape.shapes import Labels

MOST_OUTLIERS = 0.02
"""Largest share of the samples that can be outliers; more are a cluster of their own."""
TAIL = 0.1
"""Share of the samples whose distances say how the others thin out."""
LEAST_TAIL, MOST_TAIL = 20, 200


def find_outliers(
    neighbors: Neighbors,
    *,
    ids: Sequence[str],
    labels: Labels,
    splits: Sequence[str] | None = None,
    k: int = 15,
) -> tuple[Suspect, ...]:
    """Samples much farther from their neighbors than even the loneliest of the others; the farthest first.

    With f_i the mean distance of place i to its k nearest other places, and log f in descending order, the first j
    places are outliers for the largest j (at most 2 % of the places) with both:

    * the gap behind the j-th is too wide: in a tail that thins out exponentially (so f by a power law, thinner for
      normal or uniform features) j (log f_(j) - log f_(j+1)) are independent and of one mean; it is tested against the
      spacings of the next tenth of the places (Fisher's F), p < 0.001 over all j tried;
    * log f_(j) is above the median by z robust deviations, z for a false alarm of 0.001 in the data set.

    Strength: f_i over the median of f; larger is stronger. Nothing is found with fewer than 30 places, or where
    distances repeat themselves (whole numbers); a place that more than 2 % of the samples share is no outlier.

    Source: distance to the nearest neighbors as outlier score: Ramaswamy, Rastogi and Shim 2000,
    https://doi.org/10.1145/342009.335437; normalized spacings of a tail: Renyi 1953; the combination is our own.
    """
    places = find_places(neighbors, k=k)
    if not places.are_comparable:
        return ()
    far, crowds = np.log(places.lengths.mean(axis=1)), np.bincount(places.of)
    few = np.flatnonzero(crowds <= max(1, MOST_OUTLIERS * len(ids)))
    order = few[np.argsort(-far[few], kind="stable")]
    chosen = order[: _count_outliers(far[order])]
    times = np.exp(far - np.median(far))[places.of]
    rows, k = np.flatnonzero(np.isin(places.of, chosen)), places.lengths.shape[1]
    filing = Filing(ids=ids, labels=labels, splits=splits)
    return tuple(
        filing.suspect(
            [row],
            kind="outlier",
            strength=times[row],
            reason=f"its {k} nearest neighbors are {times[row]:,.3g} times as far as usual",
        )
        for row in rows[np.argsort(-times[rows], kind="stable")].tolist()
    )


def _count_outliers(far: Float64[np.ndarray, " place"]) -> int:
    """How many of the first of these values, in descending order, stand apart from the rest."""
    n = len(far)
    if n < LEAST_PLACES:
        return 0
    most, tail = max(1, int(MOST_OUTLIERS * n)), int(np.clip(TAIL * n, LEAST_TAIL, MOST_TAIL))
    spacings = -np.diff(far) * np.arange(1, n)
    _, _, highest = find_usual(far)
    usual = np.array([spacings[j : j + tail].mean() for j in range(1, most + 1)])
    p = judge_spacing(spacings[:most], usual, tail)
    apart = np.flatnonzero((p < FALSE_ALARM / most) & (far[:most] > highest))
    return int(apart[-1]) + 1 if apart.size else 0
