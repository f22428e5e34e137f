"""`--engine` -> who does the work; workers that stay from one stage to the next."""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from itertools import chain, islice
from pathlib import Path
from secrets import token_hex
from typing import Any, TypeVar, final

from latentscape.errors import ResourceError
from latentscape.executor import Executor, InProcess, Job
from latentscape.extras import explain_missing
from latentscape.progress import SILENT, Progress
from latentscape.ray_cluster.cluster import Cluster, count_cores
from latentscape.ray_cluster.parcels import Setting
from latentscape.ray_cluster.reading import read_tables
from latentscape.ray_cluster.rounds import Round, Seat
from latentscape.ray_cluster.sending import pack_shared, pack_task
from latentscape.ray_cluster.waiting import Waiting
from latentscape.ray_cluster.worker import Worker

Shared = TypeVar("Shared")
Task = TypeVar("Task")
Result = TypeVar("Result")
ENVIRONMENT = {
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "MKL_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
}
"""As in `process.prepare_process`, and one thread for the one core of a worker."""
_RESTING: dict[float, list[Any]] = {}
"""Share of a GPU -> actors that have nothing to do: whichever executor is next takes them, for they hold cores."""


@contextmanager
def open_executor(settings: Any, *, progress: Progress = SILENT) -> Iterator[Executor]:
    """Who does the work that `settings.engine` chose; a cluster begins with the first task and ends with the block.

    `settings` has `engine` (`local` or `ray`), `workers` (at most so many; 0 = as many as there is room for) and, where
    a model may be on GPUs, `gpus_per_worker`.

    Raises MissingExtraError where Ray is asked for and not installed.
    """
    if settings.engine == "local":
        yield InProcess(progress)
        return
    if find_spec("ray") is None:
        missing = explain_missing(ModuleNotFoundError("No module named 'ray'", name="ray"))
        raise missing or AssertionError("ray has its extra")
    executor = RayExecutor(
        progress,
        workers=settings.workers,
        gpus_per_worker=getattr(settings, "gpus_per_worker", 1.0),
    )
    try:
        yield executor
        if not executor.was_used:
            progress.say("nothing was large enough to be worth a worker: all was done in this process")
    finally:
        executor.close()


@final
class RayExecutor:
    """Actors of a Ray cluster, each with one core or a share of a GPU."""

    def __init__(self, progress: Progress, *, workers: int, gpus_per_worker: float) -> None:
        self.progress = progress
        self.was_used = False
        """Whether there was work for anybody else."""
        self._workers, self._gpus_each = workers, gpus_per_worker
        self._session = token_hex(16)
        n_cores = max(count_cores(), workers)
        self._cluster = Cluster(n_cores=n_cores, n_workers=workers, progress=progress)

    @property
    def n_workers(self) -> int:
        """How many workers a stage has that computes on processors."""
        return self._count_workers("cpu")

    def run(
        self, prepare: Callable[[Shared], Callable[[Task], Result]], shared: Shared, tasks: Iterable[Task], *, job: Job
    ) -> Iterator[tuple[Task, Result]]:
        """(task, result) as in `Executor`. The cluster begins with the first task.

        Raises:
            what a task, or `prepare`, raises.
            UsageError: what the workers need can't be sent to them, or RAY_ADDRESS names no cluster.
            WorkerDiedError: over a task, or as they started.
            ResourceError: no GPU where one is asked for, a full disk everywhere, or a cluster that was lost.
        """
        waiting = iter(tasks)
        first = list(islice(waiting, 1))
        if not first:
            return
        self.was_used = True
        self._cluster.load()
        pack_task(first[0], job.name)  # told now, and not once a cluster stands
        share = self._gpus_each if job.device.startswith("cuda") else 0.0
        # A process that uses a GPU can't be forked.
        stage = token_hex(8) if job.is_slow_to_open and not share else ""
        held = self._put(prepare, shared), stage
        n_workers = self._count_workers(job.device)
        round_ = Round(self._cluster, lambda: self._hire(share), tasks=chain(first, waiting), job=job)
        done = first = False
        self._end_resting(but=share)
        try:
            yield from round_.results(held, n_workers=n_workers, progress=self.progress)
            done = True
        finally:
            self._part(round_.seats, share, may_rest=done)

    def read_files(self, read: Callable[[Path], Result], paths: Sequence[Path]) -> list[Result]:
        """What `read` makes of each file, in their order, by Ray Data; here where there is one file, or one worker."""
        if len(paths) < 2 or self.n_workers == 1:
            return [read(path) for path in paths]
        self.was_used = True
        self._cluster.ray  # noqa: B018  it begins here
        if not any(_RESTING.values()):  # Ray Data waits in silence
            waiting = Waiting(self._cluster, device="cpu")
            waiting.begin()
            waiting.go_on(self.progress, has_worker=False)
        self._end_resting()  # they hold the cores that Ray Data needs
        alive = self._cluster.require_alive
        return read_tables(self, read, paths, setting=_describe_process(self._session), require_alive=alive)

    def close(self) -> None:
        """End every worker, and the cluster if it is ours."""
        self._end_resting()
        self._cluster.close()

    def _count_workers(self, device: str) -> int:
        """Those that were asked for, also where a cluster of the user's has no room yet: to wait is how it grows."""
        if not device.startswith("cuda"):
            return self._workers or self._cluster.count_cores()
        n_room = min(int(self._cluster.count_gpus() / self._gpus_each + 1e-9), self._cluster.count_cores())
        if not n_room:
            raise ResourceError(
                "the cluster has too few GPUs for a worker",
                got=f"{self._cluster.count_gpus():g} GPUs",
                expected=f"{self._gpus_each:g} for each worker",
                hint="choose a smaller `--gpus-per-worker`, or `--device cpu`",
                fault="cluster-unusable",
            )
        most = n_room if self._cluster.is_own else max(n_room, self._workers)
        return min(self._workers or n_room, most)

    def _put(self, prepare: Callable[..., Any], shared: Any) -> Any:
        """What workers need, once for all of them. The cluster is asked last: what can't be sent needs none."""
        parts = pack_shared(prepare, shared)
        return self._cluster.ray.put(parts)

    def _hire(self, share: float) -> Any:
        """An actor: one that rests, or a new one."""
        if _RESTING.get(share):
            return _RESTING[share].pop()
        made = self._cluster.ray.remote(
            num_cpus=1, num_gpus=share, max_restarts=0, max_task_retries=0, scheduling_strategy="SPREAD"
        )(Worker)
        return made.remote(_describe_process(self._session))

    def _part(self, seats: list[Seat], share: float, *, may_rest: bool) -> None:
        """Workers that did all they should rest until the next stage; others end at once."""
        for seat in seats:
            if may_rest and seat.start is None and not seat.given:
                seat.actor.forget.remote()
                _RESTING.setdefault(share, []).append(seat.actor)
            else:
                self._end(seat.actor)

    def _end_resting(self, *, but: float | None = None) -> None:
        for share in [each for each in _RESTING if each != but]:
            for actor in _RESTING.pop(share):
                self._end(actor)

    def _end(self, actor: Any) -> None:
        with suppress(Exception):  # dead already, or the cluster is
            sys.modules["ray"].kill(actor)


def _describe_process(session: str) -> Setting:
    """What a worker needs to be like this process."""
    paths = [str(Path(each).absolute()) for each in sys.path]
    return Setting(paths=paths, folder=str(Path.cwd()), environment=ENVIRONMENT, session=session)
