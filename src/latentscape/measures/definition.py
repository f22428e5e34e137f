"""What one kind of score means, as the docstring of the function that measures it says."""

import importlib
import inspect
import re
import sys
from dataclasses import dataclass
from functools import cache
from typing import Any

DOCTEST = ">>> "
SOURCE = re.compile(r"\n+Source: ")
NOTHING = re.compile(r"\bNone\b(?! of)")
"""What functions call a missing value; pages say n/a."""
LEFT_OUT = ("Raises", "Args:", "Returns:")
"""Parts of a docstring for those who call the function, not for those who read its number."""


@dataclass(frozen=True, kw_only=True)
class Definition:
    """What one kind of score means, and which scores are of that kind."""

    key: str
    """Its anchor on pages; unique."""
    title: str
    chapter: str
    names: tuple[str, ...] = ()
    """Names of scores; one that ends in `_` stands for all names that begin with it."""
    function: str
    """Where the docstring is: module in this package, then the name in it."""

    @property
    def shown_names(self) -> tuple[str, ...]:
        """Its names for readers: `recall_…` for all that begin with `recall_`."""
        return tuple(
            name if not name.endswith("_") else f"{name}…"
            for name in self.names
            if name.rstrip("_") == name or name.rstrip("_") not in self.names
        )

    @property
    def text(self) -> str:
        """The meaning, formula, range, edge cases and source; empty where Python was told to drop docstrings."""
        return _read_text(self.function)


@cache
def _read_text(place: str) -> str:
    if sys.flags.optimize >= 2:
        return ""  # dataclasses would write one of their own
    return _keep_meaning(inspect.cleandoc(find_function(place).__doc__ or ""))


def find_function(place: str) -> Any:
    """The function, class or property that a definition names, e.g. `recall.share_in_common`."""
    module, _, name = place.partition(".")
    found: Any = importlib.import_module(f"latentscape.measures.{module}")
    for part in name.split("."):
        found = getattr(found, part)
    return found


def _keep_meaning(docstring: str) -> str:
    """The docstring without examples and without what only callers need."""
    said = NOTHING.sub("n/a", docstring)
    parts = [part.rstrip() for part in SOURCE.sub("\n\nSource: ", said).split("\n\n")]
    return "\n\n".join(part for part in parts if part and not part.lstrip().startswith((DOCTEST, *LEFT_OUT)))
