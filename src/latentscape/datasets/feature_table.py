"""A matrix of features and the columns that lie beside it, wherever both came from."""

import os
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from tokenize import TokenError

import numpy as np
import pyarrow as pa
from jaxtyping import Float, Real, Shaped

from latentscape.errors import DataError, LatentscapeError, ResourceError, nearest

Columns = Mapping[str, Callable[[], object]]
"""Name -> a function that gives the column's values, so that nothing is read that nobody asks for."""
EXACT_IN_SINGLE = ("float16", "float32", "int8", "uint8", "int16", "uint16", "bool")
"""Kinds of numbers that single precision holds without loss."""


BROKEN = (OSError, ValueError, LookupError, TypeError, SyntaxError, EOFError, RecursionError, OverflowError)
BROKEN += (NotImplementedError, RuntimeError, TokenError, zipfile.BadZipFile, zlib.error, struct.error)
BROKEN += (pa.ArrowException,)
"""What reading a damaged file may raise."""


@dataclass(frozen=True, kw_only=True)
class FeatureTable:
    """One row of numbers a sample, and what else the same source says of the samples."""

    features: Real[np.ndarray, "sample feature"]
    """As stored; may lie on the disk until it is used."""
    source: str
    """File name, or `array`."""
    chosen: str = ""
    """Which part of the source it is, in words; empty where there was nothing to choose."""
    columns: Columns = field(default_factory=dict)


@contextmanager
def explained(shown: str) -> Iterator[None]:
    """Turn whatever a damaged file makes a reader raise into a DataError that names the file."""
    try:
        yield
    except LatentscapeError:
        raise
    except BROKEN as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        hint = "copy, download or write it again"
        raise DataError(f"{shown} can't be read", got=reason, hint=hint, fault="features-format") from None


def require_matrix(values: Shaped[np.ndarray, "*axes"], shown: str) -> Real[np.ndarray, "sample feature"]:
    """The array if it is a matrix of numbers with at least one column. Raises DataError saying what it is instead."""
    if values.dtype.kind not in "fiub":
        got = f"values of type {values.dtype}"
        raise DataError(f"{shown} does not hold numbers", got=got, hint=_name_wanted(), fault="features-format")
    if values.ndim != 2 or not values.shape[1]:
        shape = " x ".join(map(str, values.shape)) or "a single number"
        raise DataError(
            f"{shown} is no matrix",
            got=shape,
            expected="samples x features",
            hint=_name_wanted(),
            fault="features-format",
        )
    return values.view(np.uint8) if values.dtype.kind == "b" else values


def to_floats(features: Real[np.ndarray, "sample feature"]) -> Float[np.ndarray, "sample feature"]:
    """The features in single precision where that loses nothing, else in double; no copy where they are so already."""
    name = features.dtype.name
    wanted = np.dtype(np.float32 if name in EXACT_IN_SINGLE else np.float64)
    return np.asarray(features if features.dtype == wanted else features.astype(wanted))


def require_memory(n_bytes: int, shown: str) -> None:
    """Raise ResourceError where so much can't be in memory; a small file may claim that it unpacks to anything."""
    room = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if n_bytes > room:
        raise ResourceError(
            f"{shown} does not fit in memory",
            got=f"{n_bytes / 2**30:,.0f} GiB; this machine has {room / 2**30:,.0f} GiB",
            hint="save a part of it, or save it as .npy, which is read from the disk as it is needed",
            fault="memory",
        )


def choose_one(names: Mapping[str, str], key: str | None, *, shown: str, what: str, ask: str = "--key {}") -> str:
    """The name asked for, or the only one there is.

    `names` says of each candidate what it is, `ask` how a user asks for one. Raises DataError where the name is none of
    them, or there are none or several.
    """
    if key is not None and key not in names:
        hint = nearest(key, names) if names else f"there is no {what} in it"
        raise DataError(f"{shown} has no {what} `{key}`", got=list_names(names), hint=hint, fault="data-columns")
    if key is None and len(names) != 1:
        raise DataError(
            f"{shown} has {'several' if names else 'no'} {what}s that could be meant",
            got=list_names(names),
            expected=f"one {what}",
            hint=f"say which: `{ask.format(next(iter(names)))}`" if names else _name_wanted(),
            fault="data-columns",
        )
    return next(iter(names)) if key is None else key


def list_names(names: Mapping[str, str]) -> str:
    """Candidates for a message: the first twelve, each with what it is."""
    shown = ", ".join(f"`{name}` ({kind})" for name, kind in list(names.items())[:12])
    return shown + (f" and {len(names) - 12} more" if len(names) > 12 else "") or "nothing of the kind"


def _name_wanted() -> str:
    return "give one row of numbers a sample: pool or flatten the rest first"
