"""User text made safe for the places a page puts it: script blocks, Markdown and links."""

import json
import re
import unicodedata
from typing import Any
from urllib.parse import quote

_HIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Control letters, lone surrogates, and marks that turn the reading direction."""
_IN_SCRIPTS = {letter: f"\\u{ord(letter):04x}" for letter in "<>&\u2028\u2029"}
_INTERVAL = r"\[[-−+]?[\d.]+%?, [-−+]?[\d.]+%?\](?![(\[:])"
_MARKDOWN = re.compile(rf"({_INTERVAL})|[\\`*\[\]|~$]|(?<![^\W_])_|_(?![^\W_])")
_FORMULA = re.compile(r"""(^|[;\t\r\n])([ \xa0"']*)(?=[=+\-@＝＋－＠﹢﹣﹦﹫])""")
"""What begins a formula in a spreadsheet: a sign that begins the cell, or what may be taken for another cell."""
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_BLOCK_START = re.compile(r"^(#{1,6}|[-+](?=\s|$)|-(?=--)|[>=]|\d+(?=[.)](?:\s|$)))")


def clean_text(text: str) -> str:
    """One line of NFC text: white space folded, and what can't be seen dropped."""
    return _HIDDEN.sub("", " ".join(unicodedata.normalize("NFC", text).split()))


def embed_json(value: Any) -> str:
    """JSON for a script block, see `escape_json`. Raises ValueError for NaN and infinity: JSON lacks them."""
    return escape_json(json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")))


def escape_json(text: str) -> str:
    r"""JSON text that can't end the script block around it, nor open a comment in it.

    The letters replaced occur in JSON only inside strings, where the escape means the same letter.

    >>> escape_json('"</script>"')
    '"\\u003c/script\\u003e"'
    """
    for letter, escaped in _IN_SCRIPTS.items():  # ten times as fast as `translate`
        text = text.replace(letter, escaped)
    return text


def escape_markdown(text: str) -> str:
    """Text that Markdown shows as it is: no markup, no HTML, no table cell or math begins or ends in it.

    An interval keeps its brackets bare, because nothing there can be a link.

    >>> escape_markdown("*0.62* [0.58, 0.66] <b>")
    '\\\\*0.62\\\\* [0.58, 0.66] &lt;b>'
    """
    marked = _MARKDOWN.sub(lambda found: found[1] or "\\" + found[0], clean_text(text))
    inert = marked.replace("&", "&amp;").replace("<", "&lt;")
    return _BLOCK_START.sub(_escape_block_start, inert)


def _escape_block_start(found: re.Match[str]) -> str:
    """A number is escaped after its digits (`1\\.`), a sign before itself."""
    return found[0] + "\\" if found[0].isdigit() else "\\" + found[0]


def guard_cell(value: Any) -> Any:
    """A value of a CSV file; text in it is never a formula, and has no letter that a terminal obeys.

    Spreadsheets begin a new cell at `;`, a tab or a line end too, depending on the reader's language: an apostrophe
    stands before every sign that would begin a formula there. Signs of full width count as well.

    >>> guard_cell("=1+1"), guard_cell("a; @x"), guard_cell("3-4"), guard_cell(-2.5)
    ("'=1+1", "a; '@x", '3-4', -2.5)
    """
    if not isinstance(value, str):
        return value
    text = _FORMULA.sub(r"\1\2'", _CONTROLS.sub("", value))
    return f"'{text}" if text.startswith(("\t", "\r", "\n")) else text


def quote_link(file_name: str) -> str:
    """A relative address of a file beside the page; `:`, a leading `/` and the like can't make it another kind."""
    return quote(file_name.lstrip("/"), safe="/")
