"""Which samples a model may learn from and which it is judged on; and a fair few of many."""

import math
from collections.abc import Hashable, Sequence

import numpy as np
from jaxtyping import Int

from latentscape.errors import DataError, UsageError
from latentscape.shapes import Labels, Rows

# two names, because one axis name in one signature means one length
TrainRows = Int[np.ndarray, " train"]
ValidationRows = Int[np.ndarray, " validation"]


def split_by_speaker(
    speakers: Sequence[str], dataset_ids: Labels, *, val_split: float, seed: int
) -> tuple[TrainRows, ValidationRows]:
    """Rows to train on and rows to validate on, both ascending; no speaker of a dataset is on both sides.

    Inside each dataset ceil(`val_split` x speakers) speakers are drawn for validation, at least one and never all.
    The draw is the one scikit-learn's GroupShuffleSplit makes from the same seed, so that with seed 42 the validation
    set of a model trained by the original tools is found again.

    Raises UsageError unless 0 < val_split < 1, DataError if a dataset has only one speaker or there are no samples.
    """
    if not 0 < val_split < 1:
        raise UsageError(
            "a bad `val_split`",
            got=f"{val_split:g}",
            expected="a share between 0 and 1",
            hint="write the share the training used, e.g. 0.2",
            fault="config-values",
        )
    if not len(dataset_ids):
        raise DataError("no samples to split", hint="check the datasets of the config", fault="data-empty")
    names = np.asarray(speakers, dtype=object)
    validation = np.zeros(len(names), dtype=bool)
    for dataset in np.unique(dataset_ids):
        rows = np.flatnonzero(dataset_ids == dataset)
        validation[rows] = np.isin(names[rows], _draw_speakers(sorted(set(names[rows])), val_split, seed))
    return np.flatnonzero(~validation), np.flatnonzero(validation)


def _draw_speakers(speakers: list[str], val_split: float, seed: int) -> list[str]:
    if len(speakers) < 2:
        raise DataError(
            f"the dataset `{speakers[0].partition('/')[0]}` has only one speaker, `{speakers[0]}`",
            expected="at least two: one to train on, another to be judged on",
            hint="add recordings of another speaker, or name the speakers in a CSV (`path,label,dataset,speaker`)",
            fault="data-split",
        )
    count = min(math.ceil(val_split * len(speakers)), len(speakers) - 1)
    order = np.random.RandomState(seed).permutation(len(speakers))
    return [speakers[place] for place in order[:count]]


def stratified_sample(groups: Sequence[Hashable], *, n: int, seed: int) -> Rows:
    """`n` rows, ascending, that keep the groups' proportions; all rows if `n` is 0 or not below their number.

    `groups` names each row's group, e.g. (class, dataset). Every group keeps at least one row as long as `n` is not
    below the number of groups; with fewer, the largest groups keep one each. Raises UsageError if `n` is negative.
    """
    if n < 0:
        hint = "leave `--max-samples` out to take all"
        raise UsageError(
            "a bad number of samples", got=str(n), expected="0 (all) or more", hint=hint, fault="option-value"
        )
    if n == 0 or n >= len(groups):
        return np.arange(len(groups))
    members: dict[Hashable, list[int]] = {}
    for row, group in enumerate(groups):
        members.setdefault(group, []).append(row)
    shares = _share_out(n, [len(rows) for rows in members.values()])
    random = np.random.default_rng(seed)
    chosen = [
        random.choice(rows, size=share, replace=False) for rows, share in zip(members.values(), shares, strict=True)
    ]
    return np.sort(np.concatenate(chosen)).astype(np.int64)


def _share_out(n: int, sizes: list[int]) -> list[int]:
    """How many of `n` each group gets: its quota rounded, one at least, then evened out where rounding is worst."""
    if n < len(sizes):
        largest = sorted(range(len(sizes)), key=lambda group: -sizes[group])[:n]
        return [int(group in largest) for group in range(len(sizes))]
    quotas = [n * size / sum(sizes) for size in sizes]
    shares = [max(1, math.floor(quota)) for quota in quotas]
    while sum(shares) != n:
        step = 1 if sum(shares) < n else -1
        open_groups = [g for g, share in enumerate(shares) if (share < sizes[g] if step > 0 else share > 1)]
        worst = max(open_groups, key=lambda g: step * (quotas[g] - shares[g]))
        shares[worst] += step
    return shares
