"""Text encoders and their tokenizers, opened from a local folder without running anything that lies in it."""

import hashlib
import inspect
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import transformers
from torch import Tensor, nn
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    MODEL_FOR_MASKED_LM_MAPPING_NAMES,
)

from latentscape.errors import DataError, ModelError
from latentscape.models.classifier_weights import name_tensors
from latentscape.models.folder_scan import scan_model_folder
from latentscape.models.loading import clean_config, hash_files, quiet_libraries, side_branches, take_body
from latentscape.models.naming import modernize
from latentscape.paths import is_file

_VOCABULARIES = (
    "tokenizer.json",
    "vocab.txt",
    "vocab.json",
    "sentencepiece.bpe.model",
    "spiece.model",
    "tokenizer.model",
)
_TOKENIZER_FILES = (
    *_VOCABULARIES,
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "merges.txt",
)
_ENCODER_HALVES: Mapping[str, Any] = {
    "t5": transformers.T5EncoderModel,
    "mt5": transformers.MT5EncoderModel,
    "umt5": transformers.UMT5EncoderModel,
}
"""Models of two halves, by type, of which texts need the first one only."""
_NO_LIMIT = 1_000_000
_DEFAULT_LENGTH = 512


@dataclass(frozen=True, kw_only=True)
class Tokenizer:
    """Texts -> padded batches of token numbers, cut at `max_length`."""

    inner: Any
    max_length: int
    fingerprint: str
    """SHA-256 over its files and its cut."""
    taken: frozenset[str] = frozenset()
    """What the encoder takes of it; nothing named: everything."""

    def encode(self, texts: list[str]) -> dict[str, Tensor]:
        """A padded batch: `input_ids`, `attention_mask` and what else the encoder takes, each [batch, token].

        Raises DataError for a text of which no token is left.
        """
        batch = self.inner(
            texts,
            padding=True,
            truncation=True,
            max_length=self.max_length,
            return_attention_mask=True,
            return_tensors="pt",
        )
        if not batch["attention_mask"].any(dim=1).all():
            raise DataError("a text has no tokens", hint="leave it out", fault="data-empty")
        return {name: values for name, values in batch.items() if not self.taken or name in self.taken}

    def count(self, texts: list[str]) -> list[int]:
        """Tokens of each text as the encoder will see it: marks included, cut at `max_length`."""
        found = self.inner(texts, truncation=True, max_length=self.max_length, return_attention_mask=False)
        return [len(numbers) for numbers in found["input_ids"]]


def build_text_encoder(values: Mapping[str, Any], *, source: str) -> nn.Module:
    """An encoder of that config with fresh weights and no pooling layer of its own.

    Raises ModelError where the config is of no text encoder we can build; SafetyError where it needs code of its own.
    """
    values = clean_config(values, source=f"the config of {source}")
    try:
        with quiet_libraries():
            config = transformers.CONFIG_MAPPING[values["model_type"]].from_dict(dict(values))
            half = _ENCODER_HALVES.get(values["model_type"])
            encoder = half(config) if half else transformers.AutoModel.from_config(config, trust_remote_code=False)
    except Exception as error:  # values that do not fit together break the library anywhere and in any way
        reason = f"{type(error).__name__}: {error}".strip()[:300]
        raise ModelError(
            f"no text encoder can be built from the config of {source}",
            got=f"model_type {values.get('model_type')!r}: {reason}",
            hint="give another encoder, or get its folder again",
            fault="model-folder",
        ) from error
    if getattr(encoder, "main_input_name", "") != "input_ids":
        raise ModelError(
            f"{source} is no model of texts",
            got=f"model_type {values.get('model_type')!r}, which takes `{getattr(encoder, 'main_input_name', None)}`",
            expected="an encoder that takes `input_ids`",
            hint="give a text encoder; pictures and sounds go with `latentscape latents`",
            fault="model-texts",
        )
    if getattr(encoder, "pooler", None) is not None:
        encoder.pooler = None  # we pool ourselves; its weights would be ones that no layer we look at depends on
    return encoder


def take_encoder(tensors: Mapping[str, Tensor], values: Mapping[str, Any]) -> dict[str, Tensor]:
    """The encoder's tensors in a published model of that config, under present names, without the heads of its task."""
    stem = _find_stem(values.get("model_type"))
    own = {name.removeprefix(stem): tensor for name, tensor in tensors.items() if stem and name.startswith(stem)}
    return {modernize(name): tensor for name, tensor in own.items()} if own else take_body(tensors)


def rename_for(encoder: nn.Module, tensors: Mapping[str, Tensor], *, source: str) -> Mapping[str, Tensor]:
    """The tensors under the names of the encoder as built: the library renames parts now and then, and keeps a table.

    Files that have every name already stay as they are.
    """
    live = encoder.state_dict().keys()
    if live <= tensors.keys():
        return tensors
    named = name_tensors(encoder, tensors, source=source)
    return named if len(live & named.keys()) > len(live & tensors.keys()) else tensors


def _find_stem(kind: Any) -> str:
    """Where the library puts an encoder of that type inside a model with a head; empty where it knows none."""
    if kind not in transformers.CONFIG_MAPPING:
        return ""
    built: Any = transformers.MODEL_MAPPING.get(transformers.CONFIG_MAPPING[kind], None)
    prefix = getattr(built, "base_model_prefix", "")
    return f"{prefix}." if prefix else ""


def list_side_branches(encoder: nn.Module) -> list[str]:
    """Name prefixes in published files of what lies beside the path to an encoder's last hidden state."""
    half = isinstance(encoder, tuple(_ENCODER_HALVES.values()))
    return [*side_branches(encoder), *(["decoder."] if half else [])]


def is_generative(values: Mapping[str, Any]) -> bool:
    """Whether a config is of a model that writes texts on, which no training has taught to say a text as one vector."""
    kind = str(values.get("model_type"))
    return bool(values.get("is_decoder")) or (
        kind in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES and kind not in MODEL_FOR_MASKED_LM_MAPPING_NAMES
    )


def open_tokenizer(
    folder: Path, encoder: nn.Module, *, max_length: int | None, inner: Any = None, pad_with_end: bool = False
) -> Tokenizer:
    """The tokenizer of a folder. Its texts are cut at the smallest of `max_length` and what the encoder can take.

    `inner` is one that a library has opened from it already. `pad_with_end` lets the token that ends texts pad them
    where there is none for that, for models that are told what is padding.

    Raises ModelError where there is none, or one of another encoder; SafetyError where it would need code of its own.
    """
    scan_model_folder(folder)
    # Without its words the library would build an empty tokenizer and say nothing.
    if not any(is_file(folder / name) for name in _VOCABULARIES):
        raise ModelError(
            f"there is no tokenizer in {folder}",
            expected=f"one of {', '.join(_VOCABULARIES)}",
            hint="copy or download the whole folder again",
            fault="model-folder",
        )
    inner = inner or _read_tokenizer(folder)
    if inner.pad_token is None and inner.eos_token is not None and pad_with_end:
        inner.pad_token, inner.padding_side = inner.eos_token, "right"
    if inner.pad_token is None:
        raise ModelError(
            f"the tokenizer in {folder} has no padding token",
            expected="one, so that texts can share a batch",
            hint="give another encoder, or add a `pad_token` to its tokenizer_config.json",
            fault="model-folder",
        )
    own = inner.model_max_length if inner.model_max_length < _NO_LIMIT else None
    _check_vocabulary(folder, len(inner), encoder)
    limits = [limit for limit in (max_length, own, count_positions(encoder)) if limit]
    cut = min(limits) if limits else _DEFAULT_LENGTH
    digest = digest_values({**hash_files(folder, _TOKENIZER_FILES), "max_length": cut})
    taken = frozenset({*inspect.signature(encoder.forward).parameters, "attention_mask"})
    return Tokenizer(inner=inner, max_length=cut, fingerprint=digest, taken=taken)


def _read_tokenizer(folder: Path) -> Any:
    try:
        with quiet_libraries():
            return transformers.AutoTokenizer.from_pretrained(
                str(folder), trust_remote_code=False, local_files_only=True
            )
    except Exception as error:  # the tokenizers library raises bare Exception for a broken file
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelError(
            f"there is no tokenizer that can be read in {folder}",
            got=reason[:300],
            hint="copy or download it again",
            fault="model-folder",
        ) from error


def _check_vocabulary(folder: Path, n_words: int, encoder: nn.Module) -> None:
    config: Any = encoder.config
    known = getattr(config, "vocab_size", None)
    if isinstance(known, int) and n_words > known:
        raise ModelError(
            f"the tokenizer in {folder} belongs to another encoder",
            got=f"{n_words} words",
            expected=f"at most the {known} that the encoder knows",
            hint="copy or download the whole folder again",
            fault="model-folder",
        )


def count_positions(encoder: nn.Module) -> int | None:
    """The longest token sequence an encoder has positions for; None where its config sets no limit."""
    config: Any = encoder.config
    positions = getattr(config, "max_position_embeddings", None)
    if not isinstance(positions, int):
        return None
    # RoBERTa and its kin number their positions from the padding token on, and lose that many.
    table = getattr(getattr(encoder, "embeddings", None), "position_embeddings", None)
    shift = getattr(table, "padding_idx", None)
    return positions if shift is None else positions - shift - 1


def digest_values(values: Mapping[str, Any]) -> str:
    """SHA-256 of plain values, whatever order they are in."""
    return hashlib.sha256(json.dumps(dict(values), sort_keys=True, default=str).encode()).hexdigest()
