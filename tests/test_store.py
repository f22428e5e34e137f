import csv
import errno
import json
import os
import subprocess
import sys
import threading

import numpy as np
import pyarrow.parquet as pq
import pytest

from latentscape import disk, run_reader
from latentscape.errors import BusyError, LatentscapeError, ResourceError, UsageError
from latentscape.lock import LOCK
from latentscape.measures.score import Score
from latentscape.paths import hash_file
from latentscape.store import RunFolder, flatten_scores, safe_name

INPUTS = {"checkpoint": "ab12", "seed": 0, "layers": ["cnn", "mlp"]}
ARRAYS = {"cnn": np.arange(6, dtype=np.float32).reshape(3, 2), "mlp": np.array([[1.5], [2.5]])}


class Compute:
    """Gives arrays and counts how often it was asked."""

    def __init__(self, arrays=ARRAYS):
        self.arrays, self.n_calls = arrays, 0

    def __call__(self):
        self.n_calls += 1
        return self.arrays


def names(path):
    return sorted(str(each.relative_to(path)) for each in path.rglob("*") if each.is_file() and each.name != LOCK)


def run_stage(path, *, name="features", inputs=INPUTS, arrays=ARRAYS):
    compute = Compute(arrays)
    with RunFolder(path) as folder:
        kept = folder.stage(name, inputs, compute)
        assert folder.reused == {name: compute.n_calls == 0}
    assert all(np.array_equal(kept[key], arrays[key]) for key in arrays)
    assert list(kept) == list(arrays)
    return compute.n_calls == 0


# ---- stages


@pytest.mark.parametrize("name", ["features", "neighbors/cnn"])
def test_a_finished_stage_is_not_computed_again(tmp_path, name):
    assert [run_stage(tmp_path, name=name) for _ in range(3)] == [False, True, True]


def test_where_a_stage_lies(tmp_path):
    run_stage(tmp_path)
    run_stage(tmp_path, name="neighbors/cnn")
    expected = ["features/cnn.npy", "features/mlp.npy", "neighbors/cnn.npz"]
    assert names(tmp_path) == [*expected, "stages/features.json", "stages/neighbors/cnn.json"]


@pytest.mark.parametrize(
    "changed",
    [INPUTS | {"seed": 1}, INPUTS | {"more": None}, INPUTS | {"seed": 0.5}, INPUTS | {"layers": ["mlp", "cnn"]}, {}],
)
def test_other_inputs_are_computed(tmp_path, changed):
    run_stage(tmp_path)
    assert not run_stage(tmp_path, inputs=changed)
    assert not run_stage(tmp_path)


def test_the_order_of_inputs_does_not_matter(tmp_path):
    run_stage(tmp_path)
    assert run_stage(tmp_path, inputs=dict(reversed(INPUTS.items())))


@pytest.mark.parametrize("name", ["features", "neighbors/cnn"])
@pytest.mark.parametrize("how", ["missing", "empty", "cut", "one bit", "other array", "folder"])
def test_a_damaged_file_is_computed_again(tmp_path, name, how):
    run_stage(tmp_path, name=name)
    for file in [each for each in names(tmp_path) if each.startswith(name)]:
        damage(tmp_path / file, how)
        if how == "folder":
            (tmp_path / file).rmdir()
            continue
        assert not run_stage(tmp_path, name=name)
    run_stage(tmp_path, name=name)
    assert run_stage(tmp_path, name=name)


def damage(path, how):
    data = path.read_bytes()
    path.unlink()
    if how == "folder":
        path.mkdir()
    elif how == "other array":
        with path.open("wb") as file:
            np.save(file, np.zeros(3))
    elif how != "missing":
        changed = {"empty": b"", "cut": data[:-1], "one bit": data[:-1] + bytes([data[-1] ^ 1])}
        path.write_bytes(changed[how])


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"format_version": 1}', '{"format_version": 2, "arrays": []}']
)
def test_a_damaged_record_is_computed_again(tmp_path, text):
    run_stage(tmp_path)
    (tmp_path / "stages" / "features.json").write_text(text)
    assert not run_stage(tmp_path)


@pytest.mark.parametrize("arrays", [[{"name": "../../outside"}], [{"name": 5}], [{}], ["outside"], [5], {"cnn": 1}, 7])
def test_a_hostile_record_reads_nothing_outside(tmp_path, arrays):
    run_stage(tmp_path / "run")
    np.save(tmp_path / "outside.npy", np.ones(3))
    record = json.loads((tmp_path / "run" / "stages" / "features.json").read_text())
    record |= {"arrays": arrays, "files": {"../outside.npy": hash_file(tmp_path / "outside.npy")}}
    (tmp_path / "run" / "stages" / "features.json").write_text(json.dumps(record))
    assert not run_stage(tmp_path / "run")


def test_a_pickle_in_a_stage_file_is_not_opened(tmp_path):
    run_stage(tmp_path)
    path = tmp_path / "features" / "cnn.npy"
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    record = json.loads((tmp_path / "stages" / "features.json").read_text())
    record["files"]["features/cnn.npy"] = hash_file(path)
    (tmp_path / "stages" / "features.json").write_text(json.dumps(record))
    assert not run_stage(tmp_path)


ODD_ARRAYS = {
    "0-d text": np.array('{"notice": "Phòng Quận 10"}'),
    "no rows": np.empty((0, 4), dtype=np.float32),
    "texts": np.array(["wav cut short", ""]),
    "Fortran": np.asfortranarray(np.arange(6).reshape(2, 3)),
    "strided": np.arange(20)[::3],
    "flags": np.array([True, False]),
    "a/b": np.array([np.nan, np.inf]),
}


@pytest.mark.parametrize("name", ["features", "maps/tsne_cnn"])
def test_every_kind_of_array_comes_back_as_it_was(tmp_path, name):
    for _ in range(2):
        with RunFolder(tmp_path) as folder:
            kept = folder.stage(name, INPUTS, Compute(ODD_ARRAYS))
        for key, array in ODD_ARRAYS.items():
            assert (kept[key].dtype, kept[key].shape) == (array.dtype, array.shape)
            assert np.array_equal(kept[key], array, equal_nan=array.dtype.kind == "f")
            assert not kept[key].flags.writeable
    assert folder.reused == {name: True}


def test_a_stage_may_have_no_arrays(tmp_path):
    assert not run_stage(tmp_path, arrays={})
    assert run_stage(tmp_path, arrays={})


def test_python_objects_are_refused(tmp_path):
    with RunFolder(tmp_path) as folder, pytest.raises(ValueError, match="Object arrays"):
        folder.stage("features", INPUTS, Compute({"x": np.array([{}], dtype=object)}))
    assert names(tmp_path) == []


def test_layers_with_odd_names_get_files_of_their_own(tmp_path):
    arrays = {"a/b": np.zeros(1), "a b": np.ones(1), "../c": np.full(1, 2.0), "Lớp": np.full(1, 3.0)}
    run_stage(tmp_path, arrays=arrays)
    assert run_stage(tmp_path, arrays=arrays)
    assert len(names(tmp_path)) == 5


# ---- files


def test_the_same_values_are_the_same_bytes(tmp_path):
    for run in ("a", "b"):
        with RunFolder(tmp_path / run) as folder:
            folder.save_arrays("x.npz", ARRAYS)
            folder.save_table("samples.parquet", {"id": ["a", "b"], "x": np.array([1.0, np.nan])})
            folder.save_json("j.json", {"b": 1, "a": [1, 2]})
            folder.stage("features", INPUTS, Compute())
            folder.finish({"seed": 0})
    assert names(tmp_path / "a") == names(tmp_path / "b")
    assert all(
        (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes() for name in names(tmp_path / "a")
    )


def test_numpy_reads_what_we_write(tmp_path):
    with RunFolder(tmp_path) as folder:
        folder.save_arrays("x.npz", ARRAYS)
        folder.save_array("y.npy", ARRAYS["cnn"])
    with np.load(tmp_path / "x.npz") as archive:
        assert all(np.array_equal(archive[key], array) for key, array in ARRAYS.items())
    assert np.array_equal(np.load(tmp_path / "y.npy"), ARRAYS["cnn"])


def test_a_table_comes_back_with_its_types_and_gaps(tmp_path):
    columns = {
        "id": ["ravdess/01.wav", "broken \udc80 name"],
        "label": ["Sad", None],
        "right": np.array([True, False]),
        "x": np.array([0.5, np.nan], dtype=np.float32),
        "rank": np.array([3, 0]),
        "class": np.array(["Buồn", "Vui"], dtype=object),
    }
    with RunFolder(tmp_path) as folder:
        folder.save_table("samples.parquet", columns)
    table = pq.read_table(tmp_path / "samples.parquet")
    assert table.schema.metadata is None
    found = table.to_pydict()
    assert found["id"] == ["ravdess/01.wav", "broken \\udc80 name"]
    assert (found["label"], found["right"], found["rank"]) == (["Sad", None], [True, False], [3, 0])
    assert found["x"][0] == 0.5
    assert np.isnan(found["x"][1])
    assert [str(kind) for kind in table.schema.types] == ["string", "string", "bool", "float", "int64", "string"]
    assert found["class"] == ["Buồn", "Vui"]


def test_text_is_utf8_and_keeps_its_letters(tmp_path):
    with RunFolder(tmp_path) as folder:
        folder.save_text("report.md", "Phòng trọ Quận 10\n")
        folder.save_json("a.json", {"name": "Phòng \udc80"})
    assert (tmp_path / "report.md").read_text(encoding="utf-8") == "Phòng trọ Quận 10\n"
    assert "Phòng" in (tmp_path / "a.json").read_text(encoding="utf-8")
    assert json.loads((tmp_path / "a.json").read_bytes()) == {"name": "Phòng \udc80"}


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_numbers_that_are_not_json_are_refused(tmp_path, bad):
    with RunFolder(tmp_path) as folder, pytest.raises(ValueError, match="JSON"):
        folder.save_json("a.json", {"x": bad})
    assert names(tmp_path) == []


def test_scores_lie_flat_with_n_interval_and_reason(tmp_path):
    scores = {
        "accuracy": Score(name="accuracy", value=0.71, n=123, low=0.62, high=0.78),
        "separation": Score(name="separation", value=None, n=1, reason="one query"),
    }
    with RunFolder(tmp_path) as folder:
        folder.save_scores(scores)
    assert json.loads((tmp_path / "scores.json").read_text()) == {
        "accuracy": 0.71,
        "accuracy_n": 123,
        "accuracy_low": 0.62,
        "accuracy_high": 0.78,
        "separation": None,
        "separation_n": 1,
        "separation_low": None,
        "separation_high": None,
        "separation_reason": "one query",
    }


def test_two_scores_may_not_share_a_flat_name():
    clash = {"recall": Score(name="recall", value=1.0, n=1), "recall_n": Score(name="recall_n", value=1.0, n=1)}
    with pytest.raises(AssertionError, match="recall_n"):
        flatten_scores(clash)


BAD_NAMES = [
    "",
    "/etc/x",
    "../x",
    "a/../x",
    "a//b",
    "./x",
    ".hidden",
    "a/.lock",
    "a\\b",
    "a\nb",
    "x" * 300,
    "a\0b",
    "a/",
]


@pytest.mark.parametrize("name", [*BAD_NAMES, "manifest.json"])
def test_names_stay_inside(tmp_path, name):
    with RunFolder(tmp_path / "run") as folder, pytest.raises(UsageError, match="can't be used"):
        folder.save_text(name, "x")
    assert names(tmp_path) == []


def test_a_link_that_leads_out_is_not_followed(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "run" / "features").symlink_to(tmp_path / "outside")
    with RunFolder(tmp_path / "run") as folder:
        for name in ("features/cnn.npy", "features/deeper/cnn.npy"):
            with pytest.raises(UsageError, match="no links out"):
                folder.save_array(name, np.ones(1))
    assert list((tmp_path / "outside").iterdir()) == []


@pytest.mark.parametrize(
    "text", ["", "..", "../../x", "a/b", "CNN layer", "Lớp", "x" * 300, ".hidden", "a\0", "dot.", "\x1b[31m"]
)
def test_a_safe_name_is_one_plain_step(text):
    name = safe_name(text)
    assert name.isascii()
    assert not set(name) & set("/\\\0\x1b ")
    assert 0 < len(name) < 100
    assert not name.startswith((".", "-"))
    assert name != safe_name(text + "!")
    assert name == text or safe_name(name) != name  # else a layer could be called what another one's file is called


@pytest.mark.parametrize(("one", "other"), [("Encoder", "encoder"), ("x-d6b96a97", "../x"), ("con", "CON")])
def test_names_differ_also_where_capitals_do_not_count(one, other):
    assert safe_name(one).lower() != safe_name(other).lower()


@pytest.mark.parametrize("text", ["con", "NUL", "aux.npy", "Lpt1"])
def test_names_that_some_systems_keep_for_themselves(text):
    assert safe_name(text).partition(".")[0].lower() not in ("con", "nul", "aux", "lpt1")


def test_using_the_folder_outside_its_block_is_our_mistake(tmp_path):
    with pytest.raises(RuntimeError):
        RunFolder(tmp_path).save_text("a", "b")


# ---- manifest


def test_the_manifest_names_every_file_with_its_checksum(tmp_path):
    for _ in range(2):
        with RunFolder(tmp_path) as folder:
            folder.stage("features", INPUTS, Compute())
            folder.save_text("report.md", "all is well")
            folder.finish({"seed": 3, "format_version": 99})
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert (manifest["format"], manifest["format_version"], manifest["seed"]) == ("latentscape run", 1, 3)
    assert sorted([*manifest["checksums"], "manifest.json"]) == names(tmp_path)
    assert all(hash_file(tmp_path / name) == sha256 for name, sha256 in manifest["checksums"].items())


def test_an_unfinished_run_has_no_manifest(tmp_path):
    with RunFolder(tmp_path) as folder:
        folder.save_text("report.md", "first")
        folder.finish({})
    with pytest.raises(KeyboardInterrupt), RunFolder(tmp_path) as folder:
        folder.save_text("report.md", "second")
        raise KeyboardInterrupt
    assert names(tmp_path) == ["report.md"]


def test_looking_without_writing_keeps_the_manifest(tmp_path):
    with RunFolder(tmp_path) as folder:
        folder.stage("features", INPUTS, Compute())
        folder.finish({})
    with RunFolder(tmp_path) as folder:
        folder.stage("features", INPUTS, Compute())
        assert (tmp_path / "manifest.json").exists()
        folder.save_text("report.md", "new")
        assert not (tmp_path / "manifest.json").exists()


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"name": "web app"}', '{"format": "latentscape run", "format_version": 2}']
)
def test_a_manifest_that_is_not_ours_is_never_replaced(tmp_path, text):
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(UsageError, match="--output"), RunFolder(tmp_path):
        pass
    assert (tmp_path / "manifest.json").read_text() == text
    (tmp_path / "manifest.json").unlink()
    with RunFolder(tmp_path):
        pass


# ---- the folder itself


def test_the_users_own_files_are_left_alone(tmp_path):
    own = {
        "checkpoint.pt": b"weights",
        "logs/events.1": b"log",
        "features/notes.txt": b"mine",
        ".latentscape-mine": b"x",
    }
    for name, data in own.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    before = {name: (tmp_path / name).stat().st_mtime_ns for name in own}
    for _ in range(2):
        with RunFolder(tmp_path) as folder:
            folder.stage("features", INPUTS, Compute())
            folder.save_text("report.md", "x")
            folder.finish({})
    assert {name: (tmp_path / name).read_bytes() for name in own} == own
    assert {name: (tmp_path / name).stat().st_mtime_ns for name in own} == before


@pytest.mark.parametrize("path", ["/", "//", "/.", "/tmp/..", "", "a\0b", "x" * 300])
def test_paths_that_cannot_be_a_run_folder(path):
    with pytest.raises(UsageError), RunFolder(path):
        pass


def test_a_file_cannot_be_a_run_folder(tmp_path):
    (tmp_path / "a").write_text("x")
    for path in (tmp_path / "a", tmp_path / "a" / "b"):
        with pytest.raises(UsageError, match="--output"), RunFolder(path):
            pass
    assert (tmp_path / "a").read_text() == "x"


def test_a_link_to_nowhere_cannot_be_a_run_folder(tmp_path):
    (tmp_path / "a").symlink_to(tmp_path / "b")
    with pytest.raises(UsageError, match="--output"), RunFolder(tmp_path / "a"):
        pass


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written(tmp_path):
    tmp_path.chmod(0o500)
    for path in (tmp_path, tmp_path / "new"):
        with pytest.raises(ResourceError, match="--output"), RunFolder(path):
            pass


def test_a_folder_on_a_read_only_disk(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(disk.os, "open", refuse)
    with pytest.raises(ResourceError, match="Read-only"), RunFolder(tmp_path):
        pass


# ---- one writer


def test_a_second_writer_is_told_who_the_first_is(tmp_path):
    with RunFolder(tmp_path), pytest.raises(BusyError, match=f"process {os.getpid()} on "), RunFolder(tmp_path):
        pass
    with RunFolder(tmp_path):
        pass


@pytest.mark.slow
def test_of_many_that_start_at_once_one_wins(tmp_path):
    for _ in range(20):
        start, done, won, busy = threading.Barrier(6), threading.Barrier(6), [], []

        def race(start=start, done=done, won=won, busy=busy):
            start.wait()
            folder = RunFolder(tmp_path)
            try:
                folder.__enter__()
            except BusyError:
                busy.append(1)
            else:
                won.append(folder)
            done.wait()

        threads = [threading.Thread(target=race) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (len(won), len(busy)) == (1, 5)
        won[0].__exit__(None, None, None)


KILLED = """
import os, signal, sys
from latentscape import disk
from latentscape.store import RunFolder
with RunFolder(sys.argv[1]) as folder:
    folder.save_text("a/first.md", "whole")
    disk.os.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
    folder.save_text("a/second.md", "lost")
"""


def test_after_a_kill_the_folder_is_free_whole_and_clean(tmp_path):
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False)
    assert done.returncode == -9
    assert [each.suffix for each in (tmp_path / "a").iterdir() if each.name.startswith(".")] == [".tmp"]
    with RunFolder(tmp_path):
        assert names(tmp_path) == ["a/first.md"]


# ---- faults


def write_everything(path):
    with RunFolder(path) as folder:
        folder.stage("features", INPUTS, Compute())
        folder.stage("neighbors/cnn", INPUTS, Compute())
        folder.save_table("samples.parquet", {"id": ["a"]})
        folder.save_scores({"mrr": Score(name="mrr", value=0.5, n=2)})
        folder.save_bytes("map.png", b"picture")
        folder.finish({"seed": 0})


@pytest.mark.parametrize("forever", [False, True], ids=["once", "for ever"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("call", ["write", "fsync", "replace"])
def test_a_fault_anywhere_ends_in_6_and_the_next_run_is_whole(tmp_path, monkeypatch, call, code, forever):
    write_everything(tmp_path / "reference")
    expected = {name: (tmp_path / "reference" / name).read_bytes() for name in names(tmp_path / "reference")}
    at, n_faults = 1, 0
    while True:
        run = tmp_path / f"run{at}"
        with monkeypatch.context() as patch:
            patch.setattr(disk.os, call, break_at(getattr(os, call), code, at=at, forever=forever))
            try:
                write_everything(run)
            except LatentscapeError as error:
                assert error.exit_code == 6
                n_faults += 1
            else:
                break
        left = names(run) if run.exists() else []
        assert all((run / name).read_bytes() == expected[name] for name in left)
        write_everything(run)
        assert {name: (run / name).read_bytes() for name in names(run)} == expected
        at += 3
    assert n_faults >= 3


def break_at(call, code, *, at, forever):
    uses = 0

    def fail(*arguments):
        nonlocal uses
        uses += 1
        if uses == at or (forever and uses > at):
            raise OSError(code, os.strerror(code))
        return call(*arguments)

    return fail


def test_a_table_for_spreadsheets_runs_no_formula(tmp_path):
    with RunFolder(tmp_path / "run") as folder:
        folder.save_csv("t.csv", {"id": ["=1+1", "-x", 'a,"b"', "Phòng"], "n": [-1, 2.5, None, "+"]})
    with (tmp_path / "run" / "t.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert rows == [["id", "n"], ["'=1+1", "-1"], ["'-x", "2.5"], ['a,"b"', ""], ["Phòng", "'+"]]


def test_what_is_saved_can_be_read_before_the_manifest_is_there(tmp_path):
    manifest = {"study": "map", "files": ("scores.json",)}
    with RunFolder(tmp_path) as folder:
        folder.save_json("scores.json", {"x": 1})
        run = folder.as_run(manifest)
        assert run.study == "map" and run.read_scores() == {"x": 1}
        assert not (tmp_path / "manifest.json").exists()
        folder.finish(manifest)
    assert run_reader.open_run(tmp_path).manifest == run.manifest
