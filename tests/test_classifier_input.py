"""What `latentscape latents --model` makes of its options."""

import pytest
import torch
from torch import nn

from latentscape.classifier_input import list_model_layers, prepare_layers, read_class_names
from latentscape.errors import UsageError
from latentscape.models.shells import PLAIN, AnswerOf
from latentscape.settings import LatentsSettings

from .models.classifier_folders import write


@pytest.mark.parametrize(
    ("given", "names"),
    [
        (None, None),
        (("cat, dog,pho\u0300ng",), ("cat", "dog", "phòng")),
        (("cat", "dog, wolf", "emu"), ("cat", "dog, wolf", "emu")),
        (('cat,"dog, wolf",emu',), ("cat", "dog, wolf", "emu")),
    ],
)
def test_class_names_are_separated_by_commas(given, names):
    assert read_class_names(given, 3) == names


@pytest.mark.parametrize("given", [("cat,dog",), ("cat,dog,dog",), ("cat,,dog",), ("a,b,c,d",), ("",), ("one\ntwo,b",)])
def test_class_names_that_are_not_the_models(given):
    with pytest.raises(UsageError, match="--class-names") as caught:
        read_class_names(given, 3)
    assert caught.value.fault == "option-value"


@pytest.mark.parametrize("own", [{}, {"hidden": "0"}])
def test_one_pass_of_one_sample_tells_the_classes_and_the_layers(own):
    model = nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 5), nn.ReLU(), nn.Linear(5, 3))
    passes = []
    model.register_forward_hook(lambda *_: passes.append(1))
    shell = AnswerOf(model, layers=own)
    assert prepare_layers(shell, {PLAIN: (torch.ones(1, 4),)}) == 3
    assert len(passes) == 1
    assert "logits" in shell.layers
    assert len(shell.layers) > 1
    assert own.items() <= shell.layers.items()


@pytest.mark.slow
def test_the_list_of_layers_has_the_names_that_the_study_gives_them(tmp_path):
    write(tmp_path, "vit")
    names = [layer.name for layer in list_model_layers(LatentsSettings(model=str(tmp_path)))]
    assert names[:5] == ["input", "middle", "last_hidden", "head", "logits"]
    assert "vit.layernorm" in names
