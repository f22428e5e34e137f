"""Very many texts made safe at once: most need nothing done, which one look at all of them shows."""

import re
from collections.abc import Iterable, Sequence

from latentscape.figures.render import cut
from latentscape.pages.escape import clean_text

LONGEST = 2_000
"""Letters of a text on a page; the whole is in samples.parquet."""
LONGEST_NAME = 200
"""Letters of a value or an id."""
_ODD = re.compile(r"[^\n -~]|^ | $|  ", re.MULTILINE)
"""What `clean_text` would change, in text of ASCII letters and line ends."""


def clean_all(texts: Iterable[str | None], *, limit: int = LONGEST) -> list[str]:
    """Each text cleaned and cut, the empty one where there is none."""
    lines = [text or "" for text in texts]
    if _is_clean(lines, limit=limit):
        return lines
    return [cut(clean_text(line), limit=limit) for line in lines]


def clean_name(text: str) -> str:
    """A value, key or title: one line, not too long."""
    return cut(clean_text(text), limit=LONGEST_NAME)


def _is_clean(lines: Sequence[str], *, limit: int) -> bool:
    """Whether all are plain letters without white space to fold; sure where it says yes."""
    joined = "\n".join(lines)
    if not joined.isascii() or joined.count("\n") != max(len(lines) - 1, 0) or _ODD.search(joined):
        return False
    return max(map(len, lines), default=0) <= limit
