"""Do queries find their own right documents, or would anybody's do?"""

import numpy as np
from jaxtyping import Float, Int

from latentscape.measures.judgments import DocumentLists
from latentscape.measures.permutations import MIN_ARRANGEMENTS, N_PERMUTATIONS, count_arrangements, p_value_of

MOST_QUERIES = 2000
"""More are drawn at random: that many show any skill worth a word."""


def measure_rank_chance(top: Int[np.ndarray, "query k"], relevant: DocumentLists, *, seed: int) -> float | None:
    """How likely are ranks this good if right documents had nothing to do with their queries? In (0, 1].

    Each query's gain is the sum of 1 / log2(1 + rank) over the right documents among the first k in `top` (-1 where
    there are no more). The lists of right documents are then dealt to the queries at random, 999 times, and the total
    gain is compared. Documents that are near everything, or right for many queries, are so for chance too, and gain
    nothing. Beyond 2,000 queries a random 2,000 are asked.

    Small speaks against chance. None where there are too few different lists to deal: fewer than 20 arrangements could
    never give a p of 0.05.

    Source: discounted gain of Järvelin and Kekäläinen 2002, ACM Transactions on Information Systems 20; the
    permutation test is this project's own.
    """
    random = np.random.default_rng(seed)
    asked = np.flatnonzero([len(right) > 0 for right in relevant])
    if len(asked) > MOST_QUERIES:
        asked = np.sort(random.choice(asked, MOST_QUERIES, replace=False))
    numbers: dict[tuple[int, ...], int] = {}
    lists = np.array([numbers.setdefault(tuple(relevant[row].tolist()), len(numbers)) for row in asked], dtype=np.int64)
    if count_arrangements(lists, np.arange(len(lists))) < MIN_ARRANGEMENTS:
        return None
    gains = _tabulate_gains(top[asked], list(numbers))
    rows = np.arange(len(asked))
    null = np.array([gains[rows, random.permutation(lists)].sum() for _ in range(N_PERMUTATIONS)])
    return p_value_of(null, float(gains[rows, lists].sum()))


def _tabulate_gains(top: Int[np.ndarray, "query k"], lists: list[tuple[int, ...]]) -> Float[np.ndarray, "query list"]:
    """What each query would gain if each list were its right documents."""
    from scipy.sparse import csr_matrix  # noqa: PLC0415  maps without a model should not pay for it

    highest = max(int(top.max(initial=0)), *(max(each) for each in lists)) + 1
    weights = np.broadcast_to(1.0 / np.log2(np.arange(top.shape[1]) + 2.0), top.shape)
    real = top >= 0
    query = np.broadcast_to(np.arange(len(top))[:, None], top.shape)
    found = csr_matrix((weights[real], (query[real], top[real])), shape=(len(top), highest))
    owner = np.repeat(np.arange(len(lists)), [len(each) for each in lists])
    members = csr_matrix((np.ones(len(owner)), (np.concatenate(lists), owner)), shape=(highest, len(lists)))
    return csr_matrix(found.dot(members)).toarray()
