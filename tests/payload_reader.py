"""A payload of the explorer's page read in Python, as its modules read it in a browser."""

import base64
import json
import re
import struct
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from latentscape.pages.explorer_container import MAGIC, VERSION


@dataclass(frozen=True)
class ReadPayload:
    """The header, and everything behind it."""

    header: dict[str, Any]
    body: bytes

    def pieces(self, described: dict[str, Any]) -> list[bytes]:
        """The pieces of one array or text, inflated."""
        raw = [self.body[start : start + size] for start, size in described["places"]]
        return [
            zlib.decompress(piece, wbits=-15) if packed else piece
            for piece, packed in zip(raw, described["packed"], strict=True)
        ]

    def array(self, described: dict[str, Any]) -> np.ndarray:
        """An array."""
        planes = np.stack([np.frombuffer(piece, dtype=np.uint8) for piece in self.pieces(described)], axis=1)
        assert len(planes) == described["n"]
        return np.ascontiguousarray(planes).view(f"<{described['kind']}")[:, 0]

    def texts(self, described: dict[str, Any]) -> list[str]:
        """Texts of one line each."""
        return self.pieces(described)[0].decode("utf-8").split("\n")

    def column(self, key: str) -> dict[str, Any]:
        """The header of a column."""
        return next(column for column in self.header["columns"] if column["key"] == key)


def read_payload(data: bytes) -> ReadPayload:
    """The payload as `pack` made it."""
    assert data[:8] == MAGIC
    version, length = struct.unpack("<II", data[8:16])
    assert version == VERSION
    header = json.loads(zlib.decompress(data[16 : 16 + length], wbits=-15))
    return ReadPayload(header, data[16 + length :])


def read_page(page: str) -> ReadPayload:
    """The payload that travels in a page."""
    written = re.search(r'<script type="text/plain" id="payload">([^<]*)</script>', page)
    assert written
    return read_payload(base64.b64decode(written[1], validate=True))
