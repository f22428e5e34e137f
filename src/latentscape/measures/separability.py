"""How well a threshold tells right pairs from wrong ones: area under the curve, overlap, and what a threshold costs."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from latentscape.measures.bootstrap import Interval, bootstrap_interval, draw_counts, score_with
from latentscape.measures.histogram import bin_cosines, join_bins
from latentscape.measures.pair_cosines import Pairs
from latentscape.measures.pair_slots import SAME, Slots
from latentscape.measures.score import Better, Score

PERCENTS = (1, 5)
"""The p of each threshold_fpr_p."""
BETTER: Mapping[str, Better] = {"auc": "higher", "overlap": "lower", "threshold": "neither", "tpr": "higher"}
BOUNDS = {"threshold": (-1.0, 1.0)}
FEW_GROUPS = 30
"""With fewer groups any draw may put its threshold anywhere."""

Values = dict[str, float]


@dataclass(frozen=True, kw_only=True)
class Population:
    """One population of wrong pairs against the right ones, by group of queries."""

    slots: Slots
    """Both in slots, for the area and the shares found."""
    positive_bins: Int[np.ndarray, "group fine"]
    negative_bins: Int[np.ndarray, "group fine"]
    """Both in equal bins on [-1, 1], for overlap and thresholds."""
    values: Values
    """What is known better than slots and bins tell it."""


def measure_separability(
    population: Population | None, *, suffix: str = "", n_queries: int, reason: str = "", seed: int
) -> dict[str, Score]:
    """How well a threshold on the cosine tells right pairs from one population of wrong ones.

    Over all queries together, as one threshold for all would have it; without suffix against all wrong documents,
    `_hard` against declared hard negatives, `_mined` against each query's most similar wrong document:

    * `auc`, `auc_hard`, `auc_mined` = P(right > wrong) + half P(right = wrong), for a right and a wrong pair drawn
      at random; 0.5 is chance, in [0, 1], higher is better,
    * `overlap`, `overlap_hard`, `overlap_mined` = shared area of the two histograms: the sum over 200 equal bins on
      [−1, 1] of the smaller of the two shares; 0 apart, 1 alike, lower is better,
    * `threshold_fpr_1`, `threshold_fpr_5` (`…_hard`, `…_mined`) = the smallest threshold that at most 1 % (5 %) of the
      wrong pairs exceed: the (k + 1)-th largest of n cosines, k = ⌊n p / 100⌋; in [−1, 1], neither way is better,
    * `tpr_at_fpr_1`, `tpr_at_fpr_5` (`…_hard`, `…_mined`) = share of the right pairs that exceed that threshold, in
      [0, 1], higher is better. A right pair that ties with the threshold does not exceed it.

    Cosines within 1e-12 tie. Against declared and mined negatives all values are exact, and against all wrong
    documents up to 5 million (query, document) pairs. Beyond, wrong pairs are read off bins 0.0005 wide, in which
    they count as spread evenly: area and shares found are then right to the chance that a right and a wrong pair share
    a bin (the area of smooth distributions to about 1e-6), thresholds to 0.0005. Where that chance exceeds 1 %, as it
    does when all cosines are nearly equal, area and shares are counted exactly. Overlap is exact but for cosines
    within single precision of a bin's edge.

    Intervals: bootstrap of queries, with more than 500 of them of the groups they were dealt into; None for a single
    one. Queries drawn twice roughen the histograms, which lowers their overlap: its draws are shifted back onto the
    value. Without right or without wrong pairs: no value, but a `reason`.

    Source: Hanley and McNeil 1982, https://doi.org/10.1148/radiology.143.1.7063747 (area under the curve); Fawcett
    2006, https://doi.org/10.1016/j.patrec.2005.10.010 (thresholds); Inman and Bradley 1989, Communications in
    Statistics 18 (overlap).
    """
    if population is None:
        return {name + suffix: _score(name, None, suffix=suffix, n=n_queries, reason=reason) for name in NAMES}
    n_groups = len(population.positive_bins)
    tables = _tabulate(population)
    binned = _derive(tables, np.ones((1, n_groups)))
    values = {name: float(drawn[0]) for name, drawn in binned.items()} | population.values
    blocks = [_derive(tables, weights) for weights in draw_counts(n_groups, seed=seed)]
    unit = "queries" if n_groups == n_queries else f"groups of {n_queries} queries"
    scores = {}
    for name, value in values.items():
        drawn = np.concatenate([block[name] for block in blocks])
        center = np.nanmedian(drawn) if name == "overlap" else binned[name][0]
        drawn += value - center
        low, high = _bounds(name)
        interval = bootstrap_interval(np.clip(drawn, low, high), unit=unit, n_units=n_groups)
        scores[name + suffix] = _score(name, value, suffix=suffix, n=n_queries, interval=interval)
    return scores


NAMES = ("auc", "overlap", *(f"{kind}_fpr_{percent}" for percent in PERCENTS for kind in ("threshold", "tpr_at")))


def _score(
    name: str, value: float | None, *, suffix: str, n: int, interval: Interval | None = None, reason: str = ""
) -> Score:
    better, bounds = BETTER[name.partition("_")[0]], _bounds(name)
    if value is None:
        return Score(name=name + suffix, value=None, n=n, better=better, bounds=bounds, reason=reason)
    return score_with(name + suffix, value, n=n, interval=interval or Interval(), better=better, bounds=bounds)


def _bounds(name: str) -> tuple[float, float]:
    return BOUNDS.get(name.partition("_")[0], (0.0, 1.0))


def compare_values(positives: Float[np.ndarray, " right"], negatives: Float[np.ndarray, " wrong"]) -> Values:
    """auc, thresholds and tpr of two sets of cosines that are all at hand, exactly; neither is empty.

    >>> compare_values(np.array([0.9, 0.5]), np.array([0.5, 0.1]))["auc"]
    0.875
    """
    ordered = np.sort(negatives)
    under, upto = np.searchsorted(ordered, positives - SAME), np.searchsorted(ordered, positives + SAME, side="right")
    values = {"auc": float((under + upto).mean() / (2 * ordered.size))}
    for percent in PERCENTS:
        threshold = float(ordered[ordered.size - 1 - ordered.size * percent // 100])
        values[f"threshold_fpr_{percent}"] = threshold
        values[f"tpr_at_fpr_{percent}"] = float(np.mean(positives > threshold + SAME))
    return values


def share_slots(slots: Slots) -> float:
    """The chance that a right and a wrong pair share a slot in which their order is not known: how far auc may be off.

    Nearly all of the error is taken away by counting wrong pairs as spread evenly.
    """
    negative = slots.negative.sum(axis=0)
    doubtful = np.where(slots.under > 0, negative[slots.slot], 0)
    return float(doubtful.mean() / max(1, int(negative.sum()))) if doubtful.size else 0.0


def find_threshold_bin(counts: Int[np.ndarray, " fine"], percent: int) -> int:
    """The bin that holds the threshold which at most `percent` % of the binned cosines exceed."""
    total = int(counts.sum())
    return counts.size - 1 - int(np.searchsorted(np.cumsum(counts[::-1]), total * percent // 100, side="right"))


@dataclass(frozen=True, kw_only=True)
class _Tail:
    """Counts of wrong pairs by group in those slots or bins that can hold a threshold."""

    places: Int[np.ndarray, " kept"]
    counts: Int[np.ndarray, "group kept"]


@dataclass(frozen=True, kw_only=True)
class _Tables:
    """All that a resampled study needs, ready to be multiplied by how often each group is drawn."""

    columns: Float[np.ndarray, "group column"]
    """Side by side: right and wrong pairs; each group's credit against the others; right, then wrong pairs in the bins
    that hold both; wrong pairs in the bins and in the slots that can hold a threshold."""
    cuts: tuple[int, ...]
    """Where each of these ends."""
    bin_places: Int[np.ndarray, " kept"]
    bin_width: float
    slot_places: Int[np.ndarray, " kept_slot"]
    place: Float[np.ndarray, " positive"]
    """Slot and share of it below each right pair, ascending."""
    group: Int[np.ndarray, " positive"]
    """The group of each of these."""


def _tabulate(population: Population) -> _Tables:
    slots, n_groups = population.slots, len(population.positive_bins)
    right, wrong = join_bins(population.positive_bins), join_bins(population.negative_bins)
    both = (right.sum(axis=0) > 0) & (wrong.sum(axis=0) > 0)
    in_bins, in_slots = _take_tail(population.negative_bins), _take_tail(slots.negative)
    totals = np.bincount(slots.group, minlength=n_groups), slots.negative.sum(axis=1)
    parts = (
        np.stack(totals, axis=1), _credit(slots), right[:, both], wrong[:, both], in_bins.counts, in_slots.counts,
    )  # fmt: skip
    place = slots.slot + slots.under
    order = np.argsort(place, kind="stable")
    return _Tables(
        columns=np.concatenate(parts, axis=1, dtype=np.float64),
        cuts=tuple(np.cumsum([part.shape[1] for part in parts[:-1]]).tolist()),
        bin_places=in_bins.places,
        bin_width=2 / population.negative_bins.shape[1],
        slot_places=in_slots.places,
        place=place[order],
        group=slots.group[order],
    )


def _take_tail(negative: Int[np.ndarray, "group slot"]) -> _Tail:
    """Only the upper half can hold a threshold for 5 %, unless a few groups decide; empty slots hold none."""
    total = negative.sum(axis=0)
    above = np.cumsum(total[::-1])[::-1] - total
    likely = (2 * above <= total.sum()) | (len(negative) < FEW_GROUPS)
    places = np.flatnonzero((total > 0) & likely)
    return _Tail(places=places, counts=negative[:, places])


def _derive(tables: _Tables, weights: Float[np.ndarray, "draw group"]) -> dict[str, Float[np.ndarray, " draw"]]:
    """Every number, NaN where it does not exist, for studies in which groups are drawn so many times."""
    # One product for all: many small ones would cost more in waiting threads than in sums.
    products = np.split(weights @ tables.columns, tables.cuts, axis=1)
    (n_right, n_wrong), credit, right, wrong = products[0].T, *products[1:4]
    allowed = np.stack([np.floor(n_wrong * percent / 100 + 1e-6) for percent in PERCENTS])
    in_bins = _cut(tables.bin_places, products[4], allowed=allowed)
    in_slots = _cut(tables.slot_places, products[5], allowed=allowed)
    with np.errstate(invalid="ignore", divide="ignore"):
        found = {
            "auc": (credit * weights).sum(axis=1) / (n_right * n_wrong),
            "overlap": np.minimum(right / n_right[:, None], wrong / n_wrong[:, None]).sum(axis=1),
        }
        for percent, place, cut in zip(PERCENTS, in_bins, in_slots, strict=True):
            found[f"threshold_fpr_{percent}"] = place * tables.bin_width - 1.0
            found[f"tpr_at_fpr_{percent}"] = _weigh_above(tables, weights, cut=cut) / n_right
    exists = (n_right > 0) & (n_wrong > 0)
    return {name: np.where(exists, values, np.nan) for name, values in found.items()}


def _credit(slots: Slots) -> Float[np.ndarray, "group other"]:
    """For each pair of groups: the wins of the first one's right pairs over the other one's wrong ones, ties half."""
    negative = np.ascontiguousarray(slots.negative.T, dtype=np.float64)
    before = np.cumsum(negative, axis=0) - negative
    credit = np.zeros((negative.shape[1], negative.shape[1]))
    for group in range(len(credit)):
        mine = slots.group == group
        credit[group] = before[slots.slot[mine]].sum(axis=0) + slots.below[mine] @ negative[slots.slot[mine]]
    return credit


def _cut(
    places: Int[np.ndarray, " kept"],
    counts: Float[np.ndarray, "draw kept"],
    *,
    allowed: Float[np.ndarray, "percent draw"],
) -> list[Float[np.ndarray, " draw"]]:
    """Slot number + share of that slot above which `allowed` wrong pairs lie, for each draw."""
    above = np.cumsum(counts[:, ::-1], axis=1)[:, ::-1]  # those in the slot or above it
    rows, cuts = np.arange(len(counts)), []
    for each in allowed:
        last = np.maximum(np.count_nonzero(above > each[:, None], axis=1) - 1, 0)
        inside, over = counts[rows, last], above[rows, last] - counts[rows, last]
        cuts.append(places[last] + 1.0 - np.clip((each - over) / np.maximum(inside, 1.0), 0.0, 1.0))
    return cuts


def _weigh_above(
    tables: _Tables, weights: Float[np.ndarray, "draw group"], *, cut: Float[np.ndarray, " draw"]
) -> Float[np.ndarray, " draw"]:
    """How many right pairs each draw has above its cut."""
    first = np.searchsorted(tables.place, cut)
    return np.array([draw[tables.group[start:]].sum() for draw, start in zip(weights, first, strict=True)])


def count_bins(positives: Pairs, *, n_groups: int, n_bins: int) -> Int[np.ndarray, "group fine"]:
    """Cosines in equal bins, by group of queries."""
    flat = positives.group * n_bins + bin_cosines(positives.values, n_bins=n_bins)
    return np.bincount(flat, minlength=n_groups * n_bins).reshape(n_groups, n_bins)
