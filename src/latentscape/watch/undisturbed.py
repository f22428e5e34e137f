"""Looking at a model in the middle of its training, and leaving everything as it was."""

import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from latentscape.errors import ModelError, UsageError

WRAPPERS = {"DistributedDataParallel", "DataParallel", "DeepSpeedEngine"}
"""Classes whose `module` is the model."""
SHARDED = {"FullyShardedDataParallel", "FSDPModule"}


def find_bare_model(model: Any) -> nn.Module:
    """The model inside its wrappers for compiling and for training in several processes.

    Raises UsageError for something that is no module, ModelError where the weights are spread over processes: one of
    them alone can't run it.
    """
    if not isinstance(model, nn.Module):
        raise UsageError(
            "this model has no weights to tell it by",
            got=type(model).__name__,
            expected="a torch module",
            hint="give the module that holds the weights",
        )
    while True:
        inner = getattr(model, "_orig_mod", None) or (model.module if _classes(model) & WRAPPERS else None)
        if not isinstance(inner, nn.Module):
            break
        model = inner
    if any(_classes(module) & SHARDED for module in model.modules()) or any(map(_is_spread, model.parameters())):
        raise ModelError(
            "the weights of this model are spread over several processes",
            expected="a model that one process can run",
            hint="save checkpoints instead, and compare them after the training",
        )
    return model


def find_device(model: nn.Module) -> torch.device:
    """Where the model lies. Raises ModelError for a model on several devices."""
    devices = {tensor.device for tensor in (*model.parameters(), *model.buffers())}
    if len(devices) > 1:
        names = ", ".join(sorted(map(str, devices)))
        raise ModelError(
            "the model lies on several devices",
            got=names,
            expected="one device",
            hint="move all of it with `model.to(device)`, or save checkpoints and compare them after the training",
        )
    return devices.pop() if devices else torch.device("cpu")


def is_first_process() -> bool:
    """Whether this process is the one that writes: the only one, or the one of rank zero."""
    distributed = torch.distributed
    return not (distributed.is_available() and distributed.is_initialized() and distributed.get_rank() != 0)


@contextmanager
def undisturbed(model: nn.Module) -> Iterator[None]:
    """Whatever the block does, the modes and buffers of all modules and every stream of random numbers are as before.

    Inside, code that was compiled in place is set aside: it would not call hooks that were added later.
    """
    with ExitStack() as stack:
        for put_back in (_keep_modes(model), _keep_buffers(model), *_keep_random()):
            stack.callback(put_back)
        yield


def _classes(module: nn.Module) -> set[str]:
    return {kind.__name__ for kind in type(module).__mro__}


def _is_spread(parameter: Tensor) -> bool:
    """Whether this process holds a part of the parameter only (DTensor of FSDP 2, DeepSpeed ZeRO 3)."""
    return hasattr(parameter, "placements") or (hasattr(parameter, "ds_tensor") and parameter.numel() == 0)


def _keep_modes(model: nn.Module) -> Callable[[], None]:
    # Modes are set one by one: `train()` may be overridden, and some models merge weights in it.
    modes = [(module, module.training, getattr(module, "_compiled_call_impl", None)) for module in model.modules()]
    for module, _, compiled in modes:
        if compiled is not None:
            module._compiled_call_impl = None  # pyright: ignore[reportAttributeAccessIssue]

    def put_back() -> None:
        for module, training, compiled in modes:
            module.training = training
            if compiled is not None:
                module._compiled_call_impl = compiled  # pyright: ignore[reportAttributeAccessIssue]

    return put_back


def _keep_buffers(model: nn.Module) -> Callable[[], None]:
    kept = [
        (module, name, buffer, buffer.detach().clone())
        for module in model.modules()
        for name, buffer in module._buffers.items()
        if buffer is not None
    ]

    @torch.no_grad()
    def put_back() -> None:
        for module, name, buffer, before in kept:
            module._buffers[name] = buffer
            if not torch.equal(buffer, before):
                buffer.copy_(before)

    return put_back


def _keep_random() -> list[Callable[[], Any]]:
    """Functions that put the random streams of Python, NumPy and torch back where they are now."""
    python, numpy, cpu = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002  the user's own
    found: list[Callable[[], Any]] = [
        lambda: random.setstate(python),
        lambda: np.random.set_state(numpy),  # noqa: NPY002
        lambda: torch.set_rng_state(cpu),
    ]
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        cuda = torch.cuda.get_rng_state_all()
        found.append(lambda: torch.cuda.set_rng_state_all(cuda))
    if torch.backends.mps.is_available():
        mps = torch.mps.get_rng_state()
        found.append(lambda: torch.mps.set_rng_state(mps))
    return found
