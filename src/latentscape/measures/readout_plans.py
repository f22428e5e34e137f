"""What is read from which samples, which of them are held out together, and what chance may rearrange."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from latentscape.measures.folds import N_FOLDS, deal_groups, deal_samples
from latentscape.measures.permutations import MIN_ARRANGEMENTS, count_arrangements
from latentscape.shapes import Labels, Rows

MOST_SAMPLES = 3000
"""More are not read: the answer would hardly change, the work grows with the cube."""
MIN_SPEAKER_SAMPLES = 5
"""A voice has to be heard in each fold."""
ENOUGH_ARRANGEMENTS = 400
"""With the mirror image of the real one, which is read as well, they allow a p of 0.005."""
MIXED = 0.01
"""Where classes alone tell the dataset this much better than chance, a reader has to know."""


@dataclass(frozen=True, kw_only=True)
class Samples:
    """The samples at hand and what is known of them."""

    labels: Labels
    dataset_ids: Labels
    speaker_ids: Labels
    """Who speaks; no two samples without a name share a number."""
    rows: Rows
    """Those that are looked at, ascending."""
    seed: int


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One question to the samples in `rows`; every array has one number for each of them."""

    rows: Rows
    answers: Labels
    """What is read, numbered from 0."""
    folds: Labels
    units: Labels
    cells: Labels
    """As `groups` and `within` of `permute_labels`. Labels never leave their fold, so folds stay balanced."""
    grouped: bool
    note: str = ""

    @property
    def n_classes(self) -> int:
        """Different answers."""
        return int(self.answers.max()) + 1

    @property
    def chance(self) -> float:
        """Accuracy of always giving the most frequent answer."""
        return float(np.bincount(self.answers).max() / len(self.answers))


def choose_samples(labels: Labels, *, dataset_ids: Labels, speaker_ids: Labels, seed: int) -> Samples:
    """All samples, or 3,000 of them drawn so that each class and speaker of each dataset keeps its share."""
    n = len(labels)
    named = np.where(speaker_ids < 0, speaker_ids.max(initial=0) + 1 + np.arange(n), speaker_ids)
    shuffled = np.random.default_rng(seed).permutation(n)
    order = shuffled[np.lexsort((named[shuffled], labels[shuffled], dataset_ids[shuffled]))]
    kept = np.sort(order[np.arange(MOST_SAMPLES) * n // MOST_SAMPLES]) if n > MOST_SAMPLES else np.arange(n)
    return Samples(labels=labels, dataset_ids=dataset_ids, speaker_ids=named, rows=kept, seed=seed)


def plan_classes(samples: Samples) -> Plan | str:
    """Which class is it? Held out by speaker; permuted inside speakers. A sentence where there is nothing to read."""
    rows = samples.rows[samples.labels[samples.rows] >= 0]
    answers = _number(samples.labels[rows])
    if answers.max(initial=0) < 1:
        return "all samples are of one class" if len(rows) else "no sample has a known class"
    if np.bincount(answers).max() < 2:
        return "every class has a single sample: none of it is left to learn from"
    speakers, datasets = _number(samples.speaker_ids[rows]), _number(samples.dataset_ids[rows])
    grouped = bool(speakers.max() > 0)
    deal = deal_groups_of(speakers) if grouped else deal_samples
    folds = deal(_cross(datasets, answers), n_folds=N_FOLDS, seed=samples.seed)
    note = "" if grouped else "there is a single speaker: other speakers may be read worse"
    if grouped and _are_alone(speakers):
        note = "no two samples are known to share a speaker"
    cells = _cross(datasets, folds)
    return Plan(rows=rows, answers=answers, folds=folds, units=speakers, cells=cells, grouped=grouped, note=note)


def plan_datasets(samples: Samples) -> Plan | str:
    """Which dataset is it from? Among samples of classes that all datasets have, else the class would tell."""
    rows = samples.rows[(samples.labels[samples.rows] >= 0) & (samples.dataset_ids[samples.rows] >= 0)]
    if len(np.unique(samples.dataset_ids[rows])) < 2:
        return "all samples are of one dataset" if len(rows) else "no sample has a known class and dataset"
    table = _count(_number(samples.labels[rows]), _number(samples.dataset_ids[rows]))
    shared = np.flatnonzero(table.min(axis=1) > 0)
    rows = rows[np.isin(_number(samples.labels[rows]), shared)]
    if not len(rows):
        return "no class is in every dataset"
    answers, classes = _number(samples.dataset_ids[rows]), _number(samples.labels[rows])
    speakers = _number(samples.speaker_ids[rows])
    fewest = int((_count(answers, speakers) > 0).sum(axis=1).min())
    note = _warn_of_classes(classes, answers)
    if fewest >= 2:
        return _hold_out_speakers(Ask(rows=rows, answers=answers, classes=classes, speakers=speakers), samples, note)
    folds = deal_samples(_cross(answers, classes), seed=samples.seed)
    single = "a dataset has a single speaker: voice and dataset can't be told apart"
    return Plan(
        rows=rows,
        answers=answers,
        folds=folds,
        units=np.arange(len(rows)),
        cells=_cross(classes, folds),
        grouped=False,
        note="; ".join(filter(None, [single, note])),
    )


def plan_speakers(samples: Samples) -> Plan | str:
    """Who speaks? Held out by sample, as a voice must have been heard; permuted inside datasets."""
    speakers = _number(samples.speaker_ids[samples.rows])
    often = np.bincount(speakers, minlength=1)[speakers] >= MIN_SPEAKER_SAMPLES
    rows = samples.rows[often]
    answers = _number(samples.speaker_ids[rows])
    if answers.max(initial=0) < 1:
        return f"fewer than two speakers have {MIN_SPEAKER_SAMPLES} samples or more"
    folds = deal_samples(answers, seed=samples.seed)
    left_out = int(speakers.max()) - int(answers.max())
    return Plan(
        rows=rows,
        answers=answers,
        folds=folds,
        units=np.arange(len(rows)),
        cells=_cross(_number(samples.dataset_ids[rows]), folds),
        grouped=False,
        note=_tell_left_out(left_out),
    )


@dataclass(frozen=True, kw_only=True)
class Ask:
    """What the plan for datasets is made from."""

    rows: Rows
    answers: Labels
    classes: Labels
    speakers: Labels


def deal_groups_of(groups: Labels) -> Callable[..., Labels]:
    """`deal_groups` of these groups, to be called as `deal_samples` is."""
    return lambda labels, *, n_folds, seed: deal_groups(labels, groups, n_folds=n_folds, seed=seed)


def _hold_out_speakers(ask: Ask, samples: Samples, note: str) -> Plan:
    """Every fold has speakers of every dataset. With few speakers fewer folds leave chance more to rearrange."""
    fewest = int((_count(ask.answers, ask.speakers) > 0).sum(axis=1).min())
    plans = [_deal(ask, n, seed=samples.seed, note=note) for n in range(min(N_FOLDS, fewest), 1, -1)]
    counts = [count_arrangements(plan.answers, plan.units, within=plan.cells) for plan in plans]
    enough = [plan for plan, count in zip(plans, counts, strict=True) if count >= ENOUGH_ARRANGEMENTS]
    if enough or max(counts) < MIN_ARRANGEMENTS:
        return (enough or plans)[0]
    return plans[int(np.argmax(counts))]


def _deal(ask: Ask, n_folds: int, *, seed: int, note: str) -> Plan:
    folds = deal_groups(_cross(ask.answers, ask.classes), ask.speakers, n_folds=n_folds, seed=seed)
    cells = _cross(ask.classes, folds) if _are_alone(ask.speakers) else folds
    return Plan(
        rows=ask.rows, answers=ask.answers, folds=folds, units=ask.speakers, cells=cells, grouped=True, note=note
    )


def _tell_left_out(n: int) -> str:
    few = f"with fewer than {MIN_SPEAKER_SAMPLES} samples"
    return "" if n == 0 else f"1 speaker {few} is left out" if n == 1 else f"{n} speakers {few} are left out"


def _warn_of_classes(classes: Labels, datasets: Labels) -> str:
    table = _count(classes, datasets)
    share, chance = table.max(axis=1).sum() / table.sum(), table.sum(axis=0).max() / table.sum()
    if share - chance < MIXED:
        return ""
    return f"the datasets mix the classes differently: the class alone tells the dataset in {share:.0%}"


def _are_alone(speakers: Labels) -> bool:
    return int(speakers.max()) + 1 == len(speakers)


def _number(names: Labels) -> Labels:
    """The same, numbered from 0 without gaps."""
    return np.unique(names, return_inverse=True)[1].astype(np.int64)


def _cross(first: Labels, second: Labels) -> Labels:
    """One number for each pair."""
    return first * (int(second.max(initial=0)) + 1) + second


def _count(first: Labels, second: Labels) -> np.ndarray:
    """Samples of each first (row) and each second (column)."""
    width = int(second.max()) + 1
    return np.bincount(_cross(first, second), minlength=(int(first.max()) + 1) * width).reshape(-1, width)
