"""Ctrl-C and SIGTERM, a few times; `make chaos` does it a hundred times."""

import pytest

from chaos.signals import run


@pytest.mark.slow
@pytest.mark.chaos  # minutes of waiting for batches that take for ever; tests/test_interrupts.py has the rules
def test_stopped_runs_keep_what_they_read_and_leave_nobody_behind(tmp_path):
    outcomes = run(tmp_path, scale=0.04)
    assert [each for outcome in outcomes for each in outcome.wrong] == []
    assert all(outcome.tried >= 2 for outcome in outcomes)
    assert len(outcomes) == 6
    assert not list(tmp_path.iterdir())
