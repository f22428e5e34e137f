"""What can't be sent, a cluster without room, and a study that needs none: each is told, and when."""

import sys
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from types import SimpleNamespace

import pytest
from torch import nn

from latentscape.errors import ResourceError, UsageError
from latentscape.ray_cluster import RayExecutor, open_executor, pool, rounds, waiting
from latentscape.ray_cluster.cluster import Cluster
from latentscape.ray_cluster.rounds import Round, Seat
from latentscape.ray_cluster.sending import find_culprit, pack_shared
from latentscape.ray_cluster.waiting import Waiting

from . import ray_clusters as does
from .listening import Listener
from .ray_clusters import RAY, job


@dataclass
class Held:
    model: nn.Module
    rest: object = None


def make_model(*, locked):
    model = nn.Sequential()
    model.add_module("body", nn.Linear(2, 2))
    model.add_module("head", nn.Sequential(nn.Linear(2, 2)))
    if locked:
        model.head.lock = Lock()
    return model


def close_over(lock):
    return lambda task: (lock, task)


def test_what_can_not_be_sent_is_named():
    assert find_culprit(Held(make_model(locked=True))) == "model.head.lock"
    assert find_culprit({"a": [1, (2, Lock())]}) == "a.1.1"
    assert find_culprit(close_over(Lock())) == "lock"
    assert find_culprit(Held(make_model(locked=False))) == ""
    assert pack_shared(does.prepare_naps, Held(make_model(locked=False)))
    endless = [Lock()]
    endless.append(endless)
    assert find_culprit(endless) == "0"


@pytest.mark.parametrize(
    ("shared", "task", "what", "got"),
    [
        (Held(make_model(locked=True)), 1, "what this stage works on", "`model.head.lock`: TypeError"),
        (0, [(Lock(), "a label")], "sample 7", "TypeError"),
    ],
)
def test_what_can_not_be_sent_is_told_before_a_cluster_is_asked(monkeypatch, shared, task, what, got):
    monkeypatch.delitem(sys.modules, "ray", raising=False)
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    named = job(1, name=lambda _: "sample 7")
    with open_executor(RAY) as opened, pytest.raises(UsageError, match=f"{what} can't be sent") as told:
        list(opened.run(does.prepare_naps, shared, [task], job=named))
    assert told.value.fault == "option-value"
    assert told.value.got.startswith(got)
    assert 'engine="local"' in told.value.hint


def join(**resources):
    """A cluster of somebody else's, without one."""
    joined = Cluster(n_cores=2, progress=Listener())
    joined._ray = SimpleNamespace(
        available_resources=lambda: {"CPU": resources["free"]}, cluster_resources=lambda: {"CPU": 2.0}
    )
    return joined


def test_waiting_for_room_is_told_at_once_and_again_and_ends(monkeypatch):
    now, heard = [100.0], Listener()
    monkeypatch.setattr(waiting, "time", SimpleNamespace(monotonic=lambda: now[0]))
    begun = Waiting(join(free=0.0), device="cpu")
    begun.begin()
    begun.go_on(heard, has_worker=True)  # one rested: it is no new one
    assert heard.said == []
    begun.begin()
    begun.go_on(heard, has_worker=False)
    assert heard.said == ["waiting for the cluster to have room for a worker: 0 of 2 cores free"]
    for _ in range(30):
        now[0] += 10
        begun.go_on(heard, has_worker=False)
    assert len(heard.said) == 2
    begun.go_on(heard, has_worker=True)
    now[0] += waiting.LONGEST - 1
    begun.go_on(heard, has_worker=False)
    now[0] += 1
    with pytest.raises(ResourceError, match="no room for a worker") as told:
        begun.go_on(heard, has_worker=False)
    assert told.value.got == "0 of 2 cores free for 15 minutes"
    assert (told.value.fault, told.value.exit_code) == ("cluster-unusable", 6)


def test_where_there_is_room_nothing_is_said_of_waiting(monkeypatch):
    now, heard = [0.0], Listener()
    monkeypatch.setattr(waiting, "time", SimpleNamespace(monotonic=lambda: now[0]))
    begun = Waiting(join(free=1.0), device="cpu")
    begun.begin()
    now[0] += waiting.SLOW_START - 1
    begun.go_on(heard, has_worker=False)
    assert heard.said == []


def test_that_tables_wait_for_room_is_said(monkeypatch):
    heard = Listener()
    executor = RayExecutor(heard, workers=0, gpus_per_worker=1.0)
    executor._cluster = join(free=0.0)
    monkeypatch.setattr(pool, "read_tables", lambda *_, **__: ["read"])
    assert executor.read_files(Path.stat, [Path("a"), Path("b")]) == ["read"]
    assert heard.said == ["waiting for the cluster to have room for a worker: 0 of 2 cores free"]


class Counting(Listener):
    def __init__(self):
        super().__init__()
        self.n_taken = 0

    def track(self, items, *, label, total, status=str):
        for item in items:
            self.n_taken += 1
            yield item


def test_a_bar_is_filled_only_where_all_was_done(monkeypatch):
    monkeypatch.setattr(Cluster, "require_alive", lambda _: None)
    for stops, n_taken in ((True, 1), (False, 8)):
        bar = Counting()
        begun = Round(join(free=1.0), lambda: None, tasks=iter(()), job=job(8, stopping=lambda s=stops: s))
        monkeypatch.setattr(begun, "_fill_seats", lambda *_: None)
        begun._is_dry = True
        assert list(begun.results((0, ""), n_workers=2, progress=bar)) == []
        assert bar.n_taken == n_taken


def test_answers_that_are_equal_and_not_the_same_are_known():
    start, other, joined = ("start", 1), ("start", int("1")), join(free=1.0)
    joined._ray.wait = lambda *_, **__: ([other], [])
    begun = Round(joined, lambda: None, tasks=iter(()), job=job(1))
    begun.seats.append(Seat(None, start=start))
    assert begun._wait(Listener())[1] is start
    assert rounds.LOOK <= 0.1


def test_that_no_worker_was_needed_is_said(monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    heard = Listener()
    with open_executor(RAY, progress=heard):
        pass
    assert heard.said == ["nothing was large enough to be worth a worker: all was done in this process"]
