"""A retriever in a sentence-transformers directory; only modules of that library are let in."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import torch
from jaxtyping import Float
from sentence_transformers import SentenceTransformer
from torch import Tensor, nn

from latentscape.checkpoint import WeightReceipt, load_weights
from latentscape.errors import ModelError
from latentscape.models.folder_scan import read_json, read_modules, scan_model_folder
from latentscape.models.loaded import LoadedRetriever
from latentscape.models.loading import (
    clean_config,
    has_weights,
    quiet_libraries,
    read_folder_tensors,
    side_branches,
    take_body,
)
from latentscape.models.text_encoders import digest_values, open_tokenizer
from latentscape.paths import is_file

_PASSED_ON = ("model_args", "model_kwargs", "tokenizer_args", "processor_kwargs", "config_args", "config_kwargs")
"""What the library hands to the calls that open the encoder and its tokenizer."""
_HARMLESS_OPTIONS = (
    "dtype",
    "torch_dtype",
    "attn_implementation",
    "add_pooling_layer",
    "unpad_inputs",
    "use_memory_efficient_attention",
    "padding_side",
    "truncation_side",
    "model_max_length",
    "max_length",
    "do_lower_case",
    "use_fast",
)


class SentenceTransformerRetriever(nn.Module):
    """The library's chain of modules, with names for the two values we look at."""

    def __init__(self, chain: SentenceTransformer) -> None:
        super().__init__()
        self.chain = nn.ModuleList(cast(nn.Module, module) for module in chain)
        self.token_states, self.embedding = nn.Identity(), nn.Identity()

    @property
    def layers(self) -> dict[str, str]:
        """Public layer name -> module path: encoder [batch, token, feature], embedding [batch, d_out]."""
        return {"encoder": "token_states", "embedding": "embedding"}

    def forward(self, **tokens: Tensor) -> Float[Tensor, "batch d_out"]:
        """L2-normalized embeddings of a padded batch."""
        values: dict[str, Any] = self.chain[0]({**tokens, "modality": "text"})
        values["token_embeddings"] = self.token_states(values["token_embeddings"])
        for module in self.chain[1:]:
            values = module(values)
        return self.embedding(nn.functional.normalize(values["sentence_embedding"], dim=-1))


def open_sentence_transformer(
    folder: Path, *, allow_missing: Sequence[str] = (), max_length: int | None = None
) -> LoadedRetriever:
    """The retriever in a sentence-transformers directory, and the proof that its weights arrived.

    Raises SafetyError where the directory names code outside the library, ModelError where it is broken.
    """
    scan_model_folder(folder)
    modules = read_modules(folder)
    _check_settings(folder, modules)
    encoder_folder = folder / modules[0]["path"]
    values = read_json(encoder_folder / "config.json")
    clean_config(values, source=str(encoder_folder / "config.json"))
    if values.get("quantization_config"):
        raise _odd_settings(encoder_folder / "config.json", "quantization_config")
    # Before the library opens them: what it may not read is refused here, by its own id.
    read = [_read_weights(folder / module["path"], first=not place) for place, module in enumerate(modules)]
    chain = _open_chain(folder)
    model = SentenceTransformerRetriever(chain).eval()
    receipt, digests = _prove(model, read, source=str(encoder_folder), allow_missing=allow_missing)
    encoder: Any = _encoder_of(chain)
    limits = [limit for limit in (max_length, chain.max_seq_length) if limit]
    tokenizer = open_tokenizer(encoder_folder, encoder, max_length=min(limits, default=None))
    sha256 = next(iter(digests.values())) if len(digests) == 1 else digest_values(digests)
    return LoadedRetriever(
        model=model,
        tokenize=tokenizer.encode,
        token_lengths=tokenizer.count,
        max_length=tokenizer.max_length,
        receipt=receipt,
        sha256=sha256,
        fingerprint=digest_values({"files": digests, "modules": modules, "tokenizer": tokenizer.fingerprint}),
        name=folder.resolve().name,
        metadata={"base_model": str(encoder.config.model_type), "modules": [module["type"] for module in modules]},
    )


def _check_settings(folder: Path, modules: Sequence[Mapping[str, str]]) -> None:
    """Refuse what would make the library build another model than the files say, or read one from elsewhere."""
    for place in dict.fromkeys(folder / path for path in ("", *(module["path"] for module in modules))):
        if is_file(place / "adapter_config.json"):
            raise ModelError(
                f"{folder} holds an adapter", hint="merge it into its base model and save that", fault="adapter-misfit"
            )
        for path in sorted(place.glob("sentence_*_config.json")):
            settings = read_json(path)
            odd = [key for part in _PASSED_ON for key in settings.get(part) or {} if key not in _HARMLESS_OPTIONS]
            odd += [key for key in ("backend",) if settings.get(key, "torch") != "torch"]
            if odd:
                raise _odd_settings(path, odd[0])
    path = folder / "config_sentence_transformers.json"
    if is_file(path) and read_json(path).get("model_type", "SentenceTransformer") != "SentenceTransformer":
        raise _odd_settings(path, "model_type")


def _odd_settings(path: Path, key: str) -> ModelError:
    return ModelError(
        f"{path} asks the library for something that we don't pass on",
        got=f"`{key}`"[:100],
        hint="load the model with that library, and save it as a plain sentence-transformers folder",
        fault="model-folder",
    )


def _open_chain(folder: Path) -> SentenceTransformer:
    try:
        with quiet_libraries(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return SentenceTransformer(
                str(folder),
                device="cpu",
                trust_remote_code=False,
                local_files_only=True,
                model_kwargs={"use_safetensors": True},
            )
    except Exception as error:  # the library and those below it raise nearly anything
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelError(
            f"the sentence-transformers directory {folder} cannot be opened",
            got=reason[:300],
            hint="copy or download the whole folder again",
            fault="model-folder",
        ) from error


def _encoder_of(chain: SentenceTransformer) -> nn.Module:
    first: Any = next(iter(chain))
    return first.auto_model


def _read_weights(folder: Path, *, first: bool) -> tuple[dict[str, Tensor], dict[str, str]] | None:
    """The tensors and digests of a module's folder; None for a later module that has none."""
    return read_folder_tensors(folder) if first or has_weights(folder) else None


def _prove(
    model: SentenceTransformerRetriever,
    read: Sequence[tuple[dict[str, Tensor], dict[str, str]] | None],
    *,
    source: str,
    allow_missing: Sequence[str],
) -> tuple[WeightReceipt, dict[str, str]]:
    """Load every module's tensors again, strictly, under names of the whole; the library only remarks on gaps."""
    tensors: dict[str, Tensor] = {}
    digests: dict[str, str] = {}
    first: Any = model.chain[0]
    stem = next(f"chain.0.{name}." for name, child in first.named_children() if child is first.auto_model)
    for number, part in enumerate(read):
        if part is None or (number and not list(cast(nn.Module, model.chain[number]).state_dict())):
            continue
        found, files = part
        named = take_body(found) if number == 0 else found
        start = stem if number == 0 else f"chain.{number}."
        tensors |= {start + name: tensor for name, tensor in named.items()}
        digests |= {f"{number}/{name}": digest for name, digest in files.items()}
    side = [stem + branch for branch in side_branches(first.auto_model)]
    return load_weights(model, tensors, source=source, side_branches=side, allow_missing=allow_missing), digests
