"""Run folders that can't be trusted: the verdict on each."""

import pytest

from chaos.gauntlet.runner import judge
from chaos.gauntlet.runs import CASES, write_run

pytestmark = pytest.mark.slow  # the whole command, forty times


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_it_is_refused(case, bare_place):
    assert not judge(case, bare_place)


def test_the_good_run_they_are_made_from_passes(bare_place, run_command):
    run = write_run(bare_place.folder / "r")
    assert run_command("check", run, "--fail-if", "accuracy<0.1")[0] == 0
