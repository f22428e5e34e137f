"""Do two layers see the same samples as alike?"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, combinations_with_replacement

import numpy as np
from jaxtyping import Float32, Float64

from latentscape.errors import DataError
from latentscape.measures.bootstrap import Interval, score_with
from latentscape.measures.influence import influence_interval, weigh_left_out
from latentscape.measures.plain_rows import choose_some, scale_rows, take_rows
from latentscape.measures.score import Score
from latentscape.shapes import PerSample

NAME, BOUNDS = "cka", (-1.0, 1.0)
PAIRED_ROWS = 3_000
"""Up to so many samples may be compared pair by pair."""
CHEAP = 5e10
"""Multiplications, about a second, that comparing all of more samples feature by feature may take."""
BLOCK_NUMBERS = 2**17
"""Largest block of pairs of samples, in numbers a layer."""
LEAST = 4
"""Samples that an unbiased HSIC needs; leaving one out takes another."""
NOTHING = 1e-13
"""Features that differ by less, of the largest one, differ by rounding."""
FLAT = 1e-11
"""Squared products below this part of the squared lengths are rounding errors."""


@dataclass(frozen=True, kw_only=True)
class _Products:
    """For two layers, q_j = sum_i A_ij B_ij for each sample j; A and B are their U-centered products."""

    both: PerSample
    first: PerSample
    second: PerSample


def measure_cka(
    first: Float32[np.ndarray, "sample first"], second: Float32[np.ndarray, "sample second"], *, seed: int
) -> Score:
    """How alike two layers place the same samples: linear centered kernel alignment, debiased.

    HSIC(K, L) / sqrt(HSIC(K, K) HSIC(L, L)), with K = X X' and L = Y Y' the products of the samples in either layer and
    HSIC = 1 / (n (n - 3)) sum over i != j of A_ij B_ij, which is unbiased: A and B are K and L after the means of rows,
    columns and all have been taken off in such a way that the diagonal, where a sample meets itself, has no part in it.
    In [-1, 1]: 1 where one layer is the other, turned, shifted and scaled as a whole; about 0 where the layers have
    nothing in common, however many features they have (without debiasing that grows with the features); below 0 by
    chance. Neither is better. It follows the axes of largest variance; small ones may differ unseen.

    The interval leaves out each sample in turn (jackknife, on Fisher's scale), which is exact here and cheap; drawing
    samples with replacement would bias both sums by the pairs of a sample with itself. Computed by pairs of samples or
    by pairs of features, whichever is less work. Of more than 3,000 samples all are used where there are few features,
    else a random choice; `n` says how many. None with fewer than four samples, or where all samples of a
    layer are equally far apart, as they are in one place.

    Raises:
        DataError: layers of different samples, no samples, or a feature that is not finite.

    Source: Kornblith, Norouzi, Lee and Hinton 2019, https://arxiv.org/abs/1905.00414; the unbiased estimate as in
    Nguyen, Raghu and Kornblith 2021, https://arxiv.org/abs/2010.15327, after Song, Smola, Gretton, Bedo
    and Borgwardt 2012 (JMLR 13, p. 1393); in the form of Szekely and Rizzo 2014 (Annals of Statistics 42, p. 2382).
    """
    return measure_all_cka([first, second], seed=seed)[0, 1]


def measure_all_cka(layers: Sequence[Float32[np.ndarray, "_ _"]], *, seed: int) -> Mapping[tuple[int, int], Score]:
    """`measure_cka` of all pairs i < j of layers, which share most of the work.

    Raises:
        DataError: layers of different samples, no samples, or a feature that is not finite.

    Source: as `measure_cka`.
    """
    sizes = {len(layer) for layer in layers}
    if len(sizes) > 1:
        raise DataError(
            "layers must be of the same samples",
            got=f"{sorted(sizes)} samples",
            expected="one number",
            hint="read every layer from the same samples",
            fault="data-columns",
        )
    n, widths = max(sizes, default=0), [layer.shape[1] for layer in layers]
    by_features = _count_steps(n, widths) < n * n * sum(widths) if n <= PAIRED_ROWS else _count_steps(n, widths) < CHEAP
    rows = np.arange(n) if by_features else choose_some(n, most=PAIRED_ROWS, seed=seed)
    taken = [take_rows(each, rows, purpose="the comparison of layers", most=n, seed=seed)[0] for each in layers]
    centered = [_center(points) for points in taken]
    if len(rows) < LEAST:
        reason = f"an unbiased CKA needs {LEAST} samples, there are {len(rows)}"
        return {pair: _explain(len(rows), reason) for pair in combinations(range(len(layers)), 2)}
    products = _pair_features(centered) if by_features else _pair_samples(centered)
    return {pair: _score(each) for pair, each in products}


def _count_steps(n: int, widths: Sequence[int]) -> float:
    """Multiplications of going by features, which takes two products a pair."""
    return n * (sum(widths) ** 2 + sum(width**2 for width in widths))


def _center(points: Float64[np.ndarray, "sample feature"]) -> Float64[np.ndarray, "sample feature"]:
    """The points around their mean, at a scale where no product leaves double precision; 0 where they are the same."""
    points = scale_rows(points)
    points -= points[0].copy()
    points -= points.mean(axis=0)
    return np.zeros_like(points) if np.abs(points).max() < NOTHING else scale_rows(points)


def _explain(n: int, reason: str) -> Score:
    return Score(name=NAME, value=None, n=n, better="neither", bounds=BOUNDS, reason=reason)


def _pair_samples(
    layers: Sequence[Float64[np.ndarray, "sample _"]],
) -> Iterator[tuple[tuple[int, int], _Products]]:
    """By pairs of samples, a block of rows at a time in all layers; only columns from the block's first row on."""
    n, squares = len(layers[0]), [np.einsum("ij,ij->i", points, points) for points in layers]
    found = np.zeros((len(layers), len(layers), n))
    step = max(1, BLOCK_NUMBERS // n)
    for start in range(0, n, step):
        blocks = [
            _multiply(points, square, slice(start, start + step))
            for points, square in zip(layers, squares, strict=True)
        ]
        for (i, first), (j, second) in combinations_with_replacement(enumerate(blocks), 2):
            product = first * second
            found[i, j, start : start + step] += product.sum(axis=1)
            found[i, j, start + step :] += product[:, step:].sum(axis=0)
    alone = [_drop_rounding(found[i, i], square) for i, square in enumerate(squares)]
    for i, j in combinations(range(len(layers)), 2):
        yield (i, j), _Products(both=found[i, j], first=alone[i], second=alone[j])


def _multiply(
    points: Float64[np.ndarray, "sample feature"], square: PerSample, lines: slice
) -> Float64[np.ndarray, "line later"]:
    """A of some samples with themselves and all later ones, where `square` is |x|^2 and the points sum to 0."""
    n, later = len(points), slice(lines.start, None)
    shift = square / (n - 2)
    block = points[lines] @ points[later].T
    block += shift[lines, None] - square.sum() / ((n - 1) * (n - 2))
    block += shift[later]
    np.fill_diagonal(block, 0.0)
    return block


def _pair_features(
    layers: Sequence[Float64[np.ndarray, "sample _"]],
) -> Iterator[tuple[tuple[int, int], _Products]]:
    """By pairs of features, without a table of pairs of samples."""
    squares = [np.einsum("ij,ij->i", points, points) for points in layers]
    alone = [_drop_rounding(_sum_products(x, x), square) for x, square in zip(layers, squares, strict=True)]
    for i, j in combinations(range(len(layers)), 2):
        yield (i, j), _Products(both=_sum_products(layers[i], layers[j]), first=alone[i], second=alone[j])


def _drop_rounding(products: PerSample, squares: PerSample) -> PerSample:
    """Zeros instead of a layer's products with itself where they are rounding errors: samples all equally far apart."""
    real = products.sum() > FLAT * len(squares) * float(squares @ squares)
    return products if real else np.zeros_like(products)


def _sum_products(x: Float64[np.ndarray, "sample _"], y: Float64[np.ndarray, "sample _"]) -> PerSample:
    """q_j from A_ij = x_i . x_j + u_i + u_j - s for i != j, with u = |x|^2 / (n - 2); likewise B, with v and t.

    As each row of A sums to 0, q_j = sum over i != j of A_ij (y_i . y_j + v_i), and x and y sum to 0.
    """
    n = len(x)
    k, l = np.einsum("ij,ij->i", x, x), np.einsum("ij,ij->i", y, y)  # noqa: E741  the letters of the formula
    u, v, s = k / (n - 2), l / (n - 2), k.sum() / ((n - 1) * (n - 2))
    with_products = np.einsum("ij,ij->i", x @ (x.T @ y), y) - k * l + y @ (u @ y) - u * l - (u - s) * l
    with_squares = x @ (v @ x) - k * v + u @ v - u * v + (u - s) * (v.sum() - v)
    return with_products + with_squares


def _score(products: _Products) -> Score:
    """The ratio and its jackknife: without sample j, the sum t becomes t - 2 q_j (n - 2) / (n - 3)."""
    n = len(products.both)
    both, first, second = (float(each.sum()) for each in (products.both, products.first, products.second))
    if first <= 0 or second <= 0:
        return _explain(n, "in one of the layers all samples are equally far apart")
    value = min(max(both / np.sqrt(first * second), -1.0), 1.0)
    left = [each.sum() - 2.0 * each * (n - 2) / (n - 3) for each in (products.both, products.first, products.second)]
    interval = Interval()
    if n > LEAST and min(left[1].min(), left[2].min()) > 0:
        weighed = weigh_left_out(left[0] / np.sqrt(left[1] * left[2]))
        interval = influence_interval(value, weighed, method="jackknife over samples", scale="fisher", bounds=BOUNDS)
    return score_with(NAME, float(value), n=n, interval=interval, better="neither", bounds=BOUNDS)
