"""Distinct queries and documents, linked by number, and the rows they came from."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

import numpy as np
from jaxtyping import Bool, Int

from latentscape.datasets.files import Skipped
from latentscape.datasets.pair_columns import Columns
from latentscape.datasets.pair_defects import Defect, count_defects
from latentscape.shapes import Rows

Numbers = tuple[int, ...]
"""Document numbers, ascending, each once."""
DocumentLists = tuple[Int[np.ndarray, " _"], ...]
"""The same as arrays, for each query."""


@dataclass(frozen=True, kw_only=True)
class HardNegative:
    """A document declared wrong for a query though it looks right."""

    document: int
    types: tuple[str, ...]
    """What makes it wrong; empty where the file does not say."""
    weight: float | None
    """As the file gives it; None where it gives none."""


@dataclass(frozen=True, kw_only=True, eq=False)
class RawPairs:
    """Every row at its word: copies are other documents, repeated queries other queries.

    A raw document is one mention of a document in the file, numbered in the order of the file; in a file of vectors it
    is a row of `documents`.
    """

    names: tuple[str, ...]
    """What the file calls each row that is a pair: `row 12`, `line 7`, `query 3`."""
    query: Int[np.ndarray, " row"]
    """The query number of each row."""
    places: tuple[str, ...]
    """What the file calls each raw document: `row 12, pos`, `row 12, hard_neg 3`, `document 5`."""
    document: Int[np.ndarray, " mention"]
    """The document number of each raw document."""
    relevant: tuple[Numbers, ...]
    """For each row the raw documents it calls right."""
    hard: tuple[Numbers, ...]
    """For each row the raw documents it calls wrong, whatever else is known of them; none that it calls right."""
    is_corpus: bool = False
    """Documents are a collection of their own: all of them are searched, whichever queries are taken."""

    def __len__(self) -> int:
        return len(self.names)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, RawPairs):
            return NotImplemented
        mine, yours = ((raw.names, raw.places, raw.relevant, raw.hard) for raw in (self, other))
        return (
            mine == yours and np.array_equal(self.query, other.query) and np.array_equal(self.document, other.document)
        )

    __hash__ = None  # pyright: ignore[reportAssignmentType]  # holds arrays

    def first_rows(self) -> Int[np.ndarray, " query"]:
        """For each query number the row it first stood in."""
        return np.unique(self.query, return_index=True)[1]

    def first_mentions(self) -> Int[np.ndarray, " document"]:
        """For each document number the raw document it was first mentioned as."""
        return np.unique(self.document, return_index=True)[1]

    def take(self, queries: Sequence[int], documents: Sequence[int]) -> "RawPairs":
        """The rows of these queries, in the order of the file; queries and documents renumbered as listed."""
        new_query = {old: new for new, old in enumerate(queries)}
        rows = [row for row, query in enumerate(self.query.tolist()) if query in new_query]
        kept = np.flatnonzero(self._keep(rows))
        new_mention = {old: new for new, old in enumerate(kept.tolist())}
        return RawPairs(
            names=tuple(self.names[row] for row in rows),
            query=np.array([new_query[int(self.query[row])] for row in rows], dtype=np.int64),
            places=tuple(self.places[mention] for mention in kept.tolist()),
            document=np.searchsorted(np.asarray(documents, dtype=np.int64), self.document[kept]),
            relevant=tuple(tuple(new_mention[mention] for mention in self.relevant[row]) for row in rows),
            hard=tuple(tuple(new_mention[mention] for mention in self.hard[row]) for row in rows),
            is_corpus=self.is_corpus,
        )

    def without(self, documents: Collection[int]) -> "RawPairs":
        """The same rows without any mention of these document numbers; the others are renumbered in order."""
        lost = np.isin(self.document, list(documents))
        new_mention = (np.cumsum(~lost) - 1).tolist()
        numbers, kept = np.unique(self.document[~lost], return_inverse=True)
        if len(numbers) + len(set(documents)) != self.document.max(initial=-1) + 1:
            raise AssertionError("documents that no mention has")

        def renumber(mentions: Numbers) -> Numbers:
            return tuple(new_mention[mention] for mention in mentions if not lost[mention])

        return replace(
            self,
            places=tuple(place for place, gone in zip(self.places, lost.tolist(), strict=True) if not gone),
            document=kept.astype(np.int64),
            relevant=tuple(map(renumber, self.relevant)),
            hard=tuple(map(renumber, self.hard)),
        )

    def list_documents(self, queries: Sequence[int]) -> Int[np.ndarray, " document"]:
        """Numbers, ascending, of the documents that the rows of these queries mention, and that no row mentions; all
        of them where the documents are a corpus."""
        wanted = set(queries)
        rows = [row for row, query in enumerate(self.query.tolist()) if query in wanted]
        return np.unique(self.document[self._keep(rows)])

    def _keep(self, rows: Sequence[int]) -> Bool[np.ndarray, " mention"]:
        """Which raw documents these rows mention, or no row at all does."""
        if self.is_corpus:
            return np.ones(len(self.document), dtype=bool)
        return ~self._find_mentioned(range(len(self))) | self._find_mentioned(rows)

    def _find_mentioned(self, rows: Sequence[int]) -> Bool[np.ndarray, " mention"]:
        mentioned = np.zeros(len(self.document), dtype=bool)
        mentioned[list(chain.from_iterable((*self.relevant[row], *self.hard[row]) for row in rows))] = True
        return mentioned


@dataclass(frozen=True, kw_only=True)
class PairSamples:
    """Queries and documents, each distinct text once, in order of first appearance; links are document numbers.

    Two texts are one if they agree after NFC and folding of whitespace; the first spelling is kept.
    """

    queries: tuple[str, ...]
    documents: tuple[str, ...]
    relevant: tuple[Numbers, ...]
    """For each query the documents that are right for it; at least one."""
    hard_negatives: tuple[tuple[HardNegative, ...], ...]
    """For each query by document number; never a document that is right for any query, nor one ignored for this."""
    ignored: tuple[Numbers, ...]
    """For each query the documents that are neither right nor wrong: near copies of a right one."""
    skipped: Skipped
    """(row, reason) of every row that is no pair; n_rows counts them too. After them every query that was left out
    because the training file holds it, by its first row."""
    n_rows: int
    raw: RawPairs
    defects: tuple[Defect, ...] = ()
    """Everything odd in the file, whatever part of it was taken; by kind in the order of `DEFECTS`."""
    query_columns: Columns = field(default_factory=dict)
    """What the rows say of each query besides its text."""
    document_columns: Columns = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.queries)

    @property
    def defect_counts(self) -> Mapping[str, int]:
        """Kind of defect -> how many, in the order of `DEFECTS`; only kinds that occur."""
        return count_defects(self.defects)

    @property
    def rows(self) -> tuple[str, ...]:
        """The name of the row each query first stood in."""
        return tuple(self.raw.names[row] for row in self.raw.first_rows().tolist())

    def judgments(self) -> tuple[DocumentLists, DocumentLists, DocumentLists]:
        """For each query its right, its hard negative and its ignored documents, each ascending; no two overlap."""
        hard = [tuple(negative.document for negative in negatives) for negatives in self.hard_negatives]
        return _to_arrays(self.relevant), _to_arrays(hard), _to_arrays(self.ignored)

    def kept_documents(self, query_rows: Rows | Sequence[int]) -> Int[np.ndarray, " document"]:
        """Numbers, ascending, of the documents that `take` keeps for these queries."""
        return self.raw.list_documents([int(row) for row in query_rows])

    def take(self, query_rows: Rows | Sequence[int]) -> "PairSamples":
        """The queries of `query_rows`, each at most once, in that order, and the documents that their rows mention,
        renumbered but in order. Documents that no row of the file mentions stay, and all documents of a corpus do.

        What is known of the file as a whole stays known: its defects, and which hard negatives were left out because
        they are right for a query that may now be missing.
        """
        rows = [int(row) for row in query_rows]
        kept = self.raw.list_documents(rows).tolist()
        new = {old: number for number, old in enumerate(kept)}
        return replace(
            self,
            queries=tuple(self.queries[row] for row in rows),
            documents=tuple(self.documents[old] for old in kept),
            relevant=tuple(tuple(new[old] for old in self.relevant[row]) for row in rows),
            hard_negatives=tuple(
                tuple(replace(negative, document=new[negative.document]) for negative in self.hard_negatives[row])
                for row in rows
            ),
            ignored=tuple(tuple(new[old] for old in self.ignored[row] if old in new) for row in rows),
            raw=self.raw.take(rows, kept),
            query_columns={name: tuple(cells[row] for row in rows) for name, cells in self.query_columns.items()},
            document_columns={name: tuple(cells[old] for old in kept) for name, cells in self.document_columns.items()},
        )

    def without_documents(self, lost: Collection[int]) -> "PairSamples":
        """The same queries without the documents of these numbers, the others renumbered but in order.

        Raises ValueError where a query would be left without a right document: take the others first.
        """
        gone = set(lost)
        if not gone:
            return self
        if any(gone.issuperset(right) for right in self.relevant):
            raise ValueError("a query would be left without a right document")
        kept = [old for old in range(len(self.documents)) if old not in gone]
        new = {old: number for number, old in enumerate(kept)}
        return replace(
            self,
            documents=tuple(self.documents[old] for old in kept),
            relevant=tuple(tuple(new[old] for old in right if old in new) for right in self.relevant),
            hard_negatives=tuple(
                tuple(replace(each, document=new[each.document]) for each in wrong if each.document in new)
                for wrong in self.hard_negatives
            ),
            ignored=tuple(tuple(new[old] for old in numbers if old in new) for numbers in self.ignored),
            raw=self.raw.without(gone),
            document_columns={name: tuple(cells[old] for old in kept) for name, cells in self.document_columns.items()},
        )


def _to_arrays(lists: Sequence[Numbers]) -> DocumentLists:
    return tuple(np.array(numbers, dtype=np.int64) for numbers in lists)
