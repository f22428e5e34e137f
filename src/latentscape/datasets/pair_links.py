"""Rows that mention texts -> distinct queries and documents, what is odd about them noted on the way."""

from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import cast

import numpy as np

from latentscape.datasets.files import Skipped
from latentscape.datasets.near_copies import find_near_copies
from latentscape.datasets.pair_columns import Cells, merge_cells, no_cells, stack_cells
from latentscape.datasets.pair_defects import Defect, sort_defects
from latentscape.datasets.pair_samples import HardNegative, Numbers, PairSamples, RawPairs
from latentscape.datasets.text import fold
from latentscape.datasets.weights import Weights, is_declared

JUDGED = "judged"
"""The type of a wrong document that somebody looked at and found wrong, and nothing more is known of."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Mention:
    """One place that gives the text of a query or document."""

    text: str
    key: Hashable
    """Mentions of one query, or of one document, agree in it."""
    where: str
    cells: Cells = field(default_factory=no_cells)


@dataclass(frozen=True, kw_only=True, slots=True)
class Declared:
    """A row's word that a document is wrong."""

    mention: int
    where: str
    types: tuple[str, ...] = ()
    weight: float | None = None
    odd: tuple[tuple[str, str], ...] = ()
    """(kind of defect, what is at fault) of all that is odd in the declaration itself."""


def declare(
    *, mention: int, where: str, types: Sequence[str], weight: object, needs_weight: bool, is_plain: bool = False
) -> Declared:
    """A declaration and what is odd in it; `needs_weight` tells whether a missing weight is."""
    distinct, odd = tuple(dict.fromkeys(types)), []
    if is_plain:
        odd.append(("plain_negative", ""))
    if weight is None and needs_weight:
        odd.append(("missing_weight", ""))
    if weight == 0:
        odd.append(("zero_weight", "0"))
    odd += [("repeated_type", name) for name in distinct if types.count(name) > 1][:1]
    number = None if weight is None else float(cast("float", weight))
    return Declared(mention=mention, where=where, types=distinct, weight=number, odd=tuple(odd))


@dataclass(frozen=True, kw_only=True)
class Mentions:
    """Rows as they stand: one query each, its right and its wrong documents by their place in `documents`."""

    queries: Sequence[Mention]
    documents: Sequence[Mention]
    relevant: Sequence[Numbers]
    hard: Sequence[tuple[Declared, ...]]
    has_texts: bool = True
    """False where texts are only names we gave, in which nothing is to be found."""
    is_corpus: bool = False
    """Whether the documents are a collection of their own, searched whole for each query."""


def link_mentions(mentions: Mentions, *, skipped: Skipped, n_rows: int, weights: Weights | None = None) -> PairSamples:
    """The linked samples; `weights` only tells which types are declared."""
    return _Linker(mentions, weights).link(skipped, n_rows)


class _Linker:
    """Numbers the mentions, then goes over rows, queries and documents, and notes what is odd."""

    def __init__(self, mentions: Mentions, weights: Weights | None) -> None:
        self._given, self._weights = mentions, weights
        self._defects: list[Defect] = []
        self._queries, query = _number(mentions.queries)
        self._documents, document = _number(mentions.documents)
        self._query, self._document = query.tolist(), document.tolist()
        self._raw = RawPairs(
            names=tuple(row.where for row in mentions.queries),
            query=query,
            places=tuple(mention.where for mention in mentions.documents),
            document=document,
            relevant=tuple(mentions.relevant),
            hard=tuple(map(_list_wrong, mentions.relevant, mentions.hard)),
            is_corpus=mentions.is_corpus,
        )
        self._rows_of: list[list[int]] = [[] for _ in self._queries]
        for row in self._find_new_rows():
            self._rows_of[self._query[row]].append(row)
        self._right = [dict.fromkeys(self._list_right(rows)) for rows in self._rows_of]
        self._right_in = self._note_shared()
        self._copies = _map_copies(self._documents) if mentions.has_texts else {}

    def link(self, skipped: Skipped, n_rows: int) -> PairSamples:
        """The samples, once everything is noted."""
        ignored = [self._find_ignored(query) for query in range(len(self._queries))]
        hard = tuple(self._settle(query, ignored[query]) for query in range(len(self._queries)))
        self._note_queries()
        if self._given.has_texts:
            self._note_copies()
        return PairSamples(
            queries=tuple(mention.text for mention in self._queries),
            documents=tuple(mention.text for mention in self._documents),
            relevant=tuple(tuple(sorted(right)) for right in self._right),
            hard_negatives=hard,
            ignored=tuple(tuple(sorted(numbers)) for numbers in ignored),
            skipped=skipped,
            n_rows=n_rows,
            raw=self._raw,
            defects=sort_defects(self._defects),
            query_columns=stack_cells([mention.cells for mention in self._queries], shown="the queries"),
            document_columns=stack_cells([mention.cells for mention in self._documents], shown="the documents"),
        )

    def _find_new_rows(self) -> Iterator[int]:
        """Rows that say something; those that say it again are noted, and so are those that add to a query."""
        first: dict[int, int] = {}
        said: dict[Hashable, int] = {}
        for row, query in enumerate(self._query):
            before = said.setdefault(self._digest(row), row)
            if before != row:
                self._note("repeated_row", row, other=self._raw.names[before])
                continue
            if query in first:
                self._note("repeated_query", row, other=self._raw.names[first[query]])
            first.setdefault(query, row)
            yield row

    def _digest(self, row: int) -> Hashable:
        """What a row says, whatever the order it says it in."""
        right = sorted({self._document[mention] for mention in self._given.relevant[row]})
        wrong = Counter((self._document[each.mention], each.types, each.weight) for each in self._given.hard[row])
        return self._query[row], tuple(right), frozenset(wrong.items())

    def _list_right(self, rows: Sequence[int]) -> list[int]:
        return [self._document[mention] for row in rows for mention in self._given.relevant[row]]

    def _note_shared(self) -> dict[int, int]:
        """Document -> the row in which it was first called right."""
        first: dict[int, int] = {}
        seen: set[tuple[int, int]] = set()
        for row in sorted(row for rows in self._rows_of for row in rows):
            for document in self._list_right([row]):
                link = self._query[row], document
                if document in first and link not in seen and not self._given.is_corpus:
                    other = self._raw.names[first[document]]
                    self._note("shared_positive", row, text=self._documents[document].text, other=other)
                first.setdefault(document, row)
                seen.add(link)
        return first

    def _find_ignored(self, query: int) -> set[int]:
        right = self._right[query]
        return {copy for document in right for copy in self._copies.get(document, ()) if copy not in right}

    def _settle(self, query: int, ignored: set[int]) -> tuple[HardNegative, ...]:
        """A query's hard negatives once all its rows are known, each document once."""
        kept: dict[int, HardNegative] = {}
        seen: dict[int, str] = {}
        for declared in (declared for row in self._rows_of[query] for declared in self._given.hard[row]):
            self._note_declaration(declared)
            document = self._document[declared.mention]
            kind, other = self._judge(query, document, seen=seen, ignored=ignored)
            if kind == "negative_is_other_positive" and declared.types == (JUDGED,):
                kind = "judged_right_elsewhere"  # a judgment of this query alone, no sample that a training draws
            if kind:
                self._note_negative(kind, declared, other)
            seen.setdefault(document, declared.where)
            negative = HardNegative(document=document, types=declared.types, weight=declared.weight)
            if document in kept:
                kept[document] = _merge(kept[document], negative)
            elif not kind:
                kept[document] = negative
        return tuple(kept[document] for document in sorted(kept))

    def _judge(self, query: int, document: int, *, seen: dict[int, str], ignored: set[int]) -> tuple[str, str]:
        """Why a declared negative is none, or none anew, and what it equals; empty where it is one."""
        names = self._raw.names
        if document in self._right[query]:
            return "negative_is_own_positive", names[self._rows_of[query][0]]
        if document in seen:
            return "repeated_negative", seen[document]
        if document in ignored:
            copied = next(copy for copy in self._copies[document] if copy in self._right[query])
            return "near_copy_of_positive", self._documents[copied].where
        if document in self._right_in:
            return "negative_is_other_positive", names[self._right_in[document]]
        return "", ""

    def _note_declaration(self, declared: Declared) -> None:
        for name in declared.types:
            if self._weights and not is_declared(name, self._weights):
                self._note_negative("undeclared_type", declared, name)
        for kind, other in declared.odd:
            self._note_negative(kind, declared, other)

    def _note_queries(self) -> None:
        documents = self._documents if self._given.has_texts else []
        places = {fold(mention.text): place for place, mention in enumerate(documents)}
        for query, mention in enumerate(self._queries):
            row = self._rows_of[query][0]
            if len(self._right[query]) > 1 and not self._given.is_corpus:
                self._note("query_with_several_positives", row, other=f"{len(self._right[query])} right documents")
            same = places.get(fold(mention.text))
            if same is not None:
                is_own = same in self._right[query]
                other = "its own right document" if is_own else self._documents[same].where
                self._note("query_is_document", row, other=other)
        for group in find_near_copies([each.text for each in self._queries]) if self._given.has_texts else ():
            for query in group[1:]:
                self._note("near_copy_of_query", self._rows_of[query][0], other=self._queries[group[0]].where)

    def _note_copies(self) -> None:
        """Documents that nearly equal another one, but for those noted as a hard negative of the query already."""
        noted = {defect.where for defect in self._defects if defect.kind == "near_copy_of_positive"}
        told = {self._document[each.mention] for row in self._given.hard for each in row if each.where in noted}
        for group in dict.fromkeys(self._copies.values()):
            head = next((document for document in group if document in self._right_in), group[0])
            for document in group:
                if document != head and document not in told:
                    mention, other = self._documents[document], self._documents[head].where
                    self._defects.append(
                        Defect(kind="near_copies", where=mention.where, text=mention.text, other=other)
                    )

    def _note(self, kind: str, row: int, *, text: str = "", other: str) -> None:
        where, query = self._raw.names[row], self._given.queries[row].text
        self._defects.append(Defect(kind=kind, where=where, text=text or query, other=other))

    def _note_negative(self, kind: str, declared: Declared, other: str = "") -> None:
        text = self._given.documents[declared.mention].text
        self._defects.append(Defect(kind=kind, where=declared.where, text=text, other=other))


def _number(mentions: Sequence[Mention]) -> tuple[list[Mention], np.ndarray]:
    """Distinct ones in order of first appearance, with all that is said of each, and the number of every mention."""
    places: dict[Hashable, int] = {}
    numbers = np.array([places.setdefault(mention.key, len(places)) for mention in mentions], dtype=np.int64)
    distinct: list[Mention] = []
    for mention, number in zip(mentions, numbers.tolist(), strict=True):
        if number == len(distinct):
            distinct.append(mention)
        elif mention.cells:
            distinct[number] = replace(distinct[number], cells=merge_cells(distinct[number].cells, mention.cells))
    return distinct, numbers


def _list_wrong(right: Numbers, hard: Sequence[Declared]) -> Numbers:
    """Each mention once, and none that the row calls right as well."""
    return tuple(sorted({each.mention for each in hard}.difference(right)))


def _map_copies(documents: Sequence[Mention]) -> dict[int, Numbers]:
    """Document -> its group of near copies. Equal texts that were kept apart have another reason to be told apart."""
    texts = [fold(mention.text) for mention in documents]
    count = Counter(texts)
    alone = [place for place, text in enumerate(texts) if count[text] == 1]
    groups = [tuple(alone[place] for place in group) for group in find_near_copies([texts[place] for place in alone])]
    return {document: group for group in groups for document in group}


def _merge(first: HardNegative, second: HardNegative) -> HardNegative:
    """One document declared twice for a query: all its types, the first weight given."""
    types = tuple(dict.fromkeys(first.types + second.types))
    return replace(first, types=types, weight=second.weight if first.weight is None else first.weight)
