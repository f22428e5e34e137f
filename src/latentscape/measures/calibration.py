"""Is the model right as often as it says it is?"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64, Int

from latentscape.errors import DataError
from latentscape.measures.bootstrap import (
    AGREE,
    Interval,
    mean_share_interval,
    resample_sums,
    score_with,
    wilson,
    wilson_interval,
)
from latentscape.measures.classification import NO_SAMPLES
from latentscape.measures.score import Better, Score
from latentscape.shapes import Labels, Rows

N_BINS = 15
SLACK = 1e-3
"""Probabilities in half precision may add up to a little more or less than 1."""

Probabilities = Float[np.ndarray, "sample class"]


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """Confidence against accuracy, bin by bin; confidence is the probability of the predicted class."""

    edges: Float[np.ndarray, " edge"]
    """Ends of the bins, ascending, one more than bins; a value on an edge is in the lower bin."""
    counts: Int[np.ndarray, " bin"]
    confidence: Float[np.ndarray, " bin"]
    """Mean confidence of the samples in each bin; NaN where there are none."""
    accuracy: Float[np.ndarray, " bin"]
    low: Float[np.ndarray, " bin"]
    high: Float[np.ndarray, " bin"]
    """Wilson's 95 % interval of each bin's accuracy; NaN where the bin is empty."""
    scores: Mapping[str, Score]
    """`calibration_error` (ECE), `overconfidence` (mean confidence minus accuracy), `brier`."""


def measure_calibration(probabilities: Probabilities, labels: Labels, *, seed: int) -> Calibration:
    """Compare how sure the model is with how often it is right, in 15 bins of equal width.

    With q_i the probability of the predicted (most probable) class of sample i, B_b the samples whose q lies in
    ((b - 1) / 15, b / 15], acc and conf the share right and the mean q of a bin:

    * calibration_error (ECE) = sum_b |B_b| / n |acc(B_b) - conf(B_b)|, in [0, 1], lower is better;
    * overconfidence = mean of q - accuracy, in [-1, 1]: 0 is best, above 0 the model promises too much;
    * brier = mean over samples of sum_c (p_c - [c is the class])^2, in [0, 2], lower is better; it rewards being right
      and knowing it at once.

    Intervals resample samples. Noise in the bins makes the calibration error of few samples too large, and resampling
    adds as much again. Its interval is therefore value -+ the 95th percentile of sum_b |d_b' - d_b|, with d_b the
    difference of a bin times its share of the samples, and d_b' the same of a draw: the true error cannot be farther
    from the value than that sum (triangle inequality), so it covers in 95 % of studies or more (a little less often
    below 100 samples). Samples of unknown class (-1) are left out, and n shows it; without samples the scores are
    None. Of equal probabilities the first class is the predicted one.

    Raises DataError if a probability is not finite or not in [0, 1], or those of a sample don't add up to 1.

    Source: Guo, Pleiss, Sun and Weinberger 2017, https://arxiv.org/abs/1706.04599, eq. 3 (ECE); Brier 1950, Monthly
    Weather Review 78 (the sum over classes).
    """
    _refuse_strange(probabilities)
    known = np.flatnonzero(labels >= 0)
    p, own = probabilities[known].astype(np.float64), labels[known]
    sure, right = p.max(axis=1, initial=0.0), p.argmax(axis=1) == own
    edges = np.arange(N_BINS + 1) / N_BINS
    bins = np.clip(np.searchsorted(edges, sure, side="left") - 1, 0, N_BINS - 1)
    counts, hits = np.bincount(bins, minlength=N_BINS), np.bincount(bins[right], minlength=N_BINS)
    sums = np.bincount(bins, sure, minlength=N_BINS)
    some = np.where(counts > 0, counts, np.nan)
    ends = [wilson_interval(float(hit), int(n)) if n else (np.nan, np.nan) for hit, n in zip(hits, counts, strict=True)]
    low, high = np.array(ends).T
    squares = np.square(p - (np.arange(p.shape[1]) == own[:, None])).sum(axis=1)
    return Calibration(
        edges=edges,
        counts=counts,
        confidence=sums / some,
        accuracy=hits / some,
        low=low,
        high=high,
        scores=_score(bins, sure - right, squares, seed=seed),
    )


def find_confident_mistakes(probabilities: Probabilities, labels: Labels, *, most: int) -> Rows:
    """The samples whose predicted class is wrong, the most confident first, ties by row; at most `most` of them.

    Samples of unknown class (-1) are left out.
    """
    wrong = np.flatnonzero((labels >= 0) & (probabilities.argmax(axis=1) != labels))
    sure = probabilities[wrong].max(axis=1, initial=0.0)
    return wrong[np.argsort(-sure, kind="stable")][: max(0, most)]


def _refuse_strange(probabilities: Probabilities) -> None:
    finite = np.asarray(np.isfinite(probabilities).all(axis=1))
    fair = finite & (probabilities >= -SLACK).all(axis=1)
    fair[finite] &= np.abs(probabilities[finite].sum(axis=1, dtype=np.float64) - 1) <= SLACK
    if not fair.all():
        raise DataError(
            "the probabilities of a sample are no probabilities",
            got=f"{np.sum(~fair)} such samples, the first in row {np.argmin(fair)}",
            expected="numbers from 0 to 1 that add up to 1 for each sample",
            hint="pass the softmax of the logits",
        )


def _score(
    bins: Int[np.ndarray, " sample"],
    excess: Float64[np.ndarray, " sample"],
    squares: Float64[np.ndarray, " sample"],
    *,
    seed: int,
) -> dict[str, Score]:
    """The three scores; `excess` is how much surer than right the model is of each sample."""
    n = len(bins)
    names: dict[str, tuple[Better, tuple[float, float]]] = {
        "calibration_error": ("lower", (0.0, 1.0)),
        "overconfidence": ("neither", (-1.0, 1.0)),
        "brier": ("lower", (0.0, 2.0)),
    }
    if not n:
        return {
            name: Score(name=name, value=None, n=0, better=better, bounds=bounds, reason=NO_SAMPLES)
            for name, (better, bounds) in names.items()
        }
    in_bins = np.where(bins[:, None] == np.arange(N_BINS), excess[:, None], 0.0)
    draws = resample_sums(np.column_stack([in_bins, squares]), seed=seed) / n
    differences = in_bins.sum(axis=0) / n
    error = float(np.abs(differences).sum())
    distances = np.abs(draws[:, :N_BINS] - differences).sum(axis=1)
    values = {"calibration_error": error, "overconfidence": float(excess.mean()), "brier": float(squares.mean())}
    intervals = {
        "calibration_error": _surround(distances, error, n=n),
        "overconfidence": _bound(draws[:, :N_BINS].sum(axis=1), values["overconfidence"], bounds=(-1.0, 1.0), n=n),
        "brier": _bound(draws[:, N_BINS], values["brier"], bounds=(0.0, 2.0), n=n),
    }
    return {
        name: score_with(name, values[name], n=n, interval=intervals[name], better=better, bounds=bounds)
        for name, (better, bounds) in names.items()
    }


def _bound(draws: Float64[np.ndarray, " draw"], value: float, *, bounds: tuple[float, float], n: int) -> Interval:
    """The interval of a mean between any two bounds, from that of a share."""
    start, width = bounds[0], bounds[1] - bounds[0]
    share = mean_share_interval((draws - start) / width, (value - start) / width, unit="samples", n_units=n)
    if share.low is None or share.high is None:
        return share
    return Interval(low=start + width * share.low, high=start + width * share.high, method=share.method)


def _surround(distances: Float64[np.ndarray, " draw"], error: float, *, n: int) -> Interval:
    """Everything as near to the error as 95 % of the draws are; Wilson's where all draws agree, none for one sample."""
    if n < 2:
        return Interval()
    reach = float(np.percentile(distances, 95))
    if reach < AGREE:
        return wilson(min(error, 1.0), n)
    return Interval(low=max(0.0, error - reach), high=min(1.0, error + reach), method=f"95 % bootstrap of {n} samples")
