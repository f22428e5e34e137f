"""Which tensors of a file are the model: the closed list of rewrites, and what is too many."""

from pathlib import Path

import pytest
import torch

from latentscape.checkpoint import Checkpoint, load_checkpoint
from latentscape.errors import ModelError
from latentscape.models.choosing import choose_weights
from latentscape.models.emotion import load_emotion_classifier

PLAIN = {"encoder.a": torch.ones(2), "encoder.b": torch.zeros(2), "head.c": torch.ones(1)}
OTHER = {name: tensor + 1 for name, tensor in PLAIN.items()}


def choose(**states):
    checkpoint = Checkpoint(path=Path("x.pt"), sha256="", states=states, metadata={})
    return choose_weights(checkpoint, roots=("encoder.", "head."), anchors=("head.c",))


def under(start, tensors=PLAIN):
    return {start + name: tensor for name, tensor in tensors.items()}


@pytest.mark.parametrize("start", ["", "module.", "_orig_mod.", "model.", "net.", "module._orig_mod.", "model.module."])
def test_prefixes_come_off_and_are_told(start):
    chosen = choose(state=under(start))
    assert (chosen.prefix, chosen.wrapper, chosen.inner, chosen.set_aside) == (start, "state", (), ())
    assert chosen.tensors == PLAIN


def test_a_prefix_of_nobodys_is_not_taken_off():
    assert choose(state=under("mine.")) is None


@pytest.mark.parametrize("word", ["_orig_mod.", "_fsdp_wrapped_module.", "module."])
def test_what_stands_in_the_middle_comes_out(word):
    chosen = choose(state={name.replace("encoder.", f"encoder.{word}"): t for name, t in PLAIN.items()})
    assert chosen.tensors == PLAIN
    assert chosen.inner == (f"encoder.{word}" if word == "module." else word,)


def test_other_parts_of_a_lightning_module_are_set_aside():
    chosen = choose(state_dict={**under("model."), "criterion.weight": torch.ones(3)})
    assert chosen.tensors == PLAIN
    assert chosen.set_aside == ("criterion.weight",)


def test_a_part_of_the_model_outside_its_prefix_is_one_too_many_not_set_aside():
    more = {f"encoder.{number}": torch.ones(1) for number in range(9)}
    strays = {"head.extra": torch.ones(3), "module.head.more": torch.ones(1)}
    chosen = choose(state={**under("module.model.", {**PLAIN, **more}), **strays})
    assert set(chosen.tensors) == {*PLAIN, *more, *strays}
    assert chosen.set_aside == ()


@pytest.mark.parametrize(
    ("states", "named"),
    [
        ({"model": PLAIN, "ema": OTHER}, ("`model`", "`ema`")),
        ({"s": {**under("model."), **under("ema_model.", OTHER)}}, ("`model.`", "`ema_model.`")),
        ({"s": {**under("model."), **under("copy.", OTHER)}}, ("`model.`", "`copy.head.c`")),
        ({"model": PLAIN, "ema": {"head.c": torch.ones(9)}}, ("`model`", "`ema`")),
        ({"model": {"encoder.a": torch.ones(1)}, "ema": PLAIN, "net": OTHER}, ("`ema`", "`net`")),
    ],
)
def test_two_sets_of_weights_are_named_and_refused(states, named):
    with pytest.raises(ModelError) as caught:
        choose(**states)
    assert caught.value.fault == "checkpoint-ambiguous"
    assert all(name in caught.value.got for name in named)


def test_the_same_weights_twice_are_one_set():
    assert choose(model=PLAIN, ema={name: tensor.clone() for name, tensor in PLAIN.items()}).wrapper == "model"


def test_something_else_beside_the_model_is_no_rival():
    assert choose(model=PLAIN, ema={"x.y": torch.ones(3)}, net={"encoder.z": torch.ones(3)}).tensors == PLAIN


def test_one_name_in_two_spellings():
    with pytest.raises(ModelError, match="twice") as caught:
        choose(state={**PLAIN, "encoder._orig_mod.a": torch.ones(2)})
    assert caught.value.fault == "checkpoint-ambiguous"


def test_a_file_with_several_sets_has_no_single_one(tmp_path):
    torch.save({"model": PLAIN, "checkpoint": {"net": OTHER}, "epoch": 3}, tmp_path / "x.pt")
    loaded = load_checkpoint(tmp_path / "x.pt")
    assert list(loaded.states) == ["model", "checkpoint.net"]
    assert loaded.metadata == {"epoch": 3}
    with pytest.raises(ModelError, match="several models") as caught:
        assert loaded.tensors
    assert caught.value.fault == "checkpoint-ambiguous"


def test_the_receipt_tells_the_mapping(make_emotion, tmp_path):
    model = make_emotion(num_domains=3)
    named = {f"model.{name}": tensor for name, tensor in model.state_dict().items() if "domain" not in name}
    saved = {**named, "criterion.weight": torch.ones(6)}
    torch.save({"state_dict": saved, "architecture": model.architecture.to_dict()}, tmp_path / "x.ckpt")
    _, receipt = load_emotion_classifier(load_checkpoint(tmp_path / "x.ckpt"), None)
    told = receipt.to_dict()
    assert (told["wrapper"], told["prefix"], told["set_aside"]) == ("state_dict", "model.", ["criterion.weight"])
    n_side = sum(name.startswith("domain_classifier.") for name in model.state_dict())
    assert told["n_tensors"] - told["n_tensors_matched"] == n_side == len(told["side_branches"])
    assert 0 < told["percent_parameters"] < 100
    assert told["allowed"] == []
