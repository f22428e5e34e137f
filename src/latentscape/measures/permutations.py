"""What would chance have read? Labels permuted so that all that is not the question stays as it is."""

import math
from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, Int

from latentscape.shapes import Labels

N_PERMUTATIONS = 999
"""The smallest p is then 0.001."""
MIN_ARRANGEMENTS = 20
"""Fewer different arrangements of the labels could never give a p of 0.05: then there is no p."""
SAME = 1e-12
"""Results that differ by less differ by rounding only."""


def permute_labels(
    labels: Labels, groups: Labels, *, n: int = N_PERMUTATIONS, seed: int, within: Labels | None = None
) -> Int[np.ndarray, "draw sample"]:
    """`n` permutations of the labels that respect the groups, such as speakers.

    In a group whose samples have different labels these are permuted inside the group: what tells groups apart can't
    explain them. Groups with a single label trade it with each other, as a whole: their samples are no independent
    witnesses. With `within`, labels move only between samples of the same number there; a group with a single label
    has to have one number.

    Where folds were balanced by the labels and labels may cross from fold to fold, give the folds as `within`:
    permuted labels would be balanced worse than the real ones, and chance would look too bad.

    >>> permute_labels(np.array([0, 1, 7, 7]), np.array([0, 0, 1, 1]), n=3, seed=0)[:, 2:].tolist()
    [[7, 7], [7, 7], [7, 7]]
    """
    random = np.random.default_rng(seed)
    draws = np.repeat(labels[None], n, axis=0)
    for cell, owners in _list_cells(labels, groups, within):
        _, firsts, units = np.unique(owners, return_index=True, return_inverse=True)
        own = labels[cell[firsts]]
        if np.ptp(own) > 0:
            draws[:, cell] = random.permuted(np.repeat(own[None], n, axis=0), axis=1)[:, units]
    return draws


def count_arrangements(labels: Labels, groups: Labels, *, within: Labels | None = None) -> int:
    """How many different arrangements of the labels `permute_labels` can draw, the real one among them.

    >>> count_arrangements(np.array([0, 0, 1, 1]), np.array([1, 1, 2, 2]))
    2
    >>> count_arrangements(np.array([0, 1, 0, 1]), np.array([1, 1, 2, 2]))
    4
    """
    total = 1
    for cell, owners in _list_cells(labels, groups, within):
        _, firsts = np.unique(owners, return_index=True)
        placed = 0
        for size in np.unique(labels[cell[firsts]], return_counts=True)[1].tolist():
            placed += size
            total *= math.comb(placed, size)
    return total


def p_value_of(null: Float[np.ndarray, " draw"], observed: float) -> float:
    """How often chance does as well: (1 + #{null >= observed}) / (1 + draws), in (0, 1]; small speaks against chance.

    Never 0, for the real labels are one of the arrangements.

    Source: Phipson and Smyth 2010, https://doi.org/10.2202/1544-6115.1585.

    >>> p_value_of(np.array([0.2, 0.5, 0.4]), 0.5)
    0.5
    """
    return (1 + int(np.sum(null >= observed - SAME))) / (1 + len(null))


def holm(p_values: Float[np.ndarray, " test"]) -> Float[np.ndarray, " test"]:
    """Each p adjusted for having asked several questions; claims at 0.05 are then all right 95 % of the time.

    The i-th smallest of m is multiplied by m - i + 1, made at least as large as the ones before, and cut at 1.

    Source: Holm 1979, Scandinavian Journal of Statistics 6, 65-70.

    >>> holm(np.array([0.01, 0.04, 0.03])).round(3).tolist()
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(p_values, kind="stable")
    factors = np.arange(len(p_values), 0, -1)
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(p_values[order] * factors))
    return adjusted


def _list_cells(
    labels: Labels, groups: Labels, within: Labels | None
) -> Iterator[tuple[Int[np.ndarray, " member"], Int[np.ndarray, " member"]]]:
    """The cells whose labels are permuted: their samples, and for each sample which unit moves with it."""
    strata = np.zeros(len(labels), dtype=np.int64) if within is None else np.unique(within, return_inverse=True)[1]
    group = np.unique(groups, return_inverse=True)[1]
    mixed = _find_mixed(labels, group)[group]
    inside = group * (int(strata.max(initial=0)) + 1) + strata
    cells = np.where(mixed, inside, -1 - strata)
    order = np.argsort(cells, kind="stable")
    for cell in np.split(order, np.flatnonzero(np.diff(cells[order])) + 1):
        if len(cell):
            yield cell, np.arange(len(cell)) if mixed[cell[0]] else group[cell]


def _find_mixed(labels: Labels, group: Labels) -> np.ndarray:
    """Which groups have samples of different labels."""
    lowest, highest = np.full(group.max(initial=-1) + 1, np.iinfo(np.int64).max), np.full(group.max(initial=-1) + 1, -1)
    np.minimum.at(lowest, group, labels)
    np.maximum.at(highest, group, labels)
    return lowest < highest
