"""A file on disk -> the tensors in it and what was saved beside them. No code from the file ever runs."""

import hashlib
import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from latentscape.errors import ModelError, SafetyError
from latentscape.file_kinds import check_archive, foreign_globals, tell_file_kind
from latentscape.numpy_scalars import STAND_INS, RefusedScalarError
from latentscape.receipt import WeightReceipt, load_weights

__all__ = ["Checkpoint", "WeightReceipt", "hash_file", "load_checkpoint", "load_weights"]

WRAPPERS = ("model_state", "model_state_dict", "state_dict")
"""Names under which training scripts keep the model's tensors."""
PREFIXES = ("module.", "_orig_mod.", "model.")
"""Put before every name by DataParallel, torch.compile and Lightning."""
_TRAINING_STATE = ("optim", "sched", "scaler", "rng")
_MAX_DEPTH = 12


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """The tensors of a file under their plain names, and the facts saved beside them."""

    path: Path
    sha256: str
    tensors: Mapping[str, Tensor]
    """On the CPU; the wrapper and the prefix are taken off."""
    metadata: Mapping[str, Any]
    """Plain values only (JSON can write them): epoch, loss, config ...; infinities and NaN as words."""
    wrapper: str
    """`model_state`, `model_state_dict`, `state_dict`, `bare` or `safetensors`."""
    prefix: str
    """What stood before every name, e.g. `module._orig_mod.`; empty if nothing did."""


def load_checkpoint(path: str | os.PathLike[str]) -> Checkpoint:
    """Read `.pt`, `.pth`, `.bin`, `.ckpt` or `.safetensors`; what the file is, is told by its bytes.

    Raises ModelError for a file that is missing, empty, truncated, or no checkpoint; SafetyError for one that wants
    to run code, and for archives of programs (TorchScript, pt2).
    """
    path = Path(path)
    kind = tell_file_kind(path)
    before = _stamp(path)
    tensors, metadata, wrapper = _read_safetensors(path) if kind == "safetensors" else _read_torch(path, kind)
    digest = hash_file(path)
    if _stamp(path) != before:
        raise ModelError(f"{path} changed while it was being read", hint="wait until the training has written it")
    tensors, prefix = _strip_prefixes(tensors)
    return Checkpoint(path=path, sha256=digest, tensors=tensors, metadata=metadata, wrapper=wrapper, prefix=prefix)


def hash_file(path: str | os.PathLike[str]) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _stamp(path: Path) -> tuple[int, int, int]:
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns, stat.st_ino


def _read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any], str]:
    try:
        with safe_open(path, framework="pt", device="cpu") as file:  # pyright: ignore[reportArgumentType]  it takes a path
            # A copy: the library's tensors look into the mapped file, which may change or shrink later.
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118  not a dict
            return tensors, dict(file.metadata() or {}), "safetensors"
    except (SafetensorError, OSError, ValueError, RuntimeError) as error:
        raise ModelError(
            f"{path} is not a whole safetensors file", got=str(error).strip(), hint="copy or download it again"
        ) from error


def _read_torch(path: Path, kind: str) -> tuple[dict[str, Tensor], dict[str, Any], str]:
    if kind == "zip":
        check_archive(path)
    try:
        # Given a path, torch would go by its ending.
        with path.open("rb") as file, torch.serialization.safe_globals(list(STAND_INS)):
            saved = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # hostile and torn bytes make torch raise nearly anything
        raise _explain_refusal(path, error) from error
    if not isinstance(saved, Mapping):
        raise ModelError(
            f"{path} holds no state dict", got=type(saved).__name__, hint="save `model.state_dict()` with torch.save"
        )
    state, wrapper = _unwrap(path, saved)
    tensors = {name: _checked(path, name, value) for name, value in _tensors_in(state)}
    if not tensors:
        raise ModelError(f"{path} holds no weights", got=f"keys {', '.join(map(str, list(saved)[:10])) or 'none'}")
    beside = saved if wrapper == "bare" else {key: value for key, value in saved.items() if key != wrapper}
    return tensors, _plain_values(beside), wrapper


def _explain_refusal(path: Path, error: Exception) -> ModelError | SafetyError:
    """Why torch would not read the file: because it names code, or because it is broken."""
    foreign = foreign_globals(path)
    if isinstance(error, RefusedScalarError) and not foreign:
        return SafetyError(
            f"{path} holds a NumPy value that is no plain number; it was not read",
            got=str(error),
            expected="numbers of NumPy's plain kinds",
            hint="save plain Python values beside the weights, or `model.state_dict()` alone",
        )
    if foreign:
        return SafetyError(
            f"{path} wants to run code; it was not run",
            got=f"it names {', '.join(foreign[:5])}{' ...' if len(foreign) > 5 else ''}",
            expected="tensors and plain values only",
            hint="where you trust its origin, load it there and save `model.state_dict()` alone, or use safetensors",
        )
    first_line = (str(error).strip() or type(error).__name__).splitlines()[0]
    return ModelError(
        f"{path} is broken or was not written by torch.save",
        got=first_line[:300],
        hint="copy or download it again, or write it again with torch.save and its default pickle protocol",
    )


def _unwrap(path: Path, saved: Mapping[Any, Any]) -> tuple[Mapping[Any, Any], str]:
    """The state dict inside, and the name it was under."""
    found = [name for name in WRAPPERS if isinstance(saved.get(name), Mapping)]
    if len(found) > 1:
        raise ModelError(f"{path} holds several models", got=", ".join(found), hint="save the one you mean alone")
    return (saved[found[0]], found[0]) if found else (saved, "bare")


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
