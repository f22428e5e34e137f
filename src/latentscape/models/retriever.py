"""The retriever: a text encoder, mean over its tokens, a projection head, and vectors of length 1."""

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from latentscape.checkpoint import Checkpoint, load_checkpoint, load_weights
from latentscape.errors import ModelError, UsageError, nearest
from latentscape.models.adapters import CONFIG, merge_adapter, read_adapter
from latentscape.models.choosing import Chosen, choose_weights
from latentscape.models.kinds import wrong_model
from latentscape.models.loaded import LoadedRetriever
from latentscape.models.loading import (
    find_model_folder,
    hash_files,
    read_config_values,
    read_folder_tensors,
    read_json,
)
from latentscape.models.naming import modernize
from latentscape.models.projection import Pooling, ProjectionHead, Retriever, mean_over_tokens
from latentscape.models.sizes import build_checked
from latentscape.models.text_encoders import (
    build_text_encoder,
    digest_values,
    list_side_branches,
    open_tokenizer,
    rename_for,
    take_encoder,
)
from latentscape.paths import is_file, is_folder

__all__ = ["LoadedRetriever", "ProjectionHead", "Retriever", "load_encoder", "load_retriever", "mean_over_tokens"]

BASE_OPTION = "`--base-model`"
_POOLED: Mapping[str, str] = {"mean": "mean over tokens", "cls": "first token", "last": "last token"}
_FIRST_BASE = ("BAAI/bge-m3", 1024)
"""The encoder that files which name none were trained on, and its width."""


def load_retriever(
    path: str | Path,
    *,
    base_model: str | None = None,
    allow_missing: Sequence[str] = (),
    max_length: int | None = None,
) -> LoadedRetriever:
    """Open a retriever from any of its containers: a checkpoint file, a head-only folder, a sentence-transformers one,
    or the folder of a LoRA adapter, with or without a head beside it.

    `base_model` (a hub name or a folder) goes before what the file names. Raises ModelError where the base encoder
    cannot be had, for another model's checkpoint, and for any tensor that is missing, unexpected or of another shape;
    SafetyError where something wants to run code; UsageError for a `base_model` where there is one already.
    """
    path = Path(path)
    if is_file(path / "modules.json"):
        if base_model:
            raise UsageError(
                f"{path} holds a whole encoder, so another base has no place in it",
                hint=f"leave {BASE_OPTION} out",
                fault="option-conflict",
            )
        # Its library costs seconds to import, and only this container needs it.
        from latentscape.models.sentence_transformer import open_sentence_transformer  # noqa: PLC0415

        return open_sentence_transformer(path, allow_missing=allow_missing, max_length=max_length)
    if is_file(path / CONFIG):
        return _load_adapted(path, base_model, allow_missing=allow_missing, max_length=max_length)
    saved = _read_head_folder(path) if is_folder(path) else _read_file(path)
    return _assemble(saved, base_model, allow_missing=allow_missing, max_length=max_length)


def _load_adapted(
    folder: Path, base_model: str | None, *, allow_missing: Sequence[str], max_length: int | None
) -> LoadedRetriever:
    """A base encoder with an adapter added to its weights, under the head that lies beside the adapter, if any."""
    adapter = read_adapter(folder)
    base = base_model or adapter.base
    if base is None:
        raise ModelError(
            f"{folder} does not say which model its adapter belongs to",
            expected="`base_model_name_or_path` in its settings",
            hint=f"name the model it was trained on with {BASE_OPTION}",
            fault="adapter-misfit",
        )
    # A path that is written from the adapter's own folder.
    base = base if base_model or not is_folder(folder.resolve().parent / base) else str(folder.resolve().parent / base)
    headed = is_file(folder / "config.json") and "d_out" in read_json(folder / "config.json")
    if headed:
        loaded = _assemble(_read_head_folder(folder), base, allow_missing=allow_missing, max_length=max_length)
    else:
        loaded = load_encoder(base, allow_missing=allow_missing, max_length=max_length)
    # A short text through both: an adapter that no vector can feel was not meant.
    probe = loaded.tokenize(["1", "2 3"])
    with torch.inference_mode():
        before = loaded.model(**probe)
    changes = merge_adapter(_encoder_of(loaded.model), adapter)
    with torch.inference_mode():
        after = loaded.model(**probe)
    if torch.equal(before, after):
        raise ModelError(
            f"the adapter in {folder} changes no vector",
            hint=f"check that {BASE_OPTION} is the model that it was trained on",
            fault="adapter-zero",
        )
    return dataclasses.replace(
        loaded,
        receipt=dataclasses.replace(loaded.receipt, adapter={**changes, "base_used": base}),
        sha256=adapter.sha256,
        fingerprint=digest_values({"base": loaded.fingerprint, "adapter": changes, "settings": adapter.settings}),
        name=f"{loaded.name} + LoRA adapter",
        metadata={**loaded.metadata, "adapter": folder.resolve().name},
    )


def _encoder_of(model: Any) -> nn.Module:
    return model.encoder if hasattr(model, "encoder") else model.chain[0].auto_model


def load_encoder(
    base_model: str,
    *,
    pooling: Pooling | None = None,
    option: str = BASE_OPTION,
    allow_missing: Sequence[str] = (),
    max_length: int | None = None,
) -> LoadedRetriever:
    """Open a text encoder without any head: one vector of its tokens (without `pooling` their mean), of length 1.

    An untrained linear head would be a random projection, which blurs what the encoder says and adds nothing, so there
    is none. A sentence-transformers folder keeps its own pooling. `option` is where the user named the model. Raises
    ModelError where the encoder cannot be had or a tensor of it is missing, SafetyError where something wants to run
    code.
    """
    folder = find_model_folder(base_model, option=option)
    if is_file(folder / "modules.json"):
        return load_retriever(folder, allow_missing=allow_missing, max_length=max_length)
    config = read_config_values(folder)
    body, digests = read_folder_tensors(folder)
    tensors = {f"encoder.{name}": tensor for name, tensor in take_encoder(body, config).items()}
    made = pooling or "mean"
    return _open(
        lambda: Retriever(build_text_encoder(config, source=base_model), nn.Identity(), pooling=made),
        _Opened(
            tensors=tensors,
            folder=folder,
            source=base_model,
            config=config,
            fingerprint={"base": digests, "config": config, **({} if made == "mean" else {"pooling": made})},
            sha256=next(iter(digests.values())) if len(digests) == 1 else digest_values(digests),
            name=f"{base_model}, no head" if pooling is None else f"{base_model}, {_POOLED[pooling]}",
            metadata={"base_model": base_model, **({} if pooling is None else {"pooling": pooling})},
            base={"name": base_model, "files": digests},
        ),
        allow_missing=allow_missing,
        max_length=max_length,
    )


@dataclass(frozen=True, kw_only=True)
class _Saved:
    """What one of our two own containers holds."""

    source: Path
    settings: Mapping[str, Any]
    metadata: Mapping[str, Any]
    sha256: str
    chosen: Chosen
    """How the tensors were found in the file."""

    @property
    def tensors(self) -> Mapping[str, Tensor]:
        return self.chosen.tensors

    @property
    def holds_encoder(self) -> bool:
        return any(name.startswith("encoder.") for name in self.tensors)


def _read_file(path: Path) -> _Saved:
    checkpoint = load_checkpoint(path)
    metadata = dict(checkpoint.metadata)
    config = metadata.get("config")
    settings = {**metadata, **(config if isinstance(config, Mapping) else {})}
    return _Saved(
        source=path, settings=settings, metadata=metadata, sha256=checkpoint.sha256, chosen=_choose(checkpoint)
    )


def _choose(checkpoint: Checkpoint) -> Chosen:
    chosen = choose_weights(checkpoint, roots=("encoder.", "head."), anchors=("head.linear.weight",))
    if chosen is None or not any(name.startswith("head.") for name in chosen.tensors):
        names = chosen.tensors if chosen else next(iter(checkpoint.states.values()))
        raise wrong_model(str(checkpoint.path), names, expected="a retriever (`head.linear.weight`, `encoder.*`)")
    return chosen


def _read_head_folder(folder: Path) -> _Saved:
    """A folder with a head alone. Its config is read as data; the code it names is never looked at."""
    settings = read_json(folder / "config.json")
    if "d_out" not in settings:
        raise ModelError(
            f"{folder} is not a retriever",
            got=f"a model folder of type {settings.get('model_type')!r}, without a projection head",
            expected="a head-only folder (`d_in`, `d_out`), a sentence-transformers directory, or a checkpoint file",
            hint=f"to look at the encoder alone, leave `--checkpoint` out and name it with {BASE_OPTION}",
            fault="checkpoint-other",
        )
    weights = folder / "model.safetensors"
    checkpoint = load_checkpoint(weights if is_file(weights) else folder / "pytorch_model.bin")
    metadata = {key: _number(value) for key, value in checkpoint.metadata.items() if value not in ("None", "pt")}
    return _Saved(
        source=folder, settings=settings, metadata=metadata, sha256=checkpoint.sha256, chosen=_choose(checkpoint)
    )


def _number(value: Any) -> Any:
    """Safetensors files keep numbers as words."""
    if isinstance(value, str) and re.fullmatch(r"-?\d+", value):
        return int(value)
    return float(value) if isinstance(value, str) and re.fullmatch(r"-?\d+\.\d*(e-?\d+)?", value) else value


def _assemble(
    saved: _Saved, base_model: str | None, *, allow_missing: Sequence[str], max_length: int | None
) -> LoadedRetriever:
    d_in, d_out, normed = _size_head(saved)
    base = base_model or _name_base(saved, d_in)
    near = saved.source.resolve().parent
    folder = find_model_folder(base, option=BASE_OPTION, near=near, weights=not saved.holds_encoder)
    config = saved.settings.get("encoder_config") if saved.holds_encoder else None
    config = dict(config) if isinstance(config, Mapping) else read_config_values(folder)
    tensors, digests = _complete(saved, folder)

    def build() -> Retriever:
        head = ProjectionHead(d_in, d_out, use_layernorm=normed)
        model = Retriever(build_text_encoder(config, source=base), head)
        _check_width(model.encoder, d_in, base)
        return model

    opened = _Opened(
        tensors=tensors,
        folder=folder,
        source=str(saved.source),
        config=config,
        fingerprint={"file": saved.sha256, "base": digests, "config": config},
        sha256=saved.sha256,
        name=f"{base} + {d_in} -> {d_out} head",
        metadata={**saved.metadata, "base_model": base},
        chosen=saved.chosen,
        base=None if saved.holds_encoder else {"name": base, "files": digests},
    )
    cut = max_length or _whole(saved.settings.get("max_length"))
    return _open(build, opened, allow_missing=allow_missing, max_length=cut)


@dataclass(frozen=True, kw_only=True)
class _Opened:
    """What was read of a retriever, before there is a module."""

    tensors: Mapping[str, Tensor]
    folder: Path
    """Of the encoder: its config and tokenizer."""
    source: str
    config: Mapping[str, Any]
    fingerprint: Mapping[str, Any]
    sha256: str
    name: str
    metadata: Mapping[str, Any]
    chosen: Chosen | None = None
    base: Mapping[str, Any] | None = None
    """Whose weights the encoder has, where the file has none."""


def _open(
    build: Callable[[], Retriever], opened: _Opened, *, allow_missing: Sequence[str], max_length: int | None
) -> LoadedRetriever:
    """Build the module, load every weight and prove it, and open the tokenizer."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = build_checked(build, opened.config, tensors=opened.tensors, source=opened.source)
    side = ["encoder." + branch for branch in list_side_branches(model.encoder)]
    tensors = _rename_encoder(model.encoder, opened)
    receipt = load_weights(model, tensors, source=opened.source, side_branches=side, allow_missing=allow_missing)
    receipt = opened.chosen.stamp(receipt) if opened.chosen else receipt
    if opened.base is not None:
        n_tensors = sum(name.startswith("encoder.") for name in receipt.matched)
        receipt = dataclasses.replace(receipt, base={**opened.base, "n_tensors": n_tensors})
    tokenizer = open_tokenizer(opened.folder, model.encoder, max_length=max_length, pad_with_end=True)
    return LoadedRetriever(
        model=model.eval(),
        tokenize=tokenizer.encode,
        token_lengths=tokenizer.count,
        max_length=tokenizer.max_length,
        receipt=receipt,
        sha256=opened.sha256,
        fingerprint=digest_values({**opened.fingerprint, "tokenizer": tokenizer.fingerprint}),
        name=opened.name,
        metadata=opened.metadata,
    )


def _rename_encoder(encoder: nn.Module, opened: _Opened) -> dict[str, Tensor]:
    """All tensors, those of the encoder under the names that it has as built."""
    body = {name.removeprefix("encoder."): part for name, part in opened.tensors.items() if name.startswith("encoder.")}
    named = rename_for(encoder, body, source=opened.source)
    rest = {name: part for name, part in opened.tensors.items() if not name.startswith("encoder.")}
    return {**{f"encoder.{name}": part for name, part in named.items()}, **rest}


def _size_head(saved: _Saved) -> tuple[int, int, bool]:
    """Width in, width out, and whether there is a LayerNorm: as the settings say, else as the tensors have it."""
    if "head.linear.weight" not in saved.tensors:
        raise _explain_headless(saved)
    shape = tuple(saved.tensors["head.linear.weight"].shape)
    if len(shape) != 2:
        raise ModelError(
            f"the head in {saved.source} is no matrix",
            got=f"head.linear.weight {list(shape)}",
            expected="[d_out, d_in]",
            hint="check the path",
            fault="weights-misfit",
        )
    d_out, d_in = (_whole(saved.settings.get(key)) or size for key, size in zip(("d_out", "d_in"), shape, strict=True))
    normed = saved.settings.get("use_layernorm", any(name.startswith("head.ln.") for name in saved.tensors))
    return d_in, d_out, bool(normed)


def _whole(value: Any) -> int | None:
    """A count, or None for what is not one."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def _explain_headless(saved: _Saved) -> ModelError:
    if not any(name.startswith("head.") for name in saved.tensors):
        return wrong_model(str(saved.source), saved.tensors, expected="a retriever (`head.linear.weight`, `encoder.*`)")
    return ModelError(
        f"the weights in {saved.source} do not fit this model: 1 missing",
        got="missing     head.linear.weight",
        hint=nearest("head.linear.weight", [name for name in saved.tensors if name.startswith("head.")]),
        fault="weights-misfit",
    )


def _name_base(saved: _Saved, d_in: int) -> str:
    named = saved.settings.get("base_model")
    if isinstance(named, str) and named:
        return named
    if d_in == _FIRST_BASE[1]:
        return _FIRST_BASE[0]
    raise ModelError(
        f"{saved.source} does not say which encoder its head belongs to",
        got=f"a head for {d_in}-wide vectors",
        hint=f"name the encoder's folder with {BASE_OPTION}",
        fault="model-missing",
    )


def _check_width(encoder: nn.Module, d_in: int, base: str) -> None:
    config: Any = encoder.config
    width = getattr(config, "hidden_size", None)
    if width != d_in:
        raise ModelError(
            f"the head does not fit its base encoder `{base}`",
            got=f"an encoder that is {width} wide",
            expected=f"{d_in}",
            hint=f"name the encoder it was trained on with {BASE_OPTION}",
            fault="checkpoint-other",
        )


def _complete(saved: _Saved, folder: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors of the whole retriever, and the digests of the base's files that take part."""
    tensors = {modernize(name): tensor for name, tensor in saved.tensors.items()}
    if saved.holds_encoder:
        return tensors, hash_files(folder, ["config.json"])
    body, digests = read_folder_tensors(folder)
    values = read_config_values(folder)
    return {**{f"encoder.{name}": t for name, t in take_encoder(body, values).items()}, **tensors}, digests
