"""A finished run of the embeddings study -> its snapshot."""

from typing import TYPE_CHECKING

import numpy as np

from latentscape.run_reader import FinishedRun
from latentscape.snapshots.columns import SAMPLES, read_column, read_texts
from latentscape.snapshots.manifest import damaged, list_features, read_checkpoint, read_features, read_names
from latentscape.snapshots.quarters import name_values
from latentscape.snapshots.values import LayerMatrix, Numbers, RetrieverSnapshot, RowNumbers

if TYPE_CHECKING:
    import pyarrow  # noqa: ICN001  annotations are looked up by the whole name

COLUMNS = ("kind", "text", "feature_row", "right", "hard_negatives", "hard_types", "ignored")
ATTRIBUTE = "attribute_"
QUERY = "query"
Types = tuple[tuple[str, ...], ...]


def read_retriever(run: FinishedRun) -> RetrieverSnapshot:
    """What the run keeps of its checkpoint. Raises DataError."""
    checkpoint, names = read_checkpoint(run), read_names(run, "layers")
    table = run.read_table(SAMPLES, wanted=lambda name: name in COLUMNS or name.startswith(ATTRIBUTE))
    texts, n_queries = read_texts(run, table, "text"), _count_queries(run, table)
    n_documents = len(texts) - n_queries
    right, hard, ignored = (
        _read_numbers(run, read_column(run, table, name)[:n_queries], name, n_documents=n_documents)
        for name in ("right", "hard_negatives", "ignored")
    )
    for query, lists in enumerate(zip(right, hard, ignored, strict=True)):
        if len({number for each in lists for number in each}) < sum(map(len, lists)):
            raise damaged(run, "a document has two judgments for one query", f"query {query}")
    return RetrieverSnapshot(
        checkpoint=checkpoint,
        queries=texts[:n_queries],
        documents=texts[n_queries:],
        relevant=right,
        hard=hard,
        hard_types=tuple(
            _read_types(run, types, n_hard=len(numbers))
            for types, numbers in zip(read_column(run, table, "hard_types")[:n_queries], hard, strict=True)
        ),
        ignored=ignored,
        groups=_read_groups(run, table, n_queries=n_queries),
        layers=_read_layers(run, names, read_column(run, table, "feature_row")),
    )


def _count_queries(run: FinishedRun, table: "pyarrow.Table") -> int:
    """How many rows are queries: they come first, and documents follow."""
    kinds = read_texts(run, table, "kind")
    n_queries = kinds.count(QUERY)
    if not 0 < n_queries < len(kinds) or kinds[:n_queries].count(QUERY) < n_queries:
        raise damaged(
            run, f"{SAMPLES} is not queries first, then documents", f"{n_queries} of {len(kinds)} are queries"
        )
    return n_queries


def _read_numbers(run: FinishedRun, values: list[object], name: str, *, n_documents: int) -> tuple[Numbers, ...]:
    """Document numbers of each query, ascending, each once."""
    found: list[Numbers] = []
    for query, numbers in enumerate(values):
        if not isinstance(numbers, list) or not all(type(number) is int for number in numbers):
            raise damaged(run, f"`{name}` in {SAMPLES} is no list of documents", f"query {query}: {numbers!r}")
        if numbers != sorted(set(numbers)) or not all(0 <= number < n_documents for number in numbers):
            raise damaged(
                run, f"`{name}` in {SAMPLES} names documents that are not there, or twice", f"query {query}: {numbers}"
            )
        found.append(tuple(numbers))
    return tuple(found)


def _read_types(run: FinishedRun, types: object, *, n_hard: int) -> Types:
    """The types of each hard negative of a query; empty where the data say none."""
    rows = [[]] * n_hard if types is None else types
    if not isinstance(rows, list) or len(rows) != n_hard:
        raise damaged(run, f"`hard_types` in {SAMPLES} does not fit `hard_negatives`", f"{types!r} for {n_hard}")
    named = [[] if row is None else row for row in rows]
    if not all(isinstance(row, list) and all(isinstance(each, str) for each in row) for row in named):
        raise damaged(run, f"`hard_types` in {SAMPLES} are no lists of names", repr(types))
    return tuple(tuple(row) for row in named)


def _read_groups(run: FinishedRun, table: "pyarrow.Table", *, n_queries: int) -> dict[str, tuple[str, ...]]:
    """The queries' value of each attribute that is known of any."""
    columns = {
        name.removeprefix(ATTRIBUTE): name_values(read_column(run, table, name)[:n_queries])
        for name in table.column_names
        if name.startswith(ATTRIBUTE)
    }
    return {name: values for name, values in columns.items() if any(values)}


def _read_layers(run: FinishedRun, names: tuple[str, ...], rows: list[object]) -> dict[str, LayerMatrix]:
    """One row a query, then one a document: texts that are equal share a row of what is kept."""
    if not all(type(row) is int for row in rows):
        raise damaged(run, f"`feature_row` in {SAMPLES} is no row number")
    files, places = list_features(run), np.array(rows, dtype=object)
    missing = [name for name in names if name not in files]
    if missing:
        raise damaged(run, f"it keeps no features of `{missing[0]}`")
    return {name: _place(run, files[name], places) for name in names}


def _place(run: FinishedRun, file: str, places: np.ndarray) -> LayerMatrix:
    features = read_features(run, file)
    if min(places) < 0 or max(places) >= len(features):
        raise damaged(run, f"`feature_row` in {SAMPLES} names rows that `{file}` does not have")
    rows: RowNumbers = places.astype(np.int64)
    return features[rows]
