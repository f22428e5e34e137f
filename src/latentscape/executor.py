"""Who does a stage's work: this process, or workers of a cluster that may die. What comes out is the same."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar, final, runtime_checkable

from latentscape.progress import SILENT, Progress

Shared = TypeVar("Shared")
Task = TypeVar("Task")
Result = TypeVar("Result")


@dataclass(frozen=True, kw_only=True)
class Job:
    """How a stage's tasks are told and handed out; none of it changes what they give."""

    label: str
    """What the bar says."""
    total: int
    """How many tasks there are."""
    name: Callable[[object], str] = repr
    """A task in words, for the user who has to find what kills workers in it."""
    split: Callable[[object], Sequence[object]] | None = None
    """A task in smaller ones, which give the same together; nothing where it can't be cut further."""
    device: str = "cpu"
    """Where a worker computes: `cuda` takes a share of a GPU."""
    is_slow_to_open: bool = False
    """Whether what is shared takes seconds to unpack, as a model does with its libraries."""
    stopping: Callable[[], bool] = lambda: False
    """Asked now and then: where it says so no further task is begun, and the iteration ends after those under way."""


@runtime_checkable
class Executor(Protocol):
    """Does independent tasks. A stage that takes one reports to its `progress`."""

    @property
    def progress(self) -> Progress:
        """Who watches."""
        ...

    @property
    def n_workers(self) -> int:
        """How many tasks are done at the same time."""
        ...

    def run(
        self, prepare: Callable[[Shared], Callable[[Task], Result]], shared: Shared, tasks: Iterable[Task], *, job: Job
    ) -> Iterator[tuple[Task, Result]]:
        """(task, result) of every task as it is done, in any order; a task that was split comes back in its parts.

        Each worker calls `prepare(shared)` once and what that gives once a task. A task may be done more than once, so
        it must give the same each time and change nothing outside. `prepare` is a function of a module. Tasks are
        taken one by one, when a worker is free. Raises what a task raises; ResourceError for a task over which
        workers died three times, named by `job.name`. Closing the iterator ends the work.
        """
        ...

    def read_files(self, read: Callable[[Path], Result], paths: Sequence[Path]) -> list[Result]:
        """What `read`, a function of a module, makes of each file, in their order.

        Raises what `read` raises here for the first file that can't be read, whoever tried before.
        """
        ...


@final
@dataclass(frozen=True)
class InProcess:
    """One task after the other, here."""

    progress: Progress = SILENT
    n_workers = 1

    def run(
        self, prepare: Callable[[Shared], Callable[[Task], Result]], shared: Shared, tasks: Iterable[Task], *, job: Job
    ) -> Iterator[tuple[Task, Result]]:
        """(task, result) of every task, in order."""
        work = prepare(shared)
        for task in self.progress.track(tasks, label=job.label, total=job.total):
            yield task, work(task)
            if job.stopping():
                return

    def read_files(self, read: Callable[[Path], Result], paths: Sequence[Path]) -> list[Result]:
        """One file after the other."""
        return [read(path) for path in paths]


IN_PROCESS = InProcess()
