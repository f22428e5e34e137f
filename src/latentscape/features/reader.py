"""Reading batches, whatever happens: unreadable samples, too little memory, answers that padding spoils."""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from latentscape.errors import DataError, LatentscapeError, ModelError, ResourceError
from latentscape.features.hooks import Listener
from latentscape.features.memory import free_memory, is_out_of_memory
from latentscape.features.plan import PADDED, plan_batches
from latentscape.features.pooling import Batch, find_frame_axis, measure_batch, pool
from latentscape.progress import Progress
from latentscape.shapes import FeatureMatrix

Vectors = dict[str, Float[Tensor, "sample _"]]
"""By layer, one row for each sample of a batch."""
Answers = dict[str, Float[Tensor, "sample ..."]]
"""By layer, before pooling."""
Answered = tuple[Answers, Batch]
Loaded = list[tuple[int, Any]]
"""(row, input) of samples that could be read."""
SAME_ANSWER = 1e-3
"""Two passes over one sample may differ by this share: devices add up in varying order, dropout does more."""


class Reader:
    """One extraction under way: what failed so far, how large a batch may be, and the features read."""

    def __init__(
        self,
        listener: Listener,
        inputs: Sequence[Any],
        *,
        lengths: Sequence[int],
        collate: Callable[[list[Any]], Mapping[str, Any]],
        device: str,
        limit: int,
        progress: Progress,
    ) -> None:
        self.listener, self.inputs, self.lengths = listener, inputs, lengths
        self.collate, self.device, self.limit, self.progress = collate, device, limit, progress
        self.axes: dict[str, int | None] = {}
        self.failed: dict[int, str] = {}
        self.features: dict[str, FeatureMatrix] = {}
        self.n_passes = 0

    def plan(self, padding: str, batch_size: int) -> list[list[int]]:
        """Batches of everything that has not failed."""
        rows = [row for row in range(len(self.lengths)) if row not in self.failed]
        return plan_batches(rows, self.lengths, batch_size=batch_size, padding=padding)

    def settle_axes(self) -> None:
        """Find each layer's frame axis from the longest and the shortest sample alone, and that answers repeat.

        Raises DataError where no sample can be read, ModelError where one sample gets two answers.
        """
        order = [row for batch in self.plan(PADDED, 1) for row in batch]
        _, long, batch = self._answer_first(order)
        row, short, short_batch = self._answer_first(order[::-1])
        model = self.listener.model
        self.axes = {name: find_frame_axis(short[name], long[name], batch, layer=name, model=model) for name in long}
        _, again, _ = self._answer_first([row])
        difference, layer = compare(self._pool(short, short_batch), self._pool(again, short_batch))
        if difference > SAME_ANSWER:
            raise ModelError(
                "the model answers differently each time",
                got=f"a change by {difference:.2g} in layer `{layer}` for the same sample",
                expected="the same answer in eval mode",
                hint="look for dropout or sampling that ignores eval mode",
            )

    def compare_alone_and_padded(self, batch: Sequence[int], probed: Sequence[int]) -> tuple[float, str]:
        """The largest relative difference over layers and `probed` samples, and the layer that has it."""
        padded = self._read_each([batch])
        alone = self._read_each([row] for row in probed)
        return max((compare(alone[row], padded[row]) for row in alone if row in padded), default=(0.0, ""))

    def read_all(self, batches: Sequence[Sequence[int]], padding: str) -> None:
        """Read every batch and keep its features."""
        self.features, self.n_passes = {}, 0
        for batch in self.progress.track(batches, label="features", total=len(batches)):
            for rows, vectors in self.read(batch, padding):
                self._keep(rows, vectors)
                self.n_passes += 1

    def read(self, batch: Sequence[int], padding: str) -> Iterator[tuple[list[int], Vectors]]:
        """Vectors of a batch: in one piece, or in smaller ones where memory or a sample makes it necessary."""
        waiting = _cut(self._load(batch), self.limit)
        while waiting:
            loaded = waiting.pop(0)
            outcome = self._answer(loaded, padding)
            if isinstance(outcome, tuple):
                yield [row for row, _ in loaded], self._pool(*outcome)
            else:
                waiting = [piece for part in [*outcome, *waiting] for piece in _cut(part, self.limit)]

    def nothing_left(self, failed: Mapping[int, str]) -> DataError:
        """The error for a study in which every sample failed."""
        row, reason = min(failed.items())
        what = f"none of the {len(self.lengths)} samples gave features"
        return DataError(what, got=f"row {row}: {reason}", hint="check the data set")

    def _load(self, rows: Iterable[int]) -> Loaded:
        """The inputs that can be read; the others are noted as failed."""
        loaded = []
        for row in rows:
            try:
                loaded.append((row, self.inputs[row]))
            except DataError as error:
                self.failed[row] = _one_line(error)
        return loaded

    def _answer(self, loaded: Loaded, padding: str) -> Answered | list[Loaded]:
        """What the layers answer to a batch, or the smaller batches to try in its place."""
        problem = None
        try:
            batch = self._collate(loaded)
            if padding == PADDED or batch.even:
                return self.listener.run(batch.inputs, len(loaded)), batch
        except DataError as error:
            problem = error
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            problem = error
        # Without its traceback the error does not hold on to the memory that was short.
        return self._split(loaded, None if problem is None else problem.with_traceback(None))

    def _split(self, loaded: Loaded, problem: Exception | None) -> list[Loaded]:
        """Smaller batches after a problem; without one the batch itself shows padding that `lengths` did not."""
        row = loaded[0][0]
        if problem is None or (isinstance(problem, DataError) and len(loaded) > 1):
            return _cut(loaded, 1)
        if isinstance(problem, DataError):
            self.failed[row] = _one_line(problem)
            return []
        if len(loaded) == 1:
            raise ResourceError(
                "memory does not suffice for a single sample",
                got=f"row {row} of length {self.lengths[row]} on {self.device}",
                hint="use `--device cpu`, or leave this sample out",
            ) from problem
        self.limit = len(loaded) // 2
        self.progress.say(f"Memory ran out with {len(loaded)} samples in a batch: going on with {self.limit}.")
        free_memory(self.device)
        return [loaded]

    def _answer_first(self, order: Iterable[int]) -> tuple[int, Answers, Batch]:
        """The first sample that can be read, alone, and what the layers answer to it."""
        for row in order:
            loaded = [] if row in self.failed else self._load([row])
            outcome = self._answer(loaded, PADDED) if loaded else []
            if isinstance(outcome, tuple):
                return row, *outcome
        raise self.nothing_left(self.failed)

    def _read_each(self, batches: Iterable[Sequence[int]]) -> dict[int, dict[str, Float[Tensor, " _"]]]:
        """Vectors of each sample, read in these batches."""
        return {
            row: {layer: values[place] for layer, values in vectors.items()}
            for batch in batches
            for rows, vectors in self.read(batch, PADDED)
            for place, row in enumerate(rows)
        }

    def _collate(self, loaded: Loaded) -> Batch:
        """The model's keywords for these samples, on its device."""
        made = self.collate([value for _, value in loaded])
        inputs = {name: value.to(self.device) if isinstance(value, Tensor) else value for name, value in made.items()}
        return measure_batch(inputs, torch.tensor([self.lengths[row] for row, _ in loaded]))

    def _pool(self, answers: Answers, batch: Batch) -> Vectors:
        model = self.listener.model
        return {
            layer: pool(answer, batch, axis=self.axes[layer], layer=layer, model=model)
            for layer, answer in answers.items()
        }

    def _keep(self, rows: list[int], vectors: Vectors) -> None:
        for layer, values in vectors.items():
            width = values.shape[1]
            kept = self.features.setdefault(layer, np.full((len(self.lengths), width), np.nan, dtype=np.float32))
            if kept.shape[1] != width:
                raise ModelError(
                    f"layer `{layer}` has no fixed number of features",
                    got=f"{kept.shape[1]} features for some samples, {width} for others",
                    expected="the same number for every sample",
                )
            kept[rows] = values.numpy()


def compare(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> tuple[float, str]:
    """The largest difference relative to the largest value, over layers, and the layer that has it.

    A layer that is not finite in `one` says nothing; one that is finite only there differs without bound.
    """
    return max((_relative_difference(one[layer], other[layer]), layer) for layer in one)


def _relative_difference(one: Tensor, other: Tensor) -> float:
    if not one.isfinite().all():
        return 0.0
    if not other.isfinite().all():
        return sys.float_info.max
    size = torch.maximum(one.abs().max(), other.abs().max())
    return float((one - other).abs().max() / size) if size else 0.0


def _cut(loaded: Loaded, size: int) -> list[Loaded]:
    return [loaded[at : at + size] for at in range(0, len(loaded), size)]


def _one_line(error: LatentscapeError) -> str:
    """What happened and what was there, without the hint: it stands in a list of many."""
    return f"{error.what} ({error.got})" if error.got else error.what
