"""A study that others kill: thousands of samples through a small torch model, and a diary of what it did.

Its extraction is the product's own (`keep_extraction`, `read_features`), into a real run folder. Some samples can't be
read, some are not finite, and memory runs out at a fixed sample. The model's last digits depend on which samples share
a batch, as those of real devices do: whoever reads in other batches than the run before gives other bytes.
"""

import json
import os
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from chaos.order import BATCH, Order
from chaos.tap import Executioner, Point, spell, tapped
from latentscape.errors import DataError
from latentscape.features import Extraction, Reading, read_features
from latentscape.features.shards import Arrays, Shards
from latentscape.kept_features import describe_extraction, keep_extraction
from latentscape.store import RunFolder

SHORTEST, LONGEST, WIDTH = 4, 24, 6
UNREADABLE_EVERY, NAN_EVERY = 997, 1499
MEMORY_ENDS_AT = 0.7
"""Share of the samples after which the batch comes that does not fit."""
FITS = 20
LAYERS = {"hidden": "hidden", "answer": "answer"}


class Diary:
    """Lines that survive SIGKILL: each is one `write` at the end of the file."""

    def __init__(self, path: str) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def note(self, *words: object) -> None:
        os.write(self._descriptor, (" ".join(map(str, words)) + "\n").encode())


@dataclass(frozen=True)
class Samples(Sequence[Any]):
    """Frames of each sample, made up; some rows raise, some hold NaN."""

    frames: np.ndarray
    lengths: Sequence[int]

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, row: Any) -> tuple[int, np.ndarray]:
        if row % UNREADABLE_EVERY == 5:
            raise DataError("the clip can't be read", got="made up", hint="nothing to mend")
        return row, self.frames[row, : self.lengths[row]]


@cache
def make_samples(n_samples: int, seed: int) -> Samples:
    """The same for the same numbers, in every process."""
    rng = np.random.default_rng(seed)
    frames = rng.standard_normal((n_samples, LONGEST, WIDTH), dtype=np.float32)
    frames[7::NAN_EVERY, 0] = np.nan
    return Samples(frames, rng.integers(SHORTEST, LONGEST + 1, n_samples).tolist())


def find_heavy_row(samples: Samples) -> int:
    """The sample at which memory runs out."""
    order = sorted(range(len(samples)), key=lambda row: (-samples.lengths[row], row))
    readable = [row for row in order if row % UNREADABLE_EVERY != 5]
    return readable[int(MEMORY_ENDS_AT * len(readable))]


def collate(loaded: Sequence[tuple[int, np.ndarray]]) -> dict[str, Tensor]:
    """Frames padded with zeros, their numbers, and the rows they come from."""
    lengths = [len(frames) for _, frames in loaded]
    padded = np.zeros((len(loaded), max(lengths), WIDTH), dtype=np.float32)
    for place, (_, frames) in enumerate(loaded):
        padded[place, : len(frames)] = frames
    rows = torch.tensor([row for row, _ in loaded])
    return {"frames": torch.from_numpy(padded), "lengths": torch.tensor(lengths), "rows": rows}


class Toy(nn.Module):
    """Two layers with frames. It notes every pass in the diary."""

    def __init__(self, diary: Diary, *, heavy_row: int, stall: Sequence[float]) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.hidden, self.answer = nn.Linear(WIDTH, 16), nn.Linear(16, 8)
        for weights in self.parameters():
            weights.data = torch.randn(weights.shape, generator=generator) / 4
        self._diary, self._heavy_row, self._stall, self._n_passes = diary, heavy_row, stall, 0

    def forward(self, frames: Tensor, lengths: Tensor, rows: Tensor) -> Tensor:
        first, n_rows = int(rows[0]), len(rows)
        if n_rows > FITS and (rows == self._heavy_row).any():
            self._diary.note("oom", first, n_rows)
            raise torch.OutOfMemoryError("out of memory (made up)")
        self._n_passes += 1
        if self._stall and self._n_passes == self._stall[0]:
            self._diary.note("stall")
            time.sleep(self._stall[1])
        company = 1e-5 * frames[:, 0].nanmean()  # whoever shares the batch leaves a trace in the last digits
        answer = self.answer(torch.tanh(self.hidden(frames + company)))
        self._diary.note("pass", first, n_rows)
        return answer

    def valid_frames(self, lengths: Tensor) -> Tensor:
        return lengths


@dataclass
class WitnessedShards:
    """The shards of the run folder, with a line in the diary for whatever reached the disk."""

    shards: Shards
    diary: Diary

    def load_plan(self) -> Mapping[str, Any] | None:
        plan = self.shards.load_plan()
        self.diary.note("planned" if plan is not None else "unplanned")
        return plan

    def save_plan(self, plan: Mapping[str, Any]) -> None:
        self.shards.save_plan(plan)
        self.diary.note("planned")

    def load(self) -> Iterator[tuple[range, Arrays]]:
        for batches, arrays in self.shards.load():
            self.diary.note("found", batches.start, batches.stop)
            yield batches, arrays
        self.diary.note("looked")

    def save(self, batches: range, arrays: Arrays) -> None:
        self.shards.save(batches, arrays)
        self.diary.note("kept", batches.start, batches.stop)

    def forget(self, start: int) -> None:
        self.shards.forget(start)
        self.diary.note("forgot", start)

    def clear(self) -> None:
        self.shards.clear()
        self.diary.note("cleared")

    def require_space(self, n_bytes: int) -> None:
        self.shards.require_space(n_bytes)

    @property
    def stopping(self) -> bool:
        return self.shards.stopping

    def stop(self) -> None:
        self.diary.note("stopping")
        self.shards.stop()


def study(order: Order) -> None:
    """Live: the whole study from samples to manifest."""
    diary = Diary(order.diary)
    diary.note("life")
    executioner = Executioner(Point(**order.point) if order.point else None)
    with ExitStack() as stack:
        stack.enter_context(tapped(Path(order.folder), before=executioner.before, after=executioner.after))
        if order.trace:
            record = stack.enter_context(Path(order.trace).open("a"))
            heard = [lambda call: record.write(spell(call) + "\n")]
            stack.enter_context(tapped(Path(order.folder), after=heard[0]))
        _write_all(order, diary, executioner)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # all is done: what comes now comes too late
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    for late, counts in executioner.counts.items():
        diary.note("counts", "late" if late else "early", json.dumps(counts))
    diary.note("done")


def _write_all(order: Order, diary: Diary, executioner: Executioner) -> None:
    samples = make_samples(order.samples, order.seed)
    model = Toy(diary, heavy_row=find_heavy_row(samples), stall=order.stall)
    reading = Reading(layers=LAYERS, collate=collate, lengths=samples.lengths, batch_size=BATCH)

    def compute(shards: Shards) -> Extraction:
        made = read_features(model, samples, reading, shards=WitnessedShards(shards, diary))
        executioner.late = True
        diary.note("extracted")
        return made

    inputs = {"samples": order.samples, "seed": order.seed, "batch_size": BATCH}
    with RunFolder(order.folder) as folder:
        made = keep_extraction(folder, inputs, compute)
        executioner.late = True
        means = folder.stage("maps/means", inputs, lambda: {name: f.mean(axis=0) for name, f in made.features.items()})
        folder.save_table("samples.parquet", {"row": made.kept, "hidden_0": made.features["hidden"][:, 0]})
        folder.save_csv("failed.csv", {"row": [r for r, _ in made.failed], "reason": [why for _, why in made.failed]})
        folder.save_json("scores.json", {name: float(values.sum()) for name, values in means.items()})
        folder.finish({"study": "map", "inputs": inputs, "extraction": describe_extraction(made)})
