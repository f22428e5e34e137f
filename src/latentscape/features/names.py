"""The nearest names to one that is not there."""

from collections.abc import Iterable
from difflib import get_close_matches

SUGGESTED = 5


def suggest(name: str, known: Iterable[str]) -> str:
    """A hint with the names closest to `name`; empty where none is close.

    >>> suggest("encoder.layer.1", ["encoder.layers.1", "encoder.layers.0", "head"])
    'did you mean `encoder.layers.1`, `encoder.layers.0`?'
    """
    close = get_close_matches(name, sorted(known), n=SUGGESTED, cutoff=0.5)
    return f"did you mean {', '.join(f'`{each}`' for each in close)}?" if close else ""
