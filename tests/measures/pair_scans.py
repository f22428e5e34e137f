"""A scan of all pairs by hand: every cosine by itself, in double precision."""

import numpy as np

from latentscape.measures.judgments import Judgments
from latentscape.measures.scan import PairScan

N_BINS = 4000


def judge(relevant, hard=None, ignored=None, *, n_documents):
    """Judgments from plain lists; a list left out is empty for every query."""
    lists = [
        tuple(np.unique(np.asarray(numbers, dtype=np.int64)) for numbers in each or [[]] * len(relevant))
        for each in (relevant, hard, ignored)
    ]
    return Judgments(relevant=lists[0], hard=lists[1], ignored=lists[2], n_documents=n_documents)


def all_cosines(queries, documents):
    units = [each.astype(float) / np.linalg.norm(each.astype(float), axis=1)[:, None] for each in (queries, documents)]
    table = [(query * units[1]).sum(axis=1) for query in units[0]]
    return np.clip(np.array(table), -1.0, 1.0).reshape(len(queries), len(documents))


def scan_by_hand(queries, documents, judgments, *, n_groups=500, seed=0):
    """What `scan_pairs` should find, but for the ranks, which are left empty."""
    n = len(queries)
    cosines = all_cosines(queries, documents)
    wrong = mark_wrong(judgments)
    group = np.random.default_rng(seed).permutation(n) % max(1, min(n, n_groups))
    counts = np.zeros((min(n, n_groups), N_BINS), dtype=np.int64)
    mined, similarity = np.full(n, -1), np.full(n, np.nan)
    for query in range(n):
        row = cosines[query][wrong[query]]
        bins = np.minimum(((row + 1) * (N_BINS / 2)).astype(int), N_BINS - 1)
        counts[group[query]] += np.bincount(bins, minlength=N_BINS)
        if row.size:
            mined[query] = np.flatnonzero(wrong[query])[np.argmax(row)]
            similarity[query] = row.max()
    none, values = np.empty(0, dtype=np.int64), np.empty(0)
    return PairScan(
        top=np.empty((n, 0), dtype=np.int64), top_similarity=np.empty((n, 0)), pair_query=none, pair_document=none,
        pair_similarity=values, ahead=none, ahead_without_hard=none, mined=mined, mined_similarity=similarity,
        group=group, counts=counts,
    )  # fmt: skip


def mark_wrong(judgments):
    """Which documents are wrong for each query."""
    wrong = np.ones((len(judgments.relevant), judgments.n_documents), dtype=bool)
    for query, (right, ignored) in enumerate(zip(judgments.relevant, judgments.ignored, strict=True)):
        wrong[query, right] = False
        wrong[query, ignored] = False
    return wrong
