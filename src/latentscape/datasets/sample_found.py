"""Samples as a reader found them -> one table, whatever they were read from."""

from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from latentscape.datasets.copies import find_copies
from latentscape.datasets.files import Skipped
from latentscape.datasets.labeled import Content, LabeledSamples, freeze, number_twins
from latentscape.datasets.sample_labels import SampleLabels
from latentscape.datasets.text import make_printable
from latentscape.errors import DataError
from latentscape.shapes import Kind, Labels


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """One sample, its class not yet numbered."""

    content: Content
    name: str
    """Printable; relative to the data set, with / where it is a file."""
    row: int
    """Its place among the labels."""
    group: str = ""
    """Empty where the data does not say."""
    dataset: str = ""
    """Empty where the data does not say."""


def join_samples(
    found: Sequence[Found],
    labels: SampleLabels,
    *,
    kind: Kind,
    named: str,
    skipped: Skipped,
    root: Path | None = None,
    split: str = "",
) -> LabeledSamples:
    """One table of the samples that have a label; `root` is the folder that their names are file names below.

    Raises DataError where none is left.
    """
    rows = [sample for sample in found if labels.numbers[sample.row] >= 0]
    left_out = [(sample.name, "no label") for sample in found if labels.numbers[sample.row] < 0]
    places = {name: place for place, name in enumerate(dict.fromkeys(sample.dataset or named for sample in rows))}
    skipped = tuple((f"{named}/{name}", reason) for name, reason in (*skipped, *left_out))
    if not rows:
        raise nothing_usable(named, skipped)
    ids = number_twins(f"{sample.dataset or named}/{sample.name}" for sample in rows)
    numbers = freeze(np.array([labels.numbers[sample.row] for sample in rows], dtype=np.int64))
    contents = tuple(sample.content for sample in rows)
    copies = tuple(map(tuple, _find_copies(contents)))
    return LabeledSamples(
        kind=kind,
        contents=contents,
        ids=ids,
        labels=numbers,
        class_names=labels.names,
        dataset_ids=freeze(np.array([places[sample.dataset or named] for sample in rows], dtype=np.int64)),
        dataset_names=tuple(places),
        speakers=tuple(
            f"{s.dataset or named}/{s.group}" if s.group else name for s, name in zip(rows, ids, strict=True)
        ),
        skipped=skipped,
        copies=copies,
        notes=_count_oddities(rows, numbers, copies, names=labels.names),
        media_root=root if root is not None and _are_below(rows, root) else None,
        numbered=labels.numbered,
        split=split,
    )


def nothing_usable(shown: str, skipped: Skipped) -> DataError:
    """The error for data of which nothing is left."""
    return DataError(
        f"no usable sample in {make_printable(shown)}",
        got="; ".join(f"{name}: {reason}" for name, reason in skipped[:3]) or "nothing at all",
        hint="relative paths start at the folder the table lies in; other columns are named with `--column` and "
        "`--label-column`",
        fault="data-empty",
    )


def _find_copies(contents: Sequence[Content]) -> list[list[int]]:
    paths = [content for content in contents if isinstance(content, Path)]
    if len(paths) == len(contents):
        return find_copies(paths)
    places: defaultdict[Hashable, list[int]] = defaultdict(list)
    for row, content in enumerate(contents):
        places[content].append(row)
    return sorted(group for group in places.values() if len(group) > 1)


def _are_below(rows: Sequence[Found], root: Path) -> bool:
    """Whether each name is the file's own below the root."""
    places = (sample.content for sample in rows)
    return all(
        isinstance(path, Path)
        and path.is_relative_to(root)
        and ".." not in path.parts
        and make_printable(path.relative_to(root).as_posix()) == sample.name
        for path, sample in zip(places, rows, strict=True)
    )


def _count_oddities(
    rows: Sequence[Found], labels: Labels, copies: Sequence[Sequence[int]], *, names: Sequence[str]
) -> dict[str, int]:
    spellings = Counter(str(names[label]).casefold() for label in set(labels.tolist()))
    counts = {
        "identical_groups": len(copies),
        "identical_groups_with_different_labels": sum(len(set(labels[list(group)].tolist())) > 1 for group in copies),
        "speaker_unknown": sum(not sample.group for sample in rows) if any(sample.group for sample in rows) else 0,
        "labels_differing_only_in_case": sum(count for count in spellings.values() if count > 1),
    }
    return {key: count for key, count in counts.items() if count}
