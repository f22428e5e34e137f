"""Opening emotion checkpoints: what the file tells, what it must not be, and that no tensor is ever guessed."""

from pathlib import Path

import pytest
import torch

from latentscape.checkpoint import Checkpoint, load_checkpoint
from latentscape.errors import ModelError
from latentscape.models.emotion import EmotionArchitecture, load_emotion_classifier

# Sizes from which everything can be told without a word beside the tensors: 64-wide heads, the usual kernels.
TELLING = {"hidden_size": 128, "num_attention_heads": 2}


def write(tmp_path, tensors, **beside):
    torch.save({"model_state": dict(tensors), **beside}, tmp_path / "checkpoint.pt")
    return load_checkpoint(tmp_path / "checkpoint.pt")


def hold(tensors, **beside):
    """The same without a file."""
    path = Path("checkpoint.pt")
    return Checkpoint(path=path, sha256="", states={"model_state": tensors}, metadata=beside)


def reload(tmp_path, model, *, tell=True, declared=None, **options):
    beside = {"architecture": model.architecture.to_dict()} if tell else {}
    return load_emotion_classifier(write(tmp_path, model.state_dict(), **beside), declared, **options)


def assert_same_function(make_clips, one, other):
    clips = make_clips([4000, 2500])
    with torch.inference_mode():
        assert torch.equal(one(*clips), other(*clips))


@pytest.mark.parametrize("kind", ["hubert", "wav2vec2", "wavlm"])
@pytest.mark.parametrize("norm", ["layer", "group"])
@pytest.mark.parametrize("head", [{"mlp_layers": 1}, {"mlp_layers": 2, "extra_layers": 2}, {"num_domains": 3}])
def test_the_architecture_is_told_by_the_tensors_alone(make_emotion, make_clips, tmp_path, kind, norm, head):
    sizes = {
        **TELLING,
        "feat_extract_norm": norm,
        "do_stable_layer_norm": norm == "layer",
        "conv_bias": norm == "layer",
    }
    model = make_emotion(kind, encoder=sizes, **head)
    loaded, receipt = reload(tmp_path, model, tell=False)
    assert len(receipt.matched) == receipt.n_tensors == len(model.state_dict())
    assert_same_function(make_clips, loaded, model)
    known = "mlp_layers", "extra_layers", "num_domains", "num_classes"
    assert all(getattr(loaded.architecture, name) == getattr(model.architecture, name) for name in known)
    assert not loaded.training


def test_what_was_saved_beside_the_weights_goes_first(make_emotion, make_clips, tmp_path):
    model = make_emotion(encoder={"do_stable_layer_norm": False, "num_attention_heads": 8})
    loaded, _ = reload(tmp_path, model)
    assert_same_function(make_clips, loaded, model)


def test_declared_config_fills_what_the_file_does_not_tell(make_emotion, make_clips, tmp_path):
    odd = {"num_attention_heads": 8, "conv_kernel": [8, 5, 4], "conv_stride": [4, 3, 2], "conv_dim": [16, 16, 16]}
    model = make_emotion(encoder=odd)
    with pytest.raises(ModelError, match="attention heads"):
        reload(tmp_path, model, tell=False)
    told = {"num_attention_heads": 8, "do_stable_layer_norm": False}
    with pytest.raises(ModelError, match="strides"):
        reload(tmp_path, model, tell=False, declared=EmotionArchitecture(num_classes=6, encoder_config=told))
    told["conv_stride"] = [4, 3, 2]
    declared = EmotionArchitecture(num_classes=6, hidden_dim=999, encoder_config=told)
    loaded, _ = reload(tmp_path, model, tell=False, declared=declared)
    assert_same_function(make_clips, loaded, model)
    assert loaded.architecture.hidden_dim == 24


def test_the_encoders_own_folder_fills_it_too(make_emotion, make_clips, tmp_path):
    model = make_emotion("wav2vec2", encoder={"num_attention_heads": 8})
    model.encoder.config.save_pretrained(tmp_path / "encoder")
    declared = EmotionArchitecture(encoder_name=str(tmp_path / "encoder"), num_classes=6)
    loaded, _ = reload(tmp_path, model, tell=False, declared=declared)
    assert_same_function(make_clips, loaded, model)
    assert loaded.architecture.encoder_config["model_type"] == "wav2vec2"


def test_a_config_saved_by_somebody_elses_script(make_emotion, make_clips, tmp_path):
    model = make_emotion(encoder=TELLING)
    config = {"data": {}, "model": {"encoder_name": "hubert", "dropout": 0.1, "hidden_dim": 256, "num_classes": "8"}}
    loaded, _ = load_emotion_classifier(write(tmp_path, model.state_dict(), config=config, epoch=3), None)
    assert (loaded.architecture.dropout, loaded.architecture.hidden_dim) == (0.1, 24)


@pytest.fixture(scope="module")
def model(make_emotion):
    return make_emotion(encoder={**TELLING, "num_hidden_layers": 1, "do_stable_layer_norm": True}, extra_layers=1)


def assert_counts(model, name, *, tell):
    """Renamed, missing or reshaped: refused by name, with the nearest name or with both shapes."""
    beside = {"architecture": model.architecture.to_dict()} if tell else {}
    tensor = model.state_dict()[name]
    others = {key: value for key, value in model.state_dict().items() if key != name}
    renamed = name[:-2] + "_" + name[-2:]
    longer = torch.zeros(tensor.shape[0] + 1, *tensor.shape[1:])
    faults = {"missing": others, "renamed": {**others, renamed: tensor}, "reshaped": {**others, name: longer}}
    for fault, tensors in faults.items():
        with pytest.raises(ModelError) as caught:
            load_emotion_classifier(hold(tensors, **beside), None)
        message = str(caught.value)
        assert caught.value.exit_code == 4
        assert name in message, (fault, name, message)
        if fault == "renamed":
            assert f"{name}  (nearest on the other side: {renamed})" in message
        if fault == "reshaped" and tell:
            assert f"{list(longer.shape)} in the file" in message
            assert f"{list(tensor.shape)} in the model" in message


@pytest.mark.parametrize("tell", [True, False])
@pytest.mark.parametrize(
    "name",
    [
        "encoder.feature_extractor.conv_layers.0.conv.weight",
        "encoder.encoder.pos_conv_embed.conv.parametrizations.weight.original0",
        "encoder.encoder.layers.0.attention.q_proj.weight",
        "classifier.attn.bias",
        "classifier.mlp.3.weight",
    ],
)
def test_a_tensor_counts(model, name, tell):
    assert_counts(model, name, tell=tell)


@pytest.mark.slow
@pytest.mark.parametrize("tell", [True, False])
def test_every_single_tensor_counts(model, tell):
    for name in model.state_dict():
        assert_counts(model, name, tell=tell)


def test_side_branches_cannot_change_what_we_look_at(make_emotion, make_clips, tmp_path):
    model = make_emotion(num_domains=2)
    state = {name: tensor for name, tensor in model.state_dict().items() if not name.startswith("domain_")}
    extra = {"domain_classifier.net.0.weight": torch.ones(2, 2), "encoder.masked_spec_embed": torch.ones(32)}
    beside = {"architecture": model.architecture.to_dict()}
    loaded, receipt = load_emotion_classifier(write(tmp_path, {**state, **extra}, **beside), None)
    assert set(extra) < set(receipt.side_branch)
    assert "domain_classifier.0.weight" in receipt.side_branch
    assert not receipt.allowed
    assert_same_function(make_clips, loaded, model)


def test_a_domain_head_built_otherwise_is_left_aside(make_emotion, make_clips, tmp_path):
    model = make_emotion(encoder={**TELLING, "do_stable_layer_norm": True})
    extra = {"domain_classifier.1.weight": torch.ones(5, 2)}
    declared = EmotionArchitecture(num_classes=6, num_domains=2)
    loaded, receipt = load_emotion_classifier(write(tmp_path, {**model.state_dict(), **extra}), declared)
    assert (loaded.architecture.num_domains, receipt.side_branch) == (0, tuple(extra))
    assert_same_function(make_clips, loaded, model)


def test_an_mlp_without_a_dropout_in_between(make_emotion, make_clips, tmp_path):
    model = make_emotion()
    renamed = {name.replace("mlp.3.", "mlp.2."): tensor for name, tensor in model.state_dict().items()}
    beside = {"architecture": model.architecture.to_dict()}
    loaded, _ = load_emotion_classifier(write(tmp_path, renamed, **beside), None)
    assert_same_function(make_clips, loaded, model)


def test_allowed_gaps_are_recorded_and_filled_the_same_every_time(make_emotion, make_clips, tmp_path):
    model = make_emotion()
    state = {name: tensor for name, tensor in model.state_dict().items() if name != "classifier.attn.weight"}
    checkpoint = write(tmp_path, state, architecture=model.architecture.to_dict())
    torch.manual_seed(1)
    one, receipt = load_emotion_classifier(checkpoint, None, allow_missing=["classifier.attn.*"])
    torch.manual_seed(2)
    other, _ = load_emotion_classifier(checkpoint, None, allow_missing=["classifier.attn.*"])
    assert receipt.allowed == ("classifier.attn.weight",)
    assert_same_function(make_clips, one, other)


def test_loading_leaves_the_callers_dice_alone(make_emotion, tmp_path):
    checkpoint = write(tmp_path, make_emotion().state_dict(), architecture=make_emotion().architecture.to_dict())
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    load_emotion_classifier(checkpoint, None)
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        (["encoder.embeddings.word_embeddings.weight", "head.linear.weight"], "retriever"),
        (["embeddings.word_embeddings.weight"], "text encoder"),
        (["feature_extractor.conv_layers.0.conv.weight"], "speech encoder without"),
        (["visual.proj"], "image-and-text"),
        (["abc.def"], "abc.def"),
    ],
)
def test_the_checkpoint_of_another_model(tmp_path, names, kind):
    with pytest.raises(ModelError, match="another model") as caught:
        load_emotion_classifier(write(tmp_path, {name: torch.ones(2, 2) for name in names}), None)
    assert kind in str(caught.value)
    assert "speech-emotion classifier" in str(caught.value)


def test_contradictions_with_the_config(make_emotion, tmp_path):
    with pytest.raises(ModelError, match="number of classes") as caught:
        reload(tmp_path, make_emotion(), declared=EmotionArchitecture(num_classes=8))
    assert "6 classes in the checkpoint" in str(caught.value)
    with pytest.raises(ModelError, match="another encoder"):
        reload(
            tmp_path, make_emotion("wavlm", encoder=TELLING), tell=False, declared=EmotionArchitecture(num_classes=6)
        )


def test_an_architecture_saved_by_a_newer_version(make_emotion, tmp_path):
    model = make_emotion()
    told = {**model.architecture.to_dict(), "window": 3}
    with pytest.raises(ModelError, match="unknown setting `window`"):
        load_emotion_classifier(write(tmp_path, model.state_dict(), architecture=told), None)
