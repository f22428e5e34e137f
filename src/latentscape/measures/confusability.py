"""Which classes are mixed up more often than the mistakes of either make one expect?"""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Int

from latentscape.measures.bootstrap import score_share
from latentscape.measures.count_tails import measure_tails
from latentscape.measures.score import Score

NAME = "pair_confusion"
LEAST_CLASSES = 4
"""With three classes the mistakes outside a pair do not determine what to expect of it."""
SMOOTHING = 0.5
"""Mistakes of each class, spread evenly over the others, that are added before anything is expected."""
LEVEL = 0.01
"""A pair found special at this level, adjusted for all pairs, does not speak about the others."""
MOST_ROUNDS = 200
"""Rounds of fitting; some tens are enough."""
SETTLED = 1e-7
"""A fit is done when its margins are off by a smaller part of all mistakes."""


@dataclass(frozen=True, kw_only=True)
class PairConfusion:
    """How often two classes are taken for each other, and how often the mistakes at large would have it."""

    first: int
    """The smaller class number."""
    second: int
    rate: Score
    """Share of the two classes' samples predicted as the other one."""
    expected: float
    """The share if this pair were like all others, given how often its classes are missed and wrongly named."""
    p_value: float | None
    """How likely a count as large would be then; not adjusted for the number of pairs. None where it can't be told."""
    count: int
    """Samples of either class predicted as the other."""


def measure_confusability(confusions: Int[np.ndarray, "class class"]) -> tuple[PairConfusion, ...]:
    """For every pair of classes, how often they are taken for each other against how often one should expect it.

    A class that is often missed, or a name that is often given, is part of many mix-ups without the pair being
    special. If mistakes were spread by these margins alone, the count of samples of a predicted as b would be

        m_ab = missed_a * named_b for a other than b   (quasi-independence)

    For each pair the factors are fitted to all mistakes outside of it (iterative proportional fitting, half a mistake
    a class added, spread evenly), so that it does not explain itself: `expected` is E / (n_a + n_b), E = m_ab + m_ba.
    `p_value` is the chance of a count of c_ab + c_ba or more: the tail of a count of mean E and variance
    E + f m_ab^2 (1/r_a + 1/k_b) + f m_ba^2 (1/r_b + 1/k_a), with r and k the other mistakes in the rows and columns of
    the two classes, on which the expectation rests, and f = (C - 1) / (C - 3) for C classes, as the fewer there are the
    more of these cells are needed to tell missed from named. A pair whose p is below 0.01 / number of pairs is left out
    of the expectations of those with a larger p. `rate` is (c_ab + c_ba) / (n_a + n_b) in [0, 1] with Wilson's
    interval; lower is better. Only classes with samples form pairs. With fewer than four of them, or without any
    mistake, p is None and the expectation is the rate. With many pairs p has to be adjusted before a claim.

    Source: Goodman 1968, Journal of the American Statistical Association 63, 1091; fitting by margins: Deming and
    Stephan 1940, Annals of Mathematical Statistics 11, 427.
    """
    totals = confusions.sum(axis=1)
    present = np.flatnonzero(totals)
    seen = np.flatnonzero(totals + confusions.sum(axis=0))
    first, second = present[np.array(np.triu_indices(len(present), k=1))]
    mistakes = confusions.astype(np.float64)
    np.fill_diagonal(mistakes, 0.0)
    counts = mistakes[first, second] + mistakes[second, first]
    judged = len(present) >= LEAST_CLASSES and bool(mistakes.any())
    expected, p_values = counts, counts
    if judged:
        places = np.searchsorted(seen, first), np.searchsorted(seen, second)
        expected, p_values = _judge_pairs(mistakes[np.ix_(seen, seen)], *places)
    sizes = totals[first] + totals[second]
    shares = np.clip(expected / sizes, 0.0, 1.0)
    return tuple(
        PairConfusion(
            first=int(a),
            second=int(b),
            rate=replace(score_share(NAME, int(counts[i]), int(sizes[i]), reason=""), better="lower"),
            expected=float(shares[i]),
            p_value=float(p_values[i]) if judged else None,
            count=int(counts[i]),
        )
        for i, (a, b) in enumerate(zip(first, second, strict=True))
    )


def _judge_pairs(
    mistakes: Float[np.ndarray, "class class"], first: Int[np.ndarray, " pair"], second: Int[np.ndarray, " pair"]
) -> tuple[Float[np.ndarray, " pair"], Float[np.ndarray, " pair"]]:
    """The count expected of each pair and the chance of one as large as it has."""
    n_classes = len(mistakes)
    smoothed = mistakes + SMOOTHING / (n_classes - 1)
    kept = ~np.eye(n_classes, dtype=bool)
    counts = mistakes[first, second] + mistakes[second, first]
    expected, p_values = np.zeros(len(first)), np.ones(len(first))
    open_pairs = np.arange(len(first))
    # Were more left out, the factors of a last pair could hang in the air.
    for _ in range((n_classes - 1) // 2):
        a, b = first[open_pairs], second[open_pairs]
        means, variances = _expect_counts(np.where(kept, smoothed, 0.0), a, b, kept=kept)
        expected[open_pairs] = means
        p_values[open_pairs] = measure_tails(counts[open_pairs], means, variances)[1]
        worst = open_pairs[np.argmin(p_values[open_pairs])]
        if p_values[worst] * len(first) > LEVEL:
            break
        kept[first[worst], second[worst]] = kept[second[worst], first[worst]] = False
        open_pairs = open_pairs[open_pairs != worst]
    return expected, p_values


def _expect_counts(
    mistakes: Float[np.ndarray, "class class"],
    first: Int[np.ndarray, " pair"],
    second: Int[np.ndarray, " pair"],
    *,
    kept: Bool[np.ndarray, "class class"],
) -> tuple[Float[np.ndarray, " pair"], Float[np.ndarray, " pair"]]:
    """The count that the cells kept outside of each pair make one expect of it, and its variance."""
    each = np.arange(len(first))
    rows, columns = (np.tile(mistakes.sum(axis=axis), (len(first), 1)) for axis in (1, 0))
    for a, b in ((first, second), (second, first)):
        rows[each, a] -= mistakes[a, b]
        columns[each, b] -= mistakes[a, b]
    missed, named = _fit_margins(rows, columns, first, second=second, kept=kept)
    doubt = (len(kept) - 1) / (len(kept) - 3)
    means, variances = np.zeros(len(first)), np.zeros(len(first))
    for a, b in ((first, second), (second, first)):
        cell = missed[each, a] * named[each, b]
        means += cell
        variances += cell + np.square(cell) * doubt * (1.0 / rows[each, a] + 1.0 / columns[each, b])
    return means, variances


def _fit_margins(
    rows: Float[np.ndarray, "pair class"],
    columns: Float[np.ndarray, "pair class"],
    first: Int[np.ndarray, " pair"],
    *,
    second: Int[np.ndarray, " pair"],
    kept: Bool[np.ndarray, "class class"],
) -> tuple[Float[np.ndarray, "pair class"], Float[np.ndarray, "pair class"]]:
    """Factors whose products, over the cells kept but those of the pair itself, add up to the rows and columns."""
    each, allowed = np.arange(len(first)), kept.astype(np.float64)

    def meet(factors: Float[np.ndarray, "pair class"]) -> Float[np.ndarray, "pair class"]:
        met = factors @ allowed
        met[each, first] -= factors[each, second]
        met[each, second] -= factors[each, first]
        return met

    missed, named = rows, columns
    for _ in range(MOST_ROUNDS):
        missed = rows / meet(named)
        named = columns / meet(missed)
        if np.abs(missed * meet(named) - rows).max(initial=0.0) <= SETTLED * rows.sum(axis=1).min(initial=np.inf):
            break
    return missed, named
