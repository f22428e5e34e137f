"""The diary's verdicts can be against the study."""

import pytest

from chaos.diary import count_redone, find_forgotten_limits, find_lost, read_diary


@pytest.fixture
def lives(tmp_path):
    def read(text):
        (tmp_path / "diary").write_text("\n".join(text.split(", ")))
        return read_diary(tmp_path / "diary")

    return read


def test_probes_before_the_plan_are_not_counted(lives):
    both = lives("life, unplanned, pass 1 8, planned, pass 1 8, life, planned, looked, pass 1 8, pass 9 8")
    assert [life.passes for life in both] == [[(1, 8)], [(1, 8), (9, 8)]]
    assert count_redone(both) == [8]


def test_a_shard_that_was_kept_and_is_not_found_is_lost(lives):
    assert not find_lost(lives("life, planned, looked, kept 0 8, life, planned, found 0 8, looked"))
    assert find_lost(lives("life, planned, looked, kept 0 8, life, planned, looked")) == [
        "life 1 found the batches up to 0 of 8 that were kept"
    ]
    assert find_lost(lives("life, planned, looked, kept 0 8, life, unplanned"))


def test_a_life_that_ended_before_it_had_looked_lost_nothing(lives):
    assert not find_lost(lives("life, planned, looked, kept 0 8, kept 8 16, life, planned, found 0 8"))


def test_a_limit_that_is_tried_again_was_forgotten(lives):
    assert not find_forgotten_limits(lives("life, planned, oom 5 32, life, planned, oom 5 32, planned, pass 5 16"))
    assert find_forgotten_limits(lives("life, planned, oom 5 32, planned, pass 5 16, life, planned, oom 5 32"))
