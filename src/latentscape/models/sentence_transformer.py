"""A retriever in a sentence-transformers directory; only modules of that library are let in."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import torch
from jaxtyping import Float
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Pooling
from torch import Tensor, nn

from latentscape.checkpoint import WeightReceipt, load_weights
from latentscape.errors import ModelError
from latentscape.models.folder_scan import read_json, read_modules, scan_model_folder
from latentscape.models.loaded import DOCUMENT, QUERY, LoadedRetriever
from latentscape.models.loading import (
    clean_config,
    has_weights,
    quiet_libraries,
    read_folder_tensors,
)
from latentscape.models.projection import make_unit
from latentscape.models.prompts import PROMPT_LENGTHS, Prompts, choose_prompts, put_prompts
from latentscape.models.text_encoders import (
    Tokenizer,
    digest_values,
    list_side_branches,
    open_tokenizer,
    rename_for,
    take_encoder,
)
from latentscape.paths import hash_file, is_file, tell_folder

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


_PLAIN_READING: Mapping[str, tuple[Any, ...]] = {
    "backend": (None, "torch"),
    "transformer_task": (None, "feature-extraction"),
    "modality_config": (None, {"text": {"method": "forward", "method_output_name": "last_hidden_state"}}),
    "module_output_name": (None, "token_embeddings"),
    "processing_kwargs": (None, {}),
    "query_length": (None,),
    "document_length": (None,),
    "query_expansion": (None,),
}
"""What the settings of the first module may say where texts go to the encoder as they are, and its states come out."""
_SETTINGS = "config_sentence_transformers.json"


class SentenceTransformerRetriever(nn.Module):
    """The library's chain of modules, with names for the values we look at."""

    def __init__(self, chain: SentenceTransformer) -> None:
        super().__init__()
        self.chain = nn.ModuleList(cast(nn.Module, module) for module in chain)
        self.dimension: int | None = chain.truncate_dim
        """Only so many of the first numbers of a vector are kept; None keeps all."""
        self.token_states, self.pooled, self.embedding = nn.Identity(), nn.Identity(), nn.Identity()

    @property
    def layers(self) -> dict[str, str]:
        """Public layer name -> module path: encoder (its mean over tokens, or what is pooled), embedding."""
        second = self.chain[1] if len(self.chain) > 1 else None
        plain = isinstance(second, Pooling) and second.pooling_mode == "mean" and second.include_prompt
        pools = any(isinstance(module, Pooling) for module in self.chain)
        return {"encoder": "token_states" if plain or not pools else "pooled", "embedding": "embedding"}

    @property
    def leaves_prompts_out(self) -> bool:
        """Whether a prompt is read but has no part in the vector."""
        return any(isinstance(module, Pooling) and not module.include_prompt for module in self.chain)

    def forward(self, **tokens: Tensor) -> Float[Tensor, "batch d_out"]:
        """L2-normalized embeddings of a padded batch."""
        prompt_lengths = tokens.pop(PROMPT_LENGTHS, None)
        values: dict[str, Any] = self.chain[0]({**tokens, "modality": "text"})
        values["token_embeddings"] = self.token_states(values["token_embeddings"])
        for module in self.chain[1:]:
            if isinstance(module, Pooling):
                pooled = module(values) if prompt_lengths is None else _pool_apart(module, values, prompt_lengths)
                values = {**pooled, "sentence_embedding": self.pooled(pooled["sentence_embedding"])}
            else:
                values = module(values)
        return self.embedding(make_unit(values["sentence_embedding"], self.dimension))


def _pool_apart(module: Pooling, values: Mapping[str, Any], prompt_lengths: Tensor) -> dict[str, Any]:
    """Pooling where prompts differ in length: the library takes one length for a whole batch."""
    per_text = {name: value for name, value in values.items() if isinstance(value, Tensor) and value.ndim}
    rows, vectors = [], []
    for length in prompt_lengths.unique().tolist():
        rows.append((prompt_lengths == length).nonzero()[:, 0])
        part = {name: value[rows[-1]] for name, value in per_text.items()}
        vectors.append(module({**part, **({"prompt_length": length} if length else {})})["sentence_embedding"])
    return {**values, "sentence_embedding": torch.cat(vectors)[torch.cat(rows).argsort()]}


def open_sentence_transformer(
    folder: Path,
    *,
    query_prompt: str | None = None,
    document_prompt: str | None = None,
    allow_missing: Sequence[str] = (),
    max_length: int | None = None,
) -> LoadedRetriever:
    """The retriever in a sentence-transformers directory, and the proof that its weights arrived.

    A prompt is the name of one in its settings or the text itself; without it the one the settings name for that side.
    Raises SafetyError where the directory names code outside the library, ModelError where it is broken.
    """
    scan_model_folder(folder)
    modules = read_modules(folder)
    _check_settings(folder, modules)
    values = read_json(folder / _SETTINGS) if is_file(folder / _SETTINGS) else {}
    prompts = choose_prompts(values, query=query_prompt, document=document_prompt, source=str(folder))
    encoder_folder = folder / modules[0]["path"]
    config = _read_encoder_config(encoder_folder / "config.json")
    # Before the library opens them: what it may not read is refused here, by its own id.
    read = [_read_weights(folder / module["path"], first=not place) for place, module in enumerate(modules)]
    chain = _open_chain(folder, safetensors=any(encoder_folder.glob("model*.safetensors")))
    model = SentenceTransformerRetriever(chain).eval()
    receipt, digests = _prove(model, read, config=config, source=str(encoder_folder), allow_missing=allow_missing)
    encoder: Any = _encoder_of(chain)
    limits = [limit for limit in (max_length, chain.max_seq_length) if limit]
    tokenizer = open_tokenizer(
        encoder_folder, encoder, max_length=min(limits, default=None), inner=chain.tokenizer, pad_with_end=True
    )
    loaded = LoadedRetriever(
        model=model,
        tokenize=tokenizer.encode,
        token_lengths=tokenizer.count,
        max_length=tokenizer.max_length,
        receipt=receipt,
        sha256=next(iter(digests.values())) if len(digests) == 1 else digest_values(digests),
        fingerprint=digest_values(
            {"files": digests, "settings": _hash_settings(folder, modules), "tokenizer": tokenizer.fingerprint}
        ),
        name=tell_folder(folder),
        metadata={"base_model": str(encoder.config.model_type), "modules": [module["type"] for module in modules]},
    )
    left_out = _measure_prompts(prompts, tokenizer) if model.leaves_prompts_out else None
    return put_prompts(loaded, prompts, left_out=left_out)


def _read_encoder_config(path: Path) -> dict[str, Any]:
    values = read_json(path)
    if values.get("quantization_config"):
        raise _odd_settings(path, "quantization_config")
    return clean_config(values, source=str(path))


def _measure_prompts(prompts: Prompts, tokenizer: Tokenizer) -> dict[str, int]:
    """Tokens of either prompt at the start of a text: with what stands before it, without what would end it."""
    lengths = {}
    for side in (QUERY, DOCUMENT):
        prompt = prompts.before(side)
        numbers = tokenizer.encode([prompt])["input_ids"][0].tolist() if prompt else []
        lengths[side] = len(numbers) - bool(numbers and numbers[-1] in tokenizer.inner.all_special_ids)
    return lengths


def _hash_settings(folder: Path, modules: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """SHA-256 of everything that says how the modules work together, apart from weights and words."""
    places = dict.fromkeys(folder / path for path in ("", *(module["path"] for module in modules)))
    files = [path for place in places for path in sorted(place.glob("*config*.json")) if is_file(path)]
    return {str(path.relative_to(folder)): hash_file(path) for path in [folder / "modules.json", *files]}


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
            odd += [key for key, plain in _PLAIN_READING.items() if settings.get(key) not in plain]
            if odd:
                raise _odd_settings(path, odd[0])
    path = folder / _SETTINGS
    if is_file(path) and read_json(path).get("model_type", "SentenceTransformer") != "SentenceTransformer":
        raise _odd_settings(path, "model_type")


def _odd_settings(path: Path, key: str) -> ModelError:
    return ModelError(
        f"{path} asks the library for something that we don't pass on",
        got=f"`{key}`"[:100],
        hint="load the model with that library, and save it as a plain sentence-transformers folder",
        fault="model-folder",
    )


def _open_chain(folder: Path, *, safetensors: bool) -> SentenceTransformer:
    try:
        with quiet_libraries(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return SentenceTransformer(
                str(folder),
                device="cpu",
                trust_remote_code=False,
                local_files_only=True,
                model_kwargs={"use_safetensors": safetensors},
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
    config: Mapping[str, Any],
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
        named = rename_for(first.auto_model, take_encoder(found, config), source=source) if number == 0 else found
        start = stem if number == 0 else f"chain.{number}."
        tensors |= {start + name: tensor for name, tensor in named.items()}
        digests |= {f"{number}/{name}": digest for name, digest in files.items()}
    side = [stem + branch for branch in list_side_branches(first.auto_model)]
    return load_weights(model, tensors, source=source, side_branches=side, allow_missing=allow_missing), digests
