import math

import pytest
import torch
from torch import nn

from latentscape.demo.training import (
    Deadline,
    make_optimizer,
    make_schedule,
    save_checkpoint,
    seeded,
    suited_threads,
    take_step,
)


def rates(name, steps=70, **options):
    optimizer = make_optimizer(nn.Linear(2, 2), lr=0.1, weight_decay=0.0)
    schedule = make_schedule(optimizer, name, steps=steps, **options)
    found = []
    for _ in range(steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return found


def test_none_and_constant():
    assert rates("none") == [0.1] * 70
    found = rates("constant", warmup_ratio=0.1)
    assert found[0] == pytest.approx(0.1 / 8)
    assert found[7:] == [0.1] * 63


@pytest.mark.parametrize("name", ["cosine", "linear"])
def test_falls_after_the_warmup(name):
    found = rates(name, warmup_ratio=0.2, min_lr=0.01)
    assert found[:14] == sorted(found[:14])
    assert found[14] == pytest.approx(0.1)
    assert found[14:] == sorted(found[14:], reverse=True)
    assert found[-1] == pytest.approx(0.01, abs=0.002)
    middle = found[14 + 28]
    assert middle == pytest.approx(0.055, abs=0.002)


def test_warm_restarts_end_at_the_bottom_of_the_third_fall():
    found = rates("cosine_warm_restarts", min_lr=0.001)
    tops = [step for step, rate in enumerate(found) if math.isclose(rate, 0.1)]
    assert tops == [0, 10, 30]
    assert found[-1] == min(found[30:]) < 0.002


def test_onecycle_reaches_its_top_once():
    found = rates("onecycle", max_lr=0.3, warmup_ratio=0.5)
    assert max(found) == pytest.approx(0.3)
    assert 33 <= found.index(max(found)) <= 36
    assert found[-1] < 1e-4


def test_only_matrices_that_learn_are_decayed():
    model = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4))
    model[1].weight.requires_grad_(False)
    decayed, rest = make_optimizer(model, lr=0.1, weight_decay=0.5).param_groups
    assert [tuple(parameter.shape) for parameter in decayed["params"]] == [(4, 3)]
    assert [tuple(parameter.shape) for parameter in rest["params"]] == [(4,), (4,)]
    assert (decayed["weight_decay"], rest["weight_decay"]) == (0.5, 0.0)


def test_a_step_goes_down_and_clipping_shortens_it():
    model = nn.Linear(1, 1, bias=False)
    nn.init.constant_(model.weight, 1.0)
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    assert take_step(10 * model.weight.square().sum(), model, optimizer, gradient_clip=0.5) == 10.0
    assert model.weight.item() == pytest.approx(0.5)


def test_seeded_draws_are_repeated_and_leave_the_generator_alone():
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    with seeded(5):
        first = torch.rand(2)
    assert torch.equal(torch.rand(3), expected)
    with seeded(5):
        assert torch.equal(torch.rand(2), first)


def test_a_checkpoint_is_whole_safe_and_the_same_under_any_name(tmp_path):
    values = {"model_state": {"a": torch.arange(3.0)}, "epoch": 3, "names": ["Sad"]}
    first = save_checkpoint(tmp_path / "new" / "one.pt", values)
    second = save_checkpoint(tmp_path / "two.pt", values)
    assert first.read_bytes() == second.read_bytes()
    read = torch.load(first, weights_only=True)
    assert (read["epoch"], read["names"]) == (3, ["Sad"])
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["one.pt"]


def test_deadline():
    assert not Deadline(None).passed
    assert not Deadline(60.0).passed
    assert Deadline(-1.0).passed


def test_a_small_model_trains_on_one_thread_and_gives_the_rest_back(monkeypatch):
    before = torch.get_num_threads()
    set_to = []
    monkeypatch.setattr(torch, "set_num_threads", set_to.append)
    with suited_threads(nn.Linear(3, 4)):
        assert set_to == [1]
    assert set_to == [1, before]
    with suited_threads(nn.Linear(2500, 2500)):
        assert set_to[-1] == before
