"""A Parquet file that Embedding Atlas opens: places, neighbors, and what is known of the samples."""

import shlex
from pathlib import Path
from typing import Any

import numpy as np

from latentscape.errors import DataError
from latentscape.exports.contents import Contents, damaged, list_map_columns
from latentscape.exports.flat_tables import Written, flatten, is_nested, save_table
from latentscape.plain_text import safe_name

K = 15
"""Neighbors of each sample, as many as samples.parquet of a map has."""
PLACES = ("x", "y", "neighbors")
TEXTS = ("text", "id")
"""The column that is read, where there is one."""


def write_atlas(contents: Contents, output: Path) -> Written:
    """`x` and `y` of the first map, `neighbors`, and every column of one value a sample but those of maps."""
    import pyarrow as pa  # noqa: PLC0415  0.2 s that a refusal should not pay

    if not contents.maps:
        raise DataError(
            f"`{contents.run.path}` has no map",
            got="a run without pictures",
            expected="x and y for each sample",
            hint="run the whole study on the checkpoint, or export with `--to tensorboard`",
            fault="run-mapless",
        )
    xy = contents.read_places(contents.maps[0])
    neighbors = _find_neighbors(contents)
    ours = {"x": pa.array(xy[:, 0]), "y": pa.array(xy[:, 1])} | ({} if neighbors is None else {"neighbors": neighbors})
    theirs = _list_columns(contents)
    save_table(pa.table({**ours, **theirs}), output)
    words = [word for name in ours for word in (f"--{name}", name)]
    read = next((name for name in TEXTS if name in theirs), None)
    return (output,), shlex.join(["embedding-atlas", str(output), *words, *(["--text", read] if read else [])])


def _list_columns(contents: Contents) -> dict[str, Any]:
    """Columns of one value a sample; `_2` is added to a name that is one of ours."""
    table = contents.table
    left_out = {*list_map_columns(contents.maps, table.column_names), "feature_row"}
    kept = [name for name in table.column_names if name not in left_out and not is_nested(table.column(name))]
    columns: dict[str, Any] = {}
    for name, column in zip(kept, flatten(table.select(kept)).columns, strict=True):
        while name in PLACES or name in columns:
            name += "_2"
        columns[name] = column
    return columns


def _find_neighbors(contents: Contents) -> Any:
    """The nearest others in the layer's own space as Embedding Atlas takes them, or None where the run keeps none."""
    import pyarrow as pa  # noqa: PLC0415  as above

    if "neighbors" in contents.table.column_names and pa.types.is_struct(contents.table.column("neighbors").type):
        return contents.table.column("neighbors")
    file = f"neighbors/{safe_name(contents.maps[0].layer)}.npz"
    if contents.maps[0].checkpoint or not contents.run.has(file):
        return None
    arrays = contents.run.read_arrays(file, ("indices", "distances"))
    if not _are_neighbors(arrays.get("indices"), arrays.get("distances"), n=contents.n):
        raise damaged(contents.run, f"`{file}` are not the neighbors of its samples")
    indices, distances = (arrays[name][:, :K] for name in ("indices", "distances"))
    n, k = indices.shape
    ends = pa.array((np.arange(n + 1) * k).astype(np.int32))
    ids, lengths = pa.array(indices.ravel().astype(np.int32)), pa.array(distances.ravel().astype(np.float32))
    lists = [pa.ListArray.from_arrays(ends, ids), pa.ListArray.from_arrays(ends, lengths)]
    return pa.StructArray.from_arrays(lists, names=["ids", "distances"])


def _are_neighbors(indices: Any, distances: Any, *, n: int) -> bool:
    """Whether these are lists of samples and their distances, one a sample, all of one length."""
    if indices is None or distances is None or indices.ndim != 2 or indices.shape != distances.shape:
        return False
    are_numbers = indices.dtype.kind in "iu" and distances.dtype.kind == "f" and len(indices) == n
    return are_numbers and (not indices.size or 0 <= int(indices.min()) <= int(indices.max()) < n)
