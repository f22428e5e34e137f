"""Sizes that a file claims for its model, held against what lies in the file: nothing absurd is ever built."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from latentscape.errors import LatentscapeError, ModelError

Model = TypeVar("Model", bound=nn.Module)
MOST_LAYERS = 1000
SPARE_PARAMETERS = 1_000_000_000
"""Parameters that a model may have beyond its file: a head alone may ask for the largest encoder in use."""


def build_checked(
    build: Callable[[], Model], config: Mapping[str, Any], *, tensors: Mapping[str, Tensor], source: str
) -> Model:
    """What `build` makes of `config`, once it is known to be no larger than the file's `tensors` make believable.

    Its parameters are counted without memory for any of them. Raises ModelError where nothing can be built, or
    something absurd would be.
    """
    _check_depth(config, source)
    with explain_misfits(source):
        with torch.device("meta"):
            _check_parameters(build(), tensors, source)
        return build()


def _check_depth(config: Mapping[str, Any], source: str) -> None:
    deep = [(key, n) for key, n in config.items() if key.endswith("layers") and isinstance(n, int) and n > MOST_LAYERS]
    if deep:
        key, n = deep[0]
        raise ModelError(
            f"{source} claims an absurd size for its model",
            got=f"`{key}` {n:,}",
            expected=f"at most {MOST_LAYERS:,}",
            hint="the file is damaged or was not written by a training: get it again",
            fault="checkpoint-broken",
        )


def _check_parameters(shell: nn.Module, tensors: Mapping[str, Tensor], source: str) -> None:
    claimed = sum(parameter.numel() for parameter in shell.parameters())
    held = sum(tensor.numel() for tensor in tensors.values())
    if claimed > held + SPARE_PARAMETERS:
        raise ModelError(
            f"{source} claims an absurd size for its model",
            got=f"{claimed:,} parameters",
            expected=f"about the {held:,} numbers that it holds",
            hint="the file is damaged or was not written by a training: get it again",
            fault="checkpoint-broken",
        )


@contextmanager
def explain_misfits(source: str) -> Iterator[None]:
    """Values that do not fit together break our arithmetic and the libraries anywhere and in any way: a ModelError."""
    try:
        yield
    except LatentscapeError:
        raise
    except Exception as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise ModelError(
            f"no model can be built from what {source} says of it",
            got=reason[:300],
            hint="its settings do not fit together: check the path, or get the file again",
            fault="checkpoint-other",
        ) from error
