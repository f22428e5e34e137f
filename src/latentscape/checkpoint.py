"""A file on disk -> the tensors in it and what was saved beside them. No code from the file ever runs."""

import hashlib
import io
import json
import math
import os
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from latentscape.errors import LatentscapeError, ModelError, SafetyError
from latentscape.file_kinds import check_archive, foreign_globals, tell_file_kind
from latentscape.numpy_scalars import STAND_INS, RefusedScalarError
from latentscape.paths import hash_file
from latentscape.receipt import WeightReceipt, load_weights

__all__ = ["Checkpoint", "WeightReceipt", "load_checkpoint", "load_weights"]

AVERAGED = (
    *("ema", "model_ema", "ema_model", "ema_state_dict", "state_dict_ema", "model_ema_state_dict", "ema_weights"),
    *("params_ema", "averaged_model", "swa_model", "swa_state_dict", "shadow", "teacher", "target", "student"),
)
"""Names of a second set of weights, which may be the one that is meant: it is never chosen in silence."""
WRAPPERS = (
    *("model_state", "model_state_dict", "state_dict", "model", "net", "network", "module", "weights"),
    *("model_weights", "net_state_dict", "params", "state", "checkpoint"),
    *AVERAGED,
)
"""Names under which training scripts keep the model's tensors."""
PREFIXES = (
    *("module.", "_orig_mod.", "model.", "net.", "network.", "_forward_module.", "_fsdp_wrapped_module."),
    *(f"{name}." for name in AVERAGED),
)
"""Put before every name by DataParallel, torch.compile, Lightning, Fabric, FSDP and averages of weights."""
_LIKE_AVERAGED = re.compile(r"(^|_)(ema|swa|averaged|teacher|student)(_|$)")
_TRAINING_STATE = ("optim", "sched", "scaler", "rng")
_MAX_DEPTH = 12
_MAX_NESTING = 3
_SETTLED = 0.01
"""Seconds after which a written file is taken to be at rest: longer than a clock tick of any file system."""


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """The tensors of a file under their plain names, and the facts saved beside them."""

    path: Path
    sha256: str
    """Of the very bytes that the tensors were read from."""
    states: Mapping[str, Mapping[str, Tensor]]
    """Every set of tensors that could be the model, on the CPU under the file's own names, by the place it was found
    at: a wrapper such as `model_state` or `checkpoint.model`, else `bare` or `safetensors`."""
    metadata: Mapping[str, Any]
    """Plain values only (JSON can write them): epoch, loss, config ...; infinities and NaN as words."""

    @property
    def wrapper(self) -> str:
        """Where the tensors were in the file. Raises ModelError where several sets could be meant."""
        if len(self.states) > 1:
            raise refuse_ambiguous(self.path, [f"`{name}`" for name in self.states])
        return next(iter(self.states))

    @property
    def prefix(self) -> str:
        """What stood before every name, e.g. `module._orig_mod.`; empty if nothing did."""
        return self._stripped[1]

    @property
    def tensors(self) -> Mapping[str, Tensor]:
        """The only set of tensors, without what stood before every name. Raises ModelError where there are several."""
        return self._stripped[0]

    @cached_property
    def _stripped(self) -> tuple[dict[str, Tensor], str]:
        return _strip_prefixes(dict(self.states[self.wrapper]))


def load_checkpoint(path: str | os.PathLike[str]) -> Checkpoint:
    """Read `.pt`, `.pth`, `.bin`, `.ckpt` or `.safetensors`; what the file is, is told by its bytes.

    Raises ModelError for a file that is missing, empty, truncated, changed while it is read, or no checkpoint;
    SafetyError for one that wants to run code, and for archives of programs (TorchScript, pt2).
    """
    path = Path(path)
    kind = tell_file_kind(path)
    before, data = _stamp(path), _read_bytes(path)
    digest = hashlib.sha256(data).hexdigest()
    try:
        states, metadata = _read_safetensors(path, data) if kind == "safetensors" else _read_torch(path, kind, data)
    except LatentscapeError:
        # A file that is being written looks broken, and may look like anything.
        _require_unchanged(path, before, digest)
        raise
    _require_unchanged(path, before, digest)
    return Checkpoint(path=path, sha256=digest, states=states, metadata=metadata)


def refuse_ambiguous(path: Path, candidates: list[str]) -> ModelError:
    """The error for a file in which several sets of weights could be meant."""
    return ModelError(
        f"{path} holds several models",
        got=" and ".join(candidates),
        expected="one set of weights",
        hint="load it where you trained it and save the one you mean alone: `torch.save(model.state_dict(), ...)`",
        fault="checkpoint-ambiguous",
    )


def _stamp(path: Path) -> tuple[int, ...]:
    try:
        stat = path.stat()
    except OSError as error:
        raise _refuse_changed(path, error.strerror or str(error)) from error
    return stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino, stat.st_dev


def _read_bytes(path: Path) -> bytes:
    """The whole file, once: a file that is mapped instead kills the process when somebody cuts it."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelError(
            f"{path} can't be read",
            got=error.strerror or str(error),
            hint="check its permissions and the drive",
            fault="checkpoint-missing",
        ) from error


def _require_unchanged(path: Path, before: tuple[int, ...], digest: str) -> None:
    """Raise ModelError where the file is no longer the one that was read.

    Its bytes are read again: one written to within a tick of the clock keeps its times.
    """
    age = time.time() - before[1] / 1e9
    if 0 <= age < _SETTLED:
        time.sleep(_SETTLED - age)
    try:
        same = hash_file(path) == digest and _stamp(path) == before
    except OSError as error:
        raise _refuse_changed(path, error.strerror or str(error)) from error
    if not same:
        raise _refuse_changed(path, "other bytes or another date than at the start")


def _refuse_changed(path: Path, got: str) -> ModelError:
    return ModelError(
        f"{path} changed while it was being read",
        got=got,
        hint="wait until the training has written it, or copy it and give the copy",
        fault="checkpoint-changed",
    )


def _read_safetensors(path: Path, data: bytes) -> tuple[dict[str, dict[str, Tensor]], dict[str, Any]]:
    try:
        tensors = safetensors.torch.load(data)
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")], object_pairs_hook=_once)
    except (SafetensorError, ValueError, RuntimeError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise ModelError(
            f"{path} is not a whole safetensors file",
            got=str(error).strip()[:300],
            hint="copy or download it again",
            fault="checkpoint-broken",
        ) from error
    return {"safetensors": tensors}, dict(header.get("__metadata__") or {})


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object in which no name is there twice: of two tensors of one name, readers keep the one or the other."""
    values = dict(pairs)
    if len(values) < len(pairs):
        raise ValueError("one name stands in its header twice")
    return values


def _read_torch(path: Path, kind: str, data: bytes) -> tuple[dict[str, dict[str, Tensor]], dict[str, Any]]:
    if kind == "zip":
        check_archive(path)
    try:
        with torch.serialization.safe_globals(list(STAND_INS)):
            saved = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except Exception as error:  # hostile and torn bytes make torch raise nearly anything
        raise _explain_refusal(path, error) from error
    if not isinstance(saved, Mapping):
        raise ModelError(
            f"{path} holds no state dict",
            got=type(saved).__name__,
            hint="save `model.state_dict()` with torch.save",
            fault="checkpoint-kind",
        )
    states = {
        name: {key: _checked(path, key, value) for key, value in _tensors_in(state)}
        for name, state in _find_states(saved).items()
    }
    if not states:
        keys = ", ".join(map(str, list(saved)[:10])) or "none"
        raise ModelError(
            f"{path} holds no weights",
            got=f"keys {keys}",
            expected=f"a state dict, bare or under a name such as {', '.join(f'`{name}`' for name in WRAPPERS[:4])}",
            hint="save `model.state_dict()` with torch.save",
            fault="checkpoint-kind",
        )
    roots = {name.partition(".")[0] for name in states}
    return states, _plain_values({key: value for key, value in saved.items() if key not in roots})


def _find_states(saved: Mapping[Any, Any]) -> dict[str, Mapping[Any, Any]]:
    """Every state dict in a file by where it is. Tensors beside a wrapper are another one if they are named like it."""
    found = _find_wrapped(saved, "", 0)
    bare = [name for name, _ in _tensors_in(saved)]
    if bare and (not found or any("." in name for name in bare)):
        found["bare"] = saved
    return found


def _find_wrapped(saved: Mapping[Any, Any], place: str, depth: int) -> dict[str, Mapping[Any, Any]]:
    found: dict[str, Mapping[Any, Any]] = {}
    averages = [name for name in saved if isinstance(name, str) and _LIKE_AVERAGED.search(name)]
    for name in dict.fromkeys([*WRAPPERS, *averages]):
        inner = saved.get(name)
        if isinstance(inner, Mapping):
            found |= _find_wrapped(inner, f"{place}{name}.", depth + 1) if depth < _MAX_NESTING else {}
            if any(True for _ in _tensors_in(inner)):
                found[place + name] = inner
    return found


def _explain_refusal(path: Path, error: Exception) -> ModelError | SafetyError:
    """Why torch would not read the file: because it names code, or because it is broken."""
    try:
        foreign = foreign_globals(path)
    except OSError:  # gone by now, which `_require_unchanged` then says
        foreign = []
    if isinstance(error, RefusedScalarError) and not foreign:
        return SafetyError(
            f"{path} holds a NumPy value that is no plain number; it was not read",
            got=str(error),
            expected="numbers of NumPy's plain kinds",
            fault="code-pickle",
            hint="save plain Python values beside the weights, or `model.state_dict()` alone",
        )
    if foreign:
        return SafetyError(
            f"{path} wants to run code; it was not run",
            got=f"it names {', '.join(foreign[:5])}{' ...' if len(foreign) > 5 else ''}",
            expected="tensors and plain values only",
            fault="code-pickle",
            hint="where you trust its origin, load it there and save `model.state_dict()` alone, or use safetensors",
        )
    first_line = (str(error).strip() or type(error).__name__).splitlines()[0]
    return ModelError(
        f"{path} is broken or was not written by torch.save",
        got=first_line[:300],
        hint="copy or download it again, or write it again with torch.save and its default pickle protocol",
        fault="checkpoint-broken",
    )


def _tensors_in(state: Mapping[Any, Any]) -> Iterator[tuple[str, Tensor]]:
    yield from ((name, value) for name, value in state.items() if isinstance(name, str) and isinstance(value, Tensor))


def _checked(path: Path, name: str, tensor: Tensor) -> Tensor:
    """The tensor as plain memory. Raises SafetyError for layouts whose insides torch does not check."""
    odd = tensor.layout != torch.strided or tensor.is_quantized or tensor.is_nested or tensor.device.type != "cpu"
    if odd or tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
        raise SafetyError(
            f"{path} holds a tensor of a kind we do not read: `{name}`",
            got=f"{str(tensor.layout).removeprefix('torch.')}, {tensor.dtype}, {tensor.device}",
            expected="dense tensors that fill their own memory",
            hint="make it dense where you trust it (`tensor.to_dense()`, `.dequantize()`, `.contiguous()`), save again",
            fault="code-tensor",
        )
    return tensor.detach()


def _strip_prefixes(tensors: dict[str, Tensor]) -> tuple[dict[str, Tensor], str]:
    """Take off what training tools put before every name."""
    taken = ""
    while prefix := next((p for p in PREFIXES if all(name.startswith(p) for name in tensors)), ""):
        tensors = {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}
        taken += prefix
    return tensors, taken


def _plain_values(saved: Mapping[Any, Any]) -> dict[str, Any]:
    """What JSON can write of a dict; optimizers, schedulers and tensors of more than one number are left out."""
    kept = {}
    for key, value in saved.items():
        known, plain = _plain(value, depth=0)
        if known and not str(key).lower().startswith(_TRAINING_STATE):
            kept[str(key)] = plain
    return kept


def _plain(value: Any, *, depth: int) -> tuple[bool, Any]:
    """Whether a value is plain all the way down, and its plain form."""
    if isinstance(value, Tensor) and value.numel() == 1 and value.layout == torch.strided:
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return True, str(value)
    if value is None or isinstance(value, str | bool | int | float):
        return True, value
    if depth > _MAX_DEPTH or not isinstance(value, Mapping | list | tuple):
        return False, None
    if isinstance(value, Mapping):
        items = [(str(key), *_plain(inner, depth=depth + 1)) for key, inner in value.items()]
        return all(known for _, known, _ in items), {key: plain for key, _, plain in items}
    parts = [_plain(inner, depth=depth + 1) for inner in value]
    return all(known for known, _ in parts), [plain for _, plain in parts]
