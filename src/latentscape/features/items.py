"""What a user's data set holds for a watch: items that a model takes, their labels, lengths and contents."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, final, runtime_checkable

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import default_collate

from latentscape.datasets.splits import stratified_sample
from latentscape.errors import UsageError
from latentscape.models.shells import PLAIN
from latentscape.shapes import Labels, Rows

LABELS = ("labels", "label", "label_ids")
"""What an item calls its class."""
Collate = Callable[[list[Any]], Any]


@runtime_checkable
class Items(Protocol):
    """A data set of known size whose items can be read by number."""

    def __len__(self) -> int: ...

    def __getitem__(self, row: int, /) -> Any: ...


@final
class Chosen(Sequence[Any]):
    """Some rows of a data set, read where a later backward pass may still use what the data set keeps of them."""

    def __init__(self, items: Items, rows: Rows) -> None:
        self._items, self._rows = items, rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, row: Any) -> Any:
        with torch.inference_mode(False), torch.no_grad():
            return self._items[int(self._rows[row])]


@dataclass(frozen=True, kw_only=True)
class Looked:
    """What one look at each item tells."""

    labels: tuple[Any, ...]
    """As the items say; None where they don't."""
    lengths: tuple[int, ...]
    digest: str
    """SHA-256 over the items' contents."""


def require_items(inputs: Any) -> Items:
    """The data set, unless its items can't be counted and read by number. Raises UsageError."""
    if not (hasattr(inputs, "__len__") and hasattr(inputs, "__getitem__")) or isinstance(inputs, Mapping | str):
        raise UsageError(
            "the inputs can't be read by number",
            got=type(inputs).__name__,
            expected="a list, or a data set with `__len__` and `__getitem__`",
            hint="a stream has no fixed samples: give some of its items as a list",
        )
    if not len(inputs):
        raise UsageError(
            "there are no inputs to watch", expected="one item or more", hint="check the data set and its filters"
        )
    return inputs


def choose_rows(labels: Sequence[Any] | None, n: int, *, most: int, seed: int) -> Rows:
    """At most `most` rows (0: all), in the classes' proportions where labels are known beforehand."""
    groups = [0] * n if labels is None else [str(label) for label in labels]
    return stratified_sample(groups, n=most, seed=seed)


def look_at(items: Sequence[Any]) -> Looked:
    """Read every item once."""
    labels, lengths, whole = [], [], hashlib.sha256()
    for item in items:
        labels.append(find_label(item))
        lengths.append(measure_length(item))
        whole.update(_digest(item))
    return Looked(labels=tuple(labels), lengths=tuple(lengths), digest=whole.hexdigest())


def find_label(item: Any) -> Any:
    """The class that an item names: under one of `LABELS`, or last of a tuple of two or more; None without one."""
    if isinstance(item, Mapping):
        return next((item[name] for name in LABELS if name in item), None)
    return item[-1] if isinstance(item, tuple | list) and len(item) > 1 else None


def drop_label(item: Any) -> Any:
    """An item, or a batch, without its classes."""
    if isinstance(item, Mapping):
        return {name: value for name, value in item.items() if name not in LABELS}
    if isinstance(item, tuple | list) and len(item) > 1:
        return tuple(item[:-1])
    return item


def measure_length(item: Any) -> int:
    """How long an item is: that of its longest part, in that part's own unit."""
    parts = item.values() if isinstance(item, Mapping) else item if isinstance(item, tuple | list) else [item]
    return max((_count(part) for part in parts), default=1)


def collate_items(items: list[Any]) -> Any:
    """Items without their classes, as torch's own collate puts them together."""
    return default_collate([drop_label(item) for item in items])


def to_keywords(collate: Collate) -> Callable[[list[Any]], dict[str, Any]]:
    """`collate` so that its batches are keywords of `AnswerOf.forward`: a batch without names goes in by place."""

    def put_together(items: list[Any]) -> dict[str, Any]:
        with torch.inference_mode(False), torch.no_grad():
            batch = collate(items)
        if isinstance(batch, Mapping):
            return dict(batch)
        return {PLAIN: tuple(batch) if isinstance(batch, tuple | list) else (batch,)}

    return put_together


def without_labels(collate: Collate) -> Collate:
    """A collate of a training, whose batches hold classes, as one that leaves them out."""
    return lambda items: drop_label(collate(items))


def number_labels(labels: Sequence[Any], class_names: Sequence[str] | None) -> tuple[Labels, tuple[str, ...] | None]:
    """Class numbers (-1 unknown), and the classes' names where they are known.

    Names without `class_names` are numbered in alphabetical order. Raises UsageError for a class that is not among
    them, and for labels that are neither numbers nor names.
    """
    names = None if class_names is None else tuple(map(str, class_names))
    plain = [_read_scalar(label) for label in labels]
    texts = sorted({label for label in plain if isinstance(label, str)})
    if texts and names is None:
        names = tuple(texts)
    numbers = {name: number for number, name in enumerate(names or ())}
    found = [_number(label, numbers) for label in plain]
    highest = max(found, default=-1)
    if names is not None and highest >= len(names):
        raise UsageError(
            "a label is no class",
            got=str(highest),
            expected=f"0 to {len(names) - 1}, -1 for unknown",
            hint="number the classes from 0, and name all of them in `class_names`",
        )
    if highest < 0:
        raise UsageError(
            "no sample has a label", hint="give `labels`, or items with `labels`: a watch tells right from wrong"
        )
    return np.array(found, dtype=np.int64), names


def _number(label: Any, numbers: Mapping[str, int]) -> int:
    if label is None or (isinstance(label, float) and np.isnan(label)):
        return -1
    if isinstance(label, str) and label in numbers:
        return numbers[label]
    if not isinstance(label, int | float) or label != int(label):
        known = ", ".join(numbers) or "a whole number"
        raise UsageError(
            "a label is no class",
            got=repr(label)[:80],
            expected=known[:200],
            hint="give whole numbers from 0, or names that are in `class_names`",
        )
    return max(-1, int(label))


def _read_scalar(label: Any) -> Any:
    """A label out of the array or tensor that holds it. Raises UsageError where it holds several."""
    if not isinstance(label, Tensor | np.ndarray | np.generic):
        return label
    if int(np.prod(label.shape)) != 1:
        raise UsageError(
            "a sample has several labels",
            got=f"shape {list(label.shape)}",
            expected="one class a sample",
            hint="give one number or name for each sample",
        )
    return label.item()


def _count(part: Any) -> int:
    if isinstance(part, Tensor | np.ndarray):
        return int(part.shape[0]) if part.ndim else 1
    return len(part) if isinstance(part, list | tuple | str) else 1


def _digest(value: Any) -> bytes:
    """The contents of an item, whatever it is made of."""
    if isinstance(value, Mapping):
        return b"".join(str(name).encode() + _digest(part) for name, part in value.items())
    if isinstance(value, tuple | list) and not all(isinstance(part, int | float) for part in value):
        return b"".join(map(_digest, value))
    if isinstance(value, Tensor):
        value = value.detach().float().cpu().numpy() if value.dtype == torch.bfloat16 else value.detach().cpu().numpy()
    if isinstance(value, np.ndarray) or hasattr(value, "__array_interface__"):
        plain = np.ascontiguousarray(value)
        return hashlib.sha256(plain.tobytes() if plain.dtype != object else repr(plain).encode()).digest()
    return hashlib.sha256(repr(value).encode("utf-8", "backslashreplace")).digest()
