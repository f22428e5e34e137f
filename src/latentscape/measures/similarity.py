"""How much closer a query lies to its right documents than to wrong ones, of three kinds that are never mixed."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from latentscape.errors import DataError
from latentscape.executor import IN_PROCESS, Executor
from latentscape.measures.bootstrap import bootstrap_interval, resample_sums, score_with
from latentscape.measures.histogram import Box, Histogram, box_bins, box_values, make_histogram
from latentscape.measures.judgments import Judgments
from latentscape.measures.pair_cosines import Pairs
from latentscape.measures.pair_sums import KindSums, sum_kinds, take_kinds
from latentscape.measures.populations import describe_all_wrong, describe_chosen_wrong
from latentscape.measures.scan import PairScan
from latentscape.measures.score import Better, Score
from latentscape.measures.separability import measure_separability

MIN_SPREAD = 1e-7
"""A pooled deviation below this is the rounding of float32 vectors, not spread."""
SUFFIXES = ("", "_hard", "_mined")
"""What a score's name ends in for each population of wrong documents: in-batch, declared hard, mined."""
BETTER: Mapping[str, Better] = {
    "positive_mean": "higher",
    "positive_sd": "lower",
    "negative_mean": "lower",
    "negative_sd": "lower",
    "margin": "higher",
    "separation": "higher",
    "d_prime": "higher",
    "margin_over_sds": "higher",
}
"""By the name without a population."""
BOUNDS = {"positive_mean": (-1.0, 1.0), "negative_mean": (-1.0, 1.0), "margin": (-2.0, 2.0)} | {
    "positive_sd": (0.0, 1.0),
    "negative_sd": (0.0, 1.0),
}
UNBOUNDED = (-np.inf, np.inf)
NO_RIGHT = "no query has a right document"
NO_NEGATIVES = {
    "": "every document is right for every query",
    "_hard": "no hard negatives are declared",
    "_mined": "every document is right for every query",
}


@dataclass(frozen=True, kw_only=True)
class PairSimilarities:
    """Cosines of queries with their right documents and with three populations of wrong ones."""

    positives: Float[np.ndarray, " positive"]
    """One for every (query, right document), by query."""
    hard: Float[np.ndarray, " hard"]
    """One for every (query, declared hard negative), by query."""
    mined: Float[np.ndarray, " mined"]
    """One for every query that has a wrong document: the largest of them."""
    in_batch: Histogram
    """Every (query, document neither right nor ignored): the headline negatives; hard ones are among them."""
    boxes: Mapping[str, Box]
    """Percentiles by kind: `positive`, `hard`, `mined`, `in_batch`; a kind without similarities is absent."""
    scores: Mapping[str, Score]
    """positive_mean, positive_sd; and for each population, ending in nothing (in-batch), `_hard` or `_mined`:
    negative_mean, negative_sd, margin, separation, d_prime, margin_over_sds, auc, overlap, threshold_fpr_1,
    tpr_at_fpr_1, threshold_fpr_5, tpr_at_fpr_5."""


def separation(  # noqa: PLR0917  in the order the four numbers are always printed
    positive_mean: float, positive_sd: float, negative_mean: float, negative_sd: float
) -> float:
    """How many pooled standard deviations lie between the means: (m₊ − m₋) / √(s₊² + s₋²). Higher is better.

    It is the d_a of signal detection divided by √2. Unbounded, 0 when the means agree. The published example, 0.8234 ±
    0.0876 against 0.4521 ± 0.1234, has margin 0.3713 and separation 2.45. Where neither kind varies (pooled deviation
    below 1e-7, the rounding of single precision) there is no separation.

    Source: Simpson and Fitter 1973, Psychological Bulletin 80 (d_a).

    Raises:
        DataError: both deviations are zero, to float32 precision.

    >>> round(separation(0.8234, 0.0876, 0.4521, 0.1234), 2)
    2.45
    """
    spread = float(np.hypot(positive_sd, negative_sd))
    if not spread > MIN_SPREAD:
        raise DataError(
            "separation needs spread",
            got=f"a pooled deviation of {spread:g}",
            expected="more than 1e-7",
            hint="report the margin alone: neither kind of pair varies",
        )
    return (positive_mean - negative_mean) / spread


def measure_similarities(  # noqa: PLR0917  what is compared, what is known of it, what one pass over it has seen
    query_vectors: Float[np.ndarray, "query feature"],
    document_vectors: Float[np.ndarray, "document feature"],
    judgments: Judgments,
    scan: PairScan,
    *,
    seed: int,
    executor: Executor = IN_PROCESS,
) -> PairSimilarities:
    """Compare the cosines of queries with their right documents to those with wrong ones.

    Positives are all (query, right document) pairs; a query may have several right documents. Wrong ones are three
    populations that are never mixed, told apart by how a score's name ends:

    * without an ending, in-batch: every document that is neither right for the query nor ignored. Declared hard ones
      are among them: that is what the published scales mean,
    * `_hard`: the hard negatives that the data declare for the query,
    * `_mined`: of each query the one most similar wrong document, declared or not.

    With mean m and deviation s of each kind (s divides by n: the pairs are all there are, not a sample of them):

    * `positive_mean`, `positive_sd`: m₊ in [−1, 1], higher is better; s₊ in [0, 1], lower is better,
    * `negative_mean`, `negative_sd` (and `_hard`, `_mined`): m₋ and s₋, both lower is better,
    * `margin` (`_hard`, `_mined`) = m₊ − m₋, in [−2, 2], higher is better,
    * `separation` (`_hard`, `_mined`) = margin / √(s₊² + s₋²), higher is better,
    * `d_prime` (`_hard`, `_mined`) = margin / √((s₊² + s₋²) / 2), which is separation · √2, higher is better,
    * `margin_over_sds` (`_hard`, `_mined`) = margin / (s₊ + s₋), higher is better.

    Published words exist for `margin` and `separation` against in-batch negatives only. What a threshold makes of the
    populations (area under the curve, overlap, thresholds) is defined with `auc`.

    All cosines are computed in double precision from vectors scaled to length 1. Means and deviations over all pairs
    are exact and need no table of all pairs: for unit vectors the cosines of query q with all N documents have mean
    q·u and squares about it that sum to q′Cq, where u is the mean document and C = Σ (d − u)(d − u)′; the right and
    ignored pairs are then subtracted. The in-batch histogram and percentiles are those the scan has counted.

    Intervals: bootstrap of queries, documents kept; None for a single query. No right document at all, no negatives of
    a kind, or no spread to divide by (below 1e-7): no value, but a reason. `n` counts pairs for means and deviations,
    queries for what is made of several.

    Source: the published evaluation of the retriever, whose scales these statistics have; d_prime is the d_a of
    Simpson and Fitter 1973, Psychological Bulletin 80.

    Raises:
        DataError: there are no documents, a vector is not finite or all zero, a document number does not exist, or a
            document is in two of a query's lists.
    """
    queries, documents = query_vectors, document_vectors
    kinds = take_kinds(queries, documents, judgments, scan=scan)
    positives, hard_ones, left_out, mined_ones = kinds
    sums = sum_kinds(queries, documents, kinds, executor=executor)
    missing = _explain_missing(sums)
    scores = _score_kinds(sums, missing=missing, seed=seed)
    n_groups, n_bins = scan.counts.shape
    for suffix in SUFFIXES:
        population = None
        if not missing[suffix] and suffix:
            chosen = hard_ones if suffix == "_hard" else mined_ones
            population = describe_chosen_wrong(positives, chosen, n_groups=n_groups, n_bins=n_bins)
        elif not missing[suffix]:
            population = describe_all_wrong(
                queries, documents, positives=positives, ignored=left_out, scan=scan, executor=executor
            )
        scores |= measure_separability(
            population, suffix=suffix, n_queries=len(queries), reason=missing[suffix], seed=seed
        )
    return _collect((positives, hard_ones, mined_ones), fine=scan.counts.sum(axis=0), scores=scores)


def _collect(
    pairs: tuple[Pairs, Pairs, Pairs], *, fine: Int[np.ndarray, " fine"], scores: Mapping[str, Score]
) -> PairSimilarities:
    """The populations as they are shown."""
    positives, hard, mined = (each.values for each in pairs)
    boxes = {
        "positive": box_values(positives),
        "hard": box_values(hard),
        "mined": box_values(mined),
        "in_batch": box_bins(fine),
    }
    return PairSimilarities(
        positives=positives,
        hard=hard,
        mined=mined,
        in_batch=make_histogram(fine, mean=scores["negative_mean"].value, sd=scores["negative_sd"].value),
        boxes={kind: box for kind, box in boxes.items() if box is not None},
        scores=scores,
    )


def _explain_missing(sums: Mapping[str, KindSums]) -> dict[str, str]:
    """For each population why it can't be compared with the right pairs; empty where it can."""
    n_pairs = {kind: each.per_query[:, 0].sum() for kind, each in sums.items()}
    return {
        suffix: NO_RIGHT if n_pairs["positive"] == 0 else NO_NEGATIVES[suffix] if n_pairs[suffix] == 0 else ""
        for suffix in SUFFIXES
    }


def _score_kinds(sums: Mapping[str, KindSums], *, missing: Mapping[str, str], seed: int) -> dict[str, Score]:
    """Means, deviations, margins and separations with their intervals, from the sums of the kinds."""
    table = np.concatenate([kind.per_query for kind in sums.values()], axis=1)
    shifts = {kind: each.shift for kind, each in sums.items()}
    n_queries = len(table)
    totals = table.sum(axis=0)
    found = _derive_statistics(totals[None], shifts)
    drawn = _derive_statistics(resample_sums(table, seed=seed), shifts) if n_queries else found
    n_pairs = {kind: int(n) for kind, n in zip(sums, totals[::3], strict=True)}
    scores = {}
    for name, values in found.items():
        base, suffix = _split(name)
        own = {"positive": "positive", "negative": suffix}.get(base.partition("_")[0])  # the kind a mean is of
        n = n_queries if own is None else n_pairs[own]
        reason = (NO_RIGHT if own == "positive" else NO_NEGATIVES[suffix]) if n == 0 else missing[suffix]
        scores[name] = _score(name, float(values[0]), drawn=drawn[name], n=n, n_queries=n_queries, reason=reason)
    return scores


def _derive_statistics(
    totals: Float[np.ndarray, "draw column"], shifts: Mapping[str, float]
) -> dict[str, Float[np.ndarray, " draw"]]:
    """Means, deviations, margins and separations from total sums, NaN where they do not exist."""
    found: dict[str, Float[np.ndarray, " draw"]] = {}
    with np.errstate(invalid="ignore", divide="ignore"):
        for i, (kind, shift) in enumerate(shifts.items()):
            n, first, second = totals[:, 3 * i : 3 * i + 3].T
            mean, sd = first / n + shift, np.sqrt(np.maximum(second / n - (first / n) ** 2, 0.0))
            if kind == "positive":
                found |= {"positive_mean": mean, "positive_sd": sd}
                continue
            margin, own_sd = found["positive_mean"] - mean, found["positive_sd"]
            pooled = np.hypot(own_sd, sd)
            pooled = np.where(pooled > MIN_SPREAD, pooled, np.nan)
            found |= {
                f"negative_mean{kind}": mean,
                f"negative_sd{kind}": sd,
                f"margin{kind}": margin,
                f"separation{kind}": margin / pooled,
                f"d_prime{kind}": margin / pooled * np.sqrt(2),
                f"margin_over_sds{kind}": margin / np.where(np.isnan(pooled), np.nan, own_sd + sd),
            }
    return found


def _split(name: str) -> tuple[str, str]:
    """A score's name without its population's ending, and that.

    >>> _split("margin_over_sds_hard")
    ('margin_over_sds', '_hard')
    """
    suffix = next((each for each in SUFFIXES if each and name.endswith(each)), "")
    return name.removesuffix(suffix), suffix


def _score(name: str, value: float, *, drawn: Float[np.ndarray, " draw"], n: int, n_queries: int, reason: str) -> Score:
    """One statistic as a score: over pairs for means and deviations, over queries for what is made of several."""
    base, _ = _split(name)
    better, bounds = BETTER[base], BOUNDS.get(base, UNBOUNDED)
    if np.isnan(value):
        reason = reason or "neither positives nor negatives vary, so there is no spread to divide by"
        return Score(name=name, value=None, n=n, better=better, bounds=bounds, reason=reason)
    interval = bootstrap_interval(drawn, unit="queries", n_units=n_queries)
    return score_with(name, value, n=n, interval=interval, better=better, bounds=bounds)
