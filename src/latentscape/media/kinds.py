"""What a sound or a picture is, told by its first bytes: a file's name proves nothing."""

from pathlib import Path
from typing import Literal

from latentscape.datasets.audio import SUFFIXES as AUDIO_SUFFIXES
from latentscape.datasets.files import open_regular
from latentscape.errors import DataError

Kind = Literal["audio", "image"]
IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".gif"})
"""File name endings, in lower case, that count as pictures. SVG is none of them: it can hold programs."""
SUFFIXES = AUDIO_SUFFIXES | IMAGE_SUFFIXES
HEAD_BYTES = 16
_STARTS = {
    b"fLaC": "audio/flac",
    b"OggS": "audio/ogg",
    b"ID3": "audio/mpeg",
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
}
_CONTAINERS = {
    (b"RIFF", b"WAVE"): "audio/wav",
    (b"RF64", b"WAVE"): "audio/wav",
    (b"FORM", b"AIFF"): "audio/aiff",
    (b"FORM", b"AIFC"): "audio/aiff",
    (b"RIFF", b"WEBP"): "image/webp",
}


def tell_mime(head: bytes) -> str | None:
    """The media type of a file that starts with `head` (HEAD_BYTES are enough); None for anything else.

    >>> tell_mime(b"RIFF....WAVEfmt "), tell_mime(b"<html>")
    ('audio/wav', None)
    """
    container = _CONTAINERS.get((head[:4], head[8:12]))
    known = next((mime for start, mime in _STARTS.items() if head.startswith(start)), None)
    return container or known or ("audio/mpeg" if _starts_a_frame(head) else None)


def read_kind(path: Path) -> Kind | None:
    """What a regular file holds; None where there is none, or it is no sound and no picture."""
    try:
        with open_regular(path) as file:
            mime = tell_mime(file.read(HEAD_BYTES))
    except (DataError, OSError):
        return None
    return None if mime is None else "audio" if mime.startswith("audio") else "image"


def _starts_a_frame(head: bytes) -> bool:
    """An MP3 without tags starts with a frame: eleven bits of 1, then no reserved version, layer, bit rate or rate."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return False
    version, layer, bit_rate, rate = head[1] >> 3 & 3, head[1] >> 1 & 3, head[2] >> 4, head[2] >> 2 & 3
    return version != 1 and layer != 0 and bit_rate != 15 and rate != 3
