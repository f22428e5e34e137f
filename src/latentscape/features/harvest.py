"""Reading the batches of a plan, and keeping what was read often enough that little is lost when the process dies."""

import json
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from latentscape.features.plan import Plan, Reading
from latentscape.features.reader import Reader, Readout
from latentscape.features.shards import Arrays, Shards
from latentscape.progress import SILENT, Progress
from latentscape.shapes import FeatureMatrix

SHARD_SAMPLES = 256
SHARD_SECONDS = 10.0
"""A shard is written when so many samples wait for it, or the first has waited so long."""
MOST_RUNS = 10_000
"""Shards that workers make of one extraction: of millions of samples they are larger."""
ROWS, FAILED, PASSES, LAYER = "rows", "failed", "passes", "layer_{}"
"""Names of a shard's arrays. Layers are numbered in the order of their names, which may hold any letter."""


class Harvest:
    """What has been read so far of a plan's batches."""

    def __init__(self, plan: Plan, reading: Reading, shards: Shards, *, progress: Progress = SILENT) -> None:
        self.plan, self.reading, self.shards, self.progress = plan, reading, shards, progress
        self.batches = plan.batches(reading.lengths)
        self.features: dict[str, FeatureMatrix] = {
            layer: np.full((len(reading.lengths), plan.widths[layer]), np.nan, dtype=np.float32)
            for layer in reading.layers
        }
        self.failed = dict(plan.failed)
        self._is_read = np.zeros(len(self.batches), dtype=np.bool_)
        self._passes = np.zeros(len(self.batches), dtype=np.int64)
        """Those of a shard stand at its first batch."""
        self._waiting: list[Readout] = []
        """Of the batches before `_next`, in no shard yet."""
        self._next = 0
        self._since = 0.0

    @property
    def n_passes(self) -> int:
        """Through the model."""
        return int(self._passes.sum())

    def take_up(self) -> None:
        """Use the shards that are there, as far as they fit the plan."""
        for batches, arrays in self.shards.load():
            if batches.start < batches.stop <= len(self.batches):
                readout = unpack_shard(arrays, self.list_rows(batches), self.plan)
                if readout is not None:
                    self._add(batches, readout)
        if n_done := int(self._is_read.sum()):
            self.progress.say(f"{n_done} of {len(self.batches)} batches were read before: going on after them.")

    def list_rows(self, batches: range) -> list[int]:
        """Of these batches, one after the other."""
        return [row for batch in self.batches[batches.start : batches.stop] for row in batch]

    def is_read(self, batches: range) -> bool:
        """Whether any of these batches was read."""
        return bool(self._is_read[batches.start : batches.stop].any())

    def cut(self, n_parts: int) -> list[range]:
        """What is left to read, in runs of about as many samples as a shard holds: smaller ones for `n_parts`, larger
        ones where there would be more than `MOST_RUNS`."""
        left = np.flatnonzero(~self._is_read).tolist()
        n_left = sum(len(self.batches[number]) for number in left)
        size = min(max(SHARD_SAMPLES, n_left // MOST_RUNS), n_left // n_parts)
        runs: list[range] = []
        n_last = size
        for number in left:
            if runs and runs[-1].stop == number and n_last < size:
                runs[-1] = range(runs[-1].start, number + 1)
            else:
                runs.append(range(number, number + 1))
                n_last = 0
            n_last += len(self.batches[number])
        return runs

    def begin(self) -> None:
        """Before the first batch: raises ResourceError where the disk has no room for the features."""
        self.shards.require_space(self._count_bytes())
        self.stop_if_asked()

    def read(self, reader: Reader) -> None:
        """Read every batch that is left. Does not return where somebody asked to stop; what was read is kept then."""
        self.begin()
        self._since = time.monotonic()
        left = (number for number in range(len(self.batches)) if not self._is_read[number])
        for number in self.progress.track(left, label="features", total=int((~self._is_read).sum())):
            self._read_batch(reader, number)
        self._keep()

    def add_shard(self, batches: range, arrays: Arrays) -> None:
        """Take what a worker read, and keep it."""
        readout = unpack_shard(arrays, self.list_rows(batches), self.plan)
        if readout is None:
            raise AssertionError(f"a worker gave something else than what was read of {batches}")
        self._add(batches, readout)
        self.shards.save(batches, arrays)

    def stop_if_asked(self) -> None:
        """Keep what was read and let the signal act, where there is one."""
        if self.shards.stopping:
            self._keep()
            self.shards.stop()

    def back_off(self, number: int, limit: int) -> None:
        """At once, before anything is read with it: the batch must be cut the same way when it is read again.

        What was read of later batches, with more samples at once, is given up before the plan says otherwise.
        """
        if self._is_read[number:].any():
            self.shards.forget(number)
            self._is_read[number:], self._passes[number:] = False, 0
            for row in self.list_rows(range(number, len(self.batches))):
                self.failed.pop(row, None)
        self.plan = self.plan.back_off(number, limit)
        self.shards.save_plan(self.plan.to_json())

    def _read_batch(self, reader: Reader, number: int) -> None:
        if number != self._next:
            self._keep()
        readout = reader.read(
            self.batches[number],
            padding=self.plan.padding,
            limit=self.plan.limit_at(number),
            lower=lambda limit: self.back_off(number, limit),
        )
        self._add(range(number, number + 1), readout)
        self._waiting.append(readout)
        self._next = number + 1
        n_waiting = len(self.list_rows(range(self._next - len(self._waiting), self._next)))
        if n_waiting >= SHARD_SAMPLES or time.monotonic() - self._since >= SHARD_SECONDS:
            self._keep()
        self.stop_if_asked()

    def _keep(self) -> None:
        if self._waiting:
            kept = range(self._next - len(self._waiting), self._next)
            self.shards.save(kept, pack_shard(self._waiting, self.plan))
        self._waiting, self._since = [], time.monotonic()

    def _add(self, batches: range, readout: Readout) -> None:
        for layer, values in readout.vectors.items():
            self.features[layer][readout.rows] = values
        self.failed |= readout.failed
        self._is_read[batches.start : batches.stop] = True
        self._passes[batches.start] = readout.n_passes

    def _count_bytes(self) -> int:
        """Of the shards that are left to write, and of the whole features afterwards."""
        sizes = np.array([len(batch) for batch in self.batches], dtype=np.int64)
        return 4 * sum(self.plan.widths.values()) * int(sizes.sum() + sizes[~self._is_read].sum())


def pack_shard(readouts: Sequence[Readout], plan: Plan) -> Arrays:
    """Arrays of numbers only: reasons as the bytes of a JSON text."""
    failed = [[row, reason] for readout in readouts for row, reason in readout.failed.items()]
    arrays: dict[str, np.ndarray] = {
        ROWS: np.array([row for readout in readouts for row in readout.rows], dtype=np.int64),
        FAILED: np.frombuffer(json.dumps(failed).encode("ascii"), dtype=np.uint8),
        PASSES: np.array([sum(readout.n_passes for readout in readouts)], dtype=np.int64),
    }
    for number, layer in enumerate(sorted(plan.widths)):
        parts = [readout.vectors[layer] for readout in readouts if len(readout.rows)]
        nothing = np.empty((0, plan.widths[layer]), dtype=np.float32)
        arrays[LAYER.format(number)] = np.concatenate([nothing, *parts])
    return arrays


def unpack_shard(arrays: Arrays, rows: Sequence[int], plan: Plan) -> Readout | None:
    """What a shard of these rows holds; None where it does not hold each of them once, or layers of other widths."""
    layers = sorted(plan.widths)
    if set(arrays) != {ROWS, FAILED, PASSES, *(LAYER.format(number) for number in range(len(layers)))}:
        return None
    read, passes, failed = arrays[ROWS], arrays[PASSES], _parse_failed(arrays[FAILED])
    vectors = {layer: arrays[LAYER.format(number)] for number, layer in enumerate(layers)}
    sound = (
        read.dtype == passes.dtype == np.int64
        and read.ndim == 1
        and passes.shape == (1,)
        and 0 <= passes[0] <= 2 * len(rows)
        and failed is not None
        and sorted([*read.tolist(), *(row for row, _ in failed)]) == sorted(rows)
        and all(values.dtype == np.float32 for values in vectors.values())
        and all(values.shape == (len(read), plan.widths[layer]) for layer, values in vectors.items())
    )
    if not sound or failed is None:
        return None
    return Readout(rows=read.tolist(), vectors=vectors, failed=dict(failed), n_passes=int(passes[0]))


def _parse_failed(packed: np.ndarray) -> list[tuple[int, str]] | None:
    try:
        found: Any = json.loads(packed.tobytes().decode("ascii")) if packed.dtype == np.uint8 else None
        pairs = [(row, reason) for row, reason in found]
    except (ValueError, TypeError, RecursionError):
        return None
    sound = all(type(row) is int and isinstance(reason, str) for row, reason in pairs)
    return pairs if sound else None
