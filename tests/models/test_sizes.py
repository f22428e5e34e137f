import pytest
import torch
from torch import nn

from latentscape.errors import ModelError
from latentscape.models.sizes import build_checked


def make(width):
    return lambda: nn.Sequential(nn.Linear(10, width))


def test_a_believable_model_is_built_with_real_numbers():
    torch.manual_seed(3)
    expected = make(4)()[0].weight
    torch.manual_seed(3)
    built = build_checked(make(4), {"num_hidden_layers": 12}, tensors={}, source="c.pt")
    assert torch.equal(built[0].weight, expected)


def test_absurd_sizes_are_refused_before_any_memory_is_taken():
    with pytest.raises(ModelError, match=r"c\.pt claims an absurd size(.|\n)*110,000,000,000 parameters"):
        build_checked(make(10**10), {}, tensors={"w": torch.zeros(3)}, source="c.pt")
    with pytest.raises(ModelError, match="`num_hidden_layers` 1,001"):
        build_checked(make(4), {"num_hidden_layers": 1001}, tensors={}, source="c.pt")


@pytest.mark.parametrize("error", [TypeError, KeyError, ZeroDivisionError, RuntimeError, AssertionError])
def test_whatever_breaks_while_building_is_the_fault_of_the_file(error):
    def fail():
        raise error("x")

    with pytest.raises(ModelError, match=rf"c\.pt(.|\n)*{error.__name__}: (.|\n)*hint: "):
        build_checked(fail, {}, tensors={}, source="c.pt")


def test_our_own_words_pass():
    def fail():
        raise ModelError("as it is")

    with pytest.raises(ModelError, match=r"^as it is$"):
        build_checked(fail, {}, tensors={}, source="c.pt")
