"""The run that is looked at: loaded when it is finished, and again when its study was run again."""

import asyncio
import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from starlette.concurrency import run_in_threadpool

from latentscape.errors import BusyError, LatentscapeError
from latentscape.exploration import Exploration
from latentscape.lock import refuse_busy
from latentscape.paths import is_file, is_folder
from latentscape.plain_text import clean_text
from latentscape.run_reader import LOCK, MANIFEST, FinishedRun, open_run
from latentscape.server.clips import Clips
from latentscape.server.queries import SampleTable

_STAGES, _SHARDS = "stages", "shards"
_MOST_NAMES = 200

Look = tuple[int, ...]
"""What a manifest's place on the disk says of it: another one means that another study was finished there."""


@dataclass(frozen=True, kw_only=True)
class OpenedRun:
    """A finished run with everything that is shown of it."""

    version: str
    """Digits that tell it from any other; they are part of the page's address."""
    exploration: Exploration
    page: bytes
    payload: bytes
    table: SampleTable
    clips: Clips


@dataclass(frozen=True, kw_only=True)
class Unfinished:
    """A run that is being written, or was left."""

    stages: tuple[str, ...] = ()
    n_shards: int = 0
    writer: str = ""
    """Who writes it, in words; empty where nobody does."""
    reason: str = ""
    """Why it can't be shown although it is finished."""


Loader = Callable[[FinishedRun, str], OpenedRun]
"""What makes a finished run, under this version, into what is shown."""


@final
class Watched:
    """A run folder, looked at again with each visit."""

    def __init__(self, folder: Path, load: Loader) -> None:
        self.folder, self._load = folder, load
        self.opened: OpenedRun | None = None
        self._look: Look | None = None
        self._failed: tuple[Look, str] | None = None
        self._lock = asyncio.Lock()

    @property
    def is_current(self) -> bool:
        """Whether the folder still holds what was loaded."""
        return self._look is not None and self._look == _look_at(self.folder)

    def open_now(self) -> OpenedRun | None:
        """Load what is there; None where it is not finished yet.

        Raises LatentscapeError for what will not become a run, or can't be shown.
        """
        look = _look_at(self.folder)
        if look is None and _is_begun(self.folder):
            return None
        run = open_run(self.folder)
        opened = self._load(run, _name_version(run, look))
        self.opened, self._look, before = opened, look, self.opened
        if before is not None:
            before.table.close()
        return opened

    async def find(self) -> OpenedRun | Unfinished:
        """What is to be shown to whoever comes now."""
        async with self._lock:
            look = _look_at(self.folder)
            if self.opened is not None and look == self._look:
                return self.opened
            if look is None:
                return await run_in_threadpool(read_progress, self.folder)
            if self._failed is not None and self._failed[0] == look:
                return Unfinished(reason=self._failed[1])
            try:
                return await run_in_threadpool(self.open_now) or Unfinished()
            except LatentscapeError as error:
                if _look_at(self.folder) != look:  # a study began while it was read
                    return await run_in_threadpool(read_progress, self.folder)
                self._failed = (look, str(error))
                return Unfinished(reason=str(error))

    def peek(self) -> Unfinished | None:
        """How far an unfinished run is, or why it can't be shown; None for a finished one. Loads nothing."""
        look = _look_at(self.folder)
        if look is None:
            return read_progress(self.folder)
        return Unfinished(reason=self._failed[1]) if self._failed is not None and self._failed[0] == look else None

    def close(self) -> None:
        """Let go of what was loaded."""
        if self.opened is not None:
            self.opened.table.close()


def read_progress(folder: Path) -> Unfinished:
    """Which stages of an unfinished run are there. No file of it is read, and what is listed may be anything."""
    stages = sorted(name.removesuffix(".json") for name in _list_names(folder / _STAGES) if name.endswith(".json"))
    shards = [name for name in _list_names(folder / _SHARDS) if name.endswith(".shard")]
    try:
        refuse_busy(folder)
        writer = ""
    except BusyError as error:
        writer = error.got
    return Unfinished(stages=tuple(stages[:_MOST_NAMES]), n_shards=len(shards), writer=writer)


def describe_state(found: OpenedRun | Unfinished | None) -> dict[str, Any]:
    """The same as plain values for JSON; None is a finished run that nobody has opened yet."""
    if found is None:
        return {"state": "ready"}
    if isinstance(found, OpenedRun):
        return {"state": "ready", "version": found.version}
    state = "failed" if found.reason else "writing" if found.writer else "unfinished"
    return {"state": state, "stages": list(found.stages), "writer": found.writer, "reason": found.reason}


def _look_at(folder: Path) -> Look | None:
    try:
        facts = os.stat(folder / MANIFEST)  # noqa: PTH116  what a test may replace
    except (OSError, ValueError):
        return None
    return facts.st_ino, facts.st_size, facts.st_mtime_ns


def _is_begun(folder: Path) -> bool:
    return is_file(folder / LOCK) or any(is_folder(folder / name) for name in (_STAGES, _SHARDS))


def _name_version(run: FinishedRun, look: Look | None) -> str:
    return hashlib.sha256(repr((run.manifest.get("checksums"), look)).encode()).hexdigest()[:16]


def _list_names(folder: Path) -> list[str]:
    """Names below a folder, two steps deep; few, and none where it can't be listed."""
    names: list[str] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                name = clean_text(entry.name)  # one of broken bytes is no text for a page
                if entry.is_dir(follow_symlinks=False):
                    with os.scandir(entry) as inner:
                        names += [
                            f"{name}/{clean_text(each.name)}"
                            for _, each in zip(range(_MOST_NAMES), inner, strict=False)
                        ]
                else:
                    names.append(name)
                if len(names) > 50 * _MOST_NAMES:
                    break
    except OSError:
        return names
    return names
