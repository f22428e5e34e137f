"""Snapshots of classifiers, cut down to the samples that all of them have."""

from collections.abc import Sequence

import numpy as np

from latentscape.comparison_findings import Subject
from latentscape.datasets.class_names import quote_names
from latentscape.errors import DataError
from latentscape.findings import LOGITS, choose_main
from latentscape.shapes import Labels
from latentscape.snapshots.checkpoint_names import find_same_models
from latentscape.snapshots.left_out import Reasons, account, explain_absence, join_names, place_all, require_some
from latentscape.snapshots.tracking import Tracked, describe_tracking, track_layers
from latentscape.snapshots.values import ClassifierSnapshot, Matched, RowNumbers

LAST_HIDDEN = "last hidden"
Classifiers = Sequence[ClassifierSnapshot]


def match_classifiers(snapshots: Classifiers) -> Matched:
    """Two or more snapshots, their checkpoints named differently. Raises DataError."""
    orders = [_order_classes(snapshots[0], other) for other in snapshots]
    rows, left_out = _find_shared(snapshots)
    require_some(len(rows[0]), left_out, what="sample")
    layers = [
        {**snapshot.layers, LOGITS: snapshot.layers[LOGITS][:, order]} if _is_turned(order) else snapshot.layers
        for snapshot, order in zip(snapshots, orders, strict=True)
    ]
    mains = [choose_main(list(each)) for each in layers]
    tracked = track_layers(layers, rows, mains=mains, common_name=LAST_HIDDEN)
    checkpoints = tuple(snapshot.checkpoint for snapshot in snapshots)
    return Matched(
        subject=_describe_subject(snapshots[0], rows[0]),
        checkpoints=checkpoints,
        accounting=account(len(rows[0]), left_out),
        features=tracked.features,
        own_names=tracked.own_names,
        main_layer=tracked.main_layer,
        same_models=find_same_models(checkpoints),
        probabilities=tuple(
            snapshot.probabilities[at][:, order] for snapshot, at, order in zip(snapshots, rows, orders, strict=True)
        ),
        notes=tuple(_describe(snapshots, orders, left_out=left_out, tracked=tracked)),
    )


def _order_classes(first: ClassifierSnapshot, other: ClassifierSnapshot) -> RowNumbers:
    """For each class of the first model the number that another gives it."""
    if set(first.class_names) != set(other.class_names):
        raise DataError(
            "the models do not have the same classes",
            got=f"{quote_names(other.class_names)} in `{other.checkpoint.folder}`",
            expected=f"{quote_names(first.class_names)}, as in `{first.checkpoint.folder}`",
            hint="compare models that were trained for the same classes",
            fault="runs-unmatched",
        )
    return np.array([other.class_names.index(name) for name in first.class_names], dtype=np.int64)


def _is_turned(order: RowNumbers) -> bool:
    return not np.array_equal(order, np.arange(len(order)))


def _find_shared(snapshots: Classifiers) -> tuple[list[RowNumbers], Reasons]:
    """RowNumbers of the samples that all runs have and say the same of, for each run; and why others are left out."""
    names = [snapshot.checkpoint.name for snapshot in snapshots]
    labels = [_name(snapshot.labels, snapshot.class_names) for snapshot in snapshots]
    datasets = [_name(snapshot.dataset_ids, snapshot.dataset_names) for snapshot in snapshots]
    shared: list[list[int]] = []
    left_out: list[tuple[str, str]] = []
    for name, places in place_all([snapshot.ids for snapshot in snapshots]).items():
        found = [place for place in places if place is not None]
        if len(found) < len(places):
            left_out.append((str(name), explain_absence(names, places)))
        elif _differ(labels, found):
            left_out.append((str(name), "labels differ"))
        elif _differ(datasets, found):
            left_out.append((str(name), "data sets differ"))
        else:
            shared.append(found)
    return list(np.array(shared, dtype=np.int64).reshape(-1, len(snapshots)).T), left_out


def _differ(values: Sequence[tuple[str, ...]], places: Sequence[int]) -> bool:
    return len({own[place] for own, place in zip(values, places, strict=True)}) > 1


def _name(numbers: Labels, names: Sequence[str]) -> tuple[str, ...]:
    """The name of each, empty where it is unknown."""
    return tuple(names[int(number)] if number >= 0 else "" for number in numbers.tolist())


def _describe_subject(first: ClassifierSnapshot, rows: RowNumbers) -> Subject:
    ids = tuple(first.ids[row] for row in rows)
    labels = first.labels[rows]
    datasets = _name(first.dataset_ids[rows], first.dataset_names)
    names = tuple(name for name in (*first.dataset_names, "") if name in set(datasets))
    clusters = _number_speakers([first.speakers[row] for row in rows])
    together = len(set(clusters.tolist())) < len(rows)
    known = {"class": _name(labels, first.class_names), "dataset": datasets if len(names) > 1 else ()}
    return Subject(
        study="latents",
        ids=ids,
        texts=tuple(first.texts[row] or first.ids[row] for row in rows) if first.texts else ids,
        n_judged=len(ids),
        kinds=labels,
        kind_names=first.class_names,
        shapes=np.array([names.index(name) for name in datasets], dtype=np.int64),
        shape_names=names,
        clusters=clusters,
        cluster_name="speakers" if together else "samples",
        groups={name: values for name, values in known.items() if any(values)},
        class_names=first.class_names,
        thumbnails={at: first.thumbnails[row] for at, row in enumerate(rows.tolist()) if row in first.thumbnails},
    )


def _number_speakers(speakers: Sequence[str]) -> Labels:
    """The number of each sample's speaker; a sample of an unknown one is alone."""
    keys = [speaker or row for row, speaker in enumerate(speakers)]
    numbers = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    return np.array([numbers[key] for key in keys], dtype=np.int64)


def _describe(
    snapshots: Classifiers, orders: Sequence[RowNumbers], *, left_out: Reasons, tracked: Tracked
) -> list[str]:
    """What a reader must know of the matching, in sentences."""
    notes: list[str] = []
    if left_out:
        notes.append("All numbers are of the samples that every run has; a run's own report may speak of more.")
    names = [each.checkpoint.name for each, order in zip(snapshots, orders, strict=True) if _is_turned(order)]
    if names:
        notes.append(f"The classes of {join_names(names)} are in another order and were put into that of the first.")
    return [*notes, *describe_tracking(tracked, [snapshot.layers for snapshot in snapshots])]
