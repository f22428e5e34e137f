"""Extraction against each sample alone through the plain model, and everything that can get in its way."""

from collections import OrderedDict, UserDict
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import nn
from transformers.modeling_outputs import BaseModelOutput

from latentscape.errors import DataError, ModelError, ResourceError, UsageError
from latentscape.features import Extraction, collate_waveforms, extract_features

from .toys import Answering, Recorder, Speech, Text, clips, collate_tokens, collate_values

LENGTHS = [40, 17, 33, 17, 90, 8, 41, 33, 64, 5]


def read_speech(model, lengths=LENGTHS, *, inputs=None, **options) -> Extraction:
    inputs = clips(lengths) if inputs is None else inputs
    options = options if "layers" in options else {"layers": model.layers, **options}
    return extract_features(model, inputs, collate=collate_waveforms, lengths=lengths, **options)


def read_rows(model, rows, **options) -> Extraction:
    options = {"layers": model.layers, "collate": collate_values, "lengths": [1] * len(rows)} | options
    return extract_features(model, rows, **options)


def alone(model, waveform):
    """The three layers of Speech for one clip, written out."""
    with torch.no_grad():
        x = torch.from_numpy(waveform)[None, None]
        frames = torch.relu(model.norm(model.conv(x)))[0]
        states = model.states(frames.T)
        vectors = {"cnn": frames.mean(dim=1), "encoder": states.mean(dim=0), "logits": model.head(states.mean(dim=0))}
    return {name: vector.numpy() for name, vector in vectors.items()}


def assert_as_alone(model, extraction, waveforms, atol=1e-6):
    for place, row in enumerate(extraction.kept):
        for name, expected in alone(model, waveforms[row]).items():
            np.testing.assert_allclose(extraction.features[name][place], expected, atol=atol)


def test_a_pad_safe_model_is_read_padded_and_agrees_with_each_clip_alone():
    model, recorder = Speech(), Recorder()
    made = read_speech(model, batch_size=4, progress=recorder)
    assert_as_alone(model, made, clips(LENGTHS))
    assert made.padding == "padded"
    assert 0 < made.pad_difference < 1e-5
    assert made.kept.tolist() == list(range(10))
    assert made.failed == ()
    assert made.n_batches == 3
    assert made.hook_calls == {"cnn": 3, "encoder": 3, "logits": 3}
    assert made.batch_size == 4
    assert {name: values.dtype for name, values in made.features.items()} == dict.fromkeys(model.layers, np.float32)
    assert recorder.said == []
    assert recorder.tracked == [("features", 3)]


def test_a_model_that_normalizes_over_time_is_read_in_equal_lengths_and_says_so():
    model, recorder = Speech(norm=True), Recorder()
    made = read_speech(model, batch_size=4, progress=recorder)
    assert made.padding == "equal lengths"
    assert made.pad_difference > 1e-3
    assert_as_alone(model, made, clips(LENGTHS))
    assert len(recorder.said) == 1
    assert "equal length only" in recorder.said[0]
    assert made.n_batches == len(set(LENGTHS))


def test_valid_frames_that_disagree_with_the_measured_ones_are_not_believed():
    class Wrong(Speech):
        def valid_frames(self, lengths):
            return super().valid_frames(lengths) + 1

        def forward(self, waveforms, lengths):
            return self.head(self.states(self.act(self.conv(waveforms[:, None])).transpose(1, 2)).mean(dim=1))

    recorder = Recorder()
    made = read_speech(Wrong(), batch_size=4, progress=recorder)
    assert made.padding == "equal lengths"
    assert_as_alone(Wrong(), made, clips(LENGTHS))
    assert "valid_frames" in recorder.said[0]


def test_without_any_mask_nothing_is_padded():
    class Silent(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(2)
            self.conv = nn.Conv1d(1, 3, 5)

        def forward(self, waveforms, lengths):
            return self.conv(waveforms[:, None])

    model, recorder = Silent(), Recorder()
    made = read_speech(model, layers={"conv": "conv"}, progress=recorder)
    assert made.padding == "equal lengths"
    assert "`conv`" in recorder.said[0]
    for row, clip in enumerate(clips(LENGTHS)):
        with torch.no_grad():
            expected = model.conv(torch.from_numpy(clip)[None, None])[0].mean(dim=1).numpy()
        np.testing.assert_allclose(made.features["conv"][row], expected, atol=1e-6)


def test_an_inner_layer_with_frames_of_its_own_is_read_in_equal_lengths():
    class Deep(Speech):
        def __init__(self):
            super().__init__()
            self.fine = nn.Conv1d(1, 1, 3, padding=1)

        def forward(self, waveforms, lengths):
            return super().forward(self.fine(waveforms[:, None])[:, 0], lengths)

    made = read_speech(Deep(), layers={"fine": "fine", "logits": "head"}, batch_size=4)
    assert made.padding == "equal lengths"
    assert made.features["fine"].shape == (10, 1)


def test_batches_that_are_padded_more_than_lengths_told_are_read_one_by_one():
    model = Speech(norm=True)
    waveforms = clips(LENGTHS)
    rounded = [length // 10 for length in LENGTHS]  # 40 and 41 look equal
    made = extract_features(model, waveforms, layers=model.layers, collate=collate_waveforms, lengths=rounded)
    assert made.padding == "equal lengths"
    assert_as_alone(model, made, waveforms)


def test_clips_of_one_length_need_no_mask_and_no_probe():
    made = read_speech(Speech(norm=True), [30] * 7, batch_size=3)
    assert (made.padding, made.pad_difference, made.n_batches) == ("padded", 0.0, 3)
    assert_as_alone(Speech(norm=True), made, clips([30] * 7))


def test_tokens_are_pooled_by_their_mask_and_the_fused_path_does_not_skip_hooks():
    model = Text().eval()
    texts = [tuple(range(1, n + 1)) for n in (3, 9, 1, 5, 9, 2)]
    fused = torch.backends.mha.get_fastpath_enabled()
    made = extract_features(
        model, texts, layers=model.layers, collate=collate_tokens, lengths=[len(t) for t in texts], batch_size=3
    )
    assert made.padding == "padded"
    assert made.hook_calls == {"encoder": 2, "inside": 2}
    assert torch.backends.mha.get_fastpath_enabled() == fused
    with torch.no_grad():
        for row, text in enumerate(texts):
            expected = model(**collate_tokens([text]))[0].mean(dim=0)
            np.testing.assert_allclose(made.features["encoder"][row], expected.numpy(), atol=1e-5)


def test_what_stands_in_padded_frames_does_not_matter():
    class Spoiling(Text):
        def __init__(self):
            super().__init__()
            self.layers = {"states": "last"}
            self.last = nn.Identity()

        def forward(self, input_ids, attention_mask):
            states = self.embed(input_ids)
            return self.last(states.masked_fill(attention_mask[:, :, None] == 0, float("nan")))

    model = Spoiling()
    texts = [(1, 2, 3), (4,)]
    made = extract_features(model, texts, layers=model.layers, collate=collate_tokens, lengths=[3, 1])
    assert made.padding == "padded"
    expected = [model.embed.weight[list(text)].mean(dim=0).tolist() for text in texts]
    np.testing.assert_allclose(made.features["states"], expected, rtol=1e-6)


@pytest.mark.parametrize("lengths", [[20, 50, 35], [35, 35, 35]])
def test_the_frame_axis_is_found_by_measuring_not_by_guessing(lengths):
    # 11 frames of 11 channels for 35 samples: sizes alone can't tell which axis is time.
    model = Speech(channels=11)
    model.norm = nn.Identity()
    assert int(model.valid_frames(torch.tensor(35))) == 11
    if len(set(lengths)) == 1:
        model.frame_axes = {"cnn": 2, "encoder": 1}
    assert_as_alone(model, read_speech(model, lengths, batch_size=1), clips(lengths))


def test_with_one_length_the_expected_number_of_frames_shows_the_axis():
    made = read_speech(Speech(), [35, 35])
    assert_as_alone(Speech(), made, clips([35, 35]))


def test_activations_are_copied_before_they_are_overwritten():
    model = Speech(bias=-0.2)
    made = read_speech(model, layers={"before": "conv", "after": "act"})
    assert made.features["before"].min() < 0 <= made.features["after"].min()


def test_the_same_inputs_give_the_same_bytes_and_any_batch_size_the_same_features():
    one, two = read_speech(Speech(), batch_size=4), read_speech(Speech(), batch_size=4)
    other = read_speech(Speech(), batch_size=3)
    for name in one.features:
        assert one.features[name].tobytes() == two.features[name].tobytes()
        np.testing.assert_allclose(one.features[name], other.features[name], atol=1e-6)


# --- what a layer may answer ---


class Pair(NamedTuple):
    first: torch.Tensor
    note: str


@dataclass
class Record:
    last_hidden_state: torch.Tensor


ACCEPTED = {
    "tensor": lambda x: x * 2,
    "tuple with one tensor": lambda x: (x * 2, None, "note"),
    "tuple with nested tensors": lambda x: (x * 2, (x, x)),
    "named tuple": lambda x: Pair(x * 2, "note"),
    "dict": lambda x: {"last_hidden_state": x * 2, "other": x},
    "ordered dict": lambda x: OrderedDict(other=x, last_hidden_state=x * 2),
    "user dict": lambda x: UserDict(last_hidden_state=x * 2),
    "model output": lambda x: BaseModelOutput(last_hidden_state=x * 2, attentions=(x,)),
    "dataclass": lambda x: Record(x * 2),
    "bfloat16": lambda x: (x * 2).bfloat16(),
    "float16": lambda x: (x * 2).half(),
    "float64": lambda x: (x * 2).double(),
    "float8": lambda x: (x * 2).to(torch.float8_e4m3fn),
    "frames": lambda x: torch.stack([x, x * 3], dim=1),
    "view": lambda x: (x * 2).expand(len(x), 3),
}
REFUSED = {
    "list": (lambda x: [x], "list of (float32"),
    "tuple with two tensors": (lambda x: (x, x[:, :2]), "tuple of (float32 [1, 3], float32 [1, 2])"),
    "empty tuple": (lambda x: (), "tuple of ()"),
    "dict without states": (lambda x: {"scores": x}, "{scores: float32 [1, 3]}"),
    "nothing": (lambda x: None, "NoneType"),
    "whole numbers": (lambda x: x.long(), "int64 [1, 3]"),
    "complex": (lambda x: x.to(torch.complex64), "complex64"),
    "number": (lambda x: 3.0, "float"),
    "one axis": (lambda x: x[:, 0], "shape [1]"),
    "six axes": (lambda x: x[:, None, None, None, None], "shape [1, 1, 1, 1, 1, 3]"),
    "samples on another axis": (lambda x: torch.stack([x, x, x]), "shape [3, 1, 3] for 1 samples"),
}


@pytest.mark.parametrize("kind", ACCEPTED)
def test_accepted_answers(kind):
    rows = [np.array([i, 2 * i, -i], dtype=np.float32) for i in range(5)]
    made = read_rows(Answering(ACCEPTED[kind]), rows, batch_size=2)
    np.testing.assert_array_equal(made.features["odd"], np.array(rows) * 2)
    assert made.features["odd"].dtype == np.float32


@pytest.mark.parametrize("kind", REFUSED)
def test_refused_answers_name_the_layer_and_what_came(kind):
    make, words = REFUSED[kind]
    with pytest.raises(ModelError) as caught:
        read_rows(Answering(make), [np.ones(3)] * 4)
    assert words in str(caught.value)
    assert "`odd`" in str(caught.value)


def test_a_width_that_follows_the_length_is_refused():
    class Scores(Speech):
        def __init__(self):
            super().__init__()
            self.scores = nn.Identity()

        def forward(self, waveforms, lengths):
            return self.scores(waveforms)

    with pytest.raises(ModelError, match="no fixed number of features"):
        read_speech(Scores(), layers={"scores": "scores"})


def test_a_width_that_changes_between_batches_is_refused():
    def growing(x):
        return x if x[0, 0] < 3 else torch.cat([x, x], dim=1)

    rows = [np.full(3, float(i)) for i in (0, 5, 0, 0)]
    with pytest.raises(ModelError, match="features for some samples"):
        read_rows(Answering(growing), rows, batch_size=1)


# --- calls ---


class Calls(nn.Module):
    def __init__(self, times):
        super().__init__()
        self.layers = {"odd": "odd"}
        self.odd, self.times = nn.Linear(3, 2), times

    def forward(self, values):
        for _ in range(self.times):
            self.odd(values)
        return values


def test_a_layer_that_is_not_called_is_an_error():
    with pytest.raises(ModelError, match="exists but was not called"):
        read_rows(Calls(0), [np.ones(3)] * 2)


def test_a_layer_that_is_called_more_than_once_is_an_error():
    with pytest.raises(ModelError, match="called 3 times in one forward pass"):
        read_rows(Calls(3), [np.ones(3)] * 2)


def test_forward_called_by_name_skips_hooks_and_is_noticed():
    class Direct(Calls):
        def forward(self, values):
            return self.odd.forward(values)

    with pytest.raises(ModelError, match="was not called"):
        read_rows(Direct(1), [np.ones(3)] * 2)


def test_a_compiled_model_is_read_through_its_plain_modules():
    model = Calls(1)
    compiled = torch.compile(model, backend="eager")
    rows = [np.ones(3), np.zeros(3)]
    made = extract_features(compiled, rows, layers=model.layers, collate=collate_values, lengths=[1, 1])
    np.testing.assert_allclose(made.features["odd"][0], model.odd(torch.ones(3)).detach(), atol=1e-6)


def test_a_layer_that_does_not_exist_is_an_error_and_leaves_no_hook():
    model = Calls(1)
    with pytest.raises(UsageError, match="did you mean `odd`"):
        read_rows(model, [np.ones(3)], layers={"fine": "odd", "x": "ood"})
    assert not model.odd._forward_hooks


def test_hooks_are_gone_afterwards_and_torch_is_as_before():
    model = Calls(1).train()
    threads = torch.get_num_threads()
    read_rows(model, [np.ones(3)] * 2)
    assert not model.odd._forward_hooks
    assert torch.get_num_threads() == threads
    assert not torch.is_inference_mode_enabled()
    with pytest.raises(ModelError):
        read_rows(Calls(0), [np.ones(3)])
    assert torch.backends.mha.get_fastpath_enabled()


# --- the model's state ---


def test_eval_mode_is_forced():
    class Dropping(Calls):
        def __init__(self):
            super().__init__(1)
            self.odd = nn.Dropout(0.9)

    made = read_rows(Dropping().train(), [np.ones(3)] * 4)
    assert (made.features["odd"] == 1).all()


def test_a_module_that_refuses_eval_mode_is_named():
    class Stubborn(nn.Module):
        def train(self, mode=True):
            self.training = True
            return self

    model = Calls(1)
    model.part = Stubborn()
    with pytest.raises(ModelError, match="training mode\n  got: part"):
        read_rows(model, [np.ones(3)])


def test_a_model_that_answers_differently_each_time_is_an_error():
    torch.manual_seed(0)
    with pytest.raises(ModelError, match="differently each time"):
        read_rows(Answering(lambda x: nn.functional.dropout(x, 0.5, training=True)), [np.ones(3)] * 4)


# --- samples that fail ---


class Lazy:
    """Inputs of which some can't be read."""

    def __init__(self, inputs, broken):
        self.inputs, self.broken = inputs, broken

    def __len__(self):
        return len(self.inputs)

    def __getitem__(self, row):
        if row in self.broken:
            raise DataError("not a wav file", got=f"file {row}", hint="convert it")
        return self.inputs[row]


def register_as_sequence():
    from collections.abc import Sequence

    Sequence.register(Lazy)


register_as_sequence()


@pytest.mark.parametrize("broken", [{3}, {4}, {9}, {4, 9, 5}, {0, 2, 4, 6, 8}])
def test_inputs_that_cannot_be_read_are_left_out_and_listed(broken):
    made = read_speech(Speech(), inputs=Lazy(clips(LENGTHS), broken), batch_size=4)
    assert made.failed == tuple((row, f"not a wav file (file {row})") for row in sorted(broken))
    assert made.kept.tolist() == [row for row in range(10) if row not in broken]
    assert_as_alone(Speech(), made, clips(LENGTHS))


def test_a_sample_the_model_refuses_does_not_take_its_batch_with_it():
    class Picky(Speech):
        def forward(self, waveforms, lengths):
            if int(lengths.min()) < 10:
                raise DataError("the clip is too short")
            return super().forward(waveforms, lengths)

    made = read_speech(Picky(), batch_size=4)
    assert made.failed == ((5, "the clip is too short"), (9, "the clip is too short"))
    assert_as_alone(Speech(), made, clips(LENGTHS))


def test_rows_that_are_not_finite_are_dropped_never_replaced():
    def half(x):  # 70000 does not fit into float16
        return (x * 70000).half()

    rows = [np.zeros(3), np.array([0, 1.0, 0]), np.zeros(3), np.full(3, np.nan)]
    made = read_rows(Answering(half), rows)
    assert made.kept.tolist() == [0, 2]
    assert [row for row, _ in made.failed] == [1, 3]
    assert "`odd`" in made.failed[0][1]
    assert "not finite" in made.failed[0][1]


def test_one_bad_layer_drops_the_sample_from_all():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = {"good": "good", "bad": "bad"}
            self.good, self.bad = nn.Identity(), nn.Identity()

        def forward(self, values):
            return self.bad(1 / self.good(values))

    made = read_rows(Two(), [np.ones(3), np.zeros(3), np.full(3, 2.0)])
    assert made.kept.tolist() == [0, 2]
    assert made.features["good"].tolist() == [[1, 1, 1], [2, 2, 2]]
    assert made.failed == ((1, "layer `bad` gives values that are not finite"),)


def test_nothing_left_is_an_error_that_shows_the_first_reason():
    with pytest.raises(DataError, match="none of the 10 samples gave features\n  got: row 0: not a wav file"):
        read_speech(Speech(), inputs=Lazy(clips(LENGTHS), set(range(10))))


def test_nothing_finite_is_the_fault_of_the_model_and_not_of_the_data():
    with pytest.raises(ModelError, match=r"for any of 3 samples\n  got: .*not finite"):
        read_rows(Answering(lambda x: x * float("nan")), [np.ones(3)] * 3)


def test_wrong_requests_are_refused():
    with pytest.raises(DataError, match="no samples"):
        read_rows(Answering(lambda x: x), [])
    with pytest.raises(UsageError, match="batch size 0"):
        read_rows(Answering(lambda x: x), [np.ones(3)], batch_size=0)
    with pytest.raises(UsageError, match="0 layers"):
        read_rows(Answering(lambda x: x), [np.ones(3)], layers={})
    with pytest.raises(AssertionError, match="1 inputs with 2 lengths"):
        read_rows(Answering(lambda x: x), [np.ones(3)], lengths=[1, 1])


@pytest.mark.parametrize("n", [1, 2, 3])
def test_few_samples(n):
    made = read_speech(Speech(), LENGTHS[:n])
    assert_as_alone(Speech(), made, clips(LENGTHS[:n]))


# --- memory ---

OUT_OF_MEMORY = {
    "torch's own": lambda: torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    "mps": lambda: RuntimeError("MPS backend out of memory (MPS allocated: 8 GB)"),
    "cpu": lambda: RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9"),
    "python's own": lambda: MemoryError(),
}


def limited(model, most, error):
    """A model that runs out of memory with more than `most` samples."""
    forward = model.forward

    def guarded(**batch):
        if len(batch["waveforms"]) > most:
            raise error()
        return forward(**batch)

    model.forward = guarded
    return model


@pytest.mark.parametrize("kind", OUT_OF_MEMORY)
def test_too_little_memory_halves_the_batch_and_goes_on(kind):
    recorder = Recorder()
    made = read_speech(limited(Speech(), 3, OUT_OF_MEMORY[kind]), batch_size=8, progress=recorder)
    assert_as_alone(Speech(), made, clips(LENGTHS))
    assert made.batch_size == 2
    assert made.n_batches == 5
    assert made.hook_calls == {"cnn": 5, "encoder": 5, "logits": 5}
    assert recorder.said == [
        "Memory ran out with 8 samples in a batch: going on with 4.",
        "Memory ran out with 4 samples in a batch: going on with 2.",
    ]


def test_too_little_memory_for_one_sample_names_it():
    def greedy(model):
        forward = model.forward

        def guarded(**batch):
            if batch["waveforms"].shape[1] > 64:
                raise OUT_OF_MEMORY["torch's own"]()
            return forward(**batch)

        model.forward = guarded
        return model

    with pytest.raises(ResourceError, match="row 4 of length 90 on cpu"):
        read_speech(greedy(Speech()))


def test_other_runtime_errors_are_not_taken_for_it():
    def broken(x):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    with pytest.raises(ModelError, match="the model fails on row 0\n  got: RuntimeError: mat1"):
        read_rows(Answering(broken), [np.ones(3)] * 2)


def test_a_model_that_does_not_fit_the_device_says_so(monkeypatch):
    model = Speech()
    monkeypatch.setattr(model, "to", lambda device: (_ for _ in ()).throw(torch.OutOfMemoryError("CUDA out of memory")))
    with pytest.raises(ResourceError, match="does not fit"):
        read_speech(model)
