"""Places that can't be a run folder: the verdict on each, and that nothing there is touched."""

import pytest

from chaos.gauntlet.output import CASES
from chaos.gauntlet.runner import judge

NEEDS_INPUTS = ("data-folder-as-output", "pair-file-as-output")


@pytest.mark.parametrize("case", [case for case in CASES if case.name not in NEEDS_INPUTS], ids=lambda case: case.name)
def test_it_is_refused(case, bare_place):
    assert not judge(case, bare_place)


@pytest.mark.slow
@pytest.mark.parametrize("case", [case for case in CASES if case.name in NEEDS_INPUTS], ids=lambda case: case.name)
def test_the_data_are_not_written_over(case, place):
    assert not judge(case, place)
