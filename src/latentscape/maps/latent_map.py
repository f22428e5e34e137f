"""A 2-D map of samples: the value every map method makes."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from latentscape.shapes import Flags, Points


@dataclass(frozen=True, kw_only=True)
class LatentMap:
    """Where a method put each sample, and the parameters that were really used.

    Only near and far within one map mean anything; axes have no units and no zero.
    """

    xy: Points
    method: str
    parameters: Mapping[str, float | int | str] = field(default_factory=dict)
    notice: str = ""
    """One sentence when the map is not the method's own layout, e.g. too few samples; empty otherwise."""
    placed: Flags | None = None
    """Samples that the method did not lay out but that were placed beside those it did; None where it did all."""
