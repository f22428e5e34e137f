"""What `latentscape latents --model` makes of its options."""

import pytest

from latentscape.classifier_input import list_model_layers, read_class_names
from latentscape.errors import UsageError
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


@pytest.mark.slow
def test_the_list_of_layers_has_the_names_that_the_study_gives_them(tmp_path):
    write(tmp_path, "vit")
    names = [layer.name for layer in list_model_layers(LatentsSettings(model=str(tmp_path)))]
    assert names[:5] == ["input", "middle", "last_hidden", "head", "logits"]
    assert "vit.layernorm" in names
