"""Vectors and features that can't be read: the verdict on each."""

import pytest

from chaos.gauntlet.runner import judge
from chaos.gauntlet.vectors import CASES

pytestmark = pytest.mark.slow  # the whole command, forty-five times


@pytest.mark.parametrize("case", [case for case in CASES if case.code], ids=lambda case: case.name)
def test_it_is_refused(case, bare_place):
    assert not judge(case, bare_place)


@pytest.mark.parametrize("case", [case for case in CASES if not case.code], ids=lambda case: case.name)
def test_what_has_no_direction_is_left_out(case, bare_place):
    assert not judge(case, bare_place)
