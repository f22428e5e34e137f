"""The real speech architecture, tiny and untrained: padded and alone must agree, or padding must be found out."""

import numpy as np
import pytest
import torch

from latentscape.features import choose_layers, collate_waveforms, extract_features
from latentscape.models.emotion import EmotionArchitecture, build_emotion_classifier

from .toys import Recorder, clips

LENGTHS = [2400, 900, 1500, 3100, 900, 1210]
TINY = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "conv_dim": (12, 12, 12),
    "conv_kernel": (10, 3, 3),
    "conv_stride": (5, 2, 2),
    "num_conv_pos_embeddings": 4,
    "num_conv_pos_embedding_groups": 2,
}


def build(kind, norm, **settings):
    torch.manual_seed(0)
    config = TINY | {"feat_extract_norm": norm, "do_stable_layer_norm": norm == "layer"}
    architecture = EmotionArchitecture(encoder_name=kind, encoder_config=config, hidden_dim=10, **settings)
    return build_emotion_classifier(architecture, pretrained=False)


def read(model, batch_size, **options):
    return extract_features(
        model,
        clips(LENGTHS),
        layers=choose_layers(model, None),
        collate=collate_waveforms,
        lengths=LENGTHS,
        batch_size=batch_size,
        **options,
    )


@pytest.mark.parametrize("kind", ["hubert", "wav2vec2", "wavlm"])
def test_padded_and_alone_agree_on_a_pad_safe_encoder(kind):
    model = build(kind, "layer", extra_layers=1)
    padded, alone = read(model, 3), read(model, 1)
    assert (padded.padding, padded.n_batches) == ("padded", 2)
    assert 0 < padded.pad_difference < 1e-5
    assert padded.features["cnn"].shape == (6, 12)
    assert padded.features["encoder"].shape == (6, 16)
    assert padded.features["mlp"].shape == (6, 10)
    assert padded.features["logits"].shape == (6, 8)
    for name, values in alone.features.items():
        np.testing.assert_allclose(padded.features[name], values, atol=1e-5 * np.abs(values).max())


def test_logits_are_what_the_model_itself_answers():
    model = build("hubert", "layer")
    made = read(model, 3)
    with torch.no_grad():
        for row, clip in enumerate(clips(LENGTHS)):
            expected = model(**collate_waveforms([clip]))[0].numpy()
            np.testing.assert_allclose(made.features["logits"][row], expected, atol=1e-5)


def test_group_norm_over_time_is_found_out_and_then_nothing_is_padded():
    recorder = Recorder()
    model = build("hubert", "group")
    made, alone = read(model, 6, progress=recorder), read(model, 1)
    assert made.padding == "equal lengths"
    assert made.pad_difference > 1e-3
    assert made.n_batches == len(set(LENGTHS))
    assert len(recorder.said) == 1
    for name, values in alone.features.items():
        np.testing.assert_allclose(made.features[name], values, atol=1e-5 * np.abs(values).max())


def test_a_one_layer_mlp_and_layers_by_path():
    model = build("hubert", "layer", mlp_layers=1)
    made = read(model, 3)
    assert made.features["mlp"].shape == (6, 16)
    paths = choose_layers(model, ["encoder.encoder.layers.*", "encoder.feature_extractor.conv_layers.2"])
    assert len(paths) == 3
    inner = extract_features(
        model, clips(LENGTHS), layers=paths, collate=collate_waveforms, lengths=LENGTHS, batch_size=3
    )
    np.testing.assert_array_equal(inner.features["encoder.feature_extractor.conv_layers.2"], made.features["cnn"])
    assert inner.features["encoder.encoder.layers.1"].shape == (6, 16)
