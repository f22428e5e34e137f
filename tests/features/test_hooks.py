"""What a layer may answer, which of several tensors is meant, and every way in which a hook may not be called."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import nn
from transformers.modeling_outputs import BaseModelOutput

from latentscape.errors import LatentscapeError, ModelError, UsageError
from latentscape.features import choose_layers, describe_layers, extract_features
from latentscape.features.names import suggest

from .toys import Answering, Speech, clips, collate_values

ROWS = [np.array([i, 2 * i, -i], dtype=np.float32) for i in range(5)]


def read(model, layers, rows=ROWS, **options):
    options = {"collate": collate_values, "lengths": [1] * len(rows), "batch_size": 2} | options
    return extract_features(model, rows, layers=layers, **options)


class Pair(NamedTuple):
    first: torch.Tensor
    second: torch.Tensor


@dataclass
class Record:
    scores: torch.Tensor
    states: torch.Tensor


ANSWERS = {
    "tuple": (lambda x: (x, x * 2), "#1"),
    "list": (lambda x: [x, x * 2], "#1"),
    "list of one": (lambda x: [x * 2], "#0"),
    "dict": (lambda x: {"scores": x, "states": x * 2}, "#states"),
    "dict with numbers": (lambda x: {0: x, 1: x * 2}, "#1"),
    "named tuple by name": (lambda x: Pair(x, x * 2), "#second"),
    "named tuple by place": (lambda x: Pair(x, x * 2), "#1"),
    "dataclass": (lambda x: Record(x, x * 2), "#states"),
    "model output": (lambda x: BaseModelOutput(last_hidden_state=x, hidden_states=(x, x * 2)), "#hidden_states#1"),
    "nested": (lambda x: (x, ({"a": [x, x * 2]},)), "#1#0#a#1"),
}


@pytest.mark.parametrize("kind", ANSWERS)
def test_one_of_several_tensors_is_chosen_by_index_or_name(kind):
    make, choice = ANSWERS[kind]
    model = Answering(make)
    layers = choose_layers(model, [f"odd{choice}"])
    assert layers == {f"odd{choice}": f"odd{choice}"}
    np.testing.assert_array_equal(read(model, layers).features[f"odd{choice}"], np.array(ROWS) * 2)


@pytest.mark.parametrize("kind", [kind for kind in ANSWERS if kind != "model output"])
def test_without_a_choice_it_is_refused_and_the_choices_are_named(kind):
    make, choice = ANSWERS[kind]
    with pytest.raises(ModelError) as caught:
        read(Answering(make if kind != "nested" else lambda x: ([x], make(x)[1])), {"odd": "odd"})
    assert caught.value.fault == "layer-answer"
    right = choice if kind != "named tuple by place" else "#second"
    assert f"`odd{right}`" in caught.value.hint


@pytest.mark.parametrize("choice", ["#2", "#-1", "#x", "#0#0", "#", "#__class__", "#first#shape", "#count"])
def test_a_choice_that_is_not_there_is_refused(choice):
    with pytest.raises(ModelError) as caught:
        read(Answering(lambda x: Pair(x, x)), {"mine": f"odd{choice}"})
    assert caught.value.fault == "layer-answer"
    assert "`mine`" in str(caught.value)


def test_two_tensors_of_one_module_are_two_layers():
    made = read(Answering(lambda x: (x, x * 2)), {"a": "odd#0", "b": "odd#1"})
    np.testing.assert_array_equal(made.features["a"] * 2, made.features["b"])


def test_choices_behind_names_and_globs():
    model = Speech()
    assert choose_layers(model, ["encoder#1", "sta*#0#x"]) == {"encoder#1": "states#1", "states#0#x": "states#0#x"}
    odd = nn.ModuleDict({"a#b": nn.Linear(2, 2)})
    assert choose_layers(odd, ["a#b"]) == {"a#b": "a#b"}
    with pytest.raises(UsageError, match="no layer is called `encodr`"):
        choose_layers(model, ["encodr#1"])


REFUSED = {
    "None": lambda x: None,
    "int": lambda x: 3,
    "scalar": lambda x: x.mean(),
    "whole numbers": lambda x: x.to(torch.int8),
    "flags": lambda x: x > 0,
    "complex": lambda x: x.to(torch.complex64),
    "ragged list": lambda x: [row[: place + 1] for place, row in enumerate(x)],
    "nested tensor": lambda x: torch.nested.as_nested_tensor(list(x)),
    "sparse": lambda x: x.to_sparse(),
    "meta": lambda x: x.to("meta"),
    "text": lambda x: "features",
    "frames first": lambda x: torch.stack([x, x], dim=0),
    "features first": lambda x: x.T,
    "one frame, frames first": lambda x: x[None],
    "samples run together": lambda x: x.reshape(1, -1),
    "no features": lambda x: x[:, :0],
}


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
@pytest.mark.parametrize("kind", REFUSED)
def test_refused_answers_have_an_id_and_a_next_step(kind):
    with pytest.raises(ModelError) as caught:
        read(Answering(REFUSED[kind]), {"odd": "odd"})
    assert caught.value.fault == "layer-answer"
    assert "odd" in caught.value.what
    assert caught.value.hint


def test_an_answer_that_holds_itself_is_described_and_refused():
    def endless(x):
        held = [x]
        held.append(held)
        return {"a": held, **{str(place): x.long() for place in range(99)}}

    with pytest.raises(ModelError) as caught:
        read(Answering(endless), {"odd": "odd"})
    assert len(str(caught.value)) < 2000


# --- numbers of other types ---


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64", "float8_e4m3fn", "float8_e5m2"])
def test_the_type_in_the_model_is_told(dtype):
    made = read(Answering(lambda x: x.to(getattr(torch, dtype))), {"odd": "odd"})
    assert made.dtypes == {"odd": dtype}
    np.testing.assert_array_equal(made.features["odd"], ROWS)


def test_what_float16_cannot_hold_is_counted_and_named():
    rows = [np.full(3, value) for value in (1.0, 70000.0, 65504.0, -70000.0)]
    made = read(Answering(lambda x: x.half()), {"odd": "odd"}, rows)
    reason = "layer `odd` gives values that are not finite (float16 ends at 65504)"
    assert made.failed == ((1, reason), (3, reason))
    assert len(made.kept) + len(made.failed) == 4
    assert made.features["odd"].tolist() == [[1, 1, 1], [65504, 65504, 65504]]


def test_a_mean_over_frames_of_float16_is_taken_in_doubles():
    def frames(x):
        return torch.full((len(x), 4000, 2), 60000.0).half()

    made = read(Answering(frames), {"odd": "odd"})
    assert made.failed == ()
    np.testing.assert_allclose(made.features["odd"], 60000, rtol=1e-3)


# --- a sample's company ---


class Mixing(nn.Module):
    def __init__(self, norm):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.norm = nn.Conv1d(1, 4, 3), norm

    def forward(self, waveforms, lengths):
        return self.norm(self.first(waveforms[:, None]))


@pytest.mark.parametrize("lengths", [[20] * 6, [20, 20, 31, 31, 44, 44]])
def test_a_batch_norm_without_statistics_is_refused_by_name_where_it_is_used(lengths):
    from latentscape.features import collate_waveforms

    model = Mixing(nn.BatchNorm1d(4, track_running_stats=False))
    options = {"collate": collate_waveforms, "lengths": lengths}
    with pytest.raises(ModelError, match="`norm` normalizes over the batch") as caught:
        read(model, {"norm": "norm"}, clips(lengths), **options)
    assert caught.value.fault == "answers-vary"
    model.forward = lambda waveforms, lengths: model.first(waveforms[:, None])
    assert len(read(model, {"first": "first"}, clips(lengths), **options).kept) == 6
    assert not model.norm._forward_pre_hooks


class Centered(nn.Module):
    def forward(self, x):
        return x - x.mean(dim=0)


@pytest.mark.parametrize("lengths", [[20] * 6, [20, 20, 31, 31, 44, 44]])
def test_answers_that_depend_on_the_rest_of_the_batch_are_refused(lengths):
    from latentscape.features import collate_waveforms

    options = {"collate": collate_waveforms, "lengths": lengths}
    with pytest.raises(ModelError, match="what else is in its batch") as caught:
        read(Mixing(Centered()), {"norm": "norm"}, clips(lengths), **options)
    assert caught.value.fault == "answers-vary"
    made = read(Mixing(nn.BatchNorm1d(4)), {"norm": "norm"}, clips(lengths), **options)
    assert len(made.kept) == 6


def test_samples_in_another_order_than_they_came_are_noticed():
    with pytest.raises(ModelError, match="what else is in its batch"):
        read(Answering(lambda x: x.flip(0)), {"odd": "odd"})


# --- compiled models ---


class Stack(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.part = nn.Sequential(nn.Linear(3, 4), nn.ReLU())
        self.head = nn.Linear(4, 2)

    def forward(self, values):
        return self.head(self.part(values))


def compile_whole(model):
    return torch.compile(model, backend="eager")


def compile_child(model):
    model.part = torch.compile(model.part, backend="eager")
    return model


def compile_grandchild(model):
    model.part[0] = torch.compile(model.part[0], backend="eager")
    return model


def compile_in_place(model):
    model.compile(backend="eager")
    return model


def compile_child_in_place(model):
    model.part.compile(backend="eager")
    return model


@pytest.mark.parametrize("warm", [False, True])
@pytest.mark.slow  # the compiler costs seconds
@pytest.mark.parametrize(
    "compiling", [compile_whole, compile_child, compile_grandchild, compile_in_place, compile_child_in_place]
)
def test_compiled_modules_are_heard_as_the_plain_ones(compiling, warm):
    paths = ["part", "part.0", "part.1", "head"]
    plain = read(Stack(), {path: path for path in paths})
    model = compiling(Stack())
    if warm:  # compiled before there was any hook
        with torch.inference_mode():
            model.eval()(torch.ones(2, 3))
    layers = choose_layers(model, paths)
    assert layers == {path: path for path in paths}
    made = read(model, layers)
    for path in paths:
        assert made.features[path].tobytes() == plain.features[path].tobytes()
    assert made.hook_calls == dict.fromkeys(paths, 3)
    assert [name for name, _ in describe_layers(model)] == ["part", "part.0", "part.1", "head"]


def test_a_shared_module_is_found_by_each_of_its_names():
    model = Stack()
    model.other = model.head
    made = read(model, {"a": "head", "b": "other"})
    np.testing.assert_array_equal(made.features["a"], made.features["b"])


# --- names ---


def test_the_five_nearest_names():
    known = [f"encoder.layers.{place}.attention" for place in range(9)] + ["head"]
    assert suggest("encoder.layer.3.attention", known).count("`") == 10
    assert suggest("encoder.layer.3.attention", known).startswith("did you mean `encoder.layers.3.attention`, ")
    assert suggest("zzz", known) == ""
    with pytest.raises(LatentscapeError) as caught:
        read(Stack(), {"x": "prat"})
    assert caught.value.fault == "layer-unknown"
    assert caught.value.exit_code == 2
