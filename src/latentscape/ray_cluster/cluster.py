"""The cluster itself: found or started when it is first needed, heard only by this machine, gone when we are."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, final

from latentscape.errors import ResourceError, UsageError
from latentscape.progress import Progress
from latentscape.ray_cluster import guard
from latentscape.ray_cluster.deaths import explain_loss

LOOPBACK = "127.0.0.1"
PATIENCE = 5.0
"""Seconds that the address of a cluster has to answer."""
_STARTED: list[Path] = []
"""The folder of the cluster that this process started, as long as it runs: other executors may use it, too."""
LOOPBACKS = (LOOPBACK, "localhost", "::1")
_SILENT = "`ray status` on a node of the cluster tells whether it runs; without RAY_ADDRESS one is started here"
_STRANGE = (
    "somebody answers there: a cluster that asks for a token needs RAY_AUTH_MODE=token and its token "
    "(`ray get-auth-token`), and Ray and Python must be of the versions that it has"
)
_TOKEN = secrets.token_hex(32)
"""What the processes of our cluster know each other by: another user of this machine does not have it."""


@final
class Cluster:
    """Ray, connected on the first use: to a cluster of the user's, else to one of our own on this machine."""

    def __init__(self, *, n_cores: int, progress: Progress) -> None:
        self._n_cores, self._progress = n_cores, progress
        self._ray: Any = None
        self._connected = False
        self._folder: Path | None = None
        self._guard: subprocess.Popen[bytes] | None = None

    @property
    def ray(self) -> Any:
        """The library, connected.

        Raises:
            UsageError: RAY_ADDRESS names no cluster.
            ResourceError: a cluster can't be started, or does not answer.
        """
        if self._ray is None:
            known = sys.modules.get("ray")
            if known is not None and known.is_initialized():
                self._ray = known
            elif (address := os.environ.get("RAY_ADDRESS", "")) not in ("", "local"):
                self._ray = self._connect(address)
            else:
                self._ray = self._start()
        return self._ray

    @property
    def logs(self) -> Path | None:
        """Where the workers of a cluster of this process write; None where it is another's."""
        return _STARTED[-1] / "session_latest" / "logs" if _STARTED else None

    def count_gpus(self) -> float:
        """How many GPUs the whole cluster has."""
        return float(self.ray.cluster_resources().get("GPU", 0))

    def count_cores(self) -> int:
        """How many cores workers may take, all nodes together."""
        return self._n_cores if self.is_own else max(1, int(self.ray.cluster_resources().get("CPU", 1)))

    @property
    def is_own(self) -> bool:
        """Whether it is, or would be, a cluster that we start."""
        if self._ray is not None:
            return self._folder is not None
        known = sys.modules.get("ray")
        taken = known is not None and known.is_initialized()
        return not taken and os.environ.get("RAY_ADDRESS", "") in ("", "local")

    def require_alive(self) -> None:
        """Raise ResourceError where a part of our own cluster ended without which nothing goes on."""
        if not _STARTED:
            return
        node = import_module("ray._private.worker")._global_node
        for part in ("gcs_server", "raylet"):
            for each in node.all_processes.get(part, ()) if node else ():
                if each.process.poll() is not None:
                    raise explain_loss(f"its process `{part}` ended")

    def close(self) -> None:
        """Leave a cluster of the user's; end our own, down to the last process and file."""
        ray, self._ray = self._ray, None
        try:
            if ray is not None and self._connected:
                with suppress(Exception):  # it may be gone already
                    ray.shutdown()
        finally:
            self._connected = False
            if self._folder is not None:
                guard.sweep(self._folder)
                _STARTED[:] = [each for each in _STARTED if each != self._folder]
                self._folder = None
            if self._guard is not None and self._guard.stdin:
                self._guard.stdin.close()
                self._guard.wait()
                self._guard = None

    def _connect(self, address: str) -> Any:
        _require_answer(address)
        # Else Ray looks for a cluster on loopback at another address of this machine.
        here = _on_loopback() if _find_host(address) in LOOPBACKS else nullcontext()
        try:
            with _undisturbed({"RAY_USAGE_STATS_ENABLED": "0"}), here:
                ray = import_module("ray")
                self._connected = True
                ray.init(address=address, log_to_driver=False, configure_logging=False, logging_level="ERROR")
        except Exception as error:
            self.close()
            raise _refuse_address(address, got=_first_line(error), hint=_STRANGE) from error
        self._progress.say(f"connected to the Ray cluster at {address}")
        return ray

    def _start(self) -> Any:
        self._folder = _make_folder()
        try:
            self._guard = _start_guard(self._folder)
            with _undisturbed(_own_environment(self._folder)), _on_loopback():
                ray = import_module("ray")
                self._connected = True
                ray.init(
                    address="local",
                    num_cpus=self._n_cores,
                    include_dashboard=False,
                    log_to_driver=False,
                    configure_logging=False,
                    logging_level="ERROR",
                    object_store_memory=_choose_store(),
                    _node_ip_address=LOOPBACK,
                    _temp_dir=str(self._folder),
                )
        except BaseException as error:
            self.close()
            if not isinstance(error, Exception) or isinstance(error, ImportError):
                raise
            raise ResourceError(
                "a Ray cluster can't be started on this machine",
                got=_first_line(error),
                hint="`--engine local` does the same without one; RAY_ADDRESS names a cluster that runs already",
                fault="cluster-unusable",
            ) from error
        _STARTED.append(self._folder)
        self._progress.say(f"a Ray cluster was started on this machine, heard by no other: {self._n_cores} cores")
        return ray


@contextmanager
def _undisturbed(environment: Mapping[str, str]) -> Iterator[None]:
    """Let Ray begin, and keep what it would change in this process: signals, environment, warnings, what is printed."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    kept = {name: os.environ.get(name) for name in environment}
    os.environ.update(environment)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Ray's own coming versions; ours are not in this block
            with _quiet():
                yield
    finally:
        for name, value in kept.items():
            os.environ.pop(name) if value is None else os.environ.__setitem__(name, value)
        if threading.current_thread() is threading.main_thread():
            for number, handler in before.items():
                if handler is not None:
                    signal.signal(number, handler)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Ray from taking SIGTERM over while it begins, and from printing a page a dead worker: we tell of it."""
    utils, worker = import_module("ray._private.utils"), import_module("ray._private.worker")
    muted = [(utils, "set_sigterm_handler"), (worker, "listen_error_messages")]
    before = [(module, name, getattr(module, name)) for module, name in muted if hasattr(module, name)]
    for module, name, _ in before:
        setattr(module, name, lambda *_, **__: None)
    try:
        yield
    finally:
        for module, name, value in before:
            setattr(module, name, value)


@contextmanager
def _on_loopback() -> Iterator[None]:
    """Keep the cluster that begins to this machine, also where somebody imported Ray before us: it reads that part of
    the environment when it is imported."""
    constants = import_module("ray._private.ray_constants")
    before = constants.ENABLE_RAY_CLUSTER
    vars(constants).update(ENABLE_RAY_CLUSTER=False)
    try:
        yield
    finally:
        vars(constants).update(ENABLE_RAY_CLUSTER=before)


def _own_environment(folder: Path) -> dict[str, str]:
    """Nothing is sent home, every socket is on loopback, and whoever speaks to the cluster must know its token."""
    quiet = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
    return {guard.MARK: str(folder), **quiet, **_choose_token()}


@cache
def _choose_token() -> dict[str, str]:
    """Settled with the first cluster: Ray reads it once a process, so later clusters must have the same."""
    is_chosen = "ray" in sys.modules or any(name.startswith("RAY_AUTH_") for name in os.environ)
    return {} if is_chosen else {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": _TOKEN}


def _make_folder() -> Path:
    """A folder for logs and sockets; the path of a socket has 107 letters at most."""
    place = tempfile.gettempdir()
    return Path(tempfile.mkdtemp(prefix="latentscape-", dir=place if len(place) <= 24 else "/tmp"))  # noqa: S108


def _start_guard(folder: Path) -> "subprocess.Popen[bytes]":
    """What clears up where we can't any more: in a session of its own, where no signal of the terminal reaches it."""
    words = [sys.executable, "-I", "-S", guard.__file__, str(folder)]
    return subprocess.Popen(words, stdin=subprocess.PIPE, start_new_session=True)  # noqa: S603  our own words


def _choose_store() -> int:
    """Bytes for what workers share: at most a quarter of the memory, and half of what its file system has left."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with suppress(OSError):
        memory = min(memory, 2 * shutil.disk_usage("/dev/shm").free)  # noqa: S108
    return max(2**27, memory // 4)


def _require_answer(address: str) -> None:
    """Raise UsageError where nobody answers at the address of a cluster: Ray itself would ask for minutes."""
    if address == "auto":
        return
    port = address.rpartition(":")[2]
    try:
        socket.create_connection((_find_host(address), int(port)), timeout=PATIENCE).close()
    except (OSError, ValueError, OverflowError) as error:
        raise _refuse_address(address, got=str(error), hint=_SILENT) from error


def _find_host(address: str) -> str:
    return address.rpartition("://")[2].rpartition(":")[0].strip("[]")


def _refuse_address(address: str, *, got: str, hint: str = _SILENT) -> UsageError:
    return UsageError(
        f"the Ray cluster at `{address}`, which RAY_ADDRESS names, can't be joined",
        got=got,
        expected="HOST:PORT of the head node of a cluster that runs",
        hint=hint,
        fault="cluster-missing",
    )


def _first_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".partition("\n")[0]
