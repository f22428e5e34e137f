"""Listens to what a process asks of the system about one folder: to end it at a chosen call, or to write all down."""

import base64
import json
import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

NAMED = {"replace": "replace", "rename": "replace", "mkdir": "mkdir", "unlink": "unlink", "remove": "unlink"}
"""Calls that take paths -> the word we have for them."""
KINDS = ("open", "write", "fsync", "replace", "unlink", "mkdir")


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call: what it was, which path it was about, and, for a write, the bytes that were taken."""

    kind: str
    path: str
    target: str = ""
    """The new name of a replace; `new` for an open that makes or empties a file."""
    data: bytes = b""


def spell(call: Call) -> str:
    """A call as a line of JSON."""
    return json.dumps({**asdict(call), "data": base64.b64encode(call.data).decode()})


def read_trace(path: Path) -> list[Call]:
    """The calls of a trace file, in order."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return [Call(**{**line, "data": base64.b64decode(line["data"])}) for line in lines]


Before = Callable[[Call], object]


@contextmanager
def tapped(folder: Path, *, before: Before = lambda _: None, after: Before = lambda _: None) -> Iterator[None]:
    """Inside the block `before` and `after` hear of every call about `folder` or something below it."""
    tap = _Tap(os.path.realpath(folder), before, after)
    kept = {name: getattr(os, name) for name in ("open", "close", "write", "fsync", *NAMED)}
    wrapped = {"open": tap.open, "close": tap.close, "write": tap.write, "fsync": tap.fsync}
    wrapped |= {name: tap.wrap(name, kind) for name, kind in NAMED.items()}
    tap.system = kept
    try:
        for name, function in wrapped.items():
            setattr(os, name, function)
        yield
    finally:
        for name, function in kept.items():
            setattr(os, name, function)


class _Tap:
    def __init__(self, folder: str, before: Before, after: Before) -> None:
        self.folder, self.before, self.after = folder, before, after
        self.paths: dict[int, str] = {}
        self.system: Mapping[str, Any] = {}

    def _is_ours(self, path: str) -> bool:
        return path == self.folder or path.startswith(self.folder + os.sep)

    def open(self, path: Any, flags: int, mode: int = 0o777, **options: Any) -> int:
        if options or isinstance(path, int) or not self._is_ours(_whole(path)):
            return self.system["open"](path, flags, mode, **options)
        is_new = flags & os.O_TRUNC or (flags & os.O_CREAT and not os.path.lexists(path))
        call = Call(kind="open", path=_whole(path), target="new" if is_new else "")
        self.before(call)
        descriptor = self.system["open"](path, flags, mode)
        self.paths[descriptor] = call.path
        self.after(call)
        return descriptor

    def close(self, descriptor: int) -> None:
        self.paths.pop(descriptor, None)
        self.system["close"](descriptor)

    def write(self, descriptor: int, data: Any) -> int:
        if descriptor not in self.paths:
            return self.system["write"](descriptor, data)
        call = Call(kind="write", path=self.paths[descriptor], data=bytes(data))
        self.before(call)
        taken = self.system["write"](descriptor, data)
        self.after(Call(kind="write", path=call.path, data=call.data[:taken]))
        return taken

    def fsync(self, descriptor: int) -> None:
        if descriptor not in self.paths:
            return self.system["fsync"](descriptor)
        call = Call(kind="fsync", path=self.paths[descriptor])
        self.before(call)
        self.system["fsync"](descriptor)
        return self.after(call)

    def wrap(self, name: str, kind: str) -> Callable[..., Any]:
        """A call about paths."""

        def called(path: Any, *rest: Any, **options: Any) -> Any:
            if options.get("dir_fd") is not None or isinstance(path, int) or not self._is_ours(_whole(path)):
                return self.system[name](path, *rest, **options)
            call = Call(kind=kind, path=_whole(path), target=_whole(rest[0]) if kind == "replace" else "")
            self.before(call)
            answer = self.system[name](path, *rest, **options)
            self.after(call)
            return answer

        return called


def _whole(path: Any) -> str:
    """The path from the root; links above it followed, its own not."""
    given = Path(os.fsdecode(path))
    return str(Path(os.path.realpath(given.parent)) / given.name)


@dataclass(frozen=True, kw_only=True)
class Point:
    """A place to die: before, after or (a write only) in the middle of the n-th call of a kind."""

    kind: str
    nth: int
    when: str
    late: bool = False
    """Counted from the moment when the features are read, not from the start."""


class Executioner:
    """Counts calls and ends this process with SIGKILL at its point."""

    def __init__(self, point: Point | None) -> None:
        self.point, self.late = point, False
        self.counts: dict[bool, Counter[str]] = {False: Counter(), True: Counter()}

    def before(self, call: Call) -> None:
        self.counts[self.late][call.kind] += 1
        if self._is_due(call, "middle"):
            descriptor = os.open(call.path, os.O_WRONLY | os.O_APPEND)
            os.write(descriptor, call.data[: len(call.data) // 2])
        if self._is_due(call, "before") or self._is_due(call, "middle"):
            os.kill(os.getpid(), signal.SIGKILL)

    def after(self, call: Call) -> None:
        if self._is_due(call, "after"):
            os.kill(os.getpid(), signal.SIGKILL)

    def _is_due(self, call: Call, when: str) -> bool:
        point = self.point
        return (
            point is not None
            and (point.kind, point.when, point.late) == (call.kind, when, self.late)
            and self.counts[self.late][call.kind] == point.nth
        )
