"""Queries, documents and judgments as a Python program holds them -> linked samples. None of the libraries they come
from is imported: each value is asked for what it can do."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from latentscape.datasets.pair_corpus import Entry, JudgedCorpus, Judgment, link_corpus, read_entry, read_id
from latentscape.datasets.pair_defects import Defect
from latentscape.datasets.pair_links import JUDGED
from latentscape.datasets.pair_samples import PairSamples
from latentscape.datasets.sample_columns import to_numpy
from latentscape.datasets.trec import find_columns, read_grade
from latentscape.datasets.vectors import VectorPairs, link_arrays
from latentscape.errors import DataError

SHOWN = "the values"
RELEVANT = (
    "`relevant`: for each query a document or several (a list), `{query: [documents]}`, `{query: {document: grade}}`, "
    "an array [k, 2] of (query, document), or a table of judgments (query-id, corpus-id, score)"
)
_HINT = "docs/guide.md shows how queries, documents and judgments are given"
Link = tuple[int | str, int | str, float]
"""Query and document, each a row or, where it is not known, an id; and the grade."""


def link_values(queries: Any, documents: Any, relevant: Any = None, *, hard: Any = None) -> PairSamples:
    """Link queries and documents that are in memory; all documents stay, also those that nobody judged.

    `queries` and `documents` are lists of texts, mappings of ids to texts (or to `{"title", "text"}`), series, or data
    frames with a column of texts and, where there is one, of ids. `relevant` says which documents are right: for each
    query a document or several, a mapping of queries to documents or to `{document: grade}`, an array [k, 2] of (query,
    document), a matrix of yes and no, or a table of judgments; without it the i-th document is right for the i-th
    query. Grades above 0 are right; a grade of 0 or less declares a hard negative. `hard` declares hard negatives, in
    the same forms. Numbers are rows, counted from 0, unless the ids are numbers; a pandas index counts as ids where it
    holds words.

    Raises DataError where values can't be read, rows are not there, or no query is left; ids that are not there are
    noted as defects.
    """
    asked, held = _read_side(queries, "query"), _read_side(documents, "document")
    links, wrong = _list_links(asked, held, relevant, hard=hard)
    right = {(query, document) for query, document, grade in links if grade > 0}
    both = [(query, document) for query, document, _ in wrong if (query, document) in right]
    judgments = [
        Judgment(query=asked.tell_id(query), document=held.tell_id(document), grade=grade)
        for query, document, grade in links
    ]
    judgments += [
        Judgment(query=asked.tell_id(query), document=held.tell_id(document), grade=0.0, types=())
        for query, document, _ in wrong
        if (query, document) not in right
    ]
    given = JudgedCorpus(
        queries=asked.entries,
        documents=held.entries,
        judgments=judgments,
        shown=SHOWN,
        ask_judgments=f"give {RELEVANT}",
        defects=tuple(_own_positive(asked.find_entry(query), held.find_entry(document)) for query, document in both),
    )
    return link_corpus(given)


def link_vectors(
    query_vectors: Any,
    document_vectors: Any,
    relevant: Any = None,
    *,
    hard: Any = None,
    query_texts: Any = None,
    document_texts: Any = None,
) -> VectorPairs:
    """Link vectors that are in memory, one row a query or document; texts, where they are given, as `link_values` takes
    them, row by row. `relevant` and `hard` as there.

    Raises what `link_values` and `read_vectors` raise.
    """
    vectors = to_numpy(query_vectors), to_numpy(document_vectors)
    for matrix, what in zip(vectors, ("queries", "documents"), strict=True):
        if matrix.ndim != 2:
            raise _unfit(
                f"the vectors of the {what} are no matrix",
                got=f"{' x '.join(map(str, matrix.shape)) or 'one value'} of {matrix.dtype}",
                expected="[row, feature], one row each",
            )
    sides = [
        _read_side(range(len(matrix)) if texts is None else texts, what, has_texts=texts is not None)
        for matrix, texts, what in zip(vectors, (query_texts, document_texts), ("query", "document"), strict=True)
    ]
    for side, matrix in zip(sides, vectors, strict=True):
        if len(side.entries) != len(matrix):
            raise _unfit(
                f"the texts of the {side.plural} do not fit their vectors",
                got=f"{len(side.entries):,} texts, {len(matrix):,} vectors",
            )
    asked, held = sides
    links, wrong = _list_links(asked, held, relevant, hard=hard)
    known = [(query, document, grade) for query, document, grade in links if _are_rows(query, document)]
    pairs = [(query, document) for query, document, grade in known if grade > 0]
    bad = [(query, document, JUDGED) for query, document, grade in known if grade <= 0]
    bad += [(query, document, "") for query, document, _ in wrong if _are_rows(query, document)]
    arrays: dict[str, Any] = {"queries": vectors[0], "documents": vectors[1], "relevant": _to_pairs(pairs)}
    if bad:
        arrays |= {"hard": _to_pairs(bad), "hard_types": np.array([types for *_, types in bad])}
    for side, texts in zip(sides, (query_texts, document_texts), strict=True):
        if texts is not None:
            arrays[f"{side.what}_texts"] = np.array([str(entry.text) for entry in side.entries])
    opened = {name: (lambda values=values: values) for name, values in arrays.items()}
    return link_arrays(opened, shown=SHOWN, is_corpus=True)


@dataclass(frozen=True, kw_only=True)
class _Side:
    """The queries, or the documents."""

    what: str
    entries: Sequence[Entry]
    rows: Mapping[str, int]
    """Id -> row; empty where there are no ids."""

    @property
    def plural(self) -> str:
        return "queries" if self.what == "query" else "documents"

    def tell_id(self, place: int | str) -> str:
        return self.find_entry(place).id

    def find_entry(self, place: int | str) -> Entry:
        """The query or document, also one that is not there."""
        return Entry(id=place, text="", where=f"{self.what} {place}") if isinstance(place, str) else self.entries[place]

    def find(self, place: object) -> int | str:
        """The row that a number or an id means; the id itself where it is not known."""
        key = _plain(place)
        name = read_id(key)
        if name is not None and name in self.rows:
            return self.rows[name]
        counts = not self.rows or not all(known.lstrip("-").isdecimal() for known in self.rows)
        if isinstance(key, int) and not isinstance(key, bool) and counts:
            if not 0 <= key < len(self.entries):
                raise _unfit(
                    f"there is no {self.what} {key}", got=f"{len(self.entries):,} {self.plural}, counted from 0"
                )
            return key
        if name is None or not self.rows:
            raise _unfit(
                f"no {self.what} is called {key!r:.60}",
                got=f"{len(self.rows):,} ids" if self.rows else f"{self.plural} without ids",
                hint="name rows by number, from 0, or give a mapping of ids to texts",
            )
        return name


def _read_side(values: Any, what: str, *, has_texts: bool = True) -> _Side:
    ids, texts = _list_texts(values, what) if has_texts else (None, [""] * len(values))
    entries = []
    for row, text in enumerate(texts):
        where = f"{what} {row + 1 if ids is None else ids[row]}"
        key = str(row) if ids is None else ids[row]
        if isinstance(text, Mapping):
            found = read_entry({**text, "_id": key}, what=what)
            entries.append(found or Entry(id=key, text=None, where=where))
        else:
            entries.append(Entry(id=key, text=text, where=where))
    rows: dict[str, int] = {}
    for row, key in enumerate(ids or ()):
        rows.setdefault(key, row)
    return _Side(what=what, entries=entries, rows=rows)


def _list_texts(values: Any, what: str) -> tuple[list[str] | None, list[Any]]:
    """Ids, where there are any, and texts or records."""
    columns = read_columns(values)
    if columns is not None:
        return _split_columns(columns, what)
    if isinstance(values, Mapping):
        return [_require_id(key, what) for key in values], list(values.values())
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        plural = "queries" if what == "query" else "documents"
        raise _unfit(f"the {plural} are no list", got=type(values).__name__, hint="give a list of texts")
    texts = [_plain(value) for value in values]
    index = list(getattr(values, "index", ())) if hasattr(values, "iloc") else []
    if index and all(isinstance(key, str) for key in index):
        return [_require_id(key, what) for key in index], texts
    named = [read_entry(text, what=what) if isinstance(text, Mapping) else None for text in texts]
    if texts and all(named):
        return [entry.id for entry in named if entry is not None], texts
    return None, texts


def _split_columns(columns: Mapping[str, list[Any]], what: str) -> tuple[list[str] | None, list[Any]]:
    names = list(columns)
    records = [dict(zip(names, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]
    entries = [read_entry(record, what=what) for record in records]
    if entries and all(entries):
        return [entry.id for entry in entries if entry is not None], records
    if len(names) == 1:
        return None, [record[names[0]] for record in records]
    return None, records


def read_columns(values: Any) -> dict[str, list[Any]] | None:
    """Every column of a data frame, an Arrow table or a data set; None for anything else."""
    if hasattr(values, "to_pydict") and hasattr(values, "column_names"):
        return values.to_pydict()
    if hasattr(values, "column_names") and hasattr(values, "with_format"):
        plain = values.with_format(None)
        return {name: list(plain[name]) for name in plain.column_names}
    if hasattr(values, "columns") and hasattr(values, "__getitem__") and not isinstance(values, Mapping):
        return {str(name): [_plain(value) for value in values[name]] for name in values.columns}
    return None


def _list_links(asked: _Side, held: _Side, relevant: Any, *, hard: Any) -> tuple[list[Link], list[Link]]:
    if relevant is None:
        if len(asked.entries) != len(held.entries):
            raise _unfit(
                "nothing says which documents are right",
                got=f"{len(asked.entries):,} queries and {len(held.entries):,} documents",
                hint=f"give {RELEVANT}",
            )
        links: list[Link] = [(row, row, 1.0) for row in range(len(asked.entries))]
    else:
        links = list(_read_links(relevant, asked, held, what="relevant"))
    return links, [] if hard is None else list(_read_links(hard, asked, held, what="hard"))


def _read_links(values: Any, asked: _Side, held: _Side, *, what: str) -> Iterator[Link]:
    columns = read_columns(values)
    if columns is not None:
        yield from _read_table(columns, asked, held, what=what)
    elif isinstance(values, Mapping):
        for query, documents in values.items():
            yield from _read_one(asked.find(query), documents, held)
    elif (pairs := _read_array(values, asked, held, what=what)) is not None:
        for query, document, grade in pairs:
            yield asked.find(query), held.find(document), grade
    else:
        listed = list(values) if isinstance(values, Iterable) and not isinstance(values, str) else None
        if listed is None or len(listed) != len(asked.entries):
            got = (
                type(values).__name__ if listed is None else f"{len(listed):,} entries, {len(asked.entries):,} queries"
            )
            raise _unfit(f"`{what}` does not fit the queries", got=got, hint=f"give {RELEVANT}")
        for query, documents in enumerate(listed):
            yield from _read_one(query, documents, held)


def _read_one(query: int | str, documents: Any, held: _Side) -> Iterator[Link]:
    """What is said of one query."""
    if isinstance(documents, Mapping):
        for document, value in documents.items():
            grade = read_grade(_plain(value))
            if grade is None:
                raise _unfit("a grade is no number", got=repr(value)[:60])
            yield query, held.find(document), grade
        return
    several = _plain(documents)
    if isinstance(several, str) or not isinstance(several, Iterable):
        several = [several]
    in_order = sorted(several, key=str) if isinstance(several, set | frozenset) else several
    for key in map(_plain, in_order):
        if key is not None and key != -1:
            yield query, held.find(key), 1.0


def _read_array(values: Any, asked: _Side, held: _Side, *, what: str) -> list[tuple[Any, Any, float]] | None:
    """(query, document, grade) of an array with two axes, or a sparse matrix; None for anything else."""
    if hasattr(values, "tocoo"):
        matrix = values.tocoo()
        triples = zip(matrix.row.tolist(), matrix.col.tolist(), matrix.data.tolist(), strict=True)
        return sorted((query, document, float(grade)) for query, document, grade in triples)
    if not hasattr(values, "shape") or len(values.shape) != 2:
        return None
    array = to_numpy(values)
    if array.dtype.kind == "b" and array.shape == (len(asked.entries), len(held.entries)):
        return [(query, document, 1.0) for query, document in np.argwhere(array).tolist()]
    if array.shape[1] != 2 or array.dtype.kind not in "iuUO":
        raise _unfit(
            f"`{what}` has the wrong shape",
            got=f"{' x '.join(map(str, array.shape))} of {array.dtype}",
            hint=f"give {RELEVANT}",
        )
    return [(query, document, 1.0) for query, document in array.tolist()]


def _read_table(columns: Mapping[str, list[Any]], asked: _Side, held: _Side, *, what: str) -> Iterator[Link]:
    named = find_columns(list(columns))
    if not named:
        got = ", ".join(f"`{name}`" for name in list(columns)[:12])
        hint = "rename its columns: query-id, corpus-id and, where there are grades, score"
        raise _unfit(f"the table `{what}` has no columns query-id and corpus-id", got=got, hint=hint)
    n = len(columns[named["query"]])
    grades = columns[named["grade"]] if "grade" in named else [1.0] * n
    for query, document, value in zip(columns[named["query"]], columns[named["document"]], grades, strict=True):
        grade = read_grade(value)
        if grade is None:
            raise _unfit(f"a grade in the table `{what}` is no number", got=repr(value)[:60])
        yield asked.find(query), held.find(document), grade


def _are_rows(query: int | str, document: int | str) -> bool:
    return isinstance(query, int) and isinstance(document, int)


def _to_pairs(links: Collection[tuple[Any, ...]]) -> np.ndarray:
    return np.array([link[:2] for link in links], dtype=np.int64).reshape(-1, 2)


def _plain(value: Any) -> Any:
    """A number of NumPy or of a tensor as Python's own; NaN, which data frames put for nothing, is None."""
    value = value.item() if hasattr(value, "item") and getattr(value, "ndim", 1) == 0 else value
    return None if isinstance(value, float) and value != value else value


def _require_id(key: object, what: str) -> str:
    found = read_id(_plain(key))
    if found is None:
        raise _unfit(f"a {what} has no id", got=repr(key)[:60], expected="words or whole numbers")
    return found


def _own_positive(query: Entry, document: Entry) -> Defect:
    where = f"{query.where}, {document.where}"
    return Defect(kind="negative_is_own_positive", where=where, text=str(document.text), other=query.where)


def _unfit(what: str, *, got: str = "", expected: str = "", hint: str = _HINT) -> DataError:
    return DataError(what, got=got, expected=expected, hint=hint, fault="data-columns")
