"""Pair files and bad rows: the verdict on each."""

import pytest

from chaos.gauntlet.runner import judge
from chaos.gauntlet.text import CASES

pytestmark = pytest.mark.slow  # models are loaded, and what is left goes through a whole study


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_verdict(case, place):
    assert not judge(case, place)
