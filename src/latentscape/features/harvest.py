"""Reading the batches of a plan, and keeping what was read often enough that little is lost when the process dies."""

import json
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from latentscape.features.plan import Plan
from latentscape.features.reader import Reader, Readout
from latentscape.features.shards import Arrays, Shards
from latentscape.shapes import FeatureMatrix

SHARD_SAMPLES = 256
SHARD_SECONDS = 10.0
"""A shard is written when so many samples wait for it, or the first has waited so long."""
ROWS, FAILED, PASSES, LAYER = "rows", "failed", "passes", "layer_{}"
"""Names of a shard's arrays. Layers are numbered in the order of their names, which may hold any letter."""


class Harvest:
    """What has been read so far of a plan's batches."""

    def __init__(self, reader: Reader, plan: Plan, shards: Shards) -> None:
        self.reader, self.plan, self.shards = reader, plan, shards
        lengths = reader.reading.lengths
        self.batches = plan.batches(lengths)
        self.features: dict[str, FeatureMatrix] = {
            layer: np.full((len(lengths), plan.widths[layer]), np.nan, dtype=np.float32)
            for layer in reader.reading.layers
        }
        self.failed = dict(plan.failed)
        self.n_passes = 0
        self._done = 0
        """Batches that were read."""
        self._kept = 0
        """Batches that are in shards."""
        self._waiting: list[Readout] = []
        self._since = 0.0

    def take_up(self) -> None:
        """Go on after the shards that are there. One that does not fit the plan ends what is used."""
        for batches, arrays in self.shards.load():
            if batches.start != self._done or not batches.start < batches.stop <= len(self.batches):
                break
            rows = [row for batch in self.batches[batches.start : batches.stop] for row in batch]
            readout = unpack_shard(arrays, rows, self.plan)
            if readout is None:
                break
            self._add(readout)
            self._done = self._kept = batches.stop

    def read(self) -> None:
        """Read every batch that is left. Does not return where somebody asked to stop; what was read is kept then.

        Raises ResourceError before the first batch where the disk has no room for the features.
        """
        self.shards.require_space(self._count_bytes())
        progress, n_left = self.reader.progress, len(self.batches) - self._done
        if self._done:
            progress.say(f"{self._done} of {len(self.batches)} batches were read before: going on after them.")
        self._stop_if_asked()
        self._since = time.monotonic()
        for number in progress.track(range(self._done, len(self.batches)), label="features", total=n_left):
            self._read_batch(number)
        self._keep()

    def _read_batch(self, number: int) -> None:
        readout = self.reader.read(
            self.batches[number],
            padding=self.plan.padding,
            limit=self.plan.limit_at(number),
            lower=lambda limit: self._back_off(number, limit),
        )
        self._add(readout)
        self._waiting.append(readout)
        self._done = number + 1
        n_waiting = sum(len(batch) for batch in self.batches[self._kept : self._done])
        if n_waiting >= SHARD_SAMPLES or time.monotonic() - self._since >= SHARD_SECONDS:
            self._keep()
        self._stop_if_asked()

    def _stop_if_asked(self) -> None:
        if self.shards.stopping:
            self._keep()
            self.shards.stop()

    def _back_off(self, number: int, limit: int) -> None:
        """At once, before anything is read with it: the batch must be cut the same way when it is read again."""
        self.plan = self.plan.back_off(number, limit)
        self.shards.save_plan(self.plan.to_json())

    def _keep(self) -> None:
        if self._waiting:
            self.shards.save(range(self._kept, self._done), pack_shard(self._waiting, self.plan))
        self._waiting, self._kept, self._since = [], self._done, time.monotonic()

    def _add(self, readout: Readout) -> None:
        for layer, values in readout.vectors.items():
            self.features[layer][readout.rows] = values
        self.failed |= readout.failed
        self.n_passes += readout.n_passes

    def _count_bytes(self) -> int:
        """Of the shards that are left to write, and of the whole features afterwards."""
        n_left = sum(len(batch) for batch in self.batches[self._done :])
        n_all = sum(len(batch) for batch in self.batches)
        return 4 * sum(self.plan.widths.values()) * (n_left + n_all)


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
