"""What layers answer while a model runs: counted, checked, and copied before anything can overwrite it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from latentscape.errors import ModelError, ResourceError, nearest
from latentscape.features.memory import is_out_of_memory

FUSED = "it may be skipped by a fused or compiled path, or belong to a branch that this input does not take"


class Listener:
    """Hears the layers of one model. Use as a context: leaving it takes the hooks off."""

    def __init__(self, model: nn.Module, layers: Mapping[str, str]) -> None:
        self.model, self.layers = model, dict(layers)
        self._heard: dict[str, list[Tensor]] = {}
        self._hooks: list[Any] = []

    def __enter__(self) -> "Listener":
        modules = {name: _find_module(self.model, path) for name, path in self.layers.items()}
        self._hooks = [module.register_forward_hook(partial(self._hear, name)) for name, module in modules.items()]
        return self

    def __exit__(self, *_: object) -> None:
        for hook in self._hooks:
            hook.remove()

    def run(self, batch: Mapping[str, Any], size: int) -> dict[str, Tensor]:
        """What each layer answers to a batch of `size` samples: float32, on the CPU, first axis the sample.

        Raises ModelError where a layer is not called exactly once, or its answer is no such tensor.
        """
        self._heard = {name: [] for name in self.layers}
        self.model(**batch)
        return {name: self._check(name, answers, size) for name, answers in self._heard.items()}

    def _hear(self, name: str, module: nn.Module, _args: Any, output: Any) -> None:
        answer = pick_tensor(output, layer=name)
        # A copy at once: an in-place operation further on (ReLU, dropout) would change what was heard.
        self._heard[name].append(answer.detach().to(device="cpu", dtype=torch.float32, copy=True))

    def _check(self, name: str, answers: list[Tensor], size: int) -> Tensor:
        where = f"layer `{name}` (module `{self.layers[name]}`)"
        if not answers:
            raise ModelError(f"{where} exists but was not called", expected="one call a forward pass", hint=FUSED)
        if len(answers) > 1:
            raise ModelError(
                f"{where} was called {len(answers)} times in one forward pass",
                expected="one call: which of its answers is meant can't be known",
                hint="choose a layer around it, or one that follows it",
            )
        answer = answers[0]
        if answer.ndim not in (2, 3) or answer.shape[0] != size:
            raise ModelError(
                f"the answer of {where} can't be read",
                got=f"shape {list(answer.shape)} for {size} samples",
                expected="[sample, feature], [sample, frame, feature] or [sample, feature, frame]",
                hint="choose other layers; `--list-layers` shows them",
            )
        return answer


def pick_tensor(output: Any, *, layer: str) -> Tensor:
    """The one tensor of a module's output: itself, the only tensor of a tuple, or `last_hidden_state` of a record.

    Raises ModelError, with the shapes there are, where that leaves a choice or nothing.
    """
    if isinstance(output, tuple):
        tensors = [part for part in output if isinstance(part, Tensor)]
        picked = tensors[0] if len(tensors) == 1 else None
    elif isinstance(output, Mapping):
        picked = output.get("last_hidden_state")
    else:
        picked = output if isinstance(output, Tensor) else getattr(output, "last_hidden_state", None)
    if not isinstance(picked, Tensor) or not picked.is_floating_point():
        raise ModelError(
            f"layer `{layer}` does not answer with one tensor of real numbers",
            got=_describe(output),
            expected="a tensor, a tuple with one tensor, or a record with `last_hidden_state`",
            hint="choose a module inside it or after it",
        )
    return picked


def _describe(output: Any) -> str:
    """Types and shapes, one level deep."""
    if isinstance(output, Tensor):
        return f"{str(output.dtype).removeprefix('torch.')} {list(output.shape)}"
    if isinstance(output, Mapping):
        return "{" + ", ".join(f"{key}: {_describe(value)}" for key, value in output.items()) + "}"
    if isinstance(output, tuple | list):
        return f"{type(output).__name__} of ({', '.join(_describe(part) for part in output)})"
    return type(output).__name__


def _find_module(model: nn.Module, path: str) -> nn.Module:
    modules = dict(model.named_modules())
    if path not in modules:
        raise ModelError(f"the model has no module `{path}`", hint=nearest(path, modules))
    return modules[path]


def unwrap(model: nn.Module) -> nn.Module:
    """The module inside a `torch.compile` wrapper, whose compiled code would not call hooks added later."""
    return getattr(model, "_orig_mod", model)


@contextmanager
def ready_to_read(model: nn.Module, device: str) -> Iterator[None]:
    """The model on its device, in eval mode, without gradients, and without the fused path that skips hooks.

    Raises ModelError for a module that refuses eval mode, ResourceError for a model the device has no room for.
    """
    _move(model, device)
    model.eval()
    training = [path or "the model itself" for path, module in model.named_modules() if module.training]
    if training:
        raise ModelError("modules stay in training mode", got=", ".join(training[:5]), expected="eval mode everywhere")
    fused = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with torch.inference_mode():
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)


def _move(model: nn.Module, device: str) -> None:
    try:
        model.to(device)
    except RuntimeError as error:
        if is_out_of_memory(error):
            raise ResourceError(
                f"the model does not fit into the memory of {device}", hint="use `--device cpu`"
            ) from error
        raise
