"""What a page can play or show of a file, told by its first bytes: a file's name proves nothing."""

from pathlib import Path
from typing import Literal

from latentscape.datasets.audio import SUFFIXES as AUDIO_SUFFIXES
from latentscape.datasets.content_kinds import HEAD_BYTES as HEAD_BYTES
from latentscape.datasets.content_kinds import tell_mime as tell_any_mime
from latentscape.datasets.files import open_regular
from latentscape.errors import DataError

Kind = Literal["audio", "image"]
IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".gif"})
"""File name endings, in lower case, that count as pictures. SVG is none of them: it can hold programs."""
SUFFIXES = AUDIO_SUFFIXES | IMAGE_SUFFIXES
_SHOWN = ("image/png", "image/jpeg", "image/webp", "image/gif")
"""Pictures that every browser shows."""


def tell_mime(head: bytes) -> str | None:
    """The media type of a file that starts with `head` (HEAD_BYTES are enough); None for what no browser shows.

    >>> tell_mime(b"RIFF....WAVEfmt "), tell_mime(b"<html>"), tell_mime(b"II*\\0")
    ('audio/wav', None, None)
    """
    mime = tell_any_mime(head)
    return mime if mime and (mime.startswith("audio") or mime in _SHOWN) else None


def read_kind(path: Path) -> Kind | None:
    """What a regular file holds; None where there is none, or it is no sound and no picture that can be shown."""
    try:
        with open_regular(path) as file:
            mime = tell_mime(file.read(HEAD_BYTES))
    except (DataError, OSError):
        return None
    return None if mime is None else "audio" if mime.startswith("audio") else "image"
