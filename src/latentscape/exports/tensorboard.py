"""A folder that TensorBoard's projector reads: a tensor a layer, the samples' columns, and which belongs to which."""

import io
import math
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from latentscape.disk import Sink, make_folder, write_file
from latentscape.errors import DataError
from latentscape.exports.contents import Contents, list_map_columns
from latentscape.exports.flat_tables import ROWS_AT_ONCE, Written, flatten, is_nested
from latentscape.pages.escape import clean_text
from latentscape.plain_text import encode_text, safe_name
from latentscape.shapes import FeatureMatrix

METADATA, CONFIG = "metadata.tsv", "projector_config.pbtxt"
HEAD = 4096
_LINE_END = re.compile(rb"[\r\n]")


def write_projector(contents: Contents, output: Path) -> Written:
    """The features of each layer; the maps' own places where the run keeps no features. The config comes last."""
    if not contents.layers and not contents.maps:
        what = f"`{contents.run.path}` keeps neither features nor maps"
        raise DataError(what, hint="run the study again", fault="run-mapless")
    make_folder(output)
    files, entries = [], []
    for name, features in _list_tensors(contents):
        file = _write_tensor(output, safe_name(name), features)
        entries.append(_describe_tensor(name, file.name, shape=features.shape))
        files.append(file)
    write_file(output / METADATA, lambda sink: _write_metadata(sink, contents))
    write_file(output / CONFIG, lambda sink: sink.write("".join(entries).encode("ascii")))
    return (*files, output / METADATA, output / CONFIG), shlex.join(["tensorboard", "--logdir", str(output)])


def _list_tensors(contents: Contents) -> Iterator[tuple[str, FeatureMatrix]]:
    if contents.layers:
        yield from contents.read_layers()
        return
    for each in contents.maps:  # flat, but with the third axis that the projector's first view wants
        xy = contents.read_places(each)
        yield each.name, np.pad(xy, ((0, 0), (0, 1)))


def _write_tensor(folder: Path, name: str, features: FeatureMatrix) -> Path:
    """Numbers as they are in memory, or as text where the projector would take those bytes for text.

    It reads a file as text first, and as numbers only when that is no UTF-8.
    """
    numbers = np.ascontiguousarray(features, dtype="<f4")
    if _looks_like_text(numbers):
        text = io.StringIO()
        np.savetxt(text, numbers, fmt="%.9g", delimiter="\t")
        path, data = folder / f"{name}.tsv", memoryview(text.getvalue().encode("ascii"))
    else:
        path, data = folder / f"{name}.bytes", numbers.view(np.uint8).data
    write_file(path, lambda sink: sink.write(data))
    return path


def _looks_like_text(numbers: np.ndarray) -> bool:
    """Whether the first line of these bytes could be read as UTF-8, or is too long to say at once."""
    line = _LINE_END.split(numbers.reshape(-1)[: HEAD // 4].tobytes(), maxsplit=1)[0]
    try:
        line.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.end == len(line)  # cut within a letter, perhaps
    return True


def _describe_tensor(name: str, file: str, *, shape: tuple[int, ...]) -> str:
    """An entry of the config, in protobuf's text form."""
    lines = [
        f"tensor_name: {_quote(name)}",
        f"tensor_path: {_quote(file)}",
        *(f"tensor_shape: {size}" for size in shape),
        f"metadata_path: {_quote(METADATA)}",
    ]
    return "embeddings {\n" + "".join(f"  {line}\n" for line in lines) + "}\n"


def _quote(text: str) -> str:
    r"""A string of protobuf's text form: letters that could end it, and all beyond ASCII, as octal bytes."""
    plain = (chr(byte) if 32 <= byte < 127 and byte not in b'"\\' else f"\\{byte:03o}" for byte in encode_text(text))
    return f'"{"".join(plain)}"'


def _write_metadata(sink: Sink, contents: Contents) -> None:
    """A line a sample. The projector takes the first line for names only where there are several columns."""
    table = contents.table
    left_out = {*list_map_columns(contents.maps, table.column_names), "feature_row"}
    kept = [name for name in table.column_names if name not in left_out and not is_nested(table.column(name))]
    columns = {"sample": list(map(str, range(contents.n)))} if len(kept) < 2 else {}
    chosen = flatten(table.select(kept))
    sink.write(_join([[_to_cell(name) for name in (*kept, *columns)]]))
    for start in range(0, contents.n, ROWS_AT_ONCE):
        part = [list(map(_to_cell, chosen.column(name).slice(start, ROWS_AT_ONCE).to_pylist())) for name in kept]
        beside = [numbers[start : start + ROWS_AT_ONCE] for numbers in columns.values()]
        sink.write(_join([list(row) for row in zip(*part, *beside, strict=True)]))


def _join(rows: list[list[str]]) -> bytes:
    return encode_text("".join("\t".join(row) + "\n" for row in rows))


def _to_cell(value: Any) -> str:
    """One line without tabs; never empty, which the projector would take for a missing cell."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "-"
    return clean_text(str(value)) or "-"
