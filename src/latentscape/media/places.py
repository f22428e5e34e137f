"""Names of samples -> the files they came from, each proven to lie below its data set's folder."""

import os
import re
import stat
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, final

from latentscape.datasets.files import list_files
from latentscape.datasets.kind_names import find_kind
from latentscape.datasets.text import make_printable
from latentscape.media.kinds import SUFFIXES
from latentscape.paths import expand_home, is_file, is_folder, real_path

_RESPELLED = re.compile(r"[^\x00-\x7f]|\\| \(\d+\)$")
"""What names in print may have in place of others on the disk: composed letters, escapes of bytes, a number at the end
where two are alike in print."""
_OWN_NAMES = ("ravdess", "crema-d")
_ONE_NAME = (*_OWN_NAMES, "folder")
"""Kinds of data sets that are one data set each, whose name follows from the config."""


def name_roots(manifest: Mapping[str, Any], ids: Sequence[str]) -> dict[str, Path]:
    """The folder of each data set of a run, by the name its samples' ids begin with; from the settings in its manifest.

    Relative folders start at the current one. Only for a run of the user's own: whoever wrote the manifest chooses
    which folders are looked into.
    """
    said = _read_places(manifest)
    if said:
        return said
    entries = _list_entries(manifest)
    folders = [folder for _, folder in entries]
    names = _follow_names(entries) or manifest.get("datasets")
    if isinstance(names, list) and len(names) == len(folders):
        return {str(name): folder for name, folder in zip(names, folders, strict=True)}
    return match_roots(ids, folders)


def match_roots(ids: Sequence[str], folders: Iterable[Path]) -> dict[str, Path]:
    """Which of the folders each data set lies in, told by its first sample; a folder may also hold that of the set.

    A data set whose first sample is found in two places is left out: one of them would be the wrong sound.
    """
    first: dict[str, str] = {}
    for name in ids:
        first.setdefault(name.partition("/")[0], name)
    roots: dict[str, Path] = {}
    folders = list(folders)
    for dataset, name in first.items():
        places = {place: None for folder in folders for place in _list_places(folder, dataset)}
        hits = [place for place in places if locate_files([name], {dataset: place})[0]]
        if len(hits) == 1:
            roots[dataset] = hits[0]
    return roots


def locate_files(ids: Sequence[str], roots: Mapping[str, Path]) -> tuple[Path | None, ...]:
    """The real path of each sample's file; None where there is no regular file of that name below its root.

    An id is the name of a data set, `/`, and a relative file name; where a root is called "" it is a file name below
    that root. No link leads out of a root. What a file holds is not looked at.
    """
    finder = Finder(roots)
    return tuple(finder.find(name) for name in ids)


@final
class Finder:
    """Finds the files of samples one by one, as `locate_files` does; what it learns of the folders it keeps."""

    def __init__(self, roots: Mapping[str, Path]) -> None:
        known = [(f"{name}/" if name else "", Root(folder)) for name, folder in roots.items()]
        # a data set may be called like the beginning of another one
        self._roots = sorted(known, key=lambda pair: -len(pair[0]))

    def find(self, name: str) -> Path | None:
        """The real path of the file of the sample of this name."""
        return next(
            (root.find(name.removeprefix(start)) for start, root in self._roots if name.startswith(start)), None
        )


@final
class Root:
    """A folder below which files may be looked at. For a table of files (a file itself) it is the folder it is in."""

    def __init__(self, folder: Path) -> None:
        folder = real_path(expand_home(folder))
        self._folder = folder.parent if is_file(folder) else folder
        self._parents: dict[Path, Path | None] = {}

    def find(self, name: str) -> Path | None:
        """The file of this printable name."""
        return self._prove(self._spellings.get(name, name) if _RESPELLED.search(name) else name)

    @cached_property
    def _spellings(self) -> dict[str, str]:
        """Names on the disk by their names in print, numbered as the ids are."""
        counts: Counter[str] = Counter()
        found: dict[str, str] = {}
        for name in list_files(self._folder, SUFFIXES)[0] if is_folder(self._folder) else ():
            shown = make_printable(name)
            counts[shown] += 1
            found[shown if counts[shown] == 1 else f"{shown} ({counts[shown]})"] = name
        return found

    def _prove(self, name: str) -> Path | None:
        parts = name.split("/")
        if {"", ".", ".."} & set(parts) or "\0" in name or Path(name).is_absolute() or Path(name).drive:
            return None
        folder = self._real_folder(self._folder.joinpath(*parts[:-1]))
        if folder is None:
            return None
        path = folder / parts[-1]
        try:
            mode = path.lstat().st_mode
            if stat.S_ISLNK(mode):
                path = real_path(path)
                mode = path.lstat().st_mode
        except (OSError, ValueError):
            return None
        return path if stat.S_ISREG(mode) and path.is_relative_to(self._folder) else None

    def _real_folder(self, folder: Path) -> Path | None:
        """Where a folder really is; None where that is not below the root. Thousands of files share a few of them."""
        if folder not in self._parents:
            try:
                real = real_path(folder)
            except (OSError, ValueError):  # a name that the system does not take
                real = None
            self._parents[folder] = real if real and real.is_relative_to(self._folder) else None
        return self._parents[folder]


def _list_places(folder: Path, dataset: str) -> list[Path]:
    """The folder itself, and that of the data set in it: never one outside, whatever a data set is called."""
    folder = real_path(expand_home(folder))
    if "\0" in dataset:
        return [folder]
    inside = real_path(folder / dataset)
    return [folder, inside] if inside.is_relative_to(folder) else [folder]


def _read_places(manifest: Mapping[str, Any]) -> dict[str, Path]:
    """The folder of each data set, where the run names them itself."""
    settings = manifest.get("settings")
    named = settings.get("media_roots") if isinstance(settings, Mapping) else None
    pairs = named.items() if isinstance(named, Mapping) else ()
    return {name: Path(folder) for name, folder in pairs if isinstance(name, str) and isinstance(folder, str)}


def _list_entries(manifest: Mapping[str, Any]) -> list[tuple[str, Path]]:
    """(class path, folder) of the data sets in a run's settings."""
    found: Any = manifest
    for key in ("settings", "values", "data", "datasets"):
        found = found.get(key) if isinstance(found, Mapping) else None
    entries = found if isinstance(found, list) else []
    read = [(entry.get("class_path"), entry.get("data_dir")) for entry in entries if isinstance(entry, Mapping)]
    return [(kind, Path(folder)) for kind, folder in read if isinstance(kind, str) and isinstance(folder, str)]


def _follow_names(entries: Sequence[tuple[str, Path]]) -> list[str] | None:
    """The names that reading these data sets gives them; None where only their files could say."""
    taken: list[str] = []
    for class_path, folder in entries:
        kind = None if ":" in class_path else find_kind(class_path)
        if kind not in _ONE_NAME:
            return None
        own = make_printable(os.path.basename(real_path(expand_home(folder)))) or "data"  # noqa: PTH119  "" for a root
        wanted = name = kind if kind in _OWN_NAMES else own
        number = 2
        while name in taken:
            name, number = f"{wanted}-{number}", number + 1
        taken.append(name)
    return taken
