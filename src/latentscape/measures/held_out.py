"""A linear reader without each fold in turn, from one fit of all samples."""

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int

from latentscape.measures.linear_probe import PENALTIES, LinearProbe
from latentscape.shapes import Labels, Rows

START = 5
"""Place of the penalty that is tried first: without a signal a large one is best, and most layers have some signal."""


class Quiz(NamedTuple):
    """Answers to be read from the samples of a probe, those of each fold by what the others teach."""

    labels: Labels
    """Numbered from 0."""
    folds: Labels
    """Two or more, numbered from 0 without gaps."""
    n_classes: int


class Fold(NamedTuple):
    """The samples of a fold and what their reader hears."""

    inside: Int[np.ndarray, " inside"]
    outside: Int[np.ndarray, " outside"]
    weights: Float64[np.ndarray, "inside outside"]
    """How much each sample outside has to say about each one inside; each row sums to 1."""


def weigh_held_out(probe: LinearProbe, quizzes: Sequence[Quiz], *, pool: Executor | None = None) -> list[list[Fold]]:
    """For each quiz and fold how much the other folds' samples have to say about the fold's.

    Exact without fitting again: with H the matrix that turns the answers of all samples into what the probe predicts
    for them, F a fold and T the rest, the probe trained on T predicts (1 - H_FF)^-1 H_FT times the answers of T, and
    its own residuals come from 1 - H_TT - H_TF (1 - H_FF)^-1 H_FT (inverse by blocks). The penalty of each fold is
    chosen without the labels of that fold, by the squared error of leaving out each sample of T in turn: from 1 on
    downhill along PENALTIES, to the first that is better than both of its neighbors. Only the scale of the features,
    which knows no label, comes from all samples. Quizzes share what depends on the penalty alone, or on the penalty and
    the folds.
    """
    answers = [np.eye(quiz.n_classes)[quiz.labels] for quiz in quizzes]
    searches = [_search_folds(quiz, subject=subject) for subject, quiz in enumerate(quizzes)]
    waiting = [(quiz.folds.tobytes(), search) for quiz, own in zip(quizzes, searches, strict=True) for search in own]
    while wanted := Counter(place for _, search in waiting if (place := search.find_next()) is not None):
        place = min(wanted, key=lambda each: (-wanted[each], each))
        groups: dict[tuple[bytes, int], list[_Search]] = {}
        for folds, search in waiting:
            if search.find_next() == place:
                groups.setdefault((folds, search.number), []).append(search)
        work = _try_penalty(_make_hat(probe, PENALTIES[place], pool=pool), place, answers=answers)
        list(pool.map(work, groups.values()) if pool else map(work, groups.values()))
    return [[search.finish() for search in own] for own in searches]


def thin_out(strata: Int[np.ndarray, " sample"], *, size: int, seed: int) -> Rows:
    """`size` random samples, ascending, of each stratum as large a part as of the others; all where there are fewer.

    >>> strata = np.array([0, 0, 0, 0, 1, 1])
    >>> strata[thin_out(strata, size=3, seed=0)].tolist()
    [0, 0, 1]
    """
    shuffled = np.random.default_rng(seed).permutation(len(strata))
    order = shuffled[np.argsort(strata[shuffled], kind="stable")]
    _, firsts, sizes = np.unique(strata[order], return_index=True, return_counts=True)
    place = np.arange(len(order)) - np.repeat(firsts, sizes)
    chosen = np.argsort((place + 0.5) / np.repeat(sizes, sizes), kind="stable")[:size]
    return np.sort(order[chosen])


@dataclass(kw_only=True)
class _Search:
    """The way to the penalty that suits one fold of one quiz."""

    number: int
    """Of the fold."""
    subject: int
    """Of the quiz."""
    inside: Int[np.ndarray, " inside"]
    outside: Int[np.ndarray, " outside"]
    errors: dict[int, float] = field(default_factory=dict)
    """Of the penalties tried."""
    weights: Float64[np.ndarray, "inside outside"] = field(default_factory=lambda: np.zeros((0, 0)))
    """With the best of them."""

    def find_next(self) -> int | None:
        """The penalty to try: a neighbor of the best one; None when both have been."""
        if not self.errors:
            return START
        best = min(sorted(self.errors), key=self.errors.__getitem__)
        untried = [each for each in (best + 1, best - 1) if 0 <= each < len(PENALTIES) and each not in self.errors]
        return untried[0] if untried else None

    def finish(self) -> Fold:
        """What was found."""
        return Fold(self.inside, self.outside, self.weights)


def _search_folds(quiz: Quiz, *, subject: int) -> list[_Search]:
    return [
        _Search(
            number=fold,
            subject=subject,
            inside=np.flatnonzero(quiz.folds == fold),
            outside=np.flatnonzero(quiz.folds != fold),
        )
        for fold in range(int(quiz.folds.max(initial=-1)) + 1)
    ]


def _try_penalty(
    hat: Float64[np.ndarray, "sample sample"], place: int, *, answers: Sequence[Float64[np.ndarray, "sample _"]]
) -> Callable[[Sequence[_Search]], None]:
    """What tries one penalty with searches that share their fold."""
    stacked = np.hstack(answers)
    left = np.split(stacked - hat @ stacked, np.cumsum([each.shape[1] for each in answers])[:-1], axis=1)

    def work(searches: Sequence[_Search]) -> None:
        inside, outside = searches[0].inside, searches[0].outside
        rows = hat[inside]
        across = rows[:, outside]
        # NumPy's inverse lets go of the interpreter's lock, SciPy's solvers do not: folds are worked on side by side.
        weights = np.linalg.inv(np.eye(len(inside)) - rows[:, inside]) @ across
        own = np.maximum(1.0 - hat[outside, outside] - np.einsum("io,io->o", weights, across), 1e-9)
        for search in searches:
            mine = left[search.subject]
            error = float(np.square((mine[outside] + weights.T @ mine[inside]) / own[:, None]).sum())
            if error < min(search.errors.values(), default=np.inf):
                search.weights = weights
            search.errors[place] = error

    return work


def _make_hat(probe: LinearProbe, penalty: float, *, pool: Executor | None) -> Float64[np.ndarray, "train train"]:
    """The matrix that turns the answers of the training samples into what is predicted for them; symmetric.

    In four parts, the same for any number of threads: two squares are as much work as the rectangle between them.
    """
    n, half = len(probe.train), len(probe.train) // 2
    axes = np.column_stack([probe.train / np.sqrt(probe.squares + penalty * probe.unit), np.full(n, n**-0.5)])
    hat, (first, second) = np.empty((n, n)), (axes[:half], axes[half:])

    def multiply_squares() -> None:
        np.matmul(first, first.T, out=hat[:half, :half])
        np.matmul(second, second.T, out=hat[half:, half:])

    other = pool.submit(multiply_squares) if pool else None
    np.matmul(second, first.T, out=hat[half:, :half])
    hat[:half, half:] = hat[half:, :half].T
    if other:
        other.result()
    else:
        multiply_squares()
    return hat
