"""Two namings of one encoder: the same bytes in, the same bytes out."""

import re

import pytest
import torch

from latentscape.checkpoint import load_checkpoint
from latentscape.errors import ModelError
from latentscape.models.emotion import load_emotion_classifier, rename_torchaudio


def to_torchaudio(tensors, *, weight_norm="old"):
    """Written from torchaudio's own module tree, not from our renaming."""
    renamed = {}
    for name, tensor in tensors.items():
        name = re.sub(r"^encoder\.encoder\.", "encoder.encoder.transformer.", name)
        name = re.sub(r"^encoder\.feature_projection\.", "encoder.encoder.feature_projection.", name)
        if weight_norm == "old":
            name = name.replace("parametrizations.weight.original0", "weight_g")
            name = name.replace("parametrizations.weight.original1", "weight_v")
        renamed[name] = tensor
    return renamed


def pack_attention(tensors):
    """torchaudio's WavLM: torch's own attention module, with query, key and value in one block."""
    packed = {name: t for name, t in tensors.items() if not re.search(r"attention\.[qkv]_proj\.", name)}
    packed = {re.sub(r"attention\.out_proj\.", "attention.attention.out_proj.", name): t for name, t in packed.items()}
    for name in [name for name in tensors if "attention.q_proj." in name]:
        parts = [tensors[name.replace("q_proj", f"{part}_proj")] for part in "qkv"]
        packed[name.replace("attention.q_proj.", "attention.attention.in_proj_")] = torch.cat(parts)
    return packed


def outputs(tensors, tmp_path, make_clips, metadata):
    torch.save({"model_state": tensors, **metadata}, tmp_path / "checkpoint.pt")
    model, receipt = load_emotion_classifier(load_checkpoint(tmp_path / "checkpoint.pt"), None)
    assert len(receipt.matched) == receipt.n_tensors
    seen = []
    for path in model.layers.values():
        model.get_submodule(path).register_forward_hook(lambda _m, _i, out: seen.append(out))
    with torch.inference_mode():
        return [model(*make_clips([4000, 2500])), *seen]


@pytest.mark.parametrize("kind", ["hubert", "wav2vec2", "wavlm"])
@pytest.mark.parametrize("weight_norm", ["old", "parametrizations"])
@pytest.mark.parametrize("stable", [False, True])
def test_a_checkpoint_in_torchaudio_naming_gives_the_same_bytes(
    make_emotion, make_clips, digest, tmp_path, kind, weight_norm, stable
):
    model = make_emotion(kind, encoder={"do_stable_layer_norm": stable}, extra_layers=1, num_domains=2)
    metadata = {"architecture": model.architecture.to_dict()}
    theirs = to_torchaudio(model.state_dict(), weight_norm=weight_norm)
    if kind == "wavlm":
        theirs = pack_attention(theirs)
    assert set(theirs) != set(model.state_dict())
    plain = outputs(model.state_dict(), tmp_path, make_clips, metadata)
    assert digest(*outputs(theirs, tmp_path, make_clips, metadata)) == digest(*plain)
    with torch.inference_mode():
        assert digest(model(*make_clips([4000, 2500]))) == digest(plain[0])


def test_names_of_the_table_one_by_one():
    table = {
        "encoder.feature_extractor.conv_layers.0.conv.weight": "encoder.feature_extractor.conv_layers.0.conv.weight",
        "encoder.encoder.feature_projection.layer_norm.bias": "encoder.feature_projection.layer_norm.bias",
        "encoder.encoder.feature_projection.projection.weight": "encoder.feature_projection.projection.weight",
        "encoder.encoder.transformer.pos_conv_embed.conv.weight_g": (
            "encoder.encoder.pos_conv_embed.conv.parametrizations.weight.original0"
        ),
        "encoder.encoder.transformer.pos_conv_embed.conv.weight_v": (
            "encoder.encoder.pos_conv_embed.conv.parametrizations.weight.original1"
        ),
        "encoder.encoder.transformer.pos_conv_embed.conv.bias": "encoder.encoder.pos_conv_embed.conv.bias",
        "encoder.encoder.transformer.layer_norm.weight": "encoder.encoder.layer_norm.weight",
        "encoder.encoder.transformer.layers.3.attention.k_proj.bias": "encoder.encoder.layers.3.attention.k_proj.bias",
        "encoder.encoder.transformer.layers.3.feed_forward.output_dense.bias": (
            "encoder.encoder.layers.3.feed_forward.output_dense.bias"
        ),
        "classifier.attn.weight": "classifier.attn.weight",
        "encoder.masked_spec_embed": "encoder.masked_spec_embed",
    }
    one = torch.ones(1)
    assert list(rename_torchaudio(dict.fromkeys(table, one))) == list(table.values())
    assert list(rename_torchaudio(dict.fromkeys(table.values(), one))) == list(table.values())


def test_one_tensor_under_both_names_is_refused():
    both = {
        "encoder.encoder.transformer.layer_norm.weight": torch.ones(1),
        "encoder.encoder.layer_norm.weight": torch.ones(1),
    }
    with pytest.raises(ModelError, match="two namings"):
        rename_torchaudio(both)
