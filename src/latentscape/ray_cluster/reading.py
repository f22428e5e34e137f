"""A table in many files, read by Ray Data: a file is a row of a data set, and our own reader is what maps it."""

import logging
import os
import pickle
import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future
from contextlib import closing, contextmanager, suppress
from importlib import import_module
from pathlib import Path
from queue import Empty, Queue
from threading import Event, Thread
from typing import Any, TypeVar

from latentscape.errors import LatentscapeError
from latentscape.executor import Executor, Job
from latentscape.interrupts import end_with_parent
from latentscape.ray_cluster.parcels import Setting, pack

Read = TypeVar("Read")
Item = TypeVar("Item")
LOOK = 0.02
"""Seconds between two looks at whether the cluster is alive: Ray, asked soon after, would end this process."""
PLACE, PICKLED = "place", "pickled"
"""The columns of the data set: the number of a file, and what was made of it."""
PATIENCE = 600.0
"""Seconds without a file that was read, after which the workers try: they say what they wait for."""


def read_tables(
    executor: Executor,
    read: Callable[[Path], Read],
    paths: Sequence[Path],
    *,
    setting: Setting,
    require_alive: Callable[[], None],
) -> list[Read]:
    """What `read`, a function of a module, makes of each file, in their order.

    A file that a worker can't read, or does not see because it lies on this machine only, is read here: so what is
    raised, and for which file, is what one process raises. Where Ray Data can't go on, as when whoever reads a file
    dies, the workers of `executor` do the rest: they count deaths, and tell which file it was. `require_alive` raises
    what it does where the cluster is lost.
    """
    found: dict[int, tuple[Read] | None] = {}
    ticks = executor.progress.track(range(len(paths)), label="reading tables", total=len(paths))
    try:
        answers = _stream(read, paths, setting=setting, n_workers=executor.n_workers)
        with closing(_beside(answers, require_alive)) as arriving:
            for (place, answer), _ in zip(arriving, ticks, strict=True):
                found[place] = answer
    except LatentscapeError:
        raise
    except Exception as error:  # noqa: BLE001  whatever it is, the workers tell it in our words, or do without
        reason = f"{type(error).__name__}: {error}".partition("\n")[0]
        executor.progress.say(f"Ray Data did not read all tables ({reason}); the workers read the rest")
    rest = [(place, path) for place, path in enumerate(paths) if place not in found]
    job = Job(label="reading tables", total=len(rest), name=_name)
    found |= {place: answer for (place, _), answer in executor.run(_prepare, read, rest, job=job)}
    return [made[0] if (made := found[place]) else read(path) for place, path in enumerate(paths)]


def _beside(items: Generator[Item, None, None], check: Callable[[], None]) -> Generator[Item, None, None]:
    """Items that another thread waits for, while this one looks whether they can still come."""
    found: Queue[Future[Item]] = Queue()
    left = Event()

    def wait() -> None:
        while not left.is_set():
            item: Future[Item] = Future()
            try:
                item.set_result(next(items))
            except BaseException as error:  # noqa: BLE001  raised where it is waited for, also that there are no more
                item.set_exception(error)
                left.set()
            found.put(item)
        items.close()

    Thread(target=wait, daemon=True, name="reading tables").start()
    try:
        while True:
            check()
            with suppress(Empty):
                item = found.get(timeout=LOOK)
                if isinstance(item.exception(), StopIteration):
                    return
                yield item.result()
    finally:
        if not left.is_set():  # threads of Ray Data may outlive the cluster, and would begin another, open to all
            hook: Any = import_module("ray._private.auto_init_hook")
            hook.enable_auto_connect = False
        left.set()


def _stream(
    read: Callable[[Path], Any], paths: Sequence[Path], *, setting: Setting, n_workers: int
) -> Generator[tuple[int, tuple[Any] | None], None, None]:
    """(number of a file, (what was made of it,) or None) as they are ready."""
    with _quiet() as data:
        rows = data.from_items([{PLACE: place} for place in range(len(paths))], override_num_blocks=len(paths))
        made = rows.map_batches(
            _map,
            batch_size=1,
            batch_format="pyarrow",
            fn_kwargs={"setting": setting, "held": pack((read, paths))},
            concurrency=n_workers,
            num_cpus=1,
            max_retries=0,  # with more, one that is killed for memory is begun again without end
        )
        for batch in made.iter_batches(batch_size=None, batch_format="pyarrow"):
            for place, pickled in zip(batch[PLACE].to_pylist(), batch[PICKLED], strict=True):
                yield place, pickle.loads(pickled.as_buffer())  # noqa: S301  made by our own worker


def _map(batch: Any, *, setting: Setting, held: bytes) -> Any:
    """A table with the number of a file -> the same with what was made of it; runs in a worker's process."""
    arrow = import_module("pyarrow")
    setting.adopt()
    end_with_parent(os.getppid())
    read, paths = pickle.loads(held)  # noqa: S301  made by our own driver
    work = _prepare(read)
    made = [pack(work((place, paths[place]))) for place in batch[PLACE].to_pylist()]
    return batch.append_column(PICKLED, arrow.array(made, arrow.large_binary()))


def _prepare(read: Callable[[Path], Any]) -> Callable[[tuple[int, Path]], tuple[Any] | None]:
    def work(task: tuple[int, Path]) -> tuple[Any] | None:
        try:
            return (read(task[1]),)
        except Exception:  # noqa: BLE001  raised again, whole, where it is told
            return None

    return work


def _name(task: object) -> str:
    return f"the table {task[1]}" if isinstance(task, tuple) else repr(task)


@contextmanager
def _quiet() -> Iterator[Any]:
    """Ray Data, without its bars, logs and warnings of its own; the settings of a user who has it open too stay."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = import_module("ray.data")
        with _set(data):
            yield data


@contextmanager
def _set(data: Any) -> Iterator[None]:
    context = data.DataContext.get_current().copy()
    context.enable_progress_bars = context.print_on_execution_start = context.enable_auto_log_stats = False
    context.execution_no_progress_timeout_s = PATIENCE
    log = logging.getLogger("ray.data")
    level = log.level
    log.setLevel(logging.CRITICAL + 1)
    try:
        with data.DataContext.current(context):
            yield
    finally:
        log.setLevel(level)
