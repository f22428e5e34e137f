"""One writer a run folder: a lock that the system releases when its holder ends, however it ends."""

import fcntl
import json
import os
import platform
import stat
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, final

from latentscape.disk import explain_errors
from latentscape.errors import BusyError, UsageError
from latentscape.plain_text import encode_text, write_json

LOCK = ".latentscape.lock"
LONGEST_NOTE = 2**24
NOTE_START = b'{\n  "host": '
SECONDS_TO_WAIT = 0.25
"""Somebody who only looks whether the folder is taken holds the lock for an instant."""


@final
class Lock:
    """The lock of a folder, held; its file says for people who holds it, and for us what lay there before any run."""

    def __init__(self, descriptor: int, path: Path) -> None:
        self._descriptor, self.path = descriptor, path

    def read_note(self) -> Mapping[str, Any] | None:
        """What the last holder wrote; None where there was none.

        Raises UsageError for a file of this name that is not ours.
        """
        note = _read(self._descriptor)
        if note is None and not _is_torn(self._descriptor):
            raise _foreign(self.path, "a file with other contents")
        return note

    def write_note(self, theirs: Sequence[str]) -> None:
        """Say who holds the lock, and which files are the user's own."""
        who = {"pid": os.getpid(), "host": platform.node(), "since": time.strftime("%Y-%m-%dT%H:%M:%S%z")}
        data = encode_text(write_json({**who, "theirs": list(theirs)}))
        with explain_errors(self.path):
            rest, at = data, 0
            while rest:  # over the old text, cut afterwards: what lay here first must survive a kill at any moment
                at += (n_written := os.pwrite(self._descriptor, rest, at))
                rest = rest[n_written:]
            os.ftruncate(self._descriptor, len(data))
            os.fsync(self._descriptor)

    def release(self) -> None:
        """Let go; the file stays."""
        os.close(self._descriptor)


def take_lock(folder: Path) -> Lock:
    """Lock a folder for this process.

    Raises:
        BusyError: another process holds it.
        UsageError: something that is not a file has the name of the lock.
        ResourceError: the folder may not be written.
    """
    path = folder / LOCK
    give_up = time.monotonic() + SECONDS_TO_WAIT
    with explain_errors(path):
        while True:
            descriptor = _open(path, os.O_RDWR | os.O_CREAT)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.path.samestat(os.fstat(descriptor), os.stat(path, follow_symlinks=False)):  # noqa: PTH116  a descriptor beside
                    return Lock(descriptor, path)
            except BlockingIOError:
                if time.monotonic() > give_up:
                    raise _busy(folder, descriptor) from None
            except FileNotFoundError:
                pass  # somebody removed the file: the lock of one without a name keeps nobody out
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)
            time.sleep(0.01)


def refuse_busy(folder: Path) -> None:
    """Raise BusyError where another process writes this folder. Nothing is made, nothing is changed."""
    with suppress(OSError):  # missing or unreadable: whoever writes there will say so
        descriptor = os.open(folder / LOCK, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _busy(folder, descriptor) from None
        finally:
            os.close(descriptor)


def peek_note(folder: Path) -> Mapping[str, Any] | None:
    """What the last holder wrote, read without the lock; None where that is no note of ours."""
    with suppress(OSError):
        descriptor = os.open(folder / LOCK, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            return _read(descriptor)
        finally:
            os.close(descriptor)
    return None


def _open(path: Path, flags: int) -> int:
    """The lock file; a pipe, a device or a link is no such file."""
    descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o644)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _foreign(path, "a pipe or a device")
    return descriptor


def _foreign(path: Path, got: str) -> UsageError:
    return UsageError(
        f"`{path}` is not the lock of a run folder",
        got=got,
        hint="choose another `--output`, or move this file away",
        fault="output-foreign",
    )


def _busy(folder: Path, descriptor: int) -> BusyError:
    """Who it is; the holder may be about to write it down."""
    note: Mapping[str, Any] = {}
    for _ in range(10):
        note = _read(descriptor) or {}
        if note and (note["host"] != platform.node() or _is_alive(note["pid"])):
            break
        time.sleep(0.02)
    who = f"process {note['pid']} on {note['host']} since {note['since']}" if note else _quote(descriptor)
    hint = "wait until it is done, or choose another `--output`"
    return BusyError(f"another process is writing `{folder}`", got=who, hint=hint)


def _quote(descriptor: int) -> str:
    """What a holder says that does not speak as we do."""
    with suppress(OSError):
        if said := " ".join(os.pread(descriptor, 200, 0).decode("utf-8", errors="replace").split()):
            return said
    return "it has not said who it is"


def _is_torn(descriptor: int) -> bool:
    """Whether there is nothing, or what a power cut may have left of a note of ours."""
    start = os.pread(descriptor, len(NOTE_START), 0)
    return NOTE_START.startswith(start) or not start.strip(b"\0")


def _read(descriptor: int) -> Mapping[str, Any] | None:
    """The note in a lock file, if it is one of ours; a holder that was killed may have left old text behind it."""
    try:
        text = os.pread(descriptor, LONGEST_NOTE, 0).decode("utf-8")
        note, _ = json.JSONDecoder().raw_decode(text)
        plain = isinstance(note["pid"], int) and isinstance(note["host"], str) and isinstance(note["since"], str)
        theirs = note.setdefault("theirs", [])
        return note if plain and isinstance(theirs, list) and all(isinstance(each, str) for each in theirs) else None
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False
    return True
