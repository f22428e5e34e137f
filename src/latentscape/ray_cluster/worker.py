"""What runs in a worker's process: no cluster is needed to try it."""

import os
import pickle
import socket
from collections.abc import Callable, Sequence
from typing import Any, final

import numpy as np

from latentscape.interrupts import end_with_parent
from latentscape.ray_cluster.fork_server import Fork, borrow
from latentscape.ray_cluster.parcels import Answer, Setting, answer, hold_threads, unpack_apart


@final
class Worker:
    """The actor: does one task after the other on what it holds, or has a process do it that was forked for it."""

    def __init__(self, setting: Setting) -> None:
        setting.adopt()
        end_with_parent(os.getppid())  # the node's raylet; Ray's own way takes up to ten seconds on a busy machine
        self._setting = setting
        self._work: Callable[[Any], Any] | None = None
        self._held: Sequence[np.ndarray] = ()
        self._fork: Fork | None = None

    def prepare(self, parts: Sequence[np.ndarray], stage: str = "") -> Answer:
        """Make ready for a stage: `parts` are those of `pack_apart((prepare, shared))`. The answer: (host, pid).

        `stage` is what a stage is known by that takes long to open, so that workers had better be forked for it.
        """
        self.forget()
        self._fork = borrow(stage, parts, self._setting) if stage else None
        ready = self._fork.listen() if self._fork else answer(lambda: self._open(parts))
        return ready if ready.failed else answer(lambda: (socket.gethostname(), os.getpid()))

    def work(self, pickled: bytes) -> Answer:
        """Do a task."""
        if self._fork:
            return self._fork.ask(pickled)
        return answer(lambda: self._do(pickle.loads(pickled)))  # noqa: S301  made by our own driver

    def forget(self) -> None:
        """Let go of the last stage."""
        self._work, self._held = None, ()
        if self._fork:
            self._fork.close()
            self._fork = None

    def _open(self, parts: Sequence[np.ndarray]) -> None:
        self._held = parts  # what is unpacked lies in their memory
        prepare, shared = unpack_apart(parts)
        self._work = prepare(shared)
        hold_threads()

    def _do(self, task: Any) -> Any:
        if self._work is None:
            raise AssertionError("a worker must be prepared before it works")
        return self._work(task)
