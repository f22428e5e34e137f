"""Texts that say the same word for word once case, accents and punctuation are dropped, found by hashing."""

import re
from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from hashlib import blake2b
from unicodedata import category, normalize

from latentscape.datasets.text import fold

# What is rare stands first in each pattern, and what must stand before it is looked back at: a search is then quick.
_ACCENTS = re.compile("[\u0300-\u036f]")
_POWER = re.compile("(?=[²³¹⁰⁴-⁹])(?<=\\d)")
_DECIMAL_MARK = re.compile(r"[.,](?<=\d[.,])(?=\d)")
_SIGN = re.compile(r"[^\w\s%\0]|[_\n\r]")
_BETWEEN_NUMBERS = re.compile(r" (?<=\d )(?=\d)")
_AFTER_A_UNIT = re.compile(r"(\d[^\W\d_]+) (?=\d)")

Key = bytes


def near_keys(text: str) -> tuple[Key, ...]:
    """Two keys of a text: its phrases between commas in any order, and all of it in its own order, commas or none.

    Case, accents (đ is d), the small 2 of m², punctuation and spaces don't count. What could change the meaning does:
    every word and digit, a mark between two digits (5.5, 3-4), a space between two numbers (q1 20m2, q12 0m2), a space
    between a unit and a number (3tr 2, 3tr2), and signs such as + < > = % ~. None for a text without letter or digit.

    >>> near_keys("Quận 10, WC riêng, 25m²") == near_keys("25M2, wc rieng; quan 10.")
    False
    >>> set(near_keys("Quận 10, WC riêng, 25m²")) & set(near_keys("25M2, wc rieng; quan 10.")) != set()
    True
    """
    marked = _SIGN.sub(_translate, _plain(text))
    phrases = [phrase for words in marked.split(",") if (phrase := " ".join(words.split()))]
    if not any(map(str.isalnum, marked)):
        return ()
    closed = _close(",".join(phrases)).split(",")
    # a number that stands alone means what its place says: 20, 5 is not 5, 20
    in_any_order = sorted(closed) if all(any(map(str.isalpha, phrase)) for phrase in closed) else closed
    return _digest(",".join(in_any_order)), _digest(_close(" ".join(phrases)))


def find_near_copies(texts: Sequence[str]) -> tuple[tuple[int, ...], ...]:
    """Groups of two or more places in `texts` that share a key of `near_keys`, each ascending; by their first place.

    Takes time and memory in proportion to the texts. A copy of a copy is in the group too.
    """
    parents = list(range(len(texts)))
    seen: dict[tuple[int, Key], int] = {}
    for place, text in enumerate(texts):
        # the two kinds of keys are kept apart: a text of one phrase has the same words under both
        for kind, key in enumerate(near_keys(text)):
            first = seen.setdefault((kind, key), place)
            if first != place:
                _join(parents, first, place)
    groups: defaultdict[int, list[int]] = defaultdict(list)
    for place in range(len(texts)):
        groups[_root(parents, place)].append(place)
    return tuple(tuple(group) for group in groups.values() if len(group) > 1)


class NearTexts:
    """Texts that others can be looked up in."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._first: dict[Hashable, int] = {}
        for place, text in enumerate(texts):
            for key in _all_keys(text):
                self._first.setdefault(key, place)

    def find(self, text: str) -> int | None:
        """The first text that equals this one or is a near copy of it; None where there is none."""
        return min((self._first[key] for key in _all_keys(text) if key in self._first), default=None)


def _all_keys(text: str) -> tuple[Hashable, ...]:
    return (fold(text), *enumerate(near_keys(text)))


def _plain(text: str) -> str:
    """Lower case without accents; a decimal mark, comma or point, becomes NUL so that it is no punctuation."""
    spread = normalize("NFKD", _POWER.sub("^", text)).casefold()
    letters = normalize("NFC", _ACCENTS.sub("", spread).replace("đ", "d"))
    return _DECIMAL_MARK.sub("\0", letters)


def _translate(found: re.Match[str]) -> str:
    """What divides phrases as a comma, a symbol or another script's vowel sign as it is, punctuation as a space."""
    sign = found[0]
    return "," if sign in ",;\n\r" else sign if category(sign)[0] in "SM" else " "


def _close(words: str) -> str:
    """Without the spaces that mean nothing."""
    return _AFTER_A_UNIT.sub(r"\1_", _BETWEEN_NUMBERS.sub("_", words)).replace(" ", "")


def _digest(text: str) -> Key:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _root(parents: list[int], place: int) -> int:
    while parents[place] != place:
        parents[place] = parents[parents[place]]
        place = parents[place]
    return place


def _join(parents: list[int], first: int, second: int) -> None:
    low, high = sorted((_root(parents, first), _root(parents, second)))
    parents[high] = low
