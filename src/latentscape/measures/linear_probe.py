"""A linear reader of features that is trained in one step, so that its null can be drawn a thousand times."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, Float64, Int

from latentscape.shapes import Labels

PENALTIES = (1e-3, 1e-2, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
"""Ridge penalties tried, in units of the training samples' mean squared length."""
SPREAD = 1e-10
"""Axes along which the training samples spread by less than this part of the widest have rounding errors only."""
COLUMNS = 1024
"""Answers asked for in one matrix product, classes times arrangements of the labels: they stay in the cache."""


@dataclass(frozen=True, kw_only=True)
class LinearProbe:
    """Ridge regression on some training samples, asked about some test samples, for any answers and any penalty.

    With Z the training features, scaled to mean 0 and variance 1 (columns that do not vary are left out), the
    predictions are 1/n + Z_test (Z'Z + penalty)^-1 Z' times the answers: one matrix of weights for all answers, so that
    other answers, such as permuted ones, cost a matrix product each.

    Source: Hoerl and Kennard 1970, https://doi.org/10.1080/00401706.1970.10488634; as a probe of layers Alain and
    Bengio 2016, https://arxiv.org/abs/1610.01644.
    """

    train: Float64[np.ndarray, "train axis"]
    test: Float64[np.ndarray, "test axis"]
    """Both along the principal axes of the training samples."""
    squares: Float64[np.ndarray, " axis"]
    """Sum of squares of the training samples along each axis."""
    unit: float
    """Mean squared length of the training samples, in which penalties are counted."""

    def predict(self, labels: Int[np.ndarray, " train"], *, n_classes: int, penalty: float) -> Labels:
        """The class of the largest answer for each test sample; class membership (1 or 0) is regressed on."""
        answers = np.eye(n_classes)[labels]
        slopes = (self.train.T @ answers) / (self.squares + penalty * self.unit)[:, None]
        return (answers.mean(axis=0) + self.test @ slopes).argmax(axis=1)

    def choose_penalty(self, labels: Int[np.ndarray, " train"], *, n_classes: int) -> float:
        """The one of PENALTIES with the least squared error when each training sample is left out in turn.

        Exact without fitting again: the error of a fit without sample i is its residual over 1 - h_ii, h being the
        weights of the training samples on themselves. Allen 1974 (PRESS).
        """
        answers = np.eye(n_classes)[labels]
        inverses = 1.0 / (self.squares[:, None] + np.array(PENALTIES) * self.unit)
        own = 1.0 / len(answers) + np.square(self.train) @ inverses
        weights = (self.train.T @ answers)[:, None] * inverses[:, :, None]
        shape = len(PENALTIES), n_classes
        fitted = (self.train @ weights.reshape(len(weights), math.prod(shape))).reshape(len(answers), *shape)
        fitted += answers.mean(axis=0) - answers[:, None]
        errors = np.einsum("tpc,tpc->tp", fitted, fitted) / np.square(1.0 - np.minimum(own, 1.0 - 1e-9))
        return PENALTIES[int(np.argmin(errors.sum(axis=0)))]


def fit_linear_probe(train: Float[np.ndarray, "train feature"], test: Float[np.ndarray, "test feature"]) -> LinearProbe:
    """A probe that learns from `train` and is asked about `test`; needs finite features and a training sample."""
    z, z_test = _scale(train.astype(np.float64), test.astype(np.float64))
    n, d = z.shape
    # NumPy's eigh lets go of the interpreter's lock, SciPy's does not: folds are fitted side by side.
    squares, axes = np.linalg.eigh(z.T @ z if d <= n else z @ z.T)
    unit, first = (
        float(squares.sum()) / n,
        int(np.searchsorted(squares, SPREAD * squares.max(initial=0.0), side="right")),
    )
    squares, axes = squares[first:], axes[:, first:]
    if d <= n:
        along, along_test = z @ axes, z_test @ axes
    else:
        lengths = np.sqrt(squares)
        along, along_test = axes * lengths, z_test @ (z.T @ axes) / lengths
    return LinearProbe(train=along, test=along_test, squares=squares, unit=unit)


def scale_weights(weights: Float[np.ndarray, "test train"]) -> Float32[np.ndarray, "test train"]:
    """The same in single precision, each row in units of its largest weight: the largest answer stays the largest."""
    sizes = np.abs(weights).max(axis=1, keepdims=True, initial=0.0)
    return (weights / np.where(sizes > 0, sizes, 1.0)).astype(np.float32)


def predict_arrangements(
    ask: Callable[[Float32[np.ndarray, "train column"]], Float32[np.ndarray, "test column"]],
    arrangements: Int[np.ndarray, "draw train"],
    *,
    n_classes: int,
) -> Int[np.ndarray, "draw test"]:
    """The class of the largest answer under each of many arrangements of the labels; ties go to the lower class.

    `ask` multiplies a matrix of weights with class memberships, a column for each class of each arrangement. The last
    class is not asked for: every sample is of one class, so its answers are what the others leave of all weights.
    """
    labels = np.ascontiguousarray(arrangements.T, dtype=np.min_scalar_type(-n_classes))
    n_train, n_draws = labels.shape
    rest = np.repeat(ask(np.ones((n_train, 1), np.float32)), n_draws, axis=1)
    best, chosen = np.full(rest.shape, -np.inf, np.float32), np.zeros(rest.shape, labels.dtype)
    step = max(1, COLUMNS // max(1, n_draws))
    for first in range(0, n_classes - 1, step):
        classes = np.arange(first, min(first + step, n_classes - 1), dtype=labels.dtype)
        members = (labels[:, None] == classes[:, None]).astype(np.float32)
        said = ask(members.reshape(n_train, -1)).reshape(-1, len(classes), n_draws)
        for place, label in enumerate(classes):
            np.copyto(chosen, label, where=said[:, place] > best)
            np.maximum(best, said[:, place], out=best)
            rest -= said[:, place]
    np.copyto(chosen, n_classes - 1, where=rest > best)
    return chosen.T


def _scale(
    train: Float64[np.ndarray, "train feature"], test: Float64[np.ndarray, "test feature"]
) -> tuple[Float64[np.ndarray, "train kept"], Float64[np.ndarray, "test kept"]]:
    """Both, by the mean and deviation of the first; what varies by rounding only does not vary."""
    mean, deviation = train.mean(axis=0), train.std(axis=0)
    kept = deviation > 1e-7 * np.abs(mean)
    if not kept.all():
        train, test, mean, deviation = train[:, kept], test[:, kept], mean[kept], deviation[kept]
    return (train - mean) / deviation, (test - mean) / deviation
