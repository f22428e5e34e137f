"""Which samples are filed under a class that neither the model nor their neighbors would file them under?"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.special import bdtrc

from latentscape.errors import DataError
from latentscape.measures.suspects import Filing, Suspect
from latentscape.neighbors import Neighbors
from latentscape.shapes import Flags, Labels

CLEAR_MARGIN = 1 / 2
"""The suggested class leads the given label by at least this share of the neighbors' votes."""
LEAST_VOTES = 5
"""Fewer neighbors with a known class have no say."""
FALSE_ALARM = 0.001
"""Chance that one class may be suggested at all when labels have nothing to do with the samples."""

Probabilities = Float[np.ndarray, "sample class"]


def find_label_suspects(
    probabilities: Probabilities,
    neighbors: Neighbors,
    labels: Labels,
    *,
    ids: Sequence[str],
    class_names: Sequence[str],
    splits: Sequence[str] | None = None,
    k: int = 15,
) -> tuple[Suspect, ...]:
    """Samples that the model and their neighbors both file under one other class; the strongest first.

    With p_c the probability of class c and t_c its mean over the samples filed under c, the class c is suggested for a
    sample filed under y when all of this holds:

    * c is the most probable class and p_c >= t_c: the model is as sure of it as it is of that class's own samples;
    * more than half of the k nearest neighbors are filed under c, and (votes_c - votes_y) / votes >= 1/2;
    * of all samples in such a place, those filed under c included, significantly more than half, and more than c's
      share of all samples, are filed under c (binomial test, p < 0.001). Where labels are random this fails, and
      nothing is suggested; so it does for a class of fewer than ten such samples.

    Strength: (votes_c - votes_y) / votes times (p_c - p_y), in (0, 1]; larger is stronger. Classes that overlap have
    samples that look like another class and are filed rightly: a suspect is to be looked at, not to be relabeled
    unseen. Samples and neighbors of unknown class (-1) are left out; a sample with fewer than five known neighbors is
    passed over.

    Raises DataError if a probability is not finite.

    Source: Northcutt, Jiang and Chuang 2021, https://doi.org/10.1613/jair.1.12125 (thresholds t_c, there for the model
    alone).
    """
    if not np.isfinite(probabilities).all():
        raise DataError("a probability is not finite", expected="finite probabilities", hint="drop these samples first")
    if not probabilities.size:
        return ()
    votes = _count_votes(neighbors.indices[:, :k], labels, n_classes=probabilities.shape[1])
    said = probabilities.argmax(axis=1)
    n_votes, every = votes.sum(axis=1), np.arange(len(labels))
    own = np.maximum(labels, 0)
    lead = (votes[every, said] - votes[every, own]) / np.maximum(n_votes, 1)
    gap = probabilities[every, said] - probabilities[every, own]
    agreed = (labels >= 0) & _find_agreed(probabilities, votes, labels)
    sizes = np.bincount(labels[labels >= 0], minlength=probabilities.shape[1])
    trusted = _find_trusted(said[agreed], labels[agreed], sizes=sizes)
    found = np.flatnonzero(agreed & trusted[said] & (said != labels) & (lead >= CLEAR_MARGIN - 1e-12) & (gap > 0))
    strengths, filing = lead * gap, Filing(ids=ids, labels=labels, splits=splits)
    return tuple(
        filing.suspect(
            [row],
            kind="label",
            suggested=int(said[row]),
            strength=strengths[row],
            reason=f"{votes[row, said[row]]} of {n_votes[row]} neighbors are {class_names[said[row]]}, "
            f"the model says {class_names[said[row]]} at {probabilities[row, said[row]]:.2f}",
        )
        for row in found[np.argsort(-strengths[found], kind="stable")].tolist()
    )


def _count_votes(
    indices: Int[np.ndarray, "sample k"], labels: Labels, *, n_classes: int
) -> Int[np.ndarray, "sample class"]:
    """How many of each sample's neighbors are filed under each class."""
    classes = labels[indices] + 1
    places = classes + np.arange(len(labels))[:, None] * (n_classes + 1)
    counts = np.bincount(places.ravel(), minlength=len(labels) * (n_classes + 1))
    return counts.reshape(len(labels), n_classes + 1)[:, 1:]


def _find_agreed(probabilities: Probabilities, votes: Int[np.ndarray, "sample class"], labels: Labels) -> Flags:
    """Where the model's class is as probable as for its own samples, and most of the neighbors are of that class."""
    every, said = np.arange(len(labels)), probabilities.argmax(axis=1)
    n_classes = probabilities.shape[1]
    known = labels >= 0
    sizes = np.bincount(labels[known], minlength=n_classes)
    sums = np.bincount(labels[known], probabilities[known, labels[known]].astype(np.float64), minlength=n_classes)
    thresholds = np.divide(sums, sizes, out=np.full(n_classes, np.inf), where=sizes > 0)
    n_votes = votes.sum(axis=1)
    sure = probabilities[every, said] >= thresholds[said] * (1 - 1e-9)  # a mean of equal numbers may round up
    return sure & (n_votes >= LEAST_VOTES) & (2 * votes[every, said] > n_votes)


def _find_trusted(
    said: Int[np.ndarray, " agreed"], own: Int[np.ndarray, " agreed"], *, sizes: Int[np.ndarray, " class"]
) -> Bool[np.ndarray, " class"]:
    """For each class that is said whether its own samples clearly prevail where model and neighbors agree on it.

    The labels of those samples have no part in the votes that were cast for them: if labels are random, each is of the
    class with the chance of any sample.
    """
    places = np.bincount(said, minlength=len(sizes))
    right = np.bincount(said[said == own], minlength=len(sizes))
    return bdtrc(right - 1.0, places, np.maximum(sizes / max(1, sizes.sum()), 0.5)) < FALSE_ALARM
