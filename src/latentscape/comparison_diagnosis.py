"""Everything a comparison measures: what each checkpoint makes of the same samples in, findings out."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise

import numpy as np
from jaxtyping import Float
from threadpoolctl import threadpool_limits

from latentscape.comparison_claims import find_changes
from latentscape.comparison_findings import Answers, ComparisonFindings, Step, Subject, TrackedLayer
from latentscape.engine import count_threads
from latentscape.executor import InProcess
from latentscape.layer_maps import TRUST_NEIGHBORS, LayerMaps
from latentscape.measures.checkpoint_choice import CheckpointChoice, choose_checkpoint
from latentscape.measures.class_splits import ClassSplit, find_class_splits
from latentscape.measures.classifier_tallies import tally_classifier
from latentscape.measures.layer_drift import LayerDrift, measure_layer_drift
from latentscape.measures.neighbor_change import NeighborChange, measure_neighbor_change
from latentscape.measures.ranking import rank_documents
from latentscape.measures.retriever_tallies import tally_retriever
from latentscape.measures.scan import PairScan, scan_pairs
from latentscape.measures.score import Score
from latentscape.measures.tallies import (
    Change,
    Tally,
    adjust_changes,
    measure_change,
    measure_changes,
    score_tallies,
    take_units,
)
from latentscape.neighbors import Neighbors
from latentscape.progress import SILENT, Progress
from latentscape.retrieval_diagnosis import TOP
from latentscape.snapshots.values import LayerMatrix, Matched

LEAST_MEMBERS = 5
"""Groups of fewer judged samples are not compared: no difference among so few could be told from chance."""
CHOSEN_BY = {"latents": "accuracy", "embeddings": "mrr"}
"""For each study the score that chooses a checkpoint."""
Maps = Mapping[str, Sequence[LayerMaps]]
"""Tracked layer -> graph and maps of each checkpoint, in one frame."""


def diagnose_comparison(
    matched: Matched, answers: Sequence[Answers], maps: Maps, *, seed: int, progress: Progress = SILENT
) -> ComparisonFindings:
    """Measure everything the comparison reports; `answers` are those of `answer`."""
    drifts = measure_drifts(matched, maps, seed=seed, progress=progress)
    answers = tuple(
        _add_probes(each, number, drifts=drifts, subject=matched.subject, seed=seed)
        for number, each in enumerate(answers)
    )
    findings = ComparisonFindings(
        subject=matched.subject,
        checkpoints=matched.checkpoints,
        accounting=matched.accounting,
        answers=answers,
        layers=tuple(_track(matched, layer, drawn=maps[layer], drift=drifts[layer]) for layer in matched.features),
        main_layer=matched.main_layer,
        steps=measure_steps(matched, maps, answers, seed=seed),
        choice=_choose(matched.subject, answers, CHOSEN_BY[matched.subject.study], seed=seed),
        same_models=matched.same_models,
        notes=matched.notes,
    )
    if not findings.is_one_training:  # nothing is too long about another model
        findings = replace(findings, choice=replace(findings.choice, overfitting=None))
    return replace(findings, claims=find_changes(findings))


def answer(matched: Matched, *, seed: int, progress: Progress = SILENT) -> tuple[Answers, ...]:
    """What each checkpoint makes of the judged samples."""
    if matched.judgments is None:
        return tuple(_answer_classifier(matched.subject, each, seed=seed) for each in matched.probabilities)
    vectors = matched.features[matched.main_layer]
    return tuple(_answer_retriever(matched, each, seed=seed, progress=progress) for each in vectors)


def _answer_classifier(subject: Subject, probabilities: Float[np.ndarray, "sample class"], *, seed: int) -> Answers:
    predictions, labels = probabilities.argmax(axis=1), subject.kinds
    tallies = tally_classifier(labels, predictions, probabilities, n_classes=len(subject.class_names))
    return Answers(
        right=predictions == labels,
        said=tuple(subject.class_names[number] for number in predictions.tolist()),
        confidence=probabilities.max(axis=1),
        tallies=tallies,
        scores=_score(tallies, subject, seed=seed),
    )


def _answer_retriever(matched: Matched, vectors: LayerMatrix, *, seed: int, progress: Progress) -> Answers:
    subject, judgments = matched.subject, matched.judgments
    if judgments is None:
        raise AssertionError("a retriever without judgments")
    queries, documents = np.split(vectors, [subject.n_judged])
    scan = scan_pairs(queries, documents, judgments, k=TOP, seed=seed, executor=InProcess(progress))
    ranking = rank_documents(scan, judgments, seed=seed)
    tallies = tally_retriever(queries, documents, judgments, scan=scan, ranking=ranking, hard_types=matched.hard_types)
    return Answers(
        right=ranking.top_right[:, 0],
        said=tuple(subject.texts[subject.n_judged + number] for number in ranking.top[:, 0].tolist()),
        confidence=ranking.top_similarity[:, 0],
        tallies=tallies,
        scores=_score(tallies, subject, seed=seed),
        ranks=ranking.best_rank,
        margins=_find_margins(scan, len(queries)),
    )


def _find_margins(scan: PairScan, n_queries: int) -> Float[np.ndarray, " query"]:
    """The cosine of each query's best right document less that of its best wrong one; NaN where either is missing."""
    best = np.full(n_queries, -np.inf)
    np.maximum.at(best, scan.pair_query, scan.pair_similarity)
    return np.where(np.isfinite(best), best, np.nan) - scan.mined_similarity


def _score(tallies: Mapping[str, Tally], subject: Subject, *, seed: int) -> dict[str, Score]:
    return score_tallies(tallies, clusters=subject.clusters, cluster_name=subject.cluster_name, seed=seed)


def measure_drifts(matched: Matched, maps: Maps, *, seed: int, progress: Progress = SILENT) -> dict[str, LayerDrift]:
    """How each layer changes from checkpoint to checkpoint, layers side by side."""
    subject = matched.subject
    has_classes = subject.study == "latents"

    def measure(layer: str) -> LayerDrift:
        return measure_layer_drift(
            matched.features[layer],
            graphs=[each.neighbors for each in maps[layer]],
            labels=subject.kinds if has_classes else None,
            clusters=subject.clusters if has_classes else np.arange(len(subject.ids)),
            dataset_ids=subject.shapes if has_classes else None,
            seed=seed,
        )

    with threadpool_limits(1, "blas"), ThreadPoolExecutor(count_threads()) as pool:
        measured = progress.track(pool.map(measure, matched.features), label="layers", total=len(matched.features))
        return dict(zip(matched.features, measured, strict=True))


def _add_probes(
    answers: Answers, checkpoint: int, *, drifts: Mapping[str, LayerDrift], subject: Subject, seed: int
) -> Answers:
    """The same with the probes of every layer among the scores, as `linear_class_{layer}`."""
    probes = {f"linear_class_{layer}": drift.probes[checkpoint] for layer, drift in drifts.items() if drift.probes}
    return replace(
        answers,
        tallies={**answers.tallies, **probes},
        scores={**answers.scores, **_score(probes, subject, seed=seed)},
    )


def _track(matched: Matched, layer: str, *, drawn: Sequence[LayerMaps], drift: LayerDrift) -> TrackedLayer:
    methods = drawn[0].maps
    return TrackedLayer(
        name=layer,
        own_names=matched.own_names[layer],
        maps={method: tuple(each.maps[method] for each in drawn) for method in methods},
        drift=drift,
        neighbors=tuple(each.neighbors.indices[:, :TRUST_NEIGHBORS] for each in drawn),
    )


def measure_steps(matched: Matched, maps: Maps, answers: Sequence[Answers], *, seed: int) -> tuple[Step, ...]:
    """From each checkpoint to the next; with more than two, from the first to the last at the end.

    All steps to the next are one family of questions, the way from first to last is another: their p are adjusted
    apart.
    """
    n = len(matched.checkpoints)
    nearby = list(pairwise(range(n)))
    whole = [(0, n - 1)] if n > 2 else []
    steps = [_measure_step(matched, maps, answers, pair=pair, seed=seed) for pair in (*nearby, *whole)]
    return (*_adjust(steps[: len(nearby)]), *_adjust(steps[len(nearby) :]))


def _measure_step(
    matched: Matched, maps: Maps, answers: Sequence[Answers], *, pair: tuple[int, int], seed: int
) -> Step:
    first, second = pair
    subject = matched.subject
    before, after = answers[first].tallies, answers[second].tallies
    return Step(
        first=first,
        second=second,
        changes=measure_changes(
            {name: (before[name], after[name]) for name in before if name in after},
            clusters=subject.clusters,
            cluster_name=subject.cluster_name,
            seed=seed,
        ),
        group_changes=_compare_groups(subject, before[subject.group_score], after[subject.group_score], seed=seed),
        motion={
            layer: _measure_motion(features, maps[layer], pair=pair, seed=seed)
            for layer, features in matched.features.items()
        },
        splits=_find_splits(matched, pair, seed=seed),
    )


def _measure_motion(
    features: Sequence[LayerMatrix], drawn: Sequence[LayerMaps], *, pair: tuple[int, int], seed: int
) -> NeighborChange:
    first, second = pair
    graphs: tuple[Neighbors, Neighbors] = (drawn[first].neighbors, drawn[second].neighbors)
    return measure_neighbor_change(features[first], features[second], graphs=graphs, seed=seed)


def _find_splits(matched: Matched, pair: tuple[int, int], *, seed: int) -> tuple[ClassSplit, ...]:
    subject = matched.subject
    if subject.study != "latents":
        return ()
    first, second = (matched.features[matched.main_layer][number] for number in pair)
    return find_class_splits(first, second, subject.kinds, n_classes=len(subject.class_names), seed=seed)


def _compare_groups(subject: Subject, first: Tally, second: Tally, *, seed: int) -> dict[tuple[str, str], Change]:
    """The change of one score among the samples of each class, data set, attribute value."""
    found: dict[tuple[str, str], Change] = {}
    for grouping, values in subject.groups.items():
        known = np.array(values, dtype=object)
        for value in sorted({each for each in values if each}):
            rows = np.flatnonzero(known == value)
            if len(rows) >= LEAST_MEMBERS:
                found[grouping, value] = measure_change(
                    take_units(first, rows),
                    take_units(second, rows),
                    clusters=subject.clusters[rows],
                    cluster_name=subject.cluster_name,
                    seed=seed,
                )
    return found


def _adjust(steps: Sequence[Step]) -> list[Step]:
    """The steps with the p of their changes adjusted for all of them."""
    changes = adjust_changes({(i, name): each for i, step in enumerate(steps) for name, each in step.changes.items()})
    groups = adjust_changes(
        {(i, key): each for i, step in enumerate(steps) for key, each in step.group_changes.items()}
    )
    return [
        replace(
            step,
            changes={name: changes[i, name] for name in step.changes},
            group_changes={key: groups[i, key] for key in step.group_changes},
        )
        for i, step in enumerate(steps)
    ]


def _choose(subject: Subject, answers: Sequence[Answers], name: str, *, seed: int) -> CheckpointChoice:
    tallies = [each.tallies[name] for each in answers]
    return choose_checkpoint(tallies, clusters=subject.clusters, cluster_name=subject.cluster_name, seed=seed)
