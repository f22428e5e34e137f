"""A picture, a file or the bytes of one -> red, green and blue as a model sees them, or a reason why not."""

import struct
import warnings
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from latentscape.datasets.files import open_regular
from latentscape.datasets.text import make_printable
from latentscape.errors import DataError

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM")
"""What is opened at all. Others start programs (EPS) or hold several things at once (PSD). JPEG opens MPO as well."""
LARGEST_BYTES = 2**28
MOST_POINTS = 80_000_000
"""Width times height; a larger picture is a scan to be cut, or a bomb of few bytes."""
_BROKEN = (OSError, ValueError, SyntaxError, EOFError, TypeError, LookupError, OverflowError, RuntimeError)
_BROKEN += (struct.error, zlib.error, MemoryError)
"""What Pillow raises at damaged files."""


def load_picture(content: Path | bytes) -> Any:
    """A picture as an RGB `PIL.Image.Image`, turned as its EXIF data says.

    Transparency is dropped, as libraries of models do; of 16 bits the upper 8 are kept; of several frames the first.
    Raises DataError if it is no regular file, no picture of a kind we open, damaged, cut short, or over 80 million
    points.
    """
    shown = f"a picture of {len(content):,} bytes" if isinstance(content, bytes) else make_printable(str(content))
    data = content if isinstance(content, bytes) else _read(Path(content), shown)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # odd metadata does not change the picture; its size is checked by us
        try:
            return _decode(data, shown)
        except DataError:
            raise
        except _BROKEN as error:
            raise _broken(shown, _explain(error, data)) from None


def _read(path: Path, shown: str) -> bytes:
    with open_regular(path) as file:
        data = file.read(LARGEST_BYTES + 1)
    if len(data) > LARGEST_BYTES:
        raise _too_large(shown, f"more than {LARGEST_BYTES >> 20} MiB")
    return data


def _decode(data: bytes, shown: str) -> Any:
    from PIL import Image, ImageOps  # noqa: PLC0415  only who studies pictures has it

    try:
        picture = Image.open(BytesIO(data), formats=FORMATS)
    except Image.DecompressionBombError:
        raise _too_large(shown, "a picture many times larger than its file") from None
    with picture:
        width, height = picture.size
        if width * height > MOST_POINTS:
            raise _too_large(shown, f"{width:,} x {height:,} points")
        picture.load()
        return _to_rgb(ImageOps.exif_transpose(picture), shown)


def _to_rgb(picture: Any, shown: str) -> Any:
    if picture.mode.startswith("I") or picture.mode == "F":
        return _from_numbers(np.asarray(picture), shown)
    if picture.mode == "P" and "transparency" in picture.info:
        picture = picture.convert("RGBA")
    return picture.convert("RGB")


def _from_numbers(values: np.ndarray, shown: str) -> Any:
    """Gray of more than 8 bits, which Pillow would clip instead of scaling it."""
    from PIL import Image  # noqa: PLC0415  only who studies pictures has it

    if values.dtype.kind == "f":
        if not (np.isfinite(values).all() and values.min() >= 0 and values.max() <= 1):
            raise _broken(shown, "it holds measured values, not shades", hint="scale it to 8 bits")
        gray = np.rint(values * 255).astype(np.uint8)
    else:
        if values.min() < 0 or values.max() > 0xFFFF:
            raise _broken(shown, "it holds numbers of more than 16 bits, not shades", hint="scale it to 8 bits")
        gray = (values >> 8).astype(np.uint8)
    return Image.fromarray(gray).convert("RGB")


def _explain(error: BaseException, data: bytes) -> str:
    from PIL import UnidentifiedImageError  # noqa: PLC0415  only who studies pictures has it

    if isinstance(error, MemoryError):
        return "memory does not suffice for it"
    if not data:
        return "it is empty"
    if isinstance(error, UnidentifiedImageError):
        return f"it starts with {data[:8]!r}"
    return " ".join(str(error).split())[:120] or type(error).__name__


def _broken(shown: str, reason: str, *, hint: str = "open it in a viewer, or copy it again") -> DataError:
    return DataError(
        f"can't read {shown} as a picture: {reason}",
        expected="PNG, JPEG, WebP, BMP, GIF, TIFF or PPM",
        hint=hint,
        fault="picture-broken",
    )


def _too_large(shown: str, got: str) -> DataError:
    return DataError(
        f"{shown} is too large for one sample",
        got=got,
        expected=f"at most {MOST_POINTS:,} points",
        hint="make it smaller, or cut it into several",
        fault="picture-large",
    )
