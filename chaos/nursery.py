"""A warmed process that forks victims: torch is imported once, so that a life costs what the study costs.

`python -m chaos.nursery` reads one order a line and answers with one line when the victim is dead; `Nursery` is the
other end of that. Victims lead a session of their own, so that what they leave behind is found.
"""

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from chaos.order import Order

ROOT = Path(__file__).resolve().parents[1]
LONGEST_LIFE = 120.0
"""Seconds; a victim that lives longer hangs."""
ORPHANS_MAY_LIVE = 5.0
MARK = "LATENTSCAPE_CHAOS_VICTIM"
"""In the environment of a victim's children: whose they are, also if they lead a session of their own."""


@dataclass(frozen=True, kw_only=True)
class Blow:
    """A signal, so many seconds after the study began or after the blow before."""

    after: float
    signum: int


@dataclass(frozen=True, kw_only=True)
class Death:
    """How a life ended."""

    code: int
    """Exit code, or minus the signal."""
    seconds: float
    """From the start of the study."""
    struck: int
    """How many blows it lived to see."""
    after_blow: float
    """Seconds from the last blow to the end."""
    left: Sequence[str] = ()
    """Processes of its session that outlived it by five seconds."""
    hung: bool = False


class Nursery:
    """The warmed process, as a context; what it started dies with it."""

    def __enter__(self) -> "Nursery":
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
        self._server = subprocess.Popen(
            [sys.executable, "-m", "chaos.nursery"],
            cwd=ROOT,
            env={**environment, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for stream in (self._server.stdin, self._server.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()
        try:
            self._server.wait(5)
        except subprocess.TimeoutExpired:
            self._server.kill()
            self._server.wait()

    def live(self, order: Order, blows: Sequence[Blow] = (), *, meanwhile: Callable[[], object] = list) -> Death:
        """One life, from the order to its end; `meanwhile` is called now and then as long as it lasts."""
        line = json.dumps({"order": asdict(order), "blows": [asdict(blow) for blow in blows]})
        if self._server.stdin is None or self._server.stdout is None:
            raise AssertionError("the nursery has pipes")
        self._server.stdin.write(line + "\n")
        self._server.stdin.flush()
        while not select.select([self._server.stdout], [], [], 0.05)[0]:
            meanwhile()
        answer = self._server.stdout.readline()
        if not answer:
            raise AssertionError("the nursery died")
        return Death(**json.loads(answer))


def serve() -> None:
    """Orders from stdin, deaths to stdout, until stdin ends."""
    from chaos.victim import find_heavy_row, make_samples, study

    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what victims print must not look like an answer
    import torch

    torch.set_num_threads(1)  # a forked process has no threads but its own
    for line in sys.stdin:
        wanted = json.loads(line)
        order = Order(**wanted["order"])
        if not order.words:
            find_heavy_row(make_samples(order.samples, order.seed))  # made once, shared by all children
        death = _oversee(lambda order=order: study(order), order, [Blow(**blow) for blow in wanted["blows"]])
        answers.write(json.dumps(asdict(death)) + "\n")
        answers.flush()


def _oversee(run: Callable[[], object], order: Order, blows: Sequence[Blow]) -> Death:
    """Fork, strike, wait, and see who is left."""
    born, ready = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(born)
        _become(run, order, ready)
    os.close(ready)
    select.select([born], [], [], 60.0)
    os.close(born)
    start, struck, last, hung = time.monotonic(), 0, time.monotonic(), False
    ended = os.pidfd_open(pid)
    for blow in [*blows, None]:
        if select.select([ended], [], [], LONGEST_LIFE if blow is None else blow.after)[0]:
            break
        hung = hung or blow is None
        struck, last = struck + (blow is not None), time.monotonic()
        signal.pidfd_send_signal(ended, signal.SIGKILL if blow is None else blow.signum)
    status = os.waitpid(pid, 0)[1]
    end = time.monotonic()
    os.close(ended)
    return Death(
        code=os.waitstatus_to_exitcode(status),
        seconds=end - start,
        struck=struck,
        after_blow=end - last,
        left=_bury(pid),
        hung=hung,
    )


def _become(run: Callable[[], object], order: Order, ready: int) -> None:
    """The child: never returns."""
    code = 99
    try:
        os.setsid()
        os.environ[MARK] = str(os.getpid())
        for descriptor, path, flags in ((0, os.devnull, os.O_RDONLY), (2, order.stderr or os.devnull, os.O_WRONLY)):
            opened = os.open(path, flags | (os.O_CREAT | os.O_APPEND if descriptor else 0), 0o644)
            os.dup2(opened, descriptor)
        os.dup2(2, 1)
        code = _obey(run, order.words, lambda: os.write(ready, b"1"))
        sys.stderr.flush()
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 99
    finally:
        os._exit(code)


def _obey(run: Callable[[], object], words: Sequence[str], began: Callable[[], object]) -> int:
    """The study, or a command of the product, as the product's own process runs it."""
    from latentscape.process import prepare_process, run_command

    def begin() -> None:
        began()
        run()

    if words:
        from latentscape.cli import main

        sys.argv = ["latentscape", *words]
        began()
        main(words)
    prepare_process()
    return run_command(begin, debug=True)


def _bury(session: int) -> list[str]:
    """Whom this victim left behind: waited for a while, named, then ended."""
    latest = time.monotonic() + ORPHANS_MAY_LIVE
    while (left := find_living(session, mark=f"{MARK}={session}")) and time.monotonic() < latest:
        time.sleep(0.02)
    for pid in left:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return list(left.values())


def find_living(session: int, *, mark: str = "") -> Mapping[int, str]:
    """Living processes of a session, or with this mark in their environment: id -> command line."""
    found: dict[int, str] = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        with suppress(OSError, IndexError):
            fields: list[Any] = (folder / "stat").read_text().rpartition(")")[2].split()
            is_marked = bool(mark) and mark.encode() in (folder / "environ").read_bytes().split(b"\0")
            if fields[0] not in "ZX" and (int(fields[3]) == session or is_marked):
                found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()[:200]
    return found


if __name__ == "__main__":
    serve()
