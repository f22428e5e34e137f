"""A first look at a few samples: where frames lie, whether answers repeat, whether padding or company changes them."""

import sys
from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor

from latentscape.errors import DataError, ModelError
from latentscape.features.axes import find_axes
from latentscape.features.plan import EQUAL_LENGTHS, PADDED, Plan, find_most_padded, plan_batches
from latentscape.features.pooling import Batch, CannotMaskError
from latentscape.features.reader import Answers, Reader, describe_briefly

MAX_PAD_DIFFERENCE = 1e-3
"""Padding may change features by this share of their size; more, and nothing is padded any more."""
PROBED = 8
"""Samples compared alone and padded: those of the most padded batch that are padded most."""
COMPANIONS = 2
"""Samples compared alone and in an unpadded batch."""
SAME_ANSWER = 1e-3
"""Two passes over one sample may differ by this share: devices add up in varying order, dropout does more."""
SAME_ANSWER_COARSE = 0.1
"""The same between batches of different sizes where numbers are coarse: 16 bits or fewer, or an accelerator's."""


class Probes:
    """What the first look has found: what failed, and how many samples fit into memory."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.failed: dict[int, str] = {}
        self.limit = reader.reading.batch_size

    def plan(self, padding: str, batch_size: int) -> list[list[int]]:
        """Batches of everything that has not failed."""
        lengths = self.reader.reading.lengths
        rows = [row for row in range(len(lengths)) if row not in self.failed]
        return plan_batches(rows, lengths, batch_size=batch_size, padding=padding)

    def settle_axes(self) -> None:
        """Find each layer's frame axis from the longest and the shortest sample alone, and that answers repeat.

        Raises DataError where no sample can be read, ModelError where one sample gets two answers.
        """
        reader = self.reader
        order = [row for batch in self.plan(PADDED, 1) for row in batch]
        _, long, batch = self._answer_first(order)
        row, short, short_batch = self._answer_first(order[::-1])
        model = reader.listener.model
        paths = reader.listener.layers
        reader.axes = {
            name: find_axes(short[name], long[name], batch, layer=name, path=paths[name], model=model) for name in long
        }
        reader.widths = {name: values.shape[1] for name, values in reader.pool(long, batch).items()}
        empty = next((name for name, width in reader.widths.items() if not width), None)
        if empty is not None:
            raise ModelError(
                f"layer `{empty}` answers with no features at all",
                got=f"shape {list(long[empty].shape)}",
                expected="one feature or more",
                hint="choose another layer; `--list-layers` shows them",
                fault="layer-answer",
            )
        _, again, _ = self._answer_first([row])
        difference, layer = compare(reader.pool(short, short_batch), reader.pool(again, short_batch))
        if difference > SAME_ANSWER:
            raise ModelError(
                "the model answers differently each time",
                got=f"a change by {difference:.2g} in layer `{layer}` for the same sample",
                expected="the same answer in eval mode",
                hint="look for dropout or sampling that ignores eval mode",
                fault="answers-vary",
            )

    def settle_padding(self) -> tuple[str, float]:
        """Whether batches may be padded, and how much padding changes where it changes most."""
        batch = find_most_padded(self.plan(PADDED, self.reader.reading.batch_size), self.reader.reading.lengths)
        say = self.reader.progress.say
        try:
            difference, layer = self._compare_alone_and_together(batch, batch[-PROBED:])
        except CannotMaskError as error:
            say(f"{error} Batches hold samples of equal length only.")
            return EQUAL_LENGTHS, 0.0
        if difference <= MAX_PAD_DIFFERENCE:
            return PADDED, difference
        say(
            f"Padding changes layer `{layer}` by {difference:.2g} of its size (allowed: {MAX_PAD_DIFFERENCE:g}). "
            "Batches hold samples of equal length only."
        )
        return EQUAL_LENGTHS, difference

    def check_company(self, padding: str) -> None:
        """That a sample's features do not depend on what else is in its batch, where nothing is padded."""
        lengths = self.reader.reading.lengths
        even = (
            batch
            for batch in self.plan(padding, self.reader.reading.batch_size)
            if len(batch) > 1 and lengths[batch[0]] == lengths[batch[-1]]
        )
        batch = next(even, [])
        difference, layer = self._compare_alone_and_together(batch, batch[-COMPANIONS:], padding=EQUAL_LENGTHS)
        if difference > (SAME_ANSWER_COARSE if self._is_coarse() else SAME_ANSWER):
            raise ModelError(
                "the model's answer to a sample depends on what else is in its batch",
                got=f"a change by {difference:.2g} in layer `{layer}` between a sample alone and in a batch",
                expected="the same features in any batch",
                hint="look for normalization over the batch, or read one by one with `--batch-size 1`",
                fault="answers-vary",
            )

    def _is_coarse(self) -> bool:
        model = self.reader.listener.model
        small = any(
            value.is_floating_point() and value.itemsize < torch.float32.itemsize for value in model.parameters()
        )
        return small or self.reader.reading.device != "cpu"

    def _compare_alone_and_together(
        self, batch: Sequence[int], probed: Sequence[int], *, padding: str = PADDED
    ) -> tuple[float, str]:
        """The largest relative difference over layers and `probed` samples, and the layer that has it."""
        together = self._read_each([batch] if batch else [], padding)
        alone = self._read_each([[row] for row in probed], padding)
        return max((compare(alone[row], together[row]) for row in alone if row in together), default=(0.0, ""))

    def _read_each(self, batches: Iterable[Sequence[int]], padding: str) -> dict[int, dict[str, Tensor]]:
        """Vectors of each sample, read in these batches."""
        found = {}
        for batch in batches:
            readout = self.reader.read(batch, padding=padding, limit=self.limit, lower=self._lower)
            self.failed |= readout.failed
            for place, row in enumerate(readout.rows):
                found[row] = {layer: torch.from_numpy(values[place]) for layer, values in readout.vectors.items()}
        return found

    def _lower(self, limit: int) -> None:
        self.limit = limit

    def _answer_first(self, order: Iterable[int]) -> tuple[int, Answers, Batch]:
        """The first sample that can be read, alone, and what the layers answer to it."""
        for row in order:
            if row in self.failed:
                continue
            loaded, failed = self.reader.load([row])
            self.failed |= failed
            try:
                if loaded:
                    return row, *self.reader.answer_alone(loaded)
            except DataError as error:
                self.failed[row] = describe_briefly(error)
        raise nothing_left(self.failed)


def settle(reader: Reader) -> Plan:
    """Look at a few samples and decide how all are read.

    Raises DataError where no sample can be read; ModelError for a model whose answers can't be pooled or don't repeat.
    """
    probes, reading = Probes(reader), reader.reading
    probes.settle_axes()
    padding, difference = probes.settle_padding()
    if padding == EQUAL_LENGTHS or not difference:
        probes.check_company(padding)
    return Plan(
        layers=dict(reading.layers),
        batch_size=reading.batch_size,
        padding=padding,
        pad_difference=difference,
        axes=dict(reader.axes),
        widths=dict(reader.widths),
        dtypes=dict(reader.listener.dtypes),
        failed=tuple(sorted(probes.failed.items())),
        batches_sha256="",
        backoffs=((0, probes.limit),) if probes.limit < reading.batch_size else (),
    ).seal(reading.lengths)


def nothing_left(failed: Mapping[int, str]) -> DataError:
    """The error for a study in which every sample failed."""
    row, reason = min(failed.items())
    what = f"none of the {len(failed)} samples gave features"
    return DataError(what, got=f"row {row}: {reason}", hint="check the data set", fault="data-empty")


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
    one, other = one.double(), other.double()
    size = torch.maximum(one.abs().max(), other.abs().max())
    return float((one - other).abs().max() / size) if size else 0.0
