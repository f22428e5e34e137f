"""Which layers are drawn in full where there are more of them than anybody scrolls through."""

from collections.abc import Sequence

import numpy as np

from latentscape.findings import choose_main

MOST_LAYERS = 8
"""Up to so many layers each has its own row or block."""


def choose_telling(names: Sequence[str]) -> list[int]:
    """The numbers of all layers while they are few; else the first, a middle one, the main one and the last.

    >>> choose_telling([f"block {i}" for i in range(25)] + ["logits"])
    [0, 12, 24, 25]
    """
    if len(names) <= MOST_LAYERS:
        return list(range(len(names)))
    main = list(names).index(choose_main(names))
    return sorted({0, main // 2, main, len(names) - 1})


def choose_evenly(n: int) -> list[int]:
    """The numbers of all layers while they are few; else so many at even steps, the last two always among them.

    >>> choose_evenly(26)
    [0, 5, 9, 14, 18, 23, 24, 25]
    """
    if n <= MOST_LAYERS:
        return list(range(n))
    spread = np.linspace(0, n - 3, MOST_LAYERS - 2).round().astype(int).tolist()
    return [*spread, n - 2, n - 1]
