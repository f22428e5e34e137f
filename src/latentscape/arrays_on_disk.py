"""Arrays as bytes: .npy and .npz without pickle, the same bytes for the same arrays."""

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

UNREADABLE = (
    OSError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    EOFError,
    RecursionError,
    MemoryError,
    zipfile.BadZipFile,
    NotImplementedError,
)
"""What reading a damaged file may raise."""

Arrays = Mapping[str, np.ndarray]


def write_npy(sink: Any, array: np.ndarray) -> None:
    """Write one array; those of Python objects are refused: they would need pickle."""
    np.lib.format.write_array(sink, array, allow_pickle=False)


def write_npz(sink: Any, arrays: Arrays) -> None:
    """Write several arrays, uncompressed, into whatever has `write` and `flush`."""
    with zipfile.ZipFile(sink, "w") as archive:
        for key, array in arrays.items():
            with archive.open(zipfile.ZipInfo(f"{key}.npy"), "w", force_zip64=True) as member:  # dated 1980: same bytes
                write_npy(member, array)


def read_array(path: Path, key: str) -> np.ndarray:
    """One array of a .npy or .npz file, read-only."""
    if path.suffix == ".npy":
        return freeze(np.load(path, allow_pickle=False))
    with np.load(path, allow_pickle=False) as archive:
        return freeze(archive[key])


def freeze(array: np.ndarray) -> np.ndarray:
    """The same numbers, which nobody can change through this view."""
    view = array.view()
    view.flags.writeable = False
    return view
