"""One sample through a model: what is called, in which order, with which shapes."""

import pytest
import torch
from torch import nn

from latentscape.errors import ModelError
from latentscape.features import ListedLayer, extract_features, list_layers, trace
from latentscape.models.shells import ANSWER, PLAIN, AnswerOf

from .toys import ROWS_OF_THREE, Answering, Speech, Text, collate_values


class Odd(nn.Module):
    """Every way of being called."""

    def __init__(self):
        super().__init__()
        self.first, self.unused, self.act, self.head = nn.Linear(3, 4), nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)
        self.rnn = nn.LSTM(4, 5, num_layers=2, batch_first=True)
        self.both = Both()

    def forward(self, values):
        hidden = self.act(self.first(values))
        self.rnn(hidden[:, None])
        self.both(hidden)
        return self.head(self.act(hidden))


class Both(nn.Module):
    def forward(self, values):
        return values, values[:, None].repeat(1, 7, 1), values[0]


def by_path(traced):
    return {each.path: each for each in traced}


def test_calls_order_and_shapes():
    model = Odd().train()
    found = by_path(trace(AnswerOf(model), {"values": torch.ones(1, 3)}))
    assert list(found) == ["first", "unused", "act", "head", "rnn", "both", ANSWER]
    assert {path: each.n_calls for path, each in found.items()} == {
        **dict.fromkeys(("first", "head", "rnn", "both", ANSWER), 1), "unused": 0, "act": 2,
    }  # fmt: skip
    assert found["first"].finished < found["rnn"].started < found["both"].started < found["head"].started
    assert found["first"].shapes == [(1, 4)]
    assert found["rnn"].shapes[0] == (1, 1, 5)
    assert [(each.choice, each.shape) for each in found["both"].heard] == [(("0",), (1, 4)), (("1",), (1, 7, 4))]
    assert [each.choice for each in found["rnn"].heard] == [(), ("0",)]  # its state has another first axis
    assert (found["first"].reads, found["both"].reads, found["act"].reads) == ("first", "both#0", None)
    assert (found["rnn"].reads, found["unused"].reads) == ("rnn", None)
    assert found[ANSWER].shape == (1, 2)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


def test_the_list_says_shapes_and_what_was_not_called():
    shell = AnswerOf(Odd(), layers={"in": "head#in", "two": "both#1"})
    listed = {each.name: each for each in list_layers(shell, {"values": torch.ones(1, 3)})}
    assert list(listed)[:4] == ["in", "two", "logits", "first"]
    assert {name: each.note for name, each in listed.items()} == {
        "in": "[4]",
        "two": "[7, 4]",
        "logits": "[2]",
        "first": "[4]",
        "unused": "not called",
        "act": "[4], called 2 times",
        "head": "[2]",
        "rnn": "[1, 5]",
        "both": "#0 [4] #1 [7, 4]",
    }
    assert listed["in"].kind == "Linear at head#in"
    assert listed["logits"].kind == "the model's answer"
    plain = list_layers(shell)
    assert [each.name for each in plain] == list(listed)
    assert plain[0] == ListedLayer(name="in", kind="Linear at head#in")
    assert {each.note for each in plain} == {""}


def test_axes_that_follow_the_length_have_a_name():
    speech = list_layers(Speech(), {"waveforms": torch.ones(1, 50), "lengths": torch.tensor([50])})
    assert {each.name: each.shape for each in speech} == {
        "cnn": "[6, frame]",
        "encoder": "[frame, 4]",
        "logits": "[3]",
        "conv": "[6, frame]",
        "norm": "[6, frame]",
        "act": "[6, frame]",
        "states": "[frame, 4]",
        "head": "[3]",
    }
    ids = torch.arange(5)[None]
    text = list_layers(Text(), {"input_ids": ids, "attention_mask": torch.ones_like(ids)})
    assert {each.name: each.shape for each in text}["embed"] == "[token, 8]"


def test_batches_by_place_and_of_texts():
    found = by_path(trace(AnswerOf(nn.Sequential(nn.Linear(3, 2))), {PLAIN: (torch.ones(1, 3),)}))
    assert found["0"].shape == (1, 2)

    class Reads(nn.Module):
        def __init__(self):
            super().__init__()
            self.head = nn.Linear(1, 2)

        def forward(self, texts):
            return self.head(torch.tensor([[float(len(text))] for text in texts]))

    assert by_path(trace(AnswerOf(Reads()), {"texts": ["a text"]}))["head"].shape == (1, 2)


def test_a_batch_that_the_model_can_not_take_is_told():
    model = Odd()
    with pytest.raises(ModelError, match="only asks for the shapes") as caught:
        trace(AnswerOf(model), {"values": torch.ones(1, 8)})
    assert "RuntimeError" in caught.value.got
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


def test_what_enters_a_module_can_be_read():
    made = extract_features(
        Odd(), ROWS_OF_THREE, layers={"in": "first#in", "a": "head#in"}, collate=collate_values, lengths=[1] * 4
    )
    assert made.features["in"].tolist() == [row.tolist() for row in ROWS_OF_THREE]
    assert made.features["a"].shape == (4, 4)
    with pytest.raises(ModelError, match="is not given one tensor"):
        extract_features(Answering(lambda x: x), ROWS_OF_THREE, layers={"x": "odd#in#7"}, collate=collate_values,
                         lengths=[1] * 4)  # fmt: skip
