"""The text of a docstring as a page shows it: paragraphs, items and tables, with code and addresses set off."""

import html
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from markupsafe import Markup

from latentscape.pages.escape import escape_markdown

_CODE = re.compile(r"``?([^`]+)``?")
_ADDRESS = re.compile(r"https://[^\s<>\"']*[^\s<>\"'.,;:)]")
_RULE = re.compile(r"[|\s:-]+")
_ROW = re.compile(r"\|.*\|\s*")
"""A line that only begins with a bar is a formula: `|r| >= 1` ..."""


@dataclass(frozen=True, kw_only=True)
class Passage:
    """A paragraph (one line), a list of items, or the rows of a table, its header first."""

    kind: Literal["text", "items", "table"]
    lines: tuple[str, ...]

    @property
    def rows(self) -> list[list[str]]:
        """The cells of a table's rows."""
        rows = [line for line in self.lines if not _RULE.fullmatch(line)]
        return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def read_passages(text: str) -> list[Passage]:
    """Take a docstring apart: items begin with `* `, table rows with `|`, formulas with blanks; empty lines part them.

    >>> [passage.lines for passage in read_passages("One\\nline.\\n\\n* first\\n  of two\\n* second")]
    [('One line.',), ('first of two', 'second')]
    """
    return [passage for part in text.split("\n\n") for passage in _read_part(part)]


def _read_part(part: str) -> list[Passage]:
    passages: list[Passage] = []
    for line in part.splitlines():
        kind = "items" if line.startswith("* ") else "table" if _ROW.fullmatch(line) else "text"
        last = passages[-1] if passages else None
        own = line[2:] if kind == "items" else line.strip()
        if line.startswith("    ") and not last:
            own = f"`{own}`"
        if last and kind == "text" and last.kind != "table":
            passages[-1] = Passage(kind=last.kind, lines=(*last.lines[:-1], f"{last.lines[-1]} {own}"))
        elif last and kind == last.kind:
            passages[-1] = Passage(kind=last.kind, lines=(*last.lines, own))
        else:
            passages.append(Passage(kind=kind, lines=(own,)))
    return passages


def prose_html(text: str) -> Markup:
    """Escaped text with code in `<code>` and addresses as links.

    >>> print(prose_html("`a<b` by Guo, https://doi.org/10.1/x."))
    <code>a&lt;b</code> by Guo, <a href="https://doi.org/10.1/x" rel="external noreferrer">https://doi.org/10.1/x</a>.
    """
    parts = _CODE.split(text)
    marked = [
        f"<code>{html.escape(part)}</code>" if number % 2 else _link(part, escape=html.escape, form=_as_anchor)
        for number, part in enumerate(parts)
    ]
    return Markup("".join(marked))  # noqa: S704  every part is escaped above


def prose_markdown(text: str) -> str:
    """Text whose code stays code and whose addresses are links; nothing else in it is markup."""
    parts = _CODE.split(text)
    marked = [
        f"`{part}`" if number % 2 else _link(part, escape=_escape_inside, form="<{}>".format)
        for number, part in enumerate(parts)
    ]
    return "".join(marked)


def _link(text: str, *, escape: Callable[[str], str], form: Callable[[str], str]) -> str:
    """Escape everything but the addresses, which take their form."""
    pieces, end = [], 0
    for found in _ADDRESS.finditer(text):
        pieces += [escape(text[end : found.start()]), form(found[0])]
        end = found.end()
    return "".join([*pieces, escape(text[end:])])


def _as_anchor(address: str) -> str:
    safe = html.escape(address)
    return f'<a href="{safe}" rel="external noreferrer">{safe}</a>'


def _escape_inside(text: str) -> str:
    """Markdown escape of a part of a line, which keeps the spaces at its ends."""
    inner = text.strip()
    if not inner:
        return text
    start = text.index(inner[0])
    return text[:start] + escape_markdown(inner) + text[start + len(inner) :]
