"""Do the features of a layer point all ways, or all one way?"""

import numpy as np

from latentscape.measures.bootstrap import score_with
from latentscape.measures.influence import influence_interval, weigh_left_out
from latentscape.measures.plain_rows import direct_rows, take_rows
from latentscape.measures.score import Score
from latentscape.shapes import FeatureMatrix

NAME, BOUNDS = "mean_cosine", (-1.0, 1.0)


def measure_mean_cosine(features: FeatureMatrix, *, seed: int) -> Score:
    """The mean cosine of all pairs of different samples (anisotropy).

    (|sum_i u_i|^2 - n) / (n (n - 1)), u being features at length 1: all pairs without a table of pairs. In [-1, 1] and
    not below -1 / (n - 1). Near 0: directions are spread evenly. Near 1: all samples lie in a narrow cone, so cosines
    differ in their last digits only. Neither is better by itself.

    Rows of zeros have no direction and are left out; above 20,000 samples a random choice is measured. None with fewer
    than two samples. The interval leaves out each sample in turn (jackknife), for a sample drawn twice would be a pair
    of cosine 1.

    Raises:
        DataError: no samples, or a feature that is not finite.

    Source: Ethayarajh 2019, https://doi.org/10.18653/v1/D19-1006.
    """
    points, rows = direct_rows(*take_rows(features, np.arange(len(features)), purpose="the mean cosine", seed=seed))
    n = len(rows)
    if n < 2:
        reason = f"a mean cosine needs two samples with a direction, there is {n or 'none'}"
        return Score(name=NAME, value=None, n=n, better="neither", bounds=BOUNDS, reason=reason)
    total = points.sum(axis=0)
    square = float(total @ total)
    value = min(max((square - n) / (n * (n - 1)), -1.0), 1.0)
    left = (square - 2.0 * (points @ total) + 2.0 - n) / max((n - 1) * (n - 2), 1)
    interval = influence_interval(value, weigh_left_out(left), method="jackknife over samples", bounds=BOUNDS)
    return score_with(NAME, value, n=n, interval=interval, better="neither", bounds=BOUNDS)
