"""While a model is being trained: what it makes of held-out samples, again and again, as run folders to compare."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from latentscape.watch.classifier import ClassifierWatch as ClassifierWatch
    from latentscape.watch.retriever import RetrieverWatch as RetrieverWatch

_HOMES = {"ClassifierWatch": "classifier", "RetrieverWatch": "retriever"}
"""Public name -> its file, imported when it is first used: a retriever needs libraries that a classifier does not."""


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'latentscape.watch' has no attribute {name!r}")
    return getattr(import_module(f"latentscape.watch.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(_HOMES)
