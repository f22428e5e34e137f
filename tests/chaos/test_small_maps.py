import pytest

from chaos.small_maps import METHODS, run


@pytest.mark.slow  # a hundred maps
def test_few_and_odd_samples_have_places(tmp_path):
    outcomes = run(tmp_path, scale=1 / 30)
    assert not [wrong for outcome in outcomes for wrong in outcome.wrong]
    assert all(outcome.tried >= 5 * len(METHODS) for outcome in outcomes)
