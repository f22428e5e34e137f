"""A figure -> the same bytes every time, and any text -> text that is safe to draw."""

import unicodedata
from collections import Counter
from collections.abc import Sequence
from functools import cache
from io import BytesIO

from matplotlib import font_manager
from matplotlib.figure import Figure

from latentscape.figures.style import DPI, font_files

MAX_PIXELS = 60_000
"""The longest side matplotlib can draw is 2^16 pixels; a picture of very many layers is drawn coarser instead."""
COMPRESSION = 3
"""Of zlib: the next level takes nearly twice as long for a tenth fewer bytes."""
ELLIPSIS = "…"
PLACEHOLDER = "\N{REPLACEMENT CHARACTER}"
"""Stands for a letter that no installed font can draw."""


def render_png(figure: Figure, *, dpi: float = DPI) -> bytes:
    """The figure as a PNG. Equal figures give equal bytes: no date and no software version inside."""
    png, longest = BytesIO(), max(figure.get_size_inches())
    smaller = min(dpi, MAX_PIXELS / longest)
    packing = {"compress_level": COMPRESSION}
    figure.savefig(png, format="png", dpi=smaller, metadata={"Software": None}, pil_kwargs=packing)
    return png.getvalue()


def plain(text: str, *, limit: int = 40) -> str:
    """One line of drawable text: NFC, no control or direction characters, at most `limit` characters.

    What no font can draw becomes a placeholder, so that its place stays visible.

    >>> plain("Vui\\n\\u202evẻ")
    'Vui vẻ'
    >>> plain("abcdef", limit=4)
    'abc…'
    """
    spaced = "".join(" " if letter.isspace() else letter for letter in unicodedata.normalize("NFC", text))
    kept = (letter for letter in spaced if not _is_invisible(letter))
    return cut("".join(letter if _is_drawable(letter) else PLACEHOLDER for letter in kept), limit=limit)


def plain_names(names: Sequence[str], *, limit: int = 40) -> list[str]:
    """`plain` for names that must stay different from each other: look-alikes get their number, from 1.

    >>> plain_names(["calm", "calm\\n"])
    ['calm (1)', 'calm (2)']
    """
    short = [plain(name, limit=limit) for name in names]
    seen = Counter(short)
    return [name if seen[name] == 1 and name else f"{name} ({i + 1})".strip() for i, name in enumerate(short)]


def cut(text: str, *, limit: int) -> str:
    """The text with runs of spaces folded, at most `limit` characters; an ellipsis ends it where something is gone."""
    text = " ".join(text.split())
    if len(text) <= limit:
        return text
    end = limit - 1
    while end > 0 and unicodedata.combining(text[end]):
        end -= 1
    return text[:end].rstrip() + ELLIPSIS


def _is_invisible(letter: str) -> bool:
    # Variation selectors only pick between two drawings of the letter before them.
    return unicodedata.category(letter) in {"Cc", "Cf"} or "\ufe00" <= letter <= "\ufe0f"


def _is_drawable(letter: str) -> bool:
    return ord(letter) in _drawable_codes()


@cache
def _drawable_codes() -> frozenset[int]:
    return frozenset(code for path in font_files() for code in font_manager.get_font(str(path)).get_charmap())
