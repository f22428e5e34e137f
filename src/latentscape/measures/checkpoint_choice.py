"""Which checkpoint to take, and has the last one been trained too long?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from latentscape.measures.score import Score
from latentscape.measures.tallies import ROUNDING, Change, Tally, adjust_changes, measure_changes, value_of
from latentscape.shapes import Labels


@dataclass(frozen=True, kw_only=True)
class CheckpointChoice:
    """The best checkpoint on held-out samples, and what can't be told from it."""

    score: str
    """Which score decides: `accuracy`, `mrr`."""
    recommended: int
    """Number of the checkpoint with the best value, the earliest of equal ones."""
    rivals: tuple[int, ...]
    """Numbers of the others that are not detectably worse, in their order."""
    against_best: tuple[Change, ...]
    """For each checkpoint its difference from the recommended one, adjusted for all pairs of checkpoints; that of the
    recommended one with itself is 0 and its p None."""
    overfitting: Change | None = None
    """The last checkpoint against the recommended one, where that is earlier and the last is detectably worse."""


def choose_checkpoint(tallies: Sequence[Tally], *, clusters: Labels, cluster_name: str, seed: int) -> CheckpointChoice:
    """The checkpoint with the best value of one score, those that chance can't tell from it, and whether more harmed.

    `tallies` are those of the checkpoints in their order, on the same held-out samples. Recommended is the best value,
    the earliest of equal ones (a millionth of the score's range is rounding). The one that looks best of several
    equally good ones was picked by luck, and lies farther above the others than any two do that were picked before
    looking: therefore all pairs of checkpoints are tested and adjusted together (Holm), and not only those with the
    best. What is then not detectably worse is a rival: taking it instead is no proven loss. Over-fitting is told where
    the last checkpoint is detectably worse than the recommended one, which is earlier.

    The recommended one's own value is a little too good to be true for the same reason. Checkpoints without a value are
    never recommended; where none has one, the first is, with all others as rivals.

    Source: ours; Holm 1979, Scandinavian Journal of Statistics 6, 65-70 (the adjustment).

    Raises:
        DataError: the tallies are not of the same score and samples.
    """
    best = _find_best(tallies)
    pairs = {(i, j): (tallies[i], tallies[j]) for i, j in combinations(_put_first(best, len(tallies)), 2)}
    changes = adjust_changes(measure_changes(pairs, clusters=clusters, cluster_name=cluster_name, seed=seed))
    others = [i for i in range(len(tallies)) if i != best]
    last = len(tallies) - 1
    is_worse = last != best and changes[best, last].is_detected
    return CheckpointChoice(
        score=tallies[best].name,
        recommended=best,
        rivals=tuple(i for i in others if not changes[best, i].is_detected),
        against_best=tuple(_list_against(best, tallies=tallies, changes=changes)),
        overfitting=changes[best, last] if is_worse else None,
    )


def _find_best(tallies: Sequence[Tally]) -> int:
    """The number of the best value, the earliest of equal ones; 0 where there is none."""
    values = {i: value for i, tally in enumerate(tallies) if (value := value_of(tally)) is not None}
    if not values:
        return 0
    low, high = tallies[0].bounds
    sign = -1.0 if tallies[0].better == "lower" else 1.0
    most = max(sign * value for value in values.values())
    return next(i for i, value in values.items() if sign * value >= most - ROUNDING * (high - low))


def _put_first(best: int, n: int) -> list[int]:
    """All numbers, the best one before the others."""
    return [best, *(i for i in range(n) if i != best)]


def _list_against(best: int, *, tallies: Sequence[Tally], changes: Mapping[tuple[int, int], Change]) -> list[Change]:
    """Each checkpoint's difference from the best one, in the order of the checkpoints."""
    own = tallies[best]
    width, n = own.bounds[1] - own.bounds[0], int((own.below > 0).any(axis=1).sum())
    itself = Score(name=f"{own.name}_delta", value=0.0, n=n, better=own.better, bounds=(-width, width))
    if value_of(own) is None:
        itself = replace(itself, value=None, reason="none of the samples compared takes part in it")
    same = Change(score=itself, p_value=None)
    return [same if i == best else changes[best, i] for i in range(len(tallies))]
