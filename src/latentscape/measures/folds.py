"""Which samples are held out together when a reader is cross-validated."""

import numpy as np
from jaxtyping import Float, Int

from latentscape.shapes import Labels

N_FOLDS = 5
"""A reader learns from four fifths of the samples and is asked about the rest, five times."""


def deal_groups(labels: Labels, groups: Labels, *, n_folds: int = N_FOLDS, seed: int) -> Labels:
    """The fold of each sample, no group in two of them, each class spread over the folds as evenly as groups allow.

    Groups are dealt one by one, the largest first (equal ones in random order), each onto the fold that holds the least
    of the group's own classes; among equals onto the fold with the fewest samples. Folds are numbered from 0; there are
    as many as groups where there are fewer groups than `n_folds`. No fold is empty, yet a class of few groups may be
    missing in some. The folds stay as they are when labels are permuted inside groups.

    >>> folds = deal_groups(np.array([0, 1, 0, 1]), np.array([5, 5, 8, 8]), n_folds=5, seed=0)
    >>> bool(folds[0] == folds[1]), bool(folds[2] == folds[3]), sorted(set(folds.tolist()))
    (True, True, [0, 1])
    """
    names, group = np.unique(groups, return_inverse=True)
    shares = _share_classes(labels, group, n_groups=len(names))
    sizes = np.bincount(group, minlength=len(names))
    shuffled = np.random.default_rng(seed).permutation(len(names))
    held, filled = np.zeros((min(n_folds, len(names)), shares.shape[1])), np.zeros(min(n_folds, len(names)))
    chosen = np.zeros(len(names), dtype=np.int64)
    for each in shuffled[np.argsort(-sizes[shuffled], kind="stable")]:
        fold = np.lexsort((filled, np.round(held @ shares[each], 12)))[0]
        held[fold] += shares[each]
        filled[fold] += sizes[each]
        chosen[each] = fold
    return chosen[group]


def deal_samples(labels: Labels, *, n_folds: int = N_FOLDS, seed: int) -> Labels:
    """The fold of each sample, dealt at random: class sizes, and the folds' own, differ by one sample at most.

    There are as many folds as samples where there are fewer samples than `n_folds`.

    >>> np.bincount(deal_samples(np.array([0, 0, 0, 0, 1, 1]), n_folds=2, seed=0)).tolist()
    [3, 3]
    """
    shuffled = np.random.default_rng(seed).permutation(len(labels))
    folds = np.zeros(len(labels), dtype=np.int64)
    folds[shuffled[np.argsort(labels[shuffled], kind="stable")]] = np.arange(len(labels)) % max(
        1, min(n_folds, len(labels))
    )
    return folds


def _share_classes(labels: Labels, group: Labels, *, n_groups: int) -> Float[np.ndarray, "group class"]:
    """The part of each class's samples that each group has."""
    names, classes = np.unique(labels, return_inverse=True)
    counts: Int[np.ndarray, "group class"] = np.zeros((n_groups, len(names)), dtype=np.int64)
    np.add.at(counts, (group, classes), 1)
    return counts / counts.sum(axis=0)
