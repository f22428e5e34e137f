"""Features as a Python program holds them (arrays, tensors, data frames, lists) -> a table. None of their libraries is
imported: each value is asked for what it can do."""

from collections.abc import Collection
from os import PathLike
from typing import Any

import pyarrow as pa

from latentscape.datasets.feature_files import read_features, take_columns
from latentscape.datasets.feature_table import FeatureTable, explained, require_matrix
from latentscape.datasets.sample_columns import to_arrow, to_numpy
from latentscape.errors import DataError
from latentscape.paths import expand_home

SOURCE = "array"


def take_features(values: Any, *, key: str | None = None, apart: Collection[str] = ()) -> FeatureTable:
    """The matrix of features in a value, and the columns beside it.

    A path is read as a file. A data frame or Arrow table gives its column of lists or its columns of floats, as a
    Parquet file does. Anything else must turn into a matrix: NumPy arrays, tensors of any device, lists of lists.
    Raises DataError for a value that is no matrix of numbers.
    """
    if isinstance(values, str | PathLike):
        return read_features(expand_home(values), key=key, apart=apart)
    frame = _to_table(values)
    if frame is not None:
        return take_columns(frame, source="data frame", key=key, apart=apart)
    _refuse_sparse(values)
    with explained(f"a {type(values).__name__}"):
        matrix = to_numpy(values)
    return FeatureTable(features=require_matrix(matrix, f"a {type(values).__name__}"), source=SOURCE)


def _to_table(values: Any) -> pa.Table | None:
    """A data frame as an Arrow table; None for anything else."""
    if hasattr(values, "iloc") and hasattr(values, "columns"):  # pandas: its index is no column
        return _gather_columns(values)
    if isinstance(values, pa.Table | pa.RecordBatch) or hasattr(values, "__arrow_c_stream__"):
        return pa.table(values)
    return _gather_columns(values) if hasattr(values, "columns") and hasattr(values, "__getitem__") else None


def _gather_columns(frame: Any) -> pa.Table:
    names = [str(name) for name in frame.columns]
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        what, got = "two columns of the data frame have one name", ", ".join(twice[:5])
        raise DataError(what, got=got, hint="rename one", fault="data-columns")
    return pa.table({str(name): to_arrow(frame[name], shown=f"column `{name}`") for name in frame.columns})


def _refuse_sparse(values: Any) -> None:
    if hasattr(values, "toarray") and hasattr(values, "nnz"):
        raise DataError(
            "features in a sparse matrix can't be mapped as they are",
            got=f"{type(values).__name__} of {values.shape}",
            hint="reduce them first, e.g. to 50 columns with a truncated SVD, or pass `features.toarray()`",
            fault="features-format",
        )
