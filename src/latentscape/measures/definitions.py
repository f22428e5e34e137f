"""The definition of each score, found by the score's name."""

from functools import cache

from latentscape.measures.catalog import DEFINITIONS
from latentscape.measures.definition import Definition, find_function

__all__ = ["DEFINITIONS", "Definition", "define", "find_function", "list_definitions"]

RAW = "raw_"
"""In front of a score's name: the same measure, of the file's rows as they stand."""
DELTA = "delta"
"""In a score's name: what it differs by between two checkpoints; and the key of its definition."""


def define(score_name: str) -> Definition | None:
    """The definition of a score by its name, with or without a layer, map or class at its end; None if there is none.

    What is no score, such as a kind of suspect, is found by its key.

    >>> define("recall_at_5").key, define("recall_very_sad").key, define("nonsense")
    ('ranking', 'class_recall', None)
    """
    exact, prefixes = _index()
    score_name = DELTA if f"_{DELTA}" in score_name else score_name.removeprefix(RAW)
    found = exact.get(score_name)
    if found is None:
        fitting = [prefix for prefix in prefixes if score_name.startswith(prefix)]
        found = prefixes[max(fitting, key=len)] if fitting else None
    return found if found is not None and found.text else None


def list_definitions() -> tuple[Definition, ...]:
    """All that have a text, in the order of the chapters."""
    return tuple(definition for definition in DEFINITIONS if definition.text)


@cache
def _index() -> tuple[dict[str, Definition], dict[str, Definition]]:
    """Definitions by exact name or key, and by the beginning of a name."""
    exact = {name: each for each in DEFINITIONS for name in (each.key, *each.names) if not name.endswith("_")}
    prefixes = {name: each for each in DEFINITIONS for name in each.names if name.endswith("_")}
    return exact, prefixes
