"""The order in which people expect names."""

import re

_DIGITS = re.compile(r"([0-9]{1,18})")


def in_order(word: str) -> list[tuple[int, int, str]]:
    """A key that sorts by letter, and the numbers in words by size.

    >>> sorted(["class 10", "class 2", "a"], key=in_order)
    ['a', 'class 2', 'class 10']
    """
    parts = _DIGITS.split(word)
    return [(0, int(part), "") if number % 2 else (1, 0, part) for number, part in enumerate(parts)]
