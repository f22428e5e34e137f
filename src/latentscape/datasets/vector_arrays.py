"""The arrays of a file of vectors, by name, each checked before it is used. Nothing in them can run code."""

import json
import struct
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float32, Int, Shaped

from latentscape.datasets.feature_arrays import LONGEST_HEADER, list_members, read_member, read_safetensors
from latentscape.datasets.feature_files import tell_kind
from latentscape.datasets.feature_table import explained, require_matrix, to_floats
from latentscape.datasets.files import open_regular
from latentscape.datasets.text import make_printable
from latentscape.errors import DataError, nearest

Array = Shaped[np.ndarray, "*axes"]
Arrays = Mapping[str, Callable[[], Array]]
"""Name -> a function that reads the array."""
KNOWN = (
    "queries", "documents", "relevant", "relevant_offsets", "relevant_numbers", "hard", "hard_types", "hard_weights",
    "query_texts", "document_texts",
)  # fmt: skip
MEANINGLESS = ("query_", "query_text", "document_", "document_text")
"""Names like a column's that must be slips."""
EXPECTED = "a .npz or .safetensors file with the arrays `queries` [n, d] and `documents` [m, d]"
HINT = "save both with `numpy.savez`; docs/format.md lists the arrays that are read"

_SHORTEST, _LONGEST = 1e-15, 1e15


def unfit(what: str, *, got: str = "", expected: str = "", hint: str = HINT) -> DataError:
    """The error for a file whose arrays are missing or do not fit each other."""
    return DataError(what, got=got, expected=expected, hint=hint, fault="vectors-format")


def open_arrays(path: Path) -> Arrays:
    """Every array in the file.

    Raises DataError where the file is of another kind, lacks the vectors, or names an array whose meaning is unknown:
    a misspelled `relevant` must not go unheard. SafetyError for Python objects and pickles.
    """
    shown, kind = make_printable(str(path)), tell_kind(path)
    if kind not in ("npz", "safetensors"):
        raise unfit(f"{shown} holds no queries and documents", got=f"a {kind} file", expected=EXPECTED)
    arrays = _open_tensors(path) if kind == "safetensors" else _open_members(path)
    for name in KNOWN[:2]:
        if name not in arrays:
            got = ", ".join(f"`{name}`" for name in list(arrays)[:12]) or "no array"
            raise unfit(f"{shown} has no array `{name}`", got=got, expected=EXPECTED, hint=_suggest(name, arrays))
    for name in arrays:
        is_column = name.startswith(("query_", "document_")) and name not in MEANINGLESS
        if name not in KNOWN and not is_column:
            raise unfit(
                f"{shown} has an array `{name}`, whose meaning is unknown",
                expected=f"{', '.join(KNOWN)}, or columns query_NAME and document_NAME",
                hint=nearest(name, KNOWN),
            )
    return arrays


def read_vectors_of(arrays: Arrays, name: str, shown: str) -> Float32[np.ndarray, "row feature"]:
    """A matrix in single precision; directions are kept, and lengths where squares of them can be computed with.

    Raises DataError where it is none, or has no rows."""
    matrix = require_matrix(arrays[name](), f"`{name}` of {shown}")
    if not len(matrix):
        raise unfit(f"`{name}` of {shown} has no rows", got="0 x " + str(matrix.shape[1]), expected="at least one")
    return np.ascontiguousarray(_scale(to_floats(matrix)), dtype=np.float32)


def _scale(vectors: Float[np.ndarray, "row feature"]) -> Float[np.ndarray, "row feature"]:
    """Rows so long or short that their squares overflow or vanish, by a power of two: no direction changes."""
    longest = np.maximum(vectors.max(axis=1), -vectors.min(axis=1))
    extreme = np.flatnonzero(np.isfinite(longest) & (longest > 0) & ((longest < _SHORTEST) | (longest > _LONGEST)))
    if not len(extreme):
        return vectors
    scaled = vectors.copy()
    scaled[extreme] = np.ldexp(vectors[extreme], -np.frexp(longest[extreme])[1][:, None])
    return scaled


def find_faults(vectors: Float32[np.ndarray, "row feature"]) -> dict[int, str]:
    """Row -> why its vector has no direction."""
    faults = {
        int(row): "its vector is all zeros, which has no direction" for row in np.flatnonzero(~vectors.any(axis=1))
    }
    bad = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
    return faults | {int(row): "its vector has a value that is not finite" for row in bad}


def read_numbers(arrays: Arrays, name: str, shown: str) -> Int[np.ndarray, "*axes"]:
    """An array of whole numbers."""
    values = arrays[name]()
    if values.dtype.kind not in "iu" and values.size:  # NumPy makes an empty list an array of floats
        raise unfit(
            f"`{name}` of {shown} does not hold whole numbers",
            got=f"values of type {values.dtype}",
            expected="row numbers, counted from 0",
            hint="save it with `.astype(numpy.int64)`",
        )
    if values.dtype == np.uint64 and len(values) and values.max() > np.iinfo(np.int64).max:
        raise unfit(f"`{name}` of {shown} has a number that is no row", got=f"{values.max()}")
    return values.astype(np.int64)


def read_column(arrays: Arrays, name: str, *, n: int, of: str, shown: str) -> list[object]:
    """A value for each query or document, as Python's own kinds. Raises DataError for another length or shape."""
    values = arrays[name]()
    if values.ndim != 1 or len(values) != n:
        got = " x ".join(map(str, values.shape)) or "a single value"
        raise unfit(f"`{name}` of {shown} has the wrong shape", got=got, expected=f"{n:,}, one for each of `{of}`")
    if values.dtype.kind not in "fiubUS":
        raise unfit(
            f"`{name}` of {shown} holds neither texts nor numbers",
            got=f"values of type {values.dtype}",
            hint="save it as an array of texts or numbers",
        )
    if values.dtype.kind == "S":
        with explained(f"`{name}` of {shown}"):
            values = np.char.decode(values, "utf-8")
    return values.tolist()


def _open_members(path: Path) -> Arrays:
    return {name: partial(read_member, path, name) for name in list_members(path)}


def _open_tensors(path: Path) -> Arrays:
    shown = make_printable(str(path))
    with open_regular(path) as file, explained(shown):
        (length,) = struct.unpack("<Q", file.read(8))
        names = json.loads(file.read(min(length, LONGEST_HEADER)).decode("utf-8"))
    return {name: partial(_read_tensor, path, name) for name in names if name != "__metadata__"}


def _read_tensor(path: Path, name: str) -> Array:
    """A matrix, or a column beside one: the reader of features tells them apart."""
    columns = read_safetensors(path, KNOWN[0]).columns
    return columns[name]() if name in columns else read_safetensors(path, name).features  # pyright: ignore[reportReturnType]


def _suggest(name: str, arrays: Arrays) -> str:
    return nearest(name, [other for other in arrays if other not in KNOWN] or list(arrays)) if arrays else HINT
