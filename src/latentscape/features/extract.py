"""The whole way from samples to features: settle how, then read every batch once."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn

from latentscape.errors import DataError, ModelError, UsageError
from latentscape.executor import IN_PROCESS, Executor, InProcess
from latentscape.features.harvest import Harvest
from latentscape.features.hooks import Listener, move, ready_to_read, unwrap
from latentscape.features.memory import free_memory
from latentscape.features.plan import Plan, Reading, take_up_plan
from latentscape.features.pooling import CannotMaskError
from latentscape.features.probes import nothing_left, settle
from latentscape.features.reader import Reader
from latentscape.features.shards import NO_SHARDS, Shards
from latentscape.features.spread import Spread
from latentscape.progress import SILENT, Progress
from latentscape.shapes import FeatureMatrix, Rows


@dataclass(frozen=True, kw_only=True)
class Extraction:
    """Features of every layer, and how they were made."""

    features: Mapping[str, FeatureMatrix]
    """By public layer name; row i belongs to input `kept[i]`."""
    kept: Rows
    """Input rows that have features, ascending."""
    failed: tuple[tuple[int, str], ...]
    """(input row, reason) of all others, ascending."""
    hook_calls: Mapping[str, int]
    """How often each layer was heard: once for each batch."""
    n_batches: int
    batch_size: int
    """The largest batch used at the end; smaller than asked for where memory ran out."""
    padding: str
    """`padded`, or `equal lengths` where padding could not be trusted."""
    pad_difference: float
    """Largest change of a sample's features by padding, relative to the largest of them; 0 if nothing was padded."""
    backoffs: tuple[tuple[int, int], ...] = ()
    """(batch, limit): where memory ran out, and how many samples shared a pass from this batch on."""
    plan_sha256: str = ""
    """Of the plan of batches: the same plan and the same inputs give the same bytes on the same machine."""
    dtypes: Mapping[str, str] = field(default_factory=dict)
    """By layer, the type of its numbers in the model, e.g. `bfloat16`; the features are float32."""


def extract_features(
    model: nn.Module,
    inputs: Sequence[Any],
    *,
    layers: Mapping[str, str],
    collate: Callable[[list[Any]], Mapping[str, Any]],
    lengths: Sequence[int],
    batch_size: int = 32,
    device: str = "cpu",
    progress: Progress = SILENT,
) -> Extraction:
    """Run every input through the model once and keep one vector a layer: answers over frames become their mean.

    `layers` maps public names to module paths; `collate` turns a list of inputs into the keywords of `model.forward`;
    `lengths` (one an input, in any unit) decides which inputs share a batch. Only frames that are real enter a mean; a
    first look compares samples alone and padded, and where they differ or padded frames can't be told apart, batches
    hold inputs of equal length only. An input that raises DataError, or whose features are not finite, is left out and
    listed in `failed`. The model is moved to `device` and left there in eval mode; torch's threads are not touched.

    Raises DataError if no input can be read; ModelError for a layer that is not called exactly once a pass or has no
    fixed number of features, and for a model that answers differently each time, or depending on the rest of the batch,
    or with no finite number; ResourceError where memory does not suffice for a single input; UsageError for a batch
    size below 1, no layers, or a layer that the model does not have.
    """
    reading = Reading(layers=layers, collate=collate, lengths=lengths, batch_size=batch_size, device=device)
    return read_features(model, inputs, reading, executor=InProcess(progress))


def read_features(
    model: nn.Module,
    inputs: Sequence[Any],
    reading: Reading,
    *,
    shards: Shards = NO_SHARDS,
    executor: Executor = IN_PROCESS,
) -> Extraction:
    """`extract_features`, which can be interrupted: what is in `shards` is not read again.

    The features are the same bytes however often it was interrupted, and wherever.
    """
    if reading.batch_size < 1 or not reading.layers:
        raise UsageError(
            "there is nothing to extract",
            got=f"batch size {reading.batch_size}, {len(reading.layers)} layers",
            expected="1 or more of each",
            hint="set `--batch-size` and `--layers`, or leave both out",
            fault="option-value",
        )
    if len(reading.lengths) != len(inputs):
        raise AssertionError(f"{len(inputs)} inputs with {len(reading.lengths)} lengths")
    if not len(inputs):
        raise DataError("there are no samples to read", hint="check the data set and its filters", fault="data-empty")
    model = unwrap(model)
    if isinstance(executor, InProcess):
        with _listening(model, inputs, reading, progress=executor.progress) as reader:
            plan = _find_plan(reader, shards)
            harvest = _read_all(plan, reading, shards, progress=reader.progress, read=lambda it: it.read(reader))
        return _finish(harvest)
    home = next((parameter.device for parameter in model.parameters()), torch.device("cpu"))
    with _listening(model, inputs, reading, progress=executor.progress) as reader:
        plan = _find_plan(reader, shards)
    move(model, "cpu")  # workers may need the room, and it is sent to them from here
    free_memory(reading.device)
    try:
        harvest = _read_all(
            plan,
            reading,
            shards,
            progress=executor.progress,
            read=lambda it: Spread(it, model, inputs, executor=executor).read(),
        )
    finally:
        move(model, str(home))
    return _finish(harvest)


@contextmanager
def _listening(model: nn.Module, inputs: Sequence[Any], reading: Reading, *, progress: Progress) -> Iterator[Reader]:
    with ready_to_read(model, reading.device), Listener(model, reading.layers) as listener:
        yield Reader(listener, inputs, reading, progress=progress)


def _find_plan(reader: Reader, shards: Shards) -> Plan:
    """The plan that was begun with, or a new one."""
    saved = shards.load_plan()
    plan = None if saved is None else take_up_plan(saved, reader.reading)
    if plan is None:
        shards.clear()
        plan = settle(reader)
        shards.save_plan(plan.to_json())
    reader.follow(plan)
    return plan


def _read_all(
    plan: Plan, reading: Reading, shards: Shards, *, progress: Progress, read: Callable[[Harvest], None]
) -> Harvest:
    """Read every batch; where a padded one can't be masked after all, all again without."""
    harvest = Harvest(plan, reading, shards, progress=progress)
    harvest.take_up()
    try:
        read(harvest)
    except CannotMaskError as error:
        progress.say(f"{error} Batches hold samples of equal length only.")
        shards.clear()
        plan = harvest.plan.without_padding(reading.lengths)
        shards.save_plan(plan.to_json())
        harvest = Harvest(plan, reading, shards, progress=progress)
        read(harvest)
    return harvest


def _finish(harvest: Harvest) -> Extraction:
    """Drop what is not finite and account for every input."""
    plan, failed = harvest.plan, dict(harvest.failed)
    for layer, values in harvest.features.items():
        for row in np.flatnonzero(~np.isfinite(values).all(axis=1)).tolist():
            failed.setdefault(row, f"layer `{layer}` gives values that are not finite{_end_of(plan.dtypes[layer])}")
    n_rows = len(harvest.reading.lengths)
    kept = np.setdiff1d(np.arange(n_rows), list(failed)).astype(np.int64)
    whole = len(kept) == n_rows  # then nothing is copied
    if not len(kept):
        raise nothing_left(failed) if len(harvest.failed) == len(failed) else _nothing_finite(harvest, failed)
    return Extraction(
        features={layer: values if whole else values[kept] for layer, values in harvest.features.items()},
        kept=kept,
        failed=tuple(sorted(failed.items())),
        hook_calls=dict.fromkeys(harvest.features, harvest.n_passes),
        n_batches=harvest.n_passes,
        batch_size=plan.limit_at(len(harvest.batches)),
        padding=plan.padding,
        pad_difference=plan.pad_difference,
        backoffs=plan.backoffs,
        plan_sha256=plan.sha256,
        dtypes=dict(sorted(plan.dtypes.items())),  # a plan that was read back has another order
    )


def _end_of(dtype: str) -> str:
    """Where the numbers of a small type end, which is the likely reason."""
    largest = torch.finfo(getattr(torch, dtype)).max
    return f" ({dtype} ends at {largest:g})" if largest < torch.finfo(torch.bfloat16).max else ""


def _nothing_finite(harvest: Harvest, failed: Mapping[int, str]) -> ModelError:
    """The error for a model that has no finite answer to anything that could be read."""
    n_read = len(failed) - len(harvest.failed)
    reason = next(reason for row, reason in sorted(failed.items()) if row not in harvest.failed)
    return ModelError(
        f"the model gives no usable features for any of {n_read} samples",
        got=reason,
        expected="finite numbers",
        hint="its weights have broken down, as in a training that diverged: take an earlier checkpoint",
        fault="answers-values",
    )
