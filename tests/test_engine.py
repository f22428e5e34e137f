"""Compiled loops: cached once, loaded after, and survived where nothing can be kept."""

import json
import os
import subprocess
import sys
import threading
import time
from itertools import pairwise

import numpy as np
import pytest

from latentscape import engine
from latentscape.engine import Crew, Kernel, compile_kernels, count_threads, kernel, prepare_kernels
from tests.listening import Listener
from tests.processes import is_running

SUM = """
import numpy as np
from latentscape import engine
from latentscape.progress import Terminal
from latentscape.maps.attraction import _gather_pulls
{before}
places, forces = np.ones((2, 2), np.float32), np.empty((2, 2), np.float32)
places[1] = 0
engine.prepare_kernels(Terminal())
edges = np.array([0, 1, 2]), np.array([1, 0], np.uint32), np.ones(2, np.float32)
_gather_pulls(0, 2, *edges, places, forces)
print(forces.tolist(), _gather_pulls.dispatcher.stats.cache_hits, _gather_pulls.dispatcher.stats.cache_misses)
"""
FORCES = "[[0.3333333432674408, 0.3333333432674408], [-0.3333333432674408, -0.3333333432674408]]"


def run(before="", **environment):
    code = SUM.format(before=before)
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return done


@pytest.mark.slow
def test_the_first_run_on_a_machine_compiles_in_a_child_and_says_so_and_the_next_loads(tmp_path):
    first = run(NUMBA_CACHE_DIR=str(tmp_path))
    assert "preparing the map engine, once on this machine" in first.stderr
    second = run(NUMBA_CACHE_DIR=str(tmp_path))
    assert "preparing" not in second.stderr
    for done in (first, second):
        assert (
            done.stdout.strip()
            == f"{FORCES} {{('latentscape',)}}".split(" {")[0] + " " + done.stdout.split("]] ")[1].strip()
        )
        assert done.stdout.rstrip().endswith("Counter()") or "1" in done.stdout
    assert first.stdout == second.stdout  # both loaded what the child had compiled


@pytest.mark.slow
def test_a_machine_without_any_cache_compiles_what_it_needs():
    done = run(
        before="import numba\n"
        "_gather_pulls.dispatcher = numba.njit(nogil=True, fastmath=True)(_gather_pulls.dispatcher.py_func)\n"
        "engine._find_cache = lambda: None"
    )
    assert FORCES in done.stdout
    assert "preparing" not in done.stderr


def test_a_record_of_other_sources_means_another_preparation(tmp_path, monkeypatch):
    monkeypatch.setattr(engine, "_find_cache", lambda: tmp_path)
    assert not engine._is_prepared(tmp_path)
    record = tmp_path / engine.RECORD
    record.write_text(json.dumps(engine._describe_origin()))
    assert engine._is_prepared(tmp_path)
    record.write_text("{broken")
    assert not engine._is_prepared(tmp_path)


def test_a_cache_that_can_not_be_written_is_survived(tmp_path, monkeypatch):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    monkeypatch.setattr(engine, "_find_cache", lambda: blocked)
    prepare_kernels(Listener())
    monkeypatch.setattr(engine, "_find_cache", lambda: None)
    listener = Listener()
    prepare_kernels(listener)
    compile_kernels()
    assert listener.said == []


def test_no_locator_means_no_cache(monkeypatch):
    calls = []

    def njit(**options):
        calls.append(options)
        if options.get("cache"):
            raise RuntimeError("no locator available")
        return lambda function: function

    monkeypatch.setattr(engine.numba, "njit", njit)
    assert engine._decorate(len, {"nogil": True}) is len
    assert calls == [{"cache": True, "nogil": True}, {"nogil": True}]


def test_every_file_with_kernels_is_listed():
    with_kernels = {
        str(path.relative_to(engine.PACKAGE)) for path in engine.PACKAGE.rglob("*.py") if "@kernel(" in path.read_text()
    }
    assert with_kernels - {"engine.py"} == set(engine.SOURCES)


def test_values_of_another_type_are_refused():
    @kernel("f8(f8[::1])")
    def total(values):
        return values.sum()

    assert isinstance(total, Kernel)
    assert total(np.arange(4.0)) == 6
    with pytest.raises(TypeError):
        total(np.arange(4, dtype=np.float32))


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize(("n", "unit", "least"), [(0, 1, 1), (1, 1, 1), (10, 3, 1), (1000, 64, 128), (257, 256, 1)])
def test_shares_cover_all_rows_once_in_order(threads, n, unit, least):
    with Crew(threads) as crew:
        shares = crew.share(lambda start, stop: (start, stop), n, unit=unit, least=least)
    assert [start % unit for start, _ in shares] == [0] * len(shares)
    assert shares[0][0] == 0
    assert shares[-1][1] == n
    assert all(a[1] == b[0] for a, b in pairwise(shares))
    assert len(shares) <= 4 * threads


def test_a_mistake_in_a_share_is_raised_and_no_thread_is_left():
    before = threading.active_count()

    def fail(start, stop):
        raise ValueError(f"share from {start}")

    with Crew(3) as crew, pytest.raises(ValueError, match="share"):
        crew.share(fail, 10_000)
    assert threading.active_count() == before


@pytest.mark.parametrize(("wish", "threads"), [("1", 1), ("0", 1), ("", None), ("4,2", None), ("100000", None)])
def test_threads_follow_the_cores_and_the_users_wish(wish, threads, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", wish)
    cores = len(os.sched_getaffinity(0))
    assert count_threads() == (threads or cores)


PARENT = """
import time
from latentscape import engine
print(engine._start_child().pid, flush=True)
time.sleep(60)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent ended")
@pytest.mark.parametrize("after", [0.0, 1.5])
def test_the_child_that_compiles_does_not_outlive_a_parent_that_is_killed(tmp_path, after):
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    words = [sys.executable, "-c", PARENT]
    with subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, text=True) as parent:
        child = int(parent.stdout.readline())
        time.sleep(after)
        parent.kill()
        parent.wait()
    gone_by = time.monotonic() + 5
    while is_running(child):
        assert time.monotonic() < gone_by
        time.sleep(0.05)
