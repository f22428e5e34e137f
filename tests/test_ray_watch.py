"""A cluster that we joined and that goes away: told before Ray ends the process. No cluster is needed."""

import socket
import sys
import threading
import time
from contextlib import ExitStack
from types import SimpleNamespace

import pytest

from latentscape.errors import ResourceError, WorkerDiedError
from latentscape.ray_cluster import watch
from latentscape.ray_cluster.cluster import Cluster
from latentscape.ray_cluster.deaths import NODE_LOST
from latentscape.ray_cluster.rounds import Round

from .listening import Listener
from .ray_clusters import job


@pytest.fixture
def joined(monkeypatch):
    """A cluster of somebody's: a socket that listens is its head, the other end of a line its node."""
    for name, seconds in (("BETWEEN", 0.02), ("PATIENCE", 0.3), ("GRACE", 0.1)):
        monkeypatch.setattr(watch, name, seconds)
    with ExitStack() as stack:
        head = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        near, far = map(stack.enter_context, socket.socketpair())
        near.setblocking(False)
        hook = SimpleNamespace(enable_auto_connect=True)
        monkeypatch.setattr(watch, "_reach_node", lambda: near)
        monkeypatch.setattr(watch, "import_module", lambda _: hook)
        monkeypatch.setattr("latentscape.ray_cluster.cluster._STARTED", [])
        address, left, forever = f"127.0.0.1:{head.getsockname()[1]}", threading.Event(), threading.Event()
        stack.callback(forever.set)
        ray = SimpleNamespace(
            is_initialized=lambda: True,
            get_runtime_context=lambda: SimpleNamespace(gcs_address=address),
            cluster_resources=forever.wait,
            shutdown=left.set,
        )
        monkeypatch.setitem(sys.modules, "ray", ray)
        cluster = Cluster(n_cores=1, progress=Listener())
        stack.callback(cluster.close)
        assert cluster.ray is ray
        yield SimpleNamespace(cluster=cluster, head=head, far=far, left=left, hook=hook, ray=ray)


def test_a_head_that_is_there_is_no_loss(joined):
    time.sleep(0.5)
    joined.cluster.require_alive()
    assert joined.cluster.ask(lambda: 3) == 3
    with pytest.raises(TimeoutError, match="its own"):
        joined.cluster.ask(lambda: (_ for _ in ()).throw(TimeoutError("its own")))
    joined.cluster.close()
    assert not joined.left.is_set()
    assert joined.hook.enable_auto_connect


def test_a_head_that_is_silent_is_a_loss_and_no_question_waits_for_it(joined):
    joined.head.close()
    joined.cluster.require_alive()
    with pytest.raises(ResourceError, match="cluster was lost") as told:
        joined.cluster.count_cores()
    assert (told.value.fault, told.value.exit_code) == ("cluster-lost", 6)
    assert "has not answered for" in told.value.got
    joined.cluster.close()
    assert joined.left.is_set()
    assert not joined.hook.enable_auto_connect


def test_ray_is_left_also_where_nobody_asks(joined):
    joined.head.close()
    assert joined.left.wait(10)
    with pytest.raises(ResourceError, match="cluster was lost"):
        _ = joined.cluster.ray


def test_a_head_that_comes_back_is_no_loss(joined, monkeypatch):
    monkeypatch.setattr(watch, "PATIENCE", 5.0)
    place = joined.head.getsockname()
    joined.head.close()
    time.sleep(0.1)
    with socket.create_server(place):
        time.sleep(0.3)
        monkeypatch.setattr(watch, "PATIENCE", 0.3)
        time.sleep(0.6)
        joined.cluster.require_alive()


def test_the_node_that_we_speak_through_is_missed_at_once(joined):
    joined.cluster.require_alive()
    joined.far.close()
    with pytest.raises(ResourceError, match="cluster was lost") as told:
        joined.cluster.ask(lambda: 3)
    assert "the node" in told.value.got


def test_workers_that_were_sent_to_a_lost_node_are_one_loss():
    cluster = Cluster(n_cores=1, progress=Listener())
    starts = Round(cluster, list, tasks=iter(()), job=job(1))
    for _ in range(100):
        starts._count_lost_start(NODE_LOST, Listener())
    starts = Round(cluster, list, tasks=iter(()), job=job(1))
    with pytest.raises(WorkerDiedError, match="3 workers in a row"):
        for _ in range(100):
            starts._count_lost_start("it ended with exit code 3", Listener())
