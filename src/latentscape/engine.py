"""Loops compiled to machine code: once per machine, in a child process, and loaded from then on.

A room that needs a loop decorates it with `kernel(...)` and adds its file to `SOURCES`. Nothing is compiled on import.
The first call of any kernel loads it from the cache; where the cache does not hold it yet, a child process compiles
all kernels first, so that no process ever runs code it has compiled itself: that may differ from the cached code in
the last digits. A cache that can't be written costs the compilation in every process and nothing else.

Kernels hold no lock and start no threads: `Crew` gives each of several threads a range of rows. What a kernel writes
for a row depends on that row only, so results don't depend on the number of threads; no OpenMP, and forks are safe.
"""

import fcntl
import inspect
import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import cached_property
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Any, final, no_type_check

import llvmlite
import llvmlite.binding
import numba
from numba.core.dispatcher import Dispatcher

from latentscape.progress import SILENT, Progress

SOURCES = (
    "maps/affinity.py",
    "maps/attraction.py",
    "maps/descent.py",
    "maps/edges.py",
    "maps/fuzzy.py",
    "maps/objective.py",
    "maps/repulsion.py",
    "maps/sampling.py",
    "neighbors/kernels.py",
    "measures/rank_kernels.py",
    "measures/scan_kernels.py",
)
"""Every file of the package that has kernels."""
PACKAGE = Path(__file__).parent
RECORD = "latentscape-engine.json"
"""Beside our part of the cache: what the compiled kernels were made from."""
CHILD = (
    "from latentscape.interrupts import end_with_parent; end_with_parent({parent}); "
    "from latentscape.engine import compile_kernels; compile_kernels()"
)
"""What the child that compiles runs."""
ROWS_PER_SHARE = 1024
"""Fewer rows than this are not worth a share of their own."""


@final
class Kernel:
    """A function over arrays, compiled for one signature; `ready` loads it, and the first call does so too."""

    def __init__(self, function: Callable[..., Any], signature: Any, options: dict[str, Any]) -> None:
        self.__name__, self.__doc__, self.__module__ = function.__name__, function.__doc__, function.__module__
        self.signature = signature
        self.dispatcher = _decorate(function, options)

    @no_type_check
    def __call__(self, *values: Any) -> Any:
        """What the function returns. Values of another type than the signature's raise TypeError."""
        return self.ready(*values)

    @cached_property
    def ready(self) -> Callable[..., Any]:
        """The compiled function."""
        prepare_kernels()
        return self.load()

    def load(self) -> Callable[..., Any]:
        """The compiled function, from the cache if it is there, else compiled now."""
        if isinstance(self.dispatcher, Dispatcher):
            with suppress(OSError):  # a disk that is full: compiled, not kept
                self.dispatcher.compile(self.signature)
            self.dispatcher.disable_compile()
        return self.dispatcher


def kernel(signature: Any, **options: Any) -> Callable[[Callable[..., Any]], Kernel]:
    """Make a function a kernel of one numba signature; `options` are those of `numba.njit`."""
    return lambda function: Kernel(function, signature, {"nogil": True, "error_model": "numpy", **options})


def inlined(function: Callable[..., Any], *, fastmath: bool = True) -> Callable[..., Any]:
    """A step that kernels of the same file share; the compiler puts it into each."""
    return numba.njit(fastmath=fastmath, error_model="numpy")(inspect.unwrap(function))


def _decorate(function: Callable[..., Any], options: dict[str, Any]) -> Any:
    function = inspect.unwrap(function)  # what checks shapes in tests wraps functions, and numba takes plain ones only
    try:
        return numba.njit(cache=True, **options)(function)
    except RuntimeError:  # numba found no folder for its cache
        return numba.njit(**options)(function)


def prepare_kernels(progress: Progress = SILENT) -> None:
    """Return when every kernel is in the cache, or when it is certain that there is no cache."""
    folder = _find_cache()
    if folder is None or _is_prepared(folder):
        return
    with suppress(OSError), _locked(folder / f"{RECORD}.lock"):
        if not _is_prepared(folder):
            progress.say("preparing the map engine, once on this machine, about 15 s")
            _start_child().wait()


@contextmanager
def preparing_kernels(progress: Progress = SILENT) -> Iterator[None]:
    """Prepare in the background while the block does something else; at its end no child is left."""
    folder = _find_cache()
    if folder is None or _is_prepared(folder):
        yield
        return
    progress.say("preparing the map engine, once on this machine, about 15 s, beside the other work")
    child = _start_child()
    try:
        yield
        child.wait()
    finally:
        child.kill()
        child.wait()


def _start_child() -> subprocess.Popen[bytes]:
    """The child that compiles: in a session of its own, where Ctrl-C does not reach it, and bound to our life."""
    words = [sys.executable, "-P", "-c", CHILD.format(parent=os.getpid())]  # -P: no import from the current folder
    nothing = subprocess.DEVNULL
    return subprocess.Popen(words, stdin=nothing, stdout=nothing, start_new_session=True)  # noqa: S603  our own words


def compile_kernels() -> None:
    """Compile every kernel into the cache, then say so in the record. Runs in a process of its own."""
    folder = _find_cache()
    if folder is None:
        return
    with _locked(folder / f"{RECORD}.compiling"):
        if _is_prepared(folder):
            return
        for source in SOURCES:
            for each in vars(import_module(_name_module(source))).values():
                if isinstance(each, Kernel):
                    each.load()
        temporary = folder / f"{RECORD}.{os.getpid()}"
        temporary.write_text(json.dumps(_describe_origin()), encoding="utf-8")
        temporary.replace(folder / RECORD)


def _name_module(source: str) -> str:
    return f"latentscape.{source.removesuffix('.py').replace('/', '.')}"


def _find_cache() -> Path | None:
    """Where numba keeps what belongs to this file; None where it keeps nothing."""
    path = getattr(getattr(_probe, "stats", None), "cache_path", None)
    return Path(path) if path else None


def _probe_function() -> int:
    return 0


_probe = _decorate(_probe_function, {})


def _is_prepared(folder: Path) -> bool:
    try:
        return json.loads((folder / RECORD).read_text(encoding="utf-8")) == _describe_origin()
    except (OSError, ValueError):
        return False


def _describe_origin() -> dict[str, Any]:
    """All that decides which machine code comes out; numba's own cache asks for the same."""
    stats = {source: (PACKAGE / source).stat() for source in SOURCES}
    return {
        "python": platform.python_version(),
        "numba": [numba.__version__, llvmlite.__version__],
        "cpu": [llvmlite.binding.get_host_cpu_name(), llvmlite.binding.get_host_cpu_features().flatten()],
        "sources": {source: [each.st_mtime_ns, each.st_size] for source, each in stats.items()},
    }


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Alone among all processes of this machine until the block ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def count_threads() -> int:
    """Threads worth starting: the cores this process may use, fewer if OMP_NUM_THREADS says so."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    wish = os.environ.get("OMP_NUM_THREADS", "")
    return max(1, min(cores, int(wish))) if wish.isdigit() else cores


@final
class Crew:
    """Threads that run kernels over shares of the rows; a context manager, so that no thread outlives its work."""

    def __init__(self, threads: int | None = None) -> None:
        self.threads = threads or count_threads()
        self._pool = ThreadPoolExecutor(self.threads - 1) if self.threads > 1 else None

    def __enter__(self) -> "Crew":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool:
            self._pool.shutdown(cancel_futures=True)

    @no_type_check  # called in every iteration
    def share(
        self, work: Callable[..., Any], n_rows: int, *values: Any, unit: int = 1, least: int = ROWS_PER_SHARE
    ) -> list[Any]:
        """`work(start, stop, *values)` over all rows; answers in row order.

        Shares begin at multiples of `unit` and have `least` rows or more.
        """
        shares = self._cut(n_rows, unit=unit, least=least)
        answers, waiting = [None] * len(shares), iter(list(enumerate(shares)))

        def work_on() -> None:
            for place, (start, stop) in waiting:
                answers[place] = work(start, stop, *values)

        others = range(min(self.threads, len(shares)) - 1)
        helpers = [self._pool.submit(work_on) for _ in others] if self._pool else []
        work_on()
        for helper in helpers:
            helper.result()
        return answers

    @no_type_check
    def _cut(self, n_rows: int, *, unit: int, least: int) -> list[tuple[int, int]]:
        """Several shares a thread where there is much to do, so that one that is held up does not hold up all."""
        wanted = max(1, min(4 * self.threads, n_rows // least))
        wanted -= wanted % self.threads if wanted > self.threads else 0
        size = max(1, -(-n_rows // (wanted * unit))) * unit
        return [(at, min(at + size, n_rows)) for at in range(0, n_rows, size)] or [(0, 0)]
