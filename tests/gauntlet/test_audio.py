"""See `chaos/gauntlet/audio.py`: the verdict on each input, whole commands."""

import pytest

from chaos.gauntlet.audio import CASES
from chaos.gauntlet.runner import judge

pytestmark = pytest.mark.slow  # whole studies


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_verdict_is_right(case, place):
    assert not judge(case, place)
