"""Workers forked from one process that has opened a stage: the same answers, a death at the cost of a fork."""

import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from latentscape.ray_cluster import fork_server
from latentscape.ray_cluster.fork_server import borrow
from latentscape.ray_cluster.guard import MARK
from latentscape.ray_cluster.parcels import Setting, pack_apart
from tests.ray_clusters import prepare_error

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="workers are forked on Linux only"),
]
TABLE = np.arange(30_000.0).reshape(-1, 3)


def prepare_looks(shared):
    """A table -> the work: what the process is and has; the table is opened once for all of them."""

    def work(task):
        if task == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if task == "wait":
            Path(shared["mark"]).write_text(str(os.getpid()))
            time.sleep(60)
        if task == "say":
            os.write(2, b"a line for the worker's log\n")
        return {"pid": os.getpid(), "opened by": os.getppid(), "sum": shared["table"].sum(), "cwd": str(Path.cwd())}

    return work


class Threaded:
    """What starts a thread when it is opened."""

    def __reduce__(self):
        return _start_thread, ()


class Broken:
    """What can't be opened."""

    def __reduce__(self):
        return _fail, ()


def _start_thread():
    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()


def _fail():
    raise ValueError("it can't be opened")


@pytest.fixture
def setting(tmp_path, monkeypatch):
    """A run of its own, whose server ends with the test."""
    monkeypatch.setenv(MARK, str(tmp_path))
    paths = [str(Path(__file__).parents[1]), *sys.path]
    yield Setting(paths=paths, folder=str(tmp_path), environment={"OMP_NUM_THREADS": "1"}, session="s")
    for pid in find_server(tmp_path):
        os.kill(pid, signal.SIGKILL)
    while fork_server._STARTED:
        fork_server._STARTED.pop().wait()


@pytest.fixture
def parts(tmp_path):
    return pack_apart((prepare_looks, {"table": TABLE, "mark": tmp_path / "mark"}))


def find_server(folder):
    """The server of a run and what it forked."""
    found = []
    for each in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = each.read_bytes()
        except OSError:
            continue
        if b"serve('" + os.fsencode(folder) in words:
            found.append(int(each.parent.name))
    return found


def wait_until(holds, seconds=20):
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def ask(fork, task):
    return fork.ask(pickle.dumps(task)).read()


def test_forks_of_one_process_do_the_tasks(setting, parts, tmp_path):
    forks = [borrow("stage", parts, setting) for _ in range(3)]
    assert [fork.listen().read() for fork in forks] == [None] * 3
    told = [ask(fork, 0) for fork in forks]
    assert len({each["pid"] for each in told}) == 3
    assert len({each["opened by"] for each in told}) == 1
    assert {each["sum"] for each in told} == {TABLE.sum()}
    assert {each["cwd"] for each in told} == {str(tmp_path)}
    assert (tmp_path / "latentscape-s").stat().st_mode & 0o777 == 0o700
    for fork in forks:
        fork.close()
    wait_until(lambda: len(find_server(tmp_path)) == 1)


def test_another_stage_is_opened_by_the_same_server(setting, parts):
    first = borrow("one", parts, setting)
    assert not first.listen().failed
    second = borrow("two", pack_apart((prepare_error, "value")), setting)
    assert not second.listen().failed
    assert ask(second, 1) == 1
    told = second.ask(pickle.dumps(3))
    assert told.failed
    assert isinstance(told.read(), ValueError)
    assert ask(first, 0)["sum"] == TABLE.sum()


def test_who_had_a_fork_that_died_dies_too(setting, parts, monkeypatch):
    def die():
        raise SystemExit("as it did")

    monkeypatch.setattr(fork_server, "_die", die)
    fork = borrow("stage", parts, setting)
    fork.listen()
    with pytest.raises(SystemExit):
        fork.ask(pickle.dumps("die"))
    with pytest.raises(SystemExit):
        fork.ask(pickle.dumps(0))
    again = borrow("stage", parts, setting)
    again.listen()
    assert ask(again, 0)["sum"] == TABLE.sum()


def test_a_fork_ends_with_its_worker_in_the_middle_of_a_task(setting, parts, tmp_path):
    fork = borrow("stage", parts, setting)
    fork.listen()
    fork._connection.send_bytes(pickle.dumps("wait"))
    wait_until((tmp_path / "mark").exists)
    wait_until(lambda: (tmp_path / "mark").read_text())
    pid = int((tmp_path / "mark").read_text())
    fork.close()
    wait_until(lambda: pid not in find_server(tmp_path))


def test_a_fork_writes_where_its_worker_writes(setting, parts, capfd):
    fork = borrow("stage", parts, setting)
    fork.listen()
    ask(fork, "say")
    assert "a line for the worker's log" in capfd.readouterr().err


@pytest.mark.parametrize("trouble", [Threaded(), Broken()])
def test_what_can_not_be_forked_is_left_to_the_worker(setting, trouble):
    assert borrow("stage", pack_apart((prepare_looks, trouble)), setting) is None


def test_a_server_that_is_gone_is_started_anew(setting, parts, tmp_path):
    borrow("stage", parts, setting).listen()
    for pid in find_server(tmp_path):
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not find_server(tmp_path))
    again = borrow("stage", parts, setting)
    again.listen()
    assert ask(again, 0)["sum"] == TABLE.sum()


def test_somebody_elses_folder_is_not_entered(setting, parts, tmp_path):
    (tmp_path / "latentscape-s").mkdir()
    (tmp_path / "latentscape-s").chmod(0o777)
    assert borrow("stage", parts, setting) is None
    assert not find_server(tmp_path)


def test_a_path_too_long_for_a_socket_is_left_to_the_worker(setting, parts, tmp_path, monkeypatch):
    far = tmp_path / ("d" * 100)
    far.mkdir()
    monkeypatch.setenv(MARK, str(far))
    assert borrow("stage", parts, setting) is None


def test_the_server_ends_when_nobody_needs_it(tmp_path):
    folder = tmp_path / "latentscape-s"
    folder.mkdir()
    program = f"from latentscape.ray_cluster import fork_server as s; s.IDLE = 0.5; s.serve({str(folder)!r})"
    assert subprocess.run([sys.executable, "-c", program], timeout=60, check=False).returncode == 0
    assert not folder.exists()
