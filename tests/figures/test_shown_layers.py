import pytest

from latentscape.figures.shown_layers import MOST_LAYERS, choose_evenly, choose_telling


@pytest.mark.parametrize("n", range(MOST_LAYERS + 1))
def test_few_layers_are_all_shown(n):
    assert choose_evenly(n) == list(range(n))
    assert choose_telling([f"layer {i}" for i in range(n)]) == list(range(n))


@pytest.mark.parametrize("n", range(MOST_LAYERS + 1, 60))
def test_of_many_layers_eight_are_shown_with_the_first_and_the_last_two(n):
    chosen = choose_evenly(n)
    assert len(chosen) == MOST_LAYERS == len(set(chosen)) and chosen == sorted(chosen)
    assert chosen[0] == 0 and chosen[-2:] == [n - 2, n - 1]


def test_the_telling_layers_have_the_logits_and_the_one_before_them():
    names = [f"block {i}" for i in range(12)]
    assert choose_telling([*names, "logits"]) == [0, 5, 11, 12]
    assert choose_telling(names) == [0, 5, 11]
