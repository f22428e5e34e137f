"""A file of ready-made vectors -> queries and documents, linked as those of a pair file are, and their two matrices."""

from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Int

from latentscape.datasets.files import Skipped
from latentscape.datasets.pair_columns import Cells, no_cells, read_cell
from latentscape.datasets.pair_links import Declared, Mention, Mentions, declare, link_mentions
from latentscape.datasets.pair_samples import Numbers, PairSamples
from latentscape.datasets.text import explain_bad_text, fold, make_printable, normalize
from latentscape.datasets.vector_arrays import (
    KNOWN,
    Arrays,
    find_faults,
    open_arrays,
    read_column,
    read_numbers,
    read_vectors_of,
    unfit,
)
from latentscape.datasets.weights import Weights, is_weight
from latentscape.errors import DataError
from latentscape.shapes import Rows

Vectors = Float32[np.ndarray, "vector feature"]
_SAME_TEXT = 0.9999
"""Cosine above which two vectors of one text are one: an encoder's rounding changes it far less."""
_HINT = (
    "give `relevant`: n document numbers, or pairs [k, 2] of (query, document), or `relevant_offsets` [n + 1] with "
    "`relevant_numbers`"
)


@dataclass(frozen=True, kw_only=True)
class VectorPairs:
    """Linked queries and documents, and a vector for each."""

    pairs: PairSamples
    query_vectors: Float32[np.ndarray, "query feature"]
    """Row i belongs to query i of `pairs`; finite, none all zeros, of any length."""
    document_vectors: Float32[np.ndarray, "document feature"]
    lost_documents: Skipped
    """(document, reason) of every document that was left out."""
    has_texts: bool
    """Whether the file gives texts; without them they are `query 1`, `document 1` and so on."""

    def take(self, query_rows: Rows | Sequence[int]) -> "VectorPairs":
        """These queries, and the documents that `PairSamples.take` keeps for them."""
        rows = [int(row) for row in query_rows]
        return VectorPairs(
            pairs=self.pairs.take(rows),
            query_vectors=self.query_vectors[rows],
            document_vectors=self.document_vectors[self.pairs.kept_documents(rows)],
            lost_documents=self.lost_documents,
            has_texts=self.has_texts,
        )


def read_vectors(path: Path, *, weights: Weights | None = None) -> VectorPairs:
    """Read `queries` [n, d] and `documents` [m, d] from a .npz or .safetensors file, and what it says of them.

    `relevant` names the right documents: n document numbers (-1 for none), or pairs [k, 2] of (query, document); or
    `relevant_offsets` [n + 1] and `relevant_numbers` list them query by query. Without it the i-th document is right
    for the i-th query. Optional: `hard` [k, 2] declares hard negatives, with `hard_types` (names divided by commas) and
    `hard_weights` for each; `query_texts` and `document_texts`; any other `query_NAME` or `document_NAME` is a column.
    Numbers count from 0. Two rows are one query or document if their texts agree and their vectors all but agree;
    without texts every row is its own.

    Queries and documents whose vector is zero or not finite are left out with the reason, and so are queries without a
    right document. Raises DataError if the file is broken, its arrays don't fit each other, or no query is left;
    SafetyError for Python objects.
    """
    return link_arrays(open_arrays(Path(path)), shown=make_printable(str(path)), weights=weights)


def link_arrays(arrays: Arrays, *, shown: str, weights: Weights | None = None, is_corpus: bool = False) -> VectorPairs:
    """The same for arrays that are open already, under the names that a file gives them.

    `is_corpus` says that the documents are a collection of their own: all of them are searched, whichever queries are
    taken.
    """
    queries, documents = (read_vectors_of(arrays, name, shown) for name in KNOWN[:2])
    if queries.shape[1] != documents.shape[1]:
        raise unfit(
            f"the queries and documents of {shown} don't lie in one space",
            got=f"{queries.shape[1]} and {documents.shape[1]} features",
            expected="vectors of one length",
        )
    sides = _Side("query", arrays, queries, shown=shown), _Side("document", arrays, documents, shown=shown)
    relevant = _read_relevant(arrays, n=len(queries), m=len(documents), shown=shown)
    hard = _read_hard(arrays, n=len(queries), m=len(documents), shown=shown)
    found = _link(*sides, relevant=relevant, hard=hard, shown=shown, weights=weights)
    if is_corpus:
        raw = replace(found.pairs.raw, is_corpus=True)
        return replace(found, pairs=replace(found.pairs, raw=raw))
    return found


class _Side:
    """The queries, or the documents, as the file gives them."""

    def __init__(self, name: str, arrays: Arrays, vectors: Vectors, *, shown: str) -> None:
        self.name, self.vectors = name, vectors
        self.faults = find_faults(vectors)
        plural = KNOWN[0] if name == "query" else KNOWN[1]
        columns = {
            key.removeprefix(f"{name}_"): read_column(arrays, key, n=len(vectors), of=plural, shown=shown)
            for key in arrays
            if key.startswith(f"{name}_")
        }
        given = columns.pop("texts", None)
        self.has_texts = given is not None
        texts: Sequence[object] = [""] * len(vectors) if given is None else given
        self._texts = [self.tell(row) if explain_bad_text(text) else str(text) for row, text in enumerate(texts)]
        self._columns = {normalize(key).strip(): values for key, values in columns.items()}

    def tell(self, row: int) -> str:
        """What the row is called."""
        return f"{self.name} {row + 1}"

    def list_mentions(self, rows: Sequence[int]) -> list[Mention]:
        """The rows as the linker wants them."""
        keys = _find_keys(self._texts, self.vectors, rows) if self.has_texts else rows
        return [
            Mention(text=normalize(self._texts[row]).strip(), key=key, where=self.tell(row), cells=self._cells(row))
            for row, key in zip(rows, keys, strict=True)
        ]

    def _cells(self, row: int) -> Cells:
        if not self._columns:
            return no_cells()
        cells = {name: read_cell(values[row]) for name, values in self._columns.items()}
        return {name: cell for name, cell in cells.items() if cell is not None}


def _find_keys(texts: Sequence[str], vectors: Vectors, rows: Sequence[int]) -> list[Hashable]:
    """One key for rows of one text whose vectors all but agree with the first such row's."""
    first: dict[str, int] = {}
    keys: list[Hashable] = []
    for row in rows:
        text = fold(texts[row])
        twin = first.setdefault(text, row)
        agrees = twin == row or _cosine(vectors[row], vectors[twin]) >= _SAME_TEXT
        keys.append(text if agrees else (text, row))
    return keys


def _cosine(a: Float32[np.ndarray, " feature"], b: Float32[np.ndarray, " feature"]) -> float:
    x, y = a.astype(np.float64), b.astype(np.float64)
    return float(x @ y / np.sqrt((x @ x) * (y @ y)))


def _link(
    queries: _Side,
    documents: _Side,
    *,
    relevant: Sequence[Numbers],
    hard: Mapping[int, list[Declared]],
    shown: str,
    weights: Weights | None,
) -> VectorPairs:
    kept = [row for row in range(len(documents.vectors)) if row not in documents.faults]
    new = {row: place for place, row in enumerate(kept)}
    right = [tuple(new[row] for row in rows if row in new) for rows in relevant]
    faults = {row: "none of its right documents is left" if relevant[row] else "it has no right document"
              for row, rows in enumerate(right) if not rows} | queries.faults  # fmt: skip
    asked = [row for row in range(len(queries.vectors)) if row not in faults]
    if not asked:
        row, reason = next(iter(sorted(faults.items())))
        raise DataError(
            f"no query of {shown} can be used",
            got=f"{queries.tell(row)}: {reason}",
            expected="vectors that are finite and not zero, and right documents",
            hint="look at the vectors and at `relevant`",
            fault="data-empty",
        )
    mentions = Mentions(
        queries=queries.list_mentions(asked),
        documents=documents.list_mentions(kept),
        relevant=[right[row] for row in asked],
        hard=[tuple(_renumber(hard.get(row, ()), new)) for row in asked],
        has_texts=queries.has_texts or documents.has_texts,
    )
    skipped = tuple((queries.tell(row), faults[row]) for row in sorted(faults))
    pairs = link_mentions(mentions, skipped=skipped, n_rows=len(queries.vectors), weights=weights)
    return VectorPairs(
        pairs=pairs,
        query_vectors=_pick(queries.vectors, np.array(asked)[pairs.raw.first_rows()]),
        document_vectors=_pick(documents.vectors, np.array(kept)[pairs.raw.first_mentions()]),
        lost_documents=tuple((documents.tell(row), documents.faults[row]) for row in sorted(documents.faults)),
        has_texts=mentions.has_texts,
    )


def _pick(vectors: Vectors, rows: Rows) -> Float32[np.ndarray, "row feature"]:
    """These rows; no copy where they are all of them."""
    return vectors if len(rows) == len(vectors) else vectors[rows]


def _renumber(hard: Sequence[Declared], new: Mapping[int, int]) -> list[Declared]:
    return [replace(each, mention=new[each.mention]) for each in hard if each.mention in new]


def _read_relevant(arrays: Arrays, *, n: int, m: int, shown: str) -> list[Numbers]:
    """For each query its right documents, ascending."""
    if "relevant_offsets" in arrays or "relevant_numbers" in arrays:
        return _read_ragged(arrays, n=n, m=m, shown=shown)
    if "relevant" not in arrays:
        if n != m:
            raise unfit(
                f"{shown} does not say which documents are right",
                got=f"{n:,} queries and {m:,} documents",
                expected="as many documents as queries, or the array `relevant`",
                hint=_HINT,
            )
        return [(row,) for row in range(n)]
    values = read_numbers(arrays, "relevant", shown)
    if values.ndim == 1 and len(values) == n:
        _check_range(values, m, lowest=-1, name="relevant", shown=shown)
        return [(value,) if value >= 0 else () for value in values.tolist()]
    found: list[set[int]] = [set() for _ in range(n)]
    for query, document in _check_pairs(values, n=n, m=m, name="relevant", shown=shown):
        found[query].add(document)
    return [tuple(sorted(rows)) for rows in found]


def _read_ragged(arrays: Arrays, *, n: int, m: int, shown: str) -> list[Numbers]:
    missing = [name for name in ("relevant_offsets", "relevant_numbers") if name not in arrays]
    if missing or "relevant" in arrays:
        what = f"lacks `{missing[0]}`" if missing else "has both `relevant` and `relevant_offsets`"
        raise unfit(f"{shown} {what}", hint=_HINT)
    offsets, numbers = (read_numbers(arrays, f"relevant_{name}", shown) for name in ("offsets", "numbers"))
    fits = offsets.shape == (n + 1,) and numbers.ndim == 1 and offsets[0] == 0 and offsets[-1] == len(numbers)
    if not fits or (np.diff(offsets) < 0).any():
        raise unfit(
            f"`relevant_offsets` and `relevant_numbers` of {shown} don't fit each other",
            got=f"{' x '.join(map(str, offsets.shape))} offsets, {' x '.join(map(str, numbers.shape))} numbers",
            expected=f"{n + 1:,} ascending offsets, from 0 to how many numbers there are",
        )
    _check_range(numbers, m, lowest=0, name="relevant_numbers", shown=shown)
    listed = numbers.tolist()
    return [tuple(sorted(set(listed[start:end]))) for start, end in pairwise(offsets.tolist())]


def _read_hard(arrays: Arrays, *, n: int, m: int, shown: str) -> dict[int, list[Declared]]:
    """Query -> its declared hard negatives."""
    if "hard" not in arrays:
        if named := [name for name in ("hard_types", "hard_weights") if name in arrays]:
            raise unfit(f"{shown} has `{named[0]}` without `hard`", hint="give `hard`, pairs of (query, document)")
        return {}
    numbers = read_numbers(arrays, "hard", shown)
    pairs = _check_pairs(numbers, n=n, m=m, name="hard", shown=shown) if numbers.size else []
    k = len(pairs)
    types = read_column(arrays, "hard_types", n=k, of="hard", shown=shown) if "hard_types" in arrays else [""] * k
    weights = read_column(arrays, "hard_weights", n=k, of="hard", shown=shown) if "hard_weights" in arrays else None
    found: defaultdict[int, list[Declared]] = defaultdict(list)
    for place, (query, document) in enumerate(pairs):
        names = [name for part in str(types[place]).split(",") if (name := normalize(part).strip())]
        weight = weights[place] if weights and is_weight(weights[place]) else None
        where = f"query {query + 1}, hard {len(found[query]) + 1}"
        found[query].append(
            declare(mention=document, where=where, types=names, weight=weight, needs_weight=weights is not None)
        )
    return dict(found)


def _check_pairs(values: Int[np.ndarray, "*axes"], *, n: int, m: int, name: str, shown: str) -> list[tuple[int, int]]:
    if values.ndim != 2 or values.shape[1] != 2:
        raise unfit(
            f"`{name}` of {shown} has the wrong shape",
            got=" x ".join(map(str, values.shape)) or "a single number",
            expected="pairs [k, 2] of (query, document)" + (f", or {n:,} numbers" if name == "relevant" else ""),
        )
    _check_range(values[:, 0], n, lowest=0, name=name, shown=shown)
    _check_range(values[:, 1], m, lowest=0, name=name, shown=shown)
    return [(int(query), int(document)) for query, document in values]


def _check_range(values: Int[np.ndarray, " _"], n: int, *, lowest: int, name: str, shown: str) -> None:
    wrong = values[(values < lowest) | (values >= n)]
    if len(wrong):
        raise unfit(
            f"`{name}` of {shown} has a number that is no row",
            got=str(wrong[0]),
            expected=f"{lowest} to {n - 1:,}; rows count from 0",
        )
