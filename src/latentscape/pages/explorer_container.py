"""Arrays and texts as one string of bytes that a browser takes apart piece by piece, each when it is needed."""

import json
import struct
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from jaxtyping import Float, Int, Shaped

MAGIC = b"latspace"
VERSION = 1
LEAST_GAIN = 0.02
"""What deflating must save; less is not worth the reader's time."""
LARGE = 8_000_000
"""Bytes above which text is deflated in a hurry."""
KEPT_BITS = 14
"""Of the 23 behind the point of a number, where there are very many: more digits than any view shows."""

Described = dict[str, Any]
"""Where a piece lies and how it is read, for the header."""


class Container:
    """Pieces are added one after the other, and each answers with its description for the header.

    A piece is deflated where that helps. Numbers of several bytes are taken apart: all their lowest bytes are a piece,
    all the next ones another, for the high ones are much alike and the low ones are noise.
    """

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self.size = 0

    def array(self, values: Shaped[np.ndarray, "..."], kind: str) -> Described:
        """An array in row order; `kind` is `u1`, `u2`, `u4` or `f4`."""
        described, pieces = describe_array(values, kind)
        return self.place(described, pieces)

    def texts(self, lines: Iterable[str]) -> Described:
        """Texts of one line each."""
        described, pieces = describe_texts(lines)
        return self.place(described, pieces)

    def place(self, described: Described, pieces: list[bytes]) -> Described:
        """Take pieces over that were described before it was sure that they would fit."""
        places = [[self._append(piece), len(piece)] for piece in pieces]
        return {**described, "places": places}

    def plain(self, data: bytes) -> int:
        """Bytes as they are, to be read from anywhere in them; where they begin."""
        return self._append(data)

    def finish(self, header: Mapping[str, Any]) -> bytes:
        """The whole: magic, version and length of the header, the header deflated, the pieces; a multiple of 3."""
        told = {**header, "bytes": self.size}  # for the page to know whether all of it has come
        written = json.dumps(told, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        packed = deflate(written.encode("utf-8"))
        whole = b"".join([MAGIC, struct.pack("<II", VERSION, len(packed)), packed, *self._pieces])
        return whole + bytes(-len(whole) % 3)

    def _append(self, piece: bytes) -> int:
        start = self.size
        self._pieces.append(piece)
        self.size += len(piece)
        return start


def describe_array(values: Shaped[np.ndarray, "..."], kind: str) -> tuple[Described, list[bytes]]:
    """The array's pieces, one for each byte of a number, and all of its description but their places."""
    with np.errstate(over="ignore"):  # what is too large for a number of four bytes is infinite
        raw = np.ascontiguousarray(values, dtype=f"<{kind}")
    planes = raw.view(np.uint8).reshape(-1, raw.itemsize).T
    pieces = [_shrink(np.ascontiguousarray(plane).tobytes()) for plane in planes]
    described = {"kind": kind, "n": int(raw.size), "packed": [is_packed for _, is_packed in pieces]}
    return described, [piece for piece, _ in pieces]


def describe_texts(lines: Iterable[str]) -> tuple[Described, list[bytes]]:
    """The piece of some texts, and its description."""
    raw = "\n".join(lines).encode("utf-8")
    piece, is_packed = _shrink(raw)
    return {"kind": "text", "n": len(raw), "packed": [is_packed]}, [piece]


def size_of(pieces: Iterable[bytes]) -> int:
    """Bytes they will need."""
    return sum(map(len, pieces))


def deflate(raw: bytes) -> bytes:
    """The bytes as a raw deflate stream: no header, no checksum."""
    squeezer = zlib.compressobj(6 if len(raw) < LARGE else 3, wbits=-15)
    return squeezer.compress(raw) + squeezer.flush()


def _shrink(raw: bytes) -> tuple[bytes, int]:
    packed = deflate(raw)
    return (packed, 1) if len(packed) < (1 - LEAST_GAIN) * len(raw) else (raw, 0)


def count_kind(largest: int) -> str:
    """The smallest kind of array for whole numbers from 0 up to this."""
    return next(f"u{size}" for size in (1, 2, 4) if largest < 256**size)


def round_digits(values: Float[np.ndarray, " sample"]) -> Float[np.ndarray, " sample"]:
    """Numbers without digits that nobody sees; whole ones, infinite and unknown ones stay as they are."""
    with np.errstate(over="ignore"):
        single = values.astype("<f4")
    dropped = 23 - KEPT_BITS
    bits = single.view(np.uint32)
    rounded = ((bits + np.uint32(1 << (dropped - 1))) >> np.uint32(dropped)) << np.uint32(dropped)
    is_kept = ~np.isfinite(single) | (single == np.rint(single))
    return np.where(is_kept, single, rounded.view("<f4"))


def quantize(
    values: Float[np.ndarray, "row k"], *, low: float, high: float, steps: int = 65_535
) -> Int[np.ndarray, "row k"]:
    """Numbers between two others in so many steps; unknown ones become 0."""
    known = np.nan_to_num(values, nan=low, posinf=high, neginf=low)
    return np.rint(np.clip((known - low) * (steps / ((high - low) or 1.0)), 0, steps)).astype(np.int64)
