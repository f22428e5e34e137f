"""How long work reports itself: silent unless someone listens."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import TypeVar, final

Item = TypeVar("Item")


class Progress(ABC):
    """Something that watches a long loop and hears remarks; it never changes what the loop does."""

    @abstractmethod
    def track(self, items: Iterable[Item], *, label: str, total: int) -> Iterator[Item]:
        """Yield `items` unchanged while reporting how many of `total` are done."""

    @abstractmethod
    def say(self, message: str) -> None:
        """Tell the user one sentence."""


@final
class Silent(Progress):
    """Nobody listens: the default of every stage function."""

    def track(self, items: Iterable[Item], *, label: str, total: int) -> Iterator[Item]:
        """Yield `items` and report nothing."""
        yield from items

    def say(self, message: str) -> None:
        """Say nothing."""


SILENT = Silent()


@final
class Terminal(Progress):
    """Bars with counts and time left, and remarks, on stderr."""

    def track(self, items: Iterable[Item], *, label: str, total: int) -> Iterator[Item]:
        """Draw a bar for a loop; a finished bar stays on screen with its count and time."""
        from rich import progress as rich_progress  # noqa: PLC0415  it costs 50 ms that `--help` should not pay
        from rich.console import Console  # noqa: PLC0415

        columns = (
            rich_progress.TextColumn("{task.description:<28}"),
            rich_progress.BarColumn(),
            rich_progress.MofNCompleteColumn(),
            rich_progress.TimeElapsedColumn(),
            rich_progress.TimeRemainingColumn(),
        )
        with rich_progress.Progress(*columns, console=Console(stderr=True)) as bars:
            yield from bars.track(items, total=total, description=label)

    def say(self, message: str) -> None:
        """Print the sentence on stderr."""
        from rich.console import Console  # noqa: PLC0415  as above

        Console(stderr=True, highlight=False).print(message, markup=False)
