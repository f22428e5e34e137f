"""Names and globs of layers, and devices."""

import pytest
import torch
from torch import nn

from latentscape.errors import UsageError
from latentscape.features import choose_device, choose_layers, describe_layers

from .toys import Speech


def deep():
    block = lambda: nn.Sequential(nn.Linear(2, 2), nn.ReLU())  # noqa: E731
    return nn.ModuleDict({"encoder": nn.ModuleList([block(), block()]), "head": nn.Linear(2, 2)})


def test_without_patterns_the_models_own_names():
    own = {"cnn": "act", "encoder": "states", "logits": "head"}
    assert choose_layers(Speech(), None) == choose_layers(Speech(), []) == own


def test_names_paths_and_globs_in_the_order_asked_for():
    chosen = choose_layers(Speech(), ["logits", "conv", "cnn"])
    assert list(chosen.items()) == [("logits", "head"), ("conv", "conv"), ("cnn", "act")]
    assert choose_layers(deep(), ["encoder.*.0"]) == {"encoder.0.0": "encoder.0.0", "encoder.1.0": "encoder.1.0"}
    assert list(choose_layers(deep(), ["encoder.*"])) == ["encoder.0", "encoder.1"]
    everything = ["encoder.0", "encoder.0.0", "encoder.0.1", "encoder.1", "encoder.1.0", "encoder.1.1"]
    assert list(choose_layers(deep(), ["encoder.**"])) == everything
    assert list(choose_layers(deep(), ["encoder.?.1"])) == ["encoder.0.1", "encoder.1.1"]
    assert choose_layers(Speech(), ["l*s"]) == {"logits": "head"}


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(UsageError, match="did you mean `logits`"):
        choose_layers(Speech(), ["logit"])
    with pytest.raises(UsageError, match=r"no layer is called `x\.\*\.y`"):
        choose_layers(Speech(), ["x.*.y"])
    with pytest.raises(UsageError, match="did you mean `head`"):
        choose_layers(deep(), ["haed"])


def test_a_model_without_names_asks_for_patterns():
    with pytest.raises(UsageError, match="--layers"):
        choose_layers(deep(), None)


def test_the_list_has_own_names_first_and_no_mere_containers():
    listed = describe_layers(Speech())
    assert listed[:4] == [
        ("cnn", "ReLU at act"),
        ("encoder", "Linear at states"),
        ("logits", "Linear at head"),
        ("conv", "Conv1d"),
    ]
    assert ("encoder", "ModuleList") not in describe_layers(deep())
    assert [name for name, _ in describe_layers(deep())] == list(choose_layers(deep(), ["**"]))


def test_a_compiled_model_has_the_paths_of_the_plain_one():
    compiled = torch.compile(Speech(), backend="eager")
    assert choose_layers(compiled, ["conv"]) == {"conv": "conv"}
    assert describe_layers(compiled) == describe_layers(Speech())


def test_devices(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert choose_device("auto") == choose_device("cpu") == "cpu"
    with pytest.raises(UsageError, match="no `cuda`"):
        choose_device("cuda")
    with pytest.raises(UsageError, match="did you mean `cuda`"):
        choose_device("cuda0")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert choose_device("auto") == choose_device("mps") == "mps"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_device("auto") == choose_device("cuda") == "cuda"
