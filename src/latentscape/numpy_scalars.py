"""NumPy's plain numbers as training scripts leave them beside the weights, read without any of NumPy's own code.

A pickle of `np.float64(0.5)` calls `numpy.dtype` and NumPy's `scalar`. While a checkpoint is read these two names mean
the stand-ins below, which know the plain kinds of numbers and nothing else: no objects, records, dates or text.
"""

import struct
from collections.abc import Callable
from typing import final

_LAYOUTS = {"b1": "?", "i1": "b", "i2": "h", "i4": "i", "i8": "q", "u1": "B", "u2": "H", "u4": "I", "u8": "Q"}
_LAYOUTS |= {"f2": "e", "f4": "f", "f8": "d"}
"""NumPy's code of a kind of number -> how `struct` calls it."""


class RefusedScalarError(ValueError):
    """A NumPy value that is no plain number."""


@final
class NumberKind:
    """Stands for `numpy.dtype`."""

    layout = ""
    order = "<"

    def __init__(self, code: object = None, *_: object) -> None:
        if not isinstance(code, str) or code not in _LAYOUTS:
            raise RefusedScalarError(f"a value of NumPy's kind {code!r:.60}")
        self.layout = _LAYOUTS[code]

    def __setstate__(self, state: object) -> None:
        """Take the byte order, the second of what NumPy keeps of a kind; a number has nothing else to tell."""
        order = state[1] if isinstance(state, tuple) and len(state) == 8 else None
        if order not in ("<", ">", "|", "="):
            raise RefusedScalarError("a kind of NumPy value that is more than a number")
        self.order = ">" if order == ">" else "<"


def read_scalar(kind: object, content: object = None) -> bool | int | float:
    """Stands for NumPy's `scalar`: a number from its kind and its bytes."""
    if not isinstance(kind, NumberKind) or not kind.layout or not isinstance(content, bytes):
        raise RefusedScalarError("a NumPy value that is not made of a kind of number and its bytes")
    if len(content) != struct.calcsize(kind.order + kind.layout):
        raise RefusedScalarError(f"a number in {len(content)} bytes")
    return struct.unpack(kind.order + kind.layout, content)[0]


STAND_INS: tuple[tuple[Callable[..., object], str], ...] = (
    (NumberKind, "numpy.dtype"),
    (read_scalar, "numpy._core.multiarray.scalar"),
    (read_scalar, "numpy.core.multiarray.scalar"),
)
"""What each name in a pickle means, as `torch.serialization.safe_globals` takes it; both spellings of NumPy 1 and 2."""
