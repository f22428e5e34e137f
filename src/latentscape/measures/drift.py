"""Where do the datasets put the same class?"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int
from threadpoolctl import threadpool_limits

from latentscape.measures.bootstrap import Interval, bootstrap_interval, resample_sums, score_with
from latentscape.measures.paired_hits import MIN_SPEAKERS, name_unknown
from latentscape.measures.permutations import MIN_ARRANGEMENTS, count_arrangements, p_value_of, permute_labels
from latentscape.measures.plain_rows import refuse_not_finite
from latentscape.measures.score import Score
from latentscape.shapes import FeatureMatrix, Labels

MIN_SAMPLES = 5
"""Of a class in a dataset; fewer hardly say how far the class spreads."""
MAX_SAMPLES = 1_000
"""Of a class in a dataset; of more, a seeded choice is measured."""
ROUNDING = 1e-14
"""A variance of this part of the features' mean square is rounding."""
BOUNDS = (0.0, float("inf"))


@dataclass(frozen=True, kw_only=True)
class ClassDrift:
    """How far one class lies in one dataset from where it lies in another."""

    first: int
    second: int
    """Datasets, the smaller number first."""
    label: int
    score: Score
    """Distance of the two centroids in units of the class's spread within a dataset, corrected for the distance that
    centroids of so few samples have by chance; 0 or more."""
    p_value: float | None
    """One-sided, against dataset labels permuted within the class."""


def measure_drifts(
    features: FeatureMatrix,
    *,
    labels: Labels,
    dataset_ids: Labels,
    n_classes: int,
    n_datasets: int,
    seed: int,
    speaker_ids: Labels | None = None,
) -> tuple[ClassDrift, ...]:
    """How far apart two datasets put the same class, in units of its spread within a dataset: each class, each pair.

    With m_a, m_b the class's centroids in the two datasets and v_a, v_b its total variances there (the traces of the
    covariance matrices, over n - 1):

    * drift = sqrt(max(0, |m_a - m_b|^2 - noise) / ((v_a + v_b) / 2)), in [0, inf); noise = v_a / n_a + v_b / n_b is the
      squared distance that centroids of so few samples of one place have on average.

    Lower is better: at 0 the datasets agree on where the class lies; at 1 the centroids are as far apart as a sample is
    from its own. Where speakers are given and a dataset has eight or more, its noise comes from the speakers' means and
    the interval resamples speakers; with fewer both are about these speakers only. The p permutes whole speakers among
    the two datasets, samples where no speakers are given: two datasets of different voices then differ, even if in
    nothing else. There is no p where fewer than 20 arrangements exist, and no drift where a dataset has fewer than 5
    samples of the class or the class has no spread. Samples without a known class or dataset are left out, and of more
    than 1,000 of a class in a dataset a seeded 1,000 are measured; n shows it. Empty with a single dataset.

    Source: distance of means in units of spread Mahalanobis 1936, Proceedings of the National Institute of Sciences of
    India 2, 49-55, here with one spread for all directions; permutation p Phipson and Smyth 2010,
    https://doi.org/10.2202/1544-6115.1585.

    Raises:
        DataError: a feature is not finite.
    """
    known = np.flatnonzero((labels >= 0) & (dataset_ids >= 0))
    refuse_not_finite(features[known], failure="class centroids can't be computed")
    if len(np.unique(dataset_ids[known])) < 2:
        return ()
    voices = np.arange(len(labels)) if speaker_ids is None else name_unknown(speaker_ids)
    drifts: list[ClassDrift] = []
    with threadpool_limits(1, "blas"):  # the products are so small that further threads only wait for each other
        for label in range(n_classes):
            rows = [known[(labels[known] == label) & (dataset_ids[known] == dataset)] for dataset in range(n_datasets)]
            rows = [np.sort(np.random.default_rng(seed).permutation(own)[:MAX_SAMPLES]) for own in rows]
            cells = _gather_cells(features, rows, voices=voices)
            draws = [_resample(cell, seed=seed + dataset) for dataset, cell in enumerate(cells)]
            for i, j in combinations(range(n_datasets), 2):
                score = _score_drift((cells[i], cells[j]), (draws[i], draws[j]))
                p_value = None if score.value is None else _test_drift(cells[i], cells[j], seed=seed)
                drifts.append(ClassDrift(first=i, second=j, label=label, score=score, p_value=p_value))
    return tuple(drifts)


class _Cell(NamedTuple):
    """One class in one dataset; its features count from the centroid of the class over all datasets."""

    n: int
    sums: Float64[np.ndarray, "unit column"]
    """Of each unit that is resampled, over its samples: the features, their squared length, and 1."""
    voices: Float64[np.ndarray, "voice column"]
    """The same of each speaker, or of each sample where no speakers are given."""
    center: Float64[np.ndarray, " feature"]
    variance: float
    """Total over the features; 0 where there is no more than rounding."""
    noise: float
    """Expected squared distance of the center from the one that endless units would have."""
    unit: str
    """What is resampled."""


class _Draws(NamedTuple):
    """A cell, resampled."""

    centers: Float64[np.ndarray, "draw feature"]
    variances: Float64[np.ndarray, " draw"]
    noise: float
    """Expected squared distance of a drawn center from the cell's own."""


def _gather_cells(features: FeatureMatrix, rows: Sequence[Int[np.ndarray, " _"]], *, voices: Labels) -> list[_Cell]:
    """One class in each dataset, its samples given."""
    kept = [features[own].astype(np.float64) for own in rows]
    n = max(1, sum(map(len, kept)))
    center = sum((own.sum(axis=0) for own in kept), np.zeros(features.shape[1])) / n
    rounding = ROUNDING * sum(float(np.square(own).sum()) for own in kept) / n
    return [
        _gather_cell(own - center, voices[places], rounding=rounding) for own, places in zip(kept, rows, strict=True)
    ]


def _gather_cell(features: Float64[np.ndarray, "sample feature"], voices: Labels, *, rounding: float) -> _Cell:
    """What drift needs to know of one class in one dataset."""
    n = len(features)
    names, voice = np.unique(voices, return_inverse=True)
    by_sample = np.column_stack([features, np.square(features).sum(axis=1), np.ones(n)])
    by_voice = by_sample if len(names) == n else _sum_groups(by_sample, voice)
    sums = by_voice if len(names) >= MIN_SPEAKERS else by_sample
    center = features.sum(axis=0) / max(1, n)
    variance = float(np.square(features - center).sum()) / max(1, n - 1)
    apart = float(np.square(sums[:, :-2] - sums[:, -1:] * center).sum()) / max(1, n) ** 2
    return _Cell(
        n=n,
        sums=sums,
        voices=by_voice,
        center=center,
        variance=variance if variance > rounding else 0.0,
        noise=apart * len(sums) / max(1, len(sums) - 1),
        unit="samples" if len(sums) == n else "speakers",
    )


def _sum_groups(
    values: Float64[np.ndarray, "sample column"], group: Int[np.ndarray, " sample"]
) -> Float64[np.ndarray, "group column"]:
    """The rows of each group, summed."""
    sums = np.zeros((int(group.max()) + 1, values.shape[1]))
    np.add.at(sums, group, values)
    return sums


def _resample(cell: _Cell, *, seed: int) -> _Draws | None:
    """The cell when its units are drawn with replacement; None for a cell that is too small to be measured."""
    if cell.n < MIN_SAMPLES:
        return None
    drawn = resample_sums(cell.sums, seed=seed)
    centers = drawn[:, :-2] / drawn[:, -1:]
    spread = drawn[:, -2] / drawn[:, -1] - np.einsum("df,df->d", centers, centers)
    units = len(cell.sums)
    return _Draws(centers, spread * (cell.n / (cell.n - 1)) ** 2, cell.noise * (units - 1) / units)


def _score_drift(cells: tuple[_Cell, _Cell], draws: tuple[_Draws | None, _Draws | None]) -> Score:
    """The distance of the two centers in units of the spread, or why there is none."""
    (a, b), n = cells, cells[0].n + cells[1].n
    drawn_a, drawn_b = draws
    spread, noise = (a.variance + b.variance) / 2, a.noise + b.noise
    if drawn_a is None or drawn_b is None:
        reason = f"a class needs {MIN_SAMPLES} samples in each dataset, there are {a.n} and {b.n}"
        return Score(name="drift", value=None, n=n, better="lower", bounds=BOUNDS, reason=reason)
    if spread == 0.0:
        reason = "all samples of the class lie at one place within their dataset"
        return Score(name="drift", value=None, n=n, better="lower", bounds=BOUNDS, reason=reason)
    value = _scale_distance(np.square(a.center - b.center).sum()[None] - noise, np.array([spread]))[0]
    squares = sum(np.einsum("df,df->d", each.centers, each.centers) for each in (drawn_a, drawn_b))
    squares = squares - 2 * np.einsum("df,df->d", drawn_a.centers, drawn_b.centers)
    apart = squares - noise - drawn_a.noise - drawn_b.noise
    ratios = _scale_distance(apart, (drawn_a.variances + drawn_b.variances) / 2)
    return score_with("drift", float(value), n=n, interval=_describe(ratios, cells), better="lower", bounds=BOUNDS)


def _scale_distance(squares: Float64[np.ndarray, " draw"], spread: Float64[np.ndarray, " draw"]) -> np.ndarray:
    """The distances in units of the spread, at least 0; NaN where there is no spread."""
    return np.sqrt(np.maximum(squares, 0.0) / np.where(spread > 0, spread, np.nan))


def _describe(ratios: Float64[np.ndarray, " draw"], cells: tuple[_Cell, _Cell]) -> Interval:
    """The interval of resampled drifts, saying what was resampled and whether that stands for other speakers."""
    units = " and ".join(sorted({cell.unit for cell in cells}))
    few = [len(cell.voices) for cell in cells if len(cell.voices) < len(cell.sums)]
    only = f" ({min(few)} speakers in a dataset: about these speakers only)" if few else ""
    n_units = sum(len(cell.sums) for cell in cells)
    return bootstrap_interval(ratios, unit=f"{units} within their datasets{only}", n_units=n_units)


def _test_drift(a: _Cell, b: _Cell, *, seed: int) -> float | None:
    """How often datasets dealt at random to the speakers, or samples, lie as far apart: by the share of the scatter.

    The share of all scatter that lies between the two centers; it grows with drift, and is the same for datasets of
    different sizes where there is none.
    """
    voices = np.concatenate([a.voices, b.voices])
    owners = np.repeat([0, 1], [len(a.voices), len(b.voices)])
    center = voices[:, :-2].sum(axis=0) / (a.n + b.n)
    scatter = voices[:, -2].sum() - (a.n + b.n) * np.square(center).sum()
    if count_arrangements(owners, np.arange(len(owners))) < MIN_ARRANGEMENTS or scatter <= 0:
        return None
    permuted = permute_labels(owners, np.arange(len(owners)), seed=seed)
    first = (np.concatenate([owners[None], permuted]) == 0).astype(np.float64)
    sizes = first @ voices[:, -1]
    moved = first @ (voices[:, :-2] - voices[:, -1:] * center)
    share = np.einsum("df,df->d", moved, moved) / (sizes * (a.n + b.n - sizes)) * (a.n + b.n) / scatter
    return p_value_of(share[1:], float(share[0]))
