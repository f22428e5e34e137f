"""Clips on the disk -> clips that travel inside a page, and their waveforms."""

import io
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8

from latentscape.datasets.audio import load_audio, measure_audio
from latentscape.engine import count_threads
from latentscape.errors import DataError
from latentscape.exploration import N_PEAKS, Media
from latentscape.media.kinds import read_kind
from latentscape.progress import SILENT, Progress
from latentscape.shapes import Rows, Waveform

RATE = 16_000
"""Hz: all that speech needs, and what the models of speech hear."""
LONGEST_INSIDE = 60.0
"""Seconds; a longer recording would take the place of many clips."""
MOST_SECONDS = 6 * 3600.0
"""Sound that is read at all. A limit on time itself would make the bytes of a page depend on the machine's speed."""
BATCH = 32
"""Clips read before it is asked whether the page is full."""
MIME = "audio/mpeg"
_LEVEL = 0.8
"""Of libsndfile, 0 the largest files: about 20 kbit/s of speech."""


@dataclass(frozen=True, kw_only=True)
class Clip:
    """A clip as it was read."""

    seconds: float
    peaks: UInt8[np.ndarray, " bar"]
    data: bytes = b""
    """As MP3; empty where that was not asked for."""


def pack_clips(
    media: Media,
    paths: Sequence[Path | None],
    *,
    order: Rows | None = None,
    budget_bytes: int,
    progress: Progress = SILENT,
) -> Media:
    """The same media with clips inside: in `order` (rows it does not name come last), until they fill the budget.

    Clips that were read have seconds and peaks, whether they fit or not; of the others the length comes from their
    headers. A clip that can't be read has no media from now on. Pictures stay as they are.
    """
    if media.kind != "audio":
        return media
    sounds = {row: path for row, path in enumerate(paths) if path and read_kind(path) == "audio"}
    seconds = _measure(sounds, n=len(paths))
    rows = _choose_rows(order, sounds, seconds)
    peaks = np.zeros((len(paths), N_PEAKS), dtype=np.uint8)
    links, files, budget = list(media.links), dict[int, bytes](), budget_bytes
    with ThreadPoolExecutor(count_threads()) as pool:
        for batch in progress.track(batches(rows), label="clips for the explorer", total=-(-len(rows) // BATCH)):
            wanted = [(sounds[row], budget > 0) for row in batch]
            for row, clip in zip(batch, pool.map(read_clip, wanted), strict=True):
                if clip is None:
                    links[row], seconds[row] = None, np.nan
                    continue
                peaks[row], seconds[row] = clip.peaks, clip.seconds
                if clip.data and len(clip.data) <= budget:
                    files[row] = clip.data
                # What follows is less wanted: no short clip goes before a long one that does not fit.
                budget = max(0, budget - len(clip.data))
    return replace(media, links=tuple(links), files=files, mime=MIME, seconds=seconds, peaks=peaks)


def read_clip(wish: tuple[Path, bool]) -> Clip | None:
    """A clip, with its MP3 where that is wished for; None where it can't be read."""
    path, is_packed = wish
    try:
        waveform = load_audio(path, sample_rate=RATE)
    except DataError:
        return None
    data = encode(waveform) if is_packed else b""
    return Clip(seconds=len(waveform) / RATE, peaks=find_peaks(waveform), data=data)


def encode(waveform: Waveform) -> bytes:
    """Sound at RATE as MP3, which every browser plays; empty where this libsndfile can't write it."""
    import soundfile  # noqa: PLC0415  an extra

    buffer = io.BytesIO()
    try:
        with soundfile.SoundFile(
            buffer, "w", RATE, 1, format="MP3", compression_level=_LEVEL, bitrate_mode="VARIABLE"
        ) as sound:
            sound.write(np.clip(waveform, -1, 1))
    except (soundfile.SoundFileError, ValueError):
        return b""
    return buffer.getvalue()


def find_peaks(waveform: Waveform) -> UInt8[np.ndarray, " bar"]:
    """The loudest moment in each of N_PEAKS equal parts, 255 that of the clip; 1 or more, 0 is for what was not read.

    >>> find_peaks(np.zeros(500, dtype=np.float32)).max()
    np.uint8(1)
    """
    loudness = np.abs(waveform)
    starts = np.arange(N_PEAKS) * len(loudness) // N_PEAKS
    bars = np.maximum.reduceat(loudness, starts)  # parts shorter than a sample take the one they begin in
    top = bars.max()
    scaled = np.rint(bars * (255 / top)) if top > 0 else np.zeros(N_PEAKS)
    return np.maximum(scaled, 1).astype(np.uint8)


def batches(rows: Sequence[int]) -> Iterator[Sequence[int]]:
    """BATCH rows at a time."""
    return (rows[at : at + BATCH] for at in range(0, len(rows), BATCH))


def _measure(sounds: Mapping[int, Path], *, n: int) -> Float[np.ndarray, " sample"]:
    """How long each clip is by its header, NaN where that can't be told."""
    seconds = np.full(n, np.nan)
    for row, path in sounds.items():
        seconds[row] = measure_audio(path, sample_rate=RATE) / RATE or np.nan
    return seconds


def _choose_rows(order: Rows | None, sounds: Mapping[int, Path], seconds: Float[np.ndarray, " sample"]) -> list[int]:
    """The clips to read, the most wanted first."""
    wanted = chain(() if order is None else order.tolist(), sounds)
    rows = [row for row in dict.fromkeys(wanted) if row in sounds and not seconds[row] > LONGEST_INSIDE]
    total = np.cumsum(np.nan_to_num(seconds[rows]))
    return rows[: int(np.searchsorted(total, MOST_SECONDS, side="right"))]
