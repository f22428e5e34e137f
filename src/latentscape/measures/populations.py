"""Right pairs against one population of wrong ones, brought into slots: exactly where that is affordable."""

import numpy as np
from jaxtyping import Float, Int

from latentscape.executor import IN_PROCESS, Executor
from latentscape.measures.pair_cosines import Pairs
from latentscape.measures.pair_slots import choose_points, find_slots, place_around, place_in_bins, thin_points
from latentscape.measures.scan import PairScan
from latentscape.measures.second_look import Resolved, resolve_pairs
from latentscape.measures.separability import (
    PERCENTS,
    Population,
    compare_values,
    count_bins,
    find_threshold_bin,
    share_slots,
)

EXACT_PAIRS = 5_000_000
"""Up to so many (query, document) pairs are looked at once more, in double precision."""
COARSE = 0.01
"""And more of them too where a right and a wrong pair share a bin of the scan more often than this."""
SINGLE = 1e-5
"""More than the rounding of a cosine in single precision, of vectors of any usual length."""


def describe_chosen_wrong(positives: Pairs, negatives: Pairs, *, n_groups: int, n_bins: int) -> Population:
    """Right pairs against wrong ones that are all at hand; neither is empty."""
    points = thin_points(choose_points(positives.values))
    flat = negatives.group * points.n_slots + find_slots(points, negatives.values)
    counts = np.bincount(flat, minlength=n_groups * points.n_slots).reshape(n_groups, -1)
    return Population(
        slots=place_around(points, positives, negative=counts),
        positive_bins=count_bins(positives, n_groups=n_groups, n_bins=n_bins),
        negative_bins=count_bins(negatives, n_groups=n_groups, n_bins=n_bins),
        values=compare_values(positives.values, negatives.values),
    )


def describe_all_wrong(
    queries: Float[np.ndarray, "query feature"],
    documents: Float[np.ndarray, "document feature"],
    *,
    positives: Pairs,
    ignored: Pairs,
    scan: PairScan,
    executor: Executor = IN_PROCESS,
) -> Population:
    """Right pairs against every pair that is neither right nor ignored, as a scan has counted them or more finely."""
    n_groups, n_bins = scan.counts.shape
    slots, values = place_in_bins(positives, negative=scan.counts), {}
    few = len(queries) * len(documents) <= EXACT_PAIRS
    if few or share_slots(slots) > COARSE:
        points = choose_points(positives.values)
        counts = scan.counts.sum(axis=0)
        bins = [find_threshold_bin(counts, percent) for percent in PERCENTS]
        width = 2 / n_bins
        ranges = [(each * width - 1 - SINGLE, (each + 1) * width - 1 + SINGLE) for each in bins]
        resolved = resolve_pairs(
            queries,
            documents,
            left_out=_join(positives, ignored),
            group=scan.group,
            points=points,
            ranges=tuple(ranges) if few else (),
            executor=executor,
        )
        slots = place_around(thin_points(points), positives, negative=resolved.by_group)
        values = _read_exactly(resolved, find_slots(points, positives.values))
    return Population(
        slots=slots,
        positive_bins=count_bins(positives, n_groups=n_groups, n_bins=n_bins),
        negative_bins=scan.counts,
        values=values,
    )


def _read_exactly(resolved: Resolved, slot: Int[np.ndarray, " positive"]) -> dict[str, float]:
    """The area and the shares found, from each right pair's own slot; thresholds from the bins that hold them."""
    n, own = int(resolved.negative.sum()), resolved.negative[slot]
    upto = np.cumsum(resolved.negative)[slot]
    found = {"auc": float((upto - 0.5 * own).mean() / n)}
    for percent in PERCENTS:
        # A right pair exceeds the threshold when no more wrong pairs than are allowed lie at it or above it.
        found[f"tpr_at_fpr_{percent}"] = float(np.mean(n - (upto - own) <= n * percent // 100))
    for percent, above, inside in zip(PERCENTS, resolved.above, resolved.inside, strict=False):
        place = n * percent // 100 - above
        if 0 <= place < inside.size:
            found[f"threshold_fpr_{percent}"] = float(inside[place])
    return found


def _join(some: Pairs, others: Pairs) -> Pairs:
    """Both, by query."""
    order = np.argsort(np.concatenate([some.query, others.query]), kind="stable")
    columns = (
        np.concatenate(both)[order]
        for both in (
            (some.query, others.query),
            (some.document, others.document),
            (some.group, others.group),
            (some.values, others.values),
        )
    )
    query, document, group, values = columns
    return Pairs(query=query, document=document, group=group, values=values)
