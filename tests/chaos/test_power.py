"""Power cuts, worked out from recorded calls. The judge must be able to condemn."""

import os

import numpy as np
import pytest

from chaos.power import Disk, cut_everywhere, find_versions, judge_cut, run
from chaos.tap import tapped
from latentscape.disk import remove_file, write_file
from latentscape.store import RunFolder


@pytest.fixture
def record(tmp_path):
    """Calls of a run folder that is written twice, without those that `drop` picks."""
    root = tmp_path.resolve() / "run"

    def write(number):
        with RunFolder(root) as folder:
            folder.save_json("scores.json", {"accuracy": number})
            folder.stage("features", {"seed": number}, lambda: {"mlp": np.array([float(number)])})
            folder.finish({"study": "map"})

    def record(drop=lambda calls, at: False):
        calls = []
        with tapped(root, after=calls.append):
            write(1)
            write(2)
        left = [call for at, call in enumerate(calls) if not drop(calls, at)]
        return left, [
            wrong
            for cut in cut_everywhere(left, root=str(root))
            for wrong in judge_cut(cut, find_versions(calls, root=str(root)))
        ]

    return record


def test_a_run_folder_survives_a_cut_after_any_call(record):
    calls, wrong = record()
    assert len(calls) > 60
    assert wrong == []


def test_without_fsync_of_the_file_half_of_it_may_have_the_name(record):
    _, wrong = record(lambda calls, at: calls[at].kind == "fsync" and ".tmp" in calls[at].path)
    assert any("scores.json` is half of a file" in each for each in wrong)


def test_without_fsync_of_the_folder_an_old_manifest_may_outlive_its_files(record):
    _, wrong = record(lambda calls, at: calls[at].kind == "fsync" and ".tmp" not in calls[at].path)
    assert any("the manifest names `scores.json` with another checksum" in each for each in wrong)


def test_of_changes_that_nobody_waited_for_any_part_may_survive(tmp_path):
    root, calls = tmp_path.resolve(), []
    with tapped(root, after=calls.append):
        write_file(root / "a", lambda sink: sink.write(b"old"))
        write_file(root / "a", lambda sink: sink.write(b"new"))
        remove_file(root / "a")
    disk, seen = Disk(root=str(root)), []
    for call in calls[:-1]:
        disk.apply(call)
        seen.append({tree.get(str(root / "a")) for tree in disk.survivors()})
    assert seen[0] == {None}
    renamed = [at for at, call in enumerate(calls) if call.kind == "replace"]
    assert [seen[at] for at in renamed] == [{None, b"old"}, {b"old", b"new"}]
    assert seen[-1] == {b"new", None}


def test_bytes_that_nobody_waited_for_may_be_there_in_part(tmp_path):
    root, calls = tmp_path.resolve(), []
    with tapped(root, after=calls.append):
        descriptor = os.open(root / "a", os.O_WRONLY | os.O_CREAT)
        os.write(descriptor, b"words")
        os.close(descriptor)
    disk = Disk(root=str(root))
    for call in calls:
        disk.apply(call)
    assert {tree.get(str(root / "a")) for tree in disk.survivors()} == {None, b"", b"wo", b"words"}


@pytest.mark.slow
def test_a_study_survives_a_cut_after_any_call_and_goes_on(tmp_path):
    recorded, cuts, resumed = run(tmp_path, scale=0.1)
    assert [*recorded.wrong, *cuts.wrong, *resumed.wrong] == []
    assert recorded.tried >= 400
    assert cuts.tried >= 1000
    assert resumed.tried >= 4
    assert not list(tmp_path.iterdir())
