"""SIGKILL of workers of a Ray cluster, again and again, while they work: the results are those of this process."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

from chaos.outcome import Outcome
from latentscape.errors import LatentscapeError
from latentscape.executor import Executor, Job
from latentscape.ray_cluster import open_executor
from latentscape.ray_cluster.guard import MARK

RUNS, DRIVERS = 20, 4
EVERY = 2.0
"""Seconds between two kills."""
TASKS, ITEMS, NAP = 40, 8, 0.04
DRIVER = (
    "import sys; from types import SimpleNamespace as N\n"
    "from chaos.ray_kills import prepare_naps\n"
    "from latentscape.executor import Job\n"
    "from latentscape.ray_cluster import open_executor\n"
    "with open_executor(N(engine='ray', workers=2)) as executor:\n"
    "    for done in executor.run(prepare_naps, 0.1, [(at,) for at in range(9999)], job=Job(label='n', total=9999)):\n"
    "        print(done[0][0], flush=True)\n"
)


def run(folder: Path, *, scale: float = 1.0, seed: int = 0) -> list[Outcome]:
    """At scale 1: 20 runs, a random worker killed every 2 s, and 4 drivers killed in the middle."""
    wrong, n_kills, rng = list[str](), 0, random.Random(seed)
    n_runs = max(2, round(RUNS * scale))
    with open_executor(SimpleNamespace(engine="ray", workers=2)) as executor:
        for number in range(n_runs):
            struck, problem = kill_during(executor, every=EVERY, rng=rng, nap=8 * NAP)
            n_kills += struck
            wrong += [f"run {number}: {problem}"] if problem else []
    return [
        Outcome(name="SIGKILL of a random Ray worker every 2 s", promise="every result is that of one process",
                tried=n_runs, wrong=wrong, note=f"{n_kills} kills"),
        _kill_drivers(max(1, round(DRIVERS * scale))),
    ]  # fmt: skip


def prepare_naps(seconds: float):
    """Work that takes so long for each of its items."""

    def work(items: Sequence[int]) -> list[tuple[int, str]]:
        time.sleep(seconds * len(items))
        return [(item, f"{item**2 / 7:.17g}") for item in items]

    return work


def halve(items: Sequence[int]) -> list[Sequence[int]]:
    """A task in two; nothing where it is one item."""
    return [items[: len(items) // 2], items[len(items) // 2 :]] if len(items) > 1 else []


def kill_during(executor: Executor, *, every: float, rng: random.Random, nap: float = NAP) -> tuple[int, str]:
    """How many workers were killed in one run, and what is wrong with its results; empty where nothing is."""
    tasks = [tuple(range(at * ITEMS, (at + 1) * ITEMS)) for at in range(TASKS)]
    expected = {task[0]: prepare_naps(0)(task) for task in tasks}
    done, struck, me = threading.Event(), [0], os.getpid()

    def strike() -> None:
        while not done.wait(every * rng.uniform(0.7, 1.3)):
            processes = [*list_processes().items()]
            working = [pid for pid, words in processes if words.startswith("ray::Worker.work") and is_below(pid, me)]
            if working:
                with suppress(ProcessLookupError):
                    os.kill(rng.choice(working), signal.SIGKILL)
                    struck[0] += 1

    killer = threading.Thread(target=strike)
    killer.start()
    try:
        job = Job(label="naps", total=TASKS, split=halve)
        found = [each for _, result in executor.run(prepare_naps, nap / ITEMS, tasks, job=job) for each in result]
    except LatentscapeError as error:
        return struck[0], str(error)
    finally:
        done.set()
        killer.join()
    wanted = [each for task in tasks for each in expected[task[0]]]
    return struck[0], "" if sorted(found) == wanted else "other results than in one process"


def _kill_drivers(n_trials: int) -> Outcome:
    wrong, slowest = list[str](), 0.0
    for number in range(n_trials):
        with start_driver() as driver:
            own = {pid for pid in list_processes() if is_below(pid, driver.pid)}
            driver.kill()
        seconds, left = wait_for_end(own)
        slowest = max(slowest, seconds)
        wrong += [f"driver {number}: {left} left"] if left else []
        for pid in left:
            os.kill(pid, signal.SIGKILL)
    return Outcome(name="SIGKILL of the process that started a Ray cluster",
                   promise="no process of the cluster is left after 5 s",
                   tried=n_trials, wrong=wrong, note=f"slowest {slowest:.1f} s")  # fmt: skip


def start_driver(code: str = DRIVER) -> subprocess.Popen[str]:
    """A process in a group of its own, whose workers have begun; its stdout tells what is done."""
    driver = subprocess.Popen(
        [sys.executable, "-c", code], cwd=Path(__file__).parents[1], start_new_session=True, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert driver.stdout is not None
    if not driver.stdout.readline():
        raise AssertionError("the driver ended before its workers had begun")
    return driver


def list_processes() -> dict[int, str]:
    """pid -> command line of every process of a cluster that we started."""
    found = {}
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if any(each.startswith(f"{MARK}=".encode()) for each in (path / "environ").read_bytes().split(b"\0")):
                words = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
                if words:  # else it has ended, and nobody asked
                    found[int(path.name)] = words
    return found


def is_below(pid: int, ancestor: int) -> bool:
    """Whether a process descends from another."""
    while pid > 1:
        if pid == ancestor:
            return True
        try:
            pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            return False
    return False


def wait_for_end(pids: set[int], patience: float = 5.0) -> tuple[float, set[int]]:
    """Seconds until all have ended, and those that did not."""
    began = time.monotonic()
    while (left := pids & list_processes().keys()) and time.monotonic() < began + patience:
        time.sleep(0.05)
    return time.monotonic() - began, left
