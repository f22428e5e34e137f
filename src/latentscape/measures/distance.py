"""Are classes that lie close in a layer also the ones the model mixes up?"""

from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, Real

from latentscape.errors import DataError
from latentscape.measures.bootstrap import bootstrap_interval, draw_counts, score_with
from latentscape.measures.classification import count_confusions, find_known
from latentscape.measures.score import Score
from latentscape.shapes import FeatureMatrix, Labels

NAME = "confusion_distance_spearman"


@dataclass(frozen=True, kw_only=True)
class ConfusionAgainstDistance:
    """For every pair of classes, how far apart they lie and how often one is taken for the other.

    Row i of `pairs` holds two class numbers, the smaller first; `distances[i]` is the distance of their centroids and
    `rates[i]` the share of their samples predicted as the other one. Only classes that have samples form pairs.
    """

    pairs: Int[np.ndarray, "pair 2"]
    distances: Float[np.ndarray, " pair"]
    """In [0, 2] for the cosine metric."""
    rates: Float[np.ndarray, " pair"]
    """In [0, 1]."""
    spearman: Score
    """Rank correlation of distances and rates: negative where near classes are mixed up more."""
    centroids: Float[np.ndarray, "class feature"]
    """Mean feature vector of each class, in the layer's own space; a row of NaN for a class without samples."""
    metric: str


def measure_confusion_against_distance(
    features: FeatureMatrix, labels: Labels, predictions: Labels, *, n_classes: int, seed: int
) -> ConfusionAgainstDistance:
    """Compare, over all pairs of classes, how far apart they lie in a layer with how often they are mixed up.

    With c_ab the samples of class a predicted as b and n_a the samples of class a:

    * distance(a, b) = 1 - cosine of the two centroids, in [0, 2],
    * rate(a, b) = (c_ab + c_ba) / (n_a + n_b), in [0, 1],
    * spearman = Pearson correlation of their ranks, ties sharing the mean rank (Spearman 1904), in [-1, 1].

    Near -1: the layer's geometry explains what the model mixes up. Near 0: the mix-ups arise elsewhere. Neither is
    better. The interval resamples samples and recomputes both sides. None with fewer than three pairs, or when all
    rates or all distances are equal. Samples whose label or prediction is -1 are left out, and so are classes without
    samples or with a centroid of zero, which has no direction.

    Raises:
        DataError: a feature is not finite, or a label or prediction is out of range.
    """
    confusions = count_confusions(labels, predictions, n_classes=n_classes)
    samples = _sort_by_class(features, labels, predictions)
    totals = confusions.sum(axis=1)
    sums = _sum_classes(samples, np.ones((1, len(samples.labels))), n_classes=n_classes)[0]
    pairs = _choose_pairs(sums, confusions)
    distances, rates = _measure_distances(sums, pairs), _measure_rates(confusions, pairs)
    return ConfusionAgainstDistance(
        pairs=pairs,
        distances=distances,
        rates=rates,
        spearman=_measure_spearman(samples, pairs, distances=distances, rates=rates, n_classes=n_classes, seed=seed),
        centroids=sums / np.where(totals > 0, totals, np.nan)[:, None],
        metric="cosine",
    )


class _ClassSamples(NamedTuple):
    """Samples sorted by class, so that each class is one slice."""

    features: Float[np.ndarray, "sample feature"]
    labels: Labels
    predictions: Labels


def _sort_by_class(features: FeatureMatrix, labels: Labels, predictions: Labels) -> _ClassSamples:
    """The samples with a class and a prediction, those of each class together.

    Raises:
        DataError: a feature of these samples is not finite.
    """
    known = np.flatnonzero(find_known(labels, predictions))
    rows = known[np.argsort(labels[known], kind="stable")]
    kept = features[rows].astype(np.float64)
    if not np.isfinite(kept).all():
        raise DataError(
            "class centroids can't be computed: a feature is not finite",
            got=f"{int(np.sum(~np.isfinite(kept)))} NaN or infinite values",
            expected="finite features",
            hint="drop the samples with non-finite features first",
        )
    return _ClassSamples(kept, labels[rows], predictions[rows])


def _sum_classes(
    samples: _ClassSamples, counts: Float[np.ndarray, "draw sample"], *, n_classes: int
) -> Float[np.ndarray, "draw class feature"]:
    """The feature sum of every class when sample i is taken counts[draw, i] times."""
    edges = np.searchsorted(samples.labels, np.arange(n_classes + 1))
    slices = [slice(start, stop) for start, stop in pairwise(edges)]
    return np.stack([counts[:, rows] @ samples.features[rows] for rows in slices], axis=1)


def _choose_pairs(
    sums: Float[np.ndarray, "class feature"], confusions: Int[np.ndarray, "class class"]
) -> Int[np.ndarray, "pair 2"]:
    """All pairs of classes that have samples and a direction."""
    usable = (confusions.sum(axis=1) > 0) & sums.any(axis=1)
    pairs = list(combinations(np.flatnonzero(usable), 2))
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


def _measure_distances(
    sums: Float[np.ndarray, "*draw class feature"], pairs: Int[np.ndarray, "pair 2"]
) -> Float[np.ndarray, "*draw pair"]:
    """1 - cosine of the classes' sums, which point where their centroids point; NaN where a sum is zero."""
    products = sums @ np.swapaxes(sums, -1, -2)
    a, b = pairs.T
    with np.errstate(invalid="ignore"):
        cosines = products[..., a, b] / np.sqrt(products[..., a, a] * products[..., b, b])
    return 1.0 - np.clip(cosines, -1.0, 1.0)


def _measure_rates(
    confusions: Real[np.ndarray, "*draw class class"], pairs: Int[np.ndarray, "pair 2"]
) -> Float[np.ndarray, "*draw pair"]:
    """(c_ab + c_ba) / (n_a + n_b) for each pair; NaN where neither class has samples."""
    totals = confusions.sum(axis=-1)
    a, b = pairs.T
    with np.errstate(invalid="ignore"):
        return (confusions[..., a, b] + confusions[..., b, a]) / (totals[..., a] + totals[..., b])


def _correlate_ranks(distances: Float[np.ndarray, " pair"], rates: Float[np.ndarray, " pair"]) -> float | None:
    """Spearman's correlation over the pairs where both exist; None with fewer than three or when either is constant."""
    defined = np.isfinite(distances) & np.isfinite(rates)
    from scipy.stats import rankdata  # noqa: PLC0415  half a second that maps without a model should not pay

    near, mixed = rankdata(distances[defined]), rankdata(rates[defined])
    if near.size < 3 or np.ptp(near) == 0 or np.ptp(mixed) == 0:
        return None
    return float(np.clip(np.corrcoef(near, mixed)[0, 1], -1.0, 1.0))


def _resample_spearman(
    samples: _ClassSamples, pairs: Int[np.ndarray, "pair 2"], *, n_classes: int, seed: int
) -> Float[np.ndarray, " draw"]:
    """The correlation for each resampled set of samples; NaN where it does not exist."""
    codes = samples.labels.astype(np.int64) * n_classes + samples.predictions
    draws = []
    for counts in draw_counts(len(codes), seed=seed):
        confusions = np.stack([np.bincount(codes, weights=weights, minlength=n_classes**2) for weights in counts])
        rates = _measure_rates(confusions.reshape(-1, n_classes, n_classes), pairs)
        distances = _measure_distances(_sum_classes(samples, counts, n_classes=n_classes), pairs)
        draws += map(_correlate_ranks, distances, rates)
    return np.array(draws, dtype=np.float64)


def _measure_spearman(
    samples: _ClassSamples,
    pairs: Int[np.ndarray, "pair 2"],
    *,
    distances: Float[np.ndarray, " pair"],
    rates: Float[np.ndarray, " pair"],
    n_classes: int,
    seed: int,
) -> Score:
    """The correlation as a score over pairs with its interval over samples, or why there is none."""
    n, correlation = len(rates), _correlate_ranks(distances, rates)
    if correlation is None:
        reason = _explain_missing(distances, rates)
        return Score(name=NAME, value=None, n=n, better="neither", bounds=(-1.0, 1.0), reason=reason)
    draws = _resample_spearman(samples, pairs, n_classes=n_classes, seed=seed)
    interval = bootstrap_interval(draws, unit="samples", n_units=len(samples.labels))
    return score_with(NAME, correlation, n=n, interval=interval, better="neither", bounds=(-1.0, 1.0))


def _explain_missing(distances: Float[np.ndarray, " pair"], rates: Float[np.ndarray, " pair"]) -> str:
    """Why no correlation exists."""
    if len(rates) < 3:
        return f"a rank correlation needs three pairs of classes, there are {len(rates)}"
    if np.ptp(distances) == 0:
        return "all classes are equally far apart"
    return "all pairs of classes are mixed up equally often" if rates.any() else "no two classes are mixed up"
