"""What classes are taken for each other and how sure the model is, as values made here and put into findings."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
from scipy import stats

from latentscape.findings import LatentsFindings
from latentscape.measures.bootstrap import wilson_interval
from latentscape.measures.calibration import Calibration
from latentscape.measures.classification import count_confusions, name_scores
from latentscape.measures.distance import ConfusionAgainstDistance
from latentscape.measures.score import Score

KINDS = ("euclidean", "mahalanobis", "mmd", "tsne", "umap")


def make_rho(value: float | None, low: float | None = None, high: float | None = None, *, n: int = 28) -> Score:
    reason = "" if value is not None else f"a rank correlation needs three pairs of classes, there are {n}"
    return Score(
        name="confusion_distance_spearman", value=value, n=n, low=low, high=high, better="neither",
        bounds=(-1.0, 1.0), reason=reason,
    )  # fmt: skip


def with_distances(
    findings: LatentsFindings,
    *,
    kinds: Sequence[str] = KINDS,
    noise: Mapping[str, float] | None = None,
    mantel_p: float | None = 0.012,
    seed: int = 0,
) -> LatentsFindings:
    """Every layer with more distances: its own times a factor and `noise` (by kind), one pair planted above."""
    rng = np.random.default_rng(seed)
    layers = []
    for layer in findings.layers:
        own = fill_surprises(layer.confusion, findings, mantel_p=mantel_p)
        others = {}
        for kind in kinds:
            amount = (noise or {}).get(kind, 0.25)
            scale = {"tsne": 40.0, "umap": 8.0, "pca": 3.0, "mmd": 0.4, "euclidean": 12.0}.get(kind, 2.0)
            distances = np.abs(own.distances + amount * rng.normal(size=len(own.rates))) * scale
            changed = dataclasses.replace(
                own, distances=distances, metric=kind if kind not in ("tsne", "umap", "pca") else "euclidean",
                spearman=_correlate(distances, own.rates),
            )  # fmt: skip
            others[kind] = fill_surprises(changed, findings, mantel_p=mantel_p)
        layers.append(dataclasses.replace(layer, confusion=own, other_confusions=others))
    return dataclasses.replace(findings, layers=tuple(layers))


def fill_surprises(
    confusion: ConfusionAgainstDistance, findings: LatentsFindings, *, mantel_p: float | None
) -> ConfusionAgainstDistance:
    """With a falling straight line as the expected rate and the residuals over their deviation as surprise."""
    totals = findings.confusion_matrix.sum(axis=1)
    n = len(confusion.rates)
    if n < 3 or np.ptp(confusion.distances) == 0:
        expected, surprise = np.full(n, np.nan), np.full(n, np.nan)
    else:
        slope, start = np.polyfit(confusion.distances, confusion.rates, 1)
        expected = np.maximum(start + min(slope, 0.0) * confusion.distances, 0.002)
        rest = confusion.rates - expected
        surprise = rest / max(float(np.std(rest)), 1e-3)
    return dataclasses.replace(
        confusion, sizes=totals[confusion.pairs].sum(axis=1), expected=expected, surprise=surprise,
        mantel_p=mantel_p if confusion.spearman.value is not None else None,
    )  # fmt: skip


def _correlate(distances: np.ndarray, rates: np.ndarray) -> Score:
    n = len(rates)
    if n < 3 or np.ptp(rates) == 0:
        return make_rho(None, n=n)
    rho = float(stats.spearmanr(distances, rates).statistic)
    turned = np.arctanh(np.clip(rho, -0.99, 0.99)) + np.array([-1.96, 1.96]) / n**0.5
    return make_rho(rho, *np.tanh(turned).tolist(), n=n)


def share(name: str, hits: int, n: int) -> Score:
    if n == 0:
        return Score(name=name, value=None, n=0, reason="no samples")
    low, high = wilson_interval(hits, n)
    return Score(name=name, value=hits / n, n=n, low=low, high=high)


def with_class_scores(findings: LatentsFindings) -> LatentsFindings:
    """Recall, precision and F1 of every class, and one matrix a dataset where there are several."""
    counts, names = findings.confusion_matrix, findings.class_names
    scores = dict(findings.scores)
    for prefix, totals in (("recall", counts.sum(axis=1)), ("precision", counts.sum(axis=0))):
        for i, name in enumerate(name_scores(prefix, names)):
            scores[name] = share(name, int(counts[i, i]), int(totals[i]))
    for i, name in enumerate(name_scores("f1", names)):
        total = int(counts[i].sum() + counts[:, i].sum())
        scores[name] = share(name, 2 * int(counts[i, i]), total)
    parts: tuple[np.ndarray, ...] = ()
    if len(findings.dataset_names) > 1:
        rows = [findings.dataset_ids == number for number in range(len(findings.dataset_names))]
        parts = tuple(
            count_confusions(findings.labels[each], findings.predictions[each], n_classes=len(names)) for each in rows
        )
        for part, name in zip(parts, name_scores("accuracy", findings.dataset_names), strict=True):
            scores[name] = share(name, int(np.trace(part)), int(part.sum()))
    return dataclasses.replace(findings, scores=scores, dataset_confusions=parts)


def make_calibration(
    *, n: int = 480, n_bins: int = 15, over: float = 0.19, wide: float = 0.05, lowest: float = 0.2, seed: int = 0
) -> Calibration:
    """A model that is right `over` less often than it says, with an interval `wide` to either side."""
    rng = np.random.default_rng(seed)
    confidence = lowest + (1 - lowest) * rng.beta(4.0, 1.4, size=n)
    right = rng.random(n) < np.clip(confidence - over, 0, 1)
    edges = np.linspace(0, 1, n_bins + 1)
    bins = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, n_bins - 1)
    counts = np.bincount(bins, minlength=n_bins)
    with np.errstate(invalid="ignore"):
        means = np.bincount(bins, weights=confidence, minlength=n_bins) / counts
        shares = np.bincount(bins, weights=right, minlength=n_bins) / counts
    ends = [wilson_interval(shares[i] * m, m) if m else (np.nan, np.nan) for i, m in enumerate(counts.tolist())]
    low, high = np.array(ends).T
    return Calibration(
        edges=edges, counts=counts, confidence=means, accuracy=shares, low=low, high=high,
        scores=_score_calibration(confidence, right, counts, means, shares, wide=wide),
    )  # fmt: skip


def _score_calibration(confidence, right, counts, means, shares, *, wide) -> dict[str, Score]:
    n = len(right)
    if n == 0:
        names = ("calibration_error", "overconfidence", "brier")
        return {name: Score(name=name, value=None, n=0, reason="no sample has a known class") for name in names}
    gap = float(confidence.mean() - right.mean())
    error = float(np.nansum(counts * np.abs(means - shares)) / n)
    return {
        "calibration_error": Score(name="calibration_error", value=error, n=n, low=max(error - 0.03, 0),
                                   high=error + 0.04, better="lower"),
        "overconfidence": Score(name="overconfidence", value=gap, n=n, low=gap - wide, high=gap + wide,
                                better="neither", bounds=(-1.0, 1.0)),
        "brier": Score(name="brier", value=0.5, n=n, low=0.45, high=0.55, better="lower", bounds=(0.0, 2.0)),
    }  # fmt: skip
