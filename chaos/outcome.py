"""What one series of trials came to."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One row of the table: how many trials, and which of them broke the promise."""

    name: str
    promise: str
    """What every single trial must come to, as a sentence."""
    tried: int
    wrong: Sequence[str] = ()
    """The trials that did not, in words that let somebody repeat them."""
    note: str = ""
    """A figure worth telling, e.g. the slowest verdict in seconds."""
