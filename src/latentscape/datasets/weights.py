"""How bad each way of being wrong is: the weight file of typed hard negatives."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

from latentscape.datasets.files import open_regular
from latentscape.datasets.text import describe_kind, make_printable, normalize
from latentscape.errors import DataError

_METADATA = "_metadata"
_METHODS = ("max_incremental",)
_LARGEST_BYTES = 2**20
_DEFAULTS = {"increment_ratio": 0.3, "cap": 4.0}
LARGEST_WEIGHT = 1_000_000
Weights = Mapping[str, Any]
"""Type name -> weight, and `_metadata` -> increment_ratio and cap."""


def read_weights(path: Path) -> Weights:
    """A JSON object of type names and weights (0 or more); `_metadata` says how several types combine.

    Raises DataError if it is no such object, a weight is no number of 0 or more, or the method is unknown.
    """
    found = _read_object(Path(path))
    weights: dict[str, Any] = {}
    for name, value in found.items():
        if not name.startswith("_"):
            weights[normalize(name)] = _check_number(path, name, value)
    if not weights:
        raise _bad_file(path, "it declares no type")
    metadata = found.get(_METADATA, {})
    return MappingProxyType(weights | {_METADATA: _read_metadata(path, metadata)})


def combine_weights(types: Iterable[str], weights: Weights) -> float:
    """The weight of a negative that is wrong in `types`: min(cap, max + increment_ratio x sum of the others).

    A type counts once. An undeclared type weighs as much as `other`, or 1 where `other` is not declared either;
    a negative without types weighs 1.

    >>> combine_weights(["location", "price"], {"location": 2.5, "price": 2.0})
    3.1
    """
    metadata = _DEFAULTS | dict(weights.get(_METADATA, {}))
    each = [float(weights.get(name, weights.get("other", 1.0))) for name in dict.fromkeys(types)]
    if not each:
        return 1.0
    largest = max(each)
    return min(metadata["cap"], largest + metadata["increment_ratio"] * (sum(each) - largest))


def is_declared(name: str, weights: Weights) -> bool:
    """Whether the weight file names this type."""
    return name in weights and not name.startswith("_")


def is_weight(value: object) -> bool:
    """Whether a JSON value is a number that can weigh a negative; NaN, infinity and true/false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= LARGEST_WEIGHT


def _read_object(path: Path) -> dict[str, Any]:
    with open_regular(path) as file:
        content = file.read(_LARGEST_BYTES + 1)
    if len(content) > _LARGEST_BYTES:
        raise _bad_file(path, "it is larger than 1 MiB")
    try:
        found = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise _bad_file(path, f"it is not JSON ({error})") from None
    if not isinstance(found, dict):
        raise _bad_file(path, f"it holds {describe_kind(found)}")
    return found


def _read_metadata(path: Path, metadata: object) -> Mapping[str, float]:
    if not isinstance(metadata, dict):
        raise _bad_file(path, f"`{_METADATA}` is {describe_kind(metadata)}")
    method = metadata.get("method", _METHODS[0])
    if method not in _METHODS:
        raise _bad_file(path, f"the method {method!r} is unknown; known: {', '.join(_METHODS)}")
    return MappingProxyType(
        {name: _check_number(path, name, metadata.get(name, _DEFAULTS[name])) for name in _DEFAULTS}
    )


def _check_number(path: Path, name: str, value: object) -> float:
    if not is_weight(value):
        raise _bad_file(path, f"`{name}` is {value!r:.60}, not a number from 0 to {LARGEST_WEIGHT:,}")
    return float(cast("float", value))


def _bad_file(path: Path, reason: str) -> DataError:
    return DataError(
        f"can't use the weight file {make_printable(str(path))}: {reason}",
        expected='an object like {"location": 2.5, "price": 2.0, "_metadata": {"increment_ratio": 0.3, "cap": 4.0}}',
        hint="check that this is the weight file, or leave `--weights` out",
        fault="data-format",
    )
