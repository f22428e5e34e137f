"""The one range of bytes that a player asks for."""

import re
from typing import final

_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")
_LONGEST_HEADER = 64


@final
class UnreadableRangeError(ValueError):
    """Not one range, or none that lies in the file."""


def read_range(header: str | None, size: int) -> tuple[int, int] | None:
    """The first byte asked for and the one after the last; None where the whole file is.

    One range only: many small ones would make a small question a large answer.

    >>> read_range("bytes=2-", 10), read_range("bytes=-3", 10), read_range("bytes=0-99", 10), read_range(None, 10)
    ((2, 10), (7, 10), (0, 10), None)
    """
    if header is None:
        return None
    found = _RANGE.fullmatch(header) if len(header) <= _LONGEST_HEADER else None
    if not found or found[0] == "bytes=-":
        raise UnreadableRangeError
    if not found[1]:
        start, stop = max(0, size - int(found[2])), size
    else:
        start, stop = int(found[1]), min(size, int(found[2]) + 1 if found[2] else size)
    if start >= stop:
        raise UnreadableRangeError
    return start, stop
