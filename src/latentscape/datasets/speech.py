"""Speech data sets -> one table of labeled samples, row by row the same in every run."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np

from latentscape.datasets.class_names import number_classes
from latentscape.datasets.copies import find_copies
from latentscape.datasets.factories import read_factory
from latentscape.datasets.files import Skipped
from latentscape.datasets.labeled import LabeledSamples, freeze, number_twins
from latentscape.datasets.recording_table import read_table
from latentscape.datasets.recordings import EMOTIONS, Listing, Recording, read_class_folders, read_crema, read_ravdess
from latentscape.datasets.text import make_printable
from latentscape.errors import UsageError, nearest
from latentscape.paths import expand_home, is_file, real_path
from latentscape.shapes import Labels

__all__ = ["EMOTIONS", "NOTES", "READERS", "read_speech"]

READERS: dict[str, Callable[[Path], Listing]] = {
    "ravdess": read_ravdess,
    "crema-d": read_crema,
    "folder": read_class_folders,
    "csv": read_table,
}
"""Kind of data set -> its reader; add a line to add a kind."""
_CLASS_NAMES = {"ravdessdataset": "ravdess", "cremadataset": "crema-d", "cremaddataset": "crema-d", "cremad": "crema-d"}

NOTES: Mapping[str, str] = MappingProxyType(
    {
        "identical_groups": "groups of files that are byte for byte the same",
        "identical_groups_with_different_labels": "of these, groups whose files carry different labels",
        "speaker_unknown": "samples whose speaker the data does not name: split one by one, not by speaker",
        "labels_differing_only_in_case": "labels that differ from another one only in upper and lower case",
    }
)
"""What each count in the `notes` of speech counts."""


def read_speech(datasets: Sequence[tuple[str, Path]], *, class_names: Sequence[str] | None = None) -> LabeledSamples:
    """Read (class path, folder) pairs in their order and merge them into one table.

    A class path is a key of `READERS`, a dotted name whose last part is one of the original tools' classes
    (`data.ravdess_dataset.RAVDESSDataset`), or `package.module:factory`. Labels become numbers as
    `class_names.number_classes` says. No sound is read.

    Raises UsageError for an unknown class path or a data set given twice, DataError for missing or empty data.
    """
    if not datasets:
        hint = "list at least one under `data.datasets`"
        raise UsageError("no data sets given", hint=hint, fault="config-values")
    _refuse_repeats(datasets)
    taken: list[str] = []
    listings = [_name_datasets(*_read_one(kind, expand_home(root)), taken) for kind, root in datasets]
    recordings = [recording for listing in listings for recording in listing.recordings]
    skipped = tuple(skip for listing in listings for skip in listing.skipped)
    return _make_samples(recordings, skipped, dataset_names=tuple(taken), given=class_names)


def _refuse_repeats(datasets: Sequence[tuple[str, Path]]) -> None:
    roots = [real_path(expand_home(root)) for _, root in datasets]
    for place, root in enumerate(roots):
        if root in roots[:place]:
            what = f"the data set {datasets[place][1]} is listed twice"
            raise UsageError(what, hint="remove one of its entries", fault="config-values")


def _read_one(class_path: str, root: Path) -> tuple[Listing, str]:
    """The listing and the name its data set has if it names none itself."""
    own_name = make_printable(real_path(root).stem if is_file(root) else real_path(root).name) or "data"
    if ":" in class_path:
        return read_factory(class_path, root), own_name
    kind = _find_kind(class_path)
    return READERS[kind](root), (kind if kind in ("ravdess", "crema-d") else own_name)


def _find_kind(class_path: str) -> str:
    last = class_path.rpartition(".")[2].strip().lower().replace("_", "-")
    kind = _CLASS_NAMES.get(last.replace("-", ""), last)
    if kind not in READERS:
        raise UsageError(
            f"unknown kind of data set: `{class_path}`",
            expected=f"{', '.join(READERS)}, RAVDESSDataset, CREMADataset, or your own `package.module:factory`",
            hint=nearest(last, [*READERS, "RAVDESSDataset", "CREMADataset"]),
            fault="config-values",
        )
    return kind


def _name_datasets(listing: Listing, default: str, taken: list[str]) -> Listing:
    """Give every recording its data set's name, unlike all names in `taken`, and put the new names there."""
    found = {recording.dataset or default: "" for recording in listing.recordings}
    for name in found:
        found[name] = _make_unique(name, taken)
        taken.append(found[name])
    named = (replace(r, dataset=found[r.dataset or default]) for r in listing.recordings)
    first = next(iter(found.values()))
    return Listing(
        recordings=tuple(named), skipped=tuple((f"{first}/{name}", reason) for name, reason in listing.skipped)
    )


def _make_unique(name: str, taken: Sequence[str]) -> str:
    wanted, number = name, 2
    while wanted in taken:
        wanted, number = f"{name}-{number}", number + 1
    return wanted


def _make_samples(
    recordings: Sequence[Recording], skipped: Skipped, *, dataset_names: tuple[str, ...], given: Sequence[str] | None
) -> LabeledSamples:
    class_names, number = number_classes({recording.label for recording in recordings}, given)
    ids = number_twins(f"{recording.dataset}/{recording.name}" for recording in recordings)
    labels = freeze(np.array([number(recording.label) for recording in recordings], dtype=np.int64))
    places = {name: place for place, name in enumerate(dataset_names)}
    copies = find_copies([recording.path for recording in recordings])
    return LabeledSamples(
        kind="audio",
        contents=tuple(recording.path for recording in recordings),
        ids=ids,
        labels=labels,
        class_names=class_names,
        dataset_ids=freeze(np.array([places[recording.dataset] for recording in recordings], dtype=np.int64)),
        dataset_names=dataset_names,
        speakers=tuple(f"{r.dataset}/{r.speaker}" if r.speaker else i for r, i in zip(recordings, ids, strict=True)),
        skipped=skipped,
        copies=tuple(map(tuple, copies)),
        notes=_count_oddities(recordings, labels, copies),
    )


def _count_oddities(recordings: Sequence[Recording], labels: Labels, copies: Sequence[Sequence[int]]) -> dict[str, int]:
    classes: dict[str, set[int]] = {}
    for recording, label in zip(recordings, labels, strict=True):
        classes.setdefault(recording.label.casefold(), set()).add(int(label))
    counts = {
        "identical_groups": len(copies),
        "identical_groups_with_different_labels": sum(len(set(labels[list(group)])) > 1 for group in copies),
        "speaker_unknown": sum(not recording.speaker for recording in recordings),
        "labels_differing_only_in_case": sum(len(numbers) for numbers in classes.values() if len(numbers) > 1),
    }
    return {key: count for key, count in counts.items() if count}
