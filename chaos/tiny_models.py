"""Three tiny models with checkpoints of their own: small enough to break each of their tensors in turn."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from torch import Tensor, nn
from transformers import PreTrainedTokenizerFast, XLMRobertaConfig, XLMRobertaModel

from latentscape.checkpoint import WeightReceipt, load_checkpoint
from latentscape.models.emotion import EmotionArchitecture, build_emotion_classifier, load_emotion_classifier
from latentscape.models.retriever import load_retriever

_SPEECH = {
    "hidden_size": 64,
    "num_hidden_layers": 1,
    "num_attention_heads": 1,
    "intermediate_size": 48,
    "conv_dim": [8] * 7,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 4,
    "feat_extract_norm": "layer",
    "conv_bias": True,
    "do_stable_layer_norm": True,
}
_WORDS = ["<s>", "<pad>", "</s>", "<unk>", "room", "for", "rent", "flat"]


@dataclass(frozen=True, kw_only=True)
class TinyModel:
    """One architecture: what its checkpoint holds, and how it is opened and asked."""

    name: str
    tensors: Mapping[str, Tensor]
    metadata: Mapping[str, Any]
    """What lies beside the tensors, where the file can't be read without it."""
    open: Callable[[Path], tuple[nn.Module, WeightReceipt]]
    answer: Callable[[nn.Module], Tensor]
    side: tuple[str, ...]
    """Starts of names that no looked-at layer can feel."""


def make_models(folder: Path, *, seed: int = 0) -> list[TinyModel]:
    """A speech classifier of each of two encoders, the second with layers of its own on top, and a retriever."""
    torch.manual_seed(seed)
    wavlm = _make_emotion("WavLM with extra layers", "wavlm", extra_layers=1, extra_feedforward_dim=32, num_domains=3)
    return [_make_emotion("HuBERT", "hubert"), wavlm, _make_retriever(folder / "base")]


def _make_emotion(name: str, kind: str, **settings: Any) -> TinyModel:
    architecture = EmotionArchitecture(
        encoder_name=kind, encoder_config=_SPEECH, hidden_dim=24, num_classes=6, **settings
    )
    model = build_emotion_classifier(architecture, pretrained=False)
    _stir(model)
    return TinyModel(
        name=name,
        tensors=dict(model.state_dict()),
        metadata={},
        open=lambda path: load_emotion_classifier(load_checkpoint(path), None),
        answer=_classify,
        side=("domain_classifier.", "encoder.masked_spec_embed"),
    )


def _stir(model: nn.Module) -> None:
    """Different numbers in every tensor, so that one in another's place is seen."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.05 * torch.randn(parameter.shape)


def _classify(model: nn.Module) -> Tensor:
    waves = 0.1 * torch.randn(2, 3000, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        return model(waves, torch.tensor([3000, 3000]))


def _make_retriever(base: Path) -> TinyModel:
    _write_tokenizer(base)
    config = XLMRobertaConfig(
        vocab_size=len(_WORDS),
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=4,
        intermediate_size=40,
        max_position_embeddings=22,
        pad_token_id=1,
    )
    (base / "config.json").write_text(json.dumps(config.to_dict()))
    encoder = XLMRobertaModel(config, add_pooling_layer=False)
    _stir(encoder)
    tensors = {f"encoder.{name}": tensor for name, tensor in encoder.state_dict().items()}
    tensors |= {"head.linear.weight": torch.randn(12, 32), "head.ln.weight": torch.randn(12)}
    tensors |= {"head.ln.bias": torch.randn(12)}

    def open_file(path: Path) -> tuple[nn.Module, WeightReceipt]:
        loaded = load_retriever(path, base_model=str(base))
        return loaded.model, loaded.receipt

    return TinyModel(
        name="retriever", tensors=tensors, metadata={}, open=open_file, answer=_embed, side=("encoder.pooler.",)
    )


def _embed(model: nn.Module) -> Tensor:
    numbers = torch.tensor([[0, 4, 5, 6, 2], [0, 7, 2, 1, 1]])
    with torch.inference_mode():
        return model(input_ids=numbers, attention_mask=(numbers != 1).long())


def _write_tokenizer(folder: Path) -> None:
    inner = Tokenizer(models.WordLevel({word: number for number, word in enumerate(_WORDS)}, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    special = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}
    PreTrainedTokenizerFast(tokenizer_object=inner, model_max_length=20, **special).save_pretrained(folder)
