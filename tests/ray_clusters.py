"""What the tests of a cluster do on its workers, and how they look at its processes."""

import errno
import os
import signal
import time
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from chaos.ray_kills import list_processes
from latentscape.errors import DataError
from latentscape.executor import Job
from latentscape.progress import SILENT
from latentscape.ray_cluster import open_executor

LOOPBACK = ("0100007F:", "0000000000000000FFFF00000100007F:", "00000000000000000000000001000000:")
"""How the kernel writes 127.0.0.1 and its like in IPv6."""
RAY = SimpleNamespace(engine="ray", workers=2, gpus_per_worker=1.0)


@contextmanager
def open_cluster(heard):
    """A cluster of two workers of our own, whatever RAY_ADDRESS says."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("RAY_ADDRESS", raising=False)
        with open_executor(RAY, progress=heard) as opened:
            yield opened


def job(total: int, **options: Any) -> Job:
    return Job(label="tasks", total=total, **options)


def prepare_sums(table):
    """A table -> the work: a few numbers of some of its rows; what is shared must be as it is here."""
    assert table.flags.writeable

    def work(task):
        rows = table[task % len(table) :: 7]
        return {"task": task, "sum": rows.sum(axis=0), "threads": os.environ.get("OMP_NUM_THREADS", "")}

    return work


def prepare_naps(seconds):
    def work(task):
        time.sleep(seconds)
        return task, np.arange(task, task + 5)

    return work


def prepare_origins(bad):
    """Work that tells who started its process, and dies over the number that is bad."""

    def work(task):
        if task == bad:
            os.kill(os.getpid(), signal.SIGKILL)
        return Path(f"/proc/{os.getppid()}/cmdline").read_text()

    return work


def prepare_poison(bad):
    """Work that kills its process where a task holds the number that is bad."""

    def work(task):
        if bad in task:
            os.kill(os.getpid(), signal.SIGKILL)
        return sum(task)

    return work


def prepare_end(how):
    """Work that ends its process as it is told."""

    def work(task):
        if how == "exit":
            os._exit(3)
        if how == "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        return task

    return work


class OddError(Exception):
    """One that can't be built from its own message."""

    def __init__(self, *, place: int) -> None:
        super().__init__(f"odd at {place}")
        self.place = place


class OpenError(Exception):
    """One that holds what can't travel."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.trouble = (each for each in ())


def prepare_error(kind):
    def work(task):
        if task == 3:
            raise {
                "ours": DataError("bad row", got="3", expected="4", hint="mend it", fault="data-columns"),
                "value": ValueError("three", 3),
                "odd": OddError(place=3),
                "open": OpenError("can't travel"),
                "memory": MemoryError("no more"),
            }[kind]
        return task

    return work


def prepare_start(how):
    """A start that fails."""
    if how == "die":
        os._exit(7)
    raise DataError("can't begin", hint="do")


def prepare_full(mark):
    """Work in which the first process finds its disk full, or all do."""

    def work(task):
        try:
            Path(mark).touch(exist_ok=mark.endswith("all"))
        except FileExistsError:
            return task
        raise OSError(errno.ENOSPC, "No space left on device")

    return work


def prepare_limit(folder):
    """Work that writes a megabyte; the first process may write files of a kilobyte only, by the system's own limit."""
    import resource

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    first = Path(folder) / "first"
    try:
        first.touch(exist_ok=False)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1024, resource.RLIM_INFINITY))
    except FileExistsError:
        pass

    def work(task):
        try:
            (Path(folder) / f"{task}-{os.getpid()}").write_bytes(bytes(2**20))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        return task

    return work


def prepare_big(n_bytes):
    return lambda task: np.full(n_bytes, task, dtype=np.uint8)


def list_listening(pids) -> set[str]:
    """Addresses, as the kernel writes them, on which these processes listen."""
    inodes = set()
    for pid in pids:
        for each in Path(f"/proc/{pid}/fd").glob("*"):
            try:
                target = str(each.readlink())
            except OSError:
                continue
            if target.startswith("socket:["):
                inodes.add(target[8:-1])
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            words = line.split()
            if words[3] == "0A" and words[9] in inodes:
                found.add(words[1])
    return found


def list_open_doors() -> set[str]:
    """Start a cluster and let it work: where this process and all of the cluster listen."""
    with open_cluster(SILENT) as executor:
        list(executor.run(prepare_naps, 0, [1, 2], job=job(2)))
        return list_listening([*list_processes(), os.getpid()])


def read_name(path):
    return path.name


def read_only_in(pid, path):
    if os.getpid() != pid:
        raise DataError("it is not here", hint="look elsewhere")
    return path.name


def read_or_die(bad, mark, path):
    """The name of a file; the process dies over the one that is bad, only the first time where there is a mark."""
    if path.stem == bad and not (mark and mark.exists()):
        if mark:
            mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return path.name
