"""Cosines of chosen (query, document) pairs, and which query and group each belongs to."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from latentscape.measures.unit_rows import measure_pair_cosines


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """Cosines of some (query, document) pairs, by query."""

    query: Int[np.ndarray, " pair"]
    document: Int[np.ndarray, " pair"]
    group: Int[np.ndarray, " pair"]
    """The group of queries the query belongs to."""
    values: Float[np.ndarray, " pair"]


def take_cosines(
    query_vectors: Float[np.ndarray, "query feature"],
    document_vectors: Float[np.ndarray, "document feature"],
    chosen: Sequence[Int[np.ndarray, " _"]],
    *,
    group: Int[np.ndarray, " query"],
) -> Pairs:
    """The cosine of every query with each of its chosen documents, each pair summed by itself."""
    query = np.repeat(np.arange(len(query_vectors)), [numbers.size for numbers in chosen])
    document = np.concatenate([*chosen, np.empty(0, dtype=np.int64)])
    values = measure_pair_cosines(query_vectors, document_vectors, pairs=(query, document))
    return Pairs(query=query, document=document, group=group[query], values=values)
