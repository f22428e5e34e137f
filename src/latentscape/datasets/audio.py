"""An audio file, or the bytes of one -> one mono waveform at the model's sample rate, or a reason why not."""

import math
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from latentscape.datasets.containers import find_audio_bytes
from latentscape.datasets.files import open_regular
from latentscape.datasets.text import make_printable
from latentscape.errors import DataError
from latentscape.shapes import Waveform

SUFFIXES = frozenset({".wav", ".flac", ".ogg", ".opus", ".mp3", ".aif", ".aiff"})
"""File name endings, in lower case, that count as audio."""
LONGEST_SECONDS = 1800
"""A longer clip is a recording to be cut, not a sample."""
_LARGEST_VALUES = 2**28
_FORMATS = frozenset({"WAV", "WAVEX", "RF64", "FLAC", "OGG", "MP3", "AIFF"})
"""Kinds of files in which a clip that was cut short is noticed."""

Frames = Float32[np.ndarray, "frame channel"]


def load_audio(content: Path | bytes, *, sample_rate: int = 16000) -> Waveform:
    """The sound of a file, or of the bytes of one, as mono float32 in about [-1, 1] at `sample_rate` Hz.

    Channels are averaged; other rates are resampled by soxr (HQ). A clip is used whole or not at all: nothing is
    padded, cut or repaired.

    Raises DataError if the file is no regular file, is no audio, holds fewer frames than it declares, holds none,
    lasts over half an hour, or contains NaN or infinity. Half a frame at the end is padding of the file, not sound.
    """
    shown = _name(content)
    with _open_content(content) as file:
        frames, rate = _decode(file, shown)
    _check_finite(frames, shown)
    waveform = _resample(frames.mean(axis=1, dtype=np.float64).astype(np.float32), rate, sample_rate)
    _check_finite(waveform[:, None], shown)  # near the end of the range resampling overflows
    if not waveform.size:
        got = f"{len(frames)} frames"
        raise DataError(f"{shown} holds no sound", got=got, hint="remove it", fault="audio-short")
    return waveform


def measure_audio(content: Path | bytes, *, sample_rate: int = 16000) -> int:
    """How many samples `load_audio` will give, from the header alone; 0 where it can't tell (loading will say why)."""
    import soundfile  # noqa: PLC0415  only who studies sound has it

    try:
        with _open_content(content) as file, _open_sound(file) as sound:
            return math.floor(sound.frames * sample_rate / sound.samplerate + 0.5)
    except (DataError, soundfile.SoundFileError, TypeError, ZeroDivisionError):
        return 0


def _name(content: Path | bytes) -> str:
    return f"a clip of {len(content):,} bytes" if isinstance(content, bytes) else make_printable(str(content))


@contextmanager
def _open_content(content: Path | bytes) -> Iterator[BufferedReader]:
    """A file of the system's either way: libsndfile reads by its descriptor."""
    if not isinstance(content, bytes):
        with open_regular(Path(content)) as file:
            yield file
        return
    with tempfile.TemporaryFile() as place:
        place.write(content)
        place.flush()
        with os.fdopen(os.dup(place.fileno()), "rb") as file:
            file.seek(0)
            yield file


def _decode(file: BufferedReader, shown: str) -> tuple[Frames, int]:
    import soundfile  # noqa: PLC0415  only who studies sound has it

    _check_container(file, shown)
    try:
        with _open_sound(file) as sound:
            _check_format(sound, shown)
            _check_length(sound, shown)
            declared = sound.frames
            frames = sound.read(declared, dtype="float32", always_2d=True)
    except (soundfile.SoundFileError, TypeError) as error:
        raise _unreadable(shown, str(getattr(error, "error_string", error))) from None
    if len(frames) < declared:
        raise _cut_short(shown, f"{declared:,} frames", f"{len(frames):,}")
    return frames, sound.samplerate


def _open_sound(file: BufferedReader) -> Any:
    """By its descriptor: where a header leads beyond the file, a seek in Python would print a traceback."""
    import soundfile  # noqa: PLC0415  only who studies sound has it

    os.lseek(file.fileno(), 0, os.SEEK_SET)
    return soundfile.SoundFile(file.fileno(), closefd=False)


def _check_container(file: BufferedReader, shown: str) -> None:
    """libsndfile silently shortens a truncated WAV or AIFF to what is there, so the header is read here as well."""
    found = find_audio_bytes(file)
    if found and found.held < found.declared:
        raise _cut_short(shown, f"{found.declared:,} bytes of audio", f"{found.held:,}")


def _check_format(sound: Any, shown: str) -> None:
    """libsndfile shortens truncated files of other kinds, whose headers are not read here, without a word."""
    if sound.format not in _FORMATS:
        raise _unreadable(shown, f"it is {sound.format_info}", hint="export the clip again as 16-bit WAV")


def _check_length(sound: Any, shown: str) -> None:
    if sound.frames > LONGEST_SECONDS * sound.samplerate or sound.frames * sound.channels > _LARGEST_VALUES:
        raise DataError(
            f"{shown} is too long for one sample",
            got=f"{sound.frames / sound.samplerate:,.0f} s, {sound.channels} channel(s)",
            expected=f"at most {LONGEST_SECONDS} s",
            hint="cut the recording into clips of one utterance each",
            fault="audio-long",
        )


def _resample(mono: Waveform, rate: int, wanted: int) -> Float32[np.ndarray, " resampled"]:
    if rate == wanted or not mono.size:
        return mono
    import soxr  # noqa: PLC0415  only who studies sound has it

    return soxr.resample(mono, rate, wanted, quality="HQ").astype(np.float32, copy=False)


def _check_finite(frames: Frames, shown: str) -> None:
    bad = int(np.count_nonzero(~np.isfinite(frames).all(axis=1)))
    if bad:
        raise DataError(
            f"{shown} holds values that are no numbers",
            got=f"NaN or infinity in {bad:,} of {len(frames):,} frames",
            hint="export the clip again as 16-bit PCM",
            fault="audio-values",
        )


def _unreadable(
    shown: str, reason: str, *, hint: str = "play the file: it may be another kind of file with a sound's name"
) -> DataError:
    return DataError(
        f"can't read {shown} as audio: {reason.strip().rstrip('.')}",
        expected="WAV, FLAC, OGG, MP3 or AIFF",
        hint=hint,
        fault="audio-broken",
    )


def _cut_short(shown: str, declared: str, held: str) -> DataError:
    return DataError(
        f"{shown} is cut short: it declares {declared} but holds {held}",
        hint="copy or download the file again",
        fault="audio-short",
    )
