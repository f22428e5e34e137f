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
        from rich.console import Console  # noqa: PLC0415  rich costs 50 ms that `--help` should not pay
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
        from rich.progress import Progress as Bars

        columns = (
            TextColumn("{task.description:<28}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )
        with Bars(*columns, console=Console(stderr=True)) as bars:
            yield from bars.track(items, total=total, description=label)

    def say(self, message: str) -> None:
        """Print the sentence on stderr."""
        from rich.console import Console  # noqa: PLC0415  as above

        Console(stderr=True, highlight=False).print(message, markup=False)
