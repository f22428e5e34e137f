"""What a WAV or AIFF header claims about its sound, against what the file really holds."""

import os
import struct
from dataclasses import dataclass
from io import BufferedReader

_KINDS = {
    b"RIFF": ("<", b"data"),
    b"RF64": ("<", b"data"),
    b"BW64": ("<", b"data"),
    b"RIFX": (">", b"data"),
    b"FORM": (">", b"SSND"),
}
_UNKNOWN_SIZE = 0xFFFFFFFF
_MOST_CHUNKS = 10_000


@dataclass(frozen=True, kw_only=True)
class AudioBytes:
    """Bytes of sound a header declares, and how many follow it in the file."""

    declared: int
    held: int


def find_audio_bytes(file: BufferedReader) -> AudioBytes | None:
    """The sound chunk of a RIFF, RF64 or AIFF file; None for other kinds and for files without one.

    A size of 0xFFFFFFFF is how recorders that write into a pipe say "until the end", so all that follows counts.
    """
    kind = file.read(12)[:4]
    order, wanted = _KINDS.get(kind, ("", b""))
    long_size = _UNKNOWN_SIZE
    for _ in range(_MOST_CHUNKS if order else 0):
        header = file.read(8)
        if len(header) < 8:
            return None
        name, size = struct.unpack(f"{order}4sI", header)
        if name == wanted:
            return _measure(file, long_size if size == _UNKNOWN_SIZE else size)
        body_start = file.tell()
        long_size = _read_long_size(file) if name == b"ds64" else long_size
        file.seek(body_start + size + size % 2)
    return None


def _read_long_size(file: BufferedReader) -> int:
    body = file.read(16)
    return struct.unpack("<Q", body[8:])[0] if len(body) == 16 else _UNKNOWN_SIZE


def _measure(file: BufferedReader, declared: int) -> AudioBytes:
    held = os.fstat(file.fileno()).st_size - file.tell()
    return AudioBytes(declared=held if declared == _UNKNOWN_SIZE else declared, held=min(held, declared))
