"""Text encoders and their tokenizers, opened from a local folder without running anything that lies in it."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import transformers
from torch import Tensor, nn

from latentscape.errors import ModelError
from latentscape.models.folder_scan import scan_model_folder
from latentscape.models.loading import clean_config, hash_files, quiet_libraries
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
_NO_LIMIT = 1_000_000
_DEFAULT_LENGTH = 512


@dataclass(frozen=True, kw_only=True)
class Tokenizer:
    """Texts -> padded batches of token numbers, cut at `max_length`."""

    inner: Any
    max_length: int
    fingerprint: str
    """SHA-256 over its files and its cut."""

    def encode(self, texts: list[str]) -> dict[str, Tensor]:
        """A padded batch: `input_ids`, `attention_mask` and what else the encoder takes, each [batch, token]."""
        batch = self.inner(texts, padding=True, truncation=True, max_length=self.max_length, return_tensors="pt")
        return dict(batch)

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
            encoder = transformers.AutoModel.from_config(config, trust_remote_code=False)
    except Exception as error:  # values that do not fit together break the library anywhere and in any way
        reason = f"{type(error).__name__}: {error}".strip()[:300]
        raise ModelError(
            f"no text encoder can be built from the config of {source}",
            got=f"model_type {values.get('model_type')!r}: {reason}",
            hint="give another encoder, or get its folder again",
            fault="model-folder",
        ) from error
    if getattr(encoder, "pooler", None) is not None:
        encoder.pooler = None  # we pool ourselves; its weights would be ones that no layer we look at depends on
    return encoder


def open_tokenizer(folder: Path, encoder: nn.Module, *, max_length: int | None) -> Tokenizer:
    """The tokenizer of a folder. Its texts are cut at the smallest of `max_length` and what the encoder can take.

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
    try:
        with quiet_libraries():
            inner = transformers.AutoTokenizer.from_pretrained(
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
    return Tokenizer(inner=inner, max_length=cut, fingerprint=digest)


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
