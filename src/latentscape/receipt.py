"""The weight receipt: tensors go into a module strictly, and are compared bit for bit once they are in."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Any

import torch
from torch import Tensor, nn

from latentscape.errors import ModelError

_SHOWN = 10


@dataclass(frozen=True, kw_only=True)
class WeightReceipt:
    """What of a file arrived in a live module. Names are the module's own; `unexpected` ones are the file's."""

    n_tensors: int
    """In the live module, side branches included."""
    n_parameters: int
    matched: tuple[str, ...]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    reshaped: tuple[str, ...]
    allowed: tuple[str, ...]
    """Missing or unexpected, and the user said that they may be."""
    side_branch: tuple[str, ...]
    """Missing, unexpected or reshaped where no looked-at layer can feel it: recorded, not an error."""
    n_parameters_matched: int
    tied: tuple[str, ...] = ()
    """Not in the file under this name, but there under another that shares its memory."""
    wrapper: str = ""
    """Where in the file the tensors were: `model_state`, `bare`, ..."""
    prefix: str = ""
    """What was taken off the start of every name, e.g. `module.`."""
    inner: tuple[str, ...] = ()
    """What was taken out of the middle of names, e.g. `_orig_mod.`."""
    set_aside: tuple[str, ...] = ()
    """Tensors of the file that stand outside the model's prefix, e.g. `criterion.weight` of a Lightning module."""
    base: Mapping[str, Any] | None = None
    """Where tensors are those of the model that the file builds on: its `name`, its `files` by SHA-256, `n_tensors`."""
    adapter: Mapping[str, Any] | None = None
    """What a LoRA adapter changed, where there was one."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values for the manifest and the foot of pages; percentages are 100 only where nothing is missing."""
        return {
            "n_tensors": self.n_tensors,
            "n_tensors_matched": len(self.matched),
            "percent_tensors": _percent(len(self.matched), self.n_tensors),
            "n_parameters": self.n_parameters,
            "n_parameters_matched": self.n_parameters_matched,
            "percent_parameters": _percent(self.n_parameters_matched, self.n_parameters),
            "wrapper": self.wrapper,
            "prefix": self.prefix,
            "inner": list(self.inner),
            "allowed": list(self.allowed),
            "side_branches": list(self.side_branch),
            "tied": list(self.tied),
            "set_aside": list(self.set_aside),
            "base": None if self.base is None else dict(self.base),
            "adapter": None if self.adapter is None else dict(self.adapter),
        }


def load_weights(
    module: nn.Module,
    tensors: Mapping[str, Tensor],
    *,
    source: str,
    side_branches: Sequence[str] = (),
    allow_missing: Sequence[str] = (),
) -> WeightReceipt:
    """Put `tensors` into `module` and prove that they are there.

    `side_branches` are name prefixes whose absence, presence or shape cannot change a looked-at layer.
    `allow_missing` are patterns (`*`, `?`) for names that may be missing from the file, or that the file may have
    beyond the model. Raises ModelError listing what does not fit, each with the nearest name on the other side.
    """
    live = module.state_dict(keep_vars=True)
    hidden = _hidden_buffers(module, live)
    faults = _find_faults(live, tensors, hidden)
    side = {name for names in faults.values() for name in names if name.startswith(tuple(side_branches))}
    allowed = {name for kind in ("missing", "unexpected") for name in faults[kind] if _matches(name, allow_missing)}
    faults = {kind: [name for name in names if name not in side | allowed] for kind, names in faults.items()}
    if any(faults.values()):
        raise _refuse(source, faults, _misfit(faults, live, tensors))
    matched = [name for name in live if name not in side | allowed]
    _copy_and_compare({name: (live[name], tensors[name]) for name in matched if name in tensors}, source)
    return WeightReceipt(
        n_tensors=len(live),
        n_parameters=sum(parameter.numel() for parameter in module.parameters()),
        matched=tuple(matched),
        missing=(),
        unexpected=(),
        reshaped=(),
        allowed=tuple(sorted(allowed - side)),
        side_branch=tuple(sorted(side)),
        n_parameters_matched=_count_parameters(live, matched),
        tied=tuple(name for name in matched if name not in tensors),
    )


def _find_faults(live: Mapping[str, Tensor], tensors: Mapping[str, Tensor], hidden: Mapping[str, Tensor]) -> dict:
    """Names that are missing from the file, unexpected in it, or of another shape there."""
    # A tensor that shares its memory with one that is there (tied weights) is there too.
    present = {_memory(live[name]) for name in tensors if name in live and live[name].numel()}
    return {
        "missing": [name for name, tensor in live.items() if name not in tensors and _memory(tensor) not in present],
        "unexpected": [
            name for name, tensor in tensors.items() if name not in live and not _same(hidden, name, tensor)
        ],
        "reshaped": [name for name, tensor in tensors.items() if name in live and not _alike(live[name], tensor)],
    }


def _memory(tensor: Tensor) -> tuple[int, torch.Size]:
    return tensor.data_ptr(), tensor.shape


def _alike(live: Tensor, tensor: Tensor) -> bool:
    """Same shape, and both real numbers or neither: whole numbers in place of weights are a packed format."""
    return live.shape == tensor.shape and live.is_floating_point() == tensor.is_floating_point()


def _hidden_buffers(module: nn.Module, live: Collection[str]) -> dict[str, Tensor]:
    """Buffers a module makes for itself; older libraries wrote some of them (`position_ids`) into their files."""
    return {name: buffer for name, buffer in module.named_buffers() if name not in live}


def _same(buffers: Mapping[str, Tensor], name: str, tensor: Tensor) -> bool:
    return name in buffers and buffers[name].shape == tensor.shape and torch.equal(buffers[name].cpu(), tensor)


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _copy_and_compare(pairs: Mapping[str, tuple[Tensor, Tensor]], source: str) -> None:
    """Copy every file tensor into its live one; then look whether it is there, once all copies are made."""
    # A mask that a module makes for itself may hold infinities: those count as its own.
    own = {name for name, (live, saved) in pairs.items() if _is_buffer(live) and torch.equal(live, saved.to(live))}
    with torch.no_grad():
        for live, saved in pairs.values():
            live.copy_(saved)
    broken = [name for name, (live, _) in pairs.items() if name not in own and not _is_finite(live)]
    if broken:
        raise ModelError(
            f"{source} holds weights that are not finite numbers",
            got=_shorten(broken),
            hint="the training diverged, or the file is damaged: take an earlier checkpoint",
            fault="weights-values",
        )
    lost = [name for name, (live, saved) in pairs.items() if not torch.equal(_bits(live), _bits(saved.to(live)))]
    if lost:
        raise ModelError(
            f"weights of {source} did not arrive in the model as they are in the file",
            got=_shorten(lost),
            hint="two names of one weight disagree in the file: save the model's own `state_dict()` again",
            fault="weights-lost",
        )


def _is_buffer(tensor: Tensor) -> bool:
    return not isinstance(tensor, nn.Parameter)


def _is_finite(tensor: Tensor) -> bool:
    """Whether its smallest and largest are finite, which NaN and infinity cannot hide from: one pass, no copy."""
    if tensor.is_complex():
        return bool(tensor.detach().isfinite().all())
    return not tensor.numel() or all(bool(end.isfinite()) for end in torch.aminmax(tensor.detach()))


def _bits(tensor: Tensor) -> Tensor:
    """The bits of a tensor as whole numbers: equal exactly where every bit is, the sign of zero included."""
    whole = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
    return tensor.detach().contiguous().reshape(-1).view(whole[tensor.element_size()])


def _count_parameters(live: Mapping[str, Tensor], matched: list[str]) -> int:
    parameters = {live[name].data_ptr(): live[name] for name in matched if isinstance(live[name], nn.Parameter)}
    return sum(parameter.numel() for parameter in parameters.values())


def _misfit(faults: Mapping[str, list[str]], live: Mapping[str, Tensor], tensors: Mapping[str, Tensor]) -> list[str]:
    """One line for each name that does not fit, with what it may have been meant to be."""
    lines = [f"missing     {name}{_near(name, faults['unexpected'])}" for name in faults["missing"]]
    lines += [f"unexpected  {name}{_near(name, faults['missing'])}" for name in faults["unexpected"]]
    for name in faults["reshaped"]:
        lines += [f"reshaped    {name}  {_shape(tensors[name])} in the file, {_shape(live[name])} in the model"]
    return lines


def _refuse(source: str, faults: Mapping[str, list[str]], lines: list[str]) -> ModelError:
    """The error that lists what does not fit: the first ten, then how many more."""
    counts = ", ".join(f"{len(names)} {kind}" for kind, names in faults.items() if names)
    more = [f"... and {len(lines) - _SHOWN} more"] if len(lines) > _SHOWN else []
    return ModelError(
        f"the weights in {source} do not fit this model: {counts}",
        got="\n    ".join(["", *lines[:_SHOWN], *more]),
        expected="every tensor of the model, by name and shape, and no other",
        hint="give a checkpoint of this model; `--allow-missing PATTERN` lets names pass, and stamps the result",
        fault="weights-misfit",
    )


def _percent(part: int, whole: int) -> float:
    """Rounded down to a tenth: what is not whole never reads 100."""
    return 1000 * part // whole / 10 if whole else 100.0


def _near(name: str, others: list[str]) -> str:
    close = get_close_matches(name, others, n=1, cutoff=0.6)
    return f"  (nearest on the other side: {close[0]})" if close else ""


def _shape(tensor: Tensor) -> str:
    kind = "" if tensor.is_floating_point() else f" {str(tensor.dtype).removeprefix('torch.')}"
    return f"{list(tensor.shape)}{kind}"


def _shorten(names: list[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
