"""A file's tensors under the module's present names."""

import pytest
import torch

from latentscape.checkpoint import load_checkpoint
from latentscape.errors import ModelError
from latentscape.models.classifier_weights import choose_classifier, count_outputs, find_heads, name_tensors

from .classifier_folders import build


@pytest.fixture(scope="module")
def vit():
    return build("vit")


def test_names_of_older_versions_become_the_modules_own(vit, tmp_path):
    vit.save_pretrained(tmp_path)
    saved = load_checkpoint(tmp_path / "model.safetensors").tensors
    live = vit.state_dict()
    assert set(saved) != set(live)  # this family was renamed: else the test shows nothing
    named = name_tensors(vit, saved, source="file")
    assert named.keys() == live.keys()
    assert all(torch.equal(named[name], value) for name, value in live.items())
    assert name_tensors(vit, live, source="file").keys() == live.keys()


def test_parts_that_were_one_tensor_are_cut_apart(tmp_path):
    model = build("dinov2")
    model.save_pretrained(tmp_path)
    saved = load_checkpoint(tmp_path / "model.safetensors").tensors
    named = name_tensors(model, saved, source="file")
    assert len(named) > len(saved)
    assert all(torch.equal(named[name], value) for name, value in model.state_dict().items())


def test_one_tensor_under_two_names_is_refused(vit):
    live = vit.state_dict()
    old = {"vit.encoder.layer.0.attention.attention.query.weight": live["vit.layers.0.attention.q_proj.weight"]}
    with pytest.raises(ModelError, match="twice") as raised:
        name_tensors(vit, {**live, **old}, source="file")
    assert raised.value.fault == "checkpoint-ambiguous"


def test_unknown_names_stay_for_the_receipt_to_refuse(vit):
    named = name_tensors(vit, {"vit.layers.0.attention.z_proj.weight": torch.ones(1)}, source="file")
    assert list(named) == ["vit.layers.0.attention.z_proj.weight"]


def test_heads_tell_the_classes(vit):
    assert find_heads(vit) == ["classifier.weight", "classifier.bias"]
    assert count_outputs(vit, vit.state_dict()) == 3
    assert count_outputs(vit, {}) is None


def test_two_models_in_a_file_are_refused(vit, tmp_path):
    live = vit.state_dict()
    torch.save({"model": live, "ema": {name: value + 1 for name, value in live.items()}}, tmp_path / "two.pt")
    with pytest.raises(ModelError, match="several models") as raised:
        choose_classifier(load_checkpoint(tmp_path / "two.pt"), vit)
    assert raised.value.fault == "checkpoint-ambiguous"
