"""A figure -> the same bytes every time, and any text -> text that is safe to draw."""

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from io import BytesIO
from itertools import groupby

from matplotlib import font_manager
from matplotlib.figure import Figure

from latentscape.figures.style import DPI, ThemedFigure, font_files

MAX_PIXELS = 60_000
"""The longest side matplotlib can draw is 2^16 pixels; a picture of very many layers is drawn coarser instead."""
COMPRESSION = 3
"""Of zlib: the next level takes nearly twice as long for a tenth fewer bytes."""
ELLIPSIS = "…"
_ID_LETTERS = "0123456789abcdefghjkmnpqrstvwxyz"
"""Digits and small letters without those that look like another one."""
_ID_LENGTH = 5
_ASCII = re.compile(r"[\x20-\x7e]*")


def render_png(figure: Figure, *, dpi: float = DPI) -> bytes:
    """The figure as a PNG, with what it says about itself in its `Description`.

    Equal figures give equal bytes: no date and no software version inside.
    """
    png, longest = BytesIO(), max(figure.get_size_inches())
    smaller = min(dpi, MAX_PIXELS / longest)
    packing = {"compress_level": COMPRESSION}
    about = figure.about if isinstance(figure, ThemedFigure) else ""
    metadata = {"Software": None, **({"Description": about} if about else {})}
    figure.savefig(png, format="png", dpi=smaller, metadata=metadata, pil_kwargs=packing)
    return png.getvalue()


def tidy(text: str, *, limit: int = 40) -> str:
    """One line of text: NFC, no control or direction characters, at most `limit` characters.

    >>> tidy("Vui\\n\\u202evẻ")
    'Vui vẻ'
    >>> tidy("abcdef", limit=4)
    'abc…'
    """
    return cut(_strip(text), limit=limit)


def plain(text: str, *, limit: int = 40) -> str:
    """One line of drawable text: `tidy`, and an id in the place of letters that no installed font can draw.

    The same letters have the same id everywhere; `find_undrawable` tells what it stands for.

    >>> plain("\\U000f0000 calm")
    '‹rfzh1› calm'
    """
    return cut("".join(_stand_in(part) if missing else part for missing, part in _split(_strip(text))), limit=limit)


def find_undrawable(texts: Iterable[str]) -> dict[str, str]:
    """Id -> the letters it stands for on pictures, of all the texts, in the order of their first appearance."""
    parts = (part for text in texts for missing, part in _split(_strip(text)) if missing)
    return {_stand_in(part): part for part in dict.fromkeys(parts)}


def plain_names(names: Sequence[str], *, limit: int = 40) -> list[str]:
    """`plain` for names that must stay different from each other: look-alikes get their number, from 1.

    >>> plain_names(["calm", "calm\\n"])
    ['calm (1)', 'calm (2)']
    """
    short = [plain(name, limit=limit) for name in names]
    seen = Counter(short)
    return [name if seen[name] == 1 and name else f"{name} ({i + 1})".strip() for i, name in enumerate(short)]


def drop_common_start(names: Sequence[str]) -> list[str]:
    """The names without the words that all of them begin with: what tells them apart is left.

    >>> drop_common_start(["species number 1", "species number 12"]), drop_common_start(["red", "red wine"])
    (['1', '12'], ['red', 'red wine'])
    """
    words = [name.split() for name in names]
    n = 0
    while len(names) > 1 and all(len(own) > n + 1 and own[n] == words[0][n] for own in words):
        n += 1
    return [" ".join(own[n:]) for own in words] if n else list(names)


def cut(text: str, *, limit: int) -> str:
    """The text with runs of spaces folded, at most `limit` characters; an ellipsis ends it where something is gone."""
    text = " ".join(text.split())
    if len(text) <= limit:
        return text
    end = limit - 1
    while end > 0 and unicodedata.combining(text[end]):
        end -= 1
    return text[:end].rstrip() + ELLIPSIS


def _strip(text: str) -> str:
    """NFC, a space for each white space, and no letter that can't be seen."""
    if _ASCII.fullmatch(text):
        return text
    spaced = "".join(" " if letter.isspace() else letter for letter in unicodedata.normalize("NFC", text))
    return "".join(letter for letter in spaced if not _is_invisible(letter))


def _is_invisible(letter: str) -> bool:
    # Variation selectors only pick between two drawings of the letter before them.
    return unicodedata.category(letter) in {"Cc", "Cf"} or "\ufe00" <= letter <= "\ufe0f"


def _split(text: str) -> list[tuple[bool, str]]:
    """The text in parts that can be drawn and parts that can't; marks stay with a letter that can't be drawn."""
    if _ASCII.fullmatch(text):
        return [(False, text)]
    missing = [ord(letter) not in _drawable_codes() for letter in text]
    for i in range(1, len(text)):
        missing[i] = missing[i] or (missing[i - 1] and unicodedata.combining(text[i]) > 0)
    return [(key, "".join(text[i] for i in part)) for key, part in groupby(range(len(text)), key=missing.__getitem__)]


def _stand_in(letters: str) -> str:
    """The id of letters that can't be drawn: a few signs of their hash."""
    digest = hashlib.sha256(letters.encode("utf-8", errors="surrogatepass")).digest()
    return f"‹{''.join(_ID_LETTERS[byte % len(_ID_LETTERS)] for byte in digest[:_ID_LENGTH])}›"


@cache
def _drawable_codes() -> frozenset[int]:
    return frozenset(code for path in font_files() for code in font_manager.get_font(str(path)).get_charmap())
