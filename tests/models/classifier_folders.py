"""Tiny classifiers of the transformers library, written into folders with their processors, as real ones are."""

import json
from pathlib import Path

import numpy as np
import torch
import transformers
from PIL import Image
from tokenizers import Tokenizer, models, pre_tokenizers, processors

NAMES = ("calm", "angry", "glad")
NAMED = {"id2label": dict(enumerate(NAMES)), "label2id": {name: number for number, name in enumerate(NAMES)}}
WORDS = ("an", "example", "of", "few", "words", "phòng", "trọ", "giá")
SMALL = {"num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24, "hidden_size": 16}
SPEECH = {
    **SMALL,
    "conv_dim": [8] * 7,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 4,
    "classifier_proj_size": 12,
}
TEXT = {**SMALL, "vocab_size": 12, "max_position_embeddings": 30, "pad_token_id": 1}
VISION = {**SMALL, "image_size": 32, "patch_size": 8}
WHISPER = {
    "d_model": 16,
    "encoder_layers": 1,
    "encoder_attention_heads": 2,
    "decoder_layers": 1,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 16,
    "decoder_ffn_dim": 16,
    "classifier_proj_size": 8,
    "vocab_size": 60,
    "pad_token_id": 1,
    "bos_token_id": 2,
    "eos_token_id": 3,
    "decoder_start_token_id": 2,
}
GPT = {
    "vocab_size": 12,
    "n_embd": 16,
    "n_layer": 2,
    "n_head": 2,
    "n_positions": 30,
    "bos_token_id": 0,
    "eos_token_id": 2,
}

FAMILIES = {
    "wav2vec2": ("Wav2Vec2ForSequenceClassification", SPEECH, "plain sound"),
    "hubert": ("HubertForSequenceClassification", {**SPEECH, "feat_extract_norm": "layer"}, "masked sound"),
    "wavlm": ("WavLMForSequenceClassification", {**SPEECH, "feat_extract_norm": "layer"}, "masked sound"),
    "whisper": ("WhisperForAudioClassification", WHISPER, "whisper sound"),
    "ast": ("ASTForAudioClassification", {**SMALL, "max_length": 64, "num_mel_bins": 32}, "ast sound"),
    "bert": ("BertForSequenceClassification", TEXT, "words"),
    "roberta": ("RobertaForSequenceClassification", TEXT, "words"),
    "distilbert": (
        "DistilBertForSequenceClassification",
        {
            "vocab_size": 12,
            "dim": 16,
            "n_layers": 1,
            "n_heads": 2,
            "hidden_dim": 20,
            "max_position_embeddings": 30,
            "pad_token_id": 1,
        },
        "words",
    ),
    "gpt2": ("GPT2ForSequenceClassification", GPT, "words without padding"),
    "llama": ("LlamaForSequenceClassification", {**TEXT, "pad_token_id": None}, "words"),
    "vit": ("ViTForImageClassification", VISION, "pixels"),
    "swin": (
        "SwinForImageClassification",
        {"image_size": 32, "patch_size": 4, "embed_dim": 8, "depths": [1, 1], "num_heads": [1, 2], "window_size": 4},
        "pixels",
    ),
    "convnext": (
        "ConvNextForImageClassification",
        {"hidden_sizes": [8, 8], "depths": [1, 1], "num_stages": 2},
        "edge pixels",
    ),
    "resnet": (
        "ResNetForImageClassification",
        {"embedding_size": 8, "hidden_sizes": [8, 8], "depths": [1, 1], "layer_type": "basic"},
        "edge pixels",
    ),
    "dinov2": (
        "Dinov2ForImageClassification",
        {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "image_size": 32, "patch_size": 8}
        | {"use_swiglu_ffn": True},
        "pixels",
    ),
}


def build(family, **changes):
    """A classifier of that family whose weights are all different from zero and from those of a fresh one."""
    name, values, _ = FAMILIES[family]
    torch.manual_seed(3)
    kind = getattr(transformers, name)
    model = kind(kind.config_class(**{**values, **NAMED, **changes})).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.05 * torch.randn(parameter.shape)
    return model


def write(folder: Path, family, *, processor=True, **changes):
    """The folder that `save_pretrained` makes of it, processor included, and the model that was saved."""
    model = build(family, **changes)
    model.save_pretrained(folder)
    if processor:
        write_processor(folder, FAMILIES[family][2])
    return model


def write_processor(folder: Path, what: str):
    """A processor of one of the kinds in `FAMILIES`."""
    size = {"shortest_edge": 32} if what.startswith("edge") else {"height": 32, "width": 32}
    if what.endswith("pixels"):
        kind = "ConvNext" if what.startswith("edge") else "ViT"
        getattr(transformers, f"{kind}ImageProcessorPil")(size=size).save_pretrained(folder)
    elif what == "whisper sound":
        transformers.WhisperFeatureExtractor().save_pretrained(folder)
    elif what == "ast sound":
        transformers.ASTFeatureExtractor(max_length=64, num_mel_bins=32).save_pretrained(folder)
    elif what.endswith("sound"):
        masked = what.startswith("masked")
        transformers.Wav2Vec2FeatureExtractor(return_attention_mask=masked).save_pretrained(folder)
    else:
        make_tokenizer(padding=what == "words").save_pretrained(folder)


def make_tokenizer(*, padding):
    """A tokenizer of whole words."""
    known = ["<s>", "<pad>", "</s>", "<unk>", *WORDS]
    tokenizer = Tokenizer(models.WordLevel({word: number for number, word in enumerate(known)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    special = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    if padding:
        ends = [("<s>", 0), ("</s>", 2)]
        tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=ends)
        special |= {"pad_token": "<pad>"}
    return transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=20, **special)


def make_samples(kind):
    """Three samples of different sizes."""
    draw = np.random.default_rng(7)
    if kind == "audio":
        return [draw.normal(scale=0.1, size=size).astype(np.float32) for size in (9_000, 16_000, 12_345)]
    if kind == "image":
        return [Image.fromarray(draw.integers(0, 256, (40, 50 + n, 3), dtype=np.uint8)) for n in range(3)]
    return ["phòng trọ", "an example of few words", "giá"]


def edit(path: Path, **changes):
    """Change keys of a JSON file; a key of None goes."""
    values = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({key: value for key, value in values.items() if value is not None}))
