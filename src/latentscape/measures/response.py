"""How similarity answers to a number: does a listing that costs more lie farther away, the more the farther?"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from latentscape.datasets.attributes import Attribute
from latentscape.measures.concordance import correlate_concordance
from latentscape.measures.equal_pairs import EqualPairs, find_equal_pairs
from latentscape.measures.influence import influence_interval
from latentscape.measures.response_bins import (
    Units,
    choose_edges,
    choose_units,
    enclose_bins,
    find_breaks,
    find_flat,
    mean_by_bin,
    resample_bins,
)
from latentscape.measures.score import Score
from latentscape.measures.unit_rows import measure_pair_cosines, require_directions

NAME, BOUNDS = "monotonicity", (-1.0, 1.0)
LEAST_PAIRS, LEAST_DOCUMENTS = 20, 5


@dataclass(frozen=True, kw_only=True)
class ResponseCurve:
    """Cosine of pairs of documents against how far apart they are in one number, all else equal."""

    attribute: str
    unit: str
    difference: Float[np.ndarray, " bin"]
    """Mean |difference| of the pairs in each bin, ascending; the first bin holds the pairs that differ least."""
    edges: Float[np.ndarray, " edge"]
    """One more than bins: bin i holds edges[i] < |difference| <= edges[i + 1], the first one its lower edge too. Pairs
    that do not differ at all have the first bin to themselves, between 0 and 0."""
    similarity: Float[np.ndarray, " bin"]
    """Their mean cosine."""
    low: Float[np.ndarray, " bin"]
    high: Float[np.ndarray, " bin"]
    """95 % band, by resampling documents' groups; from -1 to 1 where a bin rests on too few to tell."""
    n: Int[np.ndarray, " bin"]
    """Pairs in each bin."""
    monotonicity: Score
    """`monotonicity`: Kendall's tau-b of |difference| and cosine over pairs: -1 falls all the way, 0 no answer."""
    n_documents: int
    """Documents in any of these pairs."""
    breaks: tuple[int, ...] = ()
    """Bins where the curve is above an earlier bin by more than chance: farther apart, yet more alike."""
    flat_from: float | None = None
    """|difference| from which on the curve falls no more; None where it falls to its end."""


def measure_response(
    document_vectors: Float[np.ndarray, "document feature"],
    attribute: Attribute,
    *,
    others: Sequence[Attribute],
    seed: int,
) -> ResponseCurve | Score:
    """Whether documents grow less alike as a number of theirs, such as the price, grows apart, all else equal.

    All pairs of documents are taken whose number is known and whose `others` are equal, two unknown values counting as
    equal (above 200,000 pairs a random choice). What the attributes do not cover may differ. Pairs are put into at most
    10 bins of nearly equal count by |difference| (10 pairs or more each; equal differences are never parted), those
    that do not differ at all into one of their own. The curve is the mean cosine of each bin.

    * `monotonicity` = Kendall's tau-b of |difference| and cosine over the pairs, in [−1, 1]: −1 where similarity falls
      with every step apart, 0 where it does not answer. Lower is better.
    * breaks: bins above an earlier bin by more than chance (resampled differences, normal quantile, Bonferroni over all
      pairs of bins, so that a falling curve has none in 95 % of studies).
    * flat from: the first |difference| after which the best falling curve (isotonic fit) loses no more than a tenth of
      all it loses, over at least a fifth of the range and clearly less than half as steeply as before. From a break on
      the curve counts as its lowest point so far. The first bin where no bin is below an earlier one by more than
      chance; none where the curve falls to its end.

    Documents with all else equal are one group and come together: the band resamples these groups, 1,000 times, or the
    documents where a few groups hold most pairs (fewer than 20 of equal size would). The interval of `monotonicity` is
    by the influence of the same units. `n` counts pairs.

    A score without value says why there is no curve: the attribute is no number, fewer than 20 pairs or 5 documents, or
    all pairs equally far apart. Where all pairs are equally similar the curve has a `monotonicity` without value.

    Source: Kendall 1945, Biometrika 33 (tau-b); Barlow, Bartholomew, Bremner and Brunk 1972, Statistical Inference
    under Order Restrictions (isotonic fit).

    Raises:
        DataError: a document vector is not finite or all zero.
    """
    missing = _refuse(document_vectors, attribute)
    if missing is not None:
        return missing
    require_directions(document_vectors, what="document")
    different = [other.documents for other in others if other.name != attribute.name]
    pairs = find_equal_pairs(attribute.documents, different, seed=seed)
    n_documents = len(np.unique([pairs.first, pairs.second]))
    reason = _explain(pairs, attribute.name, n_documents=n_documents)
    if reason:
        return Score(name=NAME, value=None, n=len(pairs.first), better="lower", bounds=BOUNDS, reason=reason)
    cosines = measure_pair_cosines(document_vectors, document_vectors, pairs=(pairs.first, pairs.second))
    return _draw_curve(pairs, cosines, attribute=attribute, n_documents=n_documents, seed=seed)


def _refuse(vectors: Float[np.ndarray, "document feature"], attribute: Attribute) -> Score | None:
    if attribute.kind == "number" and len(vectors):
        return None
    reason = f"{attribute.name} is no number" if len(vectors) else "there are no documents"
    return Score(name=NAME, value=None, n=0, better="lower", bounds=BOUNDS, reason=reason)


def _explain(pairs: EqualPairs, name: str, *, n_documents: int) -> str:
    """Why there is no curve; empty where there is one."""
    n = len(pairs.first)
    if n < LEAST_PAIRS or n_documents < LEAST_DOCUMENTS:
        return (
            f"{n} pairs of {n_documents} documents differ in {name} at most, "
            f"{LEAST_PAIRS} pairs of {LEAST_DOCUMENTS} documents are needed"
        )
    if np.ptp(pairs.difference) == 0:
        return f"all pairs that are equal otherwise are equally far apart in {name}"
    return ""


def _draw_curve(
    pairs: EqualPairs, cosines: Float[np.ndarray, " pair"], *, attribute: Attribute, n_documents: int, seed: int
) -> ResponseCurve:
    edges = choose_edges(pairs.difference)
    bins = np.searchsorted(edges[1:-1], pairs.difference, side="left")
    counts = np.bincount(bins, minlength=len(edges) - 1)
    difference, similarity = (mean_by_bin(values, bins) for values in (pairs.difference, cosines))
    units = choose_units(pairs)
    draws = resample_bins(units, bins, cosines, seed=seed)
    low, high = enclose_bins(draws)
    return ResponseCurve(
        attribute=attribute.name,
        unit=attribute.unit,
        difference=difference,
        edges=edges,
        similarity=similarity,
        low=np.minimum(low, similarity),
        high=np.maximum(high, similarity),
        n=counts,
        monotonicity=_score_monotonicity(pairs.difference, cosines, units=units),
        n_documents=n_documents,
        breaks=find_breaks(similarity, draws),
        flat_from=find_flat(difference, similarity, counts=counts, draws=draws),
    )


def _score_monotonicity(
    difference: Float[np.ndarray, " pair"], cosines: Float[np.ndarray, " pair"], *, units: Units
) -> Score:
    value, slopes = correlate_concordance(difference, cosines)
    if value is None:
        reason = "all pairs are equally similar"
        return Score(name=NAME, value=None, n=len(cosines), better="lower", bounds=BOUNDS, reason=reason)
    influences = sum(np.bincount(side, weights=slopes, minlength=units.n) for side in units.sides)
    method = f"by the influence of each of the {units.word}"
    interval = influence_interval(value, np.asarray(influences), method=method, scale="fisher", bounds=BOUNDS)
    return Score(
        name=NAME,
        value=value,
        n=len(cosines),
        low=interval.low,
        high=interval.high,
        better="lower",
        bounds=BOUNDS,
        interval=interval.method,
    )
