"""A folder that isn't ours is never written over; a run that was begun is gone on with, or not, as asked."""

import json
import os

import numpy as np
import pytest

from latentscape.errors import UsageError
from latentscape.interrupts import Patience
from latentscape.lock import LOCK
from latentscape.store import RunFolder, name_differences

INPUTS = {"checkpoint": "ab12", "seed": 0, "versions": {"torch": "2", "numpy": "2"}}
ARRAYS = {"cnn": np.arange(6.0).reshape(3, 2)}
OLD_PNG = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR....tEXtSoftware\0Matplotlib version3.5, https://matplotlib.org/"
OLD_PAGE = b"<html><head><script>window.PlotlyConfig = {MathJaxConfig: 'local'};</script></head></html>"


def tree(path):
    return {str(each.relative_to(path)): each.read_bytes() for each in path.rglob("*") if each.is_file()}


def fill(path, **files):
    for name, data in files.items():
        (path / name).parent.mkdir(exist_ok=True)
        (path / name).write_bytes(data)


def study(path, **choices):
    with RunFolder(path, **choices) as folder:
        folder.stage("features", INPUTS, lambda: ARRAYS)
        folder.save_bytes("map.png", b"ours")
        folder.save_text("report.md", "ours")
        folder.finish({})


@pytest.mark.parametrize("name", ["report.md", "report.html", "scores.json", "samples.parquet"])
def test_a_users_file_with_a_common_name_is_told_before_the_work_and_nothing_is_touched(tmp_path, name):
    fill(tmp_path, **{name: b"mine", "other.txt": b"mine"})
    for _ in range(2):
        with pytest.raises(UsageError, match="move these files away") as caught, RunFolder(tmp_path):
            pass
        assert f"`{name}`" in str(caught.value)
        assert caught.value.fault == "output-foreign"
    assert tree(tmp_path) == {name: b"mine", "other.txt": b"mine"}


@pytest.mark.parametrize("name", ["map.png", "features/cnn.npy", "stages/features.json"])
def test_a_users_file_with_another_name_of_ours_is_not_written_over_in_any_run(tmp_path, name):
    fill(tmp_path, **{name: b"mine"})
    if name.startswith("stages"):
        (tmp_path / LOCK).write_text(json.dumps({"pid": 1, "host": "x", "since": "", "theirs": [name]}))
    for _ in range(3):
        with pytest.raises(UsageError, match="would write over it"):
            study(tmp_path)
    assert (tmp_path / name).read_bytes() == b"mine"
    assert not (tmp_path / "manifest.json").exists()


def test_what_the_user_has_moved_away_is_ours_from_then_on(tmp_path):
    fill(tmp_path, **{"map.png": b"mine"})
    with pytest.raises(UsageError):
        study(tmp_path)
    (tmp_path / "map.png").rename(tmp_path / "mine.png")
    for _ in range(2):
        study(tmp_path)
    assert (tmp_path / "map.png").read_bytes() == b"ours"
    assert (tmp_path / "mine.png").read_bytes() == b"mine"


def test_a_run_killed_at_any_file_is_still_ours(tmp_path):
    with pytest.raises(KeyboardInterrupt), RunFolder(tmp_path) as folder:
        folder.save_text("report.md", "ours")
        folder.save_bytes("map.png", b"half a study")
        raise KeyboardInterrupt
    study(tmp_path)


def test_a_run_whose_note_a_power_cut_took_is_still_ours(tmp_path):
    with RunFolder(tmp_path) as folder:
        folder.shards("features", INPUTS, Patience()).save_plan({"padding": "padded"})
        folder.save_array("features/cnn.npy", ARRAYS["cnn"])
    (tmp_path / LOCK).unlink()
    study(tmp_path)
    assert (tmp_path / "report.md").read_bytes() == b"ours"


def test_pictures_of_the_original_scripts_are_drawn_anew_as_they_always_were(tmp_path):
    fill(tmp_path, **{"map.png": OLD_PNG, "tsne_cnn_interactive.html": OLD_PAGE, "notes.txt": b"mine"})
    with RunFolder(tmp_path) as folder:
        folder.save_bytes("map.png", b"ours")
        folder.save_text("tsne_cnn_interactive.html", "ours")
    assert (tmp_path / "map.png").read_bytes() == b"ours"
    assert (tmp_path / "notes.txt").read_bytes() == b"mine"


def test_a_folder_that_a_run_wrote_before_runs_took_notes(tmp_path):
    study(tmp_path)
    (tmp_path / LOCK).unlink()
    study(tmp_path)


def test_odd_things_under_our_names(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "link.png").symlink_to("nowhere")
    (tmp_path / "map.png").mkdir()
    with RunFolder(tmp_path) as folder:
        for name in ("pipe.png", "link.png", "map.png"):
            with pytest.raises(UsageError):
                folder.save_bytes(name, b"ours")


# ---- going on


def begin(path, inputs=INPUTS):
    with RunFolder(path) as folder:
        folder.shards("features", inputs, Patience()).save_plan({"batch_size": 8})


def test_resume_wants_something_to_go_on_with(tmp_path):
    with pytest.raises(UsageError, match="nothing") as caught, RunFolder(tmp_path, resume=True):
        pass
    assert caught.value.fault == "run-differs"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("prepare", [begin, study])
def test_resume_wants_the_same_inputs_and_names_those_that_differ(tmp_path, prepare):
    prepare(tmp_path)
    before = tree(tmp_path).keys()
    other = {**INPUTS, "seed": 1, "more": 0, "versions": {"torch": "3", "numpy": "2"}}
    with RunFolder(tmp_path, resume=True) as folder:
        with pytest.raises(UsageError, match=r"different: more, seed, versions\.torch\n") as caught:
            folder.stage("features", other, lambda: ARRAYS)
        assert caught.value.fault == "run-differs"
        folder.stage("features", INPUTS, lambda: ARRAYS)
    assert before <= tree(tmp_path).keys()


@pytest.mark.parametrize(("resume", "reused"), [(None, True), (True, True), (False, False)])
def test_what_is_finished_or_begun_is_used_again_unless_the_user_wants_it_not(tmp_path, resume, reused):
    study(tmp_path / "finished")
    with RunFolder(tmp_path / "finished", resume=resume) as folder:
        folder.stage("features", INPUTS, lambda: ARRAYS)
        assert folder.reused == {"features": reused}
    begin(tmp_path / "begun")
    with RunFolder(tmp_path / "begun", resume=resume) as folder:
        plan = folder.shards("features", INPUTS, Patience()).load_plan()
        assert plan == ({"batch_size": 8} if reused else None)


def test_other_inputs_begin_anew_and_their_names_can_be_told(tmp_path):
    begin(tmp_path)
    with RunFolder(tmp_path) as folder:
        assert folder.find_differences("features", INPUTS) == ()
        assert folder.find_differences("features", {**INPUTS, "seed": 1}) == ("seed",)
        assert folder.shards("features", {**INPUTS, "seed": 1}, Patience()).load_plan() is None
        assert not (tmp_path / "shards").exists()
        assert folder.find_differences("features", {**INPUTS, "seed": 1}) == ()


@pytest.mark.parametrize(
    ("old", "new", "names"),
    [
        ({"a": 1}, {"a": 1}, ()),
        ({"a": 1}, {"a": True}, ("a",)),
        ({"a": None}, {}, ("a",)),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "d": 2}}, ("a.c", "a.d")),
        ({"a": {}}, {"a": []}, ("a",)),
        ([], {"a": 1}, ("all",)),
    ],
)
def test_what_differs_is_named(old, new, names):
    assert name_differences(old, new) == names


def test_left_overs_of_a_kill_among_the_shards_are_swept(tmp_path):
    begin(tmp_path)
    left = tmp_path / "shards" / "features" / ".latentscape-0123456789abcdef.tmp"
    left.write_bytes(b"half")
    with RunFolder(tmp_path):
        assert not left.exists()
