"""A few of each kind of broken and of good checkpoints."""

import pytest

from chaos.mutations import run


@pytest.mark.slow
def test_faults_are_refused_and_good_files_are_read(tmp_path):
    *faults, ambiguous, good = run(tmp_path, scale=0.05)
    for outcome in (*faults, ambiguous, good):
        assert not outcome.wrong, outcome.name
    assert sum(outcome.tried for outcome in faults) >= 50
    assert ambiguous.tried >= 20
    assert good.tried >= 60
