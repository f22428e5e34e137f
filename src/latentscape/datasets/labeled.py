"""What every labeled data set becomes, whatever it held: one table of samples, row by row the same in every run."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from latentscape.datasets.files import Skipped
from latentscape.shapes import Kind, Labels, Rows

Content = Path | str | bytes
"""What a sample is made of: a file, a text (never the name of a file), or the bytes that a file would hold."""


@dataclass(frozen=True, kw_only=True)
class LabeledSamples:
    """Labeled samples of one or more data sets; row i of every field is sample i."""

    kind: Kind | None
    """None where nothing of a sample can be shown: tensors of a program."""
    contents: tuple[Content, ...]
    """Read when they are asked for. A text is `str`; sound and pictures are `Path` or `bytes`."""
    ids: tuple[str, ...]
    """Data set / relative file name (or `row 17`); unique, and the same on every machine."""
    labels: Labels
    class_names: tuple[str, ...]
    dataset_ids: Labels
    dataset_names: tuple[str, ...]
    speakers: tuple[str, ...]
    """Who or what a sample comes from (data set / speaker, patient, author): samples of one are no independent
    witnesses. The sample's own id where the data does not say."""
    skipped: Skipped
    """(id, reason) of everything that was found and left out."""
    copies: tuple[tuple[int, ...], ...] = ()
    """Groups of two or more samples whose contents are byte for byte the same."""
    notes: Mapping[str, int] = field(default_factory=dict)
    """What is odd about the data, counted. Nothing counted here was left out."""
    media_root: Path | None = None
    """The folder that the ids are file names below, after the name of the data set; None where they are no files."""
    numbered: bool = False
    """Whether the data itself numbers its classes, so that their order is no choice of ours."""
    split: str = ""
    """Which split of the data this is; empty where it has none."""

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files; empty unless every sample is one."""
        files = tuple(content for content in self.contents if isinstance(content, Path))
        return files if len(files) == len(self) else ()

    def take(self, rows: Rows) -> "LabeledSamples":
        """The samples of `rows`, in that order; class and data set numbers keep their meaning."""
        return replace(
            self,
            contents=tuple(self.contents[row] for row in rows),
            ids=tuple(self.ids[row] for row in rows),
            labels=freeze(self.labels[rows]),
            dataset_ids=freeze(self.dataset_ids[rows]),
            speakers=tuple(self.speakers[row] for row in rows),
            copies=_follow_copies(self.copies, rows),
        )


def freeze(numbers: Labels) -> Labels:
    """The same array, no longer writable."""
    numbers.flags.writeable = False
    return numbers


def number_twins(names: Iterable[str]) -> tuple[str, ...]:
    """The same names, each once: what is told apart only by what can't be printed, or not at all, gets a number."""
    taken: dict[str, None] = {}
    counts: Counter[str] = Counter()
    for wanted in names:
        name = wanted
        while name in taken:
            counts[wanted] += 1
            name = f"{wanted} ({counts[wanted] + 1})"
        taken[name] = None
    return tuple(taken)


def _follow_copies(copies: tuple[tuple[int, ...], ...], rows: Rows) -> tuple[tuple[int, ...], ...]:
    """The groups among the samples of `rows`, by their new numbers."""
    places = {int(row): place for place, row in enumerate(rows)}
    kept = (tuple(places[row] for row in group if row in places) for group in copies)
    return tuple(group for group in kept if len(group) > 1)
