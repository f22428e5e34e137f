"""SIGKILL at random and at chosen moments, a few times; `make chaos` does it hundreds of times."""

import pytest

from chaos.kills import compare_files, look_inside, run
from latentscape.store import RunFolder


def test_files_that_are_missing_too_many_or_other_ones_are_named():
    assert compare_files({"a": "1", "b": "2", "c": "3"}, {"b": "2", "c": "4", "d": "5"}) == (
        "missing: a; too many: d; differ: c"
    )
    assert not compare_files({"a": "1"}, {"a": "1"})


def test_a_reader_may_see_a_whole_run_or_an_unfinished_one_only(tmp_path):
    assert not look_inside(tmp_path / "nothing")
    with RunFolder(tmp_path / "run") as folder:
        assert not look_inside(tmp_path / "run")
        assert "run-unfinished" in look_inside(tmp_path / "run", must_be_finished=True)
        folder.save_json("scores.json", {})
        folder.save_table("samples.parquet", {"row": [1]})
        folder.finish({"study": "map"})
    assert not look_inside(tmp_path / "run", must_be_finished=True)
    (tmp_path / "run" / "scores.json").write_text("{")
    assert "a reader saw" in look_inside(tmp_path / "run")


@pytest.mark.slow
def test_killed_runs_end_with_the_bytes_of_an_undisturbed_one(tmp_path):
    outcomes = run(tmp_path, scale=0.08)
    assert [each for outcome in outcomes for each in outcome.wrong] == []
    assert outcomes[0].tried >= 16
    assert len(outcomes) == 4
    assert not list(tmp_path.iterdir())
