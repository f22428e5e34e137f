"""One stage on workers: tasks are handed out, deaths counted, results given on."""

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final

from latentscape.executor import Job
from latentscape.progress import Progress
from latentscape.ray_cluster.cluster import Cluster
from latentscape.ray_cluster.deaths import (
    NODE_LOST,
    SILENT,
    SILENT_STARTS,
    TRIES,
    explain_deaths,
    explain_full_disk,
    explain_loss,
    explain_starts,
    find_reason,
    is_full_disk,
)
from latentscape.ray_cluster.parcels import Answer
from latentscape.ray_cluster.sending import pack_task
from latentscape.ray_cluster.waiting import Waiting

LOOK = 0.1
"""Seconds between two looks at whether somebody wants to stop."""
QUEUE = 2
"""Tasks that a worker has: the one it does, and the next, so that it need not wait for us."""
FULL_STORES = ("OutOfDiskError", "ObjectStoreFullError")
LOST = ("LocalRayletDiedError", "RaySystemError", "RpcError", "AuthenticationError")


@dataclass(eq=False)
class Whole:
    """A task as the stage gave it, and how many pieces of it are not done."""

    n_open: int = 1


@dataclass(eq=False)
class Piece:
    """A task, or a part of one."""

    task: Any
    whole: Whole = field(default_factory=Whole)
    suspect: bool = False
    """Whether a worker died over it, or over what it is a part of."""
    deaths: int = 0
    full_disks: int = 0


@dataclass(eq=False)
class Seat:
    """A worker: the actor, what it was given in order, and where it is once it is ready."""

    actor: Any
    place: Any = None
    """The answer to come as soon as it is somewhere."""
    start: Any = None
    """The answer to come of `prepare`; None once it is there."""
    given: list[tuple[Any, Piece]] = field(default_factory=list)
    host: str = "a node"
    pid: int | None = None


@final
class Round:
    """A stage's tasks on their way through the workers; `results` is walked once."""

    def __init__(self, cluster: Cluster, hire: Callable[[], Any], *, tasks: Iterator[Any], job: Job) -> None:
        self.seats: list[Seat] = []
        self._cluster, self._hire, self._tasks, self._job = cluster, hire, tasks, job
        self._again: deque[Piece] = deque()
        self._n_taken, self._n_starts_lost = 0, 0
        self._is_dry, self._is_stopping = False, False
        self._not_before = 0.0
        self._waiting = Waiting(cluster, device=job.device)

    def results(self, shared: Any, *, n_workers: int, progress: Progress) -> Iterator[tuple[Any, Any]]:
        """(task, result) as they come; `shared` is what Ray keeps of `pack_apart`, and the stage where workers fork."""
        status = lambda: f"{len(self.seats)} worker{'s' * (len(self.seats) != 1)}"  # noqa: E731
        ticks = iter(
            progress.track(range(self._job.total), label=self._job.label, total=self._job.total, status=status)
        )
        next(ticks, None)
        while True:
            self._is_stopping = self._is_stopping or self._job.stopping()
            self._cluster.require_alive()
            self._drop_idle_dead(progress)
            self._fill_seats(shared, n_workers)
            self._hand_out()
            if not self._is_under_way():
                for _ in () if self._is_stopping else ticks:  # a bar that is full is a whole one
                    pass
                return
            found = self._take(self._wait(progress), progress, ticks)
            if found is not None:
                yield found
            del found  # the memory of a result is the stage's

    def _fill_seats(self, shared: Any, n_workers: int) -> None:
        """As many workers as there is work for; a start that failed is not tried again at once."""
        if self._is_stopping or time.monotonic() < self._not_before:
            return
        while len(self.seats) < min(n_workers, self._count_open()):
            seat = Seat(self._cluster.ask(self._hire))
            seat.place, seat.start = seat.actor.__ray_ready__.remote(), seat.actor.prepare.remote(*shared)
            self.seats.append(seat)
            if len(self.seats) == 1:
                self._waiting.begin()

    def _drop_idle_dead(self, progress: Progress) -> None:
        """Part with workers of our own cluster that died with nothing to do, before a task is blamed for it."""
        for seat in [each for each in self.seats if each.pid is not None and not each.given]:
            if self._cluster.logs and not Path(f"/proc/{seat.pid}").exists() and Path("/proc/self").exists():
                self._let_go(seat, was_at=None)
                progress.say("a worker died with nothing to do; another takes its place")

    def _count_open(self) -> int:
        rest = 0 if self._is_dry else max(1, self._job.total - self._n_taken)
        return rest + len(self._again) + sum(len(seat.given) for seat in self.seats)

    def _hand_out(self) -> None:
        """A task for whoever has none, then a second one each while more are left than there are workers."""
        for depth in range(QUEUE):
            for seat in self.seats:
                if seat.start is not None or len(seat.given) != depth or self._is_stopping:
                    continue
                if depth and (self._again or self._job.total - self._n_taken <= len(self.seats)):
                    return
                if depth and seat.given[0][1].suspect:  # alone: who dies with it had nothing else
                    continue
                piece = self._next_piece()
                if piece is None:
                    return
                seat.given.append((seat.actor.work.remote(pack_task(piece.task, self._job.name)), piece))

    def _next_piece(self) -> Piece | None:
        if self._again:
            return self._again.popleft()
        if self._is_dry:
            return None
        for task in self._tasks:
            self._n_taken += 1
            return Piece(task)
        self._is_dry = True
        return None

    def _is_under_way(self) -> bool:
        given = any(seat.given for seat in self.seats)
        return given or not (self._is_stopping or (self._is_dry and not self._again))

    def _wait(self, progress: Progress) -> tuple[Seat, Any] | None:
        """Whoever answered first, and the answer to come; None where nobody did for a while."""
        owners = {seat.start: (seat, seat.start) for seat in self.seats if seat.start is not None}
        owners |= {answer: (seat, answer) for seat in self.seats for answer, _ in seat.given}
        if not owners:
            time.sleep(min(LOOK, max(0.01, self._not_before - time.monotonic())))
            return None
        ready, _ = self._cluster.ray.wait([*owners], num_returns=1, timeout=LOOK)
        if ready:  # a Ray client gives others than it was given, which are equal
            return owners[ready[0]]
        self._waiting.go_on(progress, has_worker=self._has_worker())
        return None

    def _has_worker(self) -> bool:
        """Whether one is ready, or at least somewhere."""
        if any(seat.start is None for seat in self.seats):
            return True
        return bool(self._cluster.ray.wait([seat.place for seat in self.seats], num_returns=1, timeout=0)[0])

    def _take(self, found: tuple[Seat, Any] | None, progress: Progress, ticks: Iterator[Any]) -> tuple[Any, Any] | None:
        """Act on an answer: a result to give on, an error to raise, or a death to bear."""
        if found is None:
            return None
        seat, answer = found
        try:
            value = self._get(answer)
        except _Gone as gone:
            self._bury(seat, gone.error, progress)
            return None
        if value.failed:
            error = value.read()
            if not is_full_disk(error):
                raise error
            self._leave_full_disk(seat, answer, error)
            return None
        if answer is seat.start:
            (seat.host, seat.pid), seat.start = value.read(), None
            return None
        piece = next(piece for ref, piece in seat.given if ref is answer)
        seat.given = [each for each in seat.given if each[0] is not answer]
        self._n_starts_lost = 0
        if self._is_stopping:  # what it was to do next is not begun
            self._let_go(seat, was_at=None)
        piece.whole.n_open -= 1
        if not piece.whole.n_open:
            next(ticks, None)
        return piece.task, value.read()

    def _get(self, answer: Any) -> Answer:
        """What an actor answered; `_Gone` where it can't any more. No error of Ray's own leaves this room."""
        ray = self._cluster.ray
        try:
            return ray.get(answer)
        except ray.exceptions.RayTaskError as error:
            cause = getattr(error, "cause", None) or error
            if type(cause).__name__ in FULL_STORES:
                raise _Gone(cause) from None
            raise RuntimeError(f"a worker of the cluster failed: {cause}") from None
        except ray.exceptions.RayError as error:
            self._cluster.require_alive()
            if type(error).__name__ in LOST:
                raise explain_loss(str(error).partition("\n")[0]) from None
            raise _Gone(error) from None

    def _bury(self, seat: Seat, error: BaseException, progress: Progress) -> None:
        """A worker is no more: what it was at is suspect and cut or tried again, what waited for it is not."""
        if type(error).__name__ in FULL_STORES:
            return self._leave_full_disk(seat, seat.given[0][0] if seat.given else None, error)
        reason = find_reason(error, pid=seat.pid, logs=self._cluster.logs)
        suspect = self._let_go(seat, was_at=None)
        if self._is_stopping:
            return None
        if suspect is None:
            return self._count_lost_start(reason, progress)
        name = self._job.name(suspect.task)
        progress.say(f"a worker died over {name}: {reason}; another goes on")
        parts = self._job.split(suspect.task) if self._job.split else ()
        if parts:
            suspect.whole.n_open += len(parts) - 1
            self._again.extendleft(Piece(part, suspect.whole, suspect=True) for part in reversed(parts))
            return None
        suspect.suspect, suspect.deaths = True, suspect.deaths + 1
        if suspect.deaths >= TRIES:
            raise explain_deaths(name, reason, task=suspect.task)
        self._again.appendleft(suspect)
        return None

    def _count_lost_start(self, reason: str, progress: Progress) -> None:
        progress.say(f"a worker died before it had begun: {reason}; another takes its place")
        if reason != NODE_LOST or time.monotonic() >= self._not_before:  # all that were sent there are lost at once
            self._n_starts_lost += 1
        self._not_before = time.monotonic() + min(2.0, 0.1 * 2**self._n_starts_lost)
        allowed = SILENT_STARTS if reason in (SILENT, NODE_LOST) else TRIES * max(1, len(self.seats))
        if self._n_starts_lost >= allowed:
            raise explain_starts(reason, self._n_starts_lost)

    def _leave_full_disk(self, seat: Seat, answer: Any, error: BaseException) -> None:
        """Try what met a full disk elsewhere: on a new worker, which may be on another node."""
        suspect = self._let_go(seat, was_at=answer)
        self._n_starts_lost += suspect is None
        if suspect is not None:
            suspect.full_disks += 1
            self._again.appendleft(suspect)
        if max(self._n_starts_lost, suspect.full_disks if suspect else 0) >= TRIES:
            raise explain_full_disk(seat.host, error) from None

    def _let_go(self, seat: Seat, *, was_at: Any) -> Piece | None:
        """Part with a worker; the piece it was at, None if there is none. The rest goes back to be handed out."""
        self._dismiss(seat)
        self.seats.remove(seat)
        suspects = [piece for ref, piece in seat.given if was_at is None or ref is was_at]
        suspect = suspects[0] if suspects else None
        self._again.extendleft(piece for _, piece in reversed(seat.given) if piece is not suspect)
        seat.given = []
        return suspect

    def _dismiss(self, seat: Seat) -> None:
        with suppress(Exception):  # dead already, or the cluster is
            self._cluster.ray.kill(seat.actor)


class _Gone(Exception):  # noqa: N818
    """An actor that will not answer."""

    def __init__(self, error: BaseException) -> None:
        self.error = error
        super().__init__(str(error))
