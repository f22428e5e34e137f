"""How long work reports itself: silent unless someone listens."""

import re
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar, final

Item = TypeVar("Item")
SECONDS_BETWEEN_LOOKS = 0.5
_COMMANDS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Letters that tell a terminal what to do, or turn the reading direction."""


class Progress(ABC):
    """Something that watches a long loop and hears remarks; it never changes what the loop does."""

    @abstractmethod
    def track(
        self, items: Iterable[Item], *, label: str, total: int, status: Callable[[], str] = str
    ) -> Iterator[Item]:
        """Yield `items` unchanged while reporting how many of `total` are done, and now and then what `status()` says.

        `status` is called between two items, only if someone listens.
        """

    @abstractmethod
    def say(self, message: str) -> None:
        """Tell the user one sentence."""


@final
class Silent(Progress):
    """Nobody listens: the default of every stage function."""

    def track(
        self, items: Iterable[Item], *, label: str, total: int, status: Callable[[], str] = str
    ) -> Iterator[Item]:
        """Yield `items` and report nothing."""
        yield from items

    def say(self, message: str) -> None:
        """Say nothing."""


SILENT = Silent()


@final
class Terminal(Progress):
    """Bars with counts and time left, and remarks, on stderr."""

    def track(
        self, items: Iterable[Item], *, label: str, total: int, status: Callable[[], str] = str
    ) -> Iterator[Item]:
        """Draw a bar for a loop; a finished bar stays on screen with its count and time."""
        from rich import progress as rich_progress  # noqa: PLC0415  it costs 50 ms that `--help` should not pay

        columns = (
            rich_progress.TextColumn("{task.description:<28}", markup=False),
            rich_progress.BarColumn(),
            rich_progress.MofNCompleteColumn(),
            rich_progress.TimeElapsedColumn(),
            rich_progress.TimeRemainingColumn(),
            rich_progress.TextColumn("{task.fields[status]}", markup=False),
        )
        with rich_progress.Progress(*columns, console=_open_console()) as bars:
            task, next_look = bars.add_task(_as_line(label), total=total, status=""), 0.0
            for item in items:
                yield item
                bars.advance(task)
                if time.monotonic() >= next_look:  # a status may cost something
                    bars.update(task, status=_as_line(status()))
                    next_look = time.monotonic() + SECONDS_BETWEEN_LOOKS

    def say(self, message: str) -> None:
        """Print the sentence on stderr."""
        _open_console().print(make_visible(message), markup=False, emoji=False, soft_wrap=True)


def _open_console() -> Any:
    """Rich's console on stderr; when nobody reads it any more it falls silent and the work goes on."""
    from rich.console import Console  # noqa: PLC0415  as above

    class Patient(Console):
        def on_broken_pipe(self) -> None:
            self.quiet = True

    return Patient(stderr=True, highlight=False)


def _as_line(text: str) -> str:
    """A label or status: names in it are not obeyed, and it stays on its line."""
    return make_visible(" ".join(text.split()))


def make_visible(text: str) -> str:
    r"""Text that a terminal shows and does not obey: letters that are commands appear as their escapes.

    >>> print(make_visible("a\x1b[31mb"))
    a\x1b[31mb
    """
    return _COMMANDS.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)
