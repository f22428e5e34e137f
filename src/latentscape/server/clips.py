"""The sound or picture of a sample, below folders that the viewer named; a run folder can't name one."""

import os
import stat
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Literal, final

from latentscape.datasets.audio import SUFFIXES as SOUNDS
from latentscape.errors import UsageError
from latentscape.exploration import Media
from latentscape.media.kinds import HEAD_BYTES, IMAGE_SUFFIXES, tell_mime
from latentscape.media.places import Finder, locate_files, match_roots
from latentscape.paths import FOLDER, expand_home, kind_of, real_path

LARGEST_FILE = 2**28
MOST_SETS = 100
"""Data sets of a run; where there are more beginnings of ids, they are no names of data sets."""
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

Roots = tuple[tuple[str, Path], ...]
"""(data set, folder); the empty name where the folder is for whichever data set lies in it."""


def read_roots(words: Sequence[str | Path]) -> Roots:
    """Folders as typed: `DIR`, or `NAME=DIR` for the data set of that name.

    Raises UsageError for one that is not there.
    """
    return tuple(map(_read_root, map(str, words)))


@final
class Clips:
    """The files of a run's samples, found by their ids below the roots, each proven when it is asked for."""

    def __init__(self, ids: Sequence[str] | None, roots: Roots) -> None:
        self._ids: Sequence[str] = ids or ()
        self.roots = _match(self._ids, roots) if ids and roots else {}
        self._finder = Finder(self.roots)

    def list_media(self) -> Media | None:
        """Which samples can be asked for at `media/<row>`: those named like a sound, else like a picture.

        No file is opened for it; None where no sample is.
        """
        kinds: tuple[tuple[Literal["audio", "image"], frozenset[str]], ...] = (
            ("audio", SOUNDS), ("image", IMAGE_SUFFIXES),
        )  # fmt: skip
        starts = tuple(f"{name}/" if name else "" for name in self.roots)
        endings = [os.path.splitext(each)[1].lower() if each.startswith(starts) else "" for each in self._ids]  # noqa: PTH122  a million
        for kind, known in kinds:
            if any(ending in known for ending in endings):
                links = tuple(f"media/{row}" if ending in known else None for row, ending in enumerate(endings))
                return Media(kind=kind, links=links)
        return None

    def open(self, row: int) -> "Clip | None":
        """The file of a sample: a plain file below its root, a sound or picture by its bytes, not too large."""
        if not self.roots or not 0 <= row < len(self._ids):
            return None
        path = self._finder.find(self._ids[row])
        root = next((root for root in self.roots.values() if path and path.is_relative_to(root)), None)
        if path is None or root is None:
            return None
        descriptor = _open_below(root, PurePosixPath(path.relative_to(root)))
        return None if descriptor is None else _prove(descriptor)


@final
class Clip:
    """An open file that may be shown; `close` it."""

    def __init__(self, descriptor: int, *, size: int, mime: str) -> None:
        self._descriptor: int | None = descriptor
        self.size, self.mime = size, mime

    def read(self, start: int, n_bytes: int) -> bytes:
        """Bytes from `start` on; fewer only where the file was cut meanwhile."""
        return b"" if self._descriptor is None else os.pread(self._descriptor, n_bytes, start)

    def close(self) -> None:
        """Let the file go."""
        if self._descriptor is not None:
            os.close(self._descriptor)
        self._descriptor = None


def _read_root(word: str) -> tuple[str, Path]:
    name, equals, rest = word.partition("=")
    is_named = bool(equals and name and "/" not in name and kind_of(expand_home(word)) != FOLDER)
    path = expand_home(rest if is_named else word)
    kind = kind_of(path)
    if kind != FOLDER:
        raise UsageError(
            f"`--audio-root {word}` is no folder", got=kind, expected="a folder, or NAME=FOLDER",
            hint="name the folder that holds the clips of the data set", fault="option-value",
        )  # fmt: skip
    return (name if is_named else ""), real_path(path)


def _match(ids: Sequence[str], roots: Roots) -> Mapping[str, Path]:
    """The real folder of each data set; under the empty name one in which the ids themselves are file names."""
    first: dict[str, str] = {}
    for each in ids:
        data_set, slash, _ = each.partition("/")
        if slash and len(first) <= MOST_SETS:
            first.setdefault(data_set, each)
    named = {name: folder for name, folder in roots if name}
    folders = [folder for name, folder in roots if not name]
    asked = [each for data_set, each in first.items() if data_set not in named] if len(first) <= MOST_SETS else []
    found = {name: real_path(folder) for name, folder in match_roots(asked, folders).items()}
    rest = next((each for each in ids if each.partition("/")[0] not in {*found, *named}), None)
    plain = [folder for folder in folders if rest and locate_files([rest], {"": folder})[0]]
    return {**found, **named, **({"": plain[0]} if len(plain) == 1 else {})}


def _open_below(root: Path, rest: PurePosixPath) -> int | None:
    """Step by step from the root, and no step may be a link: whoever swaps one in after the look comes too late."""
    folder = None
    try:
        folder = os.open(root, _OPEN | os.O_DIRECTORY)
        for step in rest.parts[:-1]:
            inner = os.open(step, _OPEN | os.O_DIRECTORY, dir_fd=folder)
            os.close(folder)
            folder = inner
        return os.open(rest.name, _OPEN, dir_fd=folder)
    except OSError:
        return None
    finally:
        if folder is not None:
            os.close(folder)


def _prove(descriptor: int) -> Clip | None:
    """The open file where it may be shown; else it is closed."""
    with suppress(OSError):
        facts = os.fstat(descriptor)
        if stat.S_ISREG(facts.st_mode) and facts.st_size <= LARGEST_FILE:
            mime = tell_mime(os.pread(descriptor, HEAD_BYTES, 0))
            if mime:
                return Clip(descriptor, size=facts.st_size, mime=mime)
    os.close(descriptor)
    return None
