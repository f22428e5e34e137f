"""A system whose N-th call of a kind fails, for what lies below one folder; everything else works as ever."""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

BY_PATH = ("open", "mkdir", "unlink", "replace", "rmdir")
BY_DESCRIPTOR = ("write", "pwrite", "fsync", "ftruncate")
CALLS = BY_PATH + BY_DESCRIPTOR


@dataclass(frozen=True, kw_only=True)
class Fault:
    """The `at`-th use of `call`, counted from 1, fails with `code`; all later ones too if `forever`."""

    call: str
    at: int
    code: int
    forever: bool

    def strikes(self, call: str, number: int) -> bool:
        return call == self.call and (number == self.at or (self.forever and number > self.at))

    def __str__(self) -> str:
        return f"{self.call} {self.at}: {os.strerror(self.code)}, {'for ever' if self.forever else 'once'}"


@contextmanager
def faulty(folder: Path, fault: Fault | None = None, *, cheap: bool = True) -> Iterator[Counter[str]]:
    """Inside the block calls below `folder` are counted, and fail as `fault` says. `cheap`: fsync does nothing else."""
    top, counts, opened = os.path.realpath(folder), Counter[str](), set[int]()

    def is_below(path: Any) -> bool:
        return isinstance(path, str | os.PathLike) and f"{os.path.realpath(path)}/".startswith(f"{top}/")

    def wrap(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def use(first: Any, *rest: Any, **options: Any) -> Any:
            if not (is_below(first) if name in BY_PATH else first in opened):
                return call(first, *rest, **options)
            counts[name] += 1
            if fault and fault.strikes(name, counts[name]):
                raise OSError(fault.code, os.strerror(fault.code), None if name in BY_DESCRIPTOR else str(first))
            done = None if cheap and name == "fsync" else call(first, *rest, **options)
            if name == "open":
                opened.add(done)
            return done

        return use

    close = os.close

    def forget(descriptor: int) -> None:
        opened.discard(descriptor)
        close(descriptor)

    with mock.patch.multiple(os, close=forget, **{name: wrap(name, getattr(os, name)) for name in CALLS}):
        yield counts
