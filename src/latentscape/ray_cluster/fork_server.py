"""One process a node opens what a stage needs, which takes seconds where that is a model; workers fork from it at once.

A worker that dies costs a fork then, and the workers of a node have libraries and model in memory once. Only a process
of a single thread is forked: where a library started another, or there is no such process to be had, each worker opens
what it needs by itself, as it would without this room.
"""

import faulthandler
import gc
import os
import pickle
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NoReturn, final

import numpy as np

from latentscape.ray_cluster.guard import MARK
from latentscape.ray_cluster.parcels import Answer, Setting, answer, hold_threads, unpack_apart

IDLE = 30.0
"""Seconds without a worker after which the server ends."""
SLOWEST = 20.0
"""Seconds that the server has to begin."""
ENVIRONMENT = {"JE_ARROW_MALLOC_CONF": "background_thread:false"}
"""pyarrow's allocator would start a thread."""
TRIES = 2
"""To reach a server: one may die as it is reached."""
_HAVE, _SEND, _REFUSED = b"have", b"send", b"refused"
_STARTED: list["subprocess.Popen[bytes]"] = []
"""Servers that this process started: they outlive it."""


@final
class Fork:
    """A process that was forked for one worker, and does its tasks."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def listen(self) -> Answer:
        """Its next answer. Does not return where it died: then this process dies, too, and the driver sees that."""
        try:
            failed, text = self._connection.recv()
            return Answer(pickled=np.frombuffer(self._connection.recv_bytes(), np.uint8), failed=failed, text=text)
        except (EOFError, OSError):
            _die()

    def ask(self, task: bytes) -> Answer:
        """What comes of a task."""
        with suppress(OSError):  # it died: `listen` finds out
            self._connection.send_bytes(task)
        return self.listen()

    def close(self) -> None:
        """End it."""
        self._connection.close()


def borrow(stage: str, parts: Sequence[np.ndarray], setting: Setting) -> Fork | None:
    """A process that has opened this stage; `parts` are those of `pack_apart((prepare, shared))`.

    None where none is to be had. The first answer to come of it tells how `prepare(shared)` went.
    """
    for _ in range(TRIES if sys.platform == "linux" else 0):
        with suppress(EOFError, OSError):  # the server died, or can't be started
            connection = _connect(_find_folder(setting.session), setting.environment)
            connection.send((stage, setting, len(parts)))
            told = connection.recv_bytes()
            if told == _SEND:
                for part in parts:
                    connection.send_bytes(part.data)
                told = connection.recv_bytes()
            return Fork(connection) if told == _HAVE else None
    return None


def _connect(folder: Path, environment: Mapping[str, str]) -> Connection:
    """To the server, which is told where this process prints."""
    with socket.socket(socket.AF_UNIX) as reached:
        _reach(reached, folder, environment)
        socket.send_fds(reached, [b"!"], [1, 2])
        return Connection(os.dup(reached.fileno()))


def _find_folder(session: str) -> Path:
    """Where the server of a run listens on this node: a folder that nobody else enters, in that of our own cluster."""
    folder = Path(os.environ.get(MARK) or tempfile.gettempdir(), f"latentscape-{session}")
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if found.st_uid != os.getuid() or found.st_mode & 0o77:
        raise PermissionError(f"{folder} is somebody else's")
    return folder


def _reach(reached: socket.socket, folder: Path, environment: Mapping[str, str]) -> None:
    """Connect to the server; whoever comes first starts it."""
    import fcntl  # noqa: PLC0415  Windows has none

    path = str(folder / "socket")
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            reached.connect(path)
        except (FileNotFoundError, ConnectionRefusedError):
            Path(path).unlink(missing_ok=True)
            server = _start(folder, environment)
            deadline = time.monotonic() + SLOWEST
            while True:
                try:
                    return reached.connect(path)
                except (FileNotFoundError, ConnectionRefusedError):
                    if server.poll() is not None or time.monotonic() > deadline:
                        raise
                    time.sleep(0.02)


def _start(folder: Path, environment: Mapping[str, str]) -> "subprocess.Popen[bytes]":
    program = (
        f"import sys; sys.path[:] = {sys.path!r}\n"
        f"from latentscape.ray_cluster.fork_server import serve; serve({str(folder)!r})"
    )
    server = subprocess.Popen(  # noqa: S603  our own words
        [sys.executable, "-c", program],
        env={**os.environ, **environment, **ENVIRONMENT},
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _STARTED.append(server)
    return server


def _die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    while True:
        time.sleep(1)


def serve(folder: str) -> None:
    """Fork a process for each worker that connects, until nobody needs one for a while."""
    server = _Server()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(Path(folder) / "socket"))
        listener.listen(128)
        last = time.monotonic()
        while time.monotonic() - last < IDLE:
            is_wanted = bool(select.select([listener], [], [], 1.0)[0])
            if server.has_children() or is_wanted:
                last = time.monotonic()
            if not is_wanted:
                continue
            with listener.accept()[0] as accepted, suppress(Exception):  # the worker is gone
                server.answer(accepted, listener)
    shutil.rmtree(folder, ignore_errors=True)


class _Server:
    """What is open, and who was forked."""

    def __init__(self) -> None:
        self._stage = ""
        self._opened: tuple[Callable[[Any], Callable[[Any], Any]], Any] | None = None
        self._held: Sequence[np.ndarray] = ()
        self._children: set[int] = set()

    def has_children(self) -> bool:
        """Whether any still lives; those that ended are buried."""
        self._children = {pid for pid in self._children if os.waitpid(pid, os.WNOHANG) == (0, 0)}
        return bool(self._children)

    def answer(self, accepted: socket.socket, listener: socket.socket) -> None:
        """Open the stage that a worker has, if it is not open, and fork; refuse where that can't be."""
        _, outputs, _, _ = socket.recv_fds(accepted, 1, 2)
        connection = Connection(os.dup(accepted.fileno()))
        try:
            stage, setting, n_parts = connection.recv()
            if stage != self._stage:
                connection.send_bytes(_SEND)
                self._open(stage, [np.frombuffer(connection.recv_bytes(), np.uint8) for _ in range(n_parts)], setting)
            if self._opened is None or len([*Path("/proc/self/task").iterdir()]) != 1:
                return connection.send_bytes(_REFUSED)
            connection.send_bytes(_HAVE)
            child = os.fork()
            if child:
                self._children.add(child)
            else:
                accepted.close()
                listener.close()
                self._work(connection, outputs)
        finally:
            connection.close()
            for each in outputs:
                os.close(each)

    def _open(self, stage: str, parts: Sequence[np.ndarray], setting: Setting) -> None:
        """Nothing is open afterwards where it fails: the worker finds out why, by itself."""
        self._stage, self._opened, self._held = stage, None, parts
        setting.adopt()
        with suppress(Exception):
            self._opened = unpack_apart(parts)
        hold_threads()
        gc.collect()
        gc.freeze()  # the collector would write to every page that is shared

    def _work(self, connection: Connection, outputs: Sequence[int]) -> None:
        """What the forked process does; it does not return."""
        try:
            for number, output in zip((1, 2), outputs, strict=True):
                os.dup2(output, number)
            faulthandler.enable()
            threading.Thread(target=_end_with, args=(connection,), daemon=True).start()
            _do_tasks(connection, self._opened)
        finally:
            os._exit(0)


def _end_with(connection: Connection) -> None:
    """End this process when the worker is gone, also in the middle of a task."""
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLRDHUP)
    poll.poll()
    os._exit(1)


def _do_tasks(connection: Connection, opened: Any) -> None:
    prepare, shared = opened
    work: Any = None

    def begin() -> None:
        nonlocal work
        work = prepare(shared)
        hold_threads()

    def tell(found: Answer) -> None:
        connection.send((found.failed, found.text))
        connection.send_bytes(found.pickled.data)

    with suppress(EOFError, OSError):
        tell(answer(begin))
        while True:
            pickled = connection.recv_bytes()
            tell(answer(lambda: work(pickle.loads(pickled))))  # noqa: B023, S301  done at once; made by our own driver
