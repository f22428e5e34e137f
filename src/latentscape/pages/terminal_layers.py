"""The layers of a model, as `--list-layers` prints them."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

WIDEST = 72
"""A longer name pushes its own line only."""


@runtime_checkable
class Listed(Protocol):
    """A layer that can be named."""

    @property
    def name(self) -> str:
        """As `--layers` takes it."""
        ...

    @property
    def kind(self) -> str:
        """The type of its module."""
        ...

    @property
    def note(self) -> str:
        """The shape of what it answers to one sample, or why there is none; empty where that is not known."""
        ...


def tell_layers(layers: Sequence[Listed]) -> str:
    """One line a layer: its name, the shape of its answer to one sample, its type."""
    width = min(WIDEST, max((len(layer.name) for layer in layers), default=0))
    middle = max((len(layer.note) for layer in layers), default=0)
    return "\n".join(
        f"{layer.name:<{width}}  {f'{layer.note:<{middle}}  ' if middle else ''}{layer.kind}" for layer in layers
    )
