"""Configs that can't be used: the verdict, and that it stands before torch is imported."""

import pytest

from chaos.gauntlet.config import CASES
from chaos.gauntlet.runner import judge


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_config_is_refused(case, bare_place):
    assert not judge(case, bare_place)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES[::5], ids=lambda case: case.name)
def test_it_is_refused_at_once_and_without_torch(case, bare_place):
    assert not judge(case, bare_place, in_process=False)
