"""What a user's program holds (a DataLoader, arrays, a frame, a data set) -> items that can be read by number."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, IterableDataset

from latentscape.datasets.sample_columns import to_numpy
from latentscape.errors import DataError, UsageError, nearest
from latentscape.features.items import LABELS, Collate, Items, collate_items, drop_label, require_items, to_keywords
from latentscape.models.shells import PLAIN

NOT_INPUTS = (*LABELS, "idx")
"""What no model takes: its classes, and the numbers that data sets give their items."""


@dataclass(frozen=True, kw_only=True)
class Gathered:
    """Items, and how they become what the model takes."""

    items: Items
    collate: Callable[[list[Any]], Mapping[str, Any]]
    """Items -> keywords of the model, classes left out."""
    labels: Sequence[Any] | None = None
    """Where they stand beside the items."""


def gather(data: Any, model: nn.Module, *, labels: Any, collate: Collate | None) -> Gathered:
    """Items of whatever holds them; `labels` may name a column of a frame.

    Raises UsageError for something that can't be read by number, DataError for arrays that don't fit each other.
    """
    if isinstance(data, DataLoader):
        return _of_loader(data, model, labels=labels, collate=collate)
    if hasattr(data, "columns") and hasattr(data, "to_numpy"):
        data, labels = _split_frame(data, labels)
    elif isinstance(data, tuple) and len(data) == 2 and _is_array(data[0]) and _is_column(data[1]):
        data, labels = data[0], data[1] if labels is None else labels
    if _is_array(data):
        data = _as_tensor(data)
    chosen = collate or collate_items
    return Gathered(items=require_items(data), collate=_accept(to_keywords(chosen), model), labels=_as_list(labels))


def _of_loader(loader: "DataLoader[Any]", model: nn.Module, *, labels: Any, collate: Collate | None) -> Gathered:
    dataset: Any = loader.dataset
    if isinstance(dataset, IterableDataset) or not hasattr(dataset, "__getitem__"):
        items = [item for batch in loader for item in split_batch(batch)]
        return Gathered(
            items=items, collate=_accept(to_keywords(collate or collate_items), model), labels=_as_list(labels)
        )
    put_together: Any = collate or loader.collate_fn
    kept = to_keywords(lambda items: drop_label(put_together(items)))
    return Gathered(items=require_items(dataset), collate=_accept(kept, model), labels=_as_list(labels))


def split_batch(batch: Any) -> list[Any]:
    """The items that a batch was made of.

    >>> split_batch({"x": [1, 2], "labels": [0, 1]})
    [{'x': 1, 'labels': 0}, {'x': 2, 'labels': 1}]
    """
    if isinstance(batch, Mapping):
        names = list(batch)
        return [dict(zip(names, values, strict=True)) for values in zip(*batch.values(), strict=True)]
    if isinstance(batch, tuple | list):
        return list(zip(*batch, strict=True))
    return list(batch)


def _accept(
    collate: Callable[[list[Any]], dict[str, Any]], model: nn.Module
) -> Callable[[list[Any]], Mapping[str, Any]]:
    """Without the columns that `forward` does not take, as trainers do it: texts and ids stand beside the inputs."""
    taken = inspect.signature(model.forward).parameters
    if any(each.kind is inspect.Parameter.VAR_KEYWORD for each in taken.values()):
        return lambda items: {name: value for name, value in collate(items).items() if name not in NOT_INPUTS}
    known = {PLAIN, *taken}

    def put_together(items: list[Any]) -> Mapping[str, Any]:
        batch = {name: value for name, value in collate(items).items() if name in known and name not in NOT_INPUTS}
        if not batch:
            offered = ", ".join(collate(items))
            raise UsageError(
                "no column of the data is what the model takes",
                got=offered,
                expected=", ".join(name for name in taken if name != "self"),
                hint="name the columns as `forward` names its inputs, or give `collate`",
            )
        return batch

    return put_together


def _split_frame(frame: Any, labels: Any) -> tuple[Any, Any]:
    """The numbers of a frame, and the column of it that holds the classes."""
    names = [str(name) for name in frame.columns]
    if isinstance(labels, str):
        if labels not in names:
            raise DataError(f"the frame has no column `{labels}`", hint=nearest(labels, names), fault="data-columns")
        values = list(frame[labels])
        frame = frame[[name for name in frame.columns if str(name) != labels]]
    else:
        values = labels
    numbers = to_numpy(frame)
    if numbers.dtype.kind not in "fiub":
        raise DataError(
            "the frame holds more than numbers",
            got=str(numbers.dtype),
            expected="columns of numbers, and the column of classes named by `labels`",
            hint="take the columns that the model was trained on: `frame[[...]]`",
            fault="data-columns",
        )
    return numbers, values


def _is_array(value: Any) -> bool:
    return isinstance(value, Tensor | np.ndarray) or (hasattr(value, "to_numpy") and not isinstance(value, str))


def _is_column(value: Any) -> bool:
    return _is_array(value) or isinstance(value, list | tuple)


def _as_tensor(data: Any) -> Tensor:
    """Rows as a model takes them: floats of double precision become single."""
    if isinstance(data, Tensor):
        return data
    values = to_numpy(data)
    if values.dtype.kind not in "fiub":
        raise DataError(
            "the inputs are not numbers",
            got=str(values.dtype),
            expected="numbers, or a list of what the model takes",
            hint="give a list or a DataLoader for anything else",
            fault="data-columns",
        )
    tensor = torch.from_numpy(np.array(values))  # a copy: the user's may be read-only
    return tensor.float() if tensor.dtype == torch.float64 else tensor


def _as_list(labels: Any) -> Sequence[Any] | None:
    if labels is None:
        return None
    if isinstance(labels, str):
        raise UsageError(
            "`labels` names a column, and the data has none",
            got=labels,
            hint="give one class a sample, or a data frame with that column",
        )
    return list(labels if isinstance(labels, list | tuple) else to_numpy(labels))
