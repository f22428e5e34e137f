"""Image classifiers of timm, where it is installed: `timm:NAME`, or a folder that timm wrote."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from latentscape.checkpoint import Checkpoint, WeightReceipt, load_checkpoint, load_weights
from latentscape.errors import ModelError, UsageError, nearest
from latentscape.models.classifier import LoadedClassifier
from latentscape.models.folder_scan import read_json
from latentscape.models.loading import clean_config, find_model_folder, quiet_libraries, read_folder_tensors
from latentscape.models.own_build import put_weights
from latentscape.models.shells import PLAIN, AnswerOf
from latentscape.models.sizes import build_checked, explain_misfits
from latentscape.own_modules import TIMM
from latentscape.plain_text import digest_json

_PLAIN = str | int | float | bool | None
_INPUT = ("input_size", "interpolation", "mean", "std", "crop_pct", "crop_mode")
"""What of a config says how pictures are brought to the model's size and scale."""


@dataclass(frozen=True, kw_only=True)
class _Recipe:
    """What timm is asked to build."""

    architecture: str
    settings: Mapping[str, Any]
    class_names: tuple[str, ...] | None = None
    inputs: Mapping[str, Any]
    """Of `_INPUT`; empty where timm's own of the architecture count."""


def is_timm_config(config: Mapping[str, Any]) -> bool:
    """Whether a `config.json` is one of timm's."""
    return isinstance(config.get("architecture"), str) and "model_type" not in config


def open_timm(name: str, *, checkpoint: Path | None = None, allow_missing: Sequence[str] = ()) -> LoadedClassifier:
    """The model that timm knows by `name`, with the weights of `checkpoint`, else the published ones from the hub.

    A fine-tuned checkpoint says by its shapes how many classes it has. Raises UsageError for a name that timm does not
    know, ModelError where weights can't be had or don't fit.
    """
    timm = _import_timm()
    _require_known(timm, name)
    if checkpoint is None:
        hub = _published_as(timm, name)
        folder = find_model_folder(hub, option="`--model`")
        return open_timm_folder(folder, allow_missing=allow_missing, named=f"{TIMM}{name}")
    saved = load_checkpoint(checkpoint)
    recipe = _Recipe(architecture=name, settings=_count_classes(timm, name, saved), inputs={})
    model = _build(timm, recipe, saved.tensors if len(saved.states) == 1 else {}, source=str(checkpoint))
    receipt = put_weights(model, saved, source=f"{TIMM}{name}", allow_missing=allow_missing)
    return _finish(timm, model, recipe, receipt=receipt, digests={checkpoint.name: saved.sha256}, named=f"{TIMM}{name}")


def open_timm_folder(
    folder: Path, *, checkpoint: Path | None = None, allow_missing: Sequence[str] = (), named: str = ""
) -> LoadedClassifier:
    """The model in a folder that timm wrote (`config.json` with `architecture`), its own weights or `checkpoint`'s."""
    timm = _import_timm()
    recipe = _read_recipe(timm, folder)
    if checkpoint is None:
        tensors, digests = read_folder_tensors(folder)
        model = _build(timm, recipe, tensors, source=str(folder))
        receipt = load_weights(model, tensors, source=str(folder), allow_missing=allow_missing)
    else:
        saved = load_checkpoint(checkpoint)
        digests = {checkpoint.name: saved.sha256}
        model = _build(timm, recipe, {}, source=str(folder))
        receipt = put_weights(model, saved, source=str(folder), allow_missing=allow_missing)
    return _finish(timm, model, recipe, receipt=receipt, digests=digests, named=named or folder.resolve().name)


def _import_timm() -> Any:
    """timm. Raises ModuleNotFoundError where it is not installed, ModelError where what it needs does not fit."""
    try:
        timm = import_module("timm")
        import_module("timm.data")
    except ModuleNotFoundError:
        raise
    except (ImportError, RuntimeError, OSError) as error:  # a torchvision of another torch fails in any way
        raise ModelError(
            "timm is installed, but can't be used",
            got=f"{type(error).__name__}: {error}".splitlines()[0][:300],
            expected="timm, and the torchvision that belongs to this torch",
            hint="install the `torchvision` that was built for this version of torch",
            fault="installation",
        ) from error
    return timm


def _require_known(timm: Any, name: str) -> None:
    if not timm.is_model(name):
        raise UsageError(
            f"timm has no model `{name}`",
            hint=nearest(name, _like(timm, name)),
            fault="option-value",
        )


def _like(timm: Any, name: str) -> list[str]:
    """Names that begin alike: all of them would fill a screen."""
    known = timm.list_models()
    return [each for each in known if each[:3] == name[:3]][:50] or known[:10]


def _published_as(timm: Any, name: str) -> str:
    """The hub name of the weights that timm takes for a model by default. Raises ModelError where there are none."""
    config = timm.get_pretrained_cfg(name)
    hub = getattr(config, "hf_hub_id", None) if config is not None else None
    if not hub:
        raise ModelError(
            f"there are no published weights of `{TIMM}{name}`",
            hint="give yours with `--checkpoint`",
            fault="model-missing",
        )
    return str(hub)


def _count_classes(timm: Any, name: str, saved: Checkpoint) -> dict[str, int]:
    """The number of classes as the head in a checkpoint has it."""
    config = timm.get_pretrained_cfg(name)
    head = getattr(config, "classifier", None) if config is not None else None
    head = head[0] if isinstance(head, tuple | list) and head else head
    if not head:
        return {}
    ends = f".{head}.weight"
    heads = [{key: each for key, each in state.items() if f".{key}".endswith(ends)} for state in saved.states.values()]
    # Of several names that end like the head's, the head's own has least before it.
    found = {int(named[min(named, key=len)].shape[0]) for named in heads if named}
    return {"num_classes": found.pop()} if len(found) == 1 else {}


def _read_recipe(timm: Any, folder: Path) -> _Recipe:
    path = folder / "config.json"
    config = clean_config(read_json(path), source=str(path))
    if not is_timm_config(config):
        raise ModelError(
            f"{folder} is no model of timm",
            expected="`architecture` in its config.json",
            hint="name a folder that `timm` saved for the hub",
            fault="model-folder",
        )
    name, extra = config["architecture"], config.get("model_args") or {}
    odd = [key for key, value in extra.items() if key in _RESERVED or not _is_plain(value)]
    if not timm.is_model(name) or odd:
        raise ModelError(
            f"{path} asks timm for something that we don't pass on",
            got=f"`{odd[0]}`" if odd else f"architecture `{name}`",
            hint="save it as a model that this version of timm knows, or give your own `package.module:factory`",
            fault="model-folder",
        )
    inputs = config.get("pretrained_cfg") or config
    count = config.get("num_classes", inputs.get("num_classes"))
    labels = config.get("label_names") or inputs.get("label_names")
    return _Recipe(
        architecture=name,
        settings={**extra, **({} if count is None else {"num_classes": count})},
        class_names=_names(labels, count),
        inputs={key: inputs[key] for key in _INPUT if key in inputs},
    )


_RESERVED = (
    *("pretrained", "pretrained_cfg", "pretrained_cfg_overlay", "checkpoint_path", "cache_dir", "model_name"),
    *("scriptable", "exportable", "no_jit", "features_only", "pretrained_strict"),
)
"""What a folder may not say to timm: it reads other files, or gives another kind of model."""


def _is_plain(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    return isinstance(value, _PLAIN)


def _names(labels: Any, count: Any) -> tuple[str, ...] | None:
    """The classes' names, where there is one for each output."""
    if isinstance(labels, Mapping):
        labels = [labels.get(str(number)) for number in range(len(labels))]
    whole = isinstance(labels, list | tuple) and len(labels) == count and all(isinstance(each, str) for each in labels)
    return tuple(labels) if whole and len(set(labels)) == count else None


def _build(timm: Any, recipe: _Recipe, tensors: Mapping[str, Tensor], *, source: str) -> nn.Module:
    def build() -> nn.Module:
        return timm.create_model(recipe.architecture, pretrained=False, **recipe.settings)

    with quiet_libraries(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return build_checked(build, recipe.settings, tensors=tensors, source=source)


def _finish(
    timm: Any,
    model: nn.Module,
    recipe: _Recipe,
    *,
    receipt: WeightReceipt,
    digests: Mapping[str, str],
    named: str,
) -> LoadedClassifier:
    with explain_misfits(named):
        settings = timm.data.resolve_data_config(dict(recipe.inputs), model=model)
        transform = timm.data.create_transform(**settings, is_training=False)
        example = torch.zeros(1, *settings["input_size"])
    return LoadedClassifier(
        model=AnswerOf(model.eval()).eval(),
        kind="image",
        prepare=_explained(transform),
        collate=lambda inputs: {PLAIN: (torch.stack(inputs),)},
        class_names=recipe.class_names,
        is_even=True,
        example={PLAIN: (example,)},
        receipt=receipt,
        sha256=next(iter(digests.values())) if len(digests) == 1 else digest_json(dict(digests)),
        fingerprint=digest_json(
            [dict(digests), recipe.architecture, recipe.settings, str(transform), timm.__version__]
        ),
        name=named,
        metadata={"architecture": recipe.architecture, "timm": timm.__version__},
    )


def _explained(transform: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """timm's transforms, on pictures in RGB."""
    return lambda picture: transform(picture.convert("RGB"))
