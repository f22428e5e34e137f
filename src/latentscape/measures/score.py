"""A number worth reporting: what it is, on how many samples, how sure."""

from dataclasses import dataclass
from typing import Literal

Better = Literal["higher", "lower", "neither"]


@dataclass(frozen=True, kw_only=True)
class Score:
    """One measured value with all a reader needs to judge it.

    `value` is None exactly when `reason` says why it can't be measured; `low` and `high` bound the 95 % interval
    and are None where no interval exists. `bounds` is the smallest and the largest value possible.
    """

    name: str
    value: float | None
    n: int
    low: float | None = None
    high: float | None = None
    better: Better = "higher"
    bounds: tuple[float, float] = (0.0, 1.0)
    interval: str = ""
    reason: str = ""
