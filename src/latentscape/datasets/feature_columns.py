"""A table of named columns (Parquet, CSV, a data frame) -> its features: one column of lists, or columns of numbers."""

from collections.abc import Collection, Iterable, Sequence
from fnmatch import fnmatchcase

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Float, Int, Real

from latentscape.datasets.feature_table import EXACT_IN_SINGLE, choose_one, list_names, require_memory
from latentscape.datasets.pair_parquet import refuse_extension
from latentscape.errors import DataError

MOST_SHOWN = 5
"""Column names listed in a remark."""
Fields = Sequence[pa.Field]


def choose_columns(schema: pa.Schema, *, key: str | None, apart: Collection[str], shown: str) -> Fields:
    """The column of lists, or the columns of numbers, that are the features.

    `key` is a column's name, or a pattern (`pca_*`) for several. Without it: the only column of lists of numbers;
    where there is none, all columns of floats; where there are none of these either, all of whole numbers. `apart`
    are columns with another purpose. Raises DataError where nothing fits, or several do; SafetyError for extension
    types.
    """
    fields = [field for field in schema if field.name not in apart]
    chosen = _choose_by_name(schema, key, shown) if key is not None else _choose_by_type(fields, shown)
    for field in chosen:
        refuse_extension(field, shown)
    bad = [field for field in chosen if not (_is_number(field.type) or (len(chosen) == 1 and _is_list(field.type)))]
    if bad:
        raise DataError(
            f"the column `{bad[0].name}` of {shown} does not hold features",
            got=str(bad[0].type),
            expected="lists of numbers, or several columns of numbers",
            hint="name another with `--key`",
            fault="features-format",
        )
    return chosen


def describe_columns(chosen: Fields, schema: pa.Schema) -> str:
    """Which columns were taken, in words; empty where there was nothing to choose."""
    if len(chosen) == 1:
        return f"column `{chosen[0].name}`" if len(schema) > 1 else ""
    names = ", ".join(f"`{field.name}`" for field in chosen[:MOST_SHOWN])
    more = f" and {len(chosen) - MOST_SHOWN} more" if len(chosen) > MOST_SHOWN else ""
    return f"{len(chosen)} of {len(schema)} columns: {names}{more}"


def stack_columns(
    batches: Iterable[pa.RecordBatch], fields: Fields, *, n_rows: int, shown: str
) -> Float[np.ndarray, "sample feature"]:
    """The columns' numbers as one matrix, a batch at a time; what is null becomes NaN.

    Raises DataError where lists differ in length.
    """
    stacked, at = None, 0
    for batch in batches:
        rows, block = _stack_lists(batch, fields[0], shown) if _is_list(fields[0].type) else _stack(batch, fields)
        width = block.shape[1] if len(rows) else 0
        if stacked is None and width:
            dtype = _choose_dtype(fields)
            require_memory(n_rows * width * dtype.itemsize, shown)
            stacked = np.full((n_rows, width), np.nan, dtype)
        if stacked is not None and len(rows):
            _require_width(width, stacked.shape[1], row=at + int(rows[0]), name=fields[0].name, shown=shown)
            stacked[at + rows] = block
        at += len(batch)
    if stacked is None:
        got = f"{n_rows} rows without a number"
        raise DataError(f"{shown} has no features", got=got, hint="check `--key`", fault="features-values")
    return stacked


def _choose_by_name(schema: pa.Schema, key: str, shown: str) -> Fields:
    matching = [field for field in schema if key == field.name]
    matching = matching or [field for field in schema if fnmatchcase(field.name, key)]
    if not matching:
        choose_one({field.name: str(field.type) for field in schema}, key, shown=shown, what="column")
    return matching


def _choose_by_type(fields: Fields, shown: str) -> Fields:
    lists = {field.name: str(field.type) for field in fields if _is_list(field.type)}
    if lists:
        name = choose_one(lists, None, shown=shown, what="column")
        return [field for field in fields if field.name == name]
    floats = [field for field in fields if pa.types.is_floating(field.type)]
    numbers = floats or [field for field in fields if _is_number(field.type)]
    if not numbers:
        got = list_names({field.name: str(field.type) for field in fields})
        raise DataError(
            f"{shown} has no column that could be the features",
            got=got,
            expected="a column of lists of numbers, or columns of numbers",
            hint="write the features as one column of lists",
            fault="features-format",
        )
    return numbers


def _is_number(kind: pa.DataType) -> bool:
    return pa.types.is_floating(kind) or pa.types.is_integer(kind)


def _is_list(kind: pa.DataType) -> bool:
    lists = pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    return lists and _is_number(kind.value_type)


def _choose_dtype(fields: Fields) -> np.dtype:
    kinds = [field.type.value_type if _is_list(field.type) else field.type for field in fields]
    exact = all(np.dtype(kind.to_pandas_dtype()).name in EXACT_IN_SINGLE for kind in kinds)
    return np.dtype(np.float32 if exact else np.float64)


def _stack(batch: pa.RecordBatch, fields: Fields) -> tuple[Int[np.ndarray, " row"], Real[np.ndarray, "row feature"]]:
    """All rows of a batch, and their numbers."""
    columns = [batch.column(field.name).to_numpy(zero_copy_only=False) for field in fields]
    return np.arange(len(batch)), np.column_stack(columns)


def _stack_lists(
    batch: pa.RecordBatch, field: pa.Field, shown: str
) -> tuple[Int[np.ndarray, " row"], Real[np.ndarray, "row feature"]]:
    """The rows of a batch that have a list, and their numbers."""
    column = batch.column(field.name)
    rows = np.flatnonzero(column.is_valid().to_numpy(zero_copy_only=False))
    lists = column.drop_null()
    lengths = pc.call_function("list_value_length", [lists]).to_numpy(zero_copy_only=False)
    uneven = np.flatnonzero(lengths != lengths[0]) if len(lengths) else []
    if len(uneven):
        _require_width(int(lengths[uneven[0]]), int(lengths[0]), row=int(rows[uneven[0]]), name=field.name, shown=shown)
    numbers = lists.flatten().to_numpy(zero_copy_only=False)
    return rows, numbers.reshape(len(rows), -1) if len(numbers) else np.empty((len(rows), 0))


def _require_width(width: int, expected: int, *, row: int, name: str, shown: str) -> None:
    if width != expected:
        raise DataError(
            f"the lists of `{name}` in {shown} differ in length",
            got=f"{width} numbers in row {row}",
            expected=f"{expected}, as in the rows before it",
            hint="features need the same length in every row: pool or pad them first",
            fault="features-format",
        )
