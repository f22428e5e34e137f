"""Any model inside a module of ours: its own paths, its answer under a name that nobody else has."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from latentscape.errors import UsageError
from latentscape.features import choose_layers, describe_layers, extract_features
from latentscape.models.shells import ANSWER, PLAIN, AnswerOf
from latentscape.shapes import LOGITS


class Treacherous(nn.Module):
    """Has modules called as ours could be."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.model, self.answer, self.logits = nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1)

    def forward(self, values):
        return {"logits": self.logits(self.answer(self.model(values)))}


ROWS = [np.array([row, -row, 1], dtype=np.float32) for row in range(4)]


def read(shell, layers):
    collate = lambda rows: {"values": torch.tensor(np.array(rows))}  # noqa: E731
    return extract_features(shell, ROWS, layers=layers, collate=collate, lengths=[1] * 4).features


def test_paths_are_those_of_the_users_model():
    model = Treacherous()
    shell = AnswerOf(model, layers={"body": "model", "logits": "nonsense"})
    assert shell.model is model
    assert shell.layers == {"body": "model", LOGITS: ANSWER}
    assert choose_layers(shell, None) == shell.layers
    assert choose_layers(shell, ["answer", "mod*", "logits"]) == {"answer": "answer", "model": "model", LOGITS: ANSWER}
    assert [name for name, _ in describe_layers(shell)] == ["body", LOGITS, "model", "answer", "logits"]
    assert list(choose_layers(shell, ["**"])) == ["model", "answer", "logits", "body"]


def test_the_logits_are_what_the_whole_model_answers():
    model = Treacherous()
    made = read(AnswerOf(model), {"x": "model", LOGITS: ANSWER})
    with torch.no_grad():
        values = torch.tensor(np.array(ROWS))
        np.testing.assert_array_equal(made["x"], model.model(values).numpy())
        logits = model(values)["logits"]
    np.testing.assert_array_equal(made[LOGITS], torch.cat([torch.zeros_like(logits), logits], dim=1).numpy())


def test_layers_may_be_named_later_and_copies_are_apart():
    shell = AnswerOf(Treacherous())
    assert shell.layers == {LOGITS: ANSWER}
    other = copy.deepcopy(shell)
    shell.name_layers({"a": "answer"})
    assert choose_layers(shell, None) == {"a": "answer", LOGITS: ANSWER}
    assert other.layers == {LOGITS: ANSWER}
    assert other.model is not shell.model


@pytest.mark.filterwarnings("ignore")
def test_a_compiled_model_has_the_same_paths():
    model = Treacherous()
    shell = AnswerOf(torch.compile(model, backend="eager"))
    assert choose_layers(shell, ["model"]) == {"model": "model"}
    np.testing.assert_array_equal(read(shell, {"a": "model"})["a"], read(AnswerOf(model), {"a": "model"})["a"])


def test_a_wrong_name_is_answered_with_the_nearest():
    shell = AnswerOf(nn.ModuleDict({"bert": nn.ModuleDict({"layer": nn.ModuleList([nn.ReLU(), nn.ReLU()])})}))
    for wrong, right in [("layer.*", "bert.layer.*"), ("layer.1", "bert.layer.1"), ("bert.layr.0", "bert.layer.0")]:
        with pytest.raises(UsageError, match=f"no layer is called `{wrong}`".replace("*", r"\*")) as caught:
            choose_layers(shell, [wrong])
        assert f"did you mean `{right}`" in caught.value.hint
        assert caught.value.fault == "layer-unknown"


class Frames(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(1, 3, 4, stride=2)

    def _get_feat_extract_output_lengths(self, lengths):
        return torch.div(lengths - 4, 2, rounding_mode="floor") + 1

    def forward(self, waveforms, lengths):
        return self.conv(waveforms[:, None]).mean(dim=2)


def test_frames_are_counted_as_hugging_face_counts_them():
    shell = AnswerOf(Frames())
    assert shell.valid_frames(torch.tensor([10, 5, 1])).tolist() == [4, 1, 0]
    own = Frames()
    own.valid_frames = lambda lengths: lengths
    assert AnswerOf(own).valid_frames(torch.tensor([10])).tolist() == [10]
    assert not hasattr(AnswerOf(Treacherous()), "valid_frames")


def test_inputs_by_place():
    model = Treacherous()
    values = torch.tensor(np.array(ROWS))
    torch.testing.assert_close(AnswerOf(model)(**{PLAIN: (values,)}), AnswerOf(model)(values=values))
