"""A number worth reporting: what it is, on how many samples, how sure."""

from dataclasses import dataclass
from typing import Literal

Better = Literal["higher", "lower", "neither"]


@dataclass(frozen=True, kw_only=True)
class Score:
    """One measured value with all a reader needs to judge it.

    `value` is None exactly when `reason` says why it can't be measured; `low` and `high` bound the 95 % interval
    and are None where no interval exists. `n` is the number of things it rests on, `better` says which way is better,
    and `bounds` is the smallest and the largest value possible. In scores.json a score takes the names `x`, `x_n`,
    `x_low`, `x_high`, and `x_reason` when `x` is null.
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

    def __float__(self) -> float:
        """The value; NaN where there is none."""
        return float("nan") if self.value is None else float(self.value)

    def __format__(self, spec: str) -> str:
        """The value in a format of floats: `f"{scores['accuracy']:.0%}"`."""
        return format(float(self), spec) if spec else str(self)
