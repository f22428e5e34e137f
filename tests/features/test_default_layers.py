"""Input side, middle, last hidden and head, found in models of every build."""

import numpy as np
import pytest
import torch
import transformers
from torch import nn
from transformers import (
    AutoModelForAudioClassification,
    AutoModelForImageClassification,
    AutoModelForSequenceClassification,
)

from latentscape.features import add_default_layers, choose_layers, extract_features, trace
from latentscape.models.shells import ANSWER, AnswerOf

IDS = {"input_ids": torch.arange(2, 13)[None], "attention_mask": torch.ones(1, 11, dtype=torch.long)}
CLIP = {"input_values": torch.linspace(-1, 1, 2000)[None]}
PICTURE = {"pixel_values": torch.linspace(-1, 1, 3 * 32 * 32).reshape(1, 3, 32, 32)}
SMALL = {
    "hidden_size": 16, "num_hidden_layers": 4, "num_attention_heads": 2, "intermediate_size": 24, "num_labels": 3,
}  # fmt: skip
TEXT = {**SMALL, "vocab_size": 50, "max_position_embeddings": 40, "pad_token_id": 1, "bos_token_id": 0,
        "eos_token_id": 2}  # fmt: skip
SPEECH = {**SMALL, "conv_dim": (8, 8), "conv_stride": (5, 2), "conv_kernel": (10, 3), "num_feat_extract_layers": 2,
          "num_conv_pos_embeddings": 8, "num_conv_pos_embedding_groups": 2, "classifier_proj_size": 12}  # fmt: skip
STAGES = {"hidden_sizes": [8, 12, 16, 20], "depths": [1, 1, 2, 1], "num_labels": 3}
S, A, P = AutoModelForSequenceClassification, AutoModelForAudioClassification, AutoModelForImageClassification
FAMILIES = {
    "Bert": (S, TEXT, IDS, "bert.embeddings bert.encoder.layer.1 bert.encoder.layer.3 bert.pooler"),
    "Roberta": (S, TEXT, IDS,
                "roberta.embeddings roberta.encoder.layer.1 roberta.encoder.layer.3 classifier.out_proj#in"),
    "ModernBert": (S, {**TEXT, "cls_token_id": 2, "sep_token_id": 3}, IDS,
                   "model.embeddings model.layers.1 model.final_norm head"),
    "GPT2": (S, {"vocab_size": 50, "n_embd": 16, "n_layer": 4, "n_head": 2, "num_labels": 3, "pad_token_id": 1,
                 "bos_token_id": 0, "eos_token_id": 0}, IDS, "transformer.drop transformer.h.1 transformer.ln_f -"),
    "Llama": (S, {**TEXT, "num_key_value_heads": 2}, IDS, "model.embed_tokens model.layers.1 model.norm -"),
    "Wav2Vec2": (A, SPEECH, CLIP,
                 "wav2vec2.feature_extractor wav2vec2.encoder.layers.1 wav2vec2.encoder.layers.3 projector"),
    "Hubert": (A, {**SPEECH, "do_stable_layer_norm": True, "feat_extract_norm": "layer"}, CLIP,
               "hubert.feature_extractor hubert.encoder.layers.1 hubert.encoder.layer_norm projector"),
    "WavLM": (A, SPEECH, CLIP,
              "wavlm.feature_extractor wavlm.encoder.layers.1#0 wavlm.encoder.layers.3#0 projector"),
    "Whisper": (A, {"d_model": 16, "encoder_layers": 4, "encoder_attention_heads": 2, "encoder_ffn_dim": 24,
                    "num_mel_bins": 8, "max_source_positions": 30, "num_labels": 3, "vocab_size": 50,
                    "pad_token_id": 0, "bos_token_id": 0, "eos_token_id": 0, "decoder_start_token_id": 0},
                {"input_features": torch.linspace(-1, 1, 480).reshape(1, 8, 60)},
                "encoder.conv2 encoder.layers.1 encoder.layer_norm projector"),
    "ViT": (P, {**SMALL, "image_size": 32, "patch_size": 8}, PICTURE,
            "vit.embeddings vit.layers.1 vit.layernorm classifier#in"),
    "Swin": (P, {"image_size": 32, "patch_size": 2, "embed_dim": 8, "depths": [1, 1, 2], "num_heads": [1, 2, 2],
                 "window_size": 4, "num_labels": 3}, PICTURE,
             "swin.embeddings swin.encoder.layers.1#0 swin.layernorm -"),
    "ConvNext": (P, {**STAGES, "patch_size": 2}, PICTURE,
                 "convnext.embeddings convnext.encoder.stages.1 convnext.encoder.stages.3 convnext.layernorm"),
    "ResNet": (P, {**STAGES, "embedding_size": 8, "layer_type": "basic"}, PICTURE,
               "resnet.embedder resnet.encoder.stages.1 resnet.encoder.stages.3 -"),
}  # fmt: skip


def find(model, batch):
    shell = AnswerOf(model)
    found = add_default_layers(shell, trace(shell, batch))
    assert list(found)[-1] == "logits"
    assert found.pop("logits") == ANSWER
    return found


def expect(words):
    names = ("input", "middle", "last_hidden", "head")
    return {name: path for name, path in zip(names, words.split(), strict=True) if path != "-"}


@pytest.mark.parametrize("family", FAMILIES)
def test_families_of_hugging_face(family):
    auto, sizes, batch, paths = FAMILIES[family]
    torch.manual_seed(0)
    assert find(auto.from_config(getattr(transformers, f"{family}Config")(**sizes)), batch) == expect(paths)


def make_resnet_like():
    class Block(nn.Module):
        def __init__(self, width):
            super().__init__()
            self.conv = nn.Sequential(nn.Conv2d(width, width, 3, padding=1), nn.ReLU())

        def forward(self, values):
            return values + self.conv(values)

    layers = [nn.Sequential(Block(8), Block(8)) for _ in range(3)]
    return nn.Sequential(nn.Conv2d(3, 8, 3), *layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 3))


def make_vgg_like():
    features = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 6, 3), nn.ReLU(inplace=True), nn.MaxPool2d(2)
    )
    head = nn.Sequential(nn.Flatten(), nn.Linear(216, 10), nn.ReLU(), nn.Dropout(), nn.Linear(10, 3))
    return nn.Sequential(features, head)


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.rnn, self.head = nn.Embedding(50, 6), nn.LSTM(6, 8, batch_first=True), nn.Linear(8, 3)

    def forward(self, input_ids, attention_mask):
        return self.head(self.rnn(self.embed(input_ids))[0][:, -1])


class Transformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(50, 8)
        block = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.encoder = nn.TransformerEncoder(block, 3, norm=nn.LayerNorm(8), enable_nested_tensor=False)
        self.head = nn.Linear(8, 3)

    def forward(self, input_ids, attention_mask):
        states = self.encoder(self.embed(input_ids), src_key_padding_mask=attention_mask == 0)
        return self.head(states.mean(dim=1))


VALUES = {"input": torch.linspace(-1, 1, 6)[None]}
PIXELS = {"input": PICTURE["pixel_values"]}
PLAIN = {
    "mlp": (lambda: nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 4), nn.Tanh(),
                                  nn.Dropout(), nn.Linear(4, 3)), VALUES, "1 3 5 -"),
    "one hidden layer": (lambda: nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3)), VALUES, "- - 1 -"),
    "two hidden layers": (lambda: nn.Sequential(nn.Linear(6, 5), nn.Linear(5, 4), nn.Linear(4, 3)), VALUES, "0 - 1 -"),
    "linear": (lambda: nn.Sequential(nn.Linear(6, 3)), VALUES, "- - - 0#in"),
    "vgg": (make_vgg_like, PIXELS, "0.2 0.5 1.2 -"),
    "resnet": (make_resnet_like, PIXELS, "0 2 3 -"),
    "recurrent": (Recurrent, IDS, "embed - rnn head#in"),
    "transformer": (Transformer, IDS, "embed encoder.layers.1 encoder.norm -"),
}  # fmt: skip


@pytest.mark.parametrize("build", PLAIN)
def test_plain_models_of_any_build(build):
    make, batch, paths = PLAIN[build]
    torch.manual_seed(0)
    model = make()
    if build in {"mlp", "one hidden layer", "two hidden layers", "linear", "vgg", "resnet"}:
        batch = {"plain_inputs": tuple(batch.values())}
    assert find(model, batch) == expect(paths)


def test_what_is_found_can_be_read_and_is_what_it_is_called():
    torch.manual_seed(0)
    vit = P.from_config(transformers.ViTConfig(**SMALL, image_size=32, patch_size=8)).eval()
    shell = AnswerOf(vit)
    add_default_layers(shell, trace(shell, PICTURE))
    pictures = [torch.randn(3, 32, 32) for _ in range(3)]
    made = extract_features(
        shell, pictures, layers=choose_layers(shell, None), lengths=[1] * 3,
        collate=lambda chosen: {"pixel_values": torch.stack(chosen)},
    ).features  # fmt: skip
    with torch.no_grad():
        states = vit.vit(torch.stack(pictures)).last_hidden_state
    np.testing.assert_allclose(made["last_hidden"], states.mean(dim=1).numpy(), atol=1e-5)
    np.testing.assert_allclose(made["head"], states[:, 0].numpy(), atol=1e-5)
    assert made["logits"].shape == (3, 3)


def test_speech_of_different_lengths_is_read_as_each_clip_alone():
    torch.manual_seed(0)
    sizes = {**SPEECH, "do_stable_layer_norm": True, "feat_extract_norm": "layer"}
    hubert = A.from_config(transformers.HubertConfig(**sizes)).eval()
    shell = AnswerOf(hubert)
    clips = [torch.randn(length) for length in (2000, 1200, 1610)]

    def collate(chosen):
        padded = nn.utils.rnn.pad_sequence(chosen, batch_first=True)
        mask = torch.stack([torch.arange(padded.shape[1]) < len(clip) for clip in chosen])
        return {"input_values": padded, "attention_mask": mask.long()}

    add_default_layers(shell, trace(shell, collate(clips[:1])))
    lengths = [len(clip) for clip in clips]
    made = extract_features(shell, clips, layers=choose_layers(shell, None), lengths=lengths, collate=collate)
    assert made.padding == "padded"
    with torch.no_grad():
        for row, clip in enumerate(clips):
            alone = hubert.hubert.feature_extractor(clip[None]).mean(dim=2)[0]
            np.testing.assert_allclose(made.features["input"][row], alone.numpy(), atol=1e-4)
