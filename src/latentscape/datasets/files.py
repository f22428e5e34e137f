"""Files of a dataset, opened and listed so that nothing but regular files below the folder given is ever read."""

import os
import stat
from collections.abc import Collection, Iterator
from io import BufferedReader
from pathlib import Path

from latentscape.datasets.text import make_printable, normalize
from latentscape.errors import DataError
from latentscape.paths import FILE, FOLDER, SPECIAL, kind_of

Skipped = tuple[tuple[str, str], ...]
"""(name, reason) of everything left out."""

_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe (FIFO)",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def open_regular(path: Path) -> BufferedReader:
    """Open a regular file for reading; a pipe, device, socket or folder is refused instead of waited for.

    Raises DataError if there is no such file, it can't be opened, or it is not a regular file.
    """
    shown = make_printable(str(path))
    try:
        _check_regular(path.stat().st_mode, shown)
        # O_NONBLOCK: should a pipe take the file's place between the check and here, opening it must not hang
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        hint = "check the path and its permissions"
        raise DataError(f"can't open {shown}: {reason}", hint=hint, fault="data-missing") from None
    return _open_checked(descriptor, shown)


def _open_checked(descriptor: int, shown: str) -> BufferedReader:
    file = os.fdopen(descriptor, "rb")
    try:
        _check_regular(os.fstat(descriptor).st_mode, shown)
    except DataError:
        file.close()
        raise
    return file


def _check_regular(mode: int, shown: str) -> None:
    if not stat.S_ISREG(mode):
        kind = _KINDS.get(stat.S_IFMT(mode), "something else")
        hint = "point to the file itself"
        raise DataError(f"{shown} is not a regular file", got=kind, hint=hint, fault="data-special")


def check_folder(root: Path) -> None:
    """Raise DataError unless `root` is a folder that exists."""
    shown = make_printable(str(root))
    kind = kind_of(root)
    if kind in (FILE, SPECIAL):
        hint = "a table of files is read by `csv`"
        raise DataError(f"{shown} is {kind}", expected="a folder", hint=hint, fault="data-special")
    if kind != FOLDER:
        hint = "check `data_dir`; relative paths start at the current folder"
        raise DataError(f"no such folder: {shown}", got=kind, hint=hint, fault="data-missing")


def list_files(root: Path, suffixes: Collection[str]) -> tuple[tuple[str, ...], Skipped]:
    """Names (relative, with /) of the regular files below `root` that end in one of `suffixes`, in bytewise order.

    Hidden entries and macOS's `__MACOSX` copies are not data and are passed over. Links that lead out of `root`,
    dead links and special files are returned as skipped, with the reason.
    """
    inside = root.resolve()
    good: list[str] = []
    skipped: list[tuple[str, str]] = []
    closed: dict[str, str] = {}
    for name in sorted([*_walk(root, suffixes, closed), *closed], key=_order):
        reason = closed.get(name) or explain_unusable(root / name, inside)
        (skipped.append((make_printable(name), reason)) if reason else good.append(name))
    return tuple(good), tuple(skipped)


def _walk(root: Path, suffixes: Collection[str], closed: dict[str, str]) -> Iterator[str]:
    """Names of candidates; folders that can't be opened go into `closed`, with the reason."""

    def note(error: OSError) -> None:
        closed[Path(error.filename).relative_to(root).as_posix()] = f"can't be opened: {error.strerror}"

    for folder, folders, files in os.walk(root, onerror=note):
        folders[:] = [name for name in folders if _is_data(name)]
        links = [name for name in folders if Path(folder, name).is_symlink()]
        sounds = [name for name in files if _is_data(name) and Path(name).suffix.lower() in suffixes]
        for name in links + sounds:
            yield Path(folder, name).relative_to(root).as_posix()


def _is_data(name: str) -> bool:
    return not name.startswith(".") and name != "__MACOSX"


def _order(name: str) -> bytes:
    return normalize(name).encode("utf-8", "surrogateescape")


def explain_unusable(path: Path, inside: Path | None = None) -> str:
    """Why the entry at `path` must not be read as a sample; empty if it may. No link may lead out of `inside`."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:
        return f"can't be opened: {getattr(error, 'strerror', None) or error}"
    if inside and path.is_symlink() and not path.resolve().is_relative_to(inside):
        return "a link that leads out of the data folder"
    if stat.S_ISDIR(mode):
        return "a link to another folder of this data set: its files are counted once, there"
    return "" if stat.S_ISREG(mode) else f"not a regular file: {_KINDS.get(stat.S_IFMT(mode), 'something else')}"
