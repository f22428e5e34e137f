"""Ties of samples to the places they had on another map, so that they move only for a reason."""

from typing import no_type_check

import numpy as np
from jaxtyping import Float32

from latentscape.maps.attraction import Places


@no_type_check  # called in every iteration: checks of shapes would cost the tests more than the work
def pull_back(places: Places, anchors: Places, *, strength: float) -> Float32[np.ndarray, "row 2"]:
    """strength * (y_i - a_i) / (1 + |y_i - a_i|²): to be subtracted, it brings each row i nearer to its anchor.

    It is t-SNE's attraction to one more neighbor that holds still: strongest at distance 1, and weaker and weaker for a
    sample that has gone far, so that it never holds back a real move.
    """
    gaps = places - anchors
    return gaps * (np.float32(strength) / (1 + (gaps**2).sum(axis=1, keepdims=True)))
