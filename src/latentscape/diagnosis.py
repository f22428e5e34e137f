"""Everything the latents study measures: features, maps, labels and predictions in, findings out."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from threadpoolctl import threadpool_limits

from latentscape.engine import count_threads
from latentscape.findings import Accounting, LatentsFindings, LayerFindings, ModelCard, choose_main
from latentscape.improvements import find_improvements
from latentscape.layer_maps import LayerMaps
from latentscape.measures.calibration import find_confident_mistakes, measure_calibration
from latentscape.measures.classification import (
    count_confusions,
    measure_accuracy,
    measure_balanced_accuracy,
    measure_chance_accuracy,
    measure_class_f1s,
    measure_class_precisions,
    measure_class_recalls,
    name_scores,
)
from latentscape.measures.copy_suspects import find_copy_suspects, find_near_copies
from latentscape.measures.distance import Metric, measure_confusion_against_distance
from latentscape.measures.drift import measure_drifts
from latentscape.measures.geometry import measure_geometry
from latentscape.measures.label_suspects import find_label_suspects
from latentscape.measures.layer_similarity import measure_layer_similarity
from latentscape.measures.outliers import find_outliers
from latentscape.measures.readout import Reader, Readout, Target, measure_readouts
from latentscape.measures.score import Score
from latentscape.measures.suspects import Suspect
from latentscape.measures.transfer import measure_transfer
from latentscape.neighbors import Neighbors
from latentscape.progress import SILENT, Progress
from latentscape.shapes import FeatureMatrix, Labels

MOST_MISTAKES = 20
"""Confident mistakes listed."""
OTHER_DISTANCES: tuple[Metric, ...] = ("euclidean", "mahalanobis", "mmd")
Confusions = Int[np.ndarray, "class class"]
ReadoutKey = tuple[Target, Reader]
ALONE = "no two samples are known to share a speaker"
"""A remark of readouts."""


@dataclass(frozen=True, kw_only=True)
class Judged:
    """The samples studied and what the model says of them; row i of everything is sample i."""

    ids: tuple[str, ...]
    labels: Labels
    probabilities: Float[np.ndarray, "sample class"]
    dataset_ids: Labels
    speakers: tuple[str, ...]
    class_names: tuple[str, ...]
    dataset_names: tuple[str, ...]

    @property
    def predictions(self) -> Labels:
        """The most probable class of each sample."""
        return self.probabilities.argmax(axis=1)

    @property
    def speaker_ids(self) -> Labels:
        """Speakers by number."""
        return np.unique(np.array(self.speakers, dtype=object), return_inverse=True)[1].astype(np.int64)


@dataclass(frozen=True, kw_only=True)
class WholeSet:
    """Every sample of the data set, those that the model was trained on included."""

    ids: tuple[str, ...]
    labels: Labels
    splits: tuple[str, ...]
    """`train` or `validation`."""
    copies: Sequence[Sequence[int]] = ()
    """Groups of rows with the same content."""
    shared_speakers: tuple[str, ...] = ()
    """Speakers on both sides of the split."""


def diagnose(
    judged: Judged,
    features: Mapping[str, FeatureMatrix],
    maps: Mapping[str, LayerMaps],
    *,
    whole: WholeSet,
    model: ModelCard,
    accounting: Accounting,
    seed: int,
    progress: Progress = SILENT,
) -> LatentsFindings:
    """Measure everything the study reports; `features` and `maps` have the layers in the model's order."""
    confusions = count_confusions(judged.labels, judged.predictions, n_classes=len(judged.class_names))
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(count_threads()) as pool:  # layers side by side instead
        measured = pool.map(
            lambda layer: measure_layer(judged, features[layer], maps[layer], layer=layer, seed=seed), features
        )
        layers = tuple(progress.track(measured, label="layers measured", total=len(features)))
    graphs = {layer: maps[layer].neighbors for layer in features}
    findings = LatentsFindings(
        model=model,
        accounting=accounting,
        ids=judged.ids,
        labels=judged.labels,
        predictions=judged.predictions,
        probabilities=judged.probabilities,
        dataset_ids=judged.dataset_ids,
        speakers=judged.speakers,
        class_names=judged.class_names,
        dataset_names=judged.dataset_names,
        confusion_matrix=confusions,
        dataset_confusions=_count_by_dataset(judged),
        calibration=measure_calibration(judged.probabilities, judged.labels, seed=seed),
        mistakes=find_confident_mistakes(judged.probabilities, judged.labels, most=MOST_MISTAKES),
        layers=layers,
        layer_similarity=measure_layer_similarity(features, graphs, seed=seed),
        suspects=find_suspects(judged, features, graphs, whole=whole),
        scores=score_predictions(judged, confusions, seed=seed),
        n_train=whole.splits.count("train"),
        shared_speakers=whole.shared_speakers,
    )
    return replace(findings, improvements=find_improvements(findings, seed=seed))


def measure_layer(judged: Judged, features: FeatureMatrix, maps: LayerMaps, *, layer: str, seed: int) -> LayerFindings:
    """What one layer keeps of classes, datasets and speakers, and how its distances go with the model's mistakes."""
    n_classes, n_datasets = len(judged.class_names), len(judged.dataset_names)
    who: dict[str, Any] = {
        "labels": judged.labels,
        "dataset_ids": judged.dataset_ids,
        "speaker_ids": judged.speaker_ids,
        "seed": seed,
    }

    def relate(space: Float[np.ndarray, "sample _"], metric: Metric) -> Any:
        return measure_confusion_against_distance(
            space, judged.labels, judged.predictions, n_classes=n_classes, seed=seed, metric=metric
        )

    on_maps = {method: relate(drawn.latent_map.xy.astype(np.float32), "map") for method, drawn in maps.maps.items()}
    return LayerFindings(
        layer=layer,
        n_features=features.shape[1],
        maps=maps.maps,
        confusion=relate(features, "cosine"),
        other_confusions={metric: relate(features, metric) for metric in OTHER_DISTANCES} | on_maps,
        readouts=_drop_unasked(measure_readouts(features, **who), judged),
        geometry=measure_geometry(features, maps.neighbors, judged.labels, seed=seed),
        transfers=measure_transfer(features, n_datasets=n_datasets, **who) if n_datasets > 1 else (),
        drifts=measure_drifts(
            features,
            labels=judged.labels,
            dataset_ids=judged.dataset_ids,
            speaker_ids=judged.speaker_ids,
            n_classes=n_classes,
            n_datasets=n_datasets,
            seed=seed,
        )
        if n_datasets > 1
        else (),
    )


def _drop_unasked(readouts: Mapping[ReadoutKey, Readout], judged: Judged) -> dict[ReadoutKey, Readout]:
    """Without the questions that the data does not pose: which data set where there is one, which speaker where each
    sample stands for itself."""
    has_groups = len(set(judged.speakers)) < len(judged.speakers)
    unasked = {"dataset" if len(judged.dataset_names) < 2 else "", "" if has_groups else "speaker"}
    asked = {key: each for key, each in readouts.items() if key[0] not in unasked}
    return asked if has_groups else {key: _forget_speakers(each) for key, each in asked.items()}


def _forget_speakers(readout: Readout) -> Readout:
    """Without the remark that no two samples share a speaker: it is said once, of the data."""
    return replace(readout, note="; ".join(part for part in readout.note.split("; ") if part != ALONE))


def find_suspects(
    judged: Judged, features: Mapping[str, FeatureMatrix], graphs: Mapping[str, Neighbors], *, whole: WholeSet
) -> tuple[Suspect, ...]:
    """Samples to look at: copies in the whole data set; odd labels, near copies and outliers among those studied."""
    first, main = next(iter(features)), choose_main(list(features))
    copies = find_copy_suspects(whole.copies, ids=whole.ids, labels=whole.labels, splits=whole.splits)
    known = [suspect.ids for suspect in copies]
    return (
        *copies,
        *find_label_suspects(
            judged.probabilities, graphs[main], judged.labels, ids=judged.ids, class_names=judged.class_names
        ),
        *find_near_copies(features[first], graphs[first], ids=judged.ids, labels=judged.labels, known=known),
        *find_outliers(graphs[first], ids=judged.ids, labels=judged.labels),
    )


def score_predictions(judged: Judged, confusions: Confusions, *, seed: int) -> dict[str, Score]:
    """What the model gets right: in all, by class, by data set."""
    names = judged.class_names
    return {
        "accuracy": measure_accuracy(judged.labels, judged.predictions),
        "chance_accuracy": measure_chance_accuracy(confusions),
        "balanced_accuracy": measure_balanced_accuracy(confusions, seed=seed),
        **measure_class_recalls(confusions, names),
        **measure_class_precisions(confusions, names),
        **measure_class_f1s(confusions, names),
        **_score_datasets(judged),
    }


def score_everything(findings: LatentsFindings) -> dict[str, Score]:
    """Calibration, and what is measured of each layer and between them, under the flat names of scores.json."""
    calibration = dict(findings.calibration.scores) if findings.calibration else {}
    return {**calibration, **_score_layers(findings.layers), **_score_between(findings)}


def _score_layers(layers: Sequence[LayerFindings]) -> dict[str, Score]:
    """Each layer's numbers under flat names that end in the layer's."""
    scores: dict[str, Score] = {}
    for layer in layers:
        relations = {"": layer.confusion} | {f"_{kind}": each for kind, each in layer.other_confusions.items()}
        numbers = {f"confusion_distance_spearman{kind}": each.spearman for kind, each in relations.items()}
        numbers |= {f"{reader}_{target}": each.score for (target, reader), each in layer.readouts.items()}
        numbers |= layer.geometry
        scores |= {f"{name}_{layer.layer}": score for name, score in numbers.items()}
    return scores


def _score_between(findings: LatentsFindings) -> dict[str, Score]:
    """What is measured between layers and between data sets, under flat names."""
    scores: dict[str, Score] = {}
    similarity = findings.layer_similarity
    if similarity is not None:
        for name, pairs in (("cka", similarity.cka), ("neighbor_overlap", similarity.overlap)):
            scores |= {
                f"{name}_{similarity.layers[a]}_vs_{similarity.layers[b]}": pair for (a, b), pair in pairs.items()
            }
    sets = _plain_names(findings.dataset_names)
    for layer in findings.layers:
        for each in layer.transfers:
            cells = {f"transfer_{each.reader}": each.scores, f"transfer_loss_{each.reader}": each.losses}
            for name, pairs in cells.items():
                scores |= {f"{name}_{layer.layer}_{sets[a]}_to_{sets[b]}": pair for (a, b), pair in pairs.items()}
    return scores


def _plain_names(names: Sequence[str]) -> list[str]:
    return [name.removeprefix("_") for name in name_scores("", names)]


def _count_by_dataset(judged: Judged) -> tuple[Confusions, ...]:
    n_datasets, n_classes = len(judged.dataset_names), len(judged.class_names)
    if n_datasets < 2:
        return ()
    own = [judged.dataset_ids == number for number in range(n_datasets)]
    return tuple(count_confusions(judged.labels[rows], judged.predictions[rows], n_classes=n_classes) for rows in own)


def _score_datasets(judged: Judged) -> dict[str, Score]:
    """`accuracy_<data set>` where there are several."""
    names = name_scores("accuracy", judged.dataset_names if len(judged.dataset_names) > 1 else ())
    rows = {name: judged.dataset_ids == number for number, name in enumerate(names)}
    scores = {name: (judged.labels[own], judged.predictions[own]) for name, own in rows.items()}
    return {name: replace(measure_accuracy(*sides), name=name) for name, sides in scores.items()}
