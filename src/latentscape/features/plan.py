"""Which samples go through the model together, and how: fixed before the first one does, and kept."""

import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import groupby
from typing import Any

import numpy as np
import torch

MOST_AXES = 5
"""[sample, feature] and three axes of places, as of a video."""
PADDED, EQUAL_LENGTHS = "padded", "equal lengths"


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What shall be read of every sample, and in how large batches."""

    layers: Mapping[str, str]
    """Public name -> module path; `path#1` or `path#name` for one tensor of an answer that holds several."""
    collate: Callable[[list[Any]], Mapping[str, Any]]
    """From a list of inputs to the keywords of `model.forward`."""
    lengths: Sequence[int]
    """One an input, in any unit: which inputs share a batch."""
    batch_size: int = 32
    device: str = "cpu"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Everything that decides which samples share a pass: the same plan gives the same bytes.

    Floats add up in another order in another batch, so an extraction that goes on later must go on with these batches.
    """

    layers: Mapping[str, str]
    batch_size: int
    padding: str
    """`PADDED` or `EQUAL_LENGTHS`."""
    pad_difference: float
    axes: Mapping[str, Sequence[int]]
    """By layer, the axes that become their mean, the one that follows a sample's length first; none for vectors."""
    widths: Mapping[str, int]
    """By layer, the number of features."""
    dtypes: Mapping[str, str]
    """By layer, the type of its numbers in the model, e.g. `bfloat16`."""
    failed: tuple[tuple[int, str], ...]
    """(row, reason) of what could not be read while the plan was made; no batch has these rows."""
    batches_sha256: str
    """Of the batches and the lengths they were made from."""
    backoffs: tuple[tuple[int, int], ...] = ()
    """(batch, limit): from this batch on, no more than so many samples fit into memory at once."""

    def batches(self, lengths: Sequence[int]) -> list[list[int]]:
        """Rows of every batch, in the order in which they are read."""
        failed = {row for row, _ in self.failed}
        rows = [row for row in range(len(lengths)) if row not in failed]
        return plan_batches(rows, lengths, batch_size=self.batch_size, padding=self.padding)

    def limit_at(self, batch: int) -> int:
        """How many samples of this batch may share a pass."""
        return min([self.batch_size, *(limit for start, limit in self.backoffs if start <= batch)])

    def back_off(self, batch: int, limit: int) -> "Plan":
        """The plan after memory ran out in this batch; what later ones said, with more samples, no longer counts."""
        return replace(self, backoffs=(*self.known_at(batch).backoffs, (batch, limit)))

    def known_at(self, batch: int) -> "Plan":
        """The plan as it is known to whoever reads in order, and has come to this batch."""
        return replace(self, backoffs=tuple((start, limit) for start, limit in self.backoffs if start <= batch))

    def without_padding(self, lengths: Sequence[int]) -> "Plan":
        """A new plan that pads nothing; what is known of memory still counts, from its first batch on."""
        lowest = self.limit_at(max((start for start, _ in self.backoffs), default=0))
        backoffs = ((0, lowest),) if lowest < self.batch_size else ()
        return replace(self, padding=EQUAL_LENGTHS, backoffs=backoffs).seal(lengths)

    def seal(self, lengths: Sequence[int]) -> "Plan":
        """With the checksum of its batches."""
        return replace(self, batches_sha256=_digest(self.batches(lengths), lengths))

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        made = asdict(self)
        pairs = {name: [list(pair) for pair in made[name]] for name in ("failed", "backoffs")}
        return made | pairs | {"axes": {name: list(axes) for name, axes in made["axes"].items()}}

    @property
    def sha256(self) -> str:
        """Of the plan as it stands."""
        return hashlib.sha256(json.dumps(self.to_json(), sort_keys=True).encode()).hexdigest()


def take_up_plan(saved: Mapping[str, Any], reading: Reading) -> Plan | None:
    """The plan that was kept; None where it is no plan for this reading."""
    try:
        plan = Plan(
            **{
                **saved,
                "failed": tuple((row, reason) for row, reason in saved["failed"]),
                "backoffs": tuple((batch, limit) for batch, limit in saved["backoffs"]),
            }
        )
        return plan if _fits(plan, reading) else None
    except (TypeError, ValueError, KeyError, AttributeError):
        return None


def _fits(plan: Plan, reading: Reading) -> bool:
    """Whether every value is of its kind and the batches are the ones this reading has."""
    n_rows, failed = len(reading.lengths), [row for row, _ in plan.failed]
    names = set(reading.layers)
    sound = (
        dict(plan.layers) == dict(reading.layers)
        and plan.batch_size == reading.batch_size
        and plan.padding in (PADDED, EQUAL_LENGTHS)
        and isinstance(plan.pad_difference, float)
        and 0 <= plan.pad_difference < math.inf
        and set(plan.axes) == set(plan.widths) == set(plan.dtypes) == names
        and all(_are_axes(axes) for axes in plan.axes.values())
        and all(_is_int(width) and width > 0 for width in plan.widths.values())
        and all(_is_float_type(dtype) for dtype in plan.dtypes.values())
        and all(_is_int(row) and 0 <= row < n_rows and isinstance(reason, str) for row, reason in plan.failed)
        and failed == sorted(set(failed))
    )
    if not sound:
        return False
    batches = plan.batches(reading.lengths)
    return plan.batches_sha256 == _digest(batches, reading.lengths) and all(
        _is_int(batch) and 0 <= batch < len(batches) and _is_int(limit) and 0 < limit < plan.batch_size
        for batch, limit in plan.backoffs
    )


def _is_float_type(name: str) -> bool:
    dtype = getattr(torch, name, None)
    return isinstance(dtype, torch.dtype) and dtype.is_floating_point


def _are_axes(axes: Any) -> bool:
    """All but the samples' and the features' axis, each once."""
    if not isinstance(axes, list | tuple) or len(axes) > MOST_AXES - 2:
        return False
    return all(_is_int(axis) and 1 <= axis <= len(axes) + 1 for axis in axes) and len(set(axes)) == len(axes)


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _digest(batches: Sequence[Sequence[int]], lengths: Sequence[int]) -> str:
    parts = ([len(batch) for batch in batches], [row for batch in batches for row in batch], lengths)
    digest = hashlib.sha256()
    for part in parts:
        values = np.asarray(part, dtype="<i8")
        digest.update(len(values).to_bytes(8, "little") + values.tobytes())
    return digest.hexdigest()


def plan_batches(rows: Sequence[int], lengths: Sequence[int], *, batch_size: int, padding: str) -> list[list[int]]:
    """Batches of neighbors in length, the longest first: memory runs out at the start or never.

    The same rows and lengths give the same batches. With `equal lengths` no batch mixes lengths.

    >>> plan_batches([0, 1, 2], [5, 9, 5], batch_size=2, padding="padded")
    [[1, 0], [2]]
    >>> plan_batches([0, 1, 2], [5, 9, 5], batch_size=2, padding="equal lengths")
    [[1], [0, 2]]
    """
    order = sorted(rows, key=lambda row: (-lengths[row], row))
    runs = [order] if padding == PADDED else [list(run) for _, run in groupby(order, key=lambda row: lengths[row])]
    return [run[at : at + batch_size] for run in runs for at in range(0, len(run), batch_size)]


def find_most_padded(batches: Sequence[Sequence[int]], lengths: Sequence[int]) -> list[int]:
    """The batch whose shortest sample is padded most; empty where no batch mixes lengths."""
    worst = min(batches, key=lambda batch: lengths[batch[-1]] / max(1, lengths[batch[0]]), default=[])
    return list(worst) if worst and lengths[worst[-1]] < lengths[worst[0]] else []
