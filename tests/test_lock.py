"""One writer a folder, whoever dies, whatever lies there under the lock's name."""

import json
import os
import platform
import signal
import subprocess
import sys
import time

import pytest

from latentscape.errors import BusyError, LatentscapeError, UsageError
from latentscape.lock import LOCK, peek_note, refuse_busy, take_lock

HOLDER = """
import sys, time
from pathlib import Path
from latentscape.lock import take_lock
lock = take_lock(Path(sys.argv[1]))
lock.write_note([])
print("held", flush=True)
time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def hold(folder, theirs=()):
    lock = take_lock(folder)
    lock.write_note(theirs)
    return lock


@pytest.mark.parametrize("ask", [refuse_busy, take_lock])
def test_who_comes_second_is_told_who_is_there_in_less_than_a_second(ask, holder, tmp_path):
    before = (tmp_path / LOCK).read_bytes()
    asked = time.monotonic()
    with pytest.raises(BusyError) as caught:
        ask(tmp_path)
    assert time.monotonic() - asked < 1
    assert f"process {holder.pid} on {platform.node()} since 20" in caught.value.got
    assert caught.value.fault == "run-busy"
    assert "--output" in caught.value.hint
    assert (tmp_path / LOCK).read_bytes() == before


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_holder_that_was_killed_holds_nothing(number, holder, tmp_path):
    holder.send_signal(number)
    holder.wait()
    refuse_busy(tmp_path)
    take_lock(tmp_path).release()


def test_asking_makes_nothing(tmp_path):
    refuse_busy(tmp_path / "new")
    refuse_busy(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_many_who_only_ask_keep_nobody_out(tmp_path):
    take_lock(tmp_path).release()
    asker = f"""
from pathlib import Path
from latentscape.lock import refuse_busy
while True:
    refuse_busy(Path({str(tmp_path)!r}))
"""
    askers = [subprocess.Popen([sys.executable, "-c", asker]) for _ in range(2)]
    try:
        time.sleep(0.5)
        for _ in range(100):
            take_lock(tmp_path).release()
    finally:
        for each in askers:
            each.kill()
            each.wait()


def test_asking_needs_nothing_heavy():
    program = (
        "import sys; from latentscape.lock import refuse_busy; print(*{'torch', 'numpy', 'pyarrow'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "\n"


def test_what_lay_here_first_is_remembered(tmp_path):
    lock = hold(tmp_path, ["report.md", "Phòng.png"])
    assert lock.read_note()["theirs"] == ["report.md", "Phòng.png"]
    assert peek_note(tmp_path)["theirs"] == ["report.md", "Phòng.png"]
    lock.write_note([])
    assert json.loads((tmp_path / LOCK).read_text())["theirs"] == []
    lock.release()


def test_a_kill_between_the_new_note_and_the_end_of_the_old_one(tmp_path, monkeypatch):
    hold(tmp_path, ["x" * 500]).release()
    lock = take_lock(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(os, "ftruncate", lambda *_: None)
        lock.write_note(["report.md"])
    assert lock.read_note()["theirs"] == ["report.md"]
    lock.release()


def test_a_new_lock_has_no_note(tmp_path):
    lock = take_lock(tmp_path)
    assert (lock.read_note(), peek_note(tmp_path), peek_note(tmp_path / "none")) == (None, None, None)
    lock.release()


def test_the_note_of_an_older_version(tmp_path):
    (tmp_path / LOCK).write_text('{"pid": 5, "host": "x", "since": "2025"}')
    assert peek_note(tmp_path)["theirs"] == []


NOT_OURS = ["mine", "[]", "5", '{"pid": "x"}', '{"pid": 5, "host": "x", "since": "y", "theirs": [5]}', "[" * 9999]


@pytest.mark.parametrize("text", NOT_OURS)
def test_a_file_of_this_name_that_is_not_ours_is_not_written_over(tmp_path, text):
    (tmp_path / LOCK).write_text(text)
    lock = take_lock(tmp_path)
    with pytest.raises(UsageError, match="not the lock") as caught:
        lock.read_note()
    lock.release()
    assert caught.value.fault == "output-foreign"
    assert (tmp_path / LOCK).read_text() == text


def make_odd(path, how):
    if how == "link":
        (path.parent / "outside").write_text("x")
        path.symlink_to("outside")
    elif how == "link to nowhere":
        path.symlink_to("nowhere")
    elif how == "pipe":
        os.mkfifo(path)
    else:
        path.mkdir()


@pytest.mark.parametrize("how", ["link", "link to nowhere", "pipe", "folder"])
def test_what_is_no_file_is_no_lock(tmp_path, how):
    make_odd(tmp_path / LOCK, how)
    refuse_busy(tmp_path)
    assert peek_note(tmp_path) is None
    with pytest.raises(LatentscapeError, match="--output") as caught:
        take_lock(tmp_path)
    assert caught.value.exit_code == 2
    assert not (tmp_path / "nowhere").exists()


def test_a_lock_whose_file_was_removed_keeps_nobody_out_and_is_taken_anew(tmp_path, monkeypatch):
    import fcntl

    lock, times = fcntl.flock, []

    def remove_first(descriptor, how):
        lock(descriptor, how)
        if not times:
            (tmp_path / LOCK).unlink()
        times.append(1)

    monkeypatch.setattr(fcntl, "flock", remove_first)
    taken = take_lock(tmp_path)
    assert len(times) == 2
    with pytest.raises(BusyError):
        take_lock(tmp_path)
    taken.release()


def test_a_holder_that_has_not_said_who_it_is(tmp_path):
    lock = take_lock(tmp_path)
    with pytest.raises(BusyError, match="it has not said"):
        refuse_busy(tmp_path)
    lock.release()


@pytest.mark.parametrize("torn", [b"", b'{\n  "ho', b'{\n  "host": "x", "pi', b"\0" * 400])
def test_a_note_that_a_power_cut_tore_is_no_reason_to_stop(tmp_path, torn):
    (tmp_path / LOCK).write_bytes(torn)
    lock = take_lock(tmp_path)
    assert lock.read_note() is None
    lock.write_note([])
    assert lock.read_note() is not None
    lock.release()
