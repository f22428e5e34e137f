"""What became of each judged sample between two models."""

from collections.abc import Mapping
from typing import Literal

import numpy as np

from latentscape.shapes import Flags, Rows

Outcome = Literal["fixed", "broken", "still wrong", "still right"]


def sort_outcomes(first_right: Flags, second_right: Flags) -> Mapping[Outcome, Rows]:
    """The samples that were mended, those that were broken, and those on which both models are wrong or right.

    Rows in ascending order; every sample is in exactly one of the four. Fixed minus broken, over all samples, is how
    much more often the second model is right.

    Source: the four cells of McNemar 1947, https://doi.org/10.1007/BF02295996.

    >>> found = sort_outcomes(np.array([False, True, False]), np.array([True, True, False]))
    >>> {name: rows.tolist() for name, rows in found.items()}
    {'fixed': [0], 'broken': [], 'still wrong': [2], 'still right': [1]}
    """
    return {
        "fixed": np.flatnonzero(~first_right & second_right),
        "broken": np.flatnonzero(first_right & ~second_right),
        "still wrong": np.flatnonzero(~first_right & ~second_right),
        "still right": np.flatnonzero(first_right & second_right),
    }
