"""A readable piece of the query x document similarity matrix, and whether its diagonal stands out."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from latentscape.measures.bootstrap import score_share
from latentscape.measures.cosines import scale_to_unit
from latentscape.measures.score import Score


@dataclass(frozen=True, kw_only=True)
class Heatmap:
    """Cosines of some queries with the first right document of each: row i's own document is column i."""

    queries: Int[np.ndarray, " shown"]
    values: Float[np.ndarray, "shown shown"]
    diagonal: Score
    """Share of the rows whose largest value lies on the diagonal or on another document right for that query."""


def measure_heatmap(
    query_vectors: Float[np.ndarray, "query feature"],
    document_vectors: Float[np.ndarray, "document feature"],
    relevant: Sequence[Int[np.ndarray, " _"]],
    *,
    n_shown: int,
    seed: int,
) -> Heatmap:
    """Cosines of `n_shown` queries drawn at random with their own documents, no document twice.

    `heatmap_diagonal` is the share of its rows in which a right document is strictly brightest, in [0, 1], higher is
    better, with Wilson's interval. A tie between the diagonal and a wrong document counts against the diagonal. None
    with fewer than two rows.

    A document that is right for several drawn queries is shown once: only the first of these queries is kept, because
    two equal columns would make the diagonal ambiguous by construction.

    Source: ours; it stands in for the published checklist's "bright diagonal", which only eyes can judge.
    """
    queries = _draw_queries(relevant, n_shown=n_shown, seed=seed)
    documents = np.array([relevant[query][0] for query in queries], dtype=int)
    values = (
        scale_to_unit(query_vectors[queries], what="query")
        @ scale_to_unit(document_vectors[documents], what="document").T
    )
    right = np.array([np.isin(documents, relevant[query]) for query in queries], dtype=bool).reshape(values.shape)
    return Heatmap(queries=queries, values=values, diagonal=_score_diagonal(values, right))


def _draw_queries(relevant: Sequence[Int[np.ndarray, " _"]], *, n_shown: int, seed: int) -> Int[np.ndarray, " shown"]:
    order = np.random.default_rng(seed).permutation(len(relevant))
    first_query_of = {}
    for query in order[[len(relevant[query]) > 0 for query in order]]:
        first_query_of.setdefault(int(relevant[query][0]), int(query))
    return np.sort(np.array(list(first_query_of.values())[:n_shown], dtype=int))


def _score_diagonal(values: Float[np.ndarray, "shown shown"], right: np.ndarray) -> Score:
    n = len(values)
    if n < 2:
        return Score(name="heatmap_diagonal", value=None, n=n, reason="needs two queries with different documents")
    best_right = np.where(right, values, -np.inf).max(axis=1)
    best_wrong = np.where(right, -np.inf, values).max(axis=1)
    return score_share("heatmap_diagonal", int((best_right > best_wrong).sum()), n, reason="no rows")
