"""How often a classifier is right: over all samples, class by class, and against always guessing the largest class."""

import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from itertools import count

import numpy as np
from jaxtyping import Int

from latentscape.errors import DataError
from latentscape.measures.bootstrap import N_DRAWS, mean_share_interval, score_share, score_with
from latentscape.measures.score import Score
from latentscape.shapes import Flags, Labels

NO_SAMPLES = "no sample has both a known class and a prediction"
TAKEN_ENDINGS = ("_n", "_low", "_high", "_reason")
"""What `scores.json` adds to a score's name for the facts beside its value."""


def count_confusions(labels: Labels, predictions: Labels, *, n_classes: int) -> Int[np.ndarray, "class class"]:
    """How many samples of each class (row) were predicted as each class (column).

    Samples whose label or prediction is -1 are left out; the sum of the table says how many remain.

    Raises:
        DataError: a label or prediction is outside -1 .. n_classes - 1.
    """
    known = find_known(labels, predictions)
    codes = np.concatenate([labels, predictions])
    if codes.size and (codes.min() < -1 or codes.max() >= n_classes):
        raise DataError(
            "a class number is out of range",
            got=f"numbers from {codes.min()} to {codes.max()}",
            expected=f"-1 (unknown) or 0 to {n_classes - 1}",
            hint="check that the model and the dataset have the same classes",
        )
    places = labels[known].astype(np.int64) * n_classes + predictions[known]
    return np.bincount(places, minlength=n_classes**2).reshape(n_classes, n_classes)


def find_known(labels: Labels, predictions: Labels) -> Flags:
    """Which samples have both a class and a prediction, neither being -1."""
    return (labels >= 0) & (predictions >= 0)


def measure_accuracy(labels: Labels, predictions: Labels) -> Score:
    """Share of samples predicted as their own class: right / n, with Wilson's 95 % interval. Higher is better.

    Samples whose label or prediction is -1 are left out, and n shows it. None when none remains.

    Source: Wilson 1927, https://doi.org/10.1080/01621459.1927.10502953 (the interval).
    """
    known = find_known(labels, predictions)
    n_right = int(np.sum(labels[known] == predictions[known]))
    return score_share("accuracy", n_right, int(known.sum()), reason=NO_SAMPLES)


def measure_class_recalls(confusions: Int[np.ndarray, "class class"], class_names: Sequence[str]) -> dict[str, Score]:
    """For each class a the share of its samples predicted as it: c_aa / sum_b c_ab. Higher is better.

    With Wilson's 95 % interval. Keys and names are `recall_<class>`, see `name_scores`. None for a class without
    samples.

    Source: van Rijsbergen 1979, Information Retrieval, ch. 7.
    """
    totals = confusions.sum(axis=1)
    reasons = [f"the class {name} has no samples" for name in class_names]
    names = name_scores("recall", class_names)
    return {
        name: score_share(name, int(confusions[i, i]), int(totals[i]), reason=reasons[i])
        for i, name in enumerate(names)
    }


def measure_class_precisions(
    confusions: Int[np.ndarray, "class class"], class_names: Sequence[str]
) -> dict[str, Score]:
    """For each class a the share of the samples predicted as it that are of it: c_aa / sum_b c_ba. Higher is better.

    With Wilson's 95 % interval. Keys and names are `precision_<class>`, see `name_scores`. None for a class that was
    never predicted.

    Source: van Rijsbergen 1979, Information Retrieval, ch. 7.
    """
    totals = confusions.sum(axis=0)
    reasons = [f"no sample was predicted as {name}" for name in class_names]
    names = name_scores("precision", class_names)
    return {
        name: score_share(name, int(confusions[i, i]), int(totals[i]), reason=reasons[i])
        for i, name in enumerate(names)
    }


def measure_class_f1s(confusions: Int[np.ndarray, "class class"], class_names: Sequence[str]) -> dict[str, Score]:
    """For each class a the harmonic mean of its precision and recall. Higher is better, in [0, 1].

    F1 = 2 c_aa / (sum_b c_ab + sum_b c_ba) = 2 J / (1 + J), with J the share of the samples both of class a and
    predicted as a among the n samples that are either: n is their number, and the 95 % interval is Wilson's of J, put
    through the same formula. Keys and names are `f1_<class>`, see `name_scores`. None for a class that has no samples
    and was never predicted; 0 if only one of the two.

    Source: van Rijsbergen 1979, Information Retrieval, ch. 7; Dice 1945, Ecology 26 (the form by counts).
    """
    scores: dict[str, Score] = {}
    either = confusions.sum(axis=0) + confusions.sum(axis=1) - np.diag(confusions)
    for i, name in enumerate(name_scores("f1", class_names)):
        both, n = int(confusions[i, i]), int(either[i])
        shared = score_share(name, both, n, reason=f"no sample is {class_names[i]} or was predicted as it")
        ends = {
            key: 2 * end / (1 + end) for key in ("value", "low", "high") if (end := getattr(shared, key)) is not None
        }
        scores[name] = replace(shared, **ends)
    return scores


def name_scores(prefix: str, owners: Sequence[str]) -> list[str]:
    """A flat, unique score name for each class or data set: lower case, other signs than letters and digits as `_`.

    Names that become equal get `_2`, `_3`; so does one that would be what `scores.json` calls another score's `n`,
    interval or reason.

    >>> name_scores("recall", ["Happy", "Very sad", "very-sad", "Happy n"])
    ['recall_happy', 'recall_very_sad', 'recall_very_sad_2', 'recall_happy_n_2']
    """
    names: list[str] = []
    for owner in owners:
        letters = unicodedata.normalize("NFC", owner).lower()
        stem = f"{prefix}_" + "".join(letter if letter.isalnum() else "_" for letter in letters)
        tries = (stem if number == 1 else f"{stem}_{number}" for number in count(1))
        names.append(next(name for name in tries if name not in names and not name.endswith(TAKEN_ENDINGS)))
    return names


def measure_balanced_accuracy(confusions: Int[np.ndarray, "class class"], *, seed: int) -> Score:
    """Mean of the classes' recalls, each class counting the same (macro recall). Higher is better.

    Classes without samples are left out. The interval resamples within each class, so class sizes stay as they are.

    Source: Brodersen, Ong, Stephan and Buhmann 2010, https://doi.org/10.1109/ICPR.2010.764.
    """
    totals = confusions.sum(axis=1)
    present = totals > 0
    n = int(totals.sum())
    if n == 0:
        return Score(name="balanced_accuracy", value=None, n=0, reason=NO_SAMPLES)
    recalls = np.diag(confusions)[present] / totals[present]
    hits = np.random.default_rng(seed).binomial(totals[present], recalls, size=(N_DRAWS, int(present.sum())))
    draws = (hits / totals[present]).mean(axis=1)
    value = float(recalls.mean())
    interval = mean_share_interval(draws, value, unit="samples within their classes", n_units=n)
    return score_with("balanced_accuracy", value, n=n, interval=interval)


def measure_chance_accuracy(confusions: Int[np.ndarray, "class class"]) -> Score:
    """The accuracy of always answering the largest class: max_a n_a / n. A yardstick, neither good nor bad.

    It describes these very samples, so it has no interval.

    Source: as a baseline accuracy in Holte 1993, https://doi.org/10.1023/A:1022631118932.
    """
    totals = confusions.sum(axis=1)
    n = int(totals.sum())
    if n == 0:
        return Score(name="chance_accuracy", value=None, n=0, better="neither", reason=NO_SAMPLES)
    return Score(name="chance_accuracy", value=float(totals.max() / n), n=n, better="neither")
