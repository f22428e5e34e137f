"""Which samples go through the model together, decided before the first one does."""

from collections.abc import Sequence
from itertools import groupby

PADDED, EQUAL_LENGTHS = "padded", "equal lengths"


def plan_batches(rows: Sequence[int], lengths: Sequence[int], *, batch_size: int, padding: str) -> list[list[int]]:
    """Batches of neighbors in length, the longest first: memory runs out at the start or never.

    The same rows and lengths give the same batches. With `equal lengths` no batch mixes lengths.

    >>> plan_batches([0, 1, 2], [5, 9, 5], batch_size=2, padding="padded")
    [[1, 0], [2]]
    >>> plan_batches([0, 1, 2], [5, 9, 5], batch_size=2, padding="equal lengths")
    [[1], [0, 2]]
    """
    order = sorted(rows, key=lambda row: (-lengths[row], row))
    runs = [order] if padding == PADDED else [list(run) for _, run in groupby(order, key=lambda row: lengths[row])]
    return [run[at : at + batch_size] for run in runs for at in range(0, len(run), batch_size)]


def find_most_padded(batches: Sequence[Sequence[int]], lengths: Sequence[int]) -> list[int]:
    """The batch whose shortest sample is padded most; empty where no batch mixes lengths."""
    worst = min(batches, key=lambda batch: lengths[batch[-1]] / max(1, lengths[batch[0]]), default=[])
    return list(worst) if worst and lengths[worst[-1]] < lengths[worst[0]] else []
