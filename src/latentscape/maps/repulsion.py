"""t-SNE's repulsion: every point pushes every other, summed exactly or through one potential on a grid.

With w_ij = 1 / (1 + |y_i - y_j|²) the push on point i is sum_j w_ij² (y_i - y_j), and Z = sum_{i != j} w_ij normalizes
it. Both come from one potential phi(y) = sum_j 1 / (1 + |y - y_j|²): its gradient at y_i is -2 times the push, and its
sum over all points is Z + n. A grid therefore needs one convolution an iteration, where interpolating the kernels of
push and normalizer apart (Linderman et al. 2019) needs several.
"""

from functools import cache
from typing import Any, final, no_type_check

import numpy as np

from latentscape.engine import Crew, inlined, kernel
from latentscape.maps.attraction import Places

PAIRS_PER_CELL = 80
"""A grid cell costs as much as so many pairs: where there are fewer pairs, they are summed exactly."""
ROWS_PER_CHUNK = 64
"""Partial sums are taken over chunks of this many rows, whatever the number of threads."""
PAIRS_PER_SHARE = 500_000
"""Fewer pairs than this are not worth a second thread."""
PRIVATE_GRIDS = 8
"""Charges are spread into so many grids, whatever the number of threads, which are then added up in order."""
FEWEST_CELLS = 48
"""Along the longer side; a smaller layout gets smaller cells."""
BORDER = 8
"""Cells beyond the points, which the splines reach into."""

Box = tuple[float, float, float, float]
"""Smallest and largest x, then y."""


@no_type_check  # called in every iteration: checks of shapes would cost the tests more than the work
def repel_exactly(places: Places, pushes: Places, *, crew: Crew) -> float:
    """Write the push on every point, summed over all pairs in single precision, and return Z."""
    x, y = np.ascontiguousarray(places[:, 0]), np.ascontiguousarray(places[:, 1])
    sums = np.zeros(-(-len(x) // ROWS_PER_CHUNK))
    worth_sharing = max(1, PAIRS_PER_SHARE // len(x))
    crew.share(_push_exactly, len(x), x, y, pushes, sums, unit=ROWS_PER_CHUNK, least=worth_sharing)
    return float(sums.sum())


@final
class Repulsion:
    """The push on every point and Z, by whichever way is quicker for the number of points and the size of the layout.

    The grid holds charges by cubic B-splines, their potential by FFT, its value and slope at the points again.

    Spreading and reading both blur with the same spline; dividing the kernel's transform by the square of the spline's
    takes that blur back (as in particle-mesh Ewald sums, Essmann et al. 1995). The grid is twice as large as the
    layout, so that the convolution does not wrap around. With cells of 1/2 its pushes are right within about 5 % of the
    largest push, with 1/4 within 0.5 %.
    """

    def __init__(self, *, cell: float, crew: Crew) -> None:
        self.cell, self.crew = cell, crew
        self._shape: tuple[object, ...] = ()

    @no_type_check  # called in every iteration: checks of shapes would cost the tests more than the work
    def __call__(self, places: Places, box: Box, pushes: Places) -> float:
        """Write the pushes, return Z. `box` holds all places."""
        cell, padded = self._plan(box)
        if len(places) ** 2 <= PAIRS_PER_CELL * padded[0] * padded[1]:
            return repel_exactly(places, pushes, crew=self.crew)
        self._fit(cell, padded, is_small=max(box[1] - box[0], box[3] - box[2]) < 1)
        return self._repel(places, box, pushes)

    @no_type_check
    def _plan(self, box: Box) -> tuple[float, list[int]]:
        """The width of a cell and the size of the padded grid."""
        sides = box[1] - box[0], box[3] - box[2]
        cell = min(self.cell, 2.0 ** np.floor(np.log2(max(*sides, 1e-30) / FEWEST_CELLS)))
        return cell, [_round_up(2 * (16 * int(side / cell / 16 + 1) + BORDER)) for side in sides]

    @no_type_check
    def _repel(self, places: Places, box: Box, pushes: Places) -> float:
        from scipy.fft import fft, ifft, irfft, rfft  # noqa: PLC0415  small maps do without

        workers, (rows, columns) = self.crew.threads, self._padded
        low = np.array([box[0], box[2]], np.float32) - np.float32(2.5 * self._h)
        grids = self._grids
        self.crew.share(_spread, PRIVATE_GRIDS, places, low, np.float32(1 / self._h), grids, least=1)
        waves = rfft(grids.sum(axis=0), columns, axis=1, workers=workers)
        waves: Any = fft(waves, rows, axis=0, workers=workers, overwrite_x=True)
        waves *= self._kernel
        waves = ifft(waves, axis=0, workers=workers, overwrite_x=True)[: rows // 2]
        potential = irfft(waves, columns, axis=1, workers=workers)
        sums = np.zeros(-(-len(places) // ROWS_PER_CHUNK))
        self.crew.share(
            _read, len(places), places, low, np.float32(1 / self._h), potential, pushes, sums, unit=ROWS_PER_CHUNK
        )
        n = len(places)
        return float(sums.sum()) + n * (n * self._lift - 1)

    def _fit(self, cell: float, padded: list[int], *, is_small: bool) -> None:
        """The kernel's transform, made anew only when the layout has outgrown the grid.

        1 / (1 + d²) of a tiny layout is 1 less next to nothing: without the 1, single precision keeps the rest.
        """
        from scipy.fft import rfft2  # noqa: PLC0415  as above

        if self._shape == (cell, *padded, is_small):
            return
        self._shape, self._h, self._padded, self._lift = (cell, *padded, is_small), cell, padded, int(is_small)
        squares = [(np.minimum(np.arange(m), m - np.arange(m)) * cell) ** 2 for m in padded]
        square = squares[0][:, None] + squares[1]
        waves = np.real(np.asarray(rfft2((1 / (1 + square) - self._lift).astype(np.float32))))
        splines = [((2 + np.cos(2 * np.pi * np.arange(m) / m)) / 3) ** 2 for m in padded]
        self._kernel = (waves / splines[0][:, None] / splines[1][: waves.shape[1]]).astype(np.float32)
        self._grids = np.empty((PRIVATE_GRIDS, padded[0] // 2, padded[1] // 2), np.float32)


@cache
def _round_up(size: int) -> int:
    """The next even length that FFT is quick at: 2^a 3^b 5^c."""
    sizes = (2**a * 3**b * 5**c for a in range(1, 24) for b in range(8) for c in range(6))
    return min(each for each in sizes if each >= size)


@kernel("void(i8, i8, f4[::1], f4[::1], f4[:, ::1], f8[::1])", fastmath=True)
def _push_exactly(start, stop, x, y, pushes, sums):
    one = np.float32(1)
    for i in range(start, stop):
        here_x, here_y = x[i], y[i]
        total, push_x, push_y = np.float32(0), np.float32(0), np.float32(0)
        for j in range(len(x)):
            dx, dy = here_x - x[j], here_y - y[j]
            w = one / (one + dx * dx + dy * dy)
            total += w
            push_x += w * w * dx
            push_y += w * w * dy
        pushes[i, 0], pushes[i, 1] = push_x, push_y
        sums[i // ROWS_PER_CHUNK] += total - one  # the point itself


@inlined
def _spline(t):
    """The four cubic B-spline weights of a place at t in [0, 1) of its cell; they sum to 1."""
    s = np.float32(1) - t
    sixth = np.float32(1 / 6)
    first, last = s * s * s * sixth, t * t * t * sixth
    second = (np.float32(3) * t * t * t - np.float32(6) * t * t + np.float32(4)) * sixth
    return first, second, np.float32(1) - first - second - last, last


@inlined
def _spline_slope(t):
    """The derivatives of the four weights; they sum to 0."""
    half, s = np.float32(0.5), np.float32(1) - t
    first, last = -half * s * s, half * t * t
    second = np.float32(1.5) * t * t - np.float32(2) * t
    return first, second, -first - second - last, last


@kernel("void(i8, i8, f4[:, ::1], f4[::1], f4, f4[:, :, ::1])", fastmath=True)
def _spread(start, stop, places, low, per_unit, grids):
    """Grid g takes the points of the g-th part of the rows."""
    part = (places.shape[0] + PRIVATE_GRIDS - 1) // PRIVATE_GRIDS
    for g in range(start, stop):
        grid = grids[g]
        grid[:] = 0
        for i in range(g * part, min(places.shape[0], g * part + part)):
            u, v = (places[i, 0] - low[0]) * per_unit, (places[i, 1] - low[1]) * per_unit
            p, q = np.uint32(u), np.uint32(v)
            a, b = _spline(u - np.float32(p)), _spline(v - np.float32(q))
            for r in range(4):
                line = grid[p + r]
                line[q] += a[r] * b[0]
                line[q + 1] += a[r] * b[1]
                line[q + 2] += a[r] * b[2]
                line[q + 3] += a[r] * b[3]


@kernel("void(i8, i8, f4[:, ::1], f4[::1], f4, f4[:, ::1], f4[:, ::1], f8[::1])", fastmath=True)
def _read(start, stop, places, low, per_unit, potential, pushes, sums):
    """The potential at each point into `sums`, minus half its gradient into `pushes`."""
    scale = np.float32(-0.5) * per_unit
    for i in range(start, stop):
        u, v = (places[i, 0] - low[0]) * per_unit, (places[i, 1] - low[1]) * per_unit
        p, q = np.uint32(u), np.uint32(v)
        t, s = u - np.float32(p), v - np.float32(q)
        a, b, da, db = _spline(t), _spline(s), _spline_slope(t), _spline_slope(s)
        value, slope_x, slope_y = np.float32(0), np.float32(0), np.float32(0)
        for r in range(4):
            line = potential[p + r]
            across = b[0] * line[q] + b[1] * line[q + 1] + b[2] * line[q + 2] + b[3] * line[q + 3]
            along = db[0] * line[q] + db[1] * line[q + 1] + db[2] * line[q + 2] + db[3] * line[q + 3]
            value += a[r] * across
            slope_x += da[r] * across
            slope_y += a[r] * along
        pushes[i, 0], pushes[i, 1] = scale * slope_x, scale * slope_y
        sums[i // ROWS_PER_CHUNK] += value
