"""The retriever: a text encoder, mean over its tokens, a projection head, and vectors of length 1."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from latentscape.checkpoint import load_checkpoint, load_weights
from latentscape.errors import ModelError, UsageError, nearest
from latentscape.models.kinds import wrong_model
from latentscape.models.loaded import LoadedRetriever
from latentscape.models.loading import (
    find_model_folder,
    hash_files,
    read_config_values,
    read_folder_tensors,
    read_json,
    side_branches,
    take_body,
)
from latentscape.models.naming import modernize
from latentscape.models.sizes import build_checked
from latentscape.models.text_encoders import build_text_encoder, digest_values, open_tokenizer
from latentscape.paths import is_file, is_folder

__all__ = ["LoadedRetriever", "ProjectionHead", "Retriever", "load_encoder", "load_retriever", "mean_over_tokens"]

BASE_OPTION = "`--base-model`"
_FIRST_BASE = ("BAAI/bge-m3", 1024)
"""The encoder that files which name none were trained on, and its width."""


class ProjectionHead(nn.Module):
    """A linear map without bias, optionally followed by LayerNorm."""

    def __init__(self, d_in: int, d_out: int, *, use_layernorm: bool = False) -> None:
        super().__init__()
        self.linear = nn.Linear(d_in, d_out, bias=False)
        self.ln = nn.LayerNorm(d_out) if use_layernorm else None

    def forward(self, vectors: Float[Tensor, "batch d_in"]) -> Float[Tensor, "batch d_out"]:
        """Projected vectors, not yet of length 1."""
        projected = self.linear(vectors)
        return projected if self.ln is None else self.ln(projected)


class Retriever(nn.Module):
    """Tokens in, L2-normalized embeddings out."""

    LAYERS: Mapping[str, str] = {"encoder": "token_states", "embedding": "embedding"}
    """Public layer names and the modules that make them."""

    def __init__(self, encoder: nn.Module, head: ProjectionHead | nn.Identity) -> None:
        super().__init__()
        self.encoder, self.head = encoder, head
        # Names for two values on the way, as plain tensors that hooks can reach.
        self.token_states, self.embedding = nn.Identity(), nn.Identity()

    @property
    def layers(self) -> dict[str, str]:
        """Public layer name -> module path: encoder [batch, token, feature], embedding [batch, d_out]."""
        return dict(self.LAYERS)

    def forward(self, **tokens: Tensor) -> Float[Tensor, "batch d_out"]:
        """Embeddings of a padded batch (`input_ids`, `attention_mask`, ...); padding has no part in them."""
        states = self.token_states(self.encoder(**tokens).last_hidden_state)
        pooled = mean_over_tokens(states, tokens["attention_mask"])
        return self.embedding(nn.functional.normalize(self.head(pooled), dim=-1))


def mean_over_tokens(
    states: Float[Tensor, "batch token feature"], attention_mask: Tensor
) -> Float[Tensor, "batch feature"]:
    """Mean of the token states that the mask keeps."""
    weights = attention_mask.unsqueeze(-1).to(states.dtype)
    return (states * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=torch.finfo(states.dtype).tiny)


def load_retriever(
    path: str | Path,
    *,
    base_model: str | None = None,
    allow_missing: Sequence[str] = (),
    max_length: int | None = None,
) -> LoadedRetriever:
    """Open a retriever from any of its containers: a checkpoint file, a head-only folder, a sentence-transformers one.

    `base_model` (a hub name or a folder) goes before what the file names. Raises ModelError where the base encoder
    cannot be had, for another model's checkpoint, and for any tensor that is missing, unexpected or of another shape;
    SafetyError where something wants to run code; UsageError for a `base_model` where there is one already.
    """
    path = Path(path)
    if is_file(path / "modules.json"):
        if base_model:
            raise UsageError(
                f"{path} holds a whole encoder, so another base has no place in it", hint=f"leave {BASE_OPTION} out"
            )
        # Its library costs seconds to import, and only this container needs it.
        from latentscape.models.sentence_transformer import open_sentence_transformer  # noqa: PLC0415

        return open_sentence_transformer(path, allow_missing=allow_missing, max_length=max_length)
    saved = _read_head_folder(path) if is_folder(path) else _read_file(path)
    return _assemble(saved, base_model, allow_missing=allow_missing, max_length=max_length)


def load_encoder(
    base_model: str, *, allow_missing: Sequence[str] = (), max_length: int | None = None
) -> LoadedRetriever:
    """Open a text encoder as it was before any head was trained on it: mean over tokens, vectors of length 1.

    An untrained linear head would be a random projection, which blurs what the encoder says and adds nothing, so there
    is none. A sentence-transformers folder keeps its own pooling. Raises ModelError where the encoder cannot be had or
    a tensor of it is missing, SafetyError where something wants to run code.
    """
    folder = find_model_folder(base_model, option=BASE_OPTION)
    if is_file(folder / "modules.json"):
        return load_retriever(folder, allow_missing=allow_missing, max_length=max_length)
    config = read_config_values(folder)
    body, digests = read_folder_tensors(folder)
    tensors = {f"encoder.{name}": tensor for name, tensor in take_body(body).items()}
    return _open(
        lambda: Retriever(build_text_encoder(config, source=base_model), nn.Identity()),
        _Opened(
            tensors=tensors,
            folder=folder,
            source=base_model,
            config=config,
            fingerprint={"base": digests, "config": config},
            sha256=next(iter(digests.values())) if len(digests) == 1 else digest_values(digests),
            name=f"{base_model}, no head",
            metadata={"base_model": base_model},
        ),
        allow_missing=allow_missing,
        max_length=max_length,
    )


@dataclass(frozen=True, kw_only=True)
class _Saved:
    """What one of our two own containers holds."""

    source: Path
    tensors: Mapping[str, Tensor]
    settings: Mapping[str, Any]
    metadata: Mapping[str, Any]
    sha256: str

    @property
    def holds_encoder(self) -> bool:
        return any(name.startswith("encoder.") for name in self.tensors)


def _read_file(path: Path) -> _Saved:
    checkpoint = load_checkpoint(path)
    metadata = dict(checkpoint.metadata)
    config = metadata.get("config")
    settings = {**metadata, **(config if isinstance(config, Mapping) else {})}
    return _Saved(
        source=path, tensors=checkpoint.tensors, settings=settings, metadata=metadata, sha256=checkpoint.sha256
    )


def _read_head_folder(folder: Path) -> _Saved:
    """A folder with a head alone. Its config is read as data; the code it names is never looked at."""
    settings = read_json(folder / "config.json")
    if "d_out" not in settings:
        raise ModelError(
            f"{folder} is not a retriever",
            got=f"a model folder of type {settings.get('model_type')!r}, without a projection head",
            expected="a head-only folder (`d_in`, `d_out`), a sentence-transformers directory, or a checkpoint file",
        )
    weights = folder / "model.safetensors"
    checkpoint = load_checkpoint(weights if is_file(weights) else folder / "pytorch_model.bin")
    metadata = {key: _number(value) for key, value in checkpoint.metadata.items() if value not in ("None", "pt")}
    return _Saved(
        source=folder, tensors=checkpoint.tensors, settings=settings, metadata=metadata, sha256=checkpoint.sha256
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


def _open(
    build: Callable[[], Retriever], opened: _Opened, *, allow_missing: Sequence[str], max_length: int | None
) -> LoadedRetriever:
    """Build the module, load every weight and prove it, and open the tokenizer."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = build_checked(build, opened.config, tensors=opened.tensors, source=opened.source)
    side = ["encoder." + branch for branch in side_branches(model.encoder)]
    receipt = load_weights(model, opened.tensors, source=opened.source, side_branches=side, allow_missing=allow_missing)
    tokenizer = open_tokenizer(opened.folder, model.encoder, max_length=max_length)
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
        )


def _complete(saved: _Saved, folder: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors of the whole retriever, and the digests of the base's files that take part."""
    tensors = {modernize(name): tensor for name, tensor in saved.tensors.items()}
    if saved.holds_encoder:
        return tensors, hash_files(folder, ["config.json"])
    body, digests = read_folder_tensors(folder)
    return {**{f"encoder.{name}": t for name, t in take_body(body).items()}, **tensors}, digests
