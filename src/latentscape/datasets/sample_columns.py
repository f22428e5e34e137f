"""What a user says of each sample beside its features: where it stands, and its values whatever they are made of."""

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Shaped

from latentscape.datasets.feature_arrays import list_members, map_npy, read_member
from latentscape.datasets.feature_files import (
    has_columns,
    list_parquet_columns,
    read_csv,
    read_parquet_column,
    tell_kind,
)
from latentscape.datasets.feature_table import FeatureTable, choose_one
from latentscape.datasets.files import open_regular
from latentscape.datasets.text import make_printable
from latentscape.errors import DataError, nearest
from latentscape.paths import FILE, FOLDER, SPECIAL, expand_home, is_file, kind_of

LARGEST_TEXT = 2**31
SUFFIXES = {".npy", ".npz", ".parquet", ".csv", ".tsv", ".txt"}
Wish = Any
"""A column's name, a file, `file:column`, or the values themselves."""


@dataclass(frozen=True, kw_only=True)
class SampleColumn:
    """One value a sample, and what the user calls it."""

    name: str
    values: pa.Array


def find_column(wish: Wish, table: FeatureTable, *, what: str) -> SampleColumn:
    """The column that `--labels`, `--shapes` or `--ids` (`what`) asks for, one value for each row of the features.

    Text is a column's name in the features' own file, then a file of one value a line (or .npy, or with one column),
    then `file:column`. Anything else is the values. Raises DataError where there is no such column or its length is
    not that of the features, SafetyError for Python objects in a file.
    """
    n = len(table.features)
    if not isinstance(wish, str | os.PathLike):
        name, values = str(getattr(wish, "name", None) or what), wish
    elif str(wish) in table.columns:
        name, values = str(wish), table.columns[str(wish)]()
    else:
        path, column = _open_file(str(wish), table, what=what)
        columns = _list_columns(path, n_rows=n)
        shown = make_printable(str(path))
        name = choose_one(dict.fromkeys(columns, "column"), column, shown=shown, what="column", ask=f"{shown}:{{}}")
        values = columns[name]()
    column = to_arrow(values, shown=f"`{name}`")
    if len(column) != n:
        raise DataError(
            f"the {what} do not fit the features: one value a row is needed",
            got=f"{len(column):,} values in `{name}`",
            expected=f"{n:,}, as {table.source} has rows",
            hint="check that both were written from the same samples, in the same order",
            fault="data-columns",
        )
    return SampleColumn(name=name, values=column)


def to_arrow(values: Any, *, shown: str) -> pa.Array:
    """Values of any make (list, NumPy, Arrow, tensor, series) as one Arrow array; NaN in text is null."""
    if hasattr(values, "__arrow_c_stream__"):  # a series of a data frame
        values = pa.chunked_array(values).combine_chunks()
    if isinstance(values, pa.Array):
        return _plain(values)
    array = to_numpy(values)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        shape = " x ".join(map(str, array.shape)) or "a single value"
        hint = "give one word or number for each sample"
        raise DataError(
            f"{shown} is no column", got=shape, expected="one value a sample", hint=hint, fault="data-columns"
        )
    array = np.char.decode(array, "utf-8", "replace") if array.dtype.kind == "S" else array
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    try:
        return pa.array(array, from_pandas=array.dtype.kind == "O")
    except (pa.ArrowException, TypeError, ValueError, OverflowError):  # words among numbers, or one too large: all text
        return pa.array([None if value is None or value != value else str(value) for value in array.tolist()])


def _plain(values: pa.Array) -> pa.Array:
    """The values themselves, where they are numbers into a list of words; every text of one kind."""
    if isinstance(values, pa.DictionaryArray):
        return pa.DictionaryArray.from_arrays(values.indices, _plain(values.dictionary)).dictionary_decode()
    is_text = pa.types.is_string_view(values.type) or pa.types.is_large_string(values.type)
    return values.cast(pa.string()) if is_text else values


def to_numpy(values: Any) -> Shaped[np.ndarray, "*axes"]:
    """The values as a NumPy array; the library they come from is not imported: they are asked for what they can do."""
    if isinstance(values, np.ma.MaskedArray):
        nothing: Any = np.nan if values.dtype.kind in "fiu" else None
        return np.where(np.ma.getmaskarray(values), nothing, values.data)
    if hasattr(values, "detach"):  # a tensor, of whatever device, with or without a gradient
        values = values.detach().cpu()
        return np.asarray((values.float() if "bfloat16" in str(values.dtype) else values).numpy())
    if hasattr(values, "to_numpy"):
        return np.asarray(values.to_numpy())
    if isinstance(values, list | tuple) and values and hasattr(values[0], "detach"):
        return np.stack([to_numpy(value) for value in values])
    if isinstance(values, list | tuple) and any(isinstance(value, str) or value is None for value in values):
        return np.array([*values, None], dtype=object)[:-1]  # never text of one width, which would turn None into words
    return np.asarray(values)


def _open_file(wish: str, table: FeatureTable, *, what: str) -> tuple[Path, str | None]:
    """The file that a wish means, and the column of it where one is named."""
    place, _, column = wish.rpartition(":")
    whole, part = expand_home(wish), expand_home(place)
    if place and is_file(part) and not is_file(whole):
        return part, column
    if kind_of(whole) in (FILE, FOLDER, SPECIAL) or Path(wish).suffix in SUFFIXES:
        return whole, None  # whatever is wrong with it is said when it is opened
    hint = nearest(wish, table.columns) if table.columns else f"give a file with one value a line: `{what}.txt`"
    missing = f"there is no column or file `{make_printable(wish)}` for the {what}"
    raise DataError(missing, hint=hint, fault="data-missing")


def _list_columns(path: Path, *, n_rows: int) -> dict[str, Callable[[], object]]:
    """Every column of a file: its name and how to read it."""
    kind = tell_kind(path)
    if kind == "npy":
        return {path.stem: partial(map_npy, path)}
    if kind == "npz":
        vectors = [name for name, entry in list_members(path).items() if len(entry.shape) == 1]
        return {name: partial(read_member, path, name) for name in vectors}
    if kind == "parquet":
        return {name: partial(read_parquet_column, path, name) for name in list_parquet_columns(path)}
    if kind == "text" and path.suffix.lower() in (".csv", ".tsv") and has_columns(path):
        table = read_csv(path, header=True)
        return {name: partial(table.column, name) for name in table.column_names}
    return _read_lines(path, n_rows=n_rows)


def _read_lines(path: Path, *, n_rows: int) -> dict[str, Callable[[], object]]:
    """The one column of a file of one value a line; a line too many at its beginning is its name."""
    shown = make_printable(str(path))
    with open_regular(path) as file:
        content = file.read(LARGEST_TEXT)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        hint = "save the file again as UTF-8"
        raise DataError(f"{shown}: line {line} is not UTF-8 text", hint=hint, fault="data-format") from None
    lines = [_unquote(line.strip()) for line in text.removesuffix("\n").split("\n")]
    name = lines.pop(0) if len(lines) == n_rows + 1 else path.stem
    return {name: lambda: _guess_type(pa.array([line or None for line in lines], pa.string()))}


def _unquote(line: str) -> str:
    quoted = len(line) > 1 and line[0] == line[-1] == '"'
    return line[1:-1].replace('""', '"') if quoted else line


def _guess_type(lines: pa.Array) -> pa.Array:
    """Whole numbers or numbers where every line is one."""
    for kind in (pa.int64(), pa.float64()):
        with suppress(pa.ArrowInvalid):
            return lines.cast(kind)
    return lines
