"""What a clip may also have sounded like: small changes while training, so that few speakers stand for many."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from latentscape.datasets.audio import SUFFIXES, load_audio
from latentscape.errors import DataError

Sound = Float32[np.ndarray, " _"]
"""A waveform among others of other lengths."""

SPEED = 0.05
"""Up to this much faster and higher, or slower and lower; as a logarithm."""
NOISE_SHARE = 0.5
"""How often noise is mixed in, where there is a folder of noise."""
NOISE_LEVELS = (5.0, 25.0)
"""Signal to noise, in decibels."""


def read_noises(folder: Path, *, sample_rate: int) -> list[Sound]:
    """Every sound file under `folder`. Raises DataError if there is none, or one can't be read."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    if not paths:
        raise DataError(
            f"no sound files in the noise folder {folder}",
            hint="correct `data.noise_dir` in the config, or remove it to train without noise",
        )
    return [load_audio(path, sample_rate=sample_rate) for path in paths]


def augment(waveform: Sound, rng: np.random.Generator, *, longest: int | None, noises: Sequence[Sound] = ()) -> Sound:
    """A random stretch of at most `longest` samples, at a slightly other speed, perhaps with noise mixed in."""
    speed = float(np.exp(rng.uniform(-SPEED, SPEED)))
    stretch = waveform if longest is None else _cut(waveform, int(longest * speed), rng)
    changed = np.interp(np.arange(0.0, len(stretch) - 1, speed), np.arange(len(stretch)), stretch)
    if noises and rng.random() < NOISE_SHARE:
        changed = changed + _pick_noise(noises, changed, rng)
    return changed.astype(np.float32)


def _cut(waveform: Sound, size: int, rng: np.random.Generator) -> Sound:
    start = int(rng.integers(max(len(waveform) - size, 0) + 1))
    return waveform[start : start + size]


def _pick_noise(noises: Sequence[Sound], signal: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A random stretch of a random noise, repeated if too short, at a random level below the signal."""
    noise = noises[int(rng.integers(len(noises)))]
    start = int(rng.integers(len(noise)))
    stretch = np.resize(np.roll(noise, -start), len(signal))
    power = np.mean(np.square(stretch, dtype=np.float64))
    wanted = np.mean(np.square(signal)) / 10 ** (rng.uniform(*NOISE_LEVELS) / 10)
    return stretch * np.sqrt(wanted / max(power, 1e-12))
