"""What the user may choose: which layers to look at, and the device that does the work."""

import re
from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import nn

from latentscape.errors import UsageError, nearest
from latentscape.features.answers import CHOICE
from latentscape.features.hooks import find_module, find_modules, unwrap
from latentscape.features.names import suggest
from latentscape.models.shells import ANSWER

DEVICES = ("auto", "cpu", "cuda", "mps")
CONTAINERS = (nn.ModuleList, nn.ModuleDict)
"""Modules that only hold others: nobody calls them, so they are no layers."""


def choose_layers(model: nn.Module, patterns: Sequence[str] | None) -> dict[str, str]:
    """Public layer name -> module path, in the order asked for; without patterns the model's own `layers`.

    A pattern is a public name, a module path, or a glob over both, in which `*` stands for one part of a path and `**`
    for any number. A layer chosen by its path is called by it. Behind `#` may stand which tensor of its answer is
    meant, by index or name: `encoder.attn#0`; `classifier#in` is what enters it. Raises UsageError for a pattern that
    matches nothing.
    """
    model = unwrap(model)
    public = public_layers(model)
    if patterns:
        return {name: path for pattern in patterns for name, path in _match(model, public, pattern).items()}
    if not public:
        raise UsageError(
            "this model names no layers of its own",
            hint="choose some with --layers; --list-layers shows all",
            fault="option-missing",
        )
    return public


def describe_layers(model: nn.Module) -> list[tuple[str, str]]:
    """Everything `choose_layers` can find, as (name, type): the model's own names first, then every module path."""
    model = unwrap(model)
    own = [(name, _describe(model, path)) for name, path in public_layers(model).items()]
    return own + list(_module_paths(model).items())


def choose_device(name: str) -> str:
    """The device to work on; `auto` takes the fastest there is. Raises UsageError for one that is not there.

    >>> choose_device("cpu")
    'cpu'
    """
    present = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name not in DEVICES:
        hint = nearest(name, DEVICES)
        raise UsageError(f"unknown device `{name}`", expected=", ".join(DEVICES), hint=hint, fault="option-value")
    if name == "auto":
        return next(device for device, there in present.items() if there)
    if not present[name]:
        there = ", ".join(device for device in present if present[device])
        what = f"this machine or this torch has no `{name}`"
        raise UsageError(what, expected=there, hint="use `--device auto`", fault="option-value")
    return name


def _describe(model: nn.Module, path: str) -> str:
    if path == ANSWER:
        return "the model's answer"
    module, _ = find_module(model, path)
    return f"{type(module).__name__} at {path}"


def public_layers(model: nn.Module) -> dict[str, str]:
    """The model's own names for some of its layers -> their paths."""
    layers = getattr(model, "layers", None)
    return dict(layers) if isinstance(layers, Mapping) else {}


def _module_paths(model: nn.Module) -> dict[str, str]:
    """Path -> type of every module of the user's that can be called."""
    modules = find_modules(model)
    return {
        path: type(module).__name__
        for path, module in modules.items()
        if path != ANSWER and not isinstance(module, CONTAINERS)
    }


def _match(model: nn.Module, public: Mapping[str, str], pattern: str) -> dict[str, str]:
    known = {path: path for path in _module_paths(model)} | dict(public)
    if pattern in known:
        return {pattern: known[pattern]}
    pattern, *choice = pattern.split(CHOICE)
    if pattern in known:
        found = {pattern: known[pattern]}
    else:
        wanted = _compile_glob(pattern)
        found = {name: path for name, path in known.items() if wanted.fullmatch(name)}
    if not found:
        hint = _suggest_deeper(pattern, known) or suggest(pattern, known) or nearest(pattern, public)
        raise UsageError(f"no layer is called `{pattern}`", hint=f"{hint}; see --list-layers", fault="layer-unknown")
    return {CHOICE.join([name, *choice]): CHOICE.join([path, *choice]) for name, path in found.items()}


def _suggest_deeper(pattern: str, known: Iterable[str]) -> str:
    """The pattern with what it lacks before it, where a part of the model has such names: `bert.encoder.layer.*`."""
    wanted = _compile_glob(pattern)
    for name in known:
        parts = name.split(".")
        place = next((at for at in range(1, len(parts)) if wanted.fullmatch(".".join(parts[at:]))), 0)
        if place:
            return f"did you mean `{'.'.join([*parts[:place], pattern])}`?"
    return ""


def _compile_glob(pattern: str) -> re.Pattern[str]:
    """`*` and `?` stay inside one part of a dotted path, `**` crosses parts."""
    meanings = {"**": ".*", "*": "[^.]*", "?": "[^.]"}
    return re.compile("".join(meanings.get(piece) or re.escape(piece) for piece in re.split(r"(\*\*|\*|\?)", pattern)))
