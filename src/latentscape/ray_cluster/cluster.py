"""The cluster itself: found or started when it is first needed, heard only by this machine, gone when we are."""

import logging
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager, nullcontext, suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar, final

from latentscape.engine import count_threads
from latentscape.errors import ResourceError
from latentscape.progress import Progress
from latentscape.ray_cluster import guard
from latentscape.ray_cluster.address import few_attempts, find_host, first_line, refuse_address, require_answer
from latentscape.ray_cluster.deaths import explain_loss
from latentscape.ray_cluster.watch import Watch

Found = TypeVar("Found")
LOOPBACK = "127.0.0.1"
_STARTED: list[Path] = []
"""The folder of the cluster that this process started, as long as it runs: other executors may use it, too."""
LOOK = 0.1
"""Seconds between two looks at whether a question to the cluster can still be answered."""
LOOPBACKS = (LOOPBACK, "localhost", "::1")
GB_OPENED, GB_EACH = 0.7, 0.2
"""What a small model takes with its libraries, of which most is torch itself, and each worker that forks from it."""
_TOKEN = secrets.token_hex(32)
"""What the processes of our cluster know each other by: another user of this machine does not have it."""


@final
class Cluster:
    """Ray, connected on the first use: to a cluster of the user's, else to one of our own on this machine."""

    def __init__(self, *, n_cores: int, progress: Progress, n_workers: int = 0) -> None:
        self._n_cores, self._progress, self._n_workers = n_cores, progress, n_workers or n_cores
        self._ray: Any = None
        self._connected = False
        self._folder: Path | None = None
        self._guard: subprocess.Popen[bytes] | None = None
        self._watch: Watch | None = None

    @property
    def ray(self) -> Any:
        """The library, connected.

        Raises:
            UsageError: RAY_ADDRESS names no cluster.
            ResourceError: a cluster can't be started, does not answer, or was lost.
        """
        if self._ray is None:
            known = sys.modules.get("ray")
            if known is not None and known.is_initialized():
                self._ray = known
            elif (address := os.environ.get("RAY_ADDRESS", "")) not in ("", "local"):
                self._ray = self._connect(address)
            else:
                self._ray = self._start()
            if not _STARTED:
                with suppress(AttributeError, ValueError):  # Ray's client has no address of the head
                    self._watch = Watch(self._ray)
        if self._watch is not None:
            self._watch.require_alive()  # what is called after a loss would speak to a Ray that was left
        return self._ray

    @property
    def logs(self) -> Path | None:
        """Where the workers of a cluster of this process write; None where it is another's."""
        return _STARTED[-1] / "session_latest" / "logs" if _STARTED else None

    def load(self) -> None:
        """Import the library, which begins nothing; how a cluster of ours is guarded is read as that is done."""
        if "ray" not in sys.modules and self.is_own:
            with _undisturbed(_guarded_environment()):
                import_module("ray")

    def count_gpus(self) -> float:
        """How many GPUs the whole cluster has."""
        return float(self.ask(self.ray.cluster_resources).get("GPU", 0))

    def count_free(self, device: str) -> tuple[float, float]:
        """How many cores, or GPUs, nobody has now, and how many there are."""
        kind = "GPU" if device.startswith("cuda") else "CPU"
        free, every = self.ask(self.ray.available_resources), self.ask(self.ray.cluster_resources)
        return free.get(kind, 0.0), every.get(kind, 0.0)

    def count_cores(self) -> int:
        """How many cores workers may take, all nodes together."""
        return self._n_cores if self.is_own else max(1, int(self.ask(self.ray.cluster_resources).get("CPU", 1)))

    def ask(self, question: Callable[[], Found]) -> Found:
        """What comes of a call of Ray's that would wait, and never return, where the head is gone.

        Raises:
            ResourceError: the cluster was lost.
            what the call raises.
        """
        self.require_alive()
        answer: Future[Found] = Future()

        def put() -> None:
            try:
                answer.set_result(question())
            except BaseException as error:  # noqa: BLE001  raised where it is waited for
                answer.set_exception(error)

        asking = threading.Thread(target=put, daemon=True, name="question to the cluster")
        asking.start()
        while asking.is_alive():
            self.require_alive()
            asking.join(LOOK)
        return answer.result()

    @property
    def is_own(self) -> bool:
        """Whether it is, or would be, a cluster that we start."""
        if self._ray is not None:
            return self._folder is not None
        known = sys.modules.get("ray")
        taken = known is not None and known.is_initialized()
        return not taken and os.environ.get("RAY_ADDRESS", "") in ("", "local")

    def require_alive(self) -> None:
        """Raise ResourceError where a part of the cluster is gone without which nothing goes on."""
        if self._watch is not None:
            self._watch.require_alive()
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
        watch, self._watch = self._watch, None
        try:
            if watch is not None:
                watch.leave()
            if ray is not None and self._connected:
                with suppress(Exception):  # it may be gone already
                    _shut_down(ray, at_once=self._folder is not None)
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
        place = require_answer(address)
        # Else Ray looks for a cluster on loopback at another address of this machine.
        here = _on_loopback() if find_host(place) in LOOPBACKS else nullcontext()
        try:
            with _undisturbed({"RAY_USAGE_STATS_ENABLED": "0"}), here, few_attempts():
                ray = import_module("ray")
                self._connected = True
                ray.init(address=address, log_to_driver=False, configure_logging=False, logging_level="ERROR")
        except Exception as error:
            self.close()
            raise refuse_address(address, got=first_line(error)) from error
        self._progress.say(f"connected to the Ray cluster at {address}")
        return ray

    def _start(self) -> Any:
        self._progress.say("starting a Ray cluster on this machine")
        try:
            self._folder = _make_folder()
            self._guard = _start_guard(self._folder)
            with _undisturbed({guard.MARK: str(self._folder), **_guarded_environment()}), _on_loopback():
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
            raise _explain_start(error) from error
        _STARTED.append(self._folder)
        self._tell_room()
        return ray

    def _tell_room(self) -> None:
        cores = f"{(n_real := count_cores())} core{'s' * (n_real != 1)}"
        room = cores if self._n_cores <= n_real else f"{self._n_cores} places for workers on {cores}"
        self._progress.say(f"a Ray cluster was started on this machine, heard by no other: {room}")
        needed, there = GB_OPENED + self._n_workers * GB_EACH, _count_memory() / 1e9
        if needed > there:
            self._progress.say(
                f"{self._n_workers} workers may need {needed:.0f} GB and more, and this machine has {there:.0f}: where "
                "some are killed for memory, choose fewer `--workers`"
            )


def _shut_down(ray: Any, *, at_once: bool) -> None:
    """Leave; `at_once`: end what we started without the second of grace that Ray gives each of its processes."""
    node = import_module("ray._private.worker")._global_node
    if at_once and node is not None:
        kill = node.kill_all_processes
        node.kill_all_processes = lambda **_: kill(check_alive=False, allow_graceful=False)
    ray.shutdown()


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
    log = logging.getLogger("ray")
    level = log.level
    log.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        log.setLevel(level)
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


def _guarded_environment() -> dict[str, str]:
    """Nothing is sent home, every socket is on loopback, and whoever speaks to the cluster must know its token."""
    # First the token: it is chosen where nobody imported Ray.
    return {**_choose_token(), "RAY_USAGE_STATS_ENABLED": "0", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}


@cache
def _choose_token() -> dict[str, str]:
    """Settled with the first cluster: Ray reads it once a process, so later clusters must have the same."""
    is_chosen = "ray" in sys.modules or any(name.startswith("RAY_AUTH_") for name in os.environ)
    return {} if is_chosen else {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": _TOKEN}


def _explain_start(error: Exception) -> ResourceError:
    place = "Ray keeps sockets and logs in a folder for temporary files: make room there, or name another by TMPDIR"
    other = "RAY_ADDRESS names a cluster that runs already"
    return ResourceError(
        "a Ray cluster can't be started on this machine",
        got=first_line(error),
        hint=f"`--engine local` does the same without one; {place if isinstance(error, OSError) else other}",
        fault="cluster-unusable",
    )


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
    memory = _count_memory()
    with suppress(OSError):
        memory = min(memory, 2 * shutil.disk_usage("/dev/shm").free)  # noqa: S108
    return max(2**27, memory // 4)


def _count_memory() -> int:
    """Bytes of this machine."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def count_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or count_threads()
