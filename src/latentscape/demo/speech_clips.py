"""Speech in memory for training: which clips, and in which batches."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Float32, Int
from torch import Tensor

from latentscape.datasets.audio import load_audio
from latentscape.datasets.labeled import LabeledSamples
from latentscape.errors import DataError
from latentscape.progress import Progress
from latentscape.shapes import Rows

Sound = Float32[np.ndarray, " _"]
"""A waveform among others of other lengths."""
_POOL = 8
"""Batches that are sorted by length together: enough to save padding, few enough to stay random."""


@dataclass(frozen=True, kw_only=True)
class Clips:
    """Samples and their sound; row i of both belongs together."""

    samples: LabeledSamples
    waveforms: tuple[Sound, ...]

    def take(self, rows: Rows) -> "Clips":
        """The clips of `rows`, in that order."""
        return Clips(samples=self.samples.take(rows), waveforms=tuple(self.waveforms[row] for row in rows))


@dataclass(frozen=True, kw_only=True)
class Batch:
    """A padded batch and what is true of each clip."""

    waveforms: Float[Tensor, "batch time"]
    lengths: Int[Tensor, " batch"]
    labels: Int[Tensor, " batch"]
    dataset_ids: Int[Tensor, " batch"]

    def to(self, device: str) -> "Batch":
        """The same on another device."""
        return Batch(**{name: tensor.to(device) for name, tensor in vars(self).items()})


def load_clips(
    samples: LabeledSamples, *, sample_rate: int, min_samples: int, num_workers: int, progress: Progress
) -> Clips:
    """Read every clip; those that can't be used are said and left out. Raises DataError if none is left."""

    def load(path: Path) -> Sound | str:
        try:
            waveform = load_audio(path, sample_rate=sample_rate)
        except DataError as error:
            return error.what
        return waveform if len(waveform) >= min_samples else f"shorter than {min_samples} samples"

    with ThreadPoolExecutor(max(num_workers, 1)) as pool:
        total = len(samples)
        found = list(progress.track(pool.map(load, samples.paths), label="reading speech", total=total))
    failed = [(name, sound) for name, sound in zip(samples.ids, found, strict=True) if isinstance(sound, str)]
    for name, reason in failed[:10]:
        progress.say(f"left out {name}: {reason}")
    if failed:
        progress.say(f"{len(failed):,} of {len(samples):,} clips can't be used and were left out")
    if len(failed) == len(samples):
        raise DataError(
            "none of the clips can be read",
            got=failed[0][1] if failed else "no clips",
            hint="check `data_dir` in the config, and play one of the files",
            fault="data-empty",
        )
    rows = np.array([row for row, sound in enumerate(found) if not isinstance(sound, str)])
    return Clips(samples=samples.take(rows), waveforms=tuple(sound for sound in found if not isinstance(sound, str)))


def stream_batches(
    clips: Clips,
    *,
    batch_size: int,
    rng: np.random.Generator | None = None,
    change: Callable[[Sound, np.random.Generator], Sound] | None = None,
) -> Iterator[Batch]:
    """All clips once, like lengths together: in random order and changed if `rng` is given, else as they are."""
    plan = plan_batches([len(waveform) for waveform in clips.waveforms], batch_size=batch_size, rng=rng)
    for rows in plan:
        waveforms = [clips.waveforms[row] for row in rows]
        if rng is not None and change is not None:
            waveforms = [change(waveform, rng) for waveform in waveforms]
        yield _collate(waveforms, clips.samples.labels[rows], clips.samples.dataset_ids[rows])


def plan_batches(lengths: Sequence[int], *, batch_size: int, rng: np.random.Generator | None) -> list[Rows]:
    """Rows of each batch. Sorted by length without `rng`; with it, sorted only inside random pools of eight batches."""
    order = np.argsort(lengths, kind="stable")
    if rng is not None:
        order = rng.permutation(len(lengths))
        pools = [order[start : start + _POOL * batch_size] for start in range(0, len(order), _POOL * batch_size)]
        order = np.concatenate([pool[np.argsort(np.asarray(lengths)[pool], kind="stable")] for pool in pools])
    batches = [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
    return batches if rng is None else [batches[place] for place in rng.permutation(len(batches))]


def _collate(waveforms: Sequence[Sound], labels: Rows, dataset_ids: Rows) -> Batch:
    lengths = [len(waveform) for waveform in waveforms]
    padded = torch.zeros(len(waveforms), max(lengths))
    for row, waveform in enumerate(waveforms):
        padded[row, : len(waveform)] = torch.from_numpy(waveform)
    return Batch(
        waveforms=padded,
        lengths=torch.tensor(lengths),
        labels=torch.from_numpy(labels.copy()),
        dataset_ids=torch.from_numpy(dataset_ids.copy()),
    )
