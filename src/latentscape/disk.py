"""Bytes onto a disk, all of them or none: what every file of a run folder goes through."""

import errno
import hashlib
import os
import secrets
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import final

from latentscape.errors import LatentscapeError, ResourceError, UsageError

TEMP_PREFIX = ".latentscape-"
TEMP_SUFFIX = ".tmp"
FULL = {
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some of your quota",
    errno.EFBIG: "raise the limit on file sizes (`ulimit -f`)",
}
"""What a disk that takes no more says, and the next step."""
FORBIDDEN = {errno.EROFS, errno.EACCES, errno.EPERM}
_AGAIN = "then run the same command again: what is finished is not computed twice"
WRONG_PLACE = {errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.ELOOP}


@final
class Sink:
    """A file being written: takes bytes until all are with the system, and hashes them on the way."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._hash = hashlib.sha256()

    def write(self, data: bytes | memoryview) -> int:
        """Write all of `data`, however often the system takes only a part of it."""
        rest = memoryview(data).cast("B")
        self._hash.update(rest)
        size = len(rest)
        while rest:
            n_taken = os.write(self._descriptor, rest)
            if not n_taken:  # no error and no progress: asking again would never end
                raise OSError(errno.EIO, "the system took nothing of what was written")
            rest = rest[n_taken:]
        return size

    def flush(self) -> None:
        """Nothing is held back; zip archives ask."""

    @property
    def sha256(self) -> str:
        """Hexadecimal SHA-256 of what was written so far."""
        return self._hash.hexdigest()


def write_file(path: Path, produce: Callable[[Sink], object]) -> str:
    """Replace the file at `path` by what `produce` writes and return its SHA-256.

    After a crash, a full disk or an interrupt there is either the old file or the new one, never a part: the bytes go
    into a temporary file in the same folder, reach the disk, and only then take the name. The folder must exist.

    Raises:
        ResourceError: the disk is full, broken, or may not be written.
        UsageError: something that is not a file has this name.
    """
    with explain_errors(path):
        temporary = path.with_name(f"{TEMP_PREFIX}{secrets.token_hex(8)}{TEMP_SUFFIX}")
        try:
            sha256 = _fill(temporary, produce)
            os.replace(temporary, path)  # noqa: PTH105  named as the system call it is
        except BaseException:
            with suppress(OSError):
                temporary.unlink()
            raise
        sync_folder(path.parent)
        return sha256


def _fill(path: Path, produce: Callable[[Sink], object]) -> str:
    """Make a new file, have it written, and wait until it is on the disk."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        sink = Sink(descriptor)
        produce(sink)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return sink.sha256


def sync_folder(path: Path) -> None:
    """Wait until the names in a folder are on the disk; a rename is lost in a power cut without it."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in {errno.EINVAL, errno.ENOTSUP}:  # some network drives can't, and need not
            raise
    finally:
        os.close(descriptor)


def make_folder(path: Path) -> None:
    """Make a folder and those above it, if they are missing, and wait until they are on the disk."""
    if path.is_dir():
        return
    with explain_errors(path):
        if path.parent != path:
            make_folder(path.parent)
        path.mkdir(exist_ok=True)
        sync_folder(path.parent)


def remove_file(path: Path) -> None:
    """Remove a file, if it is there, and wait until the disk knows."""
    with explain_errors(path):
        if path.is_symlink() or path.exists():
            path.unlink()
            sync_folder(path.parent)


def remove_folder(path: Path) -> None:
    """Remove a folder, if there is nothing in it."""
    with suppress(OSError):
        path.rmdir()
        sync_folder(path.parent)


def read_file(path: Path, *, largest: int = 2**40) -> bytes:
    """All bytes of a plain file that is no link.

    Raises OSError where there is none, or where it holds more than `largest` bytes.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_size > largest:
            raise OSError(errno.EINVAL, "not a plain file of a size we wrote")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read()
    finally:
        os.close(descriptor)


def require_space(path: Path, n_bytes: int) -> None:
    """Raise ResourceError where the disk of `path` has no room for so many more bytes."""
    place = path
    try:
        while not place.exists() and place != place.parent:
            place = place.parent
        disk = shutil.disk_usage(place)
    except OSError:
        return  # nobody knows; writing will tell
    if disk.total and disk.free < n_bytes:
        raise ResourceError(
            f"`{path}` has no room for what is to be written",
            got=f"{_in_words(disk.free)} free",
            expected=f"{_in_words(n_bytes)}: it needs {_in_words(n_bytes - disk.free)} more",
            hint=f"free some space, {_AGAIN}",
            fault="disk-full",
        )


@contextmanager
def explain_errors(path: Path) -> Iterator[None]:
    """Turn what the system says about `path` into an error a user can act on."""
    try:
        yield
    except OSError as error:
        raise _explain(error, path) from error


def _explain(error: OSError, path: Path) -> LatentscapeError:
    """Which of our errors it is, and the next step."""
    what, got = f"`{path}` can't be written", error.strerror or str(error)
    if error.errno in WRONG_PLACE:
        expected, hint = "a folder, or a name not yet taken", "choose another `--output`"
        return UsageError(what, got=got, expected=expected, hint=hint, fault="output-unusable")
    if error.errno in FORBIDDEN:
        hint = "choose a folder you may write to with `--output`"
        return ResourceError(what, got=got, hint=hint, fault="disk-forbidden")
    if error.errno in FULL:
        hint = f"{FULL[error.errno]}, {_AGAIN}"
        return ResourceError(what, got=f"{got} ({_free_space(path)})", hint=hint, fault="disk-full")
    hint = "check the disk, or choose a folder on another one with `--output`"
    return ResourceError(what, got=got, hint=hint, fault="disk-broken")


def _free_space(path: Path) -> str:
    """How much room the disk has left, in words."""
    with suppress(OSError):
        return f"{_in_words(shutil.disk_usage(path.parent).free)} free"
    return "free space unknown"


def _in_words(n_bytes: int) -> str:
    return f"{n_bytes / 1e6:.0f} MB" if n_bytes >= 1e7 else f"{n_bytes / 1e6:.3f} MB"
