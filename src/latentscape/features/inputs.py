"""Samples that travel: what a few rows of a data set need to be read somewhere else, and no more than that."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, final

from torch import Tensor

from latentscape.errors import DataError

Read = Callable[[Any], Any]
"""What travels of a sample -> what the model's collate takes. Raises DataError for one that can't be read."""


class LazyInputs(Sequence[Any], ABC):
    """Inputs made when they are asked for, each from something small: a path, a text, the bytes of a file."""

    @property
    @abstractmethod
    def contents(self) -> Sequence[Any]:
        """What each input is made from."""

    @property
    @abstractmethod
    def read(self) -> Read:
        """Content -> input, without holding any content."""

    def __len__(self) -> int:
        return len(self.contents)

    def __getitem__(self, row: int) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]  no slices
        return self.read(self.contents[row])

    def __iter__(self) -> Iterator[Any]:
        return (self[row] for row in range(len(self)))


@final
@dataclass(frozen=True)
class Unreadable:
    """Stands for an input that could not be read where the data lies."""

    error: DataError


def find_read(inputs: Sequence[Any]) -> Read:
    """How what `pack_inputs` gives becomes inputs again."""
    return inputs.read if isinstance(inputs, LazyInputs) else open_value


def pack_inputs(inputs: Sequence[Any], rows: Iterable[int]) -> list[Any]:
    """What these rows need to be read somewhere else. Inputs of no kind of ours are read here."""
    if isinstance(inputs, LazyInputs):
        contents = inputs.contents
        return [contents[row] for row in rows]
    return [_read_value(inputs, row) for row in rows]


def open_value(value: Any) -> Any:
    """An input that was read before it travelled."""
    if isinstance(value, Unreadable):
        raise value.error
    return value


def _read_value(inputs: Sequence[Any], row: int) -> Any:
    try:
        return _cut_loose(inputs[row])
    except DataError as error:
        return Unreadable(error)


def _cut_loose(value: Any) -> Any:
    """A tensor that is part of a larger one takes all of it along where it goes: a copy doesn't."""
    if isinstance(value, Tensor):
        is_part = value.untyped_storage().nbytes() > value.numel() * value.element_size()
        return value.clone() if is_part else value
    if type(value) in (tuple, list):
        return type(value)(map(_cut_loose, value))
    return {name: _cut_loose(part) for name, part in value.items()} if type(value) is dict else value
