"""Where an extraction keeps what it has read so far, so that a killed one goes on where it stopped."""

from collections.abc import Iterator, Mapping
from typing import Any, Protocol, final, runtime_checkable

import numpy as np

Arrays = Mapping[str, np.ndarray]


@runtime_checkable
class Shards(Protocol):
    """A plan of batches and what was read of them, in any order.

    Whatever it gives back was written whole by the same extraction: same inputs, same checksum. A shard holds the
    batches `range(start, stop)` of the plan.
    """

    def load_plan(self) -> Mapping[str, Any] | None:
        """The plan that was saved last, as plain JSON values; None where nothing was begun."""
        ...

    def save_plan(self, plan: Mapping[str, Any]) -> None:
        """Keep the plan, on the disk when this returns."""
        ...

    def load(self) -> Iterator[tuple[range, Arrays]]:
        """Every shard in the order of the plan, gaps between them allowed; none overlaps another."""
        ...

    def save(self, batches: range, arrays: Arrays) -> None:
        """Keep one shard, on the disk when this returns, instead of all that overlap it. Arrays of numbers only."""
        ...

    def forget(self, start: int) -> None:
        """Remove every shard with batches from `start` on: they were read otherwise than the plan will say."""
        ...

    def clear(self) -> None:
        """Forget plan and shards: they belong to a plan that is no more."""
        ...

    def require_space(self, n_bytes: int) -> None:
        """Raise ResourceError where the disk has no room for so much more."""
        ...

    @property
    def stopping(self) -> bool:
        """Whether somebody asked to stop: what is read so far should be saved, then `stop` be called."""
        ...

    def stop(self) -> None:
        """End as the signal demands. Does not return where `stopping`."""
        ...


@final
class NoShards:
    """Keeps nothing: for a caller who wants values and no files."""

    stopping = False

    def load_plan(self) -> None:
        """Nothing was begun."""

    def save_plan(self, plan: Mapping[str, Any]) -> None:
        """Not kept."""

    def load(self) -> Iterator[tuple[range, Arrays]]:
        """Nothing is there."""
        yield from ()

    def save(self, batches: range, arrays: Arrays) -> None:
        """Not kept."""

    def forget(self, start: int) -> None:
        """Nothing to forget."""

    def clear(self) -> None:
        """Nothing to forget."""

    def require_space(self, n_bytes: int) -> None:
        """Memory will tell."""

    def stop(self) -> None:
        """Nobody asked."""


NO_SHARDS = NoShards()
