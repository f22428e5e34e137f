"""Reading the batches of a plan by workers that share nothing: what comes back is what one process would have read."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import nn

from latentscape.errors import LatentscapeError, WorkerDiedError
from latentscape.executor import Executor, Job
from latentscape.features.harvest import Harvest, pack_shard
from latentscape.features.hooks import Listener, ready_to_read
from latentscape.features.inputs import Read, find_read, pack_inputs
from latentscape.features.memory import free_memory
from latentscape.features.plan import Plan, Reading
from latentscape.features.pooling import CannotMaskError
from latentscape.features.reader import Reader
from latentscape.features.shards import Arrays
from latentscape.features.travel import able_to_travel
from latentscape.progress import SILENT

TASKS_PER_WORKER = 4
"""At least so many, where there are batches enough: whoever is done early takes another."""
MOST_NAMED = 5
"""Rows that end processes are looked for until so many are found."""
MOST_ACCUSED = 3
"""A batch over which workers die, but over no sample of it, is tried again until it was so often so: whoever kills
workers for reasons of his own, kills three in a row over one batch now and then."""
MOST_SHOWN = 8
"""Rows named in the words for a task."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Shared:
    """What every worker has: the model and how it is read."""

    model: nn.Module
    """On the CPU."""
    reading: Reading
    """Without lengths."""
    plan: Plan
    read: Read
    """What a task carries of a sample -> what `collate` takes."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Batches:
    """A task: some batches of the plan, one after the other."""

    first: int
    """The number of the first in the plan."""
    rows: Sequence[Sequence[int]]
    """Of every batch, by the numbers of the user."""
    contents: Sequence[Sequence[Any]]
    """What these rows are read from."""
    lengths: Sequence[Sequence[int]]
    limits: Sequence[int]
    """How many samples of each batch may share a pass."""

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, start: int, stop: int) -> "Batches":
        """Some of them."""
        return Batches(
            first=self.first + start,
            rows=self.rows[start:stop],
            contents=self.contents[start:stop],
            lengths=self.lengths[start:stop],
            limits=self.limits[start:stop],
        )

    def take_samples(self) -> "list[Batches]":
        """Every sample of the first batch alone."""
        return [
            Batches(first=self.first, rows=[[row]], contents=[[content]], lengths=[[length]], limits=[1])
            for row, content, length in zip(self.rows[0], self.contents[0], self.lengths[0], strict=True)
        ]


@dataclass(frozen=True, kw_only=True, eq=False)
class Outcome:
    """What a worker made of a task."""

    n_read: int
    """Batches, from the first one on."""
    arrays: Arrays
    """Their shard."""
    ended: int | CannotMaskError | LatentscapeError | None = None
    """What was in the way of the next batch, where not all were read: too little memory, as the smaller limit to try;
    frames that can't be told apart; or an error."""


class _MemoryShortError(Exception):
    def __init__(self, limit: int) -> None:
        self.limit = limit


def prepare_reading(shared: Shared) -> Callable[[Batches], Outcome]:
    """How a worker reads. Between two tasks nothing in its process is other than before."""

    def read(task: Batches) -> Outcome:
        reading = shared.reading
        with ready_to_read(shared.model, reading.device), Listener(shared.model, reading.layers) as listener:
            reader = Reader(listener, (), reading, progress=SILENT)
            reader.follow(shared.plan)
            return _read_batches(reader, shared, task)

    return read


def _read_batches(reader: Reader, shared: Shared, task: Batches) -> Outcome:
    readouts, ended = [], None
    for rows, contents, lengths, limit in zip(task.rows, task.contents, task.lengths, task.limits, strict=True):
        inputs = _Opened(dict(zip(rows, contents, strict=True)), read=shared.read)
        reader.look_at(inputs, dict(zip(rows, lengths, strict=True)))
        try:
            readouts.append(reader.read(rows, padding=shared.plan.padding, limit=limit, lower=_report))
        except _MemoryShortError as error:
            ended = error.limit
        except (CannotMaskError, LatentscapeError) as error:
            ended = error
        if ended is not None:
            free_memory(shared.reading.device)
            break
    return Outcome(n_read=len(readouts), arrays=pack_shard(readouts, shared.plan), ended=ended)


def _report(limit: int) -> None:
    """Nothing is read with a smaller limit before the plan that is kept says so."""
    raise _MemoryShortError(limit)


class _Opened(Mapping[int, Any]):
    """Inputs by row, each made when it is asked for."""

    def __init__(self, contents: Mapping[int, Any], read: Read) -> None:
        self._contents, self._read = contents, read

    def __getitem__(self, row: int) -> Any:
        return self._read(self._contents[row])

    def __iter__(self) -> Iterator[int]:
        return iter(self._contents)

    def __len__(self) -> int:
        return len(self._contents)


class Spread:
    """Has the batches of a harvest read by the workers of an executor, as one process would read them in order."""

    def __init__(self, harvest: Harvest, model: nn.Module, inputs: Sequence[Any], *, executor: Executor) -> None:
        self.harvest, self.inputs, self.executor = harvest, inputs, executor
        self.shared = Shared(
            model=model,
            reading=replace(harvest.reading, lengths=()),
            plan=replace(harvest.plan, failed=(), backoffs=()),
            read=find_read(inputs),
        )
        self._ends: dict[int, CannotMaskError | LatentscapeError] = {}
        """By batch, why nothing comes after it."""
        self._n_taken = 0
        self._n_accused = Counter[int]()
        """By batch, how often workers died over it again and again."""

    def read(self) -> None:
        """Read every batch that is left; each task becomes a shard. Does not return where somebody asked to stop.

        What is in the way of a batch counts only once all before it are read. Raises the LatentscapeError or
        CannotMaskError of the first such batch; WorkerDiedError, which names rows, where workers die.
        """
        self.harvest.begin()
        with able_to_travel(self.shared.model):
            self._read_rounds()
        if self._ends:
            number, error = min(self._ends.items())
            self.harvest.plan = self.harvest.plan.known_at(number)
            raise error

    def _read_rounds(self) -> None:
        """Hand out what is left until nothing is; what was read with a limit that no longer holds comes again."""
        while runs := self._cut():
            job, n_taken = self._describe(len(runs)), self._n_taken
            try:
                for task, outcome in self.executor.run(prepare_reading, self.shared, self._make_tasks(runs), job=job):
                    self._take(task, outcome)
            except WorkerDiedError as error:
                self._judge(error, job)
                continue
            self.harvest.stop_if_asked()
            if self._n_taken == n_taken:
                raise AssertionError(f"of {len(runs)} tasks none was done")

    @property
    def _end(self) -> int:
        """The first batch that can't be read, or the number of all."""
        return min(self._ends, default=len(self.harvest.batches))

    def _cut(self) -> list[range]:
        """Runs of batches that are left to read."""
        runs = self.harvest.cut(TASKS_PER_WORKER * self.executor.n_workers)
        return [range(run.start, min(run.stop, self._end)) for run in runs if run.start < self._end]

    def _make_tasks(self, runs: Sequence[range]) -> Iterator[Batches]:
        """Made when they are asked for: their limits are those of that moment."""
        lengths = self.harvest.reading.lengths
        for run in runs:
            if run.stop > self._end:
                continue
            plan, rows = self.harvest.plan, self.harvest.batches[run.start : run.stop]
            yield Batches(
                first=run.start,
                rows=rows,
                contents=[pack_inputs(self.inputs, batch) for batch in rows],
                lengths=[[lengths[row] for row in batch] for batch in rows],
                limits=[plan.limit_at(number) for number in run],
            )

    def _take(self, task: Batches, outcome: Outcome) -> None:
        """Keep what was read, unless it was with a limit that no longer holds."""
        harvest, number = self.harvest, task.first + outcome.n_read
        wanted = [harvest.plan.limit_at(each) for each in range(task.first, task.first + len(task))]
        if harvest.is_read(range(task.first, task.first + len(task))) or wanted != list(task.limits):
            return
        self._n_taken += 1
        if outcome.n_read:
            harvest.add_shard(range(task.first, number), outcome.arrays)
        if isinstance(outcome.ended, int):
            harvest.progress.say(f"Memory ran out on a worker: going on with {outcome.ended} samples in a batch.")
            harvest.back_off(number, outcome.ended)
            self._ends = {at: error for at, error in self._ends.items() if at < number}
        elif outcome.ended is not None:
            self._ends[number] = outcome.ended

    def _describe(self, n_tasks: int) -> Job:
        return Job(
            label="features",
            total=n_tasks,
            name=describe_batches,
            split=split_batches,
            device=self.harvest.reading.device,
            is_slow_to_open=True,
            stopping=lambda: self.harvest.shards.stopping,
        )

    def _judge(self, error: WorkerDiedError, job: Job) -> None:
        """Name the samples that end the process that reads them. Returns where the batch should be tried again."""
        batch = error.task
        if not isinstance(batch, Batches) or len(batch) > 1:
            raise error
        guilty = self._find_guilty(batch, job)
        self._n_accused[batch.first] += 1
        if guilty or len(batch.rows[0]) == 1 or self._n_accused[batch.first] == MOST_ACCUSED:
            raise _tell(batch, guilty) from error
        said = f"no sample of {describe_batches(batch)} ends a worker alone: they are read together again"
        self.harvest.progress.say(said)

    def _find_guilty(self, batch: Batches, job: Job) -> list[int]:
        """Rows of a batch over which workers die, tried one by one."""
        guilty: list[int] = []
        left = {task.rows[0][0]: task for task in batch.take_samples()}
        while len(batch.rows[0]) > 1 and left and len(guilty) < MOST_NAMED:
            try:
                singles = replace(job, label="looking for the sample", total=len(left))
                for task, _ in self.executor.run(prepare_reading, self.shared, list(left.values()), job=singles):
                    del left[task.rows[0][0]]
            except WorkerDiedError as death:
                if not isinstance(death.task, Batches):
                    raise
                guilty.append(death.task.rows[0][0])
                del left[guilty[-1]]
        return guilty


def _tell(batch: Batches, guilty: Sequence[int]) -> WorkerDiedError:
    """The error for a batch over which workers die, and for the rows of it that end a process alone."""
    rows = guilty or batch.rows[0]
    alone = bool(guilty) or len(rows) == 1
    return WorkerDiedError(
        f"the process that reads {_list(rows)} dies each time"
        + ("" if alone else ", though not over one of them alone"),
        task=batch,
        got="it was killed, or broke down in a library: memory that runs out is the usual reason",
        hint=f"leave {'the sample' if len(rows) == 1 else 'these samples'} out of the data"
        if alone
        else "a smaller `--batch-size` needs less memory",
    )


def split_batches(task: object) -> list[Batches]:
    """A task in halves; nothing where it is a single batch."""
    if not isinstance(task, Batches) or len(task) < 2:
        return []
    middle = len(task) // 2
    return [task.take(0, middle), task.take(middle, len(task))]


def describe_batches(task: object) -> str:
    """A task in words."""
    if not isinstance(task, Batches):
        return repr(task)
    last = task.first + len(task) - 1
    numbers = f"batch {task.first}" if len(task) == 1 else f"batches {task.first} to {last}"
    return f"{numbers} ({_list([row for batch in task.rows for row in batch])})"


def _list(rows: Sequence[int]) -> str:
    """Rows by their numbers."""
    shown = ", ".join(map(str, sorted(rows)[:MOST_SHOWN]))
    rest = f" and {len(rows) - MOST_SHOWN:,} more" if len(rows) > MOST_SHOWN else ""
    return f"row{'s' if len(rows) > 1 else ''} {shown}{rest}"
