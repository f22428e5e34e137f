"""What a sample is, told by its first bytes, or, where it was not opened yet, by the ending of its name."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from latentscape.datasets.audio import SUFFIXES as AUDIO_SUFFIXES
from latentscape.shapes import Kind

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".jfif", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm"})
TEXT_SUFFIXES = frozenset({".txt"})
SUFFIXES: Mapping[Kind, frozenset[str]] = MappingProxyType(
    {"audio": AUDIO_SUFFIXES, "image": IMAGE_SUFFIXES, "text": TEXT_SUFFIXES}
)
"""File name endings, in lower case, by what they promise."""
HEAD_BYTES = 16
WORDS: Mapping[Kind, str] = MappingProxyType({"audio": "sound", "image": "pictures", "text": "text"})
"""What a message calls samples of a kind."""
_STARTS = {
    b"fLaC": "audio/flac",
    b"OggS": "audio/ogg",
    b"ID3": "audio/mpeg",
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
    b"II*\0": "image/tiff",
    b"MM\0*": "image/tiff",
}
_CONTAINERS = {
    (b"RIFF", b"WAVE"): "audio/wav",
    (b"RF64", b"WAVE"): "audio/wav",
    (b"FORM", b"AIFF"): "audio/aiff",
    (b"FORM", b"AIFC"): "audio/aiff",
    (b"RIFF", b"WEBP"): "image/webp",
}


def tell_mime(head: bytes) -> str | None:
    """The media type of a sound or picture that starts with `head` (HEAD_BYTES are enough); None for anything else.

    >>> tell_mime(b"RIFF....WAVEfmt "), tell_mime(b"<html>")
    ('audio/wav', None)
    """
    known = next((mime for start, mime in _STARTS.items() if head.startswith(start)), None)
    found = _CONTAINERS.get((head[:4], head[8:12])) or known
    if found or _starts_a_frame(head):
        return found or "audio/mpeg"
    if head.startswith(b"BM") and head[6:10] == bytes(4):
        return "image/bmp"
    is_portable = head[:1] == b"P" and head[1:2] in b"123456" and head[2:3].isspace()
    return "image/x-portable-anymap" if is_portable else None


def tell_content(head: bytes) -> Kind | None:
    """Sound or picture by the first HEAD_BYTES; None where they say neither.

    >>> tell_content(b"RIFF....WAVEfmt "), tell_content(b"P6\\n3 2\\n255\\n"), tell_content(b"Good morning")
    ('audio', 'image', None)
    """
    mime = tell_mime(head)
    return None if mime is None else "audio" if mime.startswith("audio") else "image"


def tell_by_name(name: str) -> Kind | None:
    """What the ending of a file name promises."""
    suffix = Path(name).suffix.lower()
    return next((kind for kind, endings in SUFFIXES.items() if suffix in endings), None)


def _starts_a_frame(head: bytes) -> bool:
    """An MP3 without tags starts with a frame: eleven bits of 1, then no reserved version, layer, bit rate or rate."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return False
    version, layer, bit_rate, rate = head[1] >> 3 & 3, head[1] >> 1 & 3, head[2] >> 4, head[2] >> 2 & 3
    return version != 1 and layer != 0 and bit_rate != 15 and rate != 3
