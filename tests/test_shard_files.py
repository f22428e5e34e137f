"""Shards on the disk: whole, of the same inputs and the same plan, or not there."""

import json
import os
import sys

import numpy as np
import pytest
from pyarrow import fs

from latentscape.errors import DataError, ResourceError
from latentscape.interrupts import Patience
from latentscape.object_store import Place
from latentscape.shard_files import PLAN, LocalHome, ShardFolder, read_begun
from latentscape.shard_objects import ObjectHome
from latentscape.store import RunFolder

INPUTS = {"checkpoint": "ab12", "seed": 0, "layers": {"cnn": "0"}}
PLAN_VALUES = {"batch_size": 8, "backoffs": [[3, 4]], "reason": "Phòng"}


open_home = LocalHome


def make_object_home(folder):
    return ObjectHome(Place(uri=f"s3://bucket/{folder.name}", filesystem=fs.LocalFileSystem(), path=str(folder)))


@pytest.fixture(params=[LocalHome, ObjectHome], autouse=True)
def kind(request, monkeypatch):
    """Everything here holds in a folder and in an object store."""
    make = LocalHome if request.param is LocalHome else make_object_home
    monkeypatch.setattr(sys.modules[__name__], "open_home", make)
    return request.param


def arrays(at):
    return {"rows": np.arange(at, at + 4), "layer/0": np.full((4, 3), at, dtype=np.float32), "none": np.empty((0, 2))}


def begin(folder, inputs=INPUTS):
    return ShardFolder(open_home(folder / "shards" / "features"), inputs, patience=Patience())


def fill(folder, *ends):
    shards, start = begin(folder), 0
    shards.save_plan(PLAN_VALUES)
    for end in ends:
        shards.save(range(start, end), arrays(start))
        start = end
    return shards


def found(folder, inputs=INPUTS):
    return [batches for batches, _ in begin(folder, inputs).load()]


def files(folder):
    return sorted(path.name for path in (folder / "shards" / "features").iterdir())


def test_what_is_saved_comes_back_in_another_process_as_it_was(tmp_path):
    fill(tmp_path, 8, 9, 20)
    shards = begin(tmp_path)
    assert shards.load_plan() == PLAN_VALUES
    for (batches, kept), expected in zip(shards.load(), [range(8), range(8, 9), range(9, 20)], strict=True):
        assert batches == expected
        for name, array in arrays(batches.start).items():
            assert kept[name].dtype == array.dtype
            assert np.array_equal(kept[name], array)


def test_nothing_was_begun(tmp_path):
    shards = begin(tmp_path)
    assert (shards.load_plan(), list(shards.load())) == (None, [])
    shards.clear()
    assert list(tmp_path.iterdir()) == []


def test_a_shard_needs_a_plan(tmp_path):
    with pytest.raises(AssertionError, match="plan"):
        begin(tmp_path).save(range(1), arrays(0))


def test_a_new_plan_of_the_same_inputs_keeps_the_shards(tmp_path):
    shards = fill(tmp_path, 8)
    shards.save_plan(PLAN_VALUES | {"backoffs": []})
    shards.save(range(8, 9), arrays(8))
    assert begin(tmp_path).load_plan()["backoffs"] == []
    assert found(tmp_path) == [range(8), range(8, 9)]


def test_after_clear_old_shards_are_never_read_even_where_removing_them_was_cut_short(tmp_path, monkeypatch, kind):
    shards = fill(tmp_path, 8, 16)
    remove = kind.remove
    monkeypatch.setattr(kind, "remove", lambda home, name: name == PLAN and remove(home, name))
    shards.clear()
    assert len(files(tmp_path)) == 2
    shards.save_plan(PLAN_VALUES)
    assert found(tmp_path) == []


@pytest.mark.parametrize("other", [INPUTS | {"seed": 1}, INPUTS | {"more": None}, {}])
def test_other_inputs_find_nothing_and_their_plan_removes_what_was_there(tmp_path, other):
    fill(tmp_path, 8)
    assert (begin(tmp_path, other).load_plan(), found(tmp_path, other)) == (None, [])
    begin(tmp_path, other).save_plan({})
    assert files(tmp_path) == [PLAN]
    assert begin(tmp_path).load_plan() is None


def damage(path, how):
    data = path.read_bytes()
    path.unlink()
    if how == "folder":
        path.mkdir()
    elif how == "pipe":
        os.mkfifo(path)
    elif how == "link":
        path.with_name("elsewhere").write_bytes(data)
        path.symlink_to("elsewhere")
    elif how == "one bit":
        path.write_bytes(data[:-9] + bytes([data[-9] ^ 1]) + data[-8:])
    elif how != "missing":
        changed = {"empty": b"", "cut": data[:-2], "longer": data + b"x", "no header": data[9:], "deep": b"[" * 99999}
        path.write_bytes(changed[how])


DAMAGES = ["missing", "empty", "cut", "longer", "one bit", "no header", "deep", "folder", "pipe", "link"]


@pytest.mark.parametrize("how", DAMAGES)
def test_a_damaged_shard_is_a_gap_and_is_replaced(tmp_path, how, kind):
    if how == "link" and kind is ObjectHome:
        pytest.skip("no store has links")
    fill(tmp_path, 8, 16, 24)
    path = tmp_path / "shards" / "features" / "000008-000016.shard"
    damage(path, how)
    assert found(tmp_path) == [range(8), range(16, 24)]
    if how in ("folder", "pipe"):  # what stands in the way for a folder
        path.rmdir() if how == "folder" else path.unlink()
    begin(tmp_path).save(range(8, 12), arrays(8))
    assert found(tmp_path) == [range(8), range(8, 12), range(16, 24)]
    names = ["000000-000008.shard", "000008-000012.shard", "000016-000024.shard"]
    assert [name for name in files(tmp_path) if name.endswith(".shard")] == names


@pytest.mark.parametrize("how", DAMAGES)
def test_a_damaged_plan_is_no_plan(tmp_path, how, kind):
    if how == "link" and kind is ObjectHome:
        pytest.skip("no store has links")
    fill(tmp_path, 8)
    damage(tmp_path / "shards" / "features" / PLAN, how)
    assert (begin(tmp_path).load_plan(), found(tmp_path)) == (None, [])


@pytest.mark.parametrize(
    "change", [{"plan": {}}, {"series": "x"}, {"inputs": {}}, {"format": "x"}, {"more": 1}, {"plan": 5}]
)
def test_a_plan_somebody_wrote_into_is_no_plan(tmp_path, change):
    fill(tmp_path, 8)
    path = tmp_path / "shards" / "features" / PLAN
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    assert read_begun(open_home(path.parent)) is None


@pytest.mark.parametrize(
    "name", ["000016-000024.shard", "000008-000024.shard", "000007-000015.shard", "000008-000008.shard"]
)
def test_a_shard_under_another_name_is_not_read(tmp_path, name):
    fill(tmp_path, 8, 16)
    folder = tmp_path / "shards" / "features"
    (folder / "000008-000016.shard").rename(folder / f"{name}.shard")
    assert found(tmp_path) == [range(8)]


def test_what_is_read_otherwise_now_is_forgotten(tmp_path):
    shards = fill(tmp_path, 8, 16, 24)
    shards.forget(12)
    assert found(tmp_path) == [range(8)]


def test_no_pickle_is_opened(tmp_path):
    shards = fill(tmp_path, 8)
    with pytest.raises(ValueError, match="Object arrays"):
        shards.save(range(8, 9), {"x": np.array([{}], dtype=object)})
    assert found(tmp_path) == [range(8)]


def test_clear_removes_what_is_ours_and_nothing_else(tmp_path):
    shards = fill(tmp_path, 8)
    mine = tmp_path / "shards" / "features" / "notes.shard"
    mine.write_text("mine")
    shards.clear()
    assert files(tmp_path) == ["notes.shard"]
    mine.unlink()
    shards.clear()
    assert not mine.parent.exists()


def test_a_disk_without_room_is_told_before_the_work(tmp_path, kind):
    begin(tmp_path).require_space(1)
    if kind is ObjectHome:  # nobody knows how much room there is
        begin(tmp_path).require_space(10**18)
        return
    with pytest.raises(ResourceError, match=r"it needs .* MB more") as caught:
        begin(tmp_path).require_space(10**18)
    assert caught.value.fault == "disk-full"


def test_a_shard_says_whether_somebody_waits(tmp_path):
    shards = begin(tmp_path)
    assert not shards.stopping
    shards.stop()


class Deaf:
    """A store that can't be reached any more."""

    type_name = "s3"

    def __getattr__(self, name):
        def fail(*_, **__):
            raise OSError(self.reason)

        return fail

    def __init__(self, reason):
        self.reason = reason


@pytest.mark.parametrize(("reason", "fault"), [("curlCode: 7", "disk-broken"), ("ACCESS_DENIED", "disk-forbidden")])
def test_a_store_that_does_not_answer_is_no_empty_one(tmp_path, kind, reason, fault):
    if kind is LocalHome:
        pytest.skip("of stores")
    home = ObjectHome(Place(uri="s3://bucket/x", filesystem=Deaf(reason), path="bucket/x"))
    for ask in (
        home.list_names,
        home.leave,
        lambda: home.read(PLAN),
        lambda: ShardFolder(home, {}, patience=Patience()),
    ):
        with pytest.raises(DataError, match="can't reach s3://bucket/x") as caught:
            ask()
        assert caught.value.fault == "store-access"
    with pytest.raises(ResourceError, match="can't be written") as caught:
        home.write("a", b"1")
    assert caught.value.fault == fault


def test_of_two_runs_over_one_place_the_slower_finds_its_shards_gone_and_says_nothing(tmp_path):
    first, second = fill(tmp_path, 8), begin(tmp_path)
    first.clear()
    assert list(second.load()) == []
    second.clear()


def test_shards_in_a_place_of_their_own_are_found_by_another_run_folder(tmp_path):
    uri = (tmp_path / "store").as_uri()
    with RunFolder(tmp_path / "a", shards=uri) as run:
        shards = run.shards("features", INPUTS, Patience())
        shards.save_plan(PLAN_VALUES)
        shards.save(range(8), arrays(0))
        assert not (tmp_path / "a" / "shards").exists()
    with RunFolder(tmp_path / "b", shards=uri, resume=True) as run:  # the machine of the first is gone
        assert run.shards("features", {**INPUTS, "seed": 1}, Patience()).load_plan() is None
        assert [batches for batches, _ in run.shards("features", INPUTS, Patience()).load()] == [range(8)]
        run.shards("features", INPUTS, Patience()).clear()
    assert list((tmp_path / "store").iterdir() if (tmp_path / "store").exists() else []) == []
    with RunFolder(tmp_path / "c", shards=uri, resume=False) as run:
        assert run.shards("features", INPUTS, Patience()).load_plan() is None
