"""Waits until the process that started a cluster ends, however it does, then leaves nothing of the cluster behind.

Ray's own agents take ten seconds and more to notice, on a busy machine. Run as a script it needs the standard library
only: `python guard.py FOLDER`, with a pipe as stdin that nobody but the guarded process holds.
"""

import os
import shutil
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

MARK = "LATENTSCAPE_CLUSTER"
"""In the environment of every process of a cluster that we started: its folder."""
TITLE = b"ray::"
"""What Ray's agents and workers call themselves."""
PATIENCE = 5.0
"""Seconds that what was killed has to be gone."""


def sweep(folder: Path) -> None:
    """Kill what is left of a cluster, and remove its folder.

    Looks until nothing is found: a process that is about to die may have started another since the first look.
    """
    deadline = time.monotonic() + PATIENCE
    while _kill_all(folder) and time.monotonic() < deadline:
        time.sleep(0.05)
    shutil.rmtree(folder, ignore_errors=True)


def _kill_all(folder: Path) -> bool:
    """Whether there was any."""
    found = False
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if _belongs(process, folder):
                os.kill(int(process.name), signal.SIGKILL)
                found = True
    return found


def _belongs(process: Path, folder: Path) -> bool:
    """By the mark in its environment. Ray's agents hide theirs with their titles: they are known by these, and by the
    logs that they have open."""
    if f"{MARK}={folder}".encode() in (process / "environ").read_bytes().split(b"\0"):
        return True
    has_title = (process / "cmdline").read_bytes().startswith(TITLE)
    return has_title and any(_is_within(each, folder) for each in (process / "fd").iterdir())


def _is_within(link: Path, folder: Path) -> bool:
    with suppress(OSError):  # it was closed
        return folder in link.readlink().parents
    return False


if __name__ == "__main__":
    sys.stdin.read()
    sweep(Path(sys.argv[1]))
