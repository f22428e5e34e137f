"""Values of an attribute -> the names of the groups they make."""

import math
from collections.abc import Sequence

import numpy as np

QUARTERS = 4


def name_values(values: Sequence[object]) -> tuple[str, ...]:
    """A name for each value, empty where it is unknown: text as it is, `yes` or `no`, and for numbers their range.

    Numbers are divided at their quartiles into four groups, or fewer where values repeat; a group is named by the
    smallest and the largest value in it. A column of anything else says nothing.

    >>> name_values([1, 2, 3, 4, None])
    ('1', '2', '3', '4', '')
    >>> name_values([1, 2, 3, 4, 5, 6, 7, 8])[:4]
    ('1 to 2', '1 to 2', '3 to 4', '3 to 4')
    """
    known = [value for value in values if value is not None]
    if all(isinstance(value, bool) for value in known):
        return tuple("" if value is None else "yes" if value else "no" for value in values)
    if all(isinstance(value, str) for value in known):
        return tuple(value if isinstance(value, str) else "" for value in values)
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in known):
        return _name_ranges([float(value) if isinstance(value, int | float) else math.nan for value in values])
    return ("",) * len(values)


def _name_ranges(numbers: Sequence[float]) -> tuple[str, ...]:
    values = np.array(numbers)
    known = np.isfinite(values)
    if not known.any():
        return ("",) * len(values)
    # a group ends at a value that occurs, so that its name is true of its members
    inner = np.quantile(values[known], np.arange(1, QUARTERS) / QUARTERS, method="lower")
    ends = np.unique(np.append(inner, values[known].max()))
    groups = np.where(known, np.searchsorted(ends, np.where(known, values, ends[0])), -1)
    names = {int(group): _name_range(values[groups == group]) for group in np.unique(groups) if group >= 0}
    return tuple(names.get(int(group), "") for group in groups)


def _name_range(values: np.ndarray) -> str:
    low, high = f"{values.min():.6g}", f"{values.max():.6g}"
    return low if low == high else f"{low} to {high}"
