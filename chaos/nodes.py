"""Nodes of a cluster lost and added, and its head lost, in the middle of a study: the bytes are the local run's.

`python -m chaos.nodes` is the cluster: several nodes of this machine, heard by no other, in a process of its own. It
reads an order a line and answers each with a line.
"""

import os
import random
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from chaos.nursery import find_living
from chaos.outcome import Outcome
from chaos.workers import LONGEST, MAY_LIVE, Study, Tally, judge, study_alone, write_study

NODES = 3
"""Studies that lose one of two nodes."""
PAIRS, MANY_PAIRS = 200, 600
"""Of a study; so many that it outlives the patience with a lost head."""
NEXT = 10.0
"""Seconds until another node comes."""
MARK = "LATENTSCAPE_CHAOS_NODES"
ROOM = {"node_ip_address": "127.0.0.1", "object_store_memory": 150 * 2**20}


def run(folder: Path, *, scale: float = 1.0, seed: int = 0) -> list[Outcome]:
    """At scale 1: three studies that lose a node, one that loses the only node, one that loses the head."""
    rng = random.Random(seed)
    words = write_study(folder / "nodes", PAIRS)
    reference, seconds = study_alone(folder / "reference", words)
    nodes, heads = Tally(), Tally()
    n_nodes = max(1, round(NODES * scale))
    for number in range(n_nodes + (scale >= 1)):
        place, is_only = folder / f"nodes-{number}", number == n_nodes
        with Nodes(1 if is_only else 2) as cluster:
            study = Study(place, words, engine="ray", environment=cluster.environment)
            if cluster.strike("node", study, after=rng.uniform(0, seconds / 2)):
                nodes.struck += 1
                if (is_only or number % 2) and not study.wait(NEXT):
                    cluster.order("add")
            study.wait(LONGEST)
            judge(place, study, reference, tally=nodes)
    outcomes = [
        Outcome(
            name="a node of two lost, or the only one and another added",
            promise="a study on a cluster ends with the bytes of the local run",
            tried=n_nodes + (scale >= 1),
            wrong=nodes.differ,
            note=f"{nodes.struck} nodes died at work",
        )
    ]
    if scale >= 1:
        waited = _lose_head(folder / "head", tally=heads)
        outcomes.append(
            Outcome(
                name="head of the cluster lost, then gone on with by the local engine",
                promise="exit 6, no process left, and the bytes of the local run",
                tried=1,
                wrong=[*heads.differ, *heads.left],
                note=f"the study ended {waited:.0f} s later",
            )
        )
    return outcomes


class Nodes:
    """The cluster, as a context; what it started dies with it."""

    def __init__(self, n_nodes: int) -> None:
        self._n_nodes, self._token = n_nodes, secrets.token_hex(32)

    def __enter__(self) -> "Nodes":
        access = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": self._token}
        quiet = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "OMP_NUM_THREADS": "1"}
        self._server = subprocess.Popen(
            [sys.executable, "-m", "chaos.nodes"],
            cwd=Path(__file__).parents[1],
            env={**os.environ, **access, **quiet, MARK: self._token},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        self.environment = {**access, "RAY_ADDRESS": self._hear()}
        """What a study joins it by."""
        for _ in range(self._n_nodes):
            self.order("add")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for pid in find_living(self._server.pid, mark=f"{MARK}={self._token}"):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._server.communicate()

    def order(self, words: str) -> None:
        """`add` a node, or end one: `node`, or the `head`."""
        if self._server.stdin is None:
            raise AssertionError("the cluster has pipes")
        self._server.stdin.write(f"{words}\n")
        self._server.stdin.flush()
        self._hear()

    def strike(self, what: str, study: Study, *, after: float) -> bool:
        """Order so many seconds after a worker began; False where the study was faster."""
        while not self._has_worker():
            if study.wait(0.1):
                return False
        if study.wait(after):
            return False
        self.order(what)
        return True

    def _has_worker(self) -> bool:
        living = find_living(self._server.pid, mark=f"{MARK}={self._token}")
        return any(words.startswith("ray::Worker") for words in living.values())

    def _hear(self) -> str:
        line = self._server.stdout.readline().strip() if self._server.stdout else ""
        if not line:
            raise AssertionError("the cluster died")
        return line


def _lose_head(place: Path, *, tally: Tally) -> float:
    """Seconds from the loss to the end of the study."""
    words = write_study(place, MANY_PAIRS)
    reference, _ = study_alone(place / "reference", words)
    place = place / "study"
    with Nodes(1) as cluster:
        study = Study(place, words, engine="ray", environment=cluster.environment)
        cluster.strike("head", study, after=0)
        began = time.monotonic()
        study.wait(LONGEST)
        waited = time.monotonic() - began
        if study.process.poll() != 6 or "cluster-lost" not in study.read_end():
            tally.differ.append(f"{place.name}: ended with {study.process.poll()}: {study.read_end()}")
        deadline = time.monotonic() + MAY_LIVE
        while (left := study.find()) and time.monotonic() < deadline:
            time.sleep(0.1)
        tally.left += left.values()
        study.end()
    again = Study(place, words, engine="local")
    again.wait(LONGEST)
    judge(place, again, reference, tally=tally)
    return waited


def serve() -> None:
    """The cluster, until it is killed: its address, then a line for each order."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what Ray prints must not look like an answer
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False, **ROOM})
    nodes: list[Any] = []

    def end(part: str) -> None:
        node: Any = cluster.head_node if part == "gcs_server" else nodes.pop(0)
        node.all_processes[part][0].process.kill()

    orders: dict[str, Callable[[], object]] = {
        "add": lambda: nodes.append(cluster.add_node(num_cpus=1, **ROOM)),
        "node": lambda: end("raylet"),
        "head": lambda: end("gcs_server"),
    }
    print(cluster.address, file=answers, flush=True)
    for line in sys.stdin:
        orders[line.strip()]()
        print("done", file=answers, flush=True)


if __name__ == "__main__":
    serve()
