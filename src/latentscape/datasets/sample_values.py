"""Samples as a Python program holds them -> a table. No library they come from is imported to know them."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from latentscape.datasets.sample_columns import to_numpy
from latentscape.datasets.sample_tables import SampleTable, make_table
from latentscape.datasets.sample_text_tables import make_column
from latentscape.errors import DataError

_PNG_MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")


def make_value_table(values: Any) -> SampleTable:
    """A data frame, an Arrow table, a list of mappings or a mapping of columns as a table. Raises DataError."""
    if isinstance(values, pa.Table | pa.RecordBatch):
        return make_table(pa.table(values), source="the table")
    if hasattr(values, "columns") and hasattr(values, "__getitem__"):
        return _take_frame(values)
    if isinstance(values, Mapping):
        return SampleTable(source="the mapping", values=_gather({name: list(values[name]) for name in values}))
    if isinstance(values, Sequence) and values and all(isinstance(row, Mapping) for row in values):
        names = dict.fromkeys(name for row in values for name in row)
        columns = {name: [row.get(name) for row in values] for name in names}
        return SampleTable(source="the list", values=_gather(columns))
    raise DataError(
        "these values are no table of samples",
        got=type(values).__name__,
        expected="a data frame, an Arrow table, a list of mappings, a mapping of columns, or a `datasets.Dataset`",
        hint='for example [{"text": "...", "label": "..."}, ...]',
        fault="data-format",
    )


def _take_frame(frame: Any) -> SampleTable:
    """A data frame of pandas, polars or alike, column by column; an index is no column."""
    names = [str(name) for name in frame.columns]
    twins = sorted({name for name in names if names.count(name) > 1})
    if twins:
        what, got = "two columns of the data frame have one name", ", ".join(twins[:5])
        raise DataError(what, got=got, hint="rename one of them", fault="data-columns")
    columns = {str(name): _list(frame[name]) for name in frame.columns}
    return SampleTable(source="the data frame", values=_gather(columns))


def _list(series: Any) -> list[Any]:
    return series.to_list() if hasattr(series, "to_list") else list(series)


def _gather(columns: Mapping[Any, list[Any]]) -> pa.Table:
    lengths = {str(name): len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        got = ", ".join(f"`{name}`: {n:,}" for name, n in list(lengths.items())[:5])
        hint = "give each column one value a sample"
        raise DataError("columns of different lengths", got=got, hint=hint, fault="data-columns")
    return pa.table({str(name): make_column(list(map(_pack, values))) for name, values in columns.items()})


def _pack(value: Any) -> Any:
    """A cell as Arrow can hold it: a picture or a sound as the bytes of a file without loss."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "save") and hasattr(value, "mode") and hasattr(value, "size"):
        return {"bytes": _pack_picture(value), "path": None}
    if isinstance(value, Mapping) and "array" in value and "sampling_rate" in value:
        return {"bytes": _pack_sound(value["array"], int(value["sampling_rate"])), "path": value.get("path")}
    if getattr(value, "ndim", 0) > 1:
        return _pack_array(to_numpy(value))
    return None if isinstance(value, float) and value != value else value


def _pack_array(array: Any) -> dict[str, Any]:
    """A picture as [height, width] or [height, width, color] of bytes; of anything else nobody knows the range."""
    from PIL import Image  # noqa: PLC0415  only who studies pictures has it

    is_picture = array.dtype == np.uint8 and (array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (3, 4)))
    if not is_picture:
        raise DataError(
            "a cell holds an array that is no picture",
            got=f"{array.dtype} of {' x '.join(map(str, array.shape))}",
            expected="uint8 of height x width, or of height x width x 3",
            hint="leave the column out; what a model takes as it is goes into `latentscape.latents(model, items)`",
            fault="data-columns",
        )
    return {"bytes": _pack_picture(Image.fromarray(array)), "path": None}


def _pack_picture(picture: Any) -> bytes:
    buffer = io.BytesIO()
    if picture.mode in _PNG_MODES:
        picture.save(buffer, "PNG", compress_level=1)
    else:
        picture.save(buffer, "TIFF")
    return buffer.getvalue()


def _pack_sound(array: Any, rate: int) -> bytes:
    """[time] or [channel, time] as a WAV of single floats."""
    import soundfile  # noqa: PLC0415  only who studies sound has it

    frames = to_numpy(array).astype(np.float32)
    frames = frames.T if frames.ndim == 2 and frames.shape[0] < frames.shape[1] else frames
    buffer = io.BytesIO()
    soundfile.write(buffer, frames, rate, format="WAV", subtype="FLOAT")
    return buffer.getvalue()
