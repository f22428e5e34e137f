"""Which samples should somebody look at before anybody trains again?"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from latentscape.shapes import Labels

SuspectKind = Literal["conflicting_copies", "copies", "leaking_copies", "near_copies", "label", "outlier"]


@dataclass(frozen=True, kw_only=True)
class Suspect:
    """One finding about one sample, or about several that belong together."""

    kind: SuspectKind
    ids: tuple[str, ...]
    """Of a label or outlier one; of copies all in the group."""
    splits: tuple[str, ...]
    """`train` or `validation` for each id."""
    labels: tuple[int, ...]
    """The class each id is filed under; -1 unknown."""
    suggested: int = -1
    """Label: the class that the model and the neighbors agree on."""
    strength: float = 1.0
    """How strong the evidence is, for ranking within a kind; larger is stronger."""
    reason: str = ""
    """The evidence in words, e.g. `12 of 15 neighbors are Angry, the model says Angry at 0.97`."""


@dataclass(frozen=True, kw_only=True)
class Filing:
    """How the samples are filed, by row."""

    ids: Sequence[str]
    labels: Labels
    splits: Sequence[str] | None = None
    """By default all are on the side that the model is judged on."""

    def suspect(
        self, rows: Iterable[int], *, kind: SuspectKind, strength: float, reason: str, suggested: int = -1
    ) -> Suspect:
        """A finding about these rows."""
        ordered = sorted(rows)
        return Suspect(
            kind=kind,
            ids=tuple(self.ids[row] for row in ordered),
            splits=tuple("validation" if self.splits is None else self.splits[row] for row in ordered),
            labels=tuple(int(self.labels[row]) for row in ordered),
            suggested=suggested,
            strength=float(strength),
            reason=reason,
        )


def tabulate_suspects(suspects: Sequence[Suspect], class_names: Sequence[str]) -> dict[str, list[str | int | float]]:
    """The suspects as columns of a table: a row for each sample, those of one finding share its number.

    Columns: suspect (the finding's number, from 1), kind, id, split, label, suggested, strength, reason. An unknown
    label and a missing suggestion are empty.
    """
    names = {-1: "", **dict(enumerate(class_names))}
    columns: dict[str, list[str | int | float]] = {
        name: [] for name in ("suspect", "kind", "id", "split", "label", "suggested", "strength", "reason")
    }
    for number, suspect in enumerate(suspects, start=1):
        shared = names[suspect.suggested], suspect.strength, suspect.reason
        for name, split, label in zip(suspect.ids, suspect.splits, suspect.labels, strict=True):
            row = (number, suspect.kind, name, split, names[label], *shared)
            for column, value in zip(columns.values(), row, strict=True):
                column.append(value)
    return columns
