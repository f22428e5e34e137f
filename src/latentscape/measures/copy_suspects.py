"""Which samples are in the data set more than once, and does it matter?"""

from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Bool, Float, Float64, Int

from latentscape.measures.suspects import Filing, Suspect, SuspectKind
from latentscape.measures.unusual import FALSE_ALARM, Places, find_places, find_usual, judge_spacing
from latentscape.neighbors import Neighbors
from latentscape.shapes import Labels

HARM: tuple[SuspectKind, ...] = ("conflicting_copies", "leaking_copies", "copies")
"""Kinds of exact copies, the most harmful first."""
K = 15
"""Neighbors that tell how dense a place is."""
MOST_TOGETHER = 10
"""Samples in the largest group of near copies; more of them in one place are a property of the layer."""
LEAST_SPACINGS = 5
"""Spacings among the farther neighbors that a gap is compared with."""
MOST_STRENGTH = 1e6
CLEAR_RATIO = 10.0
"""Near copies are at least so many times closer to each other than to any other sample."""
LEAST_FREE = 2
"""Features of a shared place that are not at an end of their column's range."""
MOST_SHARING = 0.2
"""Where a larger share of the samples is in the same place as another, sharing a place is nothing unusual."""


def find_copy_suspects(
    groups: Sequence[Sequence[int]], *, ids: Sequence[str], labels: Labels, splits: Sequence[str]
) -> tuple[Suspect, ...]:
    """Groups of samples with the same content, over the whole data set: what harms most first, then larger groups.

    Kinds: `conflicting_copies` are filed under different classes, so that at least one is filed wrongly; else
    `leaking_copies` are on both sides of the split, so that the model is judged on what it has learned by heart; else
    `copies`, which count one sample several times. An unknown class (-1) conflicts with none. Strength: samples in the
    group. `groups` are lists of rows.

    Source: byte-for-byte comparison; no estimate is involved.
    """
    found: list[Suspect] = []
    filing = Filing(ids=ids, labels=labels, splits=splits)
    for rows in groups:
        n_classes = len({int(labels[row]) for row in rows} - {-1})
        n_sides = len({splits[row] for row in rows})
        kind: SuspectKind = "conflicting_copies" if n_classes > 1 else "leaking_copies" if n_sides > 1 else "copies"
        facts = [f"{len(rows)} samples have the same content"]
        facts += [f"they are filed under {n_classes} classes"] if n_classes > 1 else []
        facts += ["they are on both sides of the split"] if n_sides > 1 else []
        found.append(filing.suspect(rows, kind=kind, strength=len(rows), reason=", ".join(facts)))
    return tuple(sorted(found, key=lambda suspect: (HARM.index(suspect.kind), -suspect.strength)))


def find_near_copies(
    features: Float[np.ndarray, "sample feature"],
    neighbors: Neighbors,
    *,
    ids: Sequence[str],
    labels: Labels,
    splits: Sequence[str] | None = None,
    known: Sequence[Sequence[str]] = (),
) -> tuple[Suspect, ...]:
    """Groups of two to ten samples that lie so close together in a layer that chance does not explain it.

    With r_j the distance of a sample to its j-th nearest other place, a sample and its first g neighbors are near
    copies when each of them has the same others as its g nearest, and for each of them:

    * the gap behind them is too wide: were places scattered evenly around, j log(r_(j+1) / r_j) would be independent,
      exponential and of one mean for all j, whatever the density and the dimension; that of j = g is tested against
      those of the farther ones (Fisher's F), p < 0.001 / (9 n), for g up to 9 and n places;
    * r_(g+1) / r_g >= 10: they are ten times closer to each other than to any other sample;
    * r_g is unusually small in the whole layer: log r_g is below the median of log r_1 by z robust deviations,
      z for a false alarm of 0.001 in the data set.

    Samples of one and the same place are near copies at distance 0, if at least two of their features are neither the
    smallest nor the largest of their column: rectified or saturated features agree by chance. `known` are groups of
    ids with the same content, which are reported as exact copies: a group in which no two contents differ is left out.
    Strength: the smallest r_(g+1) / r_g of the group, at most 10^6; larger is stronger. Nothing is found with fewer
    than 30 places, where distances repeat themselves (whole numbers), or where more than a fifth of the samples share
    a place.

    Source: the law of the ratios is that of Facco, d'Errico, Rodriguez and Laio 2017,
    https://doi.org/10.1038/s41598-017-11873-y; the combination of the three tests is our own.
    """
    places = find_places(neighbors, k=K)
    contents = _number_contents(ids, known)
    members = _list_members(places.of)
    alone = _find_shared(features, members, contents) if places.are_comparable else []
    if not places.are_comparable or sum(len(members[place]) for place in alone) > MOST_SHARING * len(ids):
        return ()
    found = dict(_find_close_places(places))
    taken = {place for group in found for place in group}
    found |= {(place,): np.inf for place in alone if place not in taken}
    filing, suspects = Filing(ids=ids, labels=labels, splits=splits), list[Suspect]()
    for group, ratio in found.items():
        rows = [int(row) for place in group for row in members[place]]
        if len({int(contents[row]) for row in rows}) > 1 and len(rows) <= MOST_TOGETHER:
            strength = min(ratio, MOST_STRENGTH)
            suspects.append(filing.suspect(rows, kind="near_copies", strength=strength, reason=_explain(ratio)))
    return tuple(sorted(suspects, key=lambda suspect: -suspect.strength))


def _explain(ratio: float) -> str:
    if np.isinf(ratio):
        return "they are in one and the same place"
    shown = f"{ratio:,.0f}" if ratio < MOST_STRENGTH else "over a million"
    return f"they are {shown} times closer to each other than to any other sample"


def _number_contents(ids: Sequence[str], known: Sequence[Sequence[str]]) -> Int[np.ndarray, " sample"]:
    """A number for each sample, equal for those with the same content."""
    first = {name: group[0] for group in known for name in group}
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(first.get(name, name), len(numbers)) for name in ids], dtype=np.int64)


def _list_members(places: Int[np.ndarray, " sample"]) -> list[Int[np.ndarray, " _"]]:
    order = np.argsort(places, kind="stable")
    return np.split(order, np.cumsum(np.bincount(places))[:-1])


def _find_shared(
    features: Float[np.ndarray, "sample feature"],
    members: list[Int[np.ndarray, " _"]],
    contents: Int[np.ndarray, " sample"],
) -> list[int]:
    """Places with samples of different content that are not there by chance."""
    several = [place for place, rows in enumerate(members) if len(rows) > 1 and len(np.unique(contents[rows])) > 1]
    firsts = features[[members[place][0] for place in several]]
    inside = (firsts > features.min(axis=0)) & (firsts < features.max(axis=0))
    return [place for place, free in zip(several, inside.sum(axis=1), strict=True) if free >= LEAST_FREE]


def _find_close_places(places: Places) -> Iterator[tuple[tuple[int, ...], float]]:
    """Groups of places that agree on being close, each with how many times closer than to the next."""
    gaps = np.diff(np.log(places.lengths), axis=1)
    unusual = _find_gaps(places.lengths, gaps)
    for start in np.flatnonzero(unusual.any(axis=1)):
        for g in np.flatnonzero(unusual[start])[::-1]:
            group = {int(start), *(int(place) for place in places.nearest[start, : g + 1])}
            if all(unusual[place, g] and {place, *places.nearest[place, : g + 1]} == group for place in group):
                if start == min(group):  # each of them finds the group
                    yield tuple(sorted(group)), float(np.exp(min(gaps[place, g] for place in group)))
                break


def _find_gaps(
    lengths: Float64[np.ndarray, "place k"], gaps: Float64[np.ndarray, "place gap"]
) -> Bool[np.ndarray, "place group"]:
    """Whether the gap behind the first, second, ... neighbor of each place passes the three tests."""
    n, n_gaps = gaps.shape
    most = min(MOST_TOGETHER - 1, n_gaps - LEAST_SPACINGS)
    lowest, _, _ = find_usual(np.log(lengths[:, 0]))
    spacings = gaps * np.arange(1, n_gaps + 1)
    found = np.zeros((n, max(0, most)), dtype=bool)
    for g in range(most):
        p = judge_spacing(spacings[:, g], spacings[:, g + 1 :].mean(axis=1), n_gaps - g - 1)
        close = (gaps[:, g] >= np.log(CLEAR_RATIO)) & (np.log(lengths[:, g]) < lowest)
        found[:, g] = close & (p < FALSE_ALARM / (n * most))
    return found
