"""Where a run may be written: never over what is somebody else's."""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from latentscape.arrays_on_disk import UNREADABLE
from latentscape.disk import explain_errors, read_file
from latentscape.errors import UsageError
from latentscape.paths import is_folder, real_path
from latentscape.run_reader import FORMAT, FORMAT_VERSION, MANIFEST

STAGES, SHARDS = "stages", "shards"
STAGE_FOLDERS = ("features", "neighbors", "maps", STAGES, SHARDS)
SUFFIXES = (".png", ".html", ".md", ".json", ".csv", ".parquet", ".npy", ".npz")
"""What files of ours are called at the end."""
EXPLORER = "explorer.html"
THUMBNAILS = "thumbnails.parquet"
"""A small picture of each sample."""
COMMON = (EXPLORER, "report.html", "report.md", "scores.json", "samples.parquet")
"""Files that every study writes, so that one of the user's is noticed before the work begins."""
OLD_PICTURES = {".png": b"Matplotlib version", ".html": b"PlotlyConfig"}
"""What stands near the start of the pictures and pages that the original scripts drew."""
NEAR_THE_START = 2**14


def check_output(path: str | os.PathLike[str]) -> Path:
    """The path, unless it can't be a folder of ours."""
    text, hint = os.fspath(path), "choose another `--output`"
    if not text or "\0" in text:
        expected = "the name of a folder"
        raise UsageError(
            "`--output` is not a path", got=repr(text), expected=expected, hint=hint, fault="output-unusable"
        )
    folder = Path(text)
    with explain_errors(folder):
        if os.path.realpath(folder) == os.path.realpath(folder.anchor or os.sep):
            what = "the root of the disk can't be a run folder"
            raise UsageError(what, got=f"`{text}`", hint=hint, fault="output-unusable")
        if folder.exists() and not folder.is_dir():
            expected = "a folder, new or not"
            raise UsageError(f"`{text}` is a file", expected=expected, hint=hint, fault="output-unusable")
    return folder


def check_manifest(path: Path) -> None:
    """Refuse a folder whose manifest is not ours to replace."""
    if not path.exists():
        return
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        ours, newer = manifest["format"] == FORMAT, manifest["format_version"] > FORMAT_VERSION
    except UNREADABLE:
        ours, newer = False, False
    if not ours or newer:
        raise UsageError(
            f"`{path}` is {'of a newer version' if newer else 'not the manifest of a run folder'}",
            expected=f'"format": "{FORMAT}", "format_version": {FORMAT_VERSION}',
            hint="choose another `--output`",
            fault="output-foreign",
        )


def refuse_among_data(folder: Path, places: Iterable[Path]) -> None:
    """Raise UsageError for an output folder that is a folder of data, or lies in one."""
    for place in places:
        if is_folder(place) and real_path(folder).is_relative_to(real_path(place)):
            raise UsageError(
                f"`{folder}` lies in the data folder `{place}`",
                expected="a place of its own: what a study writes would be read as data next time",
                hint="choose another `--output`",
                fault="output-foreign",
            )


def find_theirs(folder: Path, note: Mapping[str, Any] | None) -> frozenset[str]:
    """The user's own files that have names as ours may have; `note` is what the lock's last holder wrote.

    The first run in a folder that holds other things looks at what is there, and the note remembers it. Pictures that
    the original scripts drew are not among them: the same command draws them anew, as it always did.
    """
    if note is not None:
        return frozenset(name for name in note["theirs"] if os.path.lexists(folder / name))
    if not folder.is_dir() or _was_ours(folder):
        return frozenset()
    return frozenset(name for name in _list(folder) if not _is_old_picture(folder / name))


def refuse_theirs(folder: Path, theirs: Iterable[str], names: Iterable[str] = COMMON) -> None:
    """Raise UsageError where one of these names is taken by a file of the user's."""
    if taken := sorted(set(theirs) & set(names)):
        raise UsageError(
            f"`{folder / taken[0]}` was not written by a run, and this one would write over it",
            got=f"a folder with files of your own: {', '.join(f'`{name}`' for name in taken)}",
            hint="choose another `--output`, or move these files away",
            fault="output-foreign",
        )


def _was_ours(folder: Path) -> bool:
    """Whether a run wrote here whose note is lost, or that took none."""
    kept = (each for place in (STAGES, SHARDS) for each in (folder / place).rglob("*.json"))
    return (folder / MANIFEST).exists() or any(kept)


def _list(folder: Path) -> Sequence[str]:
    """What has a name as ours may have, at the top and in the folders of stages."""
    found = [path.name for path in folder.iterdir()]
    for place in STAGE_FOLDERS:
        if (folder / place).is_dir():
            found += [f"{place}/{path.name}" for path in (folder / place).iterdir()]
    return [name for name in found if name.endswith(SUFFIXES)]


def _is_old_picture(path: Path) -> bool:
    mark = OLD_PICTURES.get(path.suffix)
    try:
        return mark is not None and mark in read_file(path, largest=2**28)[:NEAR_THE_START]
    except OSError:
        return False
