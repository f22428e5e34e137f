"""Principal components: the map that shows directions as they are, and the place where the other maps start."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Float64, Int
from threadpoolctl import threadpool_limits

from latentscape.maps.distinct import Distinct, Layout, Wishes

NOTHING_LEFT = 1e-28
"""Share of the variance below which an axis holds rounding errors only."""
BLOCK_NUMBERS = 2**22
"""Numbers held in double precision at a time (32 MB)."""
DENSE_UP_TO = 512
"""All eigenvectors of so small a matrix cost less than the import of what finds one."""

Direction = Float64[np.ndarray, " feature"]
Rows = Callable[[slice], Float64[np.ndarray, "row feature"]]


def draw_pca(distinct: Distinct, _: Wishes) -> Layout:
    """The first two principal components, in the features' own units; the seed plays no part."""
    xy, shares = find_components(distinct.features, distinct.counts)
    return Layout(xy=xy, parameters={"explained_x": float(shares[0]), "explained_y": float(shares[1])})


def find_components(
    features: Float[np.ndarray, "row feature"],
    counts: Int[np.ndarray, " row"],
    *,
    directions: bool = False,
    step: int = 1,
) -> tuple[Float64[np.ndarray, "row 2"], Float64[np.ndarray, "2"]]:
    """Scores on the first two principal components and the share of the variance each explains, in [0, 1].

    A row counts `counts` times; with `directions` it is scaled to length 1 first. The components are those of every
    `step`-th row, the scores are of all. A component's sign is the one that makes its largest score positive. Where
    there is no second direction (one feature, rank one, equal rows) its scores are 0. Rows are read in blocks: a
    memory-mapped table stays on disk.
    """
    with threadpool_limits(1, "blas"):  # sums over another number of threads end in other digits
        read, exponent = _open_rows(features, directions=directions)
        if features.size <= BLOCK_NUMBERS:
            rows = read(slice(None))
            read = rows.__getitem__
        fit = slice(0, len(features), step)
        weights = counts[fit] / counts[fit].sum()
        center = _sum_blocks(read, fit, lambda rows, at: weights[at] @ rows)
        first = _find_direction(lambda at: read(at) - center, fit, weights)
        second = _find_direction(lambda at: _remove(read(at) - center, first), fit, weights)
        blocks = [
            _score(read(at) - center, first, second) for at in _cut(slice(0, len(features), 1), features.shape[1])
        ]
        total = _sum_blocks(read, fit, lambda rows, at: weights[at] @ ((rows - center) ** 2).sum(axis=1))
    scores = np.concatenate(blocks)
    scores *= np.sign(scores[np.abs(scores).argmax(axis=0), [0, 1]]) + (scores == 0).all(axis=0)
    shares = weights @ scores[fit] ** 2 / (total or 1.0)
    return np.ldexp(np.where(shares > NOTHING_LEFT, scores, 0.0), exponent), shares


def _open_rows(features: Float[np.ndarray, "row feature"], *, directions: bool) -> tuple[Rows, int]:
    """A reader of rows in double precision, scaled by a power of two against overflow: features * 2**-exponent."""
    if directions:
        return lambda at: _scale_to_one(features[at].astype(np.float64)), 0
    largest = max(
        float(np.abs(features[at]).max(initial=0)) for at in _cut(slice(0, len(features), 1), features.shape[1])
    )
    exponent = int(np.frexp(largest)[1])
    return lambda at: np.ldexp(features[at].astype(np.float64), -exponent), exponent


def _scale_to_one(rows: Float64[np.ndarray, "row feature"]) -> Float64[np.ndarray, "row feature"]:
    rows = np.ldexp(rows, -np.frexp(np.abs(rows).max(axis=1, keepdims=True))[1])
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(lengths == 0, 1.0, lengths)


def _cut(rows: slice, n_features: int) -> list[slice]:
    size = max(1, BLOCK_NUMBERS // n_features) * rows.step
    return [slice(at, min(at + size, rows.stop), rows.step) for at in range(0, rows.stop, size)]


def _sum_blocks(read: Rows, fit: slice, term: Callable[[np.ndarray, slice], np.ndarray]) -> np.ndarray:
    """The sum of `term(rows, their place among the fitted)` over all blocks, in order."""
    width, total, done = len(read(slice(0, 1))[0]), 0.0, 0
    for at in _cut(fit, width):
        rows = read(at)
        total = total + term(rows, slice(done, done + len(rows)))
        done += len(rows)
    return np.asarray(total)


def _find_direction(read: Rows, fit: slice, weights: Float64[np.ndarray, " row"]) -> Direction:
    """The direction of largest variance, through the smaller of the two Gram matrices.

    Taken one after the other, a weak second component keeps its digits beside a strong first one.
    """
    if len(weights) >= len(read(slice(0, 1))[0]):
        return _find_last_eigenvector(_sum_blocks(read, fit, lambda rows, at: (rows * weights[at, None]).T @ rows))
    points = read(fit) * np.sqrt(weights)[:, None]
    direction = points.T @ _find_last_eigenvector(points @ points.T)
    return direction / (np.linalg.norm(direction) or 1.0)


def _remove(rows: Float64[np.ndarray, "row feature"], direction: Direction) -> Float64[np.ndarray, "row feature"]:
    return rows - np.outer(rows @ direction, direction)


def _score(
    rows: Float64[np.ndarray, "row feature"], first: Direction, second: Direction
) -> Float64[np.ndarray, "row 2"]:
    return np.column_stack([rows @ first, _remove(rows, first) @ second])


def _find_last_eigenvector(gram: Float64[np.ndarray, "row row"]) -> Float64[np.ndarray, " row"]:
    if len(gram) <= DENSE_UP_TO:
        return np.linalg.eigh(gram)[1][:, -1]
    from scipy.linalg import eigh  # noqa: PLC0415  small tables do without

    return eigh(gram, subset_by_index=[len(gram) - 1, len(gram) - 1])[1][:, 0]
