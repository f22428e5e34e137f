"""Checkpoints that are written to while they are read."""

import pytest

from chaos.torn import run


@pytest.mark.slow
def test_a_file_under_the_pen_is_old_new_or_refused(tmp_path):
    outcomes = run(tmp_path, scale=0.15)
    for outcome in outcomes:
        assert not outcome.wrong, outcome.name
    assert sum(outcome.tried for outcome in outcomes) >= 30
