"""A file of queries, right documents and hard negatives -> distinct queries and documents, linked by number."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

from latentscape.datasets.files import Skipped
from latentscape.datasets.pair_files import RawRows, bad_file, read_rows
from latentscape.datasets.pair_rows import BadRowError, Negative, PairRow, parse_row
from latentscape.datasets.text import fold, make_printable
from latentscape.datasets.weights import Weights, combine_weights, is_declared, read_weights
from latentscape.shapes import Rows

__all__ = ["NOTES", "HardNegative", "PairSamples", "combine_weights", "read_pairs", "read_weights"]

NOTES: Mapping[str, str] = MappingProxyType(
    {
        "repeated_queries": "rows whose query stood in an earlier row: they were merged into it",
        "queries_with_several_documents": "queries with more than one right document",
        "shared_documents": "documents that are right for more than one query",
        "queries_equal_to_their_document": "queries whose text is also their right document's text",
        "queries_without_hard_negatives": "queries that have no hard negative",
        "negatives_equal_to_own_positive": "hard negatives dropped because they are right for their own query",
        "negatives_right_for_another_query": "hard negatives kept though they are right for another query",
        "repeated_negatives": "hard negatives listed again for the same query: merged",
        "plain_negatives": "hard negatives written as bare text, without type and weight",
        "repeated_types": "hard negatives that list one type twice",
        "missing_weights": "hard negatives without a weight, besides those written as bare text",
        "zero_weights": "hard negatives with the weight 0",
        "undeclared_types": "hard negatives with a type that the weight file does not declare",
    }
)
"""What each count in `PairSamples.notes` counts."""


@dataclass(frozen=True, kw_only=True)
class HardNegative:
    """A document declared wrong for a query though it looks right."""

    document: int
    types: tuple[str, ...]
    """What makes it wrong; empty where the file does not say."""
    weight: float | None
    """As the file gives it; None where it gives none."""


@dataclass(frozen=True, kw_only=True)
class PairSamples:
    """Queries and documents, each distinct text once, in order of first appearance; links are document numbers.

    Two texts are one if they agree after NFC and folding of whitespace; the first spelling is kept.
    """

    queries: tuple[str, ...]
    documents: tuple[str, ...]
    relevant: tuple[tuple[int, ...], ...]
    """For each query the documents that are right for it; at least one."""
    hard_negatives: tuple[tuple[HardNegative, ...], ...]
    """For each query; never one of its right documents, but possibly another query's."""
    skipped: Skipped
    """(row, reason) of every row that is no pair; n_rows counts them too."""
    n_rows: int
    notes: Mapping[str, int] = field(default_factory=dict)
    """What is odd about the data, counted; keys as in `NOTES`."""
    undeclared: Mapping[str, int] = field(default_factory=dict)
    """Types that the weight file does not declare, and how many hard negatives carry each."""

    def __len__(self) -> int:
        return len(self.queries)

    def take(self, query_rows: Rows | Sequence[int]) -> "PairSamples":
        """The queries of `query_rows`, in that order, and the documents they refer to, renumbered but in order."""
        rows = [int(row) for row in query_rows]
        kept = {document for row in rows for document in self.relevant[row]}
        kept |= {negative.document for row in rows for negative in self.hard_negatives[row]}
        new = {old: number for number, old in enumerate(sorted(kept))}
        return replace(
            self,
            queries=tuple(self.queries[row] for row in rows),
            documents=tuple(self.documents[old] for old in sorted(kept)),
            relevant=tuple(tuple(new[old] for old in self.relevant[row]) for row in rows),
            hard_negatives=tuple(
                tuple(replace(negative, document=new[negative.document]) for negative in self.hard_negatives[row])
                for row in rows
            ),
        )


def read_pairs(path: Path, *, weights: Weights | None = None) -> PairSamples:
    """Read a pair file (JSON array, JSON Lines or Parquet, told apart by content) and link its texts.

    `weights`, from `read_weights`, only tells which types are declared; weights stay as the file gives them.

    Raises DataError if the file can't be read, holds no rows, or every row is faulty; SafetyError for a Parquet file
    with extension types.
    """
    raw = read_rows(Path(path))
    rows: list[PairRow] = []
    skipped = list(raw.skipped)
    for name, row in raw.rows:
        try:
            rows.append(parse_row(row))
        except BadRowError as error:
            skipped.append((name, str(error)))
    n_rows = len(raw.rows) + len(raw.skipped)
    if not rows:
        raise _nothing_usable(path, raw, skipped)
    return _Linker(weights).link(rows, tuple(sorted(skipped, key=_row_number)), n_rows)


def _row_number(skip: tuple[str, str]) -> int:
    return int(skip[0].rpartition(" ")[2])


def _nothing_usable(path: Path, raw: RawRows, skipped: Skipped | list[tuple[str, str]]) -> Exception:
    shown = make_printable(str(path))
    if not raw.rows and not raw.skipped:
        return bad_file(shown, "it holds no rows")
    reasons = "; ".join(f"{name} {reason}" for name, reason in skipped[:3])
    return bad_file(shown, f"none of its {len(skipped):,} rows is a pair ({reasons})", "is this the pair file?")


class _Numbers:
    """Distinct texts in order of first appearance."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._places: dict[str, int] = {}

    def add(self, text: str) -> int:
        """The number of `text`, a new one if it was not seen before."""
        place = self._places.setdefault(fold(text), len(self.texts))
        if place == len(self.texts):
            self.texts.append(text)
        return place


class _Linker:
    """Numbers texts row by row and counts what is odd on the way."""

    def __init__(self, weights: Weights | None) -> None:
        self._weights = weights
        self._queries, self._documents = _Numbers(), _Numbers()
        self._relevant: list[dict[int, None]] = []
        self._negatives: list[list[HardNegative]] = []
        self._counts: Counter[str] = Counter()
        self._undeclared: Counter[str] = Counter()

    def link(self, rows: Sequence[PairRow], skipped: Skipped, n_rows: int) -> PairSamples:
        """The linked samples of all rows."""
        for row in rows:
            self._add(row)
        hard = tuple(self._settle(query) for query in range(len(self._relevant)))
        self._count(len(rows), hard)
        return PairSamples(
            queries=tuple(self._queries.texts),
            documents=tuple(self._documents.texts),
            relevant=tuple(tuple(right) for right in self._relevant),
            hard_negatives=hard,
            skipped=skipped,
            n_rows=n_rows,
            notes={key: int(self._counts[key]) for key in NOTES if self._counts[key]},
            undeclared=dict(self._undeclared.most_common()),
        )

    def _add(self, row: PairRow) -> None:
        query = self._queries.add(row.query)
        if query == len(self._relevant):
            self._relevant.append({})
            self._negatives.append([])
        self._relevant[query].update((self._documents.add(text), None) for text in row.positives)
        for negative in row.negatives:
            self._count_negative(negative)
            document = self._documents.add(negative.text)
            self._negatives[query].append(HardNegative(document=document, types=negative.types, weight=negative.weight))

    def _count_negative(self, negative: Negative) -> None:
        undeclared = [name for name in negative.types if self._weights and not is_declared(name, self._weights)]
        self._undeclared.update(undeclared)
        self._counts.update(
            plain_negatives=negative.is_plain,
            repeated_types=negative.repeats_type,
            missing_weights=negative.weight is None and not negative.is_plain,
            zero_weights=negative.weight == 0,
            undeclared_types=bool(undeclared),
        )

    def _settle(self, query: int) -> tuple[HardNegative, ...]:
        """A query's negatives once all its rows are known: none of them right for it, each document once."""
        kept: dict[int, HardNegative] = {}
        for negative in self._negatives[query]:
            if negative.document in self._relevant[query]:
                self._counts["negatives_equal_to_own_positive"] += 1
            elif negative.document in kept:
                self._counts["repeated_negatives"] += 1
                kept[negative.document] = _merge(kept[negative.document], negative)
            else:
                kept[negative.document] = negative
        return tuple(kept.values())

    def _count(self, n_good: int, hard: Sequence[Sequence[HardNegative]]) -> None:
        users = Counter(document for right in self._relevant for document in right)
        self._counts.update(
            repeated_queries=n_good - len(self._relevant),
            queries_with_several_documents=sum(len(right) > 1 for right in self._relevant),
            shared_documents=sum(count > 1 for count in users.values()),
            queries_equal_to_their_document=sum(map(self._equals_document, range(len(self._relevant)))),
            queries_without_hard_negatives=sum(not negatives for negatives in hard),
            negatives_right_for_another_query=sum(n.document in users for negatives in hard for n in negatives),
        )

    def _equals_document(self, query: int) -> bool:
        key = fold(self._queries.texts[query])
        return any(fold(self._documents.texts[document]) == key for document in self._relevant[query])


def _merge(first: HardNegative, second: HardNegative) -> HardNegative:
    """One document declared twice for a query: all its types, the first weight given."""
    types = tuple(dict.fromkeys(first.types + second.types))
    return replace(first, types=types, weight=second.weight if first.weight is None else first.weight)
