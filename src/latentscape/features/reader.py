"""Reading one batch, whatever happens: unreadable samples, too little memory, padding nobody announced."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from latentscape.errors import DataError, LatentscapeError, ModelError, ResourceError
from latentscape.features.hooks import Listener
from latentscape.features.memory import free_memory, is_out_of_memory
from latentscape.features.plan import PADDED, Plan, Reading
from latentscape.features.pooling import Batch, measure_batch, pool
from latentscape.progress import Progress
from latentscape.shapes import FeatureMatrix

Answers = dict[str, Float[Tensor, "sample ..."]]
"""By layer, before pooling."""
Vectors = dict[str, Float[Tensor, "sample _"]]
"""By layer, one row for each sample of a batch."""
Loaded = list[tuple[int, Any]]
"""(row, input) of samples that could be read."""
OWN_FAILURES = (RuntimeError, ValueError, TypeError, IndexError)
"""What a model raises when it can't work with an input."""


@dataclass(frozen=True, kw_only=True)
class Readout:
    """What some batches of the plan gave."""

    rows: Sequence[int]
    """The input rows that were read, in the order of the vectors."""
    vectors: Mapping[str, FeatureMatrix]
    """By layer, one row for each of `rows`; nothing at all where no row was read."""
    failed: Mapping[int, str]
    """Why each of the other rows was not."""
    n_passes: int


class Reader:
    """Runs samples through one model. What it knows of the layers comes from the plan, or is found by the probes."""

    def __init__(self, listener: Listener, inputs: Sequence[Any], reading: Reading, *, progress: Progress) -> None:
        self.listener, self.reading, self.progress = listener, reading, progress
        self.inputs: Sequence[Any] | Mapping[int, Any] = inputs
        self.lengths: Sequence[int] | Mapping[int, int] = reading.lengths
        self.axes: Mapping[str, Sequence[int]] = {}
        self.widths: Mapping[str, int] = {}

    def follow(self, plan: Plan) -> None:
        """Take what was found out about the layers from a plan."""
        self.axes, self.widths = plan.axes, plan.widths

    def look_at(self, inputs: Mapping[int, Any], lengths: Mapping[int, int]) -> None:
        """Read from these instead: some of the rows, by their numbers."""
        self.inputs, self.lengths = inputs, lengths

    def read(self, rows: Sequence[int], *, padding: str, limit: int, lower: Callable[[int], None]) -> Readout:
        """A batch of the plan, no more than `limit` samples at once.

        Where memory runs out `lower` hears the new limit, and the whole batch is read again with that: what a batch
        gives depends on the limit alone, not on where memory happened to end.
        """
        loaded, unreadable = self.load(rows)
        while not isinstance(outcome := self._try(loaded, padding, limit), Readout):
            limit = outcome // 2
            lower(limit)
            self.progress.say(f"Memory ran out with {outcome} samples in a batch: going on with {limit}.")
            free_memory(self.reading.device)
        return replace(outcome, failed={**unreadable, **outcome.failed})

    def load(self, rows: Iterable[int]) -> tuple[Loaded, dict[int, str]]:
        """The inputs that can be read, and why the others can't."""
        loaded, failed = [], {}
        for row in rows:
            try:
                loaded.append((row, self.inputs[row]))
            except DataError as error:
                failed[row] = describe_briefly(error)
        return loaded, failed

    def answer_alone(self, loaded: Loaded) -> tuple[Answers, Batch]:
        """What the layers answer to one sample, before pooling. Raises DataError where it can't be read."""
        problem: Exception
        try:
            return self._answer(loaded)
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            problem = error
        raise self._too_large(loaded[0][0]) from problem

    def pool(self, answers: Answers, batch: Batch) -> Vectors:
        """One vector a sample and layer."""
        model = self.listener.model
        pooled = {
            layer: pool(answer, batch, axes=self.axes[layer], layer=layer, model=model)
            for layer, answer in answers.items()
        }
        for layer, values in pooled.items():
            width = self.widths.get(layer, values.shape[1])
            if values.shape[1] != width:
                raise ModelError(
                    f"layer `{layer}` has no fixed number of features",
                    got=f"{width} features for some samples, {values.shape[1]} for others",
                    expected="the same number for every sample",
                    hint="choose another layer; `--list-layers` shows them",
                    fault="layer-answer",
                )
        return pooled

    def _try(self, loaded: Loaded, padding: str, limit: int) -> Readout | int:
        """The readout of a batch cut to `limit`; the number of samples for which memory did not suffice."""
        waiting, parts, failed = cut(loaded, limit), [], {}
        rows: list[int] = []
        while waiting:
            piece = waiting.pop(0)
            outcome = self._attempt(piece, padding)
            if isinstance(outcome, dict):
                rows += [row for row, _ in piece]
                parts.append(outcome)
            elif outcome is None or (isinstance(outcome, DataError) and len(piece) > 1):
                waiting = [*cut(piece, 1), *waiting]
            elif isinstance(outcome, DataError):
                failed[piece[0][0]] = describe_briefly(outcome)
            elif len(piece) > 1:
                return len(piece)
            else:
                raise self._too_large(piece[0][0]) from outcome
        layers = parts[0] if parts else {}
        vectors = {layer: np.concatenate([part[layer].numpy() for part in parts]) for layer in layers}
        return Readout(rows=rows, vectors=vectors, failed=failed, n_passes=len(parts))

    def _attempt(self, piece: Loaded, padding: str) -> Vectors | Exception | None:
        """Vectors of one pass, or what was in the way; None for a batch with padding that `lengths` did not show."""
        try:
            batch = self._collate(piece)
            if padding != PADDED and not batch.even:
                return None
            return self.pool(self._run(batch, piece), batch)
        except DataError as error:
            problem = error
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            problem = error
        # Without its traceback the error does not hold on to the memory that was short.
        return problem.with_traceback(None)

    def _answer(self, loaded: Loaded) -> tuple[Answers, Batch]:
        batch = self._collate(loaded)
        return self._run(batch, loaded), batch

    def _run(self, batch: Batch, loaded: Loaded) -> Answers:
        """What the layers answer; an error of the model's own is told as one, with the rows it was given."""
        try:
            return self.listener.run(batch.inputs, len(loaded))
        except OWN_FAILURES as error:
            if is_out_of_memory(error):
                raise
            row, rest = loaded[0][0], len(loaded) - 1
            raise ModelError(
                f"the model fails on row {row}{f' and the {rest} others of its batch' if rest else ''}",
                got=f"{type(error).__name__}: {error}",
                hint="`--debug` shows where; inputs of another tokenizer or sample rate are a common cause",
            ) from error

    def _collate(self, loaded: Loaded) -> Batch:
        """The model's keywords for these samples, on its device."""
        device, lengths = self.reading.device, self.lengths
        made = self.reading.collate([value for _, value in loaded])
        inputs = {name: value.to(device) if isinstance(value, Tensor) else value for name, value in made.items()}
        return measure_batch(inputs, torch.tensor([lengths[row] for row, _ in loaded]))

    def _too_large(self, row: int) -> ResourceError:
        return ResourceError(
            "memory does not suffice for a single sample",
            got=f"row {row} of length {self.lengths[row]} on {self.reading.device}",
            hint="use `--device cpu`, or leave this sample out",
            fault="memory",
        )


def cut(loaded: Loaded, size: int) -> list[Loaded]:
    """Pieces of at most `size` samples, in order."""
    return [loaded[at : at + size] for at in range(0, len(loaded), size)]


def describe_briefly(error: LatentscapeError) -> str:
    """What happened and what was there, without the hint: it stands in a list of many."""
    return f"{error.what} ({error.got})" if error.got else error.what
