"""What a victim is told to do; light, so that whoever gives orders needs no torch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SAMPLES, BATCH = 20_000, 32


@dataclass(frozen=True, kw_only=True)
class Order:
    """One life of the study."""

    folder: str
    diary: str
    samples: int = SAMPLES
    seed: int = 0
    point: Mapping[str, Any] | None = None
    """Where to die by its own hand: the fields of a `Point`."""
    stall: Sequence[float] = ()
    """(pass, seconds): this pass through the model takes so long."""
    trace: str = ""
    """A file to write every call into that is about the folder."""
    stderr: str = ""
    words: Sequence[str] = ()
    """A command of the product to run instead of the study."""
