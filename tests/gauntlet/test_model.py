"""Checkpoints and model folders that can't be used: the verdict, and that no canary appears."""

import pytest

from chaos.gauntlet.model import CASES
from chaos.gauntlet.runner import judge

pytestmark = pytest.mark.slow  # models are loaded, and what is left goes through a whole study


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_verdict(case, place):
    assert not judge(case, place)
