"""Which files are one table that was written in parts."""

import re
from collections.abc import Sequence
from pathlib import Path

_NUMBER = re.compile(r"\d+")


def are_parts(paths: Sequence[Path]) -> bool:
    """Whether the names of files differ in numbers only, as those of one table that was written in parts.

    >>> are_parts([Path("part-00000.parquet"), Path("part-00001.parquet")]), are_parts([Path("a.csv"), Path("b.csv")])
    (True, False)
    """
    return len({_NUMBER.sub("#", path.name) for path in paths}) == 1
