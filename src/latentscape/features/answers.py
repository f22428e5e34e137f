"""What a module may answer with, and which of its tensors is meant."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from itertools import islice
from typing import Any

import torch
from torch import Tensor

from latentscape.errors import ModelError

CHOICE = "#"
"""Between a module and the tensor of its answer that is meant: `encoder.attn#0`, `encoder#hidden_states#3`."""
DEEPEST = 3
MOST_SHOWN = 8


def pick_tensor(output: Any, *, layer: str, choice: Sequence[str] = (), entered: bool = False) -> Tensor:
    """The one tensor of a module's output: itself, the only tensor of a tuple, or `last_hidden_state` of a record.

    With a `choice`, the tensor at these indices, keys or fields, one inside the other. Raises ModelError, with the
    shapes there are and the choices that would do, where that leaves a choice or nothing. `entered`: what a module
    was given, by place or name, instead of what it answers with.
    """
    picked = follow(output, choice)
    if not _is_readable(picked):
        module = layer.split(CHOICE)[0] + (f"{CHOICE}in" if entered else "")
        choices = [f"`{CHOICE.join([module, *keys])}`" for keys in islice(find_choices(output), MOST_SHOWN)]
        verb = "is not given" if entered else "does not answer with"
        raise ModelError(
            f"layer `{layer}` {verb} one tensor of real numbers",
            got=_describe(output),
            expected="a tensor, a tuple with one tensor, or a record with `last_hidden_state`",
            hint=f"name the one you mean with --layers: {', '.join(choices)}"
            if choices
            else "choose a module inside it or after it; `--list-layers` shows them",
            fault="layer-answer",
        )
    return picked


def find_tensors(output: Any) -> Iterator[tuple[tuple[str, ...], Tensor]]:
    """Every readable tensor by the choice that leads to it; before them, under none, the one that needs no choice."""
    plain = follow(output, ())
    if _is_readable(plain):
        yield (), plain
    yield from ((choice, follow(output, choice)) for choice in islice(find_choices(output), MOST_SHOWN))


def follow(output: Any, choice: Sequence[str]) -> Any:
    """What stands at a choice; without one, what is meant where nobody says."""
    return _follow(output, choice) if choice else _pick(output)


def _pick(output: Any) -> Any:
    if isinstance(output, tuple):
        tensors = [part for part in output if isinstance(part, Tensor)]
        return tensors[0] if len(tensors) == 1 else None
    if isinstance(output, Mapping):
        return output.get("last_hidden_state")
    return output if isinstance(output, Tensor) else getattr(output, "last_hidden_state", None)


def _follow(output: Any, choice: Sequence[str]) -> Any:
    for key in choice:
        parts = dict(_parts(output))
        if isinstance(output, tuple):  # a named one has both names and places
            parts |= {str(place): part for place, part in enumerate(output)}
        output = parts.get(key)
    return output


def _parts(output: Any) -> list[tuple[str, Any]]:
    """What an answer consists of, by the key that names it; nothing for a value that is one thing."""
    if isinstance(output, Mapping):
        return [(str(key), value) for key, value in output.items()]
    if isinstance(output, tuple | list):
        names = getattr(output, "_fields", None) or map(str, range(len(output)))
        return list(zip(names, output, strict=True))
    if is_dataclass(output) and not isinstance(output, type):
        return [(each.name, getattr(output, each.name, None)) for each in fields(output)]
    return []


def find_choices(output: Any, depth: int = 0) -> Iterator[tuple[str, ...]]:
    """The choices that lead to a tensor of real numbers."""
    for key, part in _parts(output):
        if _is_readable(part):
            yield (key,)
        elif depth < DEEPEST:
            yield from ((key, *rest) for rest in find_choices(part, depth + 1))


def _is_readable(value: Any) -> bool:
    return (
        isinstance(value, Tensor)
        and value.is_floating_point()
        and value.layout == torch.strided
        and not value.is_nested
        and not value.is_meta
    )


def _describe(output: Any, depth: int = 0) -> str:
    """Types and shapes."""
    if isinstance(output, Tensor):
        kind = str(output.dtype).removeprefix("torch.")
        return f"nested {kind}" if output.is_nested else f"{kind} {list(output.shape)}"
    parts = _parts(output)
    if depth == DEEPEST or (not parts and not isinstance(output, tuple | list | Mapping)):
        return type(output).__name__
    shown = [(key, _describe(part, depth + 1)) for key, part in parts[:MOST_SHOWN]]
    rest = [f"{len(parts) - MOST_SHOWN} more"] if len(parts) > MOST_SHOWN else []
    if isinstance(output, Mapping):
        return "{" + ", ".join([f"{key}: {text}" for key, text in shown] + rest) + "}"
    if isinstance(output, tuple | list):
        return f"{type(output).__name__} of ({', '.join([text for _, text in shown] + rest)})"
    return f"{type(output).__name__}({', '.join([f'{key}: {text}' for key, text in shown] + rest)})"
