"""The files that hold arrays (.npy, .npz, .safetensors) -> a table of features. Nothing in them can run code."""

import json
import math
import os
import struct
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from io import BufferedReader
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Shaped

from latentscape.datasets.feature_table import FeatureTable, choose_one, explained, require_matrix, require_memory
from latentscape.datasets.files import open_regular
from latentscape.datasets.text import make_printable
from latentscape.errors import DataError, SafetyError

Array = Shaped[np.ndarray, "*axes"]
LONGEST_HEADER = 100_000_000
TENSOR_TYPES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1",
    "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "u1", "BOOL": "?",
}  # fmt: skip
"""Number types as a safetensors header names them; bfloat16 is read as its bits."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What a header says of one array in a file."""

    shape: tuple[int, ...]
    dtype: np.dtype
    kind: str
    """The type of its values, as the file spells it."""
    fortran: bool = False
    offset: int = 0
    """Where its first byte lies in the file, if it can be mapped."""

    @property
    def is_matrix(self) -> bool:
        """Whether it could be features."""
        return len(self.shape) == 2 and self.shape[1] > 0 and self.dtype.kind in "fiub"

    def __str__(self) -> str:
        return f"{' x '.join(map(str, self.shape)) or 'one value'}, {self.kind}"


def read_npy(path: Path) -> FeatureTable:
    """The matrix of a .npy file, mapped from the disk."""
    return FeatureTable(features=require_matrix(map_npy(path), make_printable(str(path))), source=path.name)


def map_npy(path: Path) -> Array:
    """The array of a .npy file, mapped from the disk. Raises SafetyError for Python objects, DataError if broken."""
    shown = make_printable(str(path))
    with open_regular(path) as file, explained(shown):
        entry = _read_array_header(file)
        _refuse_objects(entry, shown)
        return _map(file, entry, shown)


def read_npz(path: Path, key: str | None) -> FeatureTable:
    """The only matrix of a .npz file, or the array of that name; every vector in it is a column."""
    return _take(path, list_members(path), key, what="array", read=read_member)


def read_member(path: Path, name: str) -> Array:
    """The array of that name in a .npz file. Raises SafetyError for Python objects, DataError if broken."""
    shown = make_printable(str(path))
    with open_regular(path) as file, explained(shown), zipfile.ZipFile(file) as archive:
        entry = _read_array_header(archive.open(f"{name}.npy"))
        _refuse_objects(entry, f"`{name}` of {shown}")
        require_memory(_count_bytes(entry.shape, entry.dtype), shown)
        with archive.open(f"{name}.npy") as member:
            return np.lib.format.read_array(member, allow_pickle=False)


def list_members(path: Path) -> dict[str, Entry]:
    """Every array of a .npz file, by name."""
    shown = make_printable(str(path))
    with open_regular(path) as file, explained(shown), zipfile.ZipFile(file) as archive:
        _refuse_programs(archive, shown)
        names = [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]
        return {name: _read_array_header(archive.open(f"{name}.npy")) for name in names}


def read_safetensors(path: Path, key: str | None) -> FeatureTable:
    """The only matrix of a .safetensors file, or the tensor of that name; every vector in it is a column."""
    shown = make_printable(str(path))
    with open_regular(path) as file, explained(shown):
        entries = _read_tensor_header(file)
    return _take(path, entries, key, what="tensor", read=lambda path, name: map_tensor(path, entries[name]))


def map_tensor(path: Path, entry: Entry) -> Array:
    """One tensor of a .safetensors file, mapped from the disk; bfloat16 as single precision, which holds it exactly."""
    shown = make_printable(str(path))
    if entry.kind not in TENSOR_TYPES:
        raise DataError(
            f"{shown} holds numbers of a type that can't be read",
            got=str(entry),
            expected=", ".join(TENSOR_TYPES),
            hint="save them as F32",
            fault="features-format",
        )
    with open_regular(path) as file, explained(shown):
        stored = _map(file, entry, shown)
    return (stored.astype(np.uint32) << 16).view(np.float32) if entry.kind == "BF16" else stored


def _take(
    path: Path, entries: Mapping[str, Entry], key: str | None, *, what: str, read: Callable[[Path, str], Array]
) -> FeatureTable:
    """The table of the matrix asked for, or of the only one."""
    shown = make_printable(str(path))
    matrices = {name: str(entry) for name, entry in entries.items() if entry.is_matrix}
    for name in () if matrices else entries:
        _refuse_objects(entries[name], f"`{name}` of {shown}")
    chosen = key if key is not None and key in entries else choose_one(matrices, key, shown=shown, what=what)
    vectors = [name for name, entry in entries.items() if len(entry.shape) == 1]
    return FeatureTable(
        features=require_matrix(read(path, chosen), f"`{chosen}` of {shown}"),
        source=path.name,
        chosen=f"{what} `{chosen}`" if len(entries) > 1 else "",
        columns={name: partial(read, path, name) for name in vectors},
    )


def _read_array_header(file: Any) -> Entry:
    """What the header of a .npy file or member says; `file` stands at its first value afterwards."""
    version = np.lib.format.read_magic(file)
    if version > (2, 0):
        raise ValueError("an array with named fields is no matrix")
    read: Any = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read(file)
    return Entry(shape=shape, dtype=dtype, kind=str(dtype), fortran=fortran, offset=file.tell())


def _refuse_programs(archive: zipfile.ZipFile, shown: str) -> None:
    if any(f"/{name}".endswith("/data.pkl") for name in archive.namelist()):
        raise SafetyError(
            f"{shown} was written by torch.save, and can't be read without running code from the file",
            expected=".npy, .npz, Parquet or .safetensors",
            hint="load it where you trust it and save the tensor: `numpy.save('features.npy', tensor.float().numpy())`",
            fault="code-data",
        )


def _refuse_objects(entry: Entry, shown: str) -> None:
    if entry.dtype.hasobject:
        raise SafetyError(
            f"{shown} holds Python objects, which can't be read without running code from the file",
            got=str(entry),
            expected="an array of numbers, or of text with a fixed width",
            hint="load it where you trust it and save `np.array(list(values))`, which has a plain type",
            fault="code-data",
        )


def _read_tensor_header(file: BufferedReader) -> dict[str, Entry]:
    """Every tensor that a safetensors header names, its place in the file checked."""
    (length,) = struct.unpack("<Q", file.read(8))
    size = os.fstat(file.fileno()).st_size
    if length > min(LONGEST_HEADER, size - 8):
        raise ValueError(f"its header claims {length} bytes, the file has {size}")
    header = json.loads(file.read(length).decode("utf-8"))
    tensors = {name: facts for name, facts in header.items() if name != "__metadata__"}
    return {name: _read_tensor_facts(facts, start=8 + length) for name, facts in tensors.items()}


def _read_tensor_facts(facts: Mapping[str, Any], *, start: int) -> Entry:
    shape, (begin, end), kind = tuple(map(int, facts["shape"])), facts["data_offsets"], str(facts["dtype"])
    dtype = np.dtype(TENSOR_TYPES.get(kind, "V1"))
    if kind in TENSOR_TYPES and (begin < 0 or min(shape, default=0) < 0 or end - begin != _count_bytes(shape, dtype)):
        raise ValueError(f"a tensor of {list(shape)} {kind} can't lie in bytes {begin} to {end}")
    return Entry(shape=shape, dtype=dtype, kind=kind, offset=start + int(begin))


def _count_bytes(shape: tuple[int, ...], dtype: np.dtype) -> int:
    return math.prod(shape) * dtype.itemsize


def _map(file: BufferedReader, entry: Entry, shown: str) -> Array:
    """The bytes of an array as they lie on the disk. Raises DataError if the file ends before them."""
    missing = entry.offset + _count_bytes(entry.shape, entry.dtype) - os.fstat(file.fileno()).st_size
    if missing > 0:
        what = f"{shown} is cut short: {missing:,} bytes are missing"
        raise DataError(what, hint="copy or download it again", fault="features-format")
    order: Literal["F", "C"] = "F" if entry.fortran else "C"
    if not math.prod(entry.shape):
        return np.empty(entry.shape, entry.dtype)
    mapped = np.memmap(file, dtype=entry.dtype, mode="r", offset=entry.offset, shape=entry.shape, order=order)
    return np.require(np.asarray(mapped), requirements=["ALIGNED"])
