"""Conditions on the scores of a run: what must hold, what must not, and what each line comes to."""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from latentscape.errors import UsageError, nearest

Relation = Literal["<", "<=", ">", ">="]
Verdict = Literal["passed", "failed", "not measured"]
FlatScores = Mapping[str, float | int | str | None]
"""Numbers under the names of scores.json; `x_reason` says why `x` is None."""

WORDS: Mapping[Relation, str] = {"<": "below", "<=": "at most", ">": "above", ">=": "at least"}
DIRECTIONS: Mapping[str, Relation] = {
    "figures": ">=",
    "positive_mean": ">",
    "negative_mean": "<",
    "margin": ">",
    "separation": ">",
    "hit_at_1": ">",
    "neighbor_recall": ">",
    "heatmap_diagonal": ">",
}
"""Which way the checklist asks; for these names a number is enough."""
HOW_TO_WRITE = "a score's name, one of < <= > >=, and a number: `margin_hard<0.15`"
_FORM = re.compile(r"\s*([^<>=\s](?:[^<>=]*[^<>=\s])?)\s*(<=|>=|<|>)\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*")
_TAILS = ("_n", "_low", "_high")


@dataclass(frozen=True, kw_only=True)
class Condition:
    """A score's name, a relation and a number."""

    name: str
    relation: Relation
    threshold: float
    text: str
    """As it was written."""

    def holds(self, value: float) -> bool:
        """Whether a value is as the condition says."""
        limit = self.threshold
        return {"<": value < limit, "<=": value <= limit, ">": value > limit, ">=": value >= limit}[self.relation]


def parse_condition(text: str) -> Condition:
    """Read `margin_hard<0.15`; spaces don't matter.

    Raises:
        UsageError: it is not a name, a relation and a finite number.

    >>> parse_condition("hit_at_1 >= 0.9")
    Condition(name='hit_at_1', relation='>=', threshold=0.9, text='hit_at_1 >= 0.9')
    """
    found = _FORM.fullmatch(text[:1000])
    if not found or not math.isfinite(float(found[3])):
        hint = "put it in quotes, so that the shell leaves `<` and `>` alone"
        raise UsageError(
            "this is no condition", got=repr(text[:200]), expected=HOW_TO_WRITE, hint=hint, fault="option-value"
        )
    relation = next(each for each in get_args(Relation) if each == found[2])
    return Condition(name=found[1], relation=relation, threshold=float(found[3]), text=text.strip())


def set_condition(name: str, threshold: float | str) -> Condition:
    """One line of a policy: `> 0.3`, or a number where the checklist knows which way it asks.

    Raises:
        UsageError: the text is no relation and number, or a number stands for a name the checklist does not know.

    >>> set_condition("margin", 0.25).text, set_condition("auc_hard", "> 0.9").text
    ('margin > 0.25', 'auc_hard > 0.9')
    """
    if isinstance(threshold, str):
        return parse_condition(f"{name} {threshold.strip()}")
    if name not in DIRECTIONS:
        raise UsageError(
            f"for `{name}` a number does not say which way is meant",
            got=f"{threshold:g}",
            expected=f'"> {threshold:g}" or "< {threshold:g}"',
            hint=nearest(name, DIRECTIONS),
            fault="option-value",
        )
    return parse_condition(f"{name} {DIRECTIONS[name]} {threshold!r}")


@dataclass(frozen=True, kw_only=True)
class GateLine:
    """What one condition came to."""

    condition: Condition
    must_hold: bool
    """True for a line of a policy; False where the condition says what fails."""
    verdict: Verdict
    value: float | None = None
    low: float | None = None
    high: float | None = None
    """Ends of the value's 95 % interval, where there is one."""
    n: int | None = None
    reason: str = ""
    """Why it was not measured."""

    @property
    def passed(self) -> bool:
        """What was not measured has not passed."""
        return self.verdict == "passed"

    @property
    def asked(self) -> str:
        """What it takes to pass: `> 0.25`, or `not < 0.15`."""
        words = f"{self.condition.relation} {self.condition.threshold:g}"
        return words if self.must_hold else f"not {words}"


@dataclass(frozen=True, kw_only=True)
class CheckedRun:
    """A run folder's scores judged line by line."""

    folder: str
    study: str
    policy: str
    """Where the lines come from, in words."""
    lines: tuple[GateLine, ...]

    @property
    def n_failed(self) -> int:
        """Lines that failed or could not be measured."""
        return sum(not line.passed for line in self.lines)


def judge_conditions(
    conditions: Iterable[Condition], scores: FlatScores, *, must_hold: bool, known: Iterable[str] = ()
) -> tuple[GateLine, ...]:
    """Judge conditions by the scores of a run; a score without a value fails its line as `not measured`.

    `known` are names that may be asked for though the run has no such score; they count as not measured.

    Raises:
        UsageError: a condition names something that is no number of the run; the nearest name is told.
    """
    known = set(known)
    return tuple(_judge(each, scores, must_hold=must_hold, known=known) for each in conditions)


def _judge(condition: Condition, scores: FlatScores, *, must_hold: bool, known: set[str]) -> GateLine:
    name = condition.name
    if name.endswith("_reason") or (name not in scores and name not in known):
        names = [each for each in scores if f"{each}_n" in scores]
        hint = nearest(name, names or known)
        raise UsageError("this run has no such score", got=f"`{name}`", hint=hint, fault="option-value")
    value = scores.get(name)
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        reason = _explain(name, scores)
        return GateLine(condition=condition, must_hold=must_hold, verdict="not measured", reason=reason)
    low, high, n = (scores.get(name + tail) for tail in ("_low", "_high", "_n"))
    return GateLine(
        condition=condition,
        must_hold=must_hold,
        verdict="passed" if condition.holds(value) == must_hold else "failed",
        value=value,
        low=low if isinstance(low, int | float) else None,
        high=high if isinstance(high, int | float) else None,
        n=n if isinstance(n, int) else None,
    )


def _explain(name: str, scores: FlatScores) -> str:
    """Why there is no value."""
    bases = [name.removesuffix(tail) for tail in _TAILS if name.endswith(tail)]
    base = next((each for each in bases if each in scores), name)
    reason = scores.get(f"{name}_reason") or scores.get(f"{base}_reason")
    if isinstance(reason, str):
        return reason
    return "it has no interval" if name != base else "no such score in this run"
