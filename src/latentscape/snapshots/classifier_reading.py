"""A finished run of the latents study -> its snapshot."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import softmax

from latentscape.findings import LOGITS
from latentscape.output_folder import THUMBNAILS
from latentscape.run_reader import FinishedRun
from latentscape.snapshots.columns import SAMPLES, number_names, read_known_texts, read_texts
from latentscape.snapshots.manifest import damaged, list_features, read_checkpoint, read_features, read_names
from latentscape.snapshots.values import ClassifierSnapshot, LayerMatrix

if TYPE_CHECKING:
    import pyarrow  # noqa: ICN001  annotations are looked up by the whole name

COLUMNS = ("id", "label", "dataset", "speaker", "text")


def read_classifier(run: FinishedRun) -> ClassifierSnapshot:
    """What the run keeps of its checkpoint; probabilities are those of its logits. Raises DataError."""
    checkpoint = read_checkpoint(run)
    classes, datasets = read_names(run, "classes"), read_names(run, "datasets")
    table = run.read_table(SAMPLES, wanted=lambda name: name in COLUMNS)
    ids = read_texts(run, table, "id")
    if len(set(ids)) < len(ids):
        raise damaged(run, f"two samples in {SAMPLES} have one id")
    layers = _read_layers(run, n_samples=len(ids))
    logits = layers[LOGITS]
    if logits.shape[1] != len(classes):
        raise damaged(run, "its logits are not one for each class", f"{logits.shape[1]} for {len(classes)} classes")
    labels = number_names(run, read_known_texts(run, table, "label"), classes, what="label")
    dataset_ids = number_names(run, read_known_texts(run, table, "dataset"), datasets, what="data set")
    return ClassifierSnapshot(
        checkpoint=checkpoint,
        ids=ids,
        labels=np.array(labels, dtype=np.int64),
        class_names=classes,
        dataset_ids=np.array(dataset_ids, dtype=np.int64),
        dataset_names=datasets,
        speakers=tuple(speaker or "" for speaker in read_known_texts(run, table, "speaker")),
        probabilities=softmax(logits.astype(np.float64), axis=1),
        layers=layers,
        texts=_read_words(run, table),
        thumbnails=_read_pictures(run, n=len(ids)),
    )


def _read_words(run: FinishedRun, table: "pyarrow.Table") -> tuple[str, ...]:
    texts = read_known_texts(run, table, "text") if "text" in table.column_names else []
    return tuple(text or "" for text in texts) if any(texts) else ()


def _read_pictures(run: FinishedRun, *, n: int) -> Mapping[int, bytes]:
    if not run.has(THUMBNAILS):
        return {}
    from latentscape.media.thumbnails import read_thumbnails  # noqa: PLC0415  few runs have pictures

    return read_thumbnails(run, n=n)


def _read_layers(run: FinishedRun, *, n_samples: int) -> dict[str, LayerMatrix]:
    """One row a sample; the logits, which are read first, come last."""
    files = list_features(run)
    if LOGITS not in files:
        raise damaged(run, "it keeps no logits")
    layers: dict[str, LayerMatrix] = {}
    for name in (*(name for name in files if name != LOGITS), LOGITS):
        layers[name] = read_features(run, files[name])
        if len(layers[name]) != n_samples:
            raise damaged(run, f"`{files[name]}` is not of its samples", f"{len(layers[name])} rows for {n_samples}")
    return layers
