"""Looking leaves no trace: weights after a training that was watched are those of one that was not, bit for bit."""

import random

import numpy as np
import pytest
import torch
from torch import nn

from latentscape.errors import ModelError
from latentscape.watch import ClassifierWatch
from latentscape.watch.undisturbed import find_bare_model, find_device, is_first_process, undisturbed
from latentscape.watch.weights import digest_weights, make_card

from .toys import NAMES, Caching, Dense, Named, make_items, make_model, same_state, train


def watch(tmp_path, **choices):
    return ClassifierWatch(inputs=make_items(), class_names=NAMES, output=tmp_path, strict=True, **choices)


@pytest.mark.parametrize("kind", [Dense, Named, Caching])
def test_a_training_is_the_same_bit_for_bit(tmp_path, kind):
    alone = train(make_model(kind), steps=20)
    watched = train(make_model(kind), steps=20, watch=watch(tmp_path))
    assert same_state(alone, watched)


def test_a_logger_and_its_maps_leave_no_trace_either(tmp_path):
    class Writer:
        def __init__(self):
            self.seen = []

        def add_scalar(self, *_):
            np.random.rand()  # noqa: NPY002
            torch.rand(3)

        def add_image(self, *values, **_):
            self.seen.append(values)

        def add_embedding(self, *_, **__):
            random.random()

        def flush(self):
            pass

    writer = Writer()
    watched = train(make_model(), steps=10, watch=watch(tmp_path, loggers=[writer], picture="pca"))
    assert same_state(train(make_model(), steps=10), watched)
    assert len(writer.seen) == 2


def test_modes_flags_hooks_and_streams_are_as_before(tmp_path):
    model = make_model()
    model.train()
    model.body[1].eval()  # a frozen batch norm inside a model in training
    model.head.weight.requires_grad_(requires_grad=False)
    model.head.register_forward_hook(lambda *_: None)
    before = {name: module.training for name, module in model.named_modules()}
    grads = {name: parameter.requires_grad for name, parameter in model.named_parameters()}
    hooks = {name: list(module._forward_hooks) for name, module in model.named_modules()}
    devices = {parameter.device for parameter in model.parameters()}
    numpy, cpu = np.random.get_state()[1].copy(), torch.get_rng_state()  # noqa: NPY002
    watch(tmp_path).log(model, 1)
    assert before == {name: module.training for name, module in model.named_modules()}
    assert grads == {name: parameter.requires_grad for name, parameter in model.named_parameters()}
    assert hooks == {name: list(module._forward_hooks) for name, module in model.named_modules()}
    assert devices == {parameter.device for parameter in model.parameters()}
    assert np.array_equal(numpy, np.random.get_state()[1])  # noqa: NPY002
    assert torch.equal(cpu, torch.get_rng_state())
    assert torch.is_grad_enabled()
    assert not torch.is_inference_mode_enabled()


def test_pythons_stream_is_as_before_too():
    model = make_model()
    random.seed(5)  # not through `log` here: the type checks of these tests draw from this stream themselves
    before = random.getstate()
    with undisturbed(model):
        random.random()
    assert random.getstate() == before


def test_a_data_set_that_draws_its_items_leaves_no_trace(tmp_path):
    class Noisy(torch.utils.data.Dataset):
        def __len__(self):
            return 12

        def __getitem__(self, row):
            torch.rand(2)
            np.random.rand()  # noqa: NPY002
            return torch.full((6,), float(row)), row % 3

    model = make_model()
    seed, numpy = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    ClassifierWatch(inputs=Noisy(), output=tmp_path, strict=True).log(model, 1)
    assert torch.equal(seed, torch.get_rng_state())
    assert np.array_equal(numpy, np.random.get_state()[1])  # noqa: NPY002


def test_a_failing_block_puts_everything_back_too():
    model, seed = make_model().train(), torch.get_rng_state()

    def fail():
        with undisturbed(model):
            model.eval()
            model.body[1].running_mean.add_(1)
            model.body[1].num_batches_tracked = torch.tensor(99)
            torch.rand(1)
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        fail()
    assert model.training
    assert model.body[1].training
    assert not model.body[1].running_mean.any()
    assert int(model.body[1].num_batches_tracked) == 0
    assert torch.equal(seed, torch.get_rng_state())


def test_train_of_the_model_is_never_called(tmp_path):
    class Merging(Dense):
        def train(self, mode=True):
            assert mode, "merges weights"
            return super().train(mode)

    assert watch(tmp_path).log(make_model(Merging).train(), 1)


def test_the_model_inside_its_wrappers():
    model = make_model()
    assert find_bare_model(nn.DataParallel(model)) is model
    assert find_bare_model(torch.compile(model, backend="eager")) is model
    assert find_bare_model(torch.compile(nn.DataParallel(model), backend="eager")) is model


def test_a_compiled_model_is_read_as_it_is(tmp_path):
    model = make_model()
    plain = watch(tmp_path / "plain").log(model, 1)
    wrapped = watch(tmp_path / "wrapped").log(torch.compile(model, backend="eager"), 1)
    assert plain["accuracy"] == wrapped["accuracy"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_a_model_compiled_in_place_is_heard(tmp_path):
    model = make_model()
    calls = []
    model.compile(backend=lambda module, _: calls.append(1) or module.forward)
    model(make_items()[0][0][None].repeat(4, 1))
    compiled = model._compiled_call_impl
    n_calls = len(calls)
    assert watch(tmp_path, layers=["body"]).log(model, 1)
    assert model._compiled_call_impl is compiled
    assert len(calls) == n_calls


def test_weights_spread_over_processes_are_refused():
    class FullyShardedDataParallel(nn.Module):
        pass

    with pytest.raises(ModelError, match="spread over several processes"):
        find_bare_model(nn.Sequential(FullyShardedDataParallel()))


def test_a_model_in_two_places_is_refused():
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2, device="meta"))
    with pytest.raises(ModelError, match="several devices"):
        find_device(model)
    assert find_device(nn.ReLU()) == torch.device("cpu")


def test_only_the_first_process_writes(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "get_rank", lambda: 1)
    assert not is_first_process()
    study = watch(tmp_path)
    assert study.log(make_model(), 1) == {}
    assert study.finish() is None
    assert not list(tmp_path.iterdir())


def test_equal_weights_have_one_digest_and_others_another():
    one, other = make_model(), make_model()
    assert digest_weights(one) == digest_weights(other)
    other.body[1].running_mean[0] = 1e-30
    assert digest_weights(one) != digest_weights(other)
    half = make_model().to(torch.bfloat16)
    assert digest_weights(half) == digest_weights(make_model().to(torch.bfloat16)) != digest_weights(one)


def test_the_card_says_where_the_model_stands():
    card = make_card(make_model(), name="step_000007", sha256="0", trained={"step": 7, "epoch": 0.5})
    assert (card.name, card.checkpoint, dict(card.trained)) == ("Dense", "step_000007", {"step": 7, "epoch": 0.5})
    assert card.n_parameters == 6 * 12 + 12 + 12 + 12 + 12 * 3 + 3
    assert card.n_tensors_matched == card.n_tensors_total == 9
