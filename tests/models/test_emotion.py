"""The emotion model: what it computes, what padding cannot do to it, and where its layers can be looked at."""

import json
import time

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from latentscape.errors import DataError, ModelError, UsageError
from latentscape.models.emotion import EmotionArchitecture, build_emotion_classifier
from latentscape.models.heads import AttentionPooling

KINDS = ["hubert", "wav2vec2", "wavlm"]
LENGTHS = [9000, 4000, 6789, 400]


def watch(model, waveforms, lengths, paths):
    """The outputs of modules, and how often each was called."""
    seen = {name: [] for name in paths}
    handles = [
        model.get_submodule(path).register_forward_hook(lambda _m, _i, out, name=name: seen[name].append(out))
        for name, path in paths.items()
    ]
    with torch.inference_mode():
        logits = model(waveforms, lengths)
    for handle in handles:
        handle.remove()
    return logits, seen


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("stable", [False, True])
@pytest.mark.parametrize("extra", [0, 2])
def test_padding_changes_nothing(make_emotion, make_clips, kind, stable, extra):
    model = make_emotion(kind, encoder={"do_stable_layer_norm": stable}, extra_layers=extra)
    waveforms, lengths = make_clips(LENGTHS)
    together, seen = watch(model, waveforms, lengths, model.layers)
    frames = model.valid_frames(lengths).tolist()
    for i, (length, valid) in enumerate(zip(LENGTHS, frames, strict=True)):
        alone, parts = watch(model, waveforms[i : i + 1, :length], lengths[i : i + 1], model.layers)
        torch.testing.assert_close(together[i : i + 1], alone, rtol=1e-5, atol=1e-5)
        padded, single = seen["encoder"][0], parts["encoder"][0]
        torch.testing.assert_close(padded[i : i + 1, :valid], single, rtol=1e-5, atol=1e-5)
        padded, single = seen["cnn"][0], parts["cnn"][0]
        torch.testing.assert_close(padded[i : i + 1, :, :valid], single, rtol=1e-5, atol=1e-5)
        for name in ("mlp", "logits"):
            torch.testing.assert_close(seen[name][0][i : i + 1], parts[name][0], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_after_the_end_of_the_audio_has_no_say(make_emotion, make_clips, kind):
    model = make_emotion(kind, extra_layers=1)
    waveforms, lengths = make_clips(LENGTHS)
    noisy = torch.where(torch.arange(waveforms.shape[1]) < lengths[:, None], waveforms, 3.0)
    with torch.inference_mode():
        torch.testing.assert_close(model(noisy, lengths), model(waveforms, lengths), rtol=1e-5, atol=1e-5)


def test_group_norm_over_time_is_known_not_to_be_pad_safe(make_emotion, make_clips):
    model = make_emotion(encoder={"feat_extract_norm": "group"})
    waveforms, lengths = make_clips([9000, 4000])
    with torch.inference_mode():
        together, alone = model(waveforms, lengths)[1:], model(waveforms[1:, :4000], lengths[1:])
    assert (together - alone).abs().max() > 1e-3


@pytest.mark.parametrize("kind", KINDS)
def test_the_positional_convolution_sees_zeros_after_the_end(make_emotion, make_clips, kind):
    model = make_emotion(kind)
    waveforms, lengths = make_clips(LENGTHS)
    inputs = []
    hook = lambda _module, arguments: inputs.append(arguments[0].clone())  # noqa: E731
    model.encoder.encoder.pos_conv_embed.register_forward_pre_hook(hook)
    with torch.inference_mode():
        model(waveforms, lengths)
    for row, valid in zip(inputs[0], model.valid_frames(lengths).tolist(), strict=True):
        assert not row[valid:].any()
        assert row[:valid].any(dim=1).all()


@pytest.mark.parametrize("kernels", [([10, 3, 3, 3, 3, 2, 2], [5, 2, 2, 2, 2, 2, 2]), ([8, 5, 4], [4, 3, 2])])
def test_valid_frames_are_the_frames_measured(make_emotion, kernels):
    kernel, stride = kernels
    sizes = {"conv_kernel": kernel, "conv_stride": stride, "conv_dim": [16] * len(kernel)}
    model = make_emotion(encoder=sizes)
    shortest = model.min_samples
    for length in [shortest, shortest + 1, *range(shortest, 3 * shortest, 37)]:
        with torch.inference_mode():
            measured = model.encoder.feature_extractor(torch.zeros(1, length)).shape[-1]
        assert model.valid_frames(torch.tensor([length])).tolist() == [measured]
    assert model.valid_frames(torch.tensor([shortest - 1, 0, 1])).tolist() == [0, 0, 0]


def test_the_usual_encoder_needs_25_ms_and_gives_49_frames_a_second(make_emotion):
    model = make_emotion()
    assert model.min_samples == 400
    assert model.valid_frames(torch.tensor([400, 719, 720, 16000])).tolist() == [1, 1, 2, 49]


@pytest.mark.parametrize("mlp_layers", [1, 2])
def test_layers_by_public_name(make_emotion, make_clips, mlp_layers):
    model = make_emotion(mlp_layers=mlp_layers, extra_layers=1)
    waveforms, lengths = make_clips([4000, 3000])
    logits, seen = watch(model, waveforms, lengths, model.layers)
    shapes = {name: tuple(outputs[0].shape) for name, outputs in seen.items()}
    mlp = 24 if mlp_layers == 2 else 32
    assert shapes == {"cnn": (2, 16, 12), "encoder": (2, 12, 32), "mlp": (2, mlp), "logits": (2, 6)}
    assert {name: len(outputs) for name, outputs in seen.items()} == dict.fromkeys(shapes, 1)
    assert torch.equal(seen["logits"][0], logits)
    assert {name: shapes[name][axis] for name, axis in model.frame_axes.items()} == {"cnn": 12, "encoder": 12}


def test_encoder_is_the_last_hidden_state_and_mlp_the_rectified_activation(make_emotion, make_clips):
    model = make_emotion()
    waveforms, lengths = make_clips([4000])
    logits, seen = watch(model, waveforms, lengths, {**model.layers, "whole": "encoder", "pooled": "classifier.attn"})
    assert torch.equal(seen["encoder"][0], seen["whole"][0].last_hidden_state)
    first, last = model.classifier.mlp[0].requires_grad_(False), model.classifier.mlp[3].requires_grad_(False)
    hidden = (seen["pooled"][0] @ first.weight.T + first.bias).clamp(min=0)
    torch.testing.assert_close(seen["mlp"][0], hidden)
    torch.testing.assert_close(logits, hidden @ last.weight.T + last.bias)


def test_hooks_fire_inside_the_extra_layers(make_emotion, make_clips):
    """torch's fused inference path would skip them."""
    model = make_emotion(extra_layers=3)
    parts = ["", ".self_attn", ".linear1", ".linear2", ".norm1", ".norm2"]
    paths = {f"{i}{part}": f"extra_encoder.layers.{i}{part}" for i in range(3) for part in parts}
    _, seen = watch(model, *make_clips([4000, 900]), paths)
    assert {name: len(outputs) for name, outputs in seen.items()} == dict.fromkeys(paths, 1)


def test_attention_pooling_by_hand():
    pooling = AttentionPooling(2)
    with torch.no_grad():
        pooling.weight.copy_(torch.tensor([[np.log(3.0), 0.0]]))
        pooling.bias.fill_(5.0)
    states = torch.tensor([[[1.0, 0.0], [0.0, 4.0], [99.0, 99.0]]])
    # Scores log 3 and 0 -> weights 3/4 and 1/4; the third frame is padding.
    pooled = pooling(states, torch.tensor([[True, True, False]]))
    torch.testing.assert_close(pooled, torch.tensor([[0.75, 1.0]]))


def test_one_channel_waveforms_are_the_same_as_flat_ones(make_emotion, make_clips, digest):
    model = make_emotion()
    waveforms, lengths = make_clips([4000, 900])
    with torch.inference_mode():
        assert digest(model(waveforms[:, None], lengths)) == digest(model(waveforms, lengths))


@pytest.mark.parametrize("bad", ["short", "long", "stereo"])
def test_clips_that_cannot_be_read(make_emotion, bad):
    model = make_emotion()
    waveforms = torch.zeros(1, 2, 4000) if bad == "stereo" else torch.zeros(1, 4000)
    lengths = torch.tensor([{"short": 399, "long": 4001, "stereo": 4000}[bad]])
    with pytest.raises(DataError):
        model(waveforms, lengths)


DOMAINS = torch.tensor([0, 1])


def gradients(model, domain_logits):
    model.zero_grad()
    torch.nn.functional.cross_entropy(domain_logits, DOMAINS).backward()
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("strength", [1.0, 2.5])
def test_the_domain_head_learns_and_the_encoder_unlearns(make_emotion, make_clips, strength):
    model = make_emotion(num_domains=2, grl_lambda=strength)
    clips = make_clips([4000, 3000])
    pooled = []
    handle = model.classifier.attn.register_forward_hook(lambda _m, _i, out: pooled.append(out))
    model(*clips)
    handle.remove()
    plain = gradients(model, model.domain_classifier(pooled[0]))
    reverse = gradients(model, model.classify(*clips)[1])
    assert set(plain) == set(reverse)
    for name, gradient in plain.items():
        factor = 1.0 if name.startswith("domain_classifier.") else -strength
        torch.testing.assert_close(reverse[name], factor * gradient)
    assert plain["encoder.encoder.layers.0.attention.q_proj.weight"].abs().max() > 0


@pytest.mark.parametrize("settings", [{"num_domains": 0}, {"num_domains": 1}, {"num_domains": 2, "grl_lambda": 0.0}])
def test_no_domain_head_where_there_is_nothing_to_unlearn(make_emotion, make_clips, settings):
    model = make_emotion(**settings)
    assert model.classify(*make_clips([4000]))[1] is None
    assert not [name for name in model.state_dict() if name.startswith("domain_classifier")]


def test_training_and_looking_agree(make_emotion, make_clips):
    model = make_emotion(num_domains=2, dropout=0.0)
    clips = make_clips([4000, 3000])
    with torch.inference_mode():
        torch.testing.assert_close(model(*clips), model.classify(*clips)[0])


@pytest.mark.parametrize(("last", "trainable"), [(0, set()), (1, {"1"}), (2, {"0", "1"}), (5, {"0", "1"})])
def test_freezing(make_emotion, make_clips, last, trainable):
    model = make_emotion(freeze_encoder=True, unfreeze_last_n_layers=last)
    free = {name for name, p in model.named_parameters() if p.requires_grad and name.startswith("encoder.")}
    assert {name.split(".")[3] for name in free} == trainable
    assert all(name.startswith("encoder.encoder.layers.") for name in free)
    assert all(p.requires_grad for p in model.classifier.parameters())
    model.train()
    model(*make_clips([4000, 3000])).sum().backward()
    learned = {name for name, p in model.named_parameters() if p.grad is not None}
    assert {name for name in learned if name.startswith("encoder.")} == free


def test_nothing_is_frozen_unless_asked(make_emotion):
    assert all(p.requires_grad for p in make_emotion(unfreeze_last_n_layers=1).parameters())


def test_training_steps_are_possible(make_emotion, make_clips):
    model = make_emotion(num_domains=2, extra_layers=1).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    clips, labels = make_clips([4000, 3000]), torch.tensor([0, 5])
    losses = []
    for _ in range(12):
        torch.manual_seed(0)
        loss = torch.nn.functional.cross_entropy(model.classify(*clips)[0], labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


def test_an_architecture_is_plain_values_and_comes_back(make_emotion):
    built = make_emotion(extra_layers=1, num_domains=2).architecture
    again = EmotionArchitecture.from_dict(json.loads(json.dumps(built.to_dict())))
    assert again == built
    assert built.encoder_config["model_type"] == "hubert"
    assert built.encoder_config["conv_stride"] == [5, 2, 2, 2, 2, 2, 2]


@pytest.mark.parametrize(
    "settings",
    [{"mlp_layers": 3}, {"extra_layers": 4}, {"dropout": 1.0}, {"num_classes": 0}, {"grl_lambda": -1.0}],
)
def test_architectures_that_cannot_be(settings):
    with pytest.raises(UsageError, match=next(iter(settings))):
        EmotionArchitecture(**settings)


def test_unknown_names_get_the_nearest_known():
    with pytest.raises(ModelError, match="did you mean `hidden_dim`"):
        EmotionArchitecture.from_dict({"hiden_dim": 3})
    with pytest.raises(UsageError, match="did you mean `hidden_size`"):
        build_emotion_classifier(EmotionArchitecture(encoder_config={"hiden_size": 3}), pretrained=False)
    with pytest.raises(UsageError, match="does not hold together"):
        build_emotion_classifier(EmotionArchitecture(encoder_config={"conv_dim": [4]}), pretrained=False)
    with pytest.raises(UsageError, match="does not hold together"):
        sizes = {"hidden_size": 30, "num_attention_heads": 4}
        build_emotion_classifier(EmotionArchitecture(encoder_config=sizes), pretrained=False)


# -- pretrained encoders from a folder -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def encoder_folder(make_emotion, tmp_path_factory):
    folder = tmp_path_factory.mktemp("speech-encoder")
    make_emotion("wav2vec2", seed=4).encoder.save_pretrained(folder)
    return folder


def test_a_local_folder_gives_its_config_and_its_weights(make_emotion, encoder_folder):
    architecture = EmotionArchitecture(encoder_name=str(encoder_folder))
    model = build_emotion_classifier(architecture, pretrained=True)
    expected = make_emotion("wav2vec2", seed=4).encoder.state_dict()
    assert all(torch.equal(model.encoder.state_dict()[name], tensor) for name, tensor in expected.items())
    fresh = build_emotion_classifier(architecture, pretrained=False)
    assert fresh.architecture.encoder_config == model.architecture.encoder_config
    assert not torch.equal(
        fresh.encoder.feature_projection.projection.weight, expected["feature_projection.projection.weight"]
    )


def test_published_files_with_a_head_and_old_names_load_too(encoder_folder, tmp_path):
    old = {}
    for name, tensor in load_file(encoder_folder / "model.safetensors").items():
        name = name.replace("parametrizations.weight.original0", "weight_g")
        old["wav2vec2." + name.replace("parametrizations.weight.original1", "weight_v")] = tensor
    save_file(
        {**old, "lm_head.weight": torch.ones(3, 3), "wav2vec2.masked_spec_embed": torch.ones(32)},
        tmp_path / "model.safetensors",
    )
    (tmp_path / "config.json").write_text((encoder_folder / "config.json").read_text())
    model = build_emotion_classifier(EmotionArchitecture(encoder_name=str(tmp_path)), pretrained=True)
    expected = load_file(encoder_folder / "model.safetensors")
    assert all(torch.equal(model.encoder.state_dict()[name], tensor) for name, tensor in expected.items())


def test_a_gap_in_pretrained_weights_is_not_filled_with_chance(encoder_folder, tmp_path):
    tensors = load_file(encoder_folder / "model.safetensors")
    del tensors["encoder.layers.1.attention.k_proj.bias"]
    save_file(tensors, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text((encoder_folder / "config.json").read_text())
    with pytest.raises(ModelError, match=r"encoder\.layers\.1\.attention\.k_proj\.bias"):
        build_emotion_classifier(EmotionArchitecture(encoder_name=str(tmp_path)), pretrained=True)


@pytest.mark.parametrize("name", ["hubert", "nobody/has-this-encoder", "./no/such/folder"])
def test_an_encoder_that_cannot_be_had_is_said_at_once(name, monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.snapshot_download", unreachable)
    start = time.monotonic()
    with pytest.raises(ModelError) as caught:
        build_emotion_classifier(EmotionArchitecture(encoder_name=name), pretrained=True)
    assert time.monotonic() - start < 5
    assert "model.encoder_name" in str(caught.value)
    assert name in str(caught.value)


def unreachable(*_arguments, **_options):
    raise OSError("no network")


def test_a_folder_of_another_kind_of_model(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(ModelError, match="not a speech encoder"):
        build_emotion_classifier(EmotionArchitecture(encoder_name=str(tmp_path)), pretrained=False)
