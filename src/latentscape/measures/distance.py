"""Are classes that lie close in a layer also the ones the model mixes up?"""

from dataclasses import dataclass, field, replace
from itertools import combinations

import numpy as np
from jaxtyping import Float, Int, Real

from latentscape.measures.bootstrap import N_DRAWS, bootstrap_interval, draw_counts, score_with
from latentscape.measures.class_distances import (
    ROUNDING,
    ClassSamples,
    ClassSpace,
    Metric,
    make_class_space,
    sort_by_class,
    sum_classes,
)
from latentscape.measures.classification import count_confusions
from latentscape.measures.mantel import measure_mantel_p
from latentscape.measures.mmd import KernelSpace
from latentscape.measures.score import Score
from latentscape.measures.surprise import measure_surprise
from latentscape.shapes import Labels

NAME = "confusion_distance_spearman"
LEAST_DRAWS, MOST_RANKED = 200, 2_000_000
"""With many classes fewer sets of samples are drawn, so that no more pairs than these are ranked in all."""


@dataclass(frozen=True, kw_only=True)
class ConfusionAgainstDistance:
    """For every pair of classes, how far apart they lie and how often one is taken for the other.

    Row i of `pairs` holds two class numbers, the smaller first; `distances[i]` is the distance of their centroids and
    `rates[i]` the share of their samples predicted as the other one. Only classes that have samples form pairs.
    """

    pairs: Int[np.ndarray, "pair 2"]
    distances: Float[np.ndarray, " pair"]
    """In [0, 2] for the cosine metric, at least 0 for the others."""
    rates: Float[np.ndarray, " pair"]
    """In [0, 1]."""
    spearman: Score
    """Rank correlation of distances and rates: negative where near classes are mixed up more."""
    centroids: Float[np.ndarray, "class feature"]
    """Mean feature vector of each class, in the layer's own space; a row of NaN for a class without samples."""
    metric: str
    sizes: Int[np.ndarray, " _"] = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    """Samples of both classes of each pair."""
    mantel_p: float | None = None
    """Two-sided permutation p of the correlation: whole classes are exchanged, for pairs that share one are not
    independent, with the sizes of the classes held fixed. None where there is no correlation or too few classes."""
    expected: Float[np.ndarray, " _"] = field(default_factory=lambda: np.empty(0))
    """The rate that the other pairs make one expect at this distance. Empty with fewer than four pairs."""
    surprise: Float[np.ndarray, " _"] = field(default_factory=lambda: np.empty(0))
    """How far the rate is from that, in standard deviations: above 2 "more confused than their distance predicts",
    below -2 "close, yet kept apart". Empty with fewer than four pairs."""


def measure_confusion_against_distance(
    features: Float[np.ndarray, "sample feature"],
    labels: Labels,
    predictions: Labels,
    *,
    n_classes: int,
    seed: int,
    metric: Metric = "cosine",
) -> ConfusionAgainstDistance:
    """Compare, over all pairs of classes, how far apart they lie in a layer with how often they are mixed up.

    With c_ab the samples of class a predicted as b and n_a the samples of class a:

    * distance(a, b): 1 - cosine of the two centroids, in [0, 2]; or their Euclidean distance, on a map too; or the same
      in units of the spread within classes (Mahalanobis 1936, covariance shrunk after Ledoit and Wolf 2004); or the
      maximum mean discrepancy of the two classes' samples (Gretton 2012),
    * rate(a, b) = (c_ab + c_ba) / (n_a + n_b), in [0, 1],
    * spearman = Pearson correlation of their ranks, ties sharing the mean rank (Spearman 1904), in [-1, 1].

    Near -1: the layer's geometry explains what the model mixes up. Near 0: the mix-ups arise elsewhere. Neither is
    better. The interval resamples samples and recomputes both sides; the covariance and the kernel stay. The
    permutation p exchanges whole classes (Mantel 1967); with more than 2,000 pairs of classes both take fewer draws. As
    the centroid of a small class lies further from all others by chance, and rates depend on sizes too, it holds 1/n_a
    + 1/n_b fixed. `surprise` names the pairs that the others do not explain. None with fewer than three pairs, or when
    all rates or all distances are equal. Samples whose label or prediction is -1 are left out, and so are classes
    without samples or without a place: a centroid of zero has no direction, a single sample no discrepancy.

    Raises:
        DataError: a feature is not finite, or a label or prediction is out of range.

    Source: Spearman 1904, American Journal of Psychology 15, 72; the distances: Ledoit and Wolf 2004,
    https://doi.org/10.1016/S0047-259X(03)00096-4; Gretton et al. 2012, https://jmlr.org/papers/v13/gretton12a.html.
    """
    confusions = count_confusions(labels, predictions, n_classes=n_classes)
    samples = sort_by_class(features, labels, predictions)
    space = make_class_space(samples, metric=metric, n_classes=n_classes, seed=seed)
    pairs = np.array(list(combinations(np.flatnonzero(space.has_place), 2)), dtype=np.int64).reshape(-1, 2)
    once = np.ones((1, len(samples.labels)))
    distances, rates = _pick(space.measure(once), pairs)[0], _measure_rates(confusions, pairs)
    spearman = _measure_spearman(samples, space, pairs, distances=distances, rates=rates, seed=seed)
    totals = confusions.sum(axis=1)
    sizes = totals[pairs].sum(axis=1)
    surprise = measure_surprise(distances, rates, sizes)
    mantel_p = None
    if spearman.value is not None:
        noise = (1.0 / totals[pairs]).sum(axis=1)
        mantel_p = measure_mantel_p(_settle(distances), rates, seed=seed, held=noise)
    return ConfusionAgainstDistance(
        pairs=pairs,
        distances=distances,
        rates=rates,
        spearman=spearman,
        centroids=_find_centroids(samples, n_classes=n_classes),
        metric="euclidean" if metric == "map" else metric,
        sizes=sizes,
        mantel_p=mantel_p,
        expected=surprise.expected,
        surprise=surprise.surprise,
    )


def _find_centroids(samples: ClassSamples, *, n_classes: int) -> Float[np.ndarray, "class feature"]:
    """The mean of each class; NaN for a class without samples."""
    totals = np.bincount(samples.labels, minlength=n_classes)
    sums = sum_classes(samples.features, samples.labels, np.ones((1, len(samples.labels))), n_classes=n_classes)[0]
    return sums / np.where(totals > 0, totals, np.nan)[:, None]


def _pick(
    square: Real[np.ndarray, "*draw class class"], pairs: Int[np.ndarray, "pair 2"]
) -> Real[np.ndarray, "*draw pair"]:
    """One number a pair."""
    return square[..., pairs[:, 0], pairs[:, 1]]


def _measure_rates(
    confusions: Real[np.ndarray, "*draw class class"], pairs: Int[np.ndarray, "pair 2"]
) -> Float[np.ndarray, "*draw pair"]:
    """(c_ab + c_ba) / (n_a + n_b) for each pair; NaN where neither class has samples."""
    totals = confusions.sum(axis=-1)
    a, b = pairs.T
    with np.errstate(invalid="ignore"):
        return (confusions[..., a, b] + confusions[..., b, a]) / (totals[..., a] + totals[..., b])


def _settle(distances: Float[np.ndarray, "*draw pair"]) -> Float[np.ndarray, "*draw pair"]:
    """The distances as a share of the largest; those that differ by rounding only become equal."""
    largest = np.nanmax(distances, axis=-1, initial=0.0, keepdims=True)
    return np.round(distances / np.where(largest > 0, largest, 1.0), 12)


def _correlate_ranks(
    distances: Float[np.ndarray, "draw pair"], rates: Float[np.ndarray, "draw pair"]
) -> Float[np.ndarray, " draw"]:
    """Spearman's correlation over the pairs where both exist; NaN with fewer than three or when either is constant."""
    from scipy.stats import rankdata  # noqa: PLC0415  half a second that maps without a model should not pay

    defined = np.isfinite(distances) & np.isfinite(rates)
    n = defined.sum(axis=1, keepdims=True)
    sides = []
    for values in (_settle(distances), rates):
        # What does not exist is ranked last, behind the ranks that count, and then left out.
        ranks = rankdata(np.where(defined, values, np.inf), axis=1)
        centered = np.where(defined, ranks - (n + 1) / 2, 0.0)
        length = np.linalg.norm(centered, axis=1, keepdims=True)
        sides.append(centered / np.where(length > ROUNDING, length, np.nan))
    correlations = np.clip((sides[0] * sides[1]).sum(axis=1), -1.0, 1.0)
    return np.where(n[:, 0] >= 3, correlations, np.nan)


def _resample_spearman(
    samples: ClassSamples, space: ClassSpace, pairs: Int[np.ndarray, "pair 2"], *, seed: int
) -> Float[np.ndarray, " draw"]:
    """The correlation for each resampled set of samples; NaN where it does not exist."""
    n_classes, space = len(space.has_place), space.coarsen()
    codes = samples.labels.astype(np.int64) * n_classes + samples.predictions
    draws = []
    n_draws = max(LEAST_DRAWS, min(N_DRAWS, MOST_RANKED // max(1, len(pairs))))
    for counts in draw_counts(len(codes), seed=seed, n_draws=n_draws):
        places = codes + np.arange(len(counts))[:, None] * n_classes**2
        confusions = np.bincount(places.ravel(), weights=counts.ravel(), minlength=len(counts) * n_classes**2)
        rates = _measure_rates(confusions.reshape(-1, n_classes, n_classes), pairs)
        draws.append(_correlate_ranks(_pick(space.measure(counts), pairs), rates))
    return np.concatenate(draws)


def _measure_spearman(
    samples: ClassSamples,
    space: ClassSpace,
    pairs: Int[np.ndarray, "pair 2"],
    *,
    distances: Float[np.ndarray, " pair"],
    rates: Float[np.ndarray, " pair"],
    seed: int,
) -> Score:
    """The correlation as a score over pairs with its interval over samples, or why there is none."""
    n, correlation = len(rates), float(_correlate_ranks(distances[None], rates[None])[0])
    if np.isnan(correlation):
        reason = space.reason or _explain_missing(distances, rates)
        return Score(name=NAME, value=None, n=n, better="neither", bounds=(-1.0, 1.0), reason=reason)
    draws = _resample_spearman(samples, space, pairs, seed=seed)
    unit = "samples"
    if isinstance(space, KernelSpace) and len(space.rows) < np.isin(samples.labels, pairs).sum():
        unit = f"samples, {len(space.rows)} of them in the kernel"
    interval = bootstrap_interval(draws, unit=unit, n_units=len(samples.labels))
    if interval.low is not None and interval.high is not None:
        # Centroids of resampled samples lie a little further apart, which can push all draws to one side.
        interval = replace(interval, low=min(interval.low, correlation), high=max(interval.high, correlation))
    return score_with(NAME, correlation, n=n, interval=interval, better="neither", bounds=(-1.0, 1.0))


def _explain_missing(distances: Float[np.ndarray, " pair"], rates: Float[np.ndarray, " pair"]) -> str:
    """Why no correlation exists."""
    if len(rates) < 3:
        return f"a rank correlation needs three pairs of classes, there are {len(rates)}"
    if np.ptp(_settle(distances)) == 0:
        return "all classes are equally far apart"
    return "all pairs of classes are mixed up equally often" if rates.any() else "no two classes are mixed up"
