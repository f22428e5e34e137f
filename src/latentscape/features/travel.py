"""A model on its way to another process, with what libraries put into it and pickle does not take."""

import copyreg
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from torch import nn
from torch.nn.utils import parametrize

HOOKS, VARIABLE = "transformers.utils.output_capturing", "CompileableContextVar"
"""Hooks of transformers that stay on a model once it ran hold on to a variable of this module, of this type."""
Reduced = tuple[Callable[..., Any], tuple[Any, ...]]


@contextmanager
def able_to_travel(model: nn.Module) -> Iterator[None]:
    """Inside, all parts of the model can be pickled, also with weight norm, which torch refuses."""
    # Each module with parametrizations has a class of its own, which torch made for it.
    kinds: dict[type, Callable[[Any], Reduced]] = {
        type(part): _reduce_module for part in model.modules() if parametrize.is_parametrized(part)
    }
    if variable := getattr(sys.modules.get(HOOKS), VARIABLE, None):
        kinds[variable] = _reduce_global
    added = {kind: reduce for kind, reduce in kinds.items() if kind not in copyreg.dispatch_table}
    for kind, reduce in added.items():
        copyreg.pickle(kind, reduce)
    try:
        yield
    finally:
        for kind in added:
            del copyreg.dispatch_table[kind]


def _reduce_module(module: nn.Module) -> Reduced:
    return _rebuild, (type(module).__base__, module.__dict__)


def _rebuild(kind: type[nn.Module], state: Mapping[str, Any]) -> nn.Module:
    """The module as it was, with the names of its parameters."""
    module = kind.__new__(kind)
    module.__dict__.update(state)
    # torch has no public way to make such a class from parametrizations that are there.
    parametrize._inject_new_class(module)
    for name in module.__dict__["_modules"]["parametrizations"]:
        parametrize._inject_property(module, name)
    return module


def _reduce_global(value: Any) -> Reduced:
    """What a module holds under a name is found there by it."""
    module = sys.modules[type(value).__module__]
    name = next(name for name, held in vars(module).items() if held is value)
    return _find_global, (module.__name__, name)


def _find_global(module: str, name: str) -> Any:
    return getattr(import_module(module), name)
