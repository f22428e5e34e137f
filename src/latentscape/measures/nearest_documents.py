"""Which documents queries find first: who is always there, who never, and what the head changes about it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float64, Int

from latentscape.measures.bootstrap import Interval, score_with, wilson
from latentscape.measures.influence import influence_interval, weigh_left_out
from latentscape.measures.judgments import Judgments
from latentscape.measures.plain_rows import choose_some
from latentscape.measures.recall import score_in_common, share_in_common
from latentscape.measures.scan import PairScan
from latentscape.measures.score import Score
from latentscape.neighbors import find_neighbors_among

K = 10
MOST_QUERIES = 3_000
"""Queries whose documents are searched once more in front of the head; of more, a random choice."""
UNBOUNDED = (float("-inf"), float("inf"))

Nearest = Int[np.ndarray, "query k"]


def find_nearest_documents(
    query_vectors: Float[np.ndarray, "query feature"],
    document_vectors: Float[np.ndarray, "document feature"],
    *,
    ignored: Sequence[Int[np.ndarray, " _"]],
    scan: PairScan | None = None,
) -> Nearest:
    """The 10 documents nearest to each query by cosine that are not ignored for it; -1 where there are no more."""
    k = min(K, len(document_vectors))
    if scan is not None and scan.top.shape[1] >= k:
        return scan.top[:, :k]
    most = max((len(numbers) for numbers in ignored), default=0)
    near = find_neighbors_among(query_vectors, document_vectors, k=k + most, metric="cosine").indices
    return _leave_out(near.astype(np.int64), ignored)[:, :k] if most else near.astype(np.int64)


def _leave_out(near: Nearest, ignored: Sequence[Int[np.ndarray, " _"]]) -> Nearest:
    """The same rows without what each query ignores, the others closed up, -1 at their ends."""
    gone = np.zeros(near.shape, dtype=bool)
    for query, numbers in enumerate(ignored):
        if len(numbers):
            gone[query] = np.isin(near[query], numbers)
    order = np.argsort(gone, axis=1, kind="stable")
    return np.take_along_axis(np.where(gone, -1, near), order, axis=1)


def measure_document_hubness(nearest: Nearest, document_vectors: Float[np.ndarray, "document feature"]) -> Score:
    """Whether a few documents come up for everybody: the skewness of how often each is among the 10 nearest.

    `document_hubness` = mean((N − mean N)³) / sd(N)³, N_d being the number of queries that have document d among their
    10 nearest. Lower is better: about 0 where popular documents are no more frequent than unpopular ones; the higher,
    the more a few documents crowd out the rest, whatever is asked. Documents that many queries rightly ask for count
    like any others. No ends. The interval leaves out each query in turn (jackknife). `n` counts documents. None with 10
    documents or fewer, where all documents lie in one place, or are found equally often.

    Source: Radovanovic, Nanopoulos and Ivanovic 2010, https://www.jmlr.org/papers/v11/radovanovic10a.html.
    """
    n, name = len(document_vectors), "document_hubness"
    found = nearest.ravel() >= 0
    counts = np.bincount(nearest.ravel()[found], minlength=n).astype(np.float64)
    reason = _explain_no_hubs(counts, document_vectors)
    if reason:
        return Score(name=name, value=None, n=n, better="lower", bounds=UNBOUNDED, reason=reason)
    excess = counts - counts.mean()
    powers = np.array([np.sum(excess**power) for power in (1, 2, 3)])
    value = float(_find_skewness(powers[:, None], n)[0])
    changes = np.where(found.reshape(nearest.shape), np.array(_change(excess[nearest])), 0.0).sum(axis=2)
    left = _find_skewness(powers[:, None] + changes, n)
    interval = Interval()
    if np.isfinite(left).sum() == len(left) > 2:
        interval = influence_interval(value, weigh_left_out(left), method="jackknife over queries", bounds=UNBOUNDED)
    return score_with(name, value, n=n, interval=interval, better="lower", bounds=UNBOUNDED)


def _explain_no_hubs(counts: Float64[np.ndarray, " document"], vectors: Float[np.ndarray, "document feature"]) -> str:
    if len(counts) <= K:
        return f"all of {len(counts)} documents are among the {K} nearest"
    if not np.any(vectors != vectors[0]):
        return "all documents lie in one place"
    return "all documents are found equally often" if np.ptp(counts) == 0 else ""


def _change(excess: Float64[np.ndarray, "query k"]) -> list[Float64[np.ndarray, "query k"]]:
    """How the sums of the first three powers change where a document is found once less."""
    return [(excess - 1.0) ** power - excess**power for power in (1, 2, 3)]


def _find_skewness(powers: Float64[np.ndarray, "3 draw"], n: int) -> Float64[np.ndarray, " draw"]:
    """Skewness from the sums of first, second and third powers of n numbers; NaN where they are equal."""
    m1, m2, m3 = powers / n
    variance = m2 - m1**2
    variance = np.where(variance > 1e-12, variance, np.nan)
    return (m3 - 3 * m1 * m2 + 2 * m1**3) / variance**1.5


def measure_never_found(nearest: Nearest, judgments: Judgments) -> Score:
    """The share of right documents that no query at all has among its 10 nearest: they cannot be found.

    `never_found` counts documents that are right for some query, each once, in [0, 1]; lower is better. More queries
    find more documents: compare models on the same queries. Wilson's interval over the documents. None where no query
    has a right document, and with 10 documents or fewer, which are all found.

    Source: the anti-hubs of Radovanovic, Nanopoulos and Ivanovic 2010,
    https://www.jmlr.org/papers/v11/radovanovic10a.html.
    """
    right = np.unique(np.concatenate([*judgments.relevant, np.empty(0, dtype=np.int64)]))
    few = judgments.n_documents <= K
    if few or not len(right):
        reason = f"all of {judgments.n_documents} documents are among the {K} nearest"
        reason = reason if few else "no query has a right document"
        return Score(name="never_found", value=None, n=len(right), better="lower", reason=reason)
    share = float(np.mean(~np.isin(right, nearest)))
    return score_with("never_found", share, n=len(right), interval=wilson(share, len(right)), better="lower")


class _Asked(NamedTuple):
    """Some queries, and what each of them ignores."""

    queries: Int[np.ndarray, " asked"]
    ignored: list[Int[np.ndarray, " _"]]
    n_choices: int
    """Documents that even the query with the most ignored ones can find."""

    @property
    def k(self) -> int:
        return min(K, self.n_choices)


def measure_head_overlap(
    query_vectors: Float[np.ndarray, "query feature"],
    document_vectors: Float[np.ndarray, "document feature"],
    judgments: Judgments,
    *,
    before_head: Float[np.ndarray, "place wide"],
    seed: int,
) -> Score:
    """What the head changes: the share of a query's 10 nearest documents that are among its 10 nearest before the head.

    `head_overlap` = mean over queries of |A ∩ B| / 10, A being the nearest documents by the vectors that enter the
    head and B those by the vectors that leave it, in [0, 1]. 1: the head finds what the encoder alone finds. Chance is
    10 / (number of documents). Neither is better by itself: a head is trained to change what is near, but one that was
    hardly trained and keeps little discards what the encoder knew. Interval: bootstrap of queries. Above 3,000 queries
    a random choice is asked, and `n` says so. With fewer documents fewer than 10 are compared; none where these would
    be all of them, or where a vector before the head is not finite.

    Source: neighborhood preservation as in Venna, Peltonen, Nybo, Aidos and Kaski 2010,
    https://jmlr.org/papers/v11/venna10a.html.
    """
    name, n_queries = "head_overlap", len(query_vectors)
    asked = _choose_asked(judgments, n_queries=n_queries, seed=seed)
    if not 0 < asked.k < asked.n_choices:
        reason = f"all of {len(document_vectors)} documents are among the nearest"
        return Score(name=name, value=None, n=len(asked.queries), better="neither", reason=reason)
    pairs = [(before_head[asked.queries], before_head[n_queries:]), (query_vectors[asked.queries], document_vectors)]
    near = [find_nearest_documents(*pair, ignored=asked.ignored)[:, : asked.k] for pair in pairs]
    score = score_in_common(name, share_in_common(near[0], near[1]), k=asked.k, seed=seed)
    return replace(score, better="neither", interval=score.interval.replace("samples", "queries"))


def _choose_asked(judgments: Judgments, *, n_queries: int, seed: int) -> _Asked:
    queries = choose_some(n_queries, most=MOST_QUERIES, seed=seed)
    ignored = [judgments.ignored[query] for query in queries.tolist()]
    most = max((len(numbers) for numbers in ignored), default=0)
    return _Asked(queries, ignored, judgments.n_documents - most)
