"""What travels between the driver and its workers: no cluster is needed to try it."""

import ctypes
import os
import pickle
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

LEAST_APART = 2**16
"""Bytes: arrays that are smaller travel with the rest, larger ones lie once in a node's shared memory."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What makes a worker's process like the one that sent for it."""

    paths: Sequence[str]
    """Where modules are found, in order."""
    folder: str
    """The current folder."""
    environment: Mapping[str, str]
    session: str = ""
    """What the workers of one run have in common, and nobody else knows."""

    def adopt(self) -> None:
        """Make this process so."""
        sys.path[:] = dict.fromkeys([*self.paths, *sys.path, self.folder])  # the user's own code is found last
        os.environ.update(self.environment)
        with suppress(OSError):  # another machine need not have it
            os.chdir(self.folder)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came of a task: its result, or the exception it raised, as bytes."""

    pickled: np.ndarray
    """Bytes; an array, because Ray copies those only once."""
    failed: bool = False
    text: str = ""
    """The exception in words, where it is of a kind that the reader does not have."""

    def read(self) -> Any:
        """The result, or the exception."""
        try:
            return pickle.loads(self.pickled.data)  # noqa: S301  made by our own worker
        except Exception:
            if not self.failed:
                raise
            return RuntimeError(self.text)


def pack(value: Any) -> bytes:
    """A value as bytes; functions of the main module and of notebooks with their code."""
    return _dump(value, protocol=5)


def pack_apart(value: Any) -> list[np.ndarray]:
    """A value as arrays of bytes: the pickle, then its large arrays as they lie in memory, not copied."""
    apart: list[np.ndarray] = []

    def take(buffer: pickle.PickleBuffer) -> bool:
        raw = buffer.raw()
        is_small = raw.nbytes < LEAST_APART
        if not is_small:
            apart.append(np.frombuffer(raw, dtype=np.uint8))
        return is_small

    pickled = _dump(value, protocol=5, buffer_callback=take)
    return [np.frombuffer(pickled, dtype=np.uint8), *apart]


def unpack_apart(parts: Sequence[np.ndarray]) -> Any:
    """The value. Its large arrays lie in the memory of `parts`, which must be held as long as they are used.

    Ray gives that memory as read-only, and kernels are compiled for arrays that are not: to numba the two are
    different types. A task changes nothing of what is shared, so the arrays are given as writable ones.
    """
    buffers = [(ctypes.c_uint8 * part.nbytes).from_address(part.ctypes.data) for part in parts[1:]]
    return pickle.loads(parts[0].data, buffers=buffers)  # noqa: S301  made by our own driver


def answer(do: Callable[[], Any]) -> Answer:
    """What comes of this, be it an error."""
    try:
        return Answer(pickled=_as_array(do()))
    except BaseException as error:  # noqa: BLE001  whatever it is, it is raised where the stage is
        return _tell(error)


def _tell(error: BaseException) -> Answer:
    """An exception as a value; one that can't travel becomes a RuntimeError with its text."""
    text = f"{type(error).__name__}: {error}"
    error.add_note(f"in a worker of the cluster:\n{''.join(traceback.format_exception(error))}")
    try:
        pickled = _as_array(error)
        if type(pickle.loads(pickled.data)) is type(error):  # noqa: S301  made one line above
            return Answer(pickled=pickled, failed=True, text=text)
    except Exception:  # noqa: BLE001, S110  own exceptions fail in their own ways
        pass
    return Answer(pickled=_as_array(RuntimeError(text)), failed=True, text=text)


def _dump(value: Any, **options: Any) -> bytes:
    return import_module("ray.cloudpickle").dumps(value, **options)  # of an extra


def _as_array(value: Any) -> np.ndarray:
    return np.frombuffer(pack(value), dtype=np.uint8)


def hold_threads() -> None:
    """One thread a worker, which has one core: also in libraries that did not read OMP_NUM_THREADS as they started."""
    threadpool_limits(1)
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(1)
