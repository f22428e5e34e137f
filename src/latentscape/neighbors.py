"""The one graph everything below reads: for each sample the nearest others, exactly.

faiss proposes candidates in single precision; their distances are then computed in double precision, and a bound on the
rounding errors proves that nothing nearer was left out. Rows for which it can't be proved (grids, far clusters) are
searched again in double precision. The answer therefore depends neither on threads nor on the library.
"""

from dataclasses import dataclass, replace

import faiss
import numpy as np
from jaxtyping import Float, Float64, Int

from latentscape.errors import DataError, UsageError, nearest

METRICS = ("cosine", "euclidean")
SPARE = 16
"""Candidates asked for beyond those needed, so that the proof succeeds for nearly every row."""
TIE_BITS = 36
"""Squared distances that agree in their first 36 bits (1 part in 7e10) are equal: more than any input's precision."""
SAME_DIRECTION = 2.0**-49
"""Squared distances of unit rows below this are 0: the angle is smaller than single precision can write."""
BLOCK_NUMBERS = 2**22
"""Largest temporary array, in numbers (32 MB)."""


@dataclass(frozen=True, kw_only=True)
class Neighbors:
    """For each sample its k nearest others, nearest first; equal distances are ordered by row number.

    The sample itself is never in its own row, not even when it has exact duplicates.
    """

    indices: Int[np.ndarray, "sample k"]
    distances: Float[np.ndarray, "sample k"]
    metric: str


@dataclass(frozen=True, kw_only=True)
class _Space:
    """Points whose squared euclidean distances order the rows as the metric does.

    Features are `points * 2**exponent`; squared distances below `blur` count as 0.
    """

    points: Float64[np.ndarray, "row axis"]
    exponent: int
    blur: float

    def take(self, rows: Int[np.ndarray, " row"]) -> "_Space":
        return replace(self, points=self.points[rows])


@dataclass(frozen=True, kw_only=True)
class _Found:
    """The nearest rows of each row, itself among them, ordered by (squared distance, row number)."""

    rows: Int[np.ndarray, "row near"]
    squares: Float64[np.ndarray, "row near"]


def find_neighbors(features: Float[np.ndarray, "sample feature"], *, k: int, metric: str = "cosine") -> Neighbors:
    """The k nearest other samples of each sample, exactly; k is cut to the n - 1 that exist.

    `metric` is `cosine` (1 - cos, in [0, 2]) or `euclidean` (in the features' own units). A row of zeros has no
    direction: its cosine distance to any other row is 1, and 0 to another row of zeros. Rows of any finite magnitude
    are fine. Raises DataError for no samples, no features, or values that are not finite; UsageError for another
    metric.

    >>> find_neighbors(np.array([[0.0], [1.0], [3.0]]), k=2, metric="euclidean").indices.tolist()
    [[1, 2], [0, 2], [1, 0]]
    """
    if metric not in METRICS:
        raise UsageError(f"unknown metric `{metric}`", expected=" or ".join(METRICS), hint=nearest(metric, METRICS))
    require_finite(features, purpose="a neighbor graph")
    shape = (len(features), max(0, min(k, len(features) - 1)))
    space = _place(features, metric)
    found = _search_with_duplicates(space, shape[1] + 1)
    others = found.rows != np.arange(len(features))[:, None]
    others[others.all(axis=1), -1] = False  # the sample has so many duplicates that it was itself cut off
    distances = _name_distances(found.squares[others].reshape(shape), space, metric)
    return Neighbors(indices=found.rows[others].reshape(shape), distances=distances, metric=metric)


def require_finite(features: Float[np.ndarray, "sample feature"], *, purpose: str) -> None:
    """Raise DataError unless there is at least one row and one column and every value is finite."""
    if not features.size:
        raise DataError(f"{purpose} needs samples", got=f"a table of {features.shape[0]} x {features.shape[1]}")
    bad = np.flatnonzero(~np.isfinite(features).all(axis=1))
    if len(bad):
        raise DataError(
            "the features have values that are not finite",
            got=f"{len(bad)} such rows, the first is row {bad[0]}",
            expected=f"finite values only, for {purpose}",
            hint="drop these samples first",
        )


def _place(features: Float[np.ndarray, "sample feature"], metric: str) -> _Space:
    """Scale by a power of two, which changes no digit, so that squares neither overflow nor vanish."""
    if metric == "cosine":
        return _Space(points=_directions(features.astype(np.float64)), exponent=0, blur=SAME_DIRECTION)
    exponent = int(np.frexp(np.abs(features).max())[1])
    return _Space(points=np.ldexp(features.astype(np.float64), -exponent), exponent=exponent, blur=0.0)


def _directions(points: Float64[np.ndarray, "sample feature"]) -> Float64[np.ndarray, "sample axis"]:
    """Unit rows; rows of zeros get an axis of their own, at a right angle to everything else."""
    exponents = np.frexp(np.abs(points).max(axis=1, keepdims=True))[1]
    points = np.ldexp(points, -exponents)
    lengths = np.linalg.norm(points, axis=1, keepdims=True)
    zero = lengths == 0
    points = points / np.where(zero, 1.0, lengths)
    return np.hstack([points, zero.astype(np.float64)]) if zero.any() else points


def _name_distances(
    squares: Float64[np.ndarray, "sample k"], space: _Space, metric: str
) -> Float64[np.ndarray, "sample k"]:
    """Squared distances in `space` as the metric's own: |x - y|² / 2 = 1 - cos for unit rows."""
    return squares / 2 if metric == "cosine" else np.ldexp(np.sqrt(squares), space.exponent)


def _search_with_duplicates(space: _Space, near: int) -> _Found:
    """Search among distinct rows only, then put each row's duplicates back; many duplicates would make it quadratic."""
    first, group = find_distinct(space.points)
    found = _search(space.take(first), min(near, len(first)))
    if len(first) == len(group):
        return found
    step = max(1, BLOCK_NUMBERS // (near * near))
    blocks = [_put_back(found, group, near=near, lines=slice(at, at + step)) for at in range(0, len(first), step)]
    rows, squares = np.concatenate([b.rows for b in blocks]), np.concatenate([b.squares for b in blocks])
    return _Found(rows=rows[group], squares=squares[group])


def find_distinct(
    points: Float[np.ndarray, "row axis"],
) -> tuple[Int[np.ndarray, " distinct"], Int[np.ndarray, " row"]]:
    """The first row of each kind in order of appearance, and for every row the number of its kind.

    >>> first, kind = find_distinct(np.array([[1.0], [2.0], [1.0]]))
    >>> first.tolist(), kind.tolist()
    ([0, 1], [0, 1, 0])
    """
    points = np.ascontiguousarray(points + 0.0)  # -0.0 becomes 0.0: equal rows must be equal bytes
    as_bytes = points.view(np.dtype((np.void, points.itemsize * points.shape[1])))[:, 0]
    _, first, group = np.unique(as_bytes, return_index=True, return_inverse=True)
    order = np.argsort(first)
    return first[order], np.argsort(order)[group]


def _put_back(found: _Found, group: Int[np.ndarray, " row"], *, near: int, lines: slice) -> _Found:
    """The `near` nearest rows of each kind in `lines`, when the nearest kinds are known."""
    kinds, squares = found.rows[lines], found.squares[lines]
    sizes = np.bincount(group)
    copies = np.minimum(sizes, near)[kinds].ravel()
    owner = np.repeat(np.arange(kinds.size), copies)
    nth = np.arange(len(owner)) - np.repeat(np.cumsum(copies) - copies, copies)
    rows = np.argsort(group, kind="stable")[(np.cumsum(sizes) - sizes)[kinds.ravel()[owner]] + nth]
    line = owner // kinds.shape[1]
    order = np.lexsort((rows, squares.ravel()[owner], line))
    per_line = np.bincount(line)
    chosen = order[np.arange(len(order)) - np.repeat(np.cumsum(per_line) - per_line, per_line) < near]
    shape = (len(kinds), near)
    return _Found(rows=rows[chosen].reshape(shape), squares=squares.ravel()[owner[chosen]].reshape(shape))


def _search(space: _Space, near: int) -> _Found:
    """The `near` nearest rows of each row: proposed in single precision, decided in double."""
    centered = space.points - space.points.mean(axis=0)  # distances stay, rounding errors shrink
    candidates, floor = _propose(centered.astype(np.float32), min(near + SPARE, len(centered)))
    found = _rank(space, np.arange(len(centered)), candidates)
    rows, squares = found.rows[:, :near].copy(), found.squares[:, :near].copy()
    unproven = np.flatnonzero(floor <= _widen(squares[:, -1], space))
    step = max(1, BLOCK_NUMBERS // len(centered))
    for at in range(0, len(unproven), step):
        lines = unproven[at : at + step]
        for line, candidates in zip(lines, _propose_again(centered, lines, near=near, space=space), strict=True):
            found = _rank(space, np.array([line]), candidates[None])
            rows[line], squares[line] = found.rows[0, :near], found.squares[0, :near]
    return _Found(rows=rows, squares=squares)


def _propose(
    points: Float[np.ndarray, "row axis"], wanted: int
) -> tuple[Int[np.ndarray, "row wanted"], Float64[np.ndarray, " row"]]:
    """Candidates, and for each row a squared distance that no row outside its candidates can be below."""
    index = faiss.IndexFlatL2(points.shape[1])
    index.add(points)
    squares, rows = index.search(points, wanted)
    if wanted == len(points):
        return rows, np.full(len(points), np.inf)
    return rows, squares[:, -1].astype(np.float64) - _error_bound(points)


def _propose_again(
    points: Float64[np.ndarray, "row axis"], lines: Int[np.ndarray, " line"], *, near: int, space: _Space
) -> list[Int[np.ndarray, " candidate"]]:
    """For each line all the rows that may be among its `near` nearest, judged in double precision."""
    lengths = (points**2).sum(axis=1)
    squares = lengths[lines, None] + lengths - 2 * points[lines] @ points.T
    error = _error_bound(points)[lines]
    limit = _widen(np.partition(squares, near - 1)[:, near - 1] + error, space) + error
    return [np.flatnonzero(line) for line in squares <= limit[:, None]]


def _error_bound(points: Float[np.ndarray, "row axis"]) -> Float64[np.ndarray, " row"]:
    """How wrong |x|² + |y|² - 2xy may come out in this precision, for the worst y (Higham 2002, section 3.1)."""
    lengths = (points.astype(np.float64) ** 2).sum(axis=1)
    info = np.finfo(points.dtype)
    return float(info.eps) * (points.shape[1] + 8) * (lengths + lengths.max()) + float(info.tiny) * points.shape[1]


def _widen(squares: Float64[np.ndarray, " line"], space: _Space) -> Float64[np.ndarray, " line"]:
    """The largest squared distances that may still count as equal to these."""
    return np.maximum(squares, space.blur) * (1 + 2.0 ** (2 - TIE_BITS))


def _rank(space: _Space, lines: Int[np.ndarray, " line"], candidates: Int[np.ndarray, "line candidate"]) -> _Found:
    """Order each line's candidates by their true distance, ties by row number."""
    squares = np.empty(candidates.shape)
    step = max(1, BLOCK_NUMBERS // max(1, candidates.shape[1] * space.points.shape[1]))
    for at in range(0, len(lines), step):
        block = slice(at, at + step)
        steps = space.points[candidates[block]] - space.points[lines[block], None]
        squares[block] = np.einsum("lca,lca->lc", steps, steps)
    squares = _round(np.where(squares < space.blur, 0.0, squares))
    order = np.lexsort((candidates, squares))
    return _Found(rows=np.take_along_axis(candidates, order, 1), squares=np.take_along_axis(squares, order, 1))


def _round(values: Float64[np.ndarray, "line candidate"]) -> Float64[np.ndarray, "line candidate"]:
    """Keep the first TIE_BITS bits, so that what differs by rounding errors only is equal."""
    fractions, exponents = np.frexp(values)
    return np.ldexp(np.rint(np.ldexp(fractions, TIE_BITS)), exponents - TIE_BITS)
