"""Does what was learned on one dataset hold on another?"""

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Int
from threadpoolctl import threadpool_limits

from latentscape.engine import count_threads
from latentscape.measures.folds import deal_groups, deal_samples
from latentscape.measures.held_out import thin_out
from latentscape.measures.paired_hits import mcnemar_p, name_unknown, score_hits, score_loss
from latentscape.measures.permutations import (
    MIN_ARRANGEMENTS,
    N_PERMUTATIONS,
    count_arrangements,
    p_value_of,
    permute_labels,
)
from latentscape.measures.plain_rows import refuse_not_finite
from latentscape.measures.score import Score
from latentscape.measures.transfer_readers import READERS, Pupil, Reader, read_classes, read_with_fewer
from latentscape.shapes import FeatureMatrix, Flags, Labels, Rows

MAX_SAMPLES = 3_000
"""More are thinned out, so that no matrix of samples by samples outgrows memory."""
MAX_COLUMNS = 5_000
"""Permuted labelings times classes: with many classes there are fewer permutations, yet MIN_PERMUTATIONS."""
MIN_PERMUTATIONS = 199
MIN_TEST, MIN_TRAIN, MIN_CLASSES = 5, 10, 2
Cell = tuple[int, int]
"""The dataset learned from and the one read."""
SHARED_VOICE = "the dataset tested has a single speaker: its own reader knows the voice, the other does not"


@dataclass(frozen=True, kw_only=True)
class Transfer:
    """Accuracy of one reader of the classes, trained on one dataset and tested on another; keys are (train, test).

    Only classes that both datasets have are read, in training and in testing. Where train is test the accuracy is
    cross-validated, by speaker where there are enough.
    """

    reader: Literal["linear", "centroid"]
    scores: Mapping[tuple[int, int], Score]
    chance: Mapping[tuple[int, int], float]
    """Accuracy of always answering the largest class of the test samples; NaN where nothing was read."""
    p_values: Mapping[tuple[int, int], float | None]
    """One-sided: how often labels permuted within their speakers are read as well. Where train is test the reader also
    learns the permuted labels; elsewhere only those it is tested on are permuted."""
    losses: Mapping[tuple[int, int], Score]
    """For train != test: accuracy on the same test samples when trained on their own dataset, cross-validated, minus
    when trained on the other; in [-1, 1], positive where it does not carry over."""
    loss_p_values: Mapping[tuple[int, int], float | None]
    """Two-sided exact McNemar p of each loss."""
    notes: Mapping[tuple[int, int], str] = field(default_factory=dict)
    """What a reader of a cell's numbers must know, for the cells where there is something."""


def measure_transfer(
    features: FeatureMatrix, *, labels: Labels, dataset_ids: Labels, speaker_ids: Labels, n_datasets: int, seed: int
) -> tuple[Transfer, ...]:
    """How well classes are read on one dataset by a reader trained on another, for every pair, and what that costs.

    * transfer_linear, transfer_centroid: share of the test dataset's samples read right by ridge regression on class
      membership, or by the class centroid of the largest cosine. Higher is better, in [0, 1].
    * transfer_loss_linear, transfer_loss_centroid: accuracy when trained on the test dataset itself, cross-validated,
      minus accuracy when trained on the other one, over the same samples. Lower is better, in [-1, 1]; 0 where the
      classes look the same in both. The own training sets are cut to the size of the other dataset where that is
      smaller, so that a loss is not merely a lack of samples.

    Only classes that both datasets have are read. Folds are by speaker where a dataset has two or more, else by sample,
    which `notes` says: then the own reader knows the voice and the other does not. The p of an accuracy permutes the
    labels tested on within their speakers, 999 times (fewer with more than five classes: 5,000 over their number, at
    least 199), and has a dataset that reads itself learn them too. (Permuted training labels would leave readers that
    are by luck nearly always right or wrong where few classes lie far apart.) The p of a loss is McNemar's exact test
    of the samples that only one of the two readers reads right. Intervals resample speakers, or samples where there are
    fewer than eight speakers. None with fewer than 2 shared classes, 10 training or 5 test samples; empty with a single
    dataset. Samples without a known class or dataset are left out, and of more than 3,000 samples a seeded 3,000 are
    read; n shows it.

    Source: Torralba and Efros 2011, https://doi.org/10.1109/CVPR.2011.5995347, for the matrix of datasets; McNemar
    1947, https://doi.org/10.1007/BF02295996, for the paired test.

    Raises:
        DataError: a feature is not finite.
    """
    samples = _choose_samples(features, labels, dataset_ids, speaker_ids=speaker_ids, seed=seed)
    if len(np.unique(samples.dataset_ids)) < 2:
        return ()
    lessons = _plan_lessons(samples, n_datasets=n_datasets, seed=seed)
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(count_threads()) as pool:
        taught = {
            reader: [(each, [pool.submit(_teach, reader, each, train) for train in each.sides]) for each in lessons]
            for reader in READERS
        }
        return tuple(
            _measure_reader(reader, taught[reader], pool=pool, n_datasets=n_datasets, seed=seed) for reader in READERS
        )


class _Samples(NamedTuple):
    """The samples that may be read."""

    features: FeatureMatrix
    labels: Labels
    dataset_ids: Labels
    speaker_ids: Labels


class _Side(NamedTuple):
    """One dataset's samples of some classes, to learn from and to be asked about."""

    pupil: Pupil
    speaker_ids: Labels
    grouped: bool
    """Whether no speaker is on both sides of a fold."""

    @property
    def labels(self) -> Labels:
        """Numbered from 0 among the classes read."""
        return self.pupil.labels

    @property
    def n_learned(self) -> int:
        """How many samples the smallest training part of the cross-validation has."""
        sizes = np.bincount(self.pupil.folds)
        return int(sizes.sum() - sizes.max()) if len(sizes) > 1 else 0


class _Lesson(NamedTuple):
    """All that is read with one set of classes."""

    n_classes: int
    sides: dict[int, _Side]
    cells: list[Cell]


class _Reading(NamedTuple):
    """Which samples of the test dataset a reader reads right, and how many it would by chance."""

    hits: Flags
    null: Int[np.ndarray, " draw"]


Taught = Future[dict[Cell, _Reading]]
"""What a dataset of a lesson teaches."""


class _Judged(NamedTuple):
    """All numbers of one cell."""

    score: Score
    chance: float
    p_value: float | None
    loss: Score
    loss_p_value: float | None


def _choose_samples(
    features: FeatureMatrix, labels: Labels, dataset_ids: Labels, *, speaker_ids: Labels, seed: int
) -> _Samples:
    """The samples with a known class and dataset; of too many, about equally many of each dataset.

    Raises:
        DataError: a feature of a known sample is not finite.
    """
    rows = np.flatnonzero((labels >= 0) & (dataset_ids >= 0))
    refuse_not_finite(features[rows], failure="no reader can learn from these features")
    if len(rows) > MAX_SAMPLES:
        rows = _thin_datasets(rows, labels, dataset_ids, seed=seed)
    return _Samples(features[rows], labels[rows], dataset_ids[rows], name_unknown(speaker_ids[rows]))


def _thin_datasets(rows: Rows, labels: Labels, dataset_ids: Labels, *, seed: int) -> Int[np.ndarray, " kept"]:
    """MAX_SAMPLES of the rows: equally many of each dataset that has them, in the proportion of its classes."""
    members = sorted((rows[dataset_ids[rows] == dataset] for dataset in np.unique(dataset_ids[rows])), key=len)
    kept, room = [], MAX_SAMPLES
    for place, own in enumerate(members):
        chosen = own[thin_out(labels[own], size=room // (len(members) - place), seed=seed)]
        kept.append(chosen)
        room -= len(chosen)
    return np.sort(np.concatenate(kept))


def _plan_lessons(samples: _Samples, *, n_datasets: int, seed: int) -> list[_Lesson]:
    """The pairs of datasets, those that share the same classes together, so that each dataset is learned once."""
    classes = [frozenset(samples.labels[samples.dataset_ids == dataset].tolist()) for dataset in range(n_datasets)]
    cells: dict[tuple[int, ...], list[Cell]] = {}
    for train, test in product(range(n_datasets), range(n_datasets)):
        cells.setdefault(tuple(sorted(classes[train] & classes[test])), []).append((train, test))
    lessons = []
    for shared, pairs in cells.items():
        datasets = sorted({dataset for pair in pairs for dataset in pair})
        sides = {dataset: _gather_side(samples, dataset, np.array(shared, int), seed=seed) for dataset in datasets}
        lessons.append(_Lesson(len(shared), sides, pairs))
    return lessons


def _gather_side(samples: _Samples, dataset: int, classes: Int[np.ndarray, " class"], *, seed: int) -> _Side:
    """One dataset's samples of these classes, dealt into folds, with labels as chance would have them."""
    rows = np.flatnonzero((samples.dataset_ids == dataset) & np.isin(samples.labels, classes))
    labels, speakers = np.searchsorted(classes, samples.labels[rows]), samples.speaker_ids[rows]
    grouped = len(np.unique(speakers)) >= 2
    folds = deal_groups(labels, speakers, seed=seed) if grouped else deal_samples(labels, seed=seed)
    n_draws = min(N_PERMUTATIONS, max(MIN_PERMUTATIONS, MAX_COLUMNS // max(1, len(classes))))
    if len(rows) < MIN_TRAIN or count_arrangements(labels, speakers, within=folds) < MIN_ARRANGEMENTS:
        n_draws = 0
    permuted = permute_labels(labels, speakers, n=n_draws, seed=seed, within=folds).T
    return _Side(Pupil(samples.features[rows], labels, folds, permuted), speakers, grouped)


def _measure_reader(
    reader: Reader, taught: Sequence[tuple[_Lesson, Sequence[Taught]]], *, pool: Executor, n_datasets: int, seed: int
) -> Transfer:
    """One reader's matrix."""
    judged: dict[Cell, _Judged] = {}
    notes: dict[Cell, str] = {}
    for lesson, jobs in taught:
        readings = {cell: reading for job in jobs for cell, reading in job.result().items()}
        judge = partial(_judge, reader, lesson, readings=readings, seed=seed)
        judged.update(zip(lesson.cells, pool.map(judge, lesson.cells), strict=True))
        alone = [cell for cell in lesson.cells if cell in readings and not lesson.sides[cell[1]].grouped]
        notes.update(dict.fromkeys(alone, SHARED_VOICE))
    cells = list(product(range(n_datasets), range(n_datasets)))
    apart = [cell for cell in cells if cell[0] != cell[1]]
    return Transfer(
        reader=reader,
        scores={cell: judged[cell].score for cell in cells},
        chance={cell: judged[cell].chance for cell in cells},
        p_values={cell: judged[cell].p_value for cell in cells},
        losses={cell: judged[cell].loss for cell in apart},
        loss_p_values={cell: judged[cell].loss_p_value for cell in apart},
        notes={cell: notes[cell] for cell in cells if cell in notes},
    )


def _teach(reader: Reader, lesson: _Lesson, train: int) -> dict[Cell, _Reading]:
    """Let a dataset of the lesson teach itself, cross-validated, and those it is paired with, where it can."""
    side = lesson.sides[train]
    cells = [cell for cell in lesson.cells if cell[0] == train != cell[1] and not _explain(lesson, cell)]
    alone = not _explain(lesson, (train, train))
    if not cells and not alone:
        return {}
    pupil = side.pupil if alone else side.pupil._replace(folds=side.pupil.folds[:0])
    others = [lesson.sides[test] for _, test in cells]
    said = read_classes(reader, pupil, [each.pupil.features for each in others], n_classes=lesson.n_classes)
    readings: dict[Cell, _Reading] = {}
    if alone:
        null = np.sum(said.null == side.pupil.permuted, axis=0)
        readings[train, train] = _Reading(said.own == side.labels, null)
    for cell, other, answers in zip(cells, others, said.others, strict=True):
        null = np.sum(answers[:, None] == other.pupil.permuted, axis=0)
        readings[cell] = _Reading(answers == other.labels, null)
    return readings


def _explain(lesson: _Lesson, cell: Cell) -> str:
    """Why a cell can't be read; empty where it can."""
    train, test = lesson.sides[cell[0]], lesson.sides[cell[1]]
    n_train = train.n_learned if cell[0] == cell[1] else len(train.labels)
    if lesson.n_classes < MIN_CLASSES:
        owner = "the dataset has" if cell[0] == cell[1] else "the datasets share"
        return f"reading takes {MIN_CLASSES} classes, {owner} {lesson.n_classes}"
    if n_train < MIN_TRAIN:
        return f"a reader needs {MIN_TRAIN} samples to learn from, there are {n_train}"
    if len(test.labels) < MIN_TEST:
        return f"a reader needs {MIN_TEST} samples to be tested on, there are {len(test.labels)}"
    return ""


def _judge(reader: Reader, lesson: _Lesson, cell: Cell, *, readings: Mapping[Cell, _Reading], seed: int) -> _Judged:
    """All numbers of one cell."""
    name, side, reading = f"transfer_{reader}", lesson.sides[cell[1]], readings.get(cell)
    if reading is None:
        reason = _explain(lesson, cell)
        score = Score(name=name, value=None, n=0, reason=reason)
        return _Judged(score, np.nan, None, _miss_loss(reader, reason), None)
    score = score_hits(name, reading.hits, side.speaker_ids, seed=seed)
    chance = float(np.bincount(side.labels).max() / len(side.labels))
    n = len(reading.hits)
    p_value = p_value_of(reading.null / n, float(reading.hits.mean())) if len(reading.null) else None
    loss, loss_p_value = _judge_loss(reader, lesson, cell, readings=readings, seed=seed)
    return _Judged(score, chance, p_value, loss, loss_p_value)


def _judge_loss(
    reader: Reader, lesson: _Lesson, cell: Cell, *, readings: Mapping[Cell, _Reading], seed: int
) -> tuple[Score, float | None]:
    """What learning from the other dataset costs, and the p of it."""
    side, size = lesson.sides[cell[1]], len(lesson.sides[cell[0]].labels)
    own = readings.get((cell[1], cell[1]))
    if own is None:
        return _miss_loss(reader, _explain(lesson, (cell[1], cell[1]))), None
    own_hits = own.hits
    if size < side.n_learned and cell[0] != cell[1]:
        own_hits = side.labels == read_with_fewer(reader, side.pupil, size=size, n_classes=lesson.n_classes, seed=seed)
    pair = own_hits, readings[cell].hits
    loss = score_loss(f"transfer_loss_{reader}", *pair, speaker_ids=side.speaker_ids, seed=seed)
    return loss, mcnemar_p(*pair)


def _miss_loss(reader: Reader, reason: str) -> Score:
    """A loss that can't be measured."""
    name = f"transfer_loss_{reader}"
    return Score(name=name, value=None, n=0, better="lower", bounds=(-1.0, 1.0), reason=reason)
