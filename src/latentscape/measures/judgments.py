"""What is known of each query's documents: right, declared wrong, or not to be judged."""

from dataclasses import dataclass

from jaxtyping import Int
from numpy import ndarray

DocumentLists = tuple[Int[ndarray, " _"], ...]
"""For each query some document numbers, ascending, each once."""


@dataclass(frozen=True, kw_only=True)
class Judgments:
    """For each query its right documents, its declared hard negatives, and those that take no part.

    No document is in two lists of one query. Every document in none of them is wrong for the query, without anybody
    having said so.
    """

    relevant: DocumentLists
    hard: DocumentLists
    ignored: DocumentLists
    """Neither right nor wrong: near copies of a right document, for example. No measure counts them for the query."""
    n_documents: int
