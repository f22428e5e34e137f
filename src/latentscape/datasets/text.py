"""Text as users write it: one spelling for what looks the same, and reasons why some strings can't be used."""

from unicodedata import normalize as _normalize_unicode

LONGEST_TEXT = 1_000_000
"""Characters; no text encoder reads this far, so a longer one is a fault in the file."""

_INVISIBLE = "\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"
_KINDS = {bool: "true/false", int: "a number", float: "a number", list: "a list", dict: "a mapping", type(None): "null"}


def normalize(text: str) -> str:
    """The canonical composed spelling (NFC), so that `e` + accent and `é` are one letter.

    >>> normalize("phòng") == normalize("pho\\u0300ng")
    True
    """
    return _normalize_unicode("NFC", text)


def fold(text: str) -> str:
    """The key under which two texts count as one: NFC, every run of whitespace one space, ends trimmed.

    >>> fold("  Quận 10,\\n25m² ")
    'Quận 10, 25m²'
    """
    return " ".join(normalize(text).split())


def is_number(text: str | float) -> bool:
    """Whether Python reads it as a number.

    >>> is_number(" 1e3"), is_number("nan"), is_number("")
    (True, True, False)
    """
    try:
        float(text)
    except ValueError:
        return False
    return True


def describe_kind(value: object) -> str:
    """What a JSON value is, in words: `a number`, `a list`, `null`."""
    return _KINDS.get(type(value), "text" if isinstance(value, str) else f"a {type(value).__name__}")


def explain_bad_text(value: object) -> str:
    """Why `value` can't be shown to a model as text; empty if it can.

    >>> explain_bad_text(""), explain_bad_text(7), explain_bad_text("ok")
    ('is empty', 'is a number, not text', '')
    """
    if not isinstance(value, str):
        return f"is {describe_kind(value)}, not text"
    if not value.strip(_INVISIBLE).strip():
        return "is empty"
    if len(value) > LONGEST_TEXT:
        return f"has {len(value):,} characters; the longest allowed is {LONGEST_TEXT:,}"
    return _explain_bad_characters(value)


def _explain_bad_characters(text: str) -> str:
    if "\0" in text:
        return "contains a NUL character"
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return f"contains half a character (a lone surrogate) at position {error.start}"
    return ""


def make_printable(name: str) -> str:
    """A file name as text that any file or page can hold: NFC, bytes that are no UTF-8 written as `\\udcXX`."""
    return normalize(name.encode("utf-8", "backslashreplace").decode())
