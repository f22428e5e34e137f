"""Small sounds for the dataset tests."""

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile


def write_pcm(
    path: Path, *, frames: int = 160, rate: int = 16000, channels: int = 1, declared: int | None = None, seed: int = 0
) -> Path:
    """A 16-bit WAV written byte by byte, so that its header may lie about the number of data bytes."""
    values = np.random.default_rng(seed).integers(-8000, 8000, frames * channels).astype("<i2").tobytes()
    size = len(values) if declared is None else declared
    block = 2 * channels
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, channels, rate, (rate * block) % 2**32, block, 16)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(
        struct.pack("<4sI4s", b"RIFF", (36 + size) % 2**32, b"WAVE")
        + form
        + struct.pack("<4sI", b"data", size)
        + values
    )
    return path


@pytest.fixture
def wav() -> Callable[..., Path]:
    return write_pcm


@pytest.fixture
def sine() -> Callable[..., Path]:
    """Write a second of a 440 Hz sine in any format soundfile knows."""

    def write(path: Path, *, rate: int = 16000, channels: int = 1, subtype: str | None = None) -> Path:
        tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(rate) / rate)
        soundfile.write(path, np.repeat(tone[:, None], channels, axis=1), rate, subtype=subtype)
        return path

    return write
