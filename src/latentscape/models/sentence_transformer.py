"""A retriever in a sentence-transformers directory; only modules of that library are let in."""

import json
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any, cast

import torch
from jaxtyping import Float
from sentence_transformers import SentenceTransformer
from torch import Tensor, nn

from latentscape.checkpoint import WeightReceipt, load_weights
from latentscape.errors import ModelError, SafetyError
from latentscape.models.loaded import LoadedRetriever
from latentscape.models.loading import (
    quiet_libraries,
    read_config_values,
    read_folder_tensors,
    refuse_code_switches,
    side_branches,
    take_body,
)
from latentscape.models.text_encoders import digest_values, open_tokenizer

_LIBRARY = "sentence_transformers."


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
    modules = read_modules(folder)
    scan_folder(folder)
    encoder_folder = folder / modules[0]["path"]
    read_config_values(encoder_folder)
    chain = _open_chain(folder)
    model = SentenceTransformerRetriever(chain).eval()
    receipt, digests = _prove(model, [folder / module["path"] for module in modules], allow_missing)
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


def read_modules(folder: Path) -> list[dict[str, str]]:
    """The chain that `modules.json` lists, checked before anything is imported.

    Raises SafetyError for a module outside the library or a path outside the folder.
    """
    try:
        modules = json.loads((folder / "modules.json").read_text(encoding="utf-8"))
        chain = [{"type": str(module["type"]), "path": str(module["path"])} for module in modules]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ModelError(
            f"{folder / 'modules.json'} does not list the model's modules",
            got=str(error),
            hint="copy or download the folder again",
        ) from error
    for module in chain:
        path = PurePosixPath(module["path"])
        if not module["type"].startswith(_LIBRARY) or path.is_absolute() or ".." in path.parts:
            raise SafetyError(
                f"{folder} wants to run code that is not of the sentence-transformers library; it was not run",
                got=f"a module of type `{module['type']}` in `{module['path']}`",
                hint="where you trust it, load it there and save it with the library's own modules",
            )
    if not chain or not chain[0]["type"].endswith(".Transformer"):
        raise ModelError(
            f"{folder} does not start with a transformer",
            got=chain[0]["type"] if chain else "no modules",
            expected="sentence_transformers.models.Transformer",
        )
    return chain


def scan_folder(folder: Path) -> None:
    """Read every small JSON file of the directory and refuse what would name or switch on code of its own."""
    for path in sorted(folder.rglob("*.json")):
        if path.name == "adapter_config.json":
            raise ModelError(f"{folder} holds an adapter", hint="merge it into its base model and save that")
        if path.name not in ("tokenizer.json", "vocab.json", "modules.json", "added_tokens.json"):
            refuse_code_switches(path)


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
        ) from error


def _encoder_of(chain: SentenceTransformer) -> nn.Module:
    first: Any = next(iter(chain))
    return first.auto_model


def _prove(
    model: SentenceTransformerRetriever, folders: Sequence[Path], allow_missing: Sequence[str]
) -> tuple[WeightReceipt, dict[str, str]]:
    """Load every module's file again, strictly, under names of the whole; the library itself only remarks on gaps."""
    tensors: dict[str, Tensor] = {}
    digests: dict[str, str] = {}
    first: Any = model.chain[0]
    stem = next(f"chain.0.{name}." for name, child in first.named_children() if child is first.auto_model)
    for number, folder in enumerate(folders):
        if number and not list(cast(nn.Module, model.chain[number]).state_dict()):
            continue
        found, files = read_folder_tensors(folder)
        named = take_body(found) if number == 0 else found
        start = stem if number == 0 else f"chain.{number}."
        tensors |= {start + name: tensor for name, tensor in named.items()}
        digests |= {f"{number}/{name}": digest for name, digest in files.items()}
    side = [stem + branch for branch in side_branches(first.auto_model)]
    return load_weights(
        model, tensors, source=str(folders[0]), side_branches=side, allow_missing=allow_missing
    ), digests
