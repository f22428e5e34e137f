"""What can be read from a layer, and how well: the class, the dataset, the speaker."""

import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Int
from threadpoolctl import threadpool_limits

from latentscape.engine import count_threads
from latentscape.measures.bootstrap import Interval, mean_share_interval, resample_sums, score_with, wilson
from latentscape.measures.held_out import Fold, Quiz, weigh_held_out
from latentscape.measures.linear_probe import fit_linear_probe, predict_arrangements, scale_weights
from latentscape.measures.paired_hits import MIN_SPEAKERS, restrict, sum_speakers
from latentscape.measures.permutations import (
    MIN_ARRANGEMENTS,
    N_PERMUTATIONS,
    count_arrangements,
    p_value_of,
    permute_labels,
)
from latentscape.measures.readout_plans import (
    Plan,
    Samples,
    choose_samples,
    plan_classes,
    plan_datasets,
    plan_speakers,
)
from latentscape.measures.score import Better, Score
from latentscape.neighbors import Neighbors, find_neighbors, find_neighbors_among, require_finite
from latentscape.shapes import FeatureMatrix, Flags, Labels

Target = Literal["class", "dataset", "speaker"]
Reader = Literal["linear", "knn"]
Right = Bool[np.ndarray, "row draw"]
Known = Int[np.ndarray, " known"]
Asked = Int[np.ndarray, " asked"]
Block = tuple[tuple[Target, Reader], Asked, Bool[np.ndarray, "asked draw"]]
"""Which of the samples asked about are read right."""

K = 15
"""Neighbors that vote; all training samples where there are fewer."""
SEARCHED = 3 * K
"""Neighbors looked up among all samples at once: for most samples enough of them are in other folds."""
MOST_ANSWERS = 5000
"""Permutations times classes asked for: with many speakers there are fewer permutations ..."""
FEWEST_DRAWS = 39
"""... but as many as a p below 0.05 and the 2.5 and 97.5 percentiles need."""
TOO_FEW = "too few speakers or samples to exchange, so chance can't be told from skill"
READERS: tuple[Reader, ...] = ("linear", "knn")
PLANS: Mapping[Target, Callable[[Samples], Plan | str]] = {
    "class": plan_classes,
    "dataset": plan_datasets,
    "speaker": plan_speakers,
}
BETTER: Mapping[Target, Better] = {"class": "higher", "dataset": "neither", "speaker": "neither"}


@dataclass(frozen=True, kw_only=True)
class Readout:
    """How often one reader, trained on some samples, is right about others."""

    target: Target
    reader: Reader
    score: Score
    """Cross-validated accuracy, `{linear|knn}_{class|dataset|speaker}`."""
    chance: float
    """Accuracy of always answering the largest class of the target; NaN where nothing was read."""
    null: tuple[float, float] | None
    """2.5 and 97.5 percentiles of the accuracy when the target is permuted; None where it can't be permuted."""
    p_value: float | None
    """One-sided permutation p: how often permuted targets are read as well as the real ones."""
    grouped: bool
    """Whether no speaker is on both sides of a fold."""
    hits: Flags
    """Whether each sample was read right by the fold that did not train on it; False where it was not read."""
    used: Flags
    """Which samples were read."""
    note: str = ""
    """What a reader of the number must know, e.g. that folds share speakers because a dataset has only one."""


def measure_readouts(
    features: FeatureMatrix, *, labels: Labels, dataset_ids: Labels, speaker_ids: Labels, seed: int
) -> dict[tuple[Target, Reader], Readout]:
    """How often a reader of a layer that has not seen a sample is right about its class, its dataset, its speaker.

    Accuracy = right / n over five folds (fewer where there are fewer speakers), each read by a reader trained on the
    others. Two readers: `linear`, ridge regression on class membership (`LinearProbe`), its penalty chosen on the
    training samples, only the scale of the features, which knows no answer, taken from all; `knn`, the majority of the
    15 nearest training samples by cosine, ties to the class with the smaller sum of ranks. In [0, 1]. For the class
    higher is better. For the dataset and the speaker it is what the layer tells besides the class: neither good nor bad
    in itself, but a class that is read with the help of the dataset will not be read in another one.

    * class: folds hold out whole speakers; permuted inside each speaker.
    * dataset: only classes that every dataset has. Folds hold out whole speakers, whole speakers are permuted; where a
      dataset has a single speaker, folds are drawn by sample, permuted inside each class, and the note says so.
    * speaker: speakers with 5 samples or more; folds by sample, permuted inside each dataset.

    The null is the same accuracy with the answers permuted inside each fold as well, 999 times (fewer with more than
    five answers: 5,000 over their number, at least 39), p = (1 + #{null >= accuracy}) / (1 + draws); None with fewer
    than 20 different arrangements. The interval resamples speakers where there are 8 or more; else it is Wilson's over
    samples and says nothing of other speakers. Unknown answers (-1) are left out. Of more than 3,000 samples a seeded
    3,000 are read. The score is None with a reason where there is a single class, dataset or speaker.

    Raises:
        DataError: there are no features, or they are not finite.

    Source: Alain and Bengio 2016, https://arxiv.org/abs/1610.01644 (probes); Ojala and Garriga 2010, Journal of Machine
    Learning Research 11, 1833-1863 (permuted labels).
    """
    require_finite(features, purpose="readouts")
    samples = choose_samples(labels, dataset_ids=dataset_ids, speaker_ids=speaker_ids, seed=seed)
    plans: dict[Target, Plan | str] = {target: plan(samples) for target, plan in PLANS.items()}
    exams: dict[Target, Exam] = {
        target: Exam(target=target, plan=plan, arrangements=_arrange(plan, seed=seed + 1))
        for target, plan in plans.items()
        if isinstance(plan, Plan)
    }
    right = _read(features, list(exams.values()))
    readouts: dict[tuple[Target, Reader], Readout] = {}
    for target, plan in plans.items():
        for reader in READERS:
            key = (target, reader)
            if isinstance(plan, str):
                readouts[key] = _report_nothing(key, plan, n_samples=len(features))
            else:
                readouts[key] = _report(key, plan, right[key], samples=samples)
    return readouts


@dataclass(frozen=True, kw_only=True)
class Exam:
    """A question, and all answers that readers have to learn: the real ones in column 0, then permuted ones."""

    target: Target
    plan: Plan
    arrangements: Int[np.ndarray, "row draw"]


def _arrange(plan: Plan, *, seed: int) -> Int[np.ndarray, "row draw"]:
    few = count_arrangements(plan.answers, plan.units, within=plan.cells) < MIN_ARRANGEMENTS
    n = 0 if few else int(np.clip(MOST_ANSWERS // plan.n_classes, FEWEST_DRAWS, N_PERMUTATIONS))
    answers = plan.answers.astype(np.min_scalar_type(-plan.n_classes))
    permuted = permute_labels(answers, plan.units, n=n, seed=seed, within=plan.cells)
    return np.ascontiguousarray(np.vstack([answers, permuted]).T)


def _read(features: FeatureMatrix, exams: Sequence[Exam]) -> dict[tuple[Target, Reader], Right]:
    """Which samples are read right, under every arrangement; folds side by side, each on one thread."""
    right: dict[tuple[Target, Reader], Right] = {
        (exam.target, reader): np.zeros(exam.arrangements.shape, dtype=bool) for exam in exams for reader in READERS
    }
    threads = count_threads()
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(threads) as pool, ThreadPoolExecutor(1) as aside:
        jobs: list[Future[list[Block]]] = []
        for group in _group(exams, lambda plan: plan.rows.tobytes()):
            read = features[group[0].plan.rows]
            probe = pool.submit(fit_linear_probe, read, read[:0])
            graph = aside.submit(find_neighbors, read, k=SEARCHED, metric="cosine")
            for same in _group(group, lambda plan: plan.folds.tobytes()):
                folds = range(int(same[0].plan.folds.max()) + 1)
                jobs += [aside.submit(_ask_neighbors, read, same, graph=graph, fold=fold) for fold in folds]
            quizzes = [Quiz(exam.plan.answers, exam.plan.folds, exam.plan.n_classes) for exam in group]
            for exam, folds in zip(group, weigh_held_out(probe.result(), quizzes, pool=pool), strict=True):
                jobs += [pool.submit(_ask_probe, exam, fold) for fold in folds]
        for job in jobs:
            for key, test, block in job.result():
                right[key][test] = block
    return right


def _group(exams: Sequence[Exam], name: Callable[[Plan], bytes]) -> list[list[Exam]]:
    """Questions of the same samples share a fit, those of the same folds also the neighbors."""
    groups: dict[bytes, list[Exam]] = {}
    for exam in exams:
        groups.setdefault(name(exam.plan), []).append(exam)
    return list(groups.values())


def _ask_probe(exam: Exam, fold: Fold) -> list[Block]:
    return [_ask(exam, "linear", scale_weights(fold.weights).__matmul__, known=fold.outside, asked=fold.inside)]


def _ask_neighbors(
    features: FeatureMatrix, exams: Sequence[Exam], *, graph: "Future[Neighbors]", fold: int
) -> list[Block]:
    folds = exams[0].plan.folds
    asked, known = np.flatnonzero(folds == fold), np.flatnonzero(folds != fold)
    nearest = _find_outside(features, graph.result().indices, asked=asked, known=known)
    votes = _count_votes(nearest, n_known=len(known))
    return [_ask(exam, "knn", votes, known=known, asked=asked) for exam in exams]


def _find_outside(
    features: FeatureMatrix, near: Int[np.ndarray, "sample searched"], *, asked: Asked, known: Known
) -> Int[np.ndarray, "asked k"]:
    """Places in `known` of the K nearest; searched again where too few of those in the graph are known."""
    k, place = min(K, len(known)), np.full(len(features), -1)
    place[known] = np.arange(len(known))
    places = place[near[asked]]
    order = np.argsort(places < 0, axis=1, kind="stable")[:, :k]
    nearest = np.take_along_axis(places, order, axis=1)
    short = np.flatnonzero((nearest < 0).any(axis=1))
    if len(short):
        found = find_neighbors_among(features[asked[short]], features[known], k=k, metric="cosine")
        nearest[short] = found.indices
    return nearest


def _ask(
    exam: Exam, reader: Reader, answer: Callable[[np.ndarray], np.ndarray], *, known: Known, asked: Asked
) -> Block:
    said = predict_arrangements(answer, exam.arrangements[known].T, n_classes=exam.plan.n_classes)
    return (exam.target, reader), asked, exam.arrangements[asked] == said.T


def _count_votes(nearest: Int[np.ndarray, "asked k"], *, n_known: int) -> Callable[[np.ndarray], np.ndarray]:
    """A function that adds up the votes of each asked sample's neighbors, a column of known samples at a time.

    A vote weighs k * k - rank: one vote more is worth more than any difference of summed ranks, and sums are exact.
    """
    from scipy.sparse import csr_array  # noqa: PLC0415  light commands import this module and never come here

    n, k = nearest.shape
    votes = np.tile(k * k - np.arange(k), n).astype(np.float32)
    weights = csr_array((votes, nearest.ravel(), np.arange(0, n * k + 1, k)), shape=(n, n_known))
    return lambda members: weights @ members


def _report(key: tuple[Target, Reader], plan: Plan, right: Right, *, samples: Samples) -> Readout:
    target, reader = key
    shares = right.mean(axis=0)
    low, high = np.percentile(shares[1:], [2.5, 97.5]).tolist() if len(shares) > 1 else (math.nan, math.nan)
    null = (low, high) if len(shares) > 1 else None
    used, hits = (np.zeros(len(samples.labels), dtype=bool) for _ in range(2))
    used[plan.rows], hits[plan.rows] = True, right[:, 0]
    interval = _find_interval(right[:, 0], samples.speaker_ids[plan.rows], seed=samples.seed + 2)
    score = score_with(
        f"{reader}_{target}", float(shares[0]), n=len(plan.rows), interval=interval, better=BETTER[target]
    )
    return Readout(
        target=target,
        reader=reader,
        score=score,
        chance=plan.chance,
        null=null,
        p_value=None if null is None else p_value_of(shares[1:], float(shares[0])),
        grouped=plan.grouped,
        hits=hits,
        used=used,
        note="; ".join(filter(None, [plan.note, TOO_FEW if null is None else ""])),
    )


def _report_nothing(key: tuple[Target, Reader], reason: str, *, n_samples: int) -> Readout:
    target, reader = key
    return Readout(
        target=target,
        reader=reader,
        score=Score(name=f"{reader}_{target}", value=None, n=0, better=BETTER[target], reason=reason),
        chance=math.nan,
        null=None,
        p_value=None,
        grouped=False,
        hits=np.zeros(n_samples, dtype=bool),
        used=np.zeros(n_samples, dtype=bool),
    )


def _find_interval(hits: Flags, speaker_ids: Labels, *, seed: int) -> Interval:
    """By speakers: samples of one speaker are read alike, so that they are fewer witnesses than they seem."""
    sums, n_speakers = sum_speakers(hits.astype(np.float64), speaker_ids)
    share = float(hits.mean())
    if n_speakers < MIN_SPEAKERS:
        return restrict(wilson(share, len(hits)), n_speakers)
    sums = resample_sums(sums, seed=seed)
    unit = "speakers" if n_speakers < len(hits) else "samples"
    return mean_share_interval(sums[:, 0] / sums[:, 1], share, unit=unit, n_units=n_speakers)
