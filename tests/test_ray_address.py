"""What RAY_ADDRESS may name, and how a cluster of our own begins: told in seconds, and in our words."""

import errno
import socket
import sys
import tempfile
import time
from contextlib import contextmanager
from importlib import import_module
from threading import Thread

import pytest

from latentscape.errors import ResourceError, UsageError
from latentscape.ray_cluster import address, cluster
from latentscape.ray_cluster.cluster import Cluster

from . import ray_clusters as does
from .listening import Listener
from .ray_clusters import job, open_cluster

SETTINGS = bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))


@contextmanager
def open_door(answer):
    """A port at which whoever speaks gets this answer; None is a door behind which nobody is."""
    with socket.create_server(("127.0.0.1", 0)) as door:

        def serve():
            try:
                line, _ = door.accept()
            except OSError:
                return
            with line:
                line.recv(100)
                line.sendall(answer)

        if answer is not None:
            Thread(target=serve, daemon=True).start()
        yield f"127.0.0.1:{door.getsockname()[1]}"


@pytest.mark.parametrize("before", ["", "ray://"])
@pytest.mark.parametrize(
    ("answer", "got"),
    [(None, "nobody answers"), (b"", "nobody answers"), (b"HTTP/1.1 400 Bad\r\n\r\n", "another kind")],
)
def test_an_open_port_that_is_no_cluster_is_told_within_seconds(monkeypatch, answer, got, before):
    monkeypatch.setattr(address, "PATIENCE", 0.3)
    began = time.monotonic()
    with open_door(answer) as place, pytest.raises(UsageError, match="can't be joined") as told:
        address.require_answer(before + place)
    assert time.monotonic() - began < 3
    assert told.value.fault == "cluster-missing"
    assert got in told.value.got
    assert "8265 is the dashboard's" in told.value.hint


def test_who_answers_as_ray_does_is_asked_for_the_cluster(monkeypatch):
    asked = []
    monkeypatch.setattr(address, "_ask", asked.append)
    with open_door(SETTINGS) as place:
        assert address.require_answer(place) == place
    assert asked == [place]
    with open_door(SETTINGS) as place:
        assert address.require_answer(f"ray://{place}") == f"ray://{place}"
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("wrong", "got", "hint"),
    [
        ("localhost", "no port", "add the port"),
        ("localhost:x", "the port `x`", "add the port"),
        ("http://127.0.0.1:8265", "http://", "leave `http://` out"),
        ("127.0.0.1:1", "refused", "ray status"),
    ],
)
def test_what_is_wrong_with_an_address_is_said(wrong, got, hint):
    with pytest.raises(UsageError) as told:
        address.require_answer(wrong)
    assert got in told.value.got
    assert hint in told.value.hint


def test_auto_is_asked_where_it_leads(monkeypatch):
    services = import_module("ray._private.services")
    monkeypatch.setattr(services, "get_ray_address_from_environment", lambda *_: "127.0.0.1:1")
    with pytest.raises(UsageError, match="`auto`") as told:
        address.require_answer("auto")
    assert "refused" in told.value.got

    def find_none(*_):
        raise ConnectionError("none")

    monkeypatch.setattr(services, "get_ray_address_from_environment", find_none)
    with pytest.raises(UsageError) as told:
        address.require_answer("auto")
    assert "ray start --head" in told.value.hint


def test_ray_asks_a_few_times_only_as_it_joins():
    constants = import_module("ray._private.ray_constants")
    before = constants.NUM_REDIS_GET_RETRIES
    with address.few_attempts():
        assert constants.NUM_REDIS_GET_RETRIES <= address.ATTEMPTS
    assert before == constants.NUM_REDIS_GET_RETRIES


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS])
def test_no_room_for_the_folder_of_a_cluster_is_told_as_that(monkeypatch, number):
    def fail(*_, **__):
        raise OSError(number, "no")

    heard = Listener()
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.delitem(sys.modules, "ray", raising=False)
    monkeypatch.setattr(tempfile, "mkdtemp", fail)
    with pytest.raises(ResourceError, match="can't be started on this machine") as told:
        Cluster(n_cores=1, progress=heard).ray  # noqa: B018
    assert told.value.fault == "cluster-unusable"
    assert "TMPDIR" in told.value.hint
    assert heard.said == ["starting a Ray cluster on this machine"]


def test_more_workers_than_cores_or_memory_are_told(monkeypatch):
    heard = Listener()
    monkeypatch.setattr(cluster, "count_cores", lambda: 2)
    monkeypatch.setattr(cluster, "_count_memory", lambda: 8 * 10**9)
    Cluster(n_cores=60, n_workers=60, progress=heard)._tell_room()
    assert "60 places for workers on 2 cores" in heard.said[0]
    assert "60 workers may need 13 GB and more, and this machine has 8" in heard.said[1]
    Cluster(n_cores=2, n_workers=1, progress=heard)._tell_room()
    assert heard.said[2].endswith(": 2 cores")
    assert len(heard.said) == 3


@pytest.mark.slow
def test_a_real_cluster_answers_and_others_of_its_doors_are_told_apart():
    with open_cluster(Listener()) as executor:
        list(executor.run(does.prepare_naps, 0, [1], job=job(1)))
        ray = executor._cluster.ray
        place = ray.get_runtime_context().gcs_address
        assert address.require_answer(place) == place
        other = f"127.0.0.1:{ray.nodes()[0]['NodeManagerPort']}"
        with pytest.raises(UsageError) as told:
            address.require_answer(other)
        assert told.value.fault == "cluster-missing"
        began = time.monotonic()
    assert time.monotonic() - began < 3
