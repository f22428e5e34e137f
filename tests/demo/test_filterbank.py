"""The filter bank: each band answers to its own frequency, whatever the phase."""

import numpy as np
import pytest
import torch

from latentscape.demo.filterbank import LOUDNESS, PHASES, fill_filterbank, make_filterbank
from latentscape.errors import UsageError
from latentscape.models.emotion import EmotionArchitecture, build_emotion_classifier


def loudness(filters, hz, phase=0.0):
    """Sum over each band's phases of what a rectifier lets through."""
    seconds = (np.arange(filters.shape[1]) - (filters.shape[1] - 1) / 2) / 16000
    answers = filters @ np.cos(2 * np.pi * hz * seconds + phase)
    return np.maximum(answers, 0).reshape(-1, PHASES).sum(axis=1)


def mel_centers(bands):
    edges = np.linspace(2595 * np.log10(1 + 80 / 700), 2595 * np.log10(1 + 7600 / 700), bands + 2)
    return 700 * (10 ** (edges[1:-1] / 2595) - 1)


@pytest.mark.parametrize("bands", [8, 32])
def test_a_band_answers_most_to_its_center(bands):
    filters = make_filterbank(bands, 400, sample_rate=16000)
    assert filters.shape == (4 * bands, 400)
    centers = mel_centers(bands)
    answers = np.array([loudness(filters, hz) for hz in centers])
    assert (answers.argmax(axis=1) == np.arange(bands)).all()


def test_the_four_phases_keep_loudness_at_every_phase():
    """|cos| + |sin| is between 1 and the square root of 2, so rectified halves never lose a tone."""
    filters = make_filterbank(16, 400, sample_rate=16000)
    hz = mel_centers(16)[7]
    heard = np.array([loudness(filters, hz, phase)[7] for phase in np.linspace(0, 6.28, 40)])
    assert (heard > 0.97).all()
    assert (heard < 1.45).all()


def model(**geometry):
    small = {
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 16,
        "conv_dim": [18, 6],
        "conv_kernel": [400, 3],
        "conv_stride": [160, 2],
        "feat_extract_norm": "layer",
        "conv_bias": True,
        "num_conv_pos_embeddings": 4,
        "num_conv_pos_embedding_groups": 2,
        **geometry,
    }
    torch.manual_seed(0)
    return build_emotion_classifier(EmotionArchitecture(encoder_config=small), pretrained=False)


def test_it_takes_the_place_of_the_first_convolution_with_every_band_equally_loud():
    built = model()
    before = built.encoder.feature_extractor.conv_layers[0].conv.weight[16:].clone()
    rng = np.random.default_rng(0)
    rumble = [np.cumsum(rng.normal(0, 0.01, 16000)).astype(np.float32) for _ in range(3)]
    fill_filterbank(built.encoder, rumble, sample_rate=16000)
    first = built.encoder.feature_extractor.conv_layers[0].conv
    assert torch.equal(first.weight[16:], before)
    assert not first.bias.any()
    shape = make_filterbank(4, 400, sample_rate=16000)
    ratios = first.weight[:16, 0].detach().numpy()[:, 190:210] / shape[:, 190:210]
    assert np.ptp(ratios, axis=1).max() < 1e-3 * ratios.max()
    assert ratios[0, 0] < ratios[4, 0] < ratios[8, 0] < ratios[12, 0]  # a rumble has little up there
    heard = torch.cat([first(torch.from_numpy(sound)[None, None])[0, :16] for sound in rumble], dim=1)
    assert heard.reshape(4, -1).square().mean(dim=1).sqrt().detach().numpy() == pytest.approx(LOUDNESS, rel=1e-3)


def test_the_second_convolution_starts_by_adding_up_phases():
    built = model()
    fill_filterbank(built.encoder, [np.ones(1000, dtype=np.float32)], sample_rate=16000)
    second = built.encoder.feature_extractor.conv_layers[1].conv.weight
    assert second[1, 4:8].mean() > 0.25 > second[1, 8:12].mean()


def test_silence_leaves_the_filters_as_they_are():
    built = model()
    fill_filterbank(built.encoder, [np.zeros(1000, dtype=np.float32)], sample_rate=16000)
    weight = built.encoder.feature_extractor.conv_layers[0].conv.weight[:16, 0].detach().numpy()
    assert np.allclose(weight, make_filterbank(4, 400, sample_rate=16000))


def test_a_kernel_too_short_to_hear_a_pitch_is_refused():
    with pytest.raises(UsageError, match="longer first convolution"):
        fill_filterbank(model(conv_kernel=[80, 3]).encoder, [], sample_rate=16000)
