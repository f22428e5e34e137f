"""What the user's data sets bring to the latents study: the clips of the validation pass, and who else is there."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from latentscape.datasets.audio import load_audio
from latentscape.datasets.speech import SpeechSamples, read_speech
from latentscape.datasets.splits import split_by_speaker, stratified_sample
from latentscape.errors import DataError
from latentscape.findings import Skip
from latentscape.settings import EmotionConfig
from latentscape.shapes import Rows, Waveform


@dataclass(frozen=True, kw_only=True)
class Census:
    """The whole data set, both sides of the split: what the model was trained on is part of the evidence."""

    samples: SpeechSamples
    validation: Rows
    """Rows on the validation side, ascending; the model was trained on the others."""

    @property
    def splits(self) -> tuple[str, ...]:
        """`train` or `validation` for each sample."""
        held_out = np.isin(np.arange(len(self.samples)), self.validation)
        return tuple("validation" if held else "train" for held in held_out)

    @property
    def n_train(self) -> int:
        """Samples that the model was trained on."""
        return len(self.samples) - len(self.validation)

    def find_shared_speakers(self) -> tuple[str, ...]:
        """Speakers with samples on both sides."""
        sides: dict[str, set[str]] = {"train": set(), "validation": set()}
        for speaker, split in zip(self.samples.speakers, self.splits, strict=True):
            sides[split].add(speaker)
        return tuple(sorted(sides["train"] & sides["validation"]))


@dataclass(frozen=True, kw_only=True)
class ValidationSet:
    """The clips of the validation pass, and the ones that were found but left out of it."""

    samples: SpeechSamples
    skipped: tuple[Skip, ...]
    census: Census


@dataclass(frozen=True)
class Clips(Sequence[Waveform]):
    """Waveforms read when they are asked for; one that can't be read raises DataError then."""

    paths: tuple[Path, ...]
    sample_rate: int
    min_samples: int

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, row: int) -> Waveform:  # pyright: ignore[reportIncompatibleMethodOverride]  no slices
        waveform = load_audio(self.paths[row], sample_rate=self.sample_rate)
        if len(waveform) < self.min_samples:
            what = f"{len(waveform)} samples are too short for the encoder, which needs {self.min_samples}"
            raise DataError(what, hint="leave the clip out, or record a longer one", fault="audio-short")
        return waveform

    def __iter__(self) -> Iterator[Waveform]:
        return (self[row] for row in range(len(self)))


def read_validation_set(config: EmotionConfig, *, max_samples: int, seed: int) -> ValidationSet:
    """The held-out speakers of every data set, merged; at most `max_samples` of them, by class and data set."""
    names = config.style.class_names or None
    everything = read_speech([(entry.class_path, entry.data_dir) for entry in config.data.datasets], class_names=names)
    _, rows = split_by_speaker(
        everything.speakers, everything.dataset_ids, val_split=config.training.val_split, seed=config.training.seed
    )
    held_out = everything.take(rows)
    groups = list(zip(held_out.labels.tolist(), held_out.dataset_ids.tolist(), strict=True))
    drawn = stratified_sample(groups, n=max_samples, seed=seed)
    left_out = np.setdiff1d(np.arange(len(held_out)), drawn)
    skipped = [Skip(id=name, reason=reason) for name, reason in everything.skipped]
    skipped += [Skip(id=held_out.ids[row], reason="not drawn: --max-samples") for row in left_out]
    return ValidationSet(
        samples=held_out.take(drawn),
        skipped=tuple(skipped),
        census=Census(samples=everything, validation=rows),
    )
