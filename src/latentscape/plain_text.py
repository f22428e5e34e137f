"""Text on its way into files: UTF-8 whatever it holds, JSON in one form, and names that any disk takes."""

import hashlib
import json
import re
import unicodedata
from typing import Any

LONGEST_NAME = 200
"""Bytes of one step of a name; disks take 255, and temporary files need a few."""
_HASHED = re.compile(r"(.*-)?[0-9a-f]{8}")
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?")
"""Names that Windows keeps for itself, whatever follows the first dot."""


def encode_text(text: str) -> bytes:
    """UTF-8; half letters that a broken file name can hold are written as \\udc80, which JSON reads back."""
    return text.encode("utf-8", errors="backslashreplace")


def clean_text(text: str) -> str:
    """The text as `encode_text` writes it."""
    return encode_text(text).decode("utf-8")


def write_json(value: Any) -> str:
    """JSON the way every file of ours has it: sorted keys, two spaces, letters as they are, no NaN."""
    return json.dumps(value, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def digest_json(value: Any) -> str:
    """SHA-256 of plain values, the same for the same values: keys are sorted."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def safe_name(text: str) -> str:
    """A file name for any text: itself where it is plain, else its plain letters and a hash that tells it apart.

    Different texts get different names, also on disks that take `A` for `a`: capitals are not plain. Two ways of
    writing the same letters (NFC, NFD) are one text.

    >>> safe_name("encoder.layers.3"), safe_name("../x")
    ('encoder.layers.3', 'x-d6b96a97')
    """
    text = unicodedata.normalize("NFC", text)
    plain = re.sub(r"[^a-z0-9._-]+", "-", text.lower()).strip(".-")
    odd = _HASHED.fullmatch(plain) or _DEVICES.fullmatch(plain)
    if plain == text and 0 < len(plain) <= 80 and not odd:
        return text
    digest = hashlib.sha256(encode_text(text)).hexdigest()[:8]
    start = "name-" if _DEVICES.fullmatch(plain) else ""
    return f"{start}{plain[:60].rstrip('.-')}-{digest}".lstrip("-")


def folder_name(text: str) -> str:
    """A name for a folder that stands alone: capitals may stay, as there is nothing to be told apart from.

    >>> folder_name("Features"), folder_name("con")
    ('Features', 'name-con-1143da2b')
    """
    return text if safe_name(text.lower()) == text.lower() else safe_name(text)


def is_file_name(part: str) -> bool:
    """Whether one step of a name is plain: it can't climb, hide, break a terminal line or be too long."""
    printable = part.isprintable() and "\\" not in part
    return printable and 0 < len(encode_text(part)) <= LONGEST_NAME and not part.startswith(".")
