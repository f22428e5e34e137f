"""Checkpoints with one tensor wrong are all refused by name; those that are only written otherwise are all read."""

import random
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from chaos.outcome import Outcome
from chaos.tiny_models import TinyModel, make_models
from latentscape.errors import LatentscapeError

Tensors = Mapping[str, Tensor]


def run(folder: Path, *, scale: float = 1.0, seed: int = 0) -> list[Outcome]:
    """Every fault of every tensor of three models, each in a wrapper of its own turn; then all the good files.

    `scale` is the share of the faults that is tried; the good files are all tried.
    """
    folder.mkdir(parents=True, exist_ok=True)
    models = make_models(folder, seed=seed)
    path = folder / "checkpoint.pt"
    refused = [_try_faults(model, path, scale=scale, seed=seed) for model in models]
    return [*refused, _try_ambiguous(models, path), _try_good(models, path)]


# -- wrappers ------------------------------------------------------------------------------------------------------


def _prefix(start: str) -> Callable[[Tensors], dict[str, Any]]:
    return lambda tensors: {start + name: tensor for name, tensor in tensors.items()}


def _under(*names: str, start: str = "", **beside: Any) -> Callable[[Tensors], dict[str, Any]]:
    def wrap(tensors: Tensors) -> dict[str, Any]:
        inner: dict[str, Any] = _prefix(start)(tensors)
        for name in reversed(names):
            inner = {name: inner}
        return {**inner, **beside}

    return wrap


def _lightning(tensors: Tensors) -> dict[str, Any]:
    inner = {**_prefix("model.")(tensors), "criterion.weight": torch.ones(6)}
    return {"state_dict": inner, "pytorch-lightning_version": "2.5.0", "epoch": 3, "callbacks": {}}


def _averaged(tensors: Tensors) -> dict[str, Any]:
    return {**_prefix("module.")(tensors), "n_averaged": torch.tensor(9)}


def _compiled_child(tensors: Tensors) -> dict[str, Any]:
    return {"model": {name.replace("encoder.", "encoder._orig_mod.", 1): t for name, t in tensors.items()}}


def _parallel_child(tensors: Tensors) -> dict[str, Any]:
    named = {re.sub(r"^encoder\.", "encoder.module.", name): tensor for name, tensor in tensors.items()}
    return {"model_state": named}


WRAPPERS: Mapping[str, Callable[[Tensors], dict[str, Any]]] = {
    "bare": dict,
    "model_state": _under("model_state", epoch=4),
    "model_state_dict": _under("model_state_dict", optimizer_state_dict={"state": {0: torch.ones(3)}}),
    "state_dict, DataParallel": _under("state_dict", start="module."),
    "torch.compile": _prefix("_orig_mod."),
    "DataParallel of torch.compile": _under("model_state", start="module._orig_mod."),
    "Lightning": _lightning,
    "model": _under("model", lr=1e-4),
    "net": _under("net", acc=0.5),
    "DeepSpeed": _under("module", global_steps=7),
    "checkpoint of model": _under("checkpoint", "model", start="model."),
    "AveragedModel": _averaged,
    "weights, network": _under("weights", start="network."),
    "compiled encoder": _compiled_child,
    "parallel encoder": _parallel_child,
}

# -- faults --------------------------------------------------------------------------------------------------------

FAULTS: Mapping[str, Callable[[str, Tensor], dict[str, Tensor]]] = {
    "dropped": lambda name, tensor: {},
    "renamed": lambda name, tensor: {name.rpartition(".")[0] + ".weigth": tensor},
    "reshaped": lambda name, tensor: {name: tensor.unsqueeze(-1).repeat(*[1] * tensor.ndim, 2)},
    "cut": lambda name, tensor: {name: tensor.reshape(-1)[:-1].clone()},
    "retyped": lambda name, tensor: {name: tensor.to(torch.int8)},
    "duplicated": lambda name, tensor: {name: tensor, f"{name}_copy": tensor.clone()},
    "NaN": lambda name, tensor: {name: _spoil(tensor)},
}


def _spoil(tensor: Tensor) -> Tensor:
    """One number of it is none."""
    spoiled = tensor.clone()
    spoiled.view(-1)[-1] = float("nan")
    return spoiled


_EXPECTED = {"NaN": {"weights-values"}}
_OTHER_KIND = {"weights-misfit"}


def _try_faults(model: TinyModel, path: Path, *, scale: float, seed: int) -> Outcome:
    trials = [(fault, name) for fault in FAULTS for name in model.tensors if _must_be_seen(model, fault, name)]
    dice = random.Random(seed)
    dice.shuffle(trials)
    wrong, seen = [], Counter()
    chosen = trials[: max(len(FAULTS), round(scale * len(trials)))]
    for turn, (fault, name) in enumerate(chosen):
        wrapper = list(WRAPPERS)[turn % len(WRAPPERS)]
        tensors = {**model.tensors}
        tensors |= FAULTS[fault](name, tensors.pop(name))
        torch.save({**model.metadata, **WRAPPERS[wrapper](tensors)}, path)
        verdict = _judge(model, path)
        seen[verdict] += 1
        if verdict not in _EXPECTED.get(fault, _OTHER_KIND):
            wrong.append(f"`{name}` {fault}, in {wrapper}: {verdict}")
    counts = ", ".join(f"{n} {verdict}" for verdict, n in sorted(seen.items()))
    return Outcome(
        name=f"one tensor wrong, {model.name}",
        promise="refused, with the id of what is wrong",
        tried=len(chosen),
        wrong=wrong,
        note=counts,
    )


def _must_be_seen(model: TinyModel, fault: str, name: str) -> bool:
    """A branch that no layer can feel may be missing or of another shape; whole numbers can't hold NaN."""
    aside = name.startswith(model.side)
    return model.tensors[name].is_floating_point() and (not aside or fault == "NaN")


def _judge(model: TinyModel, path: Path) -> str:
    try:
        model.open(path)
    except LatentscapeError as error:
        return error.fault if error.hint else f"{error.fault} without a hint"
    except Exception as error:  # noqa: BLE001  whatever comes is a finding
        return f"{type(error).__name__}: {error}".splitlines()[0]
    return "read"


# -- two sets of weights -------------------------------------------------------------------------------------------


def _try_ambiguous(models: list[TinyModel], path: Path) -> Outcome:
    """An average beside the model, or two models: never chosen in silence."""
    wrong, tried = [], 0
    for model in models:
        for name, saved in _pairs_of_weights(model.tensors).items():
            torch.save(saved, path)
            tried += 1
            verdict = _judge(model, path)
            if verdict != "checkpoint-ambiguous":
                wrong.append(f"{name}, {model.name}: {verdict}")
    return Outcome(
        name="two sets of weights in one file",
        promise="refused as checkpoint-ambiguous, with both named",
        tried=tried,
        wrong=wrong,
    )


def _pairs_of_weights(tensors: Tensors) -> dict[str, dict[str, Any]]:
    other = {name: tensor + 1 if tensor.is_floating_point() else tensor for name, tensor in tensors.items()}
    broken = dict(list(tensors.items())[1:])
    return {
        "model and ema": {"model": dict(tensors), "ema": other},
        "model and model_ema": {"model_state": dict(tensors), "model_ema": other},
        "a name with ema in it": {"state_dict": dict(tensors), "net_ema_params": other},
        "model. and ema_model.": {"state_dict": {**_prefix("model.")(tensors), **_prefix("ema_model.")(other)}},
        "student. and teacher.": {**_prefix("student.")(tensors), **_prefix("teacher.")(other)},
        "model. and a prefix of nobody's": {**_prefix("model.")(tensors), **_prefix("old_copy.")(other)},
        "bare and model.": {**tensors, **_prefix("model.")(other)},
        "a broken model and a whole ema": {"model": broken, "ema": dict(tensors)},
        "nested": {"checkpoint": {"model": dict(tensors), "ema": other}},
    }


# -- good files ----------------------------------------------------------------------------------------------------


def _try_good(models: list[TinyModel], path: Path) -> Outcome:
    wrong, tried = [], 0
    for model in models:
        torch.save(dict(model.tensors), path)
        expected = model.answer(model.open(path)[0])
        for name, write, kept in _good_files(model):
            write(path)
            tried += 1
            fault = _differs(model, path, expected if kept is None else _answer_of(model, kept, path, write=write))
            wrong += [f"{name}, {model.name}: {fault}"] if fault else []
    return Outcome(
        name="good checkpoints, written otherwise",
        promise="read, every tensor proven, and the same answers as the plain file's",
        tried=tried,
        wrong=wrong,
    )


def _answer_of(model: TinyModel, kept: Tensors, path: Path, *, write: Callable[[Path], None]) -> Tensor:
    """What the plain file of other numbers (rounded ones) answers."""
    torch.save(dict(kept), path)
    answer = model.answer(model.open(path)[0])
    write(path)
    return answer


def _differs(model: TinyModel, path: Path, expected: Tensor) -> str:
    try:
        live, receipt = model.open(path)
    except LatentscapeError as error:
        return f"{error.fault}: {error}"
    needed = receipt.n_tensors - sum(name.startswith(model.side) for name in live.state_dict())
    n_matched = sum(not name.startswith(model.side) for name in receipt.matched)
    if n_matched != needed:
        return f"{n_matched} of {needed} tensors"
    return "" if torch.equal(model.answer(live), expected) else "other answers"


def _good_files(model: TinyModel) -> Iterator[tuple[str, Callable[[Path], None], Tensors | None]]:
    """Name, how to write it, and its numbers where they are not the model's own."""
    tensors = model.tensors
    for name, wrap in WRAPPERS.items():
        yield name, lambda path, wrap=wrap: torch.save(wrap(tensors), path), None
    yield "safetensors", lambda path: save_file(dict(tensors), path), None
    prefixed = {f"module.{name}": tensor for name, tensor in tensors.items()}
    yield "safetensors, prefixed", lambda path: save_file(prefixed, path), None
    yield (
        "the container of old torch",
        lambda path: torch.save(dict(tensors), path, _use_new_zipfile_serialization=False),
        None,
    )
    twice = {"model": dict(tensors), "ema": {name: tensor.clone() for name, tensor in tensors.items()}}
    yield "the same weights twice", lambda path: torch.save(twice, path), None
    for kind in (torch.float16, torch.bfloat16):
        low = {name: tensor.to(kind) if tensor.is_floating_point() else tensor for name, tensor in tensors.items()}
        kept = {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in low.items()}
        yield str(kind), lambda path, low=low: torch.save(low, path), kept
    double = {name: tensor.double() if tensor.is_floating_point() else tensor for name, tensor in tensors.items()}
    yield "double precision", lambda path: torch.save(double, path), None
    without = {name: tensor for name, tensor in tensors.items() if not name.startswith(model.side)}
    if len(without) < len(tensors):
        yield "without side branches", lambda path: torch.save(without, path), None
    old = {_old_name(name): tensor for name, tensor in tensors.items()}
    if old.keys() != tensors.keys():
        yield "names of older libraries", lambda path: torch.save(old, path), None
    if "encoder.embeddings.word_embeddings.weight" in tensors:
        numbers = {"encoder.embeddings.position_ids": torch.arange(22)[None]}
        yield "with position numbers", lambda path: torch.save({**tensors, **numbers}, path), None
        pooler = {"encoder.pooler.dense.weight": torch.ones(32, 32)}
        yield "with a pooler", lambda path: torch.save({**tensors, **pooler}, path), None
    else:
        speech = {_torchaudio_name(name): tensor for name, tensor in tensors.items()}
        yield "torchaudio's names", lambda path: torch.save(speech, path), None


def _old_name(name: str) -> str:
    name = name.replace("parametrizations.weight.original0", "weight_g")
    name = name.replace("parametrizations.weight.original1", "weight_v")
    return name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")


def _torchaudio_name(name: str) -> str:
    name = name.replace("encoder.feature_projection.", "encoder.encoder.feature_projection.")
    if name.startswith("encoder.encoder.feature_projection."):
        return name
    return name.replace("encoder.encoder.", "encoder.encoder.transformer.", 1)
