"""Which part of a data set is looked at: the one that was asked for, else one that no model has learned from."""

import re
from collections.abc import Collection

from latentscape.errors import UsageError, nearest

HELD_OUT = ("test", "validation", "valid", "val", "dev", "eval", "evaluation")
"""Names of splits that models are judged on, the first is taken first."""
SPLITS = (*HELD_OUT, "train", "training")
_ALIKE = ({"validation", "valid", "val", "dev"}, {"eval", "evaluation"}, {"train", "training"})
_NAMED = re.compile(rf"(?:^|[^a-z])({'|'.join(sorted(SPLITS, key=len, reverse=True))})(?=[^a-z]|$)")


def choose_split(names: Collection[str], wanted: str | None, *, shown: str) -> str:
    """The name of the split to read.

    Without `wanted`: the first of `HELD_OUT` there is, else the only one. `val`, `valid`, `dev` and `validation` are
    one name where only one of them is there. Raises UsageError for a split that is not there, and where none can be
    chosen.
    """
    if wanted is not None:
        return _find(names, wanted, shown)
    folded = {name.casefold(): name for name in names}
    found = next((folded[name] for name in HELD_OUT if name in folded), None)
    if found is None and len(names) != 1:
        raise UsageError(
            f"{shown} has several splits, none of them held out",
            got=", ".join(names),
            hint="choose one with `--split`",
            fault="option-missing",
        )
    return found or next(iter(names))


def name_split(stem: str) -> str | None:
    """The split that a file name speaks of.

    >>> name_split("train-00000-of-00002"), name_split("my_test"), name_split("contest")
    ('train', 'test', None)
    """
    found = _NAMED.search(stem.lower())
    return found[1] if found else None


def refuse_split(wanted: str | None, *, shown: str) -> None:
    """Raise UsageError where a split is asked for and there are none."""
    if wanted is not None:
        hint = "leave `--split` out, or name the rows' splits in a column `split`"
        raise UsageError(f"{shown} has no splits", got=f"--split {wanted}", hint=hint, fault="option-conflict")


def _find(names: Collection[str], wanted: str, shown: str) -> str:
    if wanted in names:
        return wanted
    folded = wanted.casefold()
    same = next((alike for alike in _ALIKE if folded in alike), {folded})
    found = [name for name in names if name.casefold() in same]
    if len(found) != 1:
        raise UsageError(
            f"{shown} has no split `{wanted}`",
            got=", ".join(names),
            hint=nearest(wanted, names),
            fault="option-value",
        )
    return found[0]
