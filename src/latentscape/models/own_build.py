"""The user's factory called, and the weights of a checkpoint put into what it builds."""

import hashlib
import inspect
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from latentscape.checkpoint import Checkpoint, WeightReceipt, load_checkpoint, load_weights
from latentscape.errors import LatentscapeError, ModelError
from latentscape.models.choosing import Chosen, choose_weights
from latentscape.own_modules import describe_failure, digest_sources, find_own, running_own_code
from latentscape.plain_text import digest_json

LIGHTNING = "LightningModule"
HYPER_PARAMETERS, HYPER_NAME, AS_KEYWORDS = "hyper_parameters", "hparams_name", "kwargs"
"""Where Lightning writes what a module was built with, what it calls it, and what it calls keywords."""


@dataclass(frozen=True, kw_only=True)
class Own:
    """What the user's code built, with its weights."""

    model: nn.Module
    """In eval mode, on the CPU."""
    preprocess: Callable[[Any], Any] | None
    receipt: WeightReceipt
    sha256: str
    fingerprint: str
    metadata: Mapping[str, Any]


def build_own(spec: str, *, checkpoint: Path | None, allow_missing: Sequence[str] = ()) -> Own:
    """Call the factory and load the checkpoint into what it builds, strictly.

    A LightningModule class is called with the plain hyper-parameters that its checkpoint holds. Raises UsageError where
    the factory can't be found; ModelError where it fails, gives no module, or the weights don't fit.
    """
    factory = find_own(spec, fault="option-value")
    saved = None if checkpoint is None else load_checkpoint(checkpoint)
    keywords = read_hyper_parameters(factory, saved, spec) if saved else {}
    with _fixed_random_streams():
        made = factory if isinstance(factory, nn.Module) else _call(factory, spec, keywords)
    model, preprocess = _split(made, spec)
    _require_whole(model, spec)
    receipt = put_weights(model, saved, source=spec, allow_missing=allow_missing)
    digest = digest_state(model)
    known = [digest, keywords, str(model), digest_sources(factory, type(model), *([preprocess] if preprocess else []))]
    return Own(
        model=model,
        preprocess=preprocess,
        receipt=receipt,
        sha256=saved.sha256 if saved else digest,
        fingerprint=digest_json([spec, *known]),
        metadata={**(saved.metadata if saved else {}), "factory": spec},
    )


def read_hyper_parameters(factory: Callable[..., Any], saved: Checkpoint, spec: str) -> dict[str, Any]:
    """What a LightningModule class is called with; nothing for another factory.

    Raises ModelError where the file has hyper-parameters that are no plain values.
    """
    if not (isinstance(factory, type) and any(base.__name__ == LIGHTNING for base in factory.__mro__)):
        return {}
    found, name = saved.metadata.get(HYPER_PARAMETERS), saved.metadata.get(HYPER_NAME)
    if found is None and name is None:
        return {}
    if not isinstance(found, Mapping):
        raise ModelError(
            f"the hyper-parameters in {saved.path} are more than plain values, and are not used",
            expected="numbers, texts, yes or no, and lists and mappings of them",
            hint=f"write a function that builds `{spec.partition(':')[2]}` with them, and name it in its place",
            fault="own-code",
        )
    keywords = dict(found) if name in (None, AS_KEYWORDS) else {str(name): dict(found)}
    takes = inspect.signature(factory).parameters
    if any(each.kind is each.VAR_KEYWORD for each in takes.values()):
        return keywords
    return {key: value for key, value in keywords.items() if key in takes}


def _call(factory: Callable[..., Any], spec: str, keywords: Mapping[str, Any]) -> Any:
    try:
        with running_own_code():
            return factory(**keywords)
    except (LatentscapeError, MemoryError):
        raise
    except (Exception, SystemExit) as error:  # the user's code may do anything
        given = f"with {', '.join(sorted(keywords))} of the checkpoint" if keywords else "without arguments"
        raise ModelError(
            f"`{spec}` fails: {describe_failure(error, spec)}",
            got=f"it was called {given}",
            hint="name a function that needs no arguments and returns the model",
            fault="own-code",
        ) from error


def _split(made: Any, spec: str) -> tuple[nn.Module, Callable[[Any], Any] | None]:
    """The module, and the preprocess that may come with it."""
    model, preprocess = made if isinstance(made, tuple | list) and len(made) == 2 else (made, None)
    if not isinstance(model, nn.Module) or not (preprocess is None or callable(preprocess)):
        raise ModelError(
            f"`{spec}` gives no model",
            got=f"({type(model).__name__}, {type(preprocess).__name__})" if model is not made else type(made).__name__,
            expected="a `torch.nn.Module`, or `(module, preprocess)`",
            hint="return the module itself: for a wrapper such as a pipeline, its `.model`",
            fault="own-code",
        )
    # What torch puts around a module for speed or several devices stands in the way of its layers' names.
    inner: Any = getattr(model, "_orig_mod", model)
    inner = inner.module if isinstance(inner, nn.DataParallel) else inner
    return inner, preprocess


def _require_whole(model: nn.Module, spec: str) -> None:
    """Bring the module to the CPU and into eval mode. Raises ModelError where it has parameters without values."""
    tensors = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    empty = [name for name, tensor in tensors.items() if is_lazy(tensor) or tensor.is_meta]
    if empty:
        raise ModelError(
            f"the model of `{spec}` has parameters without values",
            got=", ".join(empty[:5]),
            expected="a whole module on a device",
            hint="build it without `meta`; run one batch through lazy layers before you return it",
            fault="own-code",
        )
    model.to("cpu").eval()


def put_weights(
    model: nn.Module, saved: Checkpoint | None, *, source: str, allow_missing: Sequence[str] = ()
) -> WeightReceipt:
    """Load a checkpoint strictly; without one the receipt says that the weights are those that `source` made."""
    live = {name: tensor for name, tensor in model.state_dict().items() if isinstance(tensor, Tensor)}
    if saved is None:
        n_parameters = sum(parameter.numel() for parameter in model.parameters())
        return WeightReceipt(
            n_tensors=len(live),
            n_parameters=n_parameters,
            matched=tuple(live),
            missing=(),
            unexpected=(),
            reshaped=(),
            allowed=(),
            side_branch=(),
            n_parameters_matched=n_parameters,
            base={"name": source, "files": {}, "n_tensors": len(live)},
        )
    if len(live) < len(model.state_dict()):
        raise ModelError(
            f"the state of `{source}` holds more than tensors, so a checkpoint can't be proved to be in it",
            got=", ".join(name for name in model.state_dict() if name not in live)[:200],
            hint="let the factory load its weights itself, and leave `--checkpoint` out",
            fault="own-code",
        )
    chosen = _choose(saved, list(live))
    receipt = load_weights(model, chosen.tensors, source=str(saved.path), allow_missing=allow_missing)
    return chosen.stamp(receipt)


def _choose(saved: Checkpoint, live: list[str]) -> Chosen:
    """The tensors of a file that are meant for a model with these names."""
    state = next(iter(saved.states.values()))
    if len(saved.states) == 1 and set(state) == set(live):
        return Chosen(wrapper=saved.wrapper, prefix="", tensors=state)
    roots = dict.fromkeys(name.partition(".")[0] + ("." if "." in name else "") for name in live)
    chosen = choose_weights(saved, roots=list(roots), anchors=()) if roots else None
    # Nothing is named like the model: what is missing and unexpected then says it best.
    return chosen or Chosen(wrapper=saved.wrapper, prefix=saved.prefix, tensors=saved.tensors)


def digest_state(model: nn.Module) -> str:
    """SHA-256 over every number of a module's state, by name."""
    whole = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        if isinstance(tensor, Tensor):
            plain = tensor.detach().cpu().contiguous()
            whole.update(f"{name} {plain.dtype} {list(plain.shape)}".encode())
            whole.update(plain.reshape(-1).view(torch.uint8).numpy().tobytes())
    return whole.hexdigest()


@contextmanager
def _fixed_random_streams() -> Iterator[None]:
    """The same fresh weights every time, and no trace in the caller's random streams."""
    plain, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002  the user's code may draw from it
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            random.seed(0)
            np.random.seed(0)  # noqa: NPY002
            yield
    finally:
        random.setstate(plain)
        np.random.set_state(numpy)  # noqa: NPY002
