"""Several snapshots -> the samples that all of them have, in one order."""

from collections.abc import Sequence
from dataclasses import replace

from latentscape.errors import UsageError
from latentscape.snapshots.checkpoint_names import name_checkpoints
from latentscape.snapshots.classifier_matching import match_classifiers
from latentscape.snapshots.retriever_matching import match_retrievers
from latentscape.snapshots.values import ClassifierSnapshot, Matched, RetrieverSnapshot, Snapshot


def match_snapshots(snapshots: Sequence[Snapshot]) -> Matched:
    """Cut snapshots of one study down to what they share; rows in the order of the first.

    Samples of a classifier are the same where their ids are, queries and documents of a retriever where their texts
    are. A sample stays where all runs say the same of it: class and data set, or which documents are right and which
    declared wrong. Everything left out is accounted for.

    Raises:
        UsageError: there are fewer than two, or they are of different studies.
        DataError: they share no sample, or their classes are not the same.
    """
    if len(snapshots) < 2:
        raise UsageError(
            "a comparison needs at least two checkpoints", got=str(len(snapshots)),
            hint="give the run folder of another checkpoint too", fault="option-missing",
        )  # fmt: skip
    checkpoints = name_checkpoints([snapshot.checkpoint for snapshot in snapshots])
    named = [replace(snapshot, checkpoint=each) for snapshot, each in zip(snapshots, checkpoints, strict=True)]
    classifiers = [snapshot for snapshot in named if isinstance(snapshot, ClassifierSnapshot)]
    retrievers = [snapshot for snapshot in named if isinstance(snapshot, RetrieverSnapshot)]
    if classifiers and retrievers:
        raise UsageError(
            "a classifier and a retriever can't be compared",
            got=f"`{classifiers[0].checkpoint.folder}` and `{retrievers[0].checkpoint.folder}`",
            expected="runs of one study",
            hint="compare runs of `latents` with each other, and runs of `embeddings`",
            fault="runs-unmatched",
        )
    return match_classifiers(classifiers) if classifiers else match_retrievers(retrievers)
