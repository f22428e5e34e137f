"""Why a worker died, as far as anybody knows, and the errors of a cluster in sentences."""

import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from latentscape.disk import FULL
from latentscape.errors import LatentscapeError, ResourceError, WorkerDiedError

TRIES = 3
SILENT = "it ended without a word, as when the system kills for memory"
NODE_LOST = "its node was lost"
SILENT_STARTS = 20
"""So many workers in a row may be killed as they start, or their nodes: that says nothing of our work."""
GOES_ON = "run the same command again: what is finished is kept"
_SIGNAL = re.compile(rb"(SIG[A-Z]{2,6}) received|Fatal Python error: ([^\n]{3,80})")
_MOST_READ = 2**20


def explain_deaths(name: str, reason: str, *, task: Any) -> WorkerDiedError:
    """The error for a piece of work over which too many workers died."""
    return WorkerDiedError(
        f"{TRIES} workers died over {name}",
        task=task,
        got=f"the last one: {reason}",
        hint=f"look at what is named: take it out of the data if it is broken, or give each worker more memory (fewer "
        f"`--workers`, a smaller `--batch-size`); then {GOES_ON}",
    )


def explain_starts(reason: str, n_lost: int) -> WorkerDiedError:
    """The error for workers that die before they did anything."""
    return WorkerDiedError(
        f"{n_lost} workers in a row died as they started",
        got=f"the last one: {reason}",
        hint="give each worker more memory (fewer `--workers`), or try `--engine local`, which shows more",
    )


def explain_full_disk(host: str, error: BaseException) -> ResourceError:
    """The error for work that found a full disk wherever it was done."""
    return ResourceError(
        f"the disk of `{host}` is full, and {TRIES} workers in a row met that",
        got=str(getattr(error, "strerror", None) or error).partition("\n")[0],
        hint=f"free some space there, then {GOES_ON}",
        fault="disk-full",
    )


def explain_loss(what: str) -> ResourceError:
    """The error for a cluster that is not there any more."""
    hint = f"{GOES_ON}, also with `--engine local`"
    return ResourceError("the Ray cluster was lost", got=what, hint=hint, fault="cluster-lost")


def is_full_disk(error: BaseException) -> bool:
    """Whether this says that a disk is full."""
    if isinstance(error, LatentscapeError):
        return error.fault == "disk-full"
    return isinstance(error, OSError) and error.errno in FULL


def find_reason(error: BaseException, *, pid: int | None, logs: Path | None) -> str:
    """How a worker ended, in words: from what Ray says, and from what the process wrote as it fell."""
    said = str(error)
    known: tuple[tuple[Callable[[], Any], str], ...] = (
        (lambda: type(error).__name__ == "OutOfMemoryError", "its node ran out of memory, and Ray ended it"),
        (lambda: type(error).__name__ == "NodeDiedError" or "node has died" in said, NODE_LOST),
        (lambda: type(error).__name__ == "ActorUnavailableError", "it can't be reached any more"),
        (lambda: "Object" in type(error).__name__, "what it made was lost"),
    )
    for holds, words in known:
        if holds():
            return words
    ended = re.search(r"exit code (\d+)", said)
    if ended:
        return f"it ended with exit code {ended[1]}"
    return _read_last_words(pid, logs) or SILENT


def _read_last_words(pid: int | None, logs: Path | None) -> str:
    if pid is None or logs is None:
        return ""
    with suppress(OSError):
        for path in logs.glob(f"worker-*-{pid}.err"):
            with path.open("rb") as file:
                file.seek(max(0, path.stat().st_size - _MOST_READ))
                found = _SIGNAL.search(file.read())
            if found:
                return f"it crashed ({(found[1] or found[2]).decode(errors='replace')})"
    return ""
