"""One sample through a model, every module heard: which are called, in which order, and what they answer with."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from latentscape.errors import ModelError
from latentscape.features.answers import CHOICE, find_tensors
from latentscape.features.choose import describe_layers, public_layers
from latentscape.features.hooks import ENTERED, find_modules, list_inputs, ready_to_read, unwrap
from latentscape.features.memory import is_out_of_memory
from latentscape.features.plan import MOST_AXES
from latentscape.features.pooling import measure_batch
from latentscape.features.reader import OWN_FAILURES
from latentscape.models.shells import ANSWER

LONGEST_VECTOR = 2**16
"""Longer means over places are not kept: no head has so many features."""


@dataclass(frozen=True, kw_only=True)
class Heard:
    """A tensor that a module answered with."""

    choice: tuple[str, ...]
    """Where it stands in the answer; nothing where it needs no choice."""
    shape: tuple[int, ...]
    vectors: tuple[np.ndarray, ...] = field(default=(), repr=False, compare=False)
    """Its one sample as a vector: itself, or the means over places for each axis in which features may lie."""


@dataclass(frozen=True, kw_only=True)
class Traced:
    """What one module did in one forward pass of one sample."""

    path: str
    kind: str
    """Its type."""
    n_calls: int
    started: int
    """Events of a pass are numbered: where its last call began, and where it ended; -1 where it was not called."""
    finished: int
    heard: tuple[Heard, ...]
    """What its last call answered with: the tensor that needs no choice first, where there is one."""
    entered: Heard | None = None
    """The first tensor it was given."""
    is_leaf: bool
    has_weights: bool
    """Whether it has a matrix of its own, as linear and convolution layers do."""

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """Of every tensor of its last answer that belongs to the sample, the samples' axis first."""
        return [each.shape for each in self.heard]

    @property
    def shape(self) -> tuple[int, ...] | None:
        """Of the answer that can be read; None where there is none."""
        return self.heard[0].shape if self.n_calls == 1 and self.heard else None

    @property
    def reads(self) -> str | None:
        """The path by which its answer can be read as features; None where it can't."""
        return CHOICE.join([self.path, *self.heard[0].choice]) if self.shape is not None else None

    @property
    def vectors(self) -> tuple[np.ndarray, ...]:
        """Of the answer that can be read."""
        return self.heard[0].vectors if self.n_calls == 1 and self.heard else ()


@dataclass(frozen=True, kw_only=True)
class ListedLayer:
    """A line of `--list-layers`."""

    name: str
    kind: str
    shape: str = ""
    """Without the samples' axis, e.g. `[frame, 32]`; empty where nothing was traced or it was not called."""
    n_calls: int | None = None
    """None where nothing was traced."""

    @property
    def note(self) -> str:
        """The shape, or why there is none to read."""
        if self.n_calls is None:
            return ""
        if self.n_calls == 0:
            return "not called"
        times = f"called {self.n_calls} times" if self.n_calls > 1 else ""
        return ", ".join(part for part in (self.shape or "no tensor of this sample", times) if part)


def trace(model: nn.Module, batch: Mapping[str, Any]) -> tuple[Traced, ...]:
    """What each module does with a batch of one sample, in the order of the model's own tree; the logits last.

    The model is left in eval mode on its device. Raises ModelError where it can't work with the batch.
    """
    model = unwrap(model)
    modules = find_modules(model)
    ears = {id(module): _Ear(module) for module in modules.values()}
    clock, size = count(), _count_samples(batch)
    hooks: list[Any] = []
    device = next((str(each.device) for each in model.parameters()), "cpu")
    try:
        for ear in ears.values():
            hooks.append(ear.module.register_forward_pre_hook(partial(ear.begin, clock), with_kwargs=True))
            hooks.append(ear.module.register_forward_hook(partial(ear.end, clock, size)))
        with ready_to_read(model, device):
            _run(model, {name: each.to(device) if isinstance(each, Tensor) else each for name, each in batch.items()})
    finally:
        for hook in hooks:
            hook.remove()
    paths = [path for path in modules if path != ANSWER] + [path for path in modules if path == ANSWER]
    return tuple(ears[id(modules[path])].tell(path) for path in paths)


def list_layers(model: nn.Module, batch: Mapping[str, Any] | None = None) -> list[ListedLayer]:
    """Everything `choose_layers` can find, the model's own names first; with a batch of one sample also the shapes."""
    listed = describe_layers(model)
    if batch is None:
        return [ListedLayer(name=name, kind=kind) for name, kind in listed]
    model = unwrap(model)
    traced = {each.path: each for each in trace(model, batch)}
    words, own = _name_sizes(model, batch), public_layers(model)
    paths = [*own.values(), *(name for name, _ in listed[len(own) :])]
    lines = []
    for (name, kind), path in zip(listed, paths, strict=True):
        found, meant = _find_meant(traced, path)
        shapes = [_describe(each, words, alone=len(meant) == 1) for each in meant]
        lines.append(ListedLayer(name=name, kind=kind, shape=" ".join(shapes), n_calls=found.n_calls))
    return lines


def _find_meant(traced: Mapping[str, Traced], path: str) -> tuple[Traced, list[Heard]]:
    """The module at a path, and the tensors that the path means."""
    plain, *choice = [path] if path in traced else path.split(CHOICE)
    found = traced[plain]
    if choice == [ENTERED]:
        return found, [found.entered] if found.entered else []
    wanted = tuple(choice)
    return found, [each for each in found.heard if each.choice == wanted] or ([] if choice else list(found.heard))


def _describe(heard: Heard, words: Mapping[int, str], *, alone: bool) -> str:
    """A shape, its first axis that follows the length called by its name."""
    sizes = list(map(str, heard.shape[1:]))
    if len(sizes) > 1:
        place = next((at for at, size in enumerate(heard.shape[1:]) if size in words), None)
        if place is not None:
            sizes[place] = words[heard.shape[1:][place]]
    mark = "" if alone else CHOICE + CHOICE.join(heard.choice) + " "
    return f"{mark}[{', '.join(sizes)}]"


def _name_sizes(model: nn.Module, batch: Mapping[str, Any]) -> dict[int, str]:
    """How long the sample is, in tokens or in frames: what an axis of this size is called."""
    longest = max((each.shape[1] for each in batch.values() if isinstance(each, Tensor) and each.ndim == 2), default=0)
    has_length = hasattr(model, "valid_frames") or not {"input_ids", "attention_mask", "lengths"}.isdisjoint(batch)
    if not longest or not has_length:
        return {}
    measured = measure_batch(batch, torch.tensor([longest]))
    words = {longest: "token" if "input_ids" in batch else "time"}
    valid_frames = getattr(model, "valid_frames", None)
    if valid_frames is not None and "input_ids" not in batch:
        words[int(valid_frames(measured.lengths).max())] = "frame"
    return words


class _Ear:
    """Hears one module."""

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        self.is_leaf = not any(True for _ in module.children())
        self.has_weights = self.is_leaf and any(each.ndim > 1 for each in module.parameters(recurse=False))
        self.n_calls, self.started, self.finished = 0, -1, -1
        self.heard: tuple[Heard, ...] = ()
        self.entered: Heard | None = None

    def begin(self, clock: Iterator[int], _module: nn.Module, args: tuple[Any, ...], keywords: dict[str, Any]) -> None:
        self.n_calls += 1
        self.started = next(clock)
        given = next((each for each in list_inputs(args, keywords).values() if isinstance(each, Tensor)), None)
        if given is not None:
            vectors = _as_vectors(given) if self.has_weights else ()
            self.entered = Heard(choice=(ENTERED,), shape=tuple(given.shape), vectors=vectors)

    def end(self, clock: Iterator[int], size: int, _module: nn.Module, _args: Any, output: Any) -> None:
        self.finished = next(clock)
        self.heard = tuple(
            Heard(choice=choice, shape=tuple(tensor.shape), vectors=_as_vectors(tensor))
            for choice, tensor in find_tensors(output)
            if 2 <= tensor.ndim <= MOST_AXES and tensor.shape[0] == size and tensor.numel()
        )

    def tell(self, path: str) -> Traced:
        """What was heard."""
        return Traced(
            path=path,
            kind=type(self.module).__name__,
            n_calls=self.n_calls,
            started=self.started,
            finished=self.finished,
            heard=self.heard,
            entered=self.entered,
            is_leaf=self.is_leaf,
            has_weights=self.has_weights,
        )


def _as_vectors(tensor: Tensor) -> tuple[np.ndarray, ...]:
    """The first sample, as the mean over places for each axis in which features may lie."""
    if tensor.ndim < 2 or not tensor.is_floating_point():
        return ()
    first = tensor[0].detach().to(device="cpu", dtype=torch.float64)
    sides = dict.fromkeys((0, first.ndim - 1))
    means = (first.movedim(side, -1).flatten(0, -2).mean(0) if first.ndim > 1 else first for side in sides)
    return tuple(mean.numpy().copy() for mean in means if mean.numel() <= LONGEST_VECTOR)


def _count_samples(batch: Mapping[str, Any]) -> int:
    """By the first tensor, or list of texts, of a batch."""
    return next(_list_sizes(list(batch.values())), 1)


def _list_sizes(values: Sequence[Any]) -> Iterator[int]:
    for value in values:
        if isinstance(value, Tensor) and value.ndim:
            yield value.shape[0]
        elif isinstance(value, Mapping):
            yield from _list_sizes(list(value.values()))
        elif isinstance(value, tuple | list) and value:
            yield from [len(value)] if isinstance(value[0], str) else _list_sizes(value)


def _run(model: nn.Module, batch: Mapping[str, Any]) -> None:
    try:
        model(**batch)
    except OWN_FAILURES as error:
        if is_out_of_memory(error):
            raise
        raise ModelError(
            "the model fails on a sample that only asks for the shapes of its layers",
            got=f"{type(error).__name__}: {error}",
            hint="name the layers with `--layers`; `--debug` shows where it fails",
        ) from error
