"""A watch for the Trainer of Lightning: after each validation epoch, and at the end."""

import importlib
import sys
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import Any

from latentscape.errors import UsageError
from latentscape.features.items import Collate, without_labels
from latentscape.watch.callback import WatchCallback

PACKAGES = ("lightning.pytorch", "pytorch_lightning")
"""The two names that Lightning goes by; the callbacks of one are none of the other's."""


def _find_callbacks() -> tuple[type, ...]:
    """The base class of each Lightning that is in use, else of each that is installed. Raises UsageError for none."""
    used = [name for name in PACKAGES if name in sys.modules]
    found = []
    for name in used or PACKAGES:
        try:
            found.append(importlib.import_module(name).Callback)
        except ImportError:
            continue
    if not found:
        raise UsageError(
            "the Lightning callback needs a package that is not installed",
            got="neither `lightning` nor `pytorch-lightning`",
            hint='pip install "latentscape[lightning]"',
            fault="extra-missing",
        )
    return tuple(dict.fromkeys(found))


class _Hooks(WatchCallback):
    """What the callback does, whichever Lightning calls it."""

    def on_validation_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """Log the model that was validated; not in the sanity check before the training."""
        if trainer.sanity_checking or not trainer.is_global_zero:
            return
        self._open(lambda: {} if "inputs" in self._choices else _take_from(trainer))
        if self.study is not None:
            with _precision(trainer):
                self.study.log(pl_module, trainer.global_step, trainer.current_epoch)

    def on_fit_end(self, trainer: Any, pl_module: Any) -> None:
        """Compare everything logged."""
        if self.study is not None and self._compare and trainer.is_global_zero:
            self.study.finish()


def _take_from(trainer: Any) -> dict[str, Any]:
    """What the trainer validates, as choices of a watch."""
    loader = _find_loader(trainer.val_dataloaders)
    collate = _convert(trainer, without_labels(loader.collate_fn))
    return {"inputs": loader.dataset, "collate": collate, "batch_size": loader.batch_size or 32}


def _find_loader(loaders: Any) -> Any:
    """The first validation loader. Raises UsageError where there is none with a data set."""
    found = loaders
    while isinstance(found, Mapping | list | tuple) and len(found):
        found = next(iter(found.values() if isinstance(found, Mapping) else found))
    if not hasattr(found, "dataset"):
        raise UsageError(
            "there is no validation loader to watch",
            got=type(found).__name__,
            expected="a DataLoader",
            hint="give `inputs` and `collate` to the callback",
        )
    return found


def _plugin(trainer: Any) -> Any:
    return getattr(trainer, "precision_plugin", None)


def _precision(trainer: Any) -> Any:
    """The trainer's own precision, as in its validation."""
    context = getattr(_plugin(trainer), "forward_context", None)
    return nullcontext() if context is None else context()


def _convert(trainer: Any, collate: Collate) -> Callable[[list[Any]], Any]:
    """Batches in the trainer's precision."""
    convert = getattr(_plugin(trainer), "convert_input", None)
    return collate if convert is None else lambda items: convert(collate(items))


class LatentscapeCallback(_Hooks, *_find_callbacks()):  # pyright: ignore[reportGeneralTypeIssues]  known when imported
    """Logs the first validation loader's data set, and compares all logs at the end of `fit`.

    `choices` are those of `ClassifierWatch`; `class_names` should be among them.
    """
