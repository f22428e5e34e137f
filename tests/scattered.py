"""An executor that does to a stage what a cluster does: copies of everything, any order, tasks done twice, deaths."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar, final

import cloudpickle
import numpy as np

from latentscape.errors import WorkerDiedError
from latentscape.executor import Job
from latentscape.progress import SILENT, Progress

Shared = TypeVar("Shared")
Task = TypeVar("Task")
Result = TypeVar("Result")


@final
@dataclass(frozen=True, kw_only=True)
class Scattered:
    """Workers that share nothing with the caller or with each other.

    Takes two tasks a worker, does them in shuffled order, each twice, by different workers, and checks that both give
    the same. A task for which `kills` says so ends every worker: it comes back in its parts, or as WorkerDiedError.
    """

    progress: Progress = SILENT
    n_workers: int = 3
    seed: int = 0
    kills: Callable[[Any], bool] = lambda task: False

    def run(
        self, prepare: Callable[[Shared], Callable[[Task], Result]], shared: Shared, tasks: Iterable[Task], *, job: Job
    ) -> Iterator[tuple[Task, Result]]:
        """(task, result) of every task, in shuffled order."""
        if getattr(prepare, "__qualname__", "<locals>") != getattr(prepare, "__name__", None):
            raise AssertionError(f"{prepare} is no function of a module")
        random = np.random.default_rng(self.seed)
        works = [copy(prepare)(copy(shared)) for _ in range(self.n_workers)]
        for task in self.progress.track(self._shuffle(tasks, job, random), label=job.label, total=job.total):
            one, other = random.permutation(self.n_workers)[:2] if self.n_workers > 1 else (0, 0)
            first, again = copy(works[one](copy(task))), copy(works[other](copy(task)))
            if not same(first, again):
                raise AssertionError(f"{job.name(task)} gave two results")
            yield task, first
            if job.stopping():
                return

    def read_files(self, read: Callable[[Path], Result], paths: Sequence[Path]) -> list[Result]:
        """What `read` makes of each file, in their order; here where a worker can't."""
        job = Job(label="reading tables", total=len(paths))
        found = dict(self.run(prepare_reading, read, list(enumerate(paths)), job=job))
        return [made[0] if (made := found[task]) else read(task[1]) for task in enumerate(paths)]

    def _shuffle(self, tasks: Iterable[Task], job: Job, random: np.random.Generator) -> Iterator[Task]:
        waiting = iter(tasks)
        while some := list(islice(waiting, 2 * self.n_workers)):
            while some:
                task = some.pop(int(random.integers(len(some))))
                if not self.kills(task):
                    yield task
                elif parts := (job.split(task) if job.split else ()):
                    some += parts  # pyright: ignore[reportOperatorIssue]  parts of a task are tasks
                else:
                    raise WorkerDiedError(f"workers died over {job.name(task)}", task=task, hint="leave it out")


def prepare_reading(read: Callable[[Path], Any]) -> Callable[[tuple[int, Path]], tuple[Any] | None]:
    """The reader of a file -> the work: what it makes of one, nothing where it fails."""

    def work(task: tuple[int, Path]) -> tuple[Any] | None:
        try:
            return (read(task[1]),)
        except Exception:  # noqa: BLE001  raised again where it is told
            return None

    return work


def copy(value: Any) -> Any:
    """What arrives in another process."""
    return cloudpickle.loads(cloudpickle.dumps(value))


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal number for number, NaN included."""
    if type(one) is not type(other):
        return False
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()
    if isinstance(one, Mapping):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if is_dataclass(one):
        return all(same(getattr(one, each.name), getattr(other, each.name)) for each in fields(one))
    if isinstance(one, Exception):
        return str(one) == str(other)
    return bool(one == other)
