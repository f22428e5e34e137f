"""Sound files written byte by byte, so that their headers may lie, and the words of a study of them."""

import io
import json
import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile

from chaos.gauntlet.case import Place

RATE = 16000
TONE = 0.5 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)
"""One second of a sine of 440 Hz."""
PCM = (TONE * 32767).astype("<i2").tobytes()
PLAIN = ("--skip-tsne", "--skip-umap", "--layers", "mlp")
"""What makes a study of speech quick."""


def write_wav(
    data: bytes = PCM,
    *,
    declared: int | None = None,
    form: bytes | None = None,
    before: bytes = b"",
    after: bytes = b"",
    kind: bytes = b"RIFF",
    total: int | None = None,
) -> bytes:
    """A WAV file; `declared` is what its header says of the length of the sound, `total` of that of the file."""
    order = ">" if kind == b"RIFX" else "<"
    form = describe_pcm() if form is None else form
    size = len(data) if declared is None else declared
    body = b"WAVE" + before + b"fmt " + struct.pack(f"{order}I", len(form)) + form
    body += b"data" + struct.pack(f"{order}I", size) + data + after
    return kind + struct.pack(f"{order}I", (len(body) if total is None else total) % 2**32) + body


def describe_pcm(*, tag: int = 1, rate: int = RATE, channels: int = 1, bits: int = 16, order: str = "<") -> bytes:
    """The chunk that says how the numbers of a WAV file are written."""
    block = channels * bits // 8
    return struct.pack(f"{order}HHIIHH", tag, channels, rate, rate * block % 2**32, block, bits)


def extensible(*, bits: int = 24) -> bytes:
    """The same in its long form, which programs write for more than 16 bits."""
    head = struct.pack("<HHIIHHHHI", 0xFFFE, 1, RATE, RATE * bits // 8, bits // 8, bits, 22, bits, 4)
    return head + bytes.fromhex("0100000000001000800000aa00389b71")


def chunk(name: bytes, content: bytes, *, size: int | None = None) -> bytes:
    """A chunk with any claim about its own length."""
    return name + struct.pack("<I", len(content) if size is None else size) + content


def encode(kind: str, subtype: str | None = None, *, tone: np.ndarray = TONE, rate: int = RATE) -> bytes:
    """A sound in any format that libsndfile writes."""
    written = io.BytesIO()
    soundfile.write(written, tone, rate, format=kind, subtype=subtype)
    return written.getvalue()


def pack_24_bits(tone: np.ndarray = TONE) -> bytes:
    """The tone as 24-bit numbers."""
    return b"".join(struct.pack("<i", int(value * 8388607))[:3] for value in tone)


def list_clips(place: Place) -> list[Path]:
    """The good clips of the first collection, in a fixed order."""
    return sorted((place.speech_folder / "ravdess").rglob("*.wav"))


def write_table(path: Path, rows: Sequence[tuple[object, ...]], *, columns: str = "path,label,speaker") -> Path:
    """A CSV of recordings."""
    cells = (",".join('"' + str(cell).replace('"', '""') + '"' for cell in row) for row in rows)
    path.write_text(columns + "\n" + "\n".join(cells) + "\n", encoding="utf-8")
    return path


def study_speech(
    place: Place, datasets: Sequence[tuple[str, object]], *words: object, val_split: float = 0.5, **sections: object
) -> list[object]:
    """The words of a study of data sets given as (kind, place). Of two speakers the second is validated on."""
    entries = [{"class_path": kind, "data_dir": str(where)} for kind, where in datasets]
    training = {"val_split": val_split, "batch_size": 16, "seed": 0}
    known = {"data": {"datasets": entries}, "model": {"encoder_name": "hubert"}, "training": training, **sections}
    (place.folder / "config.yml").write_text(json.dumps(known, ensure_ascii=False), encoding="utf-8")
    return ["latents", "--config", "config.yml", "--checkpoint", place.speech_checkpoint, *(words or PLAIN)]


def study_table(place: Place, rows: Sequence[tuple[object, ...]], *words: object) -> list[object]:
    """The words of a study of recordings in a CSV, given as (path, label, speaker)."""
    return study_speech(place, [("csv", write_table(place.folder / "t.csv", rows))], *words)
