"""Tiny models that the tests build themselves, in the forms in which real ones come."""

import hashlib
import io

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast, XLMRobertaConfig, XLMRobertaModel

from latentscape.models.emotion import EmotionArchitecture, build_emotion_classifier

TINY_SPEECH = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "conv_dim": [16] * 7,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 4,
    "feat_extract_norm": "layer",
}
TEXTS = ["phòng trọ quận 10", "cho thuê phòng quận 11 , 25m2 , giá 5 triệu", "phòng"]


@pytest.fixture(scope="session")
def make_emotion():
    """A function that builds a tiny emotion classifier with seeded weights that are all different from zero."""

    def make(kind="hubert", *, encoder=None, seed=0, **settings):
        torch.manual_seed(seed)
        encoder_config = {**TINY_SPEECH, **(encoder or {})}
        values = {
            "encoder_name": kind,
            "encoder_config": encoder_config,
            "hidden_dim": 24,
            "num_classes": 6,
            **settings,
        }
        model = build_emotion_classifier(EmotionArchitecture(**values), pretrained=False)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter += 0.05 * torch.randn(parameter.shape)
        return model.eval()

    return make


@pytest.fixture(scope="session")
def make_clips():
    """A function that gives zero-padded clips of given lengths."""

    def make(lengths, seed=1):
        counts = torch.tensor(lengths)
        waves = 0.1 * torch.randn(len(lengths), max(lengths), generator=torch.Generator().manual_seed(seed))
        return waves * (torch.arange(max(lengths)) < counts[:, None]), counts

    return make


@pytest.fixture(scope="session")
def digest():
    """A function that gives the SHA-256 of tensors, bit by bit."""

    def hash_tensors(*tensors):
        buffer = io.BytesIO()
        for tensor in tensors:
            buffer.write(tensor.detach().contiguous().numpy().tobytes())
        return hashlib.sha256(buffer.getvalue()).hexdigest()

    return hash_tensors


@pytest.fixture(scope="session")
def make_text_folder(tmp_path_factory):
    """A function that writes a tiny XLM-R-style encoder and its word tokenizer into a new folder."""

    def make(width=32, *, seed=0, weights=True, **settings):
        folder = tmp_path_factory.mktemp("text-encoder")
        words = sorted({word for text in TEXTS for word in text.split()})
        names = ["<s>", "<pad>", "</s>", "<unk>", *words]
        tokenizer = Tokenizer(models.WordLevel({word: number for number, word in enumerate(names)}, unk_token="<unk>"))
        tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
        ends = [("<s>", 0), ("</s>", 2)]
        tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=ends)
        special = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}
        fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=24, **special)
        fast.save_pretrained(folder)
        torch.manual_seed(seed)
        config = XLMRobertaConfig(
            vocab_size=len(names),
            hidden_size=width,
            num_hidden_layers=1,
            num_attention_heads=4,
            intermediate_size=40,
            max_position_embeddings=22,
            pad_token_id=1,
            **settings,
        )
        model = XLMRobertaModel(config)
        if weights:
            model.save_pretrained(folder)
        else:
            config.save_pretrained(folder)
        return folder

    return make
