"""The whole way from samples to features: settle how, then read every batch once."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import nn

from latentscape.errors import DataError, ModelError, UsageError
from latentscape.features.hooks import Listener, ready_to_read, unwrap
from latentscape.features.plan import EQUAL_LENGTHS, PADDED, find_most_padded
from latentscape.features.pooling import CannotMaskError
from latentscape.features.reader import Reader
from latentscape.progress import SILENT, Progress
from latentscape.shapes import FeatureMatrix, Rows

MAX_PAD_DIFFERENCE = 1e-3
"""Padding may change features by this share of their size; more, and nothing is padded any more."""
PROBED = 8
"""Samples compared alone and padded: those of the most padded batch that are padded most."""


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
    """The largest batch used; smaller than asked for where memory ran out."""
    padding: str
    """`padded`, or `equal lengths` where padding could not be trusted."""
    pad_difference: float
    """Largest change of a sample's features by padding, relative to the largest of them; 0 if nothing was padded."""


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
    fixed number of features, and for a model that answers differently each time or with no finite number; ResourceError
    where memory does not suffice for a single input; UsageError for a batch size below 1 or no layers.
    """
    if batch_size < 1 or not layers:
        got = f"batch size {batch_size}, {len(layers)} layers"
        raise UsageError("there is nothing to extract", got=got, expected="1 or more of each")
    if len(lengths) != len(inputs):
        raise AssertionError(f"{len(inputs)} inputs with {len(lengths)} lengths")
    if not len(inputs):
        raise DataError("there are no samples to read")
    model = unwrap(model)
    with ready_to_read(model, device), Listener(model, layers) as listener:
        reader = Reader(
            listener, inputs, lengths=lengths, collate=collate, device=device, limit=batch_size, progress=progress
        )
        reader.settle_axes()
        padding, difference = _settle_padding(reader, batch_size)
        padding = _read_all(reader, padding, batch_size)
    return _finish(reader, padding=padding, difference=difference)


def _settle_padding(reader: Reader, batch_size: int) -> tuple[str, float]:
    """Whether batches may be padded, and how much padding changes where it changes most."""
    batch = find_most_padded(reader.plan(PADDED, batch_size), reader.lengths)
    try:
        difference, layer = reader.compare_alone_and_padded(batch, batch[-PROBED:])
    except CannotMaskError as error:
        reader.progress.say(f"{error} Batches hold samples of equal length only.")
        return EQUAL_LENGTHS, 0.0
    if difference <= MAX_PAD_DIFFERENCE:
        return PADDED, difference
    reader.progress.say(
        f"Padding changes layer `{layer}` by {difference:.2g} of its size (allowed: {MAX_PAD_DIFFERENCE:g}). "
        "Batches hold samples of equal length only."
    )
    return EQUAL_LENGTHS, difference


def _read_all(reader: Reader, padding: str, batch_size: int) -> str:
    """Read every batch; where a padded one can't be masked after all, all again without. Returns the padding used."""
    try:
        reader.read_all(reader.plan(padding, batch_size), padding)
    except CannotMaskError as error:
        reader.progress.say(f"{error} Batches hold samples of equal length only.")
        padding = EQUAL_LENGTHS
        reader.read_all(reader.plan(padding, batch_size), padding)
    return padding


def _finish(reader: Reader, *, padding: str, difference: float) -> Extraction:
    """Drop what is not finite and account for every input."""
    failed = dict(reader.failed)
    for layer, values in reader.features.items():
        for row in np.flatnonzero(~np.isfinite(values).all(axis=1)).tolist():
            failed.setdefault(row, f"layer `{layer}` gives values that are not finite")
    kept = np.setdiff1d(np.arange(len(reader.lengths)), list(failed)).astype(np.int64)
    if not len(kept):
        raise reader.nothing_left(failed) if len(reader.failed) == len(failed) else _nothing_finite(reader, failed)
    return Extraction(
        features={layer: values[kept] for layer, values in reader.features.items()},
        kept=kept,
        failed=tuple(sorted(failed.items())),
        hook_calls=dict.fromkeys(reader.features, reader.n_passes),
        n_batches=reader.n_passes,
        batch_size=reader.limit,
        padding=padding,
        pad_difference=difference,
    )


def _nothing_finite(reader: Reader, failed: Mapping[int, str]) -> ModelError:
    """The error for a model that has no finite answer to anything that could be read."""
    n_read = len(failed) - len(reader.failed)
    reason = next(reason for row, reason in sorted(failed.items()) if row not in reader.failed)
    return ModelError(
        f"the model gives no usable features for any of {n_read} samples",
        got=reason,
        expected="finite numbers",
        hint="its weights have broken down, as in a training that diverged: take an earlier checkpoint",
    )
