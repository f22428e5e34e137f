"""Could two sets of distances between the same few classes agree by luck?"""

from itertools import permutations
from math import isqrt

import numpy as np
from jaxtyping import Float, Int

N_PERMUTATIONS = 9999
"""Random permutations of the classes where there are too many to try them all."""
LEAST_PERMUTATIONS, MOST_PERMUTED = 999, 20_000_000
"""With many classes there are as many fewer as keep the pairs permuted in all at this number."""
MOST_ENUMERATED = 7
"""Classes up to which all permutations are tried: 5,040 of them."""
LEAST_CLASSES = 4
"""Three classes have six permutations: nothing could ever be rare."""
PAIRS_AT_ONCE = 2_000_000
"""Permuted pairs held in memory at a time."""
ROUNDING = 1e-10
"""Correlations that differ by less are equal."""


def measure_mantel_p(
    first: Float[np.ndarray, " pair"],
    second: Float[np.ndarray, " pair"],
    *,
    seed: int,
    held: Float[np.ndarray, " pair"] | None = None,
) -> float | None:
    """The permutation p-value of the rank correlation of two numbers per pair of classes.

    Pairs that share a class are not independent, so a usual p-value would be too small. Here the classes of one side
    are exchanged, all pairs of a class moving with it, and the correlation r of the ranks (ties share their mean) is
    taken again: p = (1 + number of |r_permuted| >= |r|) / (1 + 9,999), two-sided, in (0, 1]; with more than 2,000 pairs
    fewer permutations are drawn, 999 at least. Smaller speaks louder against luck. Up to 7 classes all permutations are
    tried, the unchanged one among them, and p is their share with |r_permuted| >= |r|. With 4 classes it can't be below
    1/24, whatever the data. What either side's ranks share with the ranks of `held` is taken off first (partial
    correlation), where both may depend on a third thing, such as the sizes of the classes. All arguments list the pairs
    in the order of `itertools.combinations`. None with fewer than four classes, when either side is not finite or
    constant, or when nothing of it is left.

    Source: Mantel 1967, Cancer Research 27, 209; partial: Smouse, Long and Sokal 1986, Systematic Zoology 35, 627; the
    count of the draws: Phipson and Smyth 2010, https://doi.org/10.2202/1544-6115.1585.
    """
    n_classes = (1 + isqrt(1 + 8 * len(first))) // 2
    if n_classes < LEAST_CLASSES or not (np.isfinite(first).all() and np.isfinite(second).all()):
        return None
    x, y = _standardize(first, held), _standardize(second, held)
    if not x.any() or not y.any():
        return None
    observed = abs(x @ y) - ROUNDING
    if n_classes <= MOST_ENUMERATED:
        every = np.array(list(permutations(range(n_classes))))
        return float(np.mean(np.abs(_correlate_permuted(x, y, every)) >= observed))
    random = np.random.default_rng(seed)
    block = max(1, PAIRS_AT_ONCE // len(first))
    n_permutations = max(LEAST_PERMUTATIONS, min(N_PERMUTATIONS, MOST_PERMUTED // len(first)))
    extreme = 0
    for start in range(0, n_permutations, block):
        size = min(block, n_permutations - start)
        orders = random.permuted(np.tile(np.arange(n_classes), (size, 1)), axis=1)
        extreme += int(np.sum(np.abs(_correlate_permuted(x, y, orders)) >= observed))
    return (1 + extreme) / (1 + n_permutations)


def _standardize(
    values: Float[np.ndarray, " pair"], held: Float[np.ndarray, " pair"] | None
) -> Float[np.ndarray, " pair"]:
    """The ranks with mean 0 and length 1, so that a product is a correlation; all zero when nothing varies."""
    ranks = _rank(values)
    if held is not None and (others := _rank(held)).any():
        ranks -= others * (others @ ranks) / (others @ others)
    length = float(np.linalg.norm(ranks))
    return ranks / length if length > ROUNDING * len(values) else np.zeros_like(ranks)


def _rank(values: Float[np.ndarray, " pair"]) -> Float[np.ndarray, " pair"]:
    from scipy.stats import rankdata  # noqa: PLC0415  half a second that maps without a model should not pay

    return rankdata(values) - (len(values) + 1) / 2


def _correlate_permuted(
    x: Float[np.ndarray, " pair"], y: Float[np.ndarray, " pair"], orders: Int[np.ndarray, "draw class"]
) -> Float[np.ndarray, " draw"]:
    """The product of x with y after each exchange of classes."""
    n_classes = orders.shape[1]
    a, b = np.triu_indices(n_classes, k=1)
    square = np.zeros((n_classes, n_classes))
    square[a, b] = square[b, a] = y
    return square[orders[:, a], orders[:, b]] @ x
