"""Recordings as their data set names them: the readers of RAVDESS, CREMA-D and a folder per class."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from latentscape.datasets.audio import SUFFIXES
from latentscape.datasets.files import Skipped, check_folder, list_files
from latentscape.datasets.text import make_printable, normalize
from latentscape.errors import DataError

EMOTIONS = ("Neutral", "Calm", "Happy", "Sad", "Angry", "Fearful", "Disgust", "Surprised")
"""The classes of the speech-emotion models; a label is a place in this tuple."""
_CREMA_CODES = {"NEU": "Neutral", "HAP": "Happy", "SAD": "Sad", "ANG": "Angry", "FEA": "Fearful", "DIS": "Disgust"}
_CREMA_NAME = re.compile(r"(?P<speaker>\d+)_[A-Za-z]+_(?P<code>[A-Za-z]+)(_[A-Za-z]*)?", re.ASCII)
_RAVDESS_NAME = re.compile(r"\d\d-\d\d-(?P<code>\d\d)(-\d\d){3}-(?P<speaker>\d\d)", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class Recording:
    """One audio file before its label becomes a class number."""

    path: Path
    name: str
    """Relative to the data folder, with /."""
    label: str
    speaker: str = ""
    """Empty where the data does not say."""
    dataset: str = ""
    """Empty where the data does not say: the whole source is one data set then."""


@dataclass(frozen=True, kw_only=True)
class Listing:
    """What a reader found: recordings in a stable order, and what it left out with the reason."""

    recordings: tuple[Recording, ...]
    skipped: Skipped = ()


Parse = Callable[[str], tuple[str, str]]
"""A relative file name -> (label, speaker); raises ValueError with the reason where it has no meaning."""


def read_ravdess(root: Path) -> Listing:
    """`Actor_01/03-01-05-01-01-01-01.wav`: third number the emotion, last the actor."""
    return _read_names(root, _parse_ravdess)


def read_crema(root: Path) -> Listing:
    """`1001_DFA_ANG_XX.wav`: first field the speaker, third the emotion; the fourth may be anything or absent."""
    return _read_names(root, _parse_crema)


def read_class_folders(root: Path) -> Listing:
    """`happy/anything.wav`: the first folder is the class; who speaks is not known."""
    return _read_names(root, _parse_class_folder)


def _read_names(root: Path, parse: Parse) -> Listing:
    check_folder(root)
    names, skipped = list_files(root, SUFFIXES)
    good: list[Recording] = []
    bad = list(skipped)
    for name in names:
        try:
            label, speaker = parse(name)
        except ValueError as error:
            bad.append((make_printable(name), str(error)))
        else:
            good.append(Recording(path=root / name, name=make_printable(name), label=label, speaker=speaker))
    if not good:
        raise _nothing_found(root, bad)
    return Listing(recordings=tuple(good), skipped=tuple(bad))


def _parse_ravdess(name: str) -> tuple[str, str]:
    found = _RAVDESS_NAME.fullmatch(Path(name).stem)
    if not found:
        raise ValueError("the name is not of RAVDESS's form 03-01-05-01-01-01-01")
    code = int(found["code"])
    if not 1 <= code <= len(EMOTIONS):
        raise ValueError(f"unknown emotion code {found['code']}: RAVDESS has 01 to 08")
    return EMOTIONS[code - 1], found["speaker"]


def _parse_crema(name: str) -> tuple[str, str]:
    found = _CREMA_NAME.fullmatch(Path(name).stem)
    if not found:
        raise ValueError("the name is not of CREMA-D's form 1001_DFA_ANG_XX")
    code = found["code"].upper()
    if code not in _CREMA_CODES:
        raise ValueError(f"unknown emotion code {found['code']}: CREMA-D has {', '.join(sorted(_CREMA_CODES))}")
    return _CREMA_CODES[code], found["speaker"]


def _parse_class_folder(name: str) -> tuple[str, str]:
    label, slash, _ = name.partition("/")
    if not slash:
        raise ValueError("lies beside the class folders, not in one")
    return normalize(make_printable(label)), ""


def _nothing_found(root: Path, skipped: list[tuple[str, str]]) -> DataError:
    first = "; ".join(f"{name}: {reason}" for name, reason in skipped[:3])
    return DataError(
        f"no usable audio in {make_printable(str(root))}",
        got=f"{len(skipped)} files, none usable ({first})" if skipped else "no audio file at all",
        expected=f"files ending in {', '.join(sorted(SUFFIXES))}",
        hint="check `data_dir` and that `class_path` names the right kind of data set",
        fault="data-empty",
    )
