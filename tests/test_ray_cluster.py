"""The same results from workers that die; no error, process or open door is left by the cluster."""

import os
import pickle
import random
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from chaos.ray_kills import (
    DRIVER,
    halve,
    is_below,
    kill_during,
    list_processes,
    run,
    start_driver,
    wait_for_end,
)
from latentscape import errors
from latentscape.errors import DataError, LatentscapeError, ResourceError, UsageError, WorkerDiedError
from latentscape.executor import Executor, InProcess
from latentscape.extras import MissingExtraError
from latentscape.ray_cluster import RayExecutor, guard, open_executor, rounds
from latentscape.ray_cluster.cluster import Cluster
from latentscape.ray_cluster.deaths import find_reason, is_full_disk
from latentscape.ray_cluster.parcels import Setting, pack_apart, unpack_apart
from latentscape.ray_cluster.worker import Worker

from . import ray_clusters as does
from .listening import Listener
from .ray_clusters import RAY, job, open_cluster

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def heard():
    return Listener()


@pytest.fixture(scope="module")
def executor(heard):
    """One cluster of two workers for all of this module."""
    with open_cluster(heard) as opened:
        yield opened


def own_processes():
    return {pid: words for pid, words in list_processes().items() if is_below(pid, os.getpid())}


def own_workers():
    return sorted(pid for pid, words in own_processes().items() if words.startswith("ray::Worker"))


# Without a cluster


def test_local_is_this_process_and_imports_nothing():
    with open_executor(SimpleNamespace(engine="local", workers=0)) as opened:
        assert isinstance(opened, InProcess)


def test_without_ray_one_line_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match="needs ray") as told, open_executor(RAY):
        pass
    assert "latentscape[ray]" in told.value.hint


@pytest.mark.parametrize("address", ["127.0.0.1:1", "nowhere", "127.0.0.1:99999999", "ray://127.0.0.1:1"])
def test_an_address_where_no_cluster_is_is_told_at_once(monkeypatch, address):
    monkeypatch.delitem(sys.modules, "ray", raising=False)
    monkeypatch.setenv("RAY_ADDRESS", address)
    began = time.monotonic()
    with open_executor(RAY) as opened, pytest.raises(UsageError) as told:
        list(opened.run(does.prepare_naps, 0, [1], job=job(1)))
    assert told.value.fault == "cluster-missing"
    assert address in str(told.value)
    assert time.monotonic() - began < 6


def test_nothing_to_do_needs_no_cluster(monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    with open_executor(RAY) as opened:
        assert list(opened.run(does.prepare_naps, 0, [], job=job(0))) == []


def test_the_number_of_workers_is_known_before_the_cluster_begins(monkeypatch):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.delitem(sys.modules, "ray", raising=False)
    cores = len(os.sched_getaffinity(0))
    for workers, wanted in ((0, cores), (1, 1), (cores + 3, cores + 3)):
        with open_executor(SimpleNamespace(engine="ray", workers=workers)) as opened:
            assert opened.n_workers == wanted


def test_the_guard_ends_what_belongs_to_a_cluster_and_nothing_else(tmp_path):
    folder, elsewhere = tmp_path / "cluster", tmp_path / "elsewhere"
    folder.mkdir()
    bare = {name: value for name, value in os.environ.items() if name != guard.MARK}
    with (folder / "log").open("w") as log, elsewhere.open("w") as other, ExitStack() as ending:

        def start(stdin, *, title="sleep", **marks):
            nap = subprocess.Popen([title, "60"], executable="sleep", stdin=stdin, stdout=other, env=bare | marks)
            ending.callback(nap.wait)
            ending.callback(nap.kill)
            return nap

        marked = start(other, **{guard.MARK: str(folder)})
        hidden = start(log, title="ray::DashboardAgent")
        strangers = [start(log), start(other, title="ray::Worker"), start(other, **{guard.MARK: f"{folder}-2"})]
        guard.sweep(folder)
        assert {each.wait(10) for each in (marked, hidden)} == {-signal.SIGKILL}
        assert [each.poll() for each in strangers] == [None] * 3
    assert not folder.exists()


@pytest.mark.parametrize(
    ("gpus", "each", "workers", "wanted"),
    [(2, 1.0, 0, 2), (2, 0.5, 0, 4), (1, 0.3, 0, 3), (4, 1.0, 3, 3), (1, 0.1, 0, 8), (2, 1.0, 5, 5)],
)
def test_workers_share_the_gpus(gpus, each, workers, wanted):
    executor = RayExecutor(Listener(), workers=workers, gpus_per_worker=each)
    resources = {"GPU": gpus, "CPU": 8.0}
    executor._cluster._ray = SimpleNamespace(cluster_resources=lambda: resources)
    assert executor._count_workers("cuda") == wanted
    assert executor.n_workers == (workers or 8)
    del resources["GPU"]
    with pytest.raises(ResourceError, match="too few GPUs") as told:
        executor._count_workers("cuda")
    assert told.value.fault == "cluster-unusable"


def test_workers_that_were_asked_for_are_what_makes_a_cluster_grow():
    executor = RayExecutor(Listener(), workers=12, gpus_per_worker=1.0)
    executor._cluster._ray = SimpleNamespace(cluster_resources=dict)
    assert executor.n_workers == 12
    executor._cluster._folder = Path()  # one of our own does not grow
    assert executor.n_workers == 12
    resources = {"GPU": 2.0}
    executor._cluster._ray = SimpleNamespace(cluster_resources=lambda: resources)
    assert executor._count_workers("cuda") == 2


def test_what_is_shared_is_neither_copied_nor_read_only():
    table, small = np.arange(100_000.0), np.arange(3)
    parts = pack_apart({"table": table, "small": small, "columns": np.asfortranarray(np.ones((400, 50)))})
    assert [part.nbytes for part in parts[1:]] == [800_000, 160_000]
    assert np.shares_memory(parts[1], table)
    locked = [np.frombuffer(part.tobytes(), dtype=np.uint8) for part in parts]
    assert not locked[1].flags.writeable
    back = unpack_apart(locked)
    assert back["table"].flags.writeable
    assert np.shares_memory(back["table"], locked[1])
    assert back["columns"].flags.f_contiguous
    np.testing.assert_array_equal(back["table"], table)


KINDS = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, LatentscapeError)]


@pytest.mark.parametrize("kind", [*KINDS, MissingExtraError])
def test_our_errors_travel_whole(kind):
    error = kind("what", got="got", expected="expected", hint="hint")
    back = pickle.loads(pickle.dumps(error))
    assert type(back) is kind
    assert vars(back) == vars(error)
    assert str(back) == str(error)


def test_a_worker_answers_with_results_and_errors_as_values(monkeypatch):
    for name in ("hold_threads", "end_with_parent"):  # they are for a process of its own
        monkeypatch.setattr(f"latentscape.ray_cluster.worker.{name}", lambda *_: None)
    worker = Worker(Setting(paths=[], folder=str(Path.cwd()), environment={}))
    assert not worker.prepare(pack_apart((does.prepare_error, "ours"))).failed
    assert worker.work(pickle.dumps(1)).read() == 1
    told = worker.work(pickle.dumps(3))
    assert told.failed
    assert "in a worker of the cluster" in told.read().__notes__[0]
    worker.forget()
    assert isinstance(worker.work(pickle.dumps(1)).read(), AssertionError)


def test_how_a_worker_ended_is_told_where_it_is_known(tmp_path):
    (tmp_path / "worker-ab-01000000-7.err").write_bytes(b"x\n*** SIGSEGV received at time=1 ***\n")
    said = RuntimeError("Worker exits with an exit code 4.")
    assert "exit code 4" in find_reason(said, pid=7, logs=tmp_path)
    assert "SIGSEGV" in find_reason(RuntimeError(), pid=7, logs=tmp_path)
    assert "without a word" in find_reason(RuntimeError(), pid=8, logs=tmp_path)
    assert "without a word" in find_reason(RuntimeError(), pid=None, logs=None)
    out_of_memory = type("OutOfMemoryError", (Exception,), {})
    assert "out of memory" in find_reason(out_of_memory(), pid=7, logs=tmp_path)
    assert is_full_disk(OSError(28, "full"))
    assert not is_full_disk(OSError(2, "no file"))


# With a cluster


@pytest.mark.slow
def test_results_are_those_of_this_process(executor, heard):
    assert isinstance(executor, Executor)
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    table = np.random.default_rng(0).random((20_000, 30))
    for n_tasks in (30, 1):
        found = dict(executor.run(does.prepare_sums, table, range(n_tasks), job=job(n_tasks)))
        for task, wanted in InProcess().run(does.prepare_sums, table, range(n_tasks), job=job(n_tasks)):
            np.testing.assert_array_equal(found[task]["sum"], wanted["sum"])
            assert found[task]["threads"] == "1"
        assert len(found) == n_tasks
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before
    assert sum("was started on this machine" in each for each in heard.said) == 1


@pytest.mark.slow
def test_only_this_machine_is_heard_and_nothing_is_sent_home(executor):
    list(executor.run(does.prepare_naps, 0, [1, 2], job=job(2)))
    processes = own_processes()
    listening = does.list_listening([*processes, os.getpid()])
    assert listening
    assert all(each.startswith(does.LOOPBACK) for each in listening)
    assert not any(each.endswith(f":{8265:04X}") for each in listening)
    for pid in processes:
        with suppress(OSError):  # it may have ended since it was listed
            environment = Path(f"/proc/{pid}/environ").read_bytes()
            is_overwritten = environment.startswith(b"\0")  # by the title that an agent of Ray's gives itself
            assert is_overwritten or b"RAY_USAGE_STATS_ENABLED=0" in environment.split(b"\0")
    assert "RAY_AUTH_TOKEN" not in os.environ


@pytest.mark.slow
def test_only_this_machine_is_heard_where_ray_was_imported_before():
    program = "import ray\nfrom tests import ray_clusters as does\nprint(*does.list_open_doors())\n"
    told = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr
    assert told.stdout.split()
    assert all(each.startswith(does.LOOPBACK) for each in told.stdout.split())


@pytest.mark.slow
def test_tasks_are_taken_when_a_worker_is_free_and_results_are_not_kept(executor):
    taken = []
    tasks = (taken.append(at) or at for at in range(60))
    for n_done, (_, made) in enumerate(executor.run(does.prepare_big, 2**20, tasks, job=job(60))):
        assert len(taken) <= n_done + 6
        assert made.nbytes == 2**20
        assert made.flags.writeable
    core = sys.modules["ray"]._private.worker.global_worker.core_worker
    assert len(core.get_all_reference_counts()) < 12


@pytest.mark.slow
def test_errors_of_a_task_arrive_as_themselves(executor):
    with pytest.raises(DataError) as told:
        list(executor.run(does.prepare_error, "ours", range(5), job=job(5)))
    error = told.value
    assert (error.what, error.got, error.expected) == ("bad row", "3", "4")
    assert (error.hint, error.fault) == ("mend it", "data-columns")
    for kind, name in ((ValueError, "value"), (RuntimeError, "odd"), (RuntimeError, "open"), (MemoryError, "memory")):
        with pytest.raises(kind) as told:
            list(executor.run(does.prepare_error, name, [3], job=job(1)))
        assert type(told.value) is kind
    with pytest.raises(DataError, match="can't begin"):
        list(executor.run(does.prepare_start, "raise", [1], job=job(1)))
    with pytest.raises(UsageError, match="can't be sent") as told:
        list(executor.run(does.prepare_naps, (each for each in ()), [1], job=job(1)))
    assert told.value.fault == "option-value"


@pytest.mark.slow
def test_poison_is_narrowed_down_and_named_after_three_deaths(executor, heard):
    n_before = len(heard.said)
    named = job(2, split=halve, name=lambda task: f"rows {task[0]} to {task[-1]}")
    found = {}
    with pytest.raises(WorkerDiedError, match="3 workers died over rows 1 to 1") as told:
        for task, result in executor.run(does.prepare_poison, 1, [(0, 1), (4, 5)], job=named):
            found[task] = result
    assert (told.value.task, told.value.exit_code, told.value.fault) == ((1,), 6, "worker-died")
    assert found.items() <= {(0,): 0, (4, 5): 9, (4,): 4, (5,): 5}.items()
    assert sum("a worker died over rows 1 to 1" in each for each in heard.said[n_before:]) == 3
    assert dict(executor.run(does.prepare_naps, 0, [1], job=job(1)))[1][0] == 1


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="workers are forked on Linux only")
def test_what_is_slow_to_open_is_forked_and_dies_as_workers_do(executor):
    slow = job(4, is_slow_to_open=True)
    told = dict(executor.run(does.prepare_origins, 9, range(4), job=slow))
    assert all("fork_server" in origin for origin in told.values())
    with pytest.raises(WorkerDiedError, match="3 workers died over 9"):
        list(executor.run(does.prepare_origins, 9, [8, 9], job=slow))


@pytest.mark.slow
def test_a_worker_that_cannot_start_is_told(executor, monkeypatch):
    monkeypatch.setattr(rounds, "SILENT_STARTS", 3)
    with pytest.raises(WorkerDiedError, match="as they started") as told:
        list(executor.run(does.prepare_start, "die", [1], job=job(1)))
    assert told.value.task is None


@pytest.mark.slow
def test_a_full_disk_is_tried_elsewhere(executor, tmp_path):
    done = dict(executor.run(does.prepare_limit, str(tmp_path), [1, 2, 3], job=job(3)))
    assert sorted(done) == [1, 2, 3]
    assert all(any(path.stat().st_size == 2**20 for path in tmp_path.glob(f"{task}-*")) for task in done)
    with pytest.raises(ResourceError, match="is full") as told:
        list(executor.run(does.prepare_full, str(tmp_path / "all"), [1], job=job(1)))
    assert told.value.fault == "disk-full"


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_killed_workers_change_nothing(executor, seed):
    struck, wrong = kill_during(executor, every=0.5, rng=random.Random(seed), nap=0.1)
    assert not wrong
    assert struck >= 1


@pytest.mark.slow
def test_stopping_ends_after_what_is_under_way(executor):
    done = []
    stop = job(50, stopping=lambda: len(done) >= 3)
    for task, _ in executor.run(does.prepare_naps, 0.05, range(50), job=stop):
        done.append(task)
    assert 3 <= len(done) <= 5


@pytest.mark.slow
def test_closing_early_ends_the_workers(executor):
    results = executor.run(does.prepare_naps, 0.3, range(50), job=job(50))
    next(results)
    results.close()
    latest = time.monotonic() + 3
    while own_workers() and time.monotonic() < latest:
        time.sleep(0.05)
    assert not own_workers()


@pytest.mark.slow
def test_a_cluster_of_the_users_is_used_and_left(executor, heard):
    list(executor.run(does.prepare_naps, 0, [1], job=job(1)))
    with open_executor(RAY, progress=heard) as other:
        assert not other._cluster.is_own
        assert len(list(other.run(does.prepare_naps, 0, [1, 2], job=job(2)))) == 2
    assert sys.modules["ray"].is_initialized()
    assert len(list(executor.run(does.prepare_naps, 0, [1], job=job(1)))) == 1


@pytest.mark.slow
def test_a_lost_cluster_is_told(executor, monkeypatch):
    list(executor.run(does.prepare_naps, 0, [1], job=job(1)))
    ended = SimpleNamespace(process=SimpleNamespace(poll=lambda: -9))
    monkeypatch.setattr("ray._private.worker._global_node", SimpleNamespace(all_processes={"raylet": [ended]}))
    with pytest.raises(ResourceError, match="cluster was lost") as told:
        list(executor.run(does.prepare_naps, 0, [1], job=job(1)))
    assert told.value.fault == "cluster-lost"


@pytest.mark.slow
def test_workers_outlive_ctrl_c_and_not_their_driver():
    hears = "import signal; signal.signal(signal.SIGINT, lambda *_: print('heard', flush=True))\n"
    with ExitStack() as stack:
        driver = stack.enter_context(start_driver(hears + DRIVER))
        stack.callback(driver.kill)
        own = {pid for pid in list_processes() if is_below(pid, driver.pid)}
        workers = {pid for pid in own if list_processes().get(pid, "").startswith("ray::Worker")}
        os.killpg(driver.pid, signal.SIGINT)
        said = [driver.stdout.readline().strip() for _ in range(12)]
        assert "heard" in said
        assert workers
        assert workers <= list_processes().keys()
        driver.kill()
        driver.wait()
        seconds, left = wait_for_end(own)
        assert not left, (seconds, [list_processes().get(pid) for pid in left])


@pytest.mark.slow
@pytest.mark.chaos
def test_a_random_worker_killed_every_two_seconds(tmp_path):
    outcomes = run(tmp_path, scale=1)
    assert [each for outcome in outcomes for each in outcome.wrong] == []


def test_the_cluster_of_this_process_is_not_closed_by_what_never_used_it():
    Cluster(n_cores=1, progress=Listener()).close()
