"""A few of the races of `make chaos`."""

import pytest

from chaos import races


@pytest.mark.slow
def test_of_many_that_start_at_once_one_works(tmp_path):
    raced, killed = races.run(tmp_path, scale=0.06)
    assert (raced.wrong, killed.wrong) == ([], [])
    assert raced.tried >= 3
    assert killed.tried >= 1
