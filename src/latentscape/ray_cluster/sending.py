"""What goes to workers is packed here first; what can't be sent is named before anybody waits for it."""

from collections.abc import Callable, Iterator, Mapping
from inspect import isfunction
from typing import Any

import numpy as np

from latentscape.errors import LatentscapeError, UsageError
from latentscape.ray_cluster.parcels import pack, pack_apart

DEEPEST = 12
"""Names in a row after which nobody looks further."""


def pack_shared(prepare: Callable[..., Any], shared: Any) -> list[np.ndarray]:
    """What every worker has, as in `pack_apart`. Raises UsageError, which names what in it can't be sent."""
    try:
        return pack_apart((prepare, shared))
    except (LatentscapeError, MemoryError):
        raise
    except Exception as error:
        place = find_culprit(shared) or find_culprit(prepare)
        raise _refuse("what this stage works on", error, place) from error


def pack_task(task: Any, name: Callable[[object], str]) -> bytes:
    """A task, as in `pack`. Raises UsageError where it can't be sent."""
    try:
        return pack(task)
    except (LatentscapeError, MemoryError):
        raise
    except Exception as error:
        raise _refuse(name(task), error) from error


def find_culprit(value: Any, place: str = "") -> str:
    """Where in a value that can't be sent the first part is that can't be sent alone, such as `model.head.lock`.

    Empty where the whole can be sent, or no part is to blame.
    """
    if place.count(".") < DEEPEST:
        for name, part in _list_parts(value):
            if not _can_be_sent(part):
                within = f"{place}.{name}".lstrip(".")
                return find_culprit(part, within)
    return place


def _list_parts(value: Any) -> Iterator[tuple[str, Any]]:
    """What a value consists of by name. A module of torch knows its layers as its attributes, and keeps them apart."""
    if isinstance(value, Mapping):
        yield from ((str(key), part) for key, part in value.items())
    elif isinstance(value, list | tuple | set | frozenset):
        yield from ((str(at), part) for at, part in enumerate(value))
    elif isfunction(value):
        cells = zip(value.__code__.co_freevars, value.__closure__ or (), strict=True)
        yield from ((name, cell.cell_contents) for name, cell in cells)
    else:
        held = vars(value) if hasattr(value, "__dict__") and not isinstance(value, type) else {}
        layers = dict(value.named_children()) if hasattr(value, "named_modules") else {}
        yield from ((name, part) for name, part in held.items() if not (layers and name == "_modules"))
        yield from layers.items()


def _can_be_sent(value: Any) -> bool:
    try:
        pack_apart(value)
    except Exception:  # noqa: BLE001  whatever the reason is
        return False
    return True


def _refuse(what: str, error: Exception, place: str = "") -> UsageError:
    said = f"{type(error).__name__}: {error}"
    return UsageError(
        f"{what} can't be sent to workers",
        got=f"`{place}`: {said}" if place else said,
        hint='`--engine local` (from Python `engine="local"`) need not send it; or make it without what is named, '
        "such as a lock, an open file or a generator, and let it open that when it is used",
        fault="option-value",
    )
