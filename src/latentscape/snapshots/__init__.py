"""Finished run folders -> what each checkpoint made of the samples that all of them saw."""

from latentscape.snapshots.matching import match_snapshots
from latentscape.snapshots.reading import read_snapshot
from latentscape.snapshots.values import ClassifierSnapshot, Matched, RetrieverSnapshot, Snapshot

__all__ = ["ClassifierSnapshot", "Matched", "RetrieverSnapshot", "Snapshot", "match_snapshots", "read_snapshot"]
