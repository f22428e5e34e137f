"""Scores that are made of sums over units, so that two models' scores can be compared unit by unit."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeVar

import numpy as np
from jaxtyping import Bool, Float, Int

from latentscape.errors import DataError
from latentscape.measures.bootstrap import (
    NORMAL_QUANTILE,
    Interval,
    bootstrap_interval,
    resample_sums,
    score_with,
    wilson,
    wilson_interval,
)
from latentscape.measures.exchange import exchange_p_values
from latentscape.measures.paired_hits import MIN_SPEAKERS, mcnemar_p, name_unknown
from latentscape.measures.permutations import holm
from latentscape.measures.score import Better, Score
from latentscape.shapes import Labels, Rows

ALPHA = 0.05
"""A difference is called detected where its adjusted p is at most this."""
ROUNDING = 1e-6
"""Values that differ by less than this share of their range differ by the rounding of single precision."""
Sums = Float[np.ndarray, "_ _"]
K = TypeVar("K")
"""What a user calls each of several scores or changes."""


@dataclass(frozen=True, kw_only=True)
class Tally:
    """A score as a weighted sum of ratios: over terms t, weights[t] * sum_u above[u, t] / sum_u below[u, t].

    An accuracy has one term: above 1 where the sample is right, below all ones. A margin has two, of weights 1 and -1:
    cosines of right pairs over their number, and cosines of wrong ones over theirs. A mean over classes has one term a
    class. A unit is what the score is made of: a sample, a query.
    """

    name: str
    above: Float[np.ndarray, "unit term"]
    below: Float[np.ndarray, "unit term"]
    weights: Float[np.ndarray, " term"]
    better: Better = "higher"
    bounds: tuple[float, float] = (0.0, 1.0)


@dataclass(frozen=True, kw_only=True)
class Change:
    """How a score differs between two models on the same units."""

    score: Score
    """The second model's minus the first's, named `{name}_delta`; `better` as the score's own, bounds as wide as it can
    differ."""
    p_value: float | None
    """Two-sided; None where it can't be tested."""
    test: str = ""
    """Which test, in words: `McNemar, exact` or `models exchanged within queries`."""
    adjusted: float | None = None
    """The p adjusted (Holm) for everything asked in the same comparison."""

    @property
    def is_detected(self) -> bool:
        """Whether the difference is more than chance explains."""
        return self.adjusted is not None and self.adjusted <= ALPHA


def take_units(tally: Tally, rows: Rows) -> Tally:
    """The same score of some of the units only."""
    return replace(tally, above=tally.above[rows], below=tally.below[rows])


def value_of(tally: Tally) -> float | None:
    """The score itself; None where no unit takes part in it, or in one side of a difference.

    >>> right, ones = np.array([[1.0], [0.0], [1.0], [1.0]]), np.ones((4, 1))
    >>> value_of(Tally(name="accuracy", above=right, below=ones, weights=np.ones(1)))
    0.75
    """
    above, below = tally.above.sum(axis=0, keepdims=True), tally.below.sum(axis=0, keepdims=True)
    value = float(_weigh(above, below, tally.weights)[0])
    return None if math.isnan(value) else value


def score_tally(tally: Tally, *, clusters: Labels, cluster_name: str, seed: int) -> Score:
    """The score with its interval; `clusters` says for each unit what is drawn together with it, -1 for by itself.

    The 95 % interval resamples clusters (speakers, queries). Fewer than eight can't say how much the next would differ:
    then units are resampled, and the interval says that it is about these clusters only. The spread is widened as for
    any mean of few (sqrt(n / (n - 1)) times Student's over the normal quantile). Where all draws agree, resampling
    finds no spread and would claim certainty: Wilson's interval of the value's place between its bounds is given
    instead. A class that a draw has not is left out of that draw's mean. A single unit has no interval; no value, but a
    reason, where no unit takes part. `n` counts the units that take part.

    Source: Efron and Tibshirani 1993, An Introduction to the Bootstrap, chapter 13; Hesterberg 2015, The American
    Statistician 69, 371-386 (the widening); Wilson 1927, https://doi.org/10.1080/01621459.1927.10502953.
    """
    return score_tallies({tally.name: tally}, clusters=clusters, cluster_name=cluster_name, seed=seed)[tally.name]


def score_tallies(tallies: Mapping[K, Tally], *, clusters: Labels, cluster_name: str, seed: int) -> dict[K, Score]:
    """As `score_tally`, for several scores of the same units: the same numbers, drawn once for all.

    Source: as `score_tally`.
    """
    scores: dict[K, Score] = {}
    single = {key: (tally,) for key, tally in tallies.items()}
    for drawn, keys in _group(single, clusters, cluster_name):
        resampled = _resample({key: single[key] for key in keys}, drawn, seed=seed)
        for key in keys:
            each, n = tallies[key], drawn.n_units
            score = Score(name=each.name, value=value_of(each), n=n, better=each.better, bounds=each.bounds)
            scores[key] = _finish(score, resampled[key][0], drawn=drawn)
    return {key: scores[key] for key in tallies}


def measure_change(first: Tally, second: Tally, *, clusters: Labels, cluster_name: str, seed: int) -> Change:
    """The second model's score minus the first's on the same units, its interval, and whether chance explains it.

    delta = score(second) - score(first), within plus or minus the width of the score's bounds; better as the score
    itself; 0 for equal answers. The 95 % interval resamples clusters, both models' sums together, so that what is hard
    for both cancels; fewer than eight clusters as in `score_tally`. Where resampling finds no spread (no unit differs,
    or all by as much), the share of clusters that might yet differ is at most z² / (n + z²), Wilson's bound for none of
    n, and by no more than the bounds' width: the interval reaches so far on either side.

    The two-sided p: of a yes-or-no score (accuracy, hit_at_1) McNemar's exact one. Of any other score the models' sums
    are exchanged within clusters, all patterns up to 12 clusters, else 9,999 random ones; None for fewer than six. A
    yes-or-no score of clusters with several units is asked both ways and has the larger p: speakers for whom one model
    happens to fit are no independent witnesses. A difference below a millionth of the bounds' width is rounding: p = 1.

    Source: McNemar 1947, https://doi.org/10.1007/BF02295996; Fisher 1935, The Design of Experiments, section 21
    (exchange); Efron and Tibshirani 1993, An Introduction to the Bootstrap; Wilson 1927,
    https://doi.org/10.1080/01621459.1927.10502953.

    Raises:
        DataError: the two tallies are not of the same score and units.
    """
    pairs = {first.name: (first, second)}
    return measure_changes(pairs, clusters=clusters, cluster_name=cluster_name, seed=seed)[first.name]


def measure_changes(
    pairs: Mapping[K, tuple[Tally, Tally]], *, clusters: Labels, cluster_name: str, seed: int
) -> dict[K, Change]:
    """As `measure_change`, for several (first, second) of the same units: the same numbers, drawn once for all.

    Source: as `measure_change`.

    Raises:
        DataError: two tallies are not of the same score and units.
    """
    for pair in pairs.values():
        _refuse_misfits(*pair)
    changes: dict[K, Change] = {}
    for drawn, keys in _group(pairs, clusters, cluster_name):
        own = {key: pairs[key] for key in keys}
        resampled, p_values = _resample(own, drawn, seed=seed), _exchange(own, drawn, seed=seed)
        for key, (first, second) in own.items():
            score = _start_delta(first, second, n=drawn.n_units)
            one, two = resampled[key]
            score = _finish(score, two - one, drawn=drawn, shares=_share_unseen(first, drawn))
            changes[key] = _test(score, (first, second), drawn, exchanged=p_values[key])
    return {key: changes[key] for key in pairs}


def adjust_changes(changes: Mapping[K, Change]) -> dict[K, Change]:
    """The changes, their p adjusted (Holm) for all that have one; the others stay without.

    Source: Holm 1979, Scandinavian Journal of Statistics 6, 65-70.
    """
    asked = {key: change.p_value for key, change in changes.items() if change.p_value is not None}
    adjusted = dict(zip(asked, holm(np.array(list(asked.values()), dtype=np.float64)).tolist(), strict=True))
    return {key: replace(change, adjusted=adjusted.get(key)) for key, change in changes.items()}


class _Drawn(NamedTuple):
    """What is resampled: clusters, or units where clusters are few."""

    rows: Rows
    """The units that take part."""
    owner: Int[np.ndarray, " row"]
    """For each of them the number of what it is drawn with."""
    n: int
    name: str
    only: str
    """`these 3 speakers` where the interval is about them only."""

    @property
    def n_units(self) -> int:
        return len(self.rows)

    def add_up(self, values: Sums) -> Sums:
        """The sums of what is drawn together."""
        taken = values[self.rows]
        if self.n == self.n_units:
            return taken  # each by itself
        sums = np.zeros((self.n, taken.shape[1]))
        np.add.at(sums, self.owner, taken)
        return sums


def _group(
    pairs: Mapping[K, tuple[Tally, ...]], clusters: Labels, cluster_name: str
) -> Iterator[tuple[_Drawn, list[K]]]:
    """The keys by which units take part: what rests on the same units is drawn once."""
    masks: dict[bytes, Bool[np.ndarray, " unit"]] = {}
    groups: dict[bytes, list[K]] = {}
    for key, pair in pairs.items():
        mask = np.any([(tally.below > 0).any(axis=1) for tally in pair], axis=0)
        masks[mask.tobytes()] = mask
        groups.setdefault(mask.tobytes(), []).append(key)
    for code, keys in groups.items():
        yield _choose_drawn(np.flatnonzero(masks[code]), clusters, cluster_name), keys


def _choose_drawn(rows: Rows, clusters: Labels, cluster_name: str) -> _Drawn:
    names, owner = np.unique(name_unknown(clusters)[rows], return_inverse=True)
    n = len(names)
    if n == len(rows):
        return _Drawn(rows, np.arange(n), n, cluster_name, "")
    if n >= MIN_SPEAKERS:
        return _Drawn(rows, owner, n, cluster_name, "")
    only = f"this {cluster_name.removesuffix('s')}" if n == 1 else f"these {n} {cluster_name}"
    return _Drawn(rows, np.arange(len(rows)), len(rows), "samples", only)


def _weigh(above: Sums, below: Sums, weights: Float[np.ndarray, " term"]) -> Float[np.ndarray, " _"]:
    """The score for each row of sums; NaN where it does not exist. What a mean has no units of is left out of it."""
    present = below > 0
    ratios = np.divide(above, below, out=np.zeros(above.shape), where=present)
    if len(weights) and weights.min() < 0:
        return np.where(present.all(axis=1), ratios @ weights, np.nan)
    share = present @ weights
    scale = np.divide(weights.sum(), share, out=np.full(len(share), np.nan), where=share > 0)
    return ratios @ weights * scale


def _resample(
    groups: Mapping[K, tuple[Tally, ...]], drawn: _Drawn, *, seed: int
) -> dict[K, list[Float[np.ndarray, " draw"]]]:
    """Each tally's score in each draw."""
    if drawn.n == 0:
        return {key: [np.empty(0) for _ in tallies] for key, tallies in groups.items()}
    tallies = {id(tally): tally for group in groups.values() for tally in group}  # one may be in many pairs
    sums = [np.hstack([tally.above, tally.below]).astype(np.float64) for tally in tallies.values()]
    draws = resample_sums(drawn.add_up(np.hstack(sums)), seed=seed)
    parts = np.split(draws, np.cumsum([each.shape[1] for each in sums])[:-1], axis=1)
    halves = [np.split(part, 2, axis=1) for part in parts]
    weights = [tally.weights for tally in tallies.values()]
    scored = [_weigh(above, below, own) for (above, below), own in zip(halves, weights, strict=True)]
    found = dict(zip(tallies, scored, strict=True))
    return {key: [found[id(tally)] for tally in group] for key, group in groups.items()}


def _finish(score: Score, draws: Float[np.ndarray, " draw"], *, drawn: _Drawn, shares: float | None = None) -> Score:
    """The score with the interval of its draws, spread as far as so few leave it open."""
    if score.value is None:
        return replace(score, reason="none of the samples compared takes part in it")
    (low, high), value = score.bounds, score.value
    known = draws[np.isfinite(draws)]
    if drawn.n < 2 or 2 * len(known) < len(draws):
        return score
    if np.ptp(known) < ROUNDING * (high - low):
        interval = _bound_unseen(score, shares, drawn) if shares is not None else _bound_place(score, n=drawn.n)
    else:
        spread = np.clip(value + _stretch(drawn.n) * (known - value), low, high)
        interval = bootstrap_interval(spread, unit=drawn.name, n_units=drawn.n)
    if drawn.only and interval.method:
        interval = replace(interval, method=f"{interval.method} ({drawn.only} only)")
    return score_with(score.name, value, n=score.n, interval=interval, better=score.better, bounds=score.bounds)


def _stretch(n: int) -> float:
    """How much wider the next would spread than n drawn from themselves do."""
    from scipy.special import stdtrit  # noqa: PLC0415  maps without a model should not pay for it

    return math.sqrt(n / (n - 1)) * float(stdtrit(n - 1, 0.975)) / NORMAL_QUANTILE


def _bound_place(score: Score, *, n: int) -> Interval:
    """Wilson's interval of where the value lies between its bounds; none where it has no bounds."""
    low, width = score.bounds[0], score.bounds[1] - score.bounds[0]
    if not math.isfinite(width) or score.value is None:
        return Interval()
    found = wilson(min(1.0, max(0.0, (score.value - low) / width)), n)
    ends = [low + width * end for end in (found.low or 0.0, 1.0 if found.high is None else found.high)]
    return Interval(low=ends[0], high=ends[1], method=found.method)


def _bound_unseen(score: Score, share: float, drawn: _Drawn) -> Interval:
    """How far the difference may be off though no resampling shows it: so large a share may yet differ."""
    (low, high), value = score.bounds, score.value or 0.0
    reach = share * high
    if not math.isfinite(reach):
        return Interval()
    method = f"95 % Wilson of {drawn.name} that differ, n = {drawn.n}"
    return Interval(low=max(low, value - reach), high=min(high, value + reach), method=method)


def _share_unseen(tally: Tally, drawn: _Drawn) -> float:
    """Wilson's upper bound of a share of which none was seen, averaged over the terms by the size of their weights."""
    n_each = (drawn.add_up(tally.below) > 0).sum(axis=0)
    sizes = np.abs(tally.weights)
    ends = np.array([wilson_interval(0.0, int(n))[1] if n else 0.0 for n in n_each])
    return float(sizes @ ends / sizes.sum()) if sizes.sum() > 0 else 1.0


def _refuse_misfits(first: Tally, second: Tally) -> None:
    if (
        first.name == second.name
        and first.above.shape == second.above.shape
        and np.array_equal(first.weights, second.weights)
    ):
        return
    raise DataError(
        "two models can be compared only by the same score on the same samples",
        got=f"{second.name} of {len(second.above)} with {len(second.weights)} terms",
        expected=f"{first.name} of {len(first.above)} with {len(first.weights)} terms",
        hint="tally the same score of both models, over the same samples in the same order",
        fault="data-columns",
    )


def _start_delta(first: Tally, second: Tally, *, n: int) -> Score:
    """The difference without an interval."""
    ends, width = (value_of(first), value_of(second)), first.bounds[1] - first.bounds[0]
    value = None if ends[0] is None or ends[1] is None else ends[1] - ends[0]
    return Score(name=f"{first.name}_delta", value=value, n=n, better=first.better, bounds=(-width, width))


def _exchange(pairs: Mapping[K, tuple[Tally, Tally]], drawn: _Drawn, *, seed: int) -> dict[K, float | None]:
    """The p of each pair by exchange within what is drawn; None where nobody needs it or too few are there."""
    asked = {key: pair for key, pair in pairs.items() if not (drawn.n == drawn.n_units and _is_yes_or_no(pair, drawn))}
    if not asked:
        return dict.fromkeys(pairs)
    columns = np.column_stack([_share_out(second) - _share_out(first) for first, second in asked.values()])
    found = exchange_p_values(drawn.add_up(columns), seed=seed)
    p_values = {} if found is None else dict(zip(asked, found.tolist(), strict=True))
    return {key: p_values.get(key) for key in pairs}


def _share_out(tally: Tally) -> Float[np.ndarray, " unit"]:
    """What each unit adds to the score."""
    totals = tally.below.sum(axis=0)
    return tally.above @ np.divide(tally.weights, totals, out=np.zeros(len(totals)), where=totals > 0)


def _is_yes_or_no(pair: tuple[Tally, Tally], drawn: _Drawn) -> bool:
    """Whether each unit that takes part has one answer, and that is yes or no."""
    for tally in pair:
        above, below = tally.above[drawn.rows], tally.below[drawn.rows]
        if len(tally.weights) != 1 or np.any(below != 1.0) or np.any((above != 0.0) & (above != 1.0)):
            return False
    return True


def _test(score: Score, pair: tuple[Tally, Tally], drawn: _Drawn, *, exchanged: float | None) -> Change:
    """The change with its p: McNemar's, that of exchange, or the larger of both."""
    if score.value is None:
        return Change(score=score, p_value=None)
    p, words = exchanged, f"models exchanged within {drawn.name}"
    if _is_yes_or_no(pair, drawn):
        first, second = (tally.above[drawn.rows, 0] > 0 for tally in pair)
        p, exact = mcnemar_p(second, first), "McNemar, exact"
        words = exact
        if drawn.n < drawn.n_units and exchanged is not None and exchanged > p:
            p, words = exchanged, f"{exact}, and models exchanged within {drawn.name}: the larger p"
    if abs(score.value) <= ROUNDING * score.bounds[1]:
        p = 1.0
    if drawn.only:
        words = f"{words} ({drawn.only} only)"
    return Change(score=score, p_value=p, test="" if p is None else words)
