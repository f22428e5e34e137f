"""What layers answer while a model runs: counted, checked, and copied before anything can overwrite it."""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from latentscape.errors import ModelError, ResourceError, UsageError
from latentscape.features.answers import CHOICE, pick_tensor
from latentscape.features.memory import is_out_of_memory
from latentscape.features.names import suggest
from latentscape.features.plan import MOST_AXES
from latentscape.models.shells import INSIDE

COMPILED = "_orig_mod"
"""Where `torch.compile` puts the plain module inside its wrapper."""
WRAPPED = (COMPILED, INSIDE)
"""Parts of a path that somebody put around the user's modules."""
ENTERED = "in"
"""The choice that means what enters a module: `classifier#in`. A keyword of Python, so no record has such a field."""
BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)


class Listener:
    """Hears the layers of one model. Use as a context: leaving it takes the hooks off."""

    def __init__(self, model: nn.Module, layers: Mapping[str, str]) -> None:
        self.model, self.layers = model, dict(layers)
        self.dtypes: dict[str, str] = {}
        """By layer, the type of the numbers it answered with."""
        self._heard: dict[str, list[Tensor]] = {}
        self._hooks: list[Any] = []

    def __enter__(self) -> "Listener":
        found = {name: find_module(self.model, path) for name, path in self.layers.items()}
        for name, (module, choice) in found.items():
            if choice[:1] == (ENTERED,):
                hook = module.register_forward_pre_hook(self._listen_to_inputs(name, choice[1:]), with_kwargs=True)
                self._hooks.append(hook)
            else:
                self._hooks.append(module.register_forward_hook(partial(self._hear, name, choice)))
        for path, module in find_modules(self.model).items():
            if isinstance(module, BATCH_NORMS) and module.running_mean is None:
                self._hooks.append(module.register_forward_pre_hook(partial(_refuse_batch_norm, path)))
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

    def _hear(self, name: str, choice: tuple[str, ...], _module: nn.Module, _args: Any, output: Any) -> None:
        self._keep(name, pick_tensor(output, layer=name, choice=choice))

    def _listen_to_inputs(self, name: str, choice: tuple[str, ...]) -> Callable[..., None]:
        def hear(_module: nn.Module, args: tuple[Any, ...], keywords: dict[str, Any]) -> None:
            given = list_inputs(args, keywords)
            self._keep(name, pick_tensor(given, layer=name, choice=choice or tuple(given)[:1], entered=True))

        return hear

    def _keep(self, name: str, answer: Tensor) -> None:
        self.dtypes[name] = str(answer.dtype).removeprefix("torch.")
        # A copy at once: an in-place operation further on (ReLU, dropout) would change what was heard.
        self._heard[name].append(answer.detach().to(device="cpu", dtype=torch.float32, copy=True))

    def _check(self, name: str, answers: list[Tensor], size: int) -> Tensor:
        where = f"layer `{name}` (module `{self.layers[name]}`)"
        if not answers:
            raise ModelError(
                f"{where} exists but was not called",
                expected="one call a forward pass",
                hint="choose another layer: this one may be skipped by a fused or compiled path, "
                "or belong to a branch that this input does not take",
                fault="layer-silent",
            )
        if len(answers) > 1:
            raise ModelError(
                f"{where} was called {len(answers)} times in one forward pass",
                expected="one call: which of its answers is meant can't be known",
                hint="choose a layer around it, or one that follows it",
                fault="layer-repeated",
            )
        answer = answers[0]
        if not 2 <= answer.ndim <= MOST_AXES or answer.shape[0] != size:
            raise ModelError(
                f"the answer of {where} can't be read",
                got=f"shape {list(answer.shape)} for {size} samples",
                expected="[sample, feature], or up to three axes of frames or places before or after the features",
                hint="choose other layers; `--list-layers` shows them",
                fault="layer-answer",
            )
        return answer


def list_inputs(args: tuple[Any, ...], keywords: Mapping[str, Any]) -> dict[str, Any]:
    """What a module is given, by place or name."""
    return {str(place): value for place, value in enumerate(args)} | dict(keywords)


def find_module(model: nn.Module, path: str) -> tuple[nn.Module, tuple[str, ...]]:
    """The module at a path, and the choice behind it. A path that is there as it stands makes no choice."""
    modules = find_modules(model)
    if path in modules:
        return modules[path], ()
    plain, *choice = path.split(CHOICE)
    if plain not in modules:
        hint = suggest(plain, modules) or "choose another layer; `--list-layers` shows them"
        raise UsageError(f"the model has no module `{plain}`", hint=hint, fault="layer-unknown")
    return modules[plain], tuple(choice)


def find_modules(model: nn.Module) -> dict[str, nn.Module]:
    """Every module by its path in the user's plain model: what is wrapped around some of them has no name here."""
    named = list(model.named_modules(remove_duplicate=False))
    plain = {".".join(part for part in path.split(".") if part not in WRAPPED): module for path, module in named}
    return {path: module for path, module in plain.items() if path}


def _refuse_batch_norm(path: str, _module: nn.Module, _args: Any) -> None:
    raise ModelError(
        f"`{path}` normalizes over the batch and has no running statistics",
        got="features that depend on what else is in a batch",
        expected="the same features in any batch",
        hint="save the model with `track_running_stats=True`, or choose a checkpoint that has `running_mean`",
        fault="answers-vary",
    )


def unwrap(model: nn.Module) -> nn.Module:
    """The module inside a `torch.compile` wrapper, whose compiled code would not call hooks added later."""
    return getattr(model, COMPILED, model)


@contextmanager
def ready_to_read(model: nn.Module, device: str) -> Iterator[None]:
    """The model on its device, in eval mode, without gradients, and without fused or compiled paths that skip hooks.

    Raises ModelError for a module that refuses eval mode, ResourceError for a model the device has no room for.
    """
    move(model, device)
    model.eval()
    training = [path or "the model itself" for path, module in model.named_modules() if module.training]
    if training:
        raise ModelError(
            "modules stay in training mode",
            got=", ".join(training[:5]),
            expected="eval mode everywhere",
            hint="look for a `train` method that ignores its argument",
            fault="answers-vary",
        )
    fused = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with torch.inference_mode(), _nothing_compiled():
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)


def _nothing_compiled() -> AbstractContextManager[Any]:
    """Compiled modules run as they are written: code compiled before the hooks came would not call them."""
    # Its import takes seconds; where it was never imported nothing can be compiled.
    return torch.compiler.set_stance("force_eager") if "torch._dynamo" in sys.modules else nullcontext()


def move(model: nn.Module, device: str) -> None:
    """Bring a model to a device. Raises ResourceError where that has no room for it."""
    try:
        model.to(device)
    except RuntimeError as error:
        if is_out_of_memory(error):
            raise ResourceError(
                f"the model does not fit into the memory of {device}", hint="use `--device cpu`", fault="memory"
            ) from error
        raise
