"""How a process ends: a signal waits until work is kept, and a child never outlives its parent."""

import ctypes
import os
import signal
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, final

SIGNALS = (signal.SIGINT, signal.SIGTERM)
PR_SET_PDEATHSIG = 1
REMARK = b"\nfinishing this batch; press Ctrl-C again to stop at once\n"


@final
class Patience:
    """Whether somebody asked the process to stop, and the way to obey."""

    def __init__(self, *, remark: bool = False) -> None:
        self._remark = remark
        self._waiting: int | None = None
        self._before: dict[int, Any] = {}

    @property
    def asked(self) -> bool:
        """Whether a signal waits to be obeyed."""
        return self._waiting is not None

    def obey(self) -> None:
        """Do what the signal would have done at once. Nothing happens where none came.

        It comes back only where whoever uses this library handles the signal and goes on; so do we then.
        """
        if self._waiting is None:
            return
        number, before = self._waiting, dict(self._before)
        self.let_go()
        signal.raise_signal(number)
        self._waiting = None
        self.listen(list(before))

    def listen(self, numbers: Iterable[int]) -> None:
        """Take the signals over, but for those that are ignored, or handled by what is not Python."""
        for number in numbers:
            if signal.getsignal(number) not in (None, signal.SIG_IGN):
                self._before[number] = signal.getsignal(number)
                signal.signal(number, self._hear)

    def let_go(self) -> None:
        """Give the signals back to those who had them."""
        while self._before:
            signal.signal(*self._before.popitem())

    def _hear(self, number: int, frame: FrameType | None) -> None:
        if self._waiting is not None:  # the second: no more patience
            self.let_go()
            signal.raise_signal(number)
            return
        self._waiting = number
        if self._remark:
            with suppress(OSError):  # straight to the system: the stream may be in the middle of a line of ours
                os.write(2, REMARK)


@contextmanager
def finish_first(*, remark: bool = True) -> Iterator[Patience]:
    """Inside the block the first SIGINT or SIGTERM waits until `obey`; the second one acts at once, as without it.

    One that still waits when the block ends acts then. Signals reach the main thread only: elsewhere nothing changes.
    """
    patience = Patience(remark=remark)
    if threading.current_thread() is not threading.main_thread():
        yield patience
        return
    patience.listen(SIGNALS)
    try:
        yield patience
    finally:
        patience.let_go()
    patience.obey()


def end_with_parent(parent: int) -> None:
    """Have the system kill this process when the one that started it ends, however it ends (Linux only)."""
    if sys.platform != "linux":
        return
    with suppress(OSError, AttributeError):  # another C library: the parent still kills us where it can
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before we could ask
        os._exit(1)
