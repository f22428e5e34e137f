"""Whether documents that share an attribute lie together, in the embeddings and on the maps."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float64, Int

from latentscape.datasets.attributes import Attribute
from latentscape.datasets.geography import find_places
from latentscape.measures.bootstrap import mean_share_interval, resample_sums, score_with
from latentscape.measures.mantel import measure_mantel_p
from latentscape.measures.permutations import N_PERMUTATIONS, p_value_of
from latentscape.measures.plain_rows import choose_some
from latentscape.measures.score import Score
from latentscape.measures.silhouette import measure_silhouette
from latentscape.neighbors import Neighbors, find_neighbors
from latentscape.shapes import Labels, PerSample, Points, Rows

K = 15
LEAST_DOCUMENTS = 5
"""Values of fewer documents have no place of their own."""
MOST_JUDGED = 20_000
"""Documents whose neighborhoods are judged; of more, a random choice."""
MOST_PERMUTED = 5000
"""Documents whose neighborhoods are judged again under each permutation: they are as many as a p-value needs."""
LEAST_PLACES = 4
"""Three places can be exchanged in six ways: a correlation of their distances could never be rare."""
ROWS_AT_ONCE = 4096
"""Vectors held in double precision at a time."""
NO_DIRECTION = 1e-9
"""A mean of unit vectors shorter than this points nowhere."""


@dataclass(frozen=True, kw_only=True)
class ValuePlace:
    """One value of an attribute: how many documents have it and how pure their neighborhoods are."""

    value: str
    n: int
    purity: Score
    """`value_purity`: share of their k nearest documents that have the same value."""
    nearest: str = ""
    """The other value whose center is nearest."""


@dataclass(frozen=True, kw_only=True)
class AttributePlaces:
    """Where the values of one attribute lie."""

    attribute: str
    purity: Score
    """`knn_purity` over all documents with a known value."""
    chance: float
    """The same share if values were dealt at random."""
    p_value: float
    """Of a purity this high by chance."""
    silhouette: Score
    map_purity: Mapping[str, Score] = field(default_factory=dict)
    """By method of map: `map_purity`."""
    values: tuple[ValuePlace, ...] = ()
    """By descending n; values of fewer than 5 documents are left out."""
    distances: Float[np.ndarray, "value value"] | None = None
    """Cosine distance of the centers of `values`; None for fewer than two."""
    order: Int[np.ndarray, " value"] | None = None
    """An order of `values` that puts near ones side by side (optimal leaf order)."""
    geography: Score | None = None
    """`geography`: Spearman correlation of `distances` with the distances given; None where none are given."""
    geography_p: float | None = None
    """By Mantel's permutations."""


def measure_attribute_places(
    document_vectors: Float[np.ndarray, "document feature"],
    attribute: Attribute,
    *,
    neighbors: Neighbors | None = None,
    maps: Mapping[str, Points],
    geography: Mapping[tuple[str, str], float] | None = None,
    seed: int,
) -> AttributePlaces | Score:
    """How far documents of one value (say, one district) lie among their own.

    * `knn_purity`: of the k = 15 nearest other documents with a known value (all others where there are fewer), by
      cosine, the share that has the document's own value; the mean over the documents. In [0, 1], higher means more
      together. `value_purity` is the same over the documents of one value, and `map_purity` with the k nearest by
      Euclidean distance on a map (points of all documents are given).
    * chance: the same if values were dealt out at random, sum over the values of n_v (n_v - 1) / (n (n - 1)).
    * p_value: of so high a purity under 999 permutations of the values among the documents.
    * silhouette: see `measure_silhouette`, with the values as classes.
    * distances: 1 - cosine of the mean unit vectors of two values; a mean without a direction is at 1 from all.
    * `geography`: Spearman correlation of these distances with the ones given, over all pairs of values of which the
      geography knows every distance; in [-1, 1], higher means that what is near on the ground is near in the
      embeddings. `n` is the number of pairs; the p is Mantel's, for pairs share their values. No interval, as nobody
      knows how to draw other districts.

    Documents whose texts are nearly the same lie together whatever their values mean, and where such copies share the
    value (a listing and its hard negatives do, but for what was changed) they raise the purity: compare attributes
    with each other rather than with 1. Documents at equal distance come in the order of their numbers, which is
    arbitrary where all documents share one place. `neighbors` is a graph of all documents by cosine, used where it is
    wide enough to hold k documents with a known value for each. Above 20,000 documents a random choice is judged, and
    `n` says so.

    A score without value for a number, and where fewer than five documents or fewer than two values are known.
    Intervals: bootstrap of documents.

    Raises:
        DataError: a vector is not finite.

    Source: Manning, Raghavan and Schütze 2008, Introduction to Information Retrieval, section 16.3 (purity).
    """
    labels = _take_labels(attribute)
    rows = np.flatnonzero(labels >= 0)
    if reason := _explain_impossible(attribute, labels[rows]):
        return Score(name="knn_purity", value=None, n=len(rows), reason=reason)
    known, vectors = labels[rows], document_vectors[rows]
    near = _choose_graph(neighbors, vectors, rows, n_documents=len(labels))
    judged = choose_some(len(rows), most=MOST_JUDGED, seed=seed)
    shares = _share_same(near, known, judged)
    few = choose_some(len(judged), most=MOST_PERMUTED, seed=seed)
    chance, p_value = _find_chance(near, known, judged[few], observed=float(shares[few].mean()), seed=seed)
    placed = _place_values(vectors, known, attribute, shares=shares, judged=judged, seed=seed)
    agreement = _compare_geography(placed, geography, seed=seed) if geography is not None else _NOT_GIVEN
    return AttributePlaces(
        attribute=attribute.name,
        purity=_score_purity("knn_purity", shares, seed=seed),
        chance=chance,
        p_value=p_value,
        silhouette=measure_silhouette(vectors.astype(np.float32, copy=False), known, seed=seed),
        map_purity={method: _measure_map(points[rows], known, judged, seed=seed) for method, points in maps.items()},
        values=placed.values,
        distances=placed.distances,
        order=placed.order,
        geography=agreement.score,
        geography_p=agreement.p_value,
    )


def _take_labels(attribute: Attribute) -> Labels:
    if attribute.kind == "number":
        return np.full(len(attribute.documents), -1)
    return np.where(np.isnan(attribute.documents), -1, attribute.documents).astype(np.int64)


def _explain_impossible(attribute: Attribute, known: Labels) -> str:
    if attribute.kind == "number":
        return f"{attribute.name} is a number, and numbers have no places"
    if len(known) < LEAST_DOCUMENTS:
        return f"{len(known)} documents have a known {attribute.name}, {LEAST_DOCUMENTS} are needed"
    if len(np.unique(known)) < 2:
        return f"all documents with a known {attribute.name} have the same"
    return ""


def _choose_graph(
    neighbors: Neighbors | None, vectors: Float[np.ndarray, "known feature"], rows: Rows, *, n_documents: int
) -> Int[np.ndarray, "known k"]:
    """For each document with a known value the places of its nearest in `rows`, which lists these documents."""
    k = min(K, len(rows) - 1)
    if neighbors is not None and neighbors.metric == "cosine" and len(neighbors.indices) == n_documents:
        places = np.full(n_documents, -1)
        places[rows] = np.arange(len(rows))
        near = places[neighbors.indices[rows]]
        if near.shape[1] >= k and (np.sum(near >= 0, axis=1) >= k).all():
            nearest_known = np.argsort(near < 0, axis=1, kind="stable")[:, :k]
            return np.take_along_axis(near, nearest_known, axis=1)
    return find_neighbors(vectors, k=k).indices


def _share_same(near: Int[np.ndarray, "known k"], labels: Labels, judged: Rows) -> PerSample:
    return np.mean(labels[near[judged]] == labels[judged, None], axis=1)


def _find_chance(
    near: Int[np.ndarray, "known k"], labels: Labels, judged: Rows, *, observed: float, seed: int
) -> tuple[float, float]:
    """The purity expected of values dealt at random, and how often they do as well as the real ones."""
    sizes, n = np.bincount(labels).astype(np.float64), len(labels)
    random, dealt, chosen = np.random.default_rng(seed), labels.astype(np.min_scalar_type(len(sizes))), near[judged].T
    null = np.empty(N_PERMUTATIONS)
    for draw in range(N_PERMUTATIONS):
        random.shuffle(dealt)
        null[draw] = np.count_nonzero(dealt[chosen] == dealt[judged]) / chosen.size
    return float((sizes * (sizes - 1)).sum() / (n * (n - 1))), p_value_of(null, observed)


def _score_purity(name: str, shares: PerSample, *, seed: int) -> Score:
    n, mean = len(shares), float(shares.mean())
    draws = resample_sums(shares[:, None], seed=seed)[:, 0] / n
    return score_with(name, mean, n=n, interval=mean_share_interval(draws, mean, unit="documents", n_units=n))


def _measure_map(points: Points, labels: Labels, judged: Rows, *, seed: int) -> Score:
    near = find_neighbors(points, k=min(K, len(points) - 1), metric="euclidean").indices
    return _score_purity("map_purity", _share_same(near, labels, judged), seed=seed)


class _Placed(NamedTuple):
    """The values that have a place."""

    values: tuple[ValuePlace, ...]
    distances: Float64[np.ndarray, "value value"] | None
    order: Int[np.ndarray, " value"] | None


def _place_values(
    vectors: Float[np.ndarray, "known feature"],
    labels: Labels,
    attribute: Attribute,
    *,
    shares: PerSample,
    judged: Rows,
    seed: int,
) -> _Placed:
    """The values of enough documents, most frequent first, and how far apart their centers are."""
    sizes = np.bincount(labels, minlength=len(attribute.values))
    ranked = sorted(range(len(sizes)), key=lambda value: (-int(sizes[value]), value))
    kept = [value for value in ranked if sizes[value] >= LEAST_DOCUMENTS]
    own = [shares[labels[judged] == value] for value in kept]
    values = tuple(
        ValuePlace(value=attribute.values[value], n=int(sizes[value]), purity=_score_value(part, seed=seed))
        for value, part in zip(kept, own, strict=True)
    )
    if len(kept) < 2:
        return _Placed(values, None, None)
    distances = _measure_centers(vectors, labels, kept)
    others = distances + np.diag(np.full(len(kept), np.inf))
    named = tuple(
        replace(value, nearest=values[int(place)].value)
        for value, place in zip(values, others.argmin(axis=1), strict=True)
    )
    return _Placed(named, distances, _order_values(distances))


def _score_value(shares: PerSample, *, seed: int) -> Score:
    if not len(shares):
        return Score(name="value_purity", value=None, n=0, reason="none of its documents is in the random choice")
    return _score_purity("value_purity", shares, seed=seed)


def _measure_centers(
    vectors: Float[np.ndarray, "known feature"], labels: Labels, kept: list[int]
) -> Float64[np.ndarray, "value value"]:
    """1 - cosine of the mean unit vectors."""
    means = np.zeros((len(kept), vectors.shape[1]))
    for place, value in enumerate(kept):
        rows = np.flatnonzero(labels == value)
        for start in range(0, len(rows), ROWS_AT_ONCE):
            means[place] += _sum_directions(vectors[rows[start : start + ROWS_AT_ONCE]]) / len(rows)
    lengths = np.linalg.norm(means, axis=1, keepdims=True)
    centers = np.divide(means, lengths, out=np.zeros_like(means), where=lengths > NO_DIRECTION)
    distances = 1.0 - np.clip(centers @ centers.T, -1.0, 1.0)
    np.fill_diagonal(distances, 0.0)
    return (distances + distances.T) / 2


def _sum_directions(vectors: Float[np.ndarray, "row feature"]) -> Float64[np.ndarray, " feature"]:
    """The sum of the vectors at length 1; a row of zeros has no direction and adds nothing."""
    rows = vectors.astype(np.float64)
    rows /= np.abs(rows).max(axis=1, keepdims=True, initial=np.finfo(np.float64).tiny)  # squares then stay finite
    lengths = np.linalg.norm(rows, axis=1)
    return np.divide(1.0, lengths, out=np.zeros_like(lengths), where=lengths > 0) @ rows


def _order_values(distances: Float64[np.ndarray, "value value"]) -> Int[np.ndarray, " value"]:
    """Average linkage, its leaves flipped so that neighbors in the order are as near as they can be.

    Source: Bar-Joseph, Gifford and Jaakkola 2001, https://doi.org/10.1093/bioinformatics/17.suppl_1.S22.
    """
    from scipy.cluster.hierarchy import leaves_list, linkage  # noqa: PLC0415  only attributes pay for it
    from scipy.spatial.distance import squareform  # noqa: PLC0415

    if len(distances) < 3:
        return np.arange(len(distances))
    tree = linkage(squareform(distances, checks=False), method="average", optimal_ordering=True)
    return leaves_list(tree).astype(np.int64)


class _Agreement(NamedTuple):
    score: Score | None
    p_value: float | None


_NOT_GIVEN = _Agreement(None, None)


def _compare_geography(placed: _Placed, geography: Mapping[tuple[str, str], float], *, seed: int) -> _Agreement:
    """Whether what is near on the ground is near in the embeddings."""
    from scipy.stats import spearmanr  # noqa: PLC0415  only with a geography

    names = [place.value for place in placed.values]
    known = find_places(geography, names)
    complete = _find_complete(known, len(names))
    pairs = list(combinations(complete, 2))
    if placed.distances is None or len(complete) < LEAST_PLACES:
        reason = f"the geography knows all distances of {len(complete)} of the values, {LEAST_PLACES} are needed"
        return _Agreement(_score_geography(None, n=len(pairs), reason=reason), None)
    ours = np.array([placed.distances[pair] for pair in pairs])
    theirs = np.array([known[pair] for pair in pairs], dtype=np.float64)
    if np.ptp(ours) <= NO_DIRECTION or np.ptp(theirs) <= 0:
        reason = "all values are equally far apart" + (" in the embeddings" if np.ptp(theirs) > 0 else "")
        return _Agreement(_score_geography(None, n=len(pairs), reason=reason), None)
    correlation = float(np.asarray(spearmanr(ours, theirs)[0]))
    return _Agreement(_score_geography(correlation, n=len(pairs)), measure_mantel_p(ours, theirs, seed=seed))


def _score_geography(value: float | None, *, n: int, reason: str = "") -> Score:
    return Score(name="geography", value=value, n=n, bounds=(-1.0, 1.0), reason=reason)


def _find_complete(known: Mapping[tuple[int, int], float], n: int) -> list[int]:
    """Values of which every pair is known: the one that lacks most is left out until no pair is missing."""
    knows = np.eye(n, dtype=bool)
    for a, b in known:
        knows[a, b] = knows[b, a] = True
    left = list(range(n))
    while left and not knows[np.ix_(left, left)].all():
        counts = knows[np.ix_(left, left)].sum(axis=1)
        del left[len(left) - 1 - int(np.argmin(counts[::-1]))]
    return left if len(left) > 1 else []
