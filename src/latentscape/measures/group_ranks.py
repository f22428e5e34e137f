"""Whether some kinds of query find their documents less often than others."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int

from latentscape.datasets.attributes import Attribute
from latentscape.measures.bootstrap import mean_share_interval, resample_sums, score_share, score_with
from latentscape.measures.permutations import holm
from latentscape.measures.ranking import Ranking
from latentscape.measures.score import Score
from latentscape.shapes import Flags, Labels

LEAST_QUERIES = 5
"""Of fewer queries nothing can be said, whatever they find."""
QUARTERS = 4
ROUNDING = 1e-9
"""Shares that differ by less are equal."""


@dataclass(frozen=True, kw_only=True)
class GroupRank:
    """Queries that share a value of an attribute."""

    value: str
    hit_at_1: Score
    mrr: Score
    p_value: float | None
    """Of a hit_at_1 this far from that of the other queries, two-sided, adjusted for the groups of the attribute
    (Holm); None where there are too few queries to tell."""


@dataclass(frozen=True, kw_only=True)
class GroupRanks:
    """The groups of one attribute, worst first; those of fewer than five queries behind the others."""

    attribute: str
    groups: tuple[GroupRank, ...]
    n_unknown: int
    """Queries without a known value."""


def measure_group_ranks(ranking: Ranking, attribute: Attribute, *, seed: int) -> GroupRanks | Score:
    """Which queries find their documents: `hit_at_1` and `mrr` of all queries that share a value of an attribute.

    Both as defined for all queries: the share of queries whose first document is right, and the mean of 1 / rank of
    the best right document; in [0, 1], higher is better. Numbers are divided at their quartiles into four groups, or
    fewer where values repeat. Queries without a right document do not count.

    The p-value of a group asks whether its share of hits differs from that of all other queries by more than chance:
    the hits are dealt out to the queries in every way, and p is the share of the ways in which the two shares differ
    at least as much (Fisher's exact test, which is the permutation test taken to all permutations). The p-values of
    the groups are adjusted for their number (Holm), but for two groups, which ask one question. None where the group
    or all others together have fewer than five queries.

    Intervals: Wilson's for hit_at_1, bootstrap of the group's queries for mrr. A score without value where no value
    is known, or all queries share one.

    Source: Fisher 1935, The Design of Experiments; Holm 1979, Scandinavian Journal of Statistics 6, 65-70.
    """
    asked = ranking.best_rank > 0
    labels, names = _sort_queries(attribute)
    known = asked & (labels >= 0)
    present = np.unique(labels[known])
    if len(present) < 2:
        reason = f"no query has a known {attribute.name}"
        if len(present):
            reason = f"all queries with a known {attribute.name} have the same"
        return Score(name="hit_at_1", value=None, n=int(known.sum()), reason=reason)
    ranks, groups = ranking.best_rank[known], np.searchsorted(present, labels[known])
    measured = [_measure_group(ranks[groups == place], names[label], seed=seed) for place, label in enumerate(present)]
    p_values = _adjust(_test_groups(ranks == 1, groups, len(present)))
    judged = [replace(group, p_value=p) for group, p in zip(measured, p_values, strict=True)]
    return GroupRanks(
        attribute=attribute.name,
        groups=tuple(sorted(judged, key=_worst_first)),
        n_unknown=int(np.sum(asked & (labels < 0))),
    )


def _sort_queries(attribute: Attribute) -> tuple[Labels, tuple[str, ...]]:
    """The group of each query, -1 where its value is not known, and the groups' names."""
    if attribute.kind == "category":
        return np.where(np.isnan(attribute.queries), -1, attribute.queries).astype(np.int64), attribute.values
    values = attribute.queries
    known = np.isfinite(values)
    if not known.any():
        return np.full(len(values), -1), ()
    # a group ends at a value that occurs, so that its name is true of its members
    inner = np.quantile(values[known], np.arange(1, QUARTERS) / QUARTERS, method="lower")
    ends = np.unique(np.append(inner, values[known].max()))
    labels = np.where(known, np.searchsorted(ends, np.where(known, values, ends[0])), -1)
    return labels, _name_quarters(values, labels, n=len(ends), unit=attribute.unit)


def _name_quarters(values: Float[np.ndarray, " query"], labels: Labels, *, n: int, unit: str) -> tuple[str, ...]:
    """`3–4.5 triệu`: the smallest and the largest value of each group."""
    names: list[str] = []
    for label in range(n):
        own = values[labels == label]
        low, high = f"{own.min():.6g}", f"{own.max():.6g}"
        names.append(f"{low if low == high else f'{low}–{high}'} {unit}".strip())
    return tuple(names)


def _measure_group(ranks: Int[np.ndarray, " query"], value: str, *, seed: int) -> GroupRank:
    n, inverse = len(ranks), 1.0 / ranks
    mean = float(inverse.mean())
    draws = resample_sums(inverse[:, None], seed=seed)[:, 0] / n
    interval = mean_share_interval(draws, mean, unit="queries", n_units=n)
    hits = score_share("hit_at_1", int(np.sum(ranks == 1)), n, reason="no queries")
    return GroupRank(value=value, hit_at_1=hits, mrr=score_with("mrr", mean, n=n, interval=interval), p_value=None)


def _test_groups(hits: Flags, groups: Labels, n_groups: int) -> list[float | None]:
    """The exact p of each group against all others; None for too few queries."""
    sizes = np.bincount(groups, minlength=n_groups).tolist()
    own = np.bincount(groups, weights=hits, minlength=n_groups).astype(int).tolist()
    n, total = len(hits), int(hits.sum())
    return [
        None if min(size, n - size) < LEAST_QUERIES else exact_share_p(hit, size, n_hits=total, n=n)
        for hit, size in zip(own, sizes, strict=True)
    ]


def exact_share_p(hits: int, size: int, *, n_hits: int, n: int) -> float:
    """How often chance sets the share of hits in a group of `size` at least as far apart from that in the rest.

    Of the ways in which `n_hits` hits can be dealt to n queries, the share in which |hits / size - (n_hits - hits) /
    (n - size)| is at least what was observed; in (0, 1], exact.

    Source: Fisher 1935, The Design of Experiments.

    >>> round(exact_share_p(0, 3, n_hits=3, n=6), 6)
    0.1
    """
    from scipy.special import gammaln  # noqa: PLC0415  only retrievers with attributes pay for it

    possible = np.arange(max(0, n_hits - (n - size)), min(size, n_hits) + 1)
    gaps = np.abs(possible / size - (n_hits - possible) / (n - size))
    logs = _choose(size, possible, gammaln) + _choose(n - size, n_hits - possible, gammaln)
    chances = np.exp(logs - logs.max())
    observed = gaps[possible == hits]
    return min(1.0, float(chances[gaps >= observed - ROUNDING].sum() / chances.sum()))


def _choose(n: int, k: Int[np.ndarray, " count"], gammaln: np.ufunc) -> Float[np.ndarray, " count"]:
    """The logarithm of the binomial coefficient."""
    return np.asarray(gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1), dtype=np.float64)


def _adjust(p_values: Sequence[float | None]) -> list[float | None]:
    """For the number of questions asked; two groups ask the same one."""
    tested = [place for place, p in enumerate(p_values) if p is not None]
    if len(p_values) == 2 or not tested:
        return list(p_values)
    adjusted = holm(np.array([p for p in p_values if p is not None]))
    result = list(p_values)
    for place, p in zip(tested, adjusted.tolist(), strict=True):
        result[place] = p
    return result


def _worst_first(group: GroupRank) -> tuple[bool, float, float, str]:
    few = group.hit_at_1.n < LEAST_QUERIES
    return few, group.hit_at_1.value or 0.0, group.mrr.value or 0.0, group.value
