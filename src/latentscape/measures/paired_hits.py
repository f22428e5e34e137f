"""How sure is an accuracy, and is one reader right more often than another about the same samples?"""

import numpy as np
from jaxtyping import Float

from latentscape.measures.bootstrap import (
    AGREE,
    NORMAL_QUANTILE,
    Interval,
    bootstrap_interval,
    mean_share_interval,
    resample_sums,
    score_with,
    wilson,
)
from latentscape.measures.score import Score
from latentscape.shapes import Flags, Labels

MIN_SPEAKERS = 8
"""Fewer can't say how much the next would differ; an interval is then about these speakers only."""


def score_hits(name: str, hits: Flags, speaker_ids: Labels, *, seed: int) -> Score:
    """The share of hits: hits / n, in [0, 1], higher is better; needs a sample.

    The interval resamples speakers, or is Wilson's over the samples where there are fewer than eight.
    """
    n, share = len(hits), float(hits.mean())
    sums, n_speakers = sum_speakers(hits.astype(np.float64), speaker_ids)
    if n_speakers < MIN_SPEAKERS:
        return score_with(name, share, n=n, interval=restrict(wilson(share, n), n_speakers))
    draws = np.clip(_resample_mean(sums, seed=seed), 0.0, 1.0)
    return score_with(name, share, n=n, interval=mean_share_interval(draws, share, unit="speakers", n_units=n_speakers))


def score_loss(name: str, own_hits: Flags, other_hits: Flags, *, speaker_ids: Labels, seed: int) -> Score:
    """The share of hits of the one reader minus that of the other, in [-1, 1], lower is better; needs a sample.

    The interval resamples speakers, or samples where there are fewer than eight, both readers' answers together. Where
    the readers agree throughout there is no spread to resample; Wilson's is the cautious answer then.
    """
    differences = own_hits.astype(np.float64) - other_hits
    sums, n_speakers = sum_speakers(differences, speaker_ids)
    few = n_speakers < MIN_SPEAKERS
    if few:
        sums = np.column_stack([differences, np.ones(len(differences))])
    draws = np.clip(_resample_mean(sums, seed=seed), -1.0, 1.0)
    interval = bootstrap_interval(draws, unit="samples" if few else "speakers", n_units=len(sums))
    loss = float(differences.mean())
    if interval.low is not None and np.ptp(draws) < AGREE:
        halved = wilson((loss + 1) / 2, len(sums))
        interval = Interval(low=2 * (halved.low or 0.0) - 1, high=2 * (halved.high or 0.0) - 1, method=halved.method)
    interval = restrict(interval, n_speakers) if few else interval
    return score_with(name, loss, n=len(differences), interval=interval, better="lower", bounds=(-1.0, 1.0))


def mcnemar_p(own_hits: Flags, other_hits: Flags) -> float:
    """McNemar's exact two-sided p: may both readers be right equally often?

    Of the samples that only one of the two reads right, either reader has half by chance: twice the binomial tail, at
    most 1. It is 1 where the readers agree on every sample.

    Source: McNemar 1947, https://doi.org/10.1007/BF02295996.
    """
    from scipy.special import bdtr  # noqa: PLC0415  maps without a model should not pay for it

    only_own, only_other = int(np.sum(own_hits & ~other_hits)), int(np.sum(other_hits & ~own_hits))
    return min(1.0, 2.0 * float(bdtr(min(only_own, only_other), only_own + only_other, 0.5)))


def name_unknown(speaker_ids: Labels) -> Labels:
    """The speakers, every sample of an unknown one (-1) being a speaker of its own.

    >>> name_unknown(np.array([4, -1, -1])).tolist()
    [4, 6, 7]
    """
    fresh = speaker_ids.max(initial=-1) + 1 + np.arange(len(speaker_ids))
    return np.where(speaker_ids < 0, fresh, speaker_ids)


def sum_speakers(
    values: Float[np.ndarray, " sample"], speaker_ids: Labels
) -> tuple[Float[np.ndarray, "speaker 2"], int]:
    """Sum and number of values of each speaker, and how many speakers there are."""
    names, speakers = np.unique(speaker_ids, return_inverse=True)
    columns = [np.bincount(speakers, weights=values), np.bincount(speakers)]
    return np.column_stack(columns).astype(np.float64), len(names)


def _resample_mean(sums: Float[np.ndarray, "unit 2"], *, seed: int) -> Float[np.ndarray, " draw"]:
    """The mean over the samples of the units drawn, spread as far as so few units leave it open.

    Resampling ten speakers takes their differences for those of all speakers, and its intervals come out a fifth too
    narrow. The draws are stretched about the mean by sqrt(n / (n - 1)) times Student's over the normal quantile, after
    Hesterberg 2015, The American Statistician 69, 371-386.
    """
    from scipy.special import stdtrit  # noqa: PLC0415  maps without a model should not pay for it

    drawn, n = resample_sums(sums, seed=seed), len(sums)
    stretch = np.sqrt(n / (n - 1)) * float(stdtrit(n - 1, 0.975)) / NORMAL_QUANTILE if n > 1 else 1.0
    mean = sums[:, 0].sum() / sums[:, 1].sum()
    return mean + stretch * (drawn[:, 0] / drawn[:, 1] - mean)


def restrict(interval: Interval, n_speakers: int) -> Interval:
    """The interval, saying that it is about these speakers only."""
    speakers = "this speaker" if n_speakers == 1 else f"these {n_speakers} speakers"
    method = f"{interval.method} ({speakers} only)" if interval.method else ""
    return Interval(low=interval.low, high=interval.high, method=method)
