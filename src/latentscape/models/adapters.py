"""LoRA adapters in PEFT's format: read as data, matched to every module they name, and added to the weights."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from latentscape.checkpoint import load_checkpoint
from latentscape.errors import ModelError
from latentscape.models.loading import read_json
from latentscape.paths import is_file

CONFIG = "adapter_config.json"
_WEIGHTS = ("adapter_model.safetensors", "adapter_model.bin")
_WHOLE = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json")
_FACTOR = re.compile(r"^(?P<module>.+)\.lora_(?P<embedding>embedding_)?(?P<side>[AB])(\.(?P<adapter>\w+))?$")
_SAVED = re.compile(r"\.(modules_to_save\.\w+|base_layer)(?=\.)")
_STARTS = (
    *("", "encoder.", "model.", "module.", "auto_model.", "0.auto_model.", "0.model.", "base_model."),
    *("roberta.", "bert.", "distilbert.", "mpnet.", "deberta."),
)
"""What stood before the encoder's own names when the adapter was trained: the whole list."""
_BESIDE = ("pooler.", "classifier.", "score.", "lm_head.", "cls.")
"""Modules that no layer we look at depends on."""
_UNDERSTOOD = {
    *("peft_type", "r", "lora_alpha", "target_modules", "modules_to_save", "bias", "use_rslora", "rank_pattern"),
    *("alpha_pattern", "fan_in_fan_out", "base_model_name_or_path", "init_lora_weights", "exclude_modules"),
}
_WITHOUT_EFFECT = {
    *("task_type", "auto_mapping", "peft_version", "revision", "inference_mode", "lora_dropout", "megatron_core"),
    *("qalora_group_size", "eva_config", "ensure_weight_tying", "runtime_config"),
}
_PLAIN_STARTS = (True, False, None, "gaussian", "eva")
"""Ways to begin a training that leave the base as it is; the others changed it, so the factors alone are not enough."""
_LITERAL = re.compile(r"[\w.]+")
_MERGE = "where it was trained, merge it (`merge_and_unload()`), save that model and give its folder"


@dataclass(frozen=True, kw_only=True)
class Adapter:
    """An adapter's folder, read: nothing of it has been matched to a model."""

    folder: Path
    settings: Mapping[str, Any]
    tensors: Mapping[str, Tensor]
    sha256: str

    @property
    def base(self) -> str | None:
        """The model it was trained on, by the name that it had there."""
        named = self.settings.get("base_model_name_or_path")
        return named if isinstance(named, str) and named else None


@dataclass(frozen=True, kw_only=True)
class _Pair:
    """Both factors for one module."""

    a: Tensor
    b: Tensor
    embedding: bool


def read_adapter(folder: Path) -> Adapter:
    """The settings and tensors of a folder with an `adapter_config.json`.

    Raises ModelError for a kind of adapter that we can't add to its base exactly, and for a folder that holds a whole
    model beside it; SafetyError where something wants to run code.
    """
    settings = read_json(folder / CONFIG)
    _require_plain_lora(folder, settings)
    whole = [name for name in _WHOLE if is_file(folder / name)]
    if whole and not _holds_head(folder):
        raise ModelError(
            f"{folder} holds an adapter and a whole model",
            got=f"{CONFIG} and {whole[0]}",
            hint="if the adapter was merged already, give a folder without its files; else one without the model's",
            fault="checkpoint-ambiguous",
        )
    name = next((name for name in _WEIGHTS if is_file(folder / name)), None)
    if name is None:
        raise ModelError(
            f"there are no adapter weights in {folder}",
            expected=" or ".join(_WEIGHTS),
            hint="copy or download the whole folder",
            fault="model-folder",
        )
    checkpoint = load_checkpoint(folder / name)
    tensors = next(iter(checkpoint.states.values()))
    return Adapter(folder=folder, settings=settings, tensors=tensors, sha256=checkpoint.sha256)


def _holds_head(folder: Path) -> bool:
    return is_file(folder / "config.json") and "d_out" in read_json(folder / "config.json")


def _require_plain_lora(folder: Path, settings: Mapping[str, Any]) -> None:
    """Raise ModelError for each setting that we do not reproduce: what is not known is never skipped."""
    kind = settings.get("peft_type")
    known = _UNDERSTOOD | _WITHOUT_EFFECT
    odd = [f"`{key}`" for key, value in settings.items() if key not in known and value not in _OFF.get(key, (None,))]
    odd += [f"`peft_type` {kind!r}"] if kind != "LORA" else []
    start, targets = settings.get("init_lora_weights"), settings.get("target_modules")
    odd += (
        [f"`init_lora_weights` {start!r}"] if not isinstance(start, bool | None) and start not in _PLAIN_STARTS else []
    )
    patterns = [key for name in ("rank_pattern", "alpha_pattern") for key in _mapping(settings, name)]
    odd += [f"the pattern {key!r}" for key in patterns if not _LITERAL.fullmatch(key)]
    odd += [] if targets == "all-linear" or _is_names(targets) else [f"`target_modules` {str(targets)[:60]!r}"]
    odd += [f"`{key}`" for key in ("modules_to_save", "exclude_modules") if not _is_names(settings.get(key) or [])]
    odd += [f"`{key}`" for key in ("r", "lora_alpha") if not _is_number(settings.get(key))]
    if odd:
        raise ModelError(
            f"the adapter in {folder} is of a kind that we can't add to its base exactly",
            got=", ".join(odd[:8]),
            expected="LoRA with names of modules in `target_modules`",
            hint=_MERGE,
            fault="adapter-misfit",
        )


_OFF: Mapping[str, tuple[Any, ...]] = dict.fromkeys(
    (
        *("use_dora", "use_qalora", "lora_bias", "layer_replication", "trainable_token_indices", "megatron_config"),
        *("target_parameters", "layers_to_transform", "layers_pattern", "loftq_config", "corda_config"),
        *("lora_ga_config", "alora_invocation_tokens", "use_bdlora", "arrow_config", "kasa_config", "velora_config"),
        *("monteclora_config",),
    ),
    (None, False, [], {}, ""),
)
"""Settings that must be off; of names that nobody here knows only None is."""


def _mapping(settings: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = settings.get(name)
    return found if isinstance(found, Mapping) else {}


def _is_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < math.inf


def merge_adapter(encoder: nn.Module, adapter: Adapter) -> dict[str, Any]:
    """Add an adapter to the weights of its base encoder, and say what was done as plain values.

    Raises ModelError where a tensor of the adapter has no place in the encoder, a module that its settings name has no
    tensor, a shape or rank differs, a number is not finite, or nothing changes.
    """
    pairs, others = _pair_factors(adapter)
    start = _choose_start(encoder, adapter, pairs)
    aside = sorted(name for name in (*pairs, *others) if name.removeprefix(start).startswith(_BESIDE))
    pairs = {name: pair for name, pair in pairs.items() if name not in aside}
    others = {name: tensor for name, tensor in others.items() if name not in aside}
    _require_all_targets(encoder, adapter, pairs, start=start)
    updates = {name: _update(encoder, adapter, name, start=start, pair=pair) for name, pair in pairs.items()}
    replaced = _match_replaced(encoder, adapter, others, start=start)
    if not any(bool(delta.any()) for _, delta in updates.values()):
        raise ModelError(
            f"the adapter in {adapter.folder} changes nothing: its factors multiply to zero",
            got=f"{len(updates)} modules, every `lora_B` or `lora_A` zero",
            hint="it was never trained, or saved before its training: give a later one",
            fault="adapter-zero",
        )
    with torch.no_grad():
        for live, saved in replaced.values():
            live.copy_(saved)
        before = [weight.clone() for weight, _ in updates.values()]
        for weight, delta in updates.values():
            weight += delta
    changed = sum(not torch.equal(old, new) for old, (new, _) in zip(before, updates.values(), strict=True))
    _require_change(adapter, changed, [weight for weight, _ in updates.values()])
    return {
        "kind": "LoRA",
        "sha256": adapter.sha256,
        "base": adapter.base,
        "prefix": start,
        "n_tensors": len(adapter.tensors),
        "n_modules": len(updates),
        "n_modules_changed": changed,
        "n_parameters_changed": sum(w.numel() for (w, d) in updates.values() if bool(d.any())),
        "replaced": sorted(replaced),
        "set_aside": aside,
    }


def _require_change(adapter: Adapter, changed: int, weights: Sequence[Tensor]) -> None:
    if not changed:
        raise ModelError(
            f"the adapter in {adapter.folder} changes nothing: what it adds is lost in rounding",
            hint="it was hardly trained: give a later one",
            fault="adapter-zero",
        )
    if not all(bool(weight.isfinite().all()) for weight in weights):
        raise ModelError(
            f"the adapter in {adapter.folder} makes weights that are not finite numbers",
            hint="its training diverged, or the file is damaged: take an earlier one",
            fault="weights-values",
        )


def _pair_factors(adapter: Adapter) -> tuple[dict[str, _Pair], dict[str, Tensor]]:
    """Module path -> its factors, and the tensors that are no factors, all without PEFT's own wrapping."""
    factors: dict[tuple[str, bool], dict[str, Tensor]] = {}
    others: dict[str, Tensor] = {}
    adapters: set[str] = set()
    for name, tensor in adapter.tensors.items():
        plain = name.removeprefix("base_model.model.")
        match = _FACTOR.match(plain.removesuffix(".weight"))
        if match is None:
            others[_SAVED.sub("", plain)] = tensor
            continue
        adapters.add(match["adapter"] or "")
        sides = factors.setdefault((match["module"], bool(match["embedding"])), {})
        if match["side"] in sides:
            raise _misfit(adapter, f"`{match['module']}` has two `lora_{match['side']}`")
        sides[match["side"]] = tensor
    if len(adapters) > 1:
        raise _misfit(adapter, f"several adapters in one file: {', '.join(sorted(a or 'unnamed' for a in adapters))}")
    lone = [f"{module}.lora_{'AB'.replace(next(iter(s)), '')}" for (module, _), s in factors.items() if len(s) < 2]
    if lone or not factors:
        raise _misfit(adapter, f"missing {', '.join(lone[:10])}" if lone else "no LoRA factors at all")
    pairs = {m: _Pair(a=sides["A"], b=sides["B"], embedding=kind) for (m, kind), sides in factors.items()}
    if len(pairs) < len(factors):
        raise _misfit(adapter, "one module as a linear map and as an embedding")
    return pairs, others


def _misfit(adapter: Adapter, got: str) -> ModelError:
    return ModelError(
        f"the adapter in {adapter.folder} does not fit its base",
        got=got,
        expected="both factors for every module that its settings name, by name and shape, and nothing else",
        hint=f"name the model that it was trained on with `--base-model`; its settings say {adapter.base or 'none'}",
        fault="adapter-misfit",
    )


def _choose_start(encoder: nn.Module, adapter: Adapter, pairs: Mapping[str, _Pair]) -> str:
    """The only known start of names without which every factor's module is one of the encoder's."""
    modules = dict(encoder.named_modules())
    fits = []
    for start in _STARTS:
        inside = [name.removeprefix(start) for name in pairs if name.startswith(start)]
        if len(inside) == len(pairs) and all(name in modules or name.startswith(_BESIDE) for name in inside):
            fits += [start] if any(name in modules for name in inside) else []
    if len(fits) != 1:
        strange = [name for name in pairs if not any(name.removeprefix(start) in modules for start in _STARTS)]
        got = f"no module for {', '.join(strange[:5])}" if strange else f"{len(fits)} ways to read its names"
        raise _misfit(adapter, got)
    return fits[0]


def _require_all_targets(encoder: nn.Module, adapter: Adapter, pairs: Mapping[str, _Pair], *, start: str) -> None:
    """Raise ModelError where the settings name a module without factors, or factors have a module that they don't."""
    named = {start + name for name in _find_targets(encoder, adapter.settings, start)}
    missing, unexpected = sorted(named - pairs.keys()), sorted(pairs.keys() - named)
    if missing or unexpected:
        told = [f"missing {', '.join(missing[:5])}"] if missing else []
        told += [f"unexpected {', '.join(unexpected[:5])}"] if unexpected else []
        raise _misfit(adapter, f"{len(missing)} modules without factors, {len(unexpected)} too many: {'; '.join(told)}")


def _find_targets(encoder: nn.Module, settings: Mapping[str, Any], start: str) -> Iterator[str]:
    """The encoder's modules that `target_modules` names, by PEFT's rule: the whole path, or its end from a dot on."""
    targets, saved = settings["target_modules"], settings.get("modules_to_save") or []
    excluded = settings.get("exclude_modules") or []
    for name, module in encoder.named_modules():
        path = start + name
        if _ends(path, excluded) or _within(path, saved) or name.startswith(_BESIDE):
            continue
        if (targets == "all-linear" and isinstance(module, nn.Linear | Conv1D)) or (
            targets != "all-linear" and _ends(path, targets)
        ):
            yield name


def _ends(path: str, names: Sequence[str]) -> bool:
    return any(path == name or path.endswith(f".{name}") for name in names)


def _update(encoder: nn.Module, adapter: Adapter, name: str, *, start: str, pair: _Pair) -> tuple[nn.Parameter, Tensor]:
    """A weight of the encoder, and what is to be added to it."""
    module = encoder.get_submodule(name.removeprefix(start))
    if not isinstance(module, nn.Embedding if pair.embedding else nn.Linear | Conv1D):
        raise _misfit(adapter, f"`{name}` is a {type(module).__name__}")
    weight = cast(nn.Parameter, module.weight)
    if pair.a.ndim != 2 or pair.b.ndim != 2 or pair.a.shape[0] != pair.b.shape[1]:
        raise _misfit(adapter, f"`{name}` has factors {list(pair.a.shape)} and {list(pair.b.shape)}")
    if not all(part.is_floating_point() and bool(part.float().isfinite().all()) for part in (pair.a, pair.b)):
        raise ModelError(
            f"{adapter.folder} holds weights that are not finite numbers",
            got=f"the factors of {name}",
            hint="the training diverged, or the file is damaged: take an earlier one",
            fault="weights-values",
        )
    rank = _look_up(adapter.settings, "rank_pattern", name) or adapter.settings["r"]
    if pair.a.shape[0] != rank:
        raise _misfit(adapter, f"`{name}` has rank {pair.a.shape[0]}, its settings say {rank}")
    alpha = _look_up(adapter.settings, "alpha_pattern", name) or adapter.settings["lora_alpha"]
    scale = alpha / (math.sqrt(rank) if adapter.settings.get("use_rslora") else rank)
    delta = (pair.b.float() @ pair.a.float()) * scale
    # Embeddings and Conv1D keep their weights the other way round than Linear, whatever `fan_in_fan_out` says.
    delta = delta.T if pair.embedding or isinstance(module, Conv1D) else delta
    if delta.shape != weight.shape:
        raise _misfit(adapter, f"`{name}` is {list(weight.shape)}, the adapter's product {list(delta.shape)}")
    return weight, delta.to(weight)


def _look_up(settings: Mapping[str, Any], pattern: str, name: str) -> float | None:
    """The entry for a module whose path ends with its key, as PEFT finds it: the first that does."""
    found = next((value for key, value in _mapping(settings, pattern).items() if _ends(name, [key])), None)
    return found if _is_number(found) else None


def _match_replaced(
    encoder: nn.Module, adapter: Adapter, others: Mapping[str, Tensor], *, start: str
) -> dict[str, tuple[Tensor, Tensor]]:
    """The encoder's tensors that the adapter brings whole: biases, and modules that were trained beside it."""
    live = encoder.state_dict(keep_vars=True)
    saved = adapter.settings.get("modules_to_save") or []
    found: dict[str, tuple[Tensor, Tensor]] = {}
    for name, tensor in others.items():
        plain = name.removeprefix(start)
        module = encoder.get_submodule(plain.rpartition(".")[0]) if plain in live else None
        told = _within(name, saved) or isinstance(module, nn.Embedding)
        told = told or (name.endswith(".bias") and adapter.settings.get("bias", "none") != "none")
        if plain not in live or live[plain].shape != tensor.shape or not told:
            raise _misfit(adapter, f"unexpected `{name}` {list(tensor.shape)}")
        if not bool(tensor.isfinite().all()):
            raise ModelError(
                f"{adapter.folder} holds weights that are not finite numbers",
                got=name,
                hint="the training diverged, or the file is damaged: take an earlier one",
                fault="weights-values",
            )
        found[plain] = (live[plain], tensor)
    missing = [
        m
        for m in saved
        if not m.startswith(tuple(b[:-1] for b in _BESIDE)) and not any(_within(name, [m]) for name in others)
    ]
    if missing:
        raise _misfit(adapter, f"missing the modules to save: {', '.join(missing)}")
    return found


def _within(path: str, modules: Sequence[str]) -> bool:
    """Whether a path is one of the modules or of something inside it."""
    return any(f".{module}." in f".{path}." for module in modules)
