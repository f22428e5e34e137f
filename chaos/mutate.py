"""One good file -> endless bad ones: bytes flipped, cut, doubled and made extreme; numbers of a text made absurd."""

import io
import random
import re
import struct
import zipfile
import zlib

_INTEGERS = (0, 1, -1, 0x7F, 0x80, 0x7FFF, 0x8000, 2**31 - 1, -(2**31), 2**32 - 1, 2**53, 2**62, 2**63 - 1, -(2**63))
_NUMBERS = (
    "0",
    "-1",
    "1e999",
    "-0.0",
    "NaN",
    "9" * 30,
    str(2**31),
    str(2**63),
    str(2**64 - 1),
    "1.5",
    "null",
    "[]",
    '"x"',
)
_NUMBER = re.compile(rb"-?\d+(\.\d+)?")
_TOKENS = (
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b'"',
    b"\\",
    b"\x00",
    b"\xff",
    b"\n",
    b"\t",
    b"- ",
    b"&a ",
    b"*a",
    b"!!python/name:os.system ",
)
_EDGE = 600
"""Headers and directories lie within so many bytes of either end."""


def mutate(content: bytes, rng: random.Random, *, text: bool = False) -> bytes:
    """Between one and four changes of the bytes."""
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        change = rng.choice(_TEXT_CHANGES if text and rng.random() < 0.7 else _BYTE_CHANGES)
        content = change(content, rng)
    return content


def mutate_archive(content: bytes, rng: random.Random) -> bytes:
    """A change inside one member of a zip, whose checksums are made to fit, or one of the archive's own bytes."""
    if rng.random() < 0.4:
        return mutate(content, rng)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = [(info.filename, archive.read(info)) for info in archive.infolist()]
    chosen = rng.randrange(len(members))
    name, inside = members[chosen]
    members[chosen] = (name, mutate(inside, rng))
    if rng.random() < 0.1:
        members.append(rng.choice(members))
    if rng.random() < 0.1:
        members.pop(rng.randrange(len(members)))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        written: set[str] = set()
        for name, inside in members:
            if name in written:
                name += "_"
            written.add(name)
            archive.writestr(name, inside)
    return buffer.getvalue()


def mutate_safetensors(content: bytes, rng: random.Random) -> bytes:
    """A change of the header with its length made to fit, or of any bytes."""
    if rng.random() < 0.3:
        return mutate(content, rng)
    length = int.from_bytes(content[:8], "little")
    header = mutate(content[8 : 8 + length], rng, text=True)
    return struct.pack("<Q", len(header)) + header + content[8 + length :]


def _place(content: bytes, rng: random.Random) -> int:
    if not content:
        return 0
    if rng.random() < 0.6 and len(content) > 2 * _EDGE:
        near = rng.randrange(_EDGE)
        return near if rng.random() < 0.5 else len(content) - 1 - near
    return rng.randrange(len(content))


def _flip(content: bytes, rng: random.Random) -> bytes:
    data = bytearray(content)
    if data:
        data[_place(content, rng)] ^= 1 << rng.randrange(8)
    return bytes(data)


def _set(content: bytes, rng: random.Random) -> bytes:
    at = _place(content, rng)
    return content[:at] + bytes([rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))]) + content[at + 1 :]


def _extreme(content: bytes, rng: random.Random) -> bytes:
    size, at = rng.choice((2, 4, 8)), _place(content, rng)
    number = rng.choice(_INTEGERS) & (2 ** (8 * size) - 1)
    return content[:at] + number.to_bytes(size, rng.choice(("little", "big"))) + content[at + size :]


def _cut(content: bytes, rng: random.Random) -> bytes:
    return content[: _place(content, rng)]


def _delete(content: bytes, rng: random.Random) -> bytes:
    at = _place(content, rng)
    return content[:at] + content[at + rng.choice((1, 2, 8, 100)) :]


def _double(content: bytes, rng: random.Random) -> bytes:
    at, size = _place(content, rng), rng.choice((1, 4, 16, 256))
    return content[:at] + content[at : at + size] * rng.choice((2, 3, 50)) + content[at + size :]


def _insert(content: bytes, rng: random.Random) -> bytes:
    at = _place(content, rng)
    return content[:at] + rng.randbytes(rng.choice((1, 4, 64))) + content[at:]


def _swap(content: bytes, rng: random.Random) -> bytes:
    first, second = sorted((_place(content, rng), _place(content, rng)))
    return content[second:] + content[first:second] + content[:first]


def _number(content: bytes, rng: random.Random) -> bytes:
    found = list(_NUMBER.finditer(content))
    if not found:
        return _flip(content, rng)
    one = rng.choice(found)
    return content[: one.start()] + rng.choice(_NUMBERS).encode() + content[one.end() :]


def _token(content: bytes, rng: random.Random) -> bytes:
    at = _place(content, rng)
    return content[:at] + rng.choice(_TOKENS) * rng.choice((1, 1, 1, 2, 3000)) + content[at:]


def _line(content: bytes, rng: random.Random) -> bytes:
    lines = content.split(b"\n")
    at = rng.randrange(len(lines))
    lines[at:at] = [rng.choice(lines)] * rng.choice((1, 2, 300))
    return b"\n".join(lines)


_BYTE_CHANGES = (_flip, _flip, _set, _extreme, _extreme, _cut, _delete, _double, _insert, _swap)
_TEXT_CHANGES = (_number, _number, _token, _line, _delete, _double, _cut)


def seed_of(*words: object) -> int:
    """A number that is the same in every process, made of these words."""
    return zlib.crc32(repr(words).encode())
