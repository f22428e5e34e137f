"""How one layer changes from checkpoint to checkpoint."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
from jaxtyping import Float32
from threadpoolctl import threadpool_limits

from latentscape.engine import count_threads
from latentscape.measures.effective_rank import measure_effective_rank
from latentscape.measures.held_out import Fold, Quiz, weigh_held_out
from latentscape.measures.layer_similarity import measure_layer_similarity
from latentscape.measures.linear_probe import fit_linear_probe, predict_arrangements, scale_weights
from latentscape.measures.readout_plans import Plan, choose_samples, plan_classes
from latentscape.measures.score import Score
from latentscape.measures.silhouette import measure_silhouette
from latentscape.measures.tallies import Tally
from latentscape.neighbors import Neighbors, require_finite
from latentscape.shapes import FeatureMatrix, Labels

PROBE = "linear_class"


@dataclass(frozen=True, kw_only=True)
class LayerDrift:
    """One layer in every checkpoint; keys (i, j), i < j, are checkpoint numbers."""

    similarity: Mapping[tuple[int, int], Score]
    """Debiased linear CKA: 1 where the layer is the same, turned and scaled as a whole."""
    overlap: Mapping[tuple[int, int], Score]
    """Share of neighbors that samples have in both."""
    geometry: tuple[Mapping[str, Score], ...]
    """For each checkpoint `effective_rank`, and where samples have classes `silhouette`."""
    probes: tuple[Tally, ...] = ()
    """For each checkpoint how often a linear probe reads the class of a sample it was not trained on; named
    `linear_class`, `below` is 0 for samples of an unknown class; empty without two classes."""


def measure_layer_drift(
    features: Sequence[Float32[np.ndarray, "sample _"]],
    *,
    graphs: Sequence[Neighbors],
    labels: Labels | None,
    clusters: Labels,
    seed: int,
    dataset_ids: Labels | None = None,
) -> LayerDrift:
    """How one layer differs between checkpoints that were shown the same samples, and what it is worth in each.

    Every pair of checkpoints is compared by `measure_layer_similarity` (debiased linear CKA, and the neighbors that
    samples have in both); each checkpoint's layer has its `measure_effective_rank`, and where there are two classes or
    more its `measure_silhouette` and a probe. Features may differ in width.

    The probe is the `linear` reader of `measure_readouts` asked for the class, with the same folds in every checkpoint
    and whole `clusters` (speakers; -1 is one of its own) held out: `linear_class` is the share of samples read right by
    a reader that has not seen them. In [0, 1], higher is better. Its tally has all samples as units, below 0 where the
    label is unknown (-1) or, of more than 3,000 samples, not among a seeded 3,000. With `dataset_ids` folds are
    balanced by data set as well, and hits are those of `measure_readouts` on the same samples with the same seed.

    Raises:
        DataError: layers or graphs of different samples, no samples, or a feature that is not finite.

    Source: probes: Alain and Bengio 2016, https://arxiv.org/abs/1610.01644; else as the measures named.
    """
    names = [str(number) for number in range(len(features))]
    similarity = measure_layer_similarity(
        dict(zip(names, features, strict=True)), dict(zip(names, graphs, strict=True)), seed=seed
    )
    for each in features:
        require_finite(each, purpose="the comparison of checkpoints")
    classes = labels if labels is not None and len(np.unique(labels[labels >= 0])) > 1 else None
    plan = _plan(classes, clusters=clusters, dataset_ids=dataset_ids, seed=seed)
    # Checkpoints side by side, each on one thread: products of this size gain little from more.
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(count_threads()) as pool:
        geometry = tuple(pool.map(partial(_measure_geometry, labels=classes, seed=seed), features))
        probes = tuple(pool.map(partial(_probe, plan=plan), features)) if plan else ()
    return LayerDrift(similarity=similarity.cka, overlap=similarity.overlap, geometry=geometry, probes=probes)


def _measure_geometry(features: FeatureMatrix, labels: Labels | None, *, seed: int) -> dict[str, Score]:
    scores = [measure_effective_rank(features, seed=seed)]
    if labels is not None:
        scores.append(measure_silhouette(features, labels, seed=seed))
    return {score.name: score for score in scores}


def _plan(labels: Labels | None, *, clusters: Labels, dataset_ids: Labels | None, seed: int) -> Plan | None:
    """The same questions to all checkpoints; None where there is nothing to read."""
    if labels is None:
        return None
    datasets = np.zeros_like(labels) if dataset_ids is None else dataset_ids
    plan = plan_classes(choose_samples(labels, dataset_ids=datasets, speaker_ids=clusters, seed=seed))
    return plan if isinstance(plan, Plan) else None


def _probe(features: FeatureMatrix, *, plan: Plan) -> Tally:
    """Who is read right by a reader that was trained on the other folds."""
    (folds,) = weigh_held_out(
        fit_linear_probe(features[plan.rows], features[:0]), [Quiz(plan.answers, plan.folds, plan.n_classes)]
    )
    above, below = np.zeros((len(features), 1)), np.zeros((len(features), 1))
    below[plan.rows] = 1.0
    for fold in folds:
        above[plan.rows[fold.inside], 0] = _read(fold, plan) == plan.answers[fold.inside]
    return Tally(name=PROBE, above=above, below=below, weights=np.ones(1))


def _read(fold: Fold, plan: Plan) -> Labels:
    known = plan.answers[fold.outside][None]
    return predict_arrangements(scale_weights(fold.weights).__matmul__, known, n_classes=plan.n_classes)[0]
