"""Signals that wait, and children that don't outlive their parent."""

import signal
import subprocess
import sys
import threading
import time

import pytest

from latentscape.interrupts import REMARK, SIGNALS, finish_first
from tests.processes import is_running


class Terminated(BaseException):
    """What SIGTERM means here."""


def terminate(*_):
    raise Terminated


@pytest.fixture(autouse=True)
def handlers():
    before = {number: signal.getsignal(number) for number in SIGNALS}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, terminate)
    yield {number: signal.getsignal(number) for number in SIGNALS}
    for number, handler in before.items():
        signal.signal(number, handler)


KINDS = [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, Terminated)]


@pytest.mark.parametrize(("number", "kind"), KINDS)
def test_the_first_waits_until_it_is_obeyed(number, kind, handlers, capfd):
    done = []
    with pytest.raises(kind), finish_first() as patience:
        assert not patience.asked
        patience.obey()
        signal.raise_signal(number)
        done.append(patience.asked)
        patience.obey()
        done.append("never")
    assert done == [True]
    assert {each: signal.getsignal(each) for each in SIGNALS} == handlers
    assert capfd.readouterr().err == REMARK.decode()


@pytest.mark.parametrize(("second", "kind"), KINDS)
@pytest.mark.parametrize("first", SIGNALS)
def test_the_second_acts_at_once(first, second, kind, handlers):
    with pytest.raises(kind), finish_first(remark=False):
        signal.raise_signal(first)
        signal.raise_signal(second)
        raise AssertionError("it went on")
    assert {each: signal.getsignal(each) for each in SIGNALS} == handlers


@pytest.mark.parametrize(("number", "kind"), KINDS)
def test_one_that_still_waits_acts_when_the_block_ends(number, kind, handlers):
    done = []
    with pytest.raises(kind), finish_first(remark=False):
        signal.raise_signal(number)
        done.append(1)
    assert done == [1]
    assert {each: signal.getsignal(each) for each in SIGNALS} == handlers


def test_an_error_in_the_block_is_not_hidden_by_a_signal_that_waits(handlers):
    with pytest.raises(ValueError, match="oh"), finish_first(remark=False):
        signal.raise_signal(signal.SIGINT)
        raise ValueError("oh")
    assert {each: signal.getsignal(each) for each in SIGNALS} == handlers


def test_where_the_user_handles_the_signal_and_goes_on_so_do_we():
    heard = []
    signal.signal(signal.SIGTERM, lambda number, _: heard.append(number))
    with finish_first(remark=False) as patience:
        for n_heard in (1, 2):
            signal.raise_signal(signal.SIGTERM)
            assert patience.asked
            patience.obey()
            assert not patience.asked
            assert len(heard) == n_heard


def test_an_ignored_signal_stays_ignored():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with finish_first(remark=False) as patience:
        signal.raise_signal(signal.SIGINT)
        assert not patience.asked
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_other_threads_hear_no_signals_and_change_nothing(handlers):
    found = []

    def work():
        with finish_first() as patience:
            patience.obey()
            found.append((patience.asked, {each: signal.getsignal(each) for each in SIGNALS}))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [(False, handlers)]


PARENT = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c",
    f"from latentscape.interrupts import end_with_parent; end_with_parent({os.getpid()}); print('ready', flush=True);"
    "import time; time.sleep(60)"], stdout=subprocess.PIPE, start_new_session=True)
child.stdout.readline()
print(child.pid, flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent ended")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_child_ends_with_its_parent(number):
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True) as parent:
        child = int(parent.stdout.readline())
        parent.send_signal(number)
        parent.wait()
        gone_by = time.monotonic() + 5
        while is_running(child):
            assert time.monotonic() < gone_by
            time.sleep(0.01)


@pytest.mark.skipif(sys.platform != "linux", reason="as above")
def test_a_child_whose_parent_has_ended_already_ends():
    program = "from latentscape.interrupts import end_with_parent; end_with_parent(1 << 30); print('alive')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (1, b"")
