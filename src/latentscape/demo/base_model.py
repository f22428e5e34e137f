"""A text encoder from nothing: a tokenizer learned from the pairs, and a small encoder that has read nothing yet."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import transformers
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from torch import nn

from latentscape.errors import UsageError, nearest
from latentscape.models.loading import quiet_libraries

_SPECIAL = {"bos_token": "<s>", "pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>", "mask_token": "<mask>"}


def train_tokenizer(texts: Iterable[str], *, vocab_size: int) -> Tokenizer:
    """A byte-pair tokenizer (Sennrich et al., 2016) of at most `vocab_size` pieces; the same texts, the same pieces.

    Letters are composed (NFC) and lowered, `²` and its like become plain digits, and numbers stand apart from letters,
    so that `25m²`, `25m2` and `25 m2` have their pieces in common.
    """
    tokenizer = Tokenizer(models.BPE(unk_token=_SPECIAL["unk_token"]))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase(), normalizers.NFC()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Metaspace(),
            pre_tokenizers.Split(Regex(r"\d+|[^\w\s▁]"), behavior="isolated"),
        ]
    )
    trainer = trainers.BpeTrainer(vocab_size=vocab_size, special_tokens=list(_SPECIAL.values()), show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    marks = [(mark, tokenizer.token_to_id(mark)) for mark in ("<s>", "</s>")]
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> $B </s>", special_tokens=marks
    )
    return tokenizer


def write_base_model(
    folder: Path, texts: Iterable[str], *, encoder_config: Mapping[str, Any], vocab_size: int, max_length: int
) -> nn.Module:
    """Train the tokenizer, make the encoder, and write both as a Hugging Face model folder; the encoder is returned.

    `encoder_config` changes entries of the XLM-RoBERTa config. The weights written are the ones training starts from.
    Raises UsageError for an entry that config does not have, or values that do not fit together.
    """
    tokenizer = train_tokenizer(texts, vocab_size=vocab_size)
    wrapped = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=max_length,
        model_input_names=["input_ids", "attention_mask"],
        **_SPECIAL,
    )
    config = _make_config(encoder_config, wrapped, max_length)
    try:
        encoder = transformers.XLMRobertaModel(config, add_pooling_layer=False)
    except (ValueError, TypeError, RuntimeError) as error:
        raise UsageError(
            "`model.encoder_config` does not hold together",
            got=str(error).strip(),
            hint="change these values; `hidden_size` must be a multiple of `num_attention_heads`",
            fault="config-values",
        ) from error
    with quiet_libraries():
        encoder.save_pretrained(folder)
        wrapped.save_pretrained(folder)
    return encoder


def _make_config(
    encoder_config: Mapping[str, Any], tokenizer: transformers.PreTrainedTokenizerFast, max_length: int
) -> transformers.XLMRobertaConfig:
    known = transformers.XLMRobertaConfig().to_dict()
    for key in encoder_config:
        if key not in known:
            raise UsageError(f"unknown key `model.encoder_config.{key}`", hint=nearest(key, known))
    marks = {name: getattr(tokenizer, name) for name in ("bos_token_id", "pad_token_id", "eos_token_id")}
    # XLM-RoBERTa numbers its positions from the padding token's number on.
    positions = max_length + marks["pad_token_id"] + 1
    sizes = {"vocab_size": len(tokenizer), "max_position_embeddings": positions, "type_vocab_size": 1}
    return transformers.XLMRobertaConfig(**{**encoder_config, **marks, **sizes})
