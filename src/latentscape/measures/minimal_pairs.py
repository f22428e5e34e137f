"""What a wrong detail costs: how much farther than the right document its near twin lies, by what is wrong with it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Float64, Int

from latentscape.errors import DataError
from latentscape.measures.bootstrap import (
    AGREE,
    Interval,
    bootstrap_interval,
    draw_counts,
    mean_share_interval,
    score_with,
)
from latentscape.measures.score import Better, Score
from latentscape.measures.type_regression import TypeDraws, correlate_ranks, solve_types
from latentscape.measures.unit_rows import measure_pair_cosines, require_directions, take_unit_rows

MOST_TYPES = 64
"""Types told apart by regression, the most frequent ones: its cost grows with their cube."""
LEAST_DECLARED = 3
"""Two types are in the declared order or not: no correlation."""
UNBOUNDED = (float("-inf"), float("inf"))


@dataclass(frozen=True, kw_only=True)
class TypeEffect:
    """What one type of mistake does to the similarity."""

    type: str
    n: int
    """Hard negatives that carry this type, alone or among others."""
    n_alone: int
    difference: Score
    """`difference`: mean of cos(query, right) - cos(query, negative) over negatives of this type alone."""
    violations: Score
    """`violation_rate`: share of the negatives of this type alone at least as similar as the right document."""
    effect: Score
    """`type_effect`: the same difference by regression over all negatives, several types at once."""
    declared: float | None = None
    """The weight file's word for it; None where it has none."""
    acts_like: Score | None = None
    """`acts_like`: the effect in units of the declared weights; None where there are fewer than two declared types."""


@dataclass(frozen=True, kw_only=True)
class TypeImportance:
    """Every type of mistake, by descending effect, and how far the order is the declared one."""

    effects: tuple[TypeEffect, ...]
    agreement: Score
    """`weight_agreement`: Spearman correlation of effects and declared weights."""
    pair_query: Int[np.ndarray, " pair"]
    """Query of each (query, hard negative) pair that has types."""
    pair_document: Int[np.ndarray, " pair"]
    pair_difference: Float[np.ndarray, " pair"]


def measure_type_importance(
    query_vectors: Float[np.ndarray, "query feature"],
    document_vectors: Float[np.ndarray, "document feature"],
    relevant: Sequence[Int[np.ndarray, " _"]],
    *,
    hard: Sequence[Int[np.ndarray, " _"]],
    types: Sequence[Sequence[tuple[str, ...]]],
    weights: Mapping[str, float],
    seed: int,
) -> TypeImportance | None:
    """How much similarity each type of mistake costs, and whether that is what the weight file declares.

    A hard negative is a right document with something changed, and its types say what. With q the query, h the negative
    and r the one of the query's right documents that is most similar to h, its difference is cos(q, r) − cos(q, h) in
    [−2, 2]: how much the mistake costs. For each type:

    * `difference` = mean over the negatives that carry this type alone, higher is better: the model sees it,
    * `violation_rate` = share of these with a difference of 0 or less, in [0, 1], lower is better: a tie is a
      violation,
    * `type_effect` = its part b_t of all differences by least squares, difference = Σ b_t over the types a negative
      carries (no intercept: without a mistake there is no difference), so that a negative of several types is not
      counted for each of them; higher is better,
    * `acts_like` = b_t · Σ w / Σ b, both sums over the types with a declared weight w: the weight file this model acts
      by. Beside the declared weight it says which mistakes cost more or less than they were meant to,
    * `weight_agreement` = Spearman correlation of b and w over the declared types, in [−1, 1], higher is better.

    Intervals: bootstrap of queries, for the negatives of a query have a right document in common; the same draws for
    all numbers. Wilson's over queries for a violation rate on which all draws agree. No value, but a reason: no
    negative carries the type alone; a type never comes without certain others, so that no regression can tell them
    apart; it is not among the 64 most frequent types (negatives that carry it stay out of the regression); the effects
    of the declared types do not add up to more than 0; fewer than three declared types, or all the same, for the
    correlation. Queries without a right document take no part. `n` counts negatives, and types for the correlation.

    `types[q][i]` are the types of document `hard[q][i]`. None where no hard negative has a type.

    Source: least squares as in Draper and Smith 1998, Applied Regression Analysis; Spearman 1904, American Journal of
    Psychology 15.

    Raises:
        DataError: a vector is not finite or all zero, or lists and vectors do not fit each other.
    """
    _refuse_misfits((len(query_vectors), len(document_vectors)), relevant=relevant, hard=hard, types=types)
    pairs = _collect_pairs(relevant, hard=hard, types=types)
    if not len(pairs.query):
        return None
    require_directions(query_vectors, what="query")
    require_directions(document_vectors, what="document")
    right = _find_right(document_vectors, relevant, pairs=pairs)
    costs = measure_pair_cosines(query_vectors, document_vectors, pairs=(pairs.query, right))
    costs -= measure_pair_cosines(query_vectors, document_vectors, pairs=(pairs.query, pairs.document))
    table = _Table.of(pairs, costs=costs)
    draws = _draw_all(table, seed=seed)
    effects = [_describe(name, table=table, draws=draws, weights=weights) for name in table.names]
    return TypeImportance(
        effects=tuple(sorted(effects, key=_order)),
        agreement=_score_agreement(table, draws=draws, weights=weights),
        pair_query=pairs.query,
        pair_document=pairs.document,
        pair_difference=costs,
    )


class _Pairs(NamedTuple):
    """All (query, hard negative) with types, by query."""

    query: Int[np.ndarray, " pair"]
    document: Int[np.ndarray, " pair"]
    types: list[frozenset[str]]


class _Table(NamedTuple):
    """The pairs by what is wrong with them: each set of types that occurs is one combination."""

    names: list[str]
    """Types by descending count, then name; the first `n_told` of them are told apart by regression."""
    carries: Bool[np.ndarray, "combination type"]
    combination: Int[np.ndarray, " pair"]
    unit: Int[np.ndarray, " pair"]
    """Number of the pair's query among the queries with pairs."""
    costs: Float[np.ndarray, " pair"]

    @classmethod
    def of(cls, pairs: _Pairs, *, costs: Float[np.ndarray, " pair"]) -> "_Table":
        counts = Counter(name for types in pairs.types for name in types)
        names = sorted(counts, key=lambda name: (-counts[name], name))
        places = {name: place for place, name in enumerate(names)}
        kinds: dict[frozenset[str], int] = {}
        combination = np.array([kinds.setdefault(types, len(kinds)) for types in pairs.types], dtype=np.int64)
        carries = np.zeros((len(kinds), len(names)), dtype=bool)
        for types, row in kinds.items():
            carries[row, [places[name] for name in types]] = True
        return cls(names, carries, combination, np.unique(pairs.query, return_inverse=True)[1], costs)

    @property
    def n_told(self) -> int:
        return min(len(self.names), MOST_TYPES)

    @property
    def n_units(self) -> int:
        return int(self.unit.max()) + 1

    def find_alone(self, place: int) -> Bool[np.ndarray, " pair"]:
        """Which pairs carry this type and no other."""
        return (self.carries[:, place] & (self.carries.sum(axis=1) == 1))[self.combination]

    def find_told(self) -> Bool[np.ndarray, " pair"]:
        """Which pairs carry only types that the regression tells apart."""
        return (self.carries[:, self.n_told :].sum(axis=1) == 0)[self.combination]


class _Draws(NamedTuple):
    """Every statistic of every type, as found (row 0) and in each resampling; NaN where it does not exist."""

    difference: Float[np.ndarray, "draw type"]
    violations: Float[np.ndarray, "draw type"]
    effect: Float[np.ndarray, "draw told"]


def _refuse_misfits(
    shape: tuple[int, int],
    *,
    relevant: Sequence[Int[np.ndarray, " _"]],
    hard: Sequence[Int[np.ndarray, " _"]],
    types: Sequence[Sequence[tuple[str, ...]]],
) -> None:
    n_queries, n_documents = shape
    numbers = np.concatenate([*relevant, *hard, np.empty(0, dtype=np.int64)])
    lists = [len(relevant), len(hard), len(types)]
    fits = lists == [n_queries] * 3 and all(len(a) == len(b) for a, b in zip(hard, types, strict=True))
    if not fits or (numbers.size and (numbers.min() < 0 or numbers.max() >= n_documents)):
        raise DataError(
            "the hard negatives and their types do not fit the vectors",
            got=f"{lists[0]}, {lists[1]} and {lists[2]} lists with numbers up to {int(numbers.max(initial=-1))}",
            expected=f"a list for each of {n_queries} queries, numbers 0 to {n_documents - 1}, types for each negative",
            hint="number the documents by the rows of their vectors, from 0, and give every negative its types",
            fault="data-columns",
        )


def _collect_pairs(
    relevant: Sequence[Int[np.ndarray, " _"]],
    *,
    hard: Sequence[Int[np.ndarray, " _"]],
    types: Sequence[Sequence[tuple[str, ...]]],
) -> _Pairs:
    found = [
        (query, int(document), frozenset(names))
        for query, (right, documents, lists) in enumerate(zip(relevant, hard, types, strict=True))
        if len(right)
        for document, names in zip(documents, lists, strict=True)
        if names
    ]
    columns = np.array([pair[:2] for pair in found], dtype=np.int64).reshape(-1, 2)
    return _Pairs(columns[:, 0].copy(), columns[:, 1].copy(), [pair[2] for pair in found])


def _find_right(
    document_vectors: Float[np.ndarray, "document feature"],
    relevant: Sequence[Int[np.ndarray, " _"]],
    *,
    pairs: _Pairs,
) -> Int[np.ndarray, " pair"]:
    """For each pair the right document of its query that is most similar to its negative."""
    right = np.array([relevant[query][0] for query in pairs.query.tolist()], dtype=np.int64)
    queries, starts, counts = np.unique(pairs.query, return_index=True, return_counts=True)
    for query, start, count in zip(queries.tolist(), starts.tolist(), counts.tolist(), strict=True):
        if len(choices := np.asarray(relevant[query], dtype=np.int64)) > 1:
            negatives = take_unit_rows(document_vectors, pairs.document[start : start + count])
            table = negatives @ take_unit_rows(document_vectors, choices).T
            right[start : start + count] = choices[table.argmax(axis=1)]
    return right


def _draw_all(table: _Table, *, seed: int) -> _Draws:
    """The statistics of the study itself, then those of resampled queries."""
    sums = TypeDraws.of(table.unit, table.combination, values=[table.costs, table.costs <= 0])
    blocks = [np.ones((1, table.n_units)), *draw_counts(table.n_units, seed=seed)]
    parts = [_derive(table, sums.add_up(block)) for block in blocks]
    return _Draws(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def _derive(table: _Table, sums: Sequence[Float64[np.ndarray, "draw combination"]]) -> _Draws:
    counts, totals, misses = sums
    alone = table.carries.sum(axis=1) == 1
    rows = np.flatnonzero(alone)
    places = table.carries[rows].argmax(axis=1)
    difference, violations = (np.full((len(counts), len(table.names)), np.nan) for _ in range(2))
    with np.errstate(invalid="ignore"):
        difference[:, places] = totals[:, rows] / counts[:, rows]
        violations[:, places] = misses[:, rows] / counts[:, rows]
    told = np.flatnonzero(~table.carries[:, table.n_told :].any(axis=1))
    effect = solve_types(table.carries[told, : table.n_told], counts=counts[:, told], totals=totals[:, told])
    return _Draws(difference, violations, effect)


def _describe(name: str, *, table: _Table, draws: _Draws, weights: Mapping[str, float]) -> TypeEffect:
    place = table.names.index(name)
    alone = table.find_alone(place)
    n_alone, n_units = int(alone.sum()), len(np.unique(table.unit[alone]))
    missing = f"no hard negative is wrong in `{name}` alone"
    difference = _score("difference", draws.difference[:, place], n=n_alone, n_units=n_units, reason=missing)
    return TypeEffect(
        type=name,
        n=int(table.carries[table.combination, place].sum()),
        n_alone=n_alone,
        difference=difference,
        violations=_score_violations(draws.violations[:, place], n=n_alone, n_units=n_units, reason=missing),
        effect=_score_effect(place, table=table, draws=draws),
        declared=weights.get(name),
        acts_like=_score_acting(place, table=table, draws=draws, weights=weights),
    )


def _score(
    name: str,
    draws: Float[np.ndarray, " draw"],
    *,
    n: int,
    n_units: int,
    reason: str,
    better: Better = "higher",
    bounds: tuple[float, float] = (-2.0, 2.0),
) -> Score:
    """The first of the draws with the interval of the others; none where resampling finds no spread."""
    value = float(draws[0])
    if not np.isfinite(value):
        return Score(name=name, value=None, n=n, better=better, bounds=bounds, reason=reason)
    interval = bootstrap_interval(draws[1:], unit="queries", n_units=n_units)
    if interval.low is not None and interval.high is not None and interval.high - interval.low < AGREE:
        interval = Interval()
    return score_with(name, value, n=n, interval=interval, better=better, bounds=bounds)


def _score_violations(draws: Float[np.ndarray, " draw"], *, n: int, n_units: int, reason: str) -> Score:
    value, known = float(draws[0]), draws[1:][np.isfinite(draws[1:])]
    if not np.isfinite(value):
        return Score(name="violation_rate", value=None, n=n, better="lower", reason=reason)
    interval = Interval()
    if 2 * len(known) >= len(draws) - 1:
        interval = mean_share_interval(known, value, unit="queries", n_units=n_units)
    return score_with("violation_rate", value, n=n, interval=interval, better="lower")


def _score_effect(place: int, *, table: _Table, draws: _Draws) -> Score:
    if place >= table.n_told:
        reason = f"only the {MOST_TYPES} most frequent types are told apart"
        return Score(name="type_effect", value=None, n=0, bounds=UNBOUNDED, reason=reason)
    used = table.find_told() & table.carries[table.combination, place]
    n_units = len(np.unique(table.unit[used]))
    reason = f"`{table.names[place]}` never comes without other types that it could be told apart from"
    return _score(
        "type_effect", draws.effect[:, place], n=int(used.sum()), n_units=n_units, reason=reason, bounds=UNBOUNDED
    )


def _find_declared(table: _Table, *, draws: _Draws, weights: Mapping[str, float]) -> Int[np.ndarray, " declared"]:
    """Places of the types that have both a declared weight and an effect."""
    told = enumerate(table.names[: table.n_told])
    return np.array([i for i, name in told if name in weights and np.isfinite(draws.effect[0, i])], dtype=np.int64)


def _score_acting(place: int, *, table: _Table, draws: _Draws, weights: Mapping[str, float]) -> Score | None:
    declared = _find_declared(table, draws=draws, weights=weights)
    if len(declared) < 2 or place >= table.n_told:
        return None
    total, sums = sum(weights[table.names[i]] for i in declared), draws.effect[:, declared].sum(axis=1)
    positive = sums > AGREE
    scales = np.where(positive, total, np.nan) / np.where(positive, sums, 1.0)
    what = _score_effect(place, table=table, draws=draws).reason or "the declared types together cost no similarity"
    used = table.find_told() & table.carries[table.combination, place]
    return _score(
        "acts_like",
        draws.effect[:, place] * scales,
        n=int(used.sum()),
        n_units=len(np.unique(table.unit[used])),
        reason=what,
        better="neither",
        bounds=UNBOUNDED,
    )


def _score_agreement(table: _Table, *, draws: _Draws, weights: Mapping[str, float]) -> Score:
    declared = _find_declared(table, draws=draws, weights=weights)
    name, n, bounds = "weight_agreement", len(declared), (-1.0, 1.0)
    if n < LEAST_DECLARED:
        reason = f"{n or 'none'} of the types has a declared weight and an effect, {LEAST_DECLARED} are needed"
        return Score(name=name, value=None, n=n, bounds=bounds, reason=reason)
    found = correlate_ranks(draws.effect[:, declared], np.array([weights[table.names[i]] for i in declared]))
    reason = "the declared weights, or the effects, are all the same"
    return _score(name, found, n=n, n_units=table.n_units, reason=reason, bounds=bounds)


def _order(effect: TypeEffect) -> tuple[bool, float, str]:
    value = effect.effect.value
    return value is None, -(value or 0.0), effect.type
