"""Two readers of classes, each learning from one dataset and asked about that dataset itself and about others."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float, Float32, Int
from numpy.typing import DTypeLike

from latentscape.measures.held_out import Quiz, thin_out, weigh_held_out
from latentscape.measures.linear_probe import PENALTIES, fit_linear_probe, predict_arrangements, scale_weights
from latentscape.shapes import FeatureMatrix, Labels

Reader = Literal["linear", "centroid"]
READERS: tuple[Reader, Reader] = ("linear", "centroid")


class Pupil(NamedTuple):
    """The samples that a reader learns from."""

    features: FeatureMatrix
    labels: Labels
    """Numbered from 0 without gaps among the classes read."""
    folds: Labels
    """Of each sample for cross-validation; none at all where the samples themselves are not to be read."""
    permuted: Int[np.ndarray, "sample draw"]
    """Labels as chance would have them; no columns where there is no such thing."""


class Answers(NamedTuple):
    """What a reader says, the samples of each fold read by what the other folds teach."""

    own: Int[np.ndarray, " sample"]
    """About the pupil's own samples."""
    null: Int[np.ndarray, "sample draw"]
    """About them when it learns permuted labels."""
    others: list[Int[np.ndarray, " _"]]
    """About the samples of the others."""


def read_classes(
    reader: Reader, pupil: Pupil, others: Sequence[Float32[np.ndarray, "_ feature"]], *, n_classes: int
) -> Answers:
    """What the reader says about the pupil's own samples and about others.

    The linear reader is ridge regression on class membership; the centroid reader says the class whose mean has the
    largest cosine with the sample. Equal answers go to the first class. A class that was not learned is never said.
    """
    read = _read_linear if reader == "linear" else _read_centroid
    own, null, other = read(pupil, np.concatenate([pupil.features[:0], *others]), n_classes=n_classes)
    ends = np.cumsum([len(each) for each in others])
    return Answers(own, null, np.split(other, ends)[: len(others)])


def read_with_fewer(
    reader: Reader, pupil: Pupil, *, size: int, n_classes: int, seed: int
) -> Int[np.ndarray, " sample"]:
    """What the reader says about the pupil's own samples when it may learn from no more than `size` others."""
    said = np.zeros(len(pupil.labels), dtype=np.int64)
    for fold in np.unique(pupil.folds):
        inside, outside = np.flatnonzero(pupil.folds == fold), np.flatnonzero(pupil.folds != fold)
        kept = outside[thin_out(pupil.labels[outside], size=size, seed=seed)]
        fewer = Pupil(pupil.features[kept], pupil.labels[kept], pupil.folds[:0], pupil.permuted[kept, :0])
        said[inside] = read_classes(reader, fewer, [pupil.features[inside]], n_classes=n_classes).others[0]
    return said


Said = tuple[Int[np.ndarray, " _"], Int[np.ndarray, "_ draw"], Int[np.ndarray, " _"]]
"""About the own samples, about them after learning permuted labels, about the samples asked."""


def _read_linear(pupil: Pupil, asked: FeatureMatrix, *, n_classes: int) -> Said:
    """See `read_classes`; the samples' own labels are read like the permuted ones, as one more arrangement."""
    probe = fit_linear_probe(pupil.features, asked)
    penalty = probe.choose_penalty(pupil.labels, n_classes=n_classes) if len(asked) else PENALTIES[-1]
    other = probe.predict(pupil.labels, n_classes=n_classes, penalty=penalty)
    if not len(pupil.folds):
        return pupil.labels[:0], pupil.permuted[:0], other
    labelings = np.column_stack([pupil.labels, pupil.permuted]).astype(np.min_scalar_type(-n_classes))
    said = np.empty_like(labelings)
    (folds,) = weigh_held_out(probe, [Quiz(pupil.labels, pupil.folds, n_classes)])
    for inside, outside, weights in folds:
        ask = scale_weights(weights).__matmul__
        said[inside] = predict_arrangements(ask, labelings[outside].T, n_classes=n_classes).T
    return said[:, 0], said[:, 1:], other


def _read_centroid(pupil: Pupil, asked: FeatureMatrix, *, n_classes: int) -> Said:
    """See `read_classes`."""
    size = max(np.abs(pupil.features).max(initial=0.0), np.abs(asked).max(initial=0.0), np.finfo(np.float32).tiny)
    train = pupil.features.astype(np.float64) / size
    gram, across = train @ train.T, (asked.astype(np.float64) / size) @ train.T
    other = _Vote(len(asked), 1, np.float64)
    for label in range(n_classes):
        members = (pupil.labels == label).astype(np.float64)
        lengths = _invert_lengths((members @ gram @ members)[None], members.sum()[None])
        other.count(label, (across @ members)[:, None] * lengths)
    own = _read_by_folds(gram, pupil.labels[:, None], folds=pupil.folds, n_classes=n_classes)
    null = _read_by_folds(gram.astype(np.float32), pupil.permuted, folds=pupil.folds, n_classes=n_classes)
    return own[:, 0], null, other.winner[:, 0]


def _read_by_folds(
    gram: Float[np.ndarray, "sample sample"],
    labelings: Int[np.ndarray, "sample labeling"],
    *,
    folds: Int[np.ndarray, " dealt"],
    n_classes: int,
) -> Int[np.ndarray, "dealt labeling"]:
    """The nearest centroid of each sample for each labeling, a class without a fold being the class less its part."""
    insides = [np.flatnonzero(folds == fold) for fold in np.unique(folds)]
    blocks = [gram[np.ix_(inside, inside)] for inside in insides]
    vote = _Vote(len(folds), labelings.shape[1], gram.dtype)
    for label in range(n_classes if insides else 0):
        members = (labelings == label).astype(gram.dtype)
        products, sizes = gram @ members, members.sum(axis=0)
        squares = np.einsum("sl,sl->l", members, products)
        for inside, block in zip(insides, blocks, strict=True):
            part, taken = members[inside], products[inside]
            within = block @ part
            less = np.einsum("sl,sl->l", part, 2 * taken - within)
            products[inside] = (taken - within) * _invert_lengths(squares - less, sizes - part.sum(axis=0))
        vote.count(label, products)
    return vote.winner


class _Vote:
    """The class of the largest answer so far, for each row and each labeling."""

    def __init__(self, n_rows: int, n_labelings: int, kind: DTypeLike = np.float32) -> None:
        self.winner = np.zeros((n_rows, n_labelings), dtype=np.int16)
        self.best = np.full((n_rows, n_labelings), -np.inf, dtype=kind)

    def count(self, label: int, values: Float[np.ndarray, "row labeling"]) -> None:
        """The answers for one more class; NaN for one that can't be said."""
        np.copyto(self.winner, label, where=values > self.best)
        np.fmax(self.best, values, out=self.best)


def _invert_lengths(
    squares: Float[np.ndarray, " labeling"], sizes: Float[np.ndarray, " labeling"]
) -> Float[np.ndarray, " labeling"]:
    """1 over the length of each class sum; NaN for a class without samples or with a sum of no direction."""
    usable = (sizes > 0) & (squares > 0)
    return np.where(usable, 1 / np.sqrt(np.where(usable, squares, 1)), np.nan).astype(squares.dtype)
